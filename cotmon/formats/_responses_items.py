"""Items of OpenAI's Responses interface into a transcript."""

from __future__ import annotations

from typing import Any

from cotmon.errors import FormatError
from cotmon.formats._builder import Builder, Turn
from cotmon.formats._chat_messages import ChatWriter
from cotmon.formats._content import text_of, without_ciphers
from cotmon.formats._decoding import canonical, decode
from cotmon.formats._spellings import Thinker

CALLS = frozenset({
    "function_call", "custom_tool_call", "web_search_call", "file_search_call", "computer_call",
    "code_interpreter_call", "image_generation_call", "local_shell_call", "shell_call",
    "apply_patch_call", "mcp_call", "mcp_approval_request", "tool_search_call", "program",
})  # fmt: skip
OUTPUTS = frozenset({
    "function_call_output", "custom_tool_call_output", "computer_call_output", "program_output",
    "local_shell_call_output", "shell_call_output", "apply_patch_call_output",
    "mcp_approval_response", "tool_search_output",
})  # fmt: skip
_COMPACTIONS = frozenset({"compaction", "compaction_summary", "context_compaction"})
OTHERS = frozenset({"reasoning", "item_reference", "mcp_list_tools", *_COMPACTIONS})
_ARGUMENTS = ("arguments", "input", "code", "action", "operation", "queries")
_RESULTS = ("output", "outputs", "result", "results", "tools", "error", "approve")
_KEPT_OUT = frozenset({
    "id", "type", "status", "call_id", "name", "server_label", "fingerprint", "caller", *_RESULTS,
})  # fmt: skip


def is_item(value: Any) -> bool:
    """Whether this is one item; a message has a type here, or only a role."""
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    if isinstance(kind, str) and (kind in CALLS or kind in OUTPUTS or kind in OTHERS):
        return True
    return "role" in value and "content" in value and kind in ("message", None)


def key_of(item: Any) -> str:
    """The same for an item wherever it is repeated."""
    if not isinstance(item, dict):
        return canonical(item)
    kind = item.get("type") or "message"
    if item.get("call_id"):
        return f"{kind} {item['call_id']}"
    kept = {
        k: v for k, v in item.items() if v not in (None, [], "") and k not in ("status", "type")
    }
    return f"{kind} {canonical(kept)}"


class ItemWriter:
    """Puts items into a builder, one after the other.

    What a module thinks, says and calls without an answer in between is one generation, and so
    one turn, named after its first item.
    """

    def __init__(self, builder: Builder, line: int | None = None, agent: str = "agent") -> None:
        self._builder, self._line = builder, line
        self._chat = ChatWriter(builder, line)
        self._root = self._agent = agent
        self._parents: dict[str, str] = {}
        self._open: Turn | None = None
        self._seen: set[str] = set()

    def close(self) -> None:
        """Says what was strange."""
        self._chat.close()

    def add(self, item: Any, agent: str | None = None) -> None:
        """One item, of a named agent where the source says it."""
        if not isinstance(item, dict):
            self._chat.add(item)
            return
        if agent is not None:
            self._agent = agent
        kind = item.get("type")
        kind = kind if isinstance(kind, str) else "message"
        if isinstance(item.get("id"), str) and kind != "item_reference":
            self._seen.add(item["id"])
        if kind == "reasoning":
            self._reason(item)
        elif kind in OUTPUTS or kind.endswith("_output"):
            self._output(item)
        elif kind in CALLS or kind.endswith("_call"):
            self._call(item, kind)
        elif kind == "message" or "role" in item:
            self._message(item)
        else:
            self._other(item, kind)

    def _generation(self, item: dict[str, Any]) -> Turn:
        if self._open is None or self._open.module != self._agent:
            own = item.get("id") if isinstance(item.get("id"), str | int) else None
            parent = self._parents.get(self._agent) if self._agent != self._root else None
            self._open = self._builder.turn(self._agent, own, parent=parent)
        return self._open

    def _reason(self, item: dict[str, Any]) -> None:
        turn = self._generation(item)
        if not Thinker(turn).block(item):
            turn.hidden("missing", "reasoning whose text the log does not hold")

    def _message(self, item: dict[str, Any]) -> None:
        if item.get("role") == "assistant":
            self._chat.speak(self._generation(item), item)
        else:
            self._open = None
            self._chat.add(item)

    def _call(self, item: dict[str, Any], kind: str) -> None:
        call_id = _id(item, "call_id", "id")
        approved = _id(item, "approval_request_id")
        turn = self._generation(item)
        if approved is None or approved not in self._builder.calls:
            turn.action(called(item, kind), _arguments(item), call_id)
        self._answer(turn, item, approved or call_id)

    def _answer(self, turn: Turn, item: dict[str, Any], call_id: str | None) -> None:
        """What a call that the provider ran itself carries of its result."""
        held = [item[k] for k in _RESULTS if item.get(k) not in (None, [], "")]
        if not held:
            return
        own = self._builder.turn(self._builder.tool_of(call_id), turn.id, go_on=True)
        if item.get("type") == "image_generation_call":
            self._drop(own, "an image that was generated")
            return
        for value in held:
            self._observe(own, value, call_id)

    def _output(self, item: dict[str, Any]) -> None:
        call_id = _id(item, "call_id", "approval_request_id", "id")
        own = item.get("id") if isinstance(item.get("id"), str | int) else None
        turn = self._builder.turn(self._builder.tool_of(call_id), own)
        for value in (item[k] for k in _RESULTS if item.get(k) not in (None, [], "")):
            self._observe(turn, value, call_id)
        self._open = None
        self._hand_over(item, call_id)

    def _observe(self, turn: Turn, value: Any, call_id: str | None) -> None:
        text, media = text_of(value)
        turn.observation(text, call_id)
        for block in media:
            self._drop(turn, f"{block.get('type')}: no text to read")

    def _drop(self, turn: Turn, reason: str) -> None:
        self._builder.gap("dropped", reason, line=self._line, where=turn.id)

    def _hand_over(self, item: dict[str, Any], call_id: str | None) -> None:
        """After `transfer_to_…` another agent speaks, started by that call."""
        if call_id is None or not self._builder.tools.get(call_id, "").startswith("transfer_to_"):
            return
        name = _assistant(item.get("output"))
        if name is not None:
            self._parents.setdefault(name, self._builder.calls[call_id])
            self._agent = name

    def _other(self, item: dict[str, Any], kind: str) -> None:
        if kind in _COMPACTIONS:
            self._builder.gap("encrypted", "a compacted context that only the provider can read")
        elif kind == "item_reference":
            if item.get("id") not in self._seen:
                reason = f"refers to item {item.get('id')!r}, which the log does not hold"
                self._builder.gap("missing", reason, line=self._line)
        elif kind == "mcp_list_tools":
            self._builder.metadata.setdefault(kind, []).append(item)
        elif kind == "agent_message":
            self._handed(item)
        elif kind != "compaction_trigger":
            turn = self._generation(item)
            turn.text(canonical(without_ciphers(item)))
            reason = f"an item of unknown type {kind!r}; kept as it is"
            self._builder.gap("replaced", reason, line=self._line, where=turn.id)

    def _handed(self, item: dict[str, Any]) -> None:
        """What another agent sent."""
        self._open = None
        author = item.get("author")
        sender = author if isinstance(author, str) and author else "agent"
        turn = self._builder.turn(f"agent {sender}", item.get("id"))
        texts, sealed = message_of(item.get("content"))
        for text in texts:
            turn.observation(text)
        if sealed:
            self._builder.gap("encrypted", SEALED, line=self._line, where=turn.id, count=sealed)


SEALED = "a message of another agent that only the provider can read"


def message_of(content: Any) -> tuple[list[str], int]:
    """What one agent says to another: the texts, and how many parts are ciphertext."""
    parts = content if isinstance(content, list) else [content]
    sealed = [p for p in parts if isinstance(p, dict) and p.get("type") == "encrypted_content"]
    texts = (text_of(part)[0] for part in parts if part not in sealed)
    return [text for text in texts if text], len(sealed)


def called(item: dict[str, Any], kind: str) -> str:
    """The tool's name with its namespace (`crm.lookup`), else what kind of call it is."""
    name, space = item.get("name"), item.get("namespace")
    name = name if isinstance(name, str) and name else kind.removesuffix("_call")
    return f"{space}.{name}" if isinstance(space, str) and space else name


def _arguments(item: dict[str, Any]) -> Any:
    for key in _ARGUMENTS:
        if item.get(key) is not None:
            return item[key]
    return {k: v for k, v in item.items() if k not in _KEPT_OUT}


def _id(item: dict[str, Any], *keys: str) -> str | None:
    found = (item[k] for k in keys if isinstance(item.get(k), str | int) and item[k] != "")
    value = next(found, None)
    return None if value is None else str(value)


def _assistant(output: Any) -> str | None:
    """The agent that a handoff's output names, as the Agents SDK writes it."""
    if not isinstance(output, str):
        return None
    try:
        value = decode(output.encode("utf-8", "replace"))[0]
    except FormatError:
        return None
    name = value.get("assistant") if isinstance(value, dict) else None
    return name if isinstance(name, str) and name else None
