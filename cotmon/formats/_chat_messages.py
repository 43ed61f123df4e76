"""Messages of a chat into a transcript: roles to modules, fields and parts to channels."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cotmon.errors import FormatError
from cotmon.formats import _think_tags
from cotmon.formats._builder import Builder, Turn
from cotmon.formats._content import Part, parts_of, text_of
from cotmon.formats._conversations import Conversation
from cotmon.formats._decoding import canonical, decode
from cotmon.formats._prompt_calls import calls_in, is_result, tool_named
from cotmon.formats._spellings import SPELLINGS, WRAPPINGS, Thinker

_READ = SPELLINGS | {
    "role", "content", "id", "name", "tool_calls", "tool_call_id", "function_call", "refusal",
    "type", "call_id", "output", "error", "tool_call", "tool_name", *WRAPPINGS,
}  # fmt: skip
_SILENT = frozenset({
    "timestamp", "created_at", "time", "model", "usage", "metadata", "extra", "stop_reason",
    "finish_reason", "stop_sequence", "cache_control", "status", "index", "object", "signature",
})  # fmt: skip
_BRIEF = {"system": "system", "developer": "system", "user": "user", "human": "user"}
_AGENT = frozenset({"assistant", "ai", "model", "agent", "bot", "gpt"})
_TOOL = frozenset({"tool", "function", "ipython", "environment", "observation"})


def write_conversation(builder: Builder, found: Conversation, line: int | None = None) -> None:
    """All messages of a conversation that stood at a line; nothing in it makes this fail."""
    writer = ChatWriter(builder, line)
    first = found.messages[0] if found.messages else None
    if found.system and not (isinstance(first, dict) and first.get("content") == found.system):
        writer.add({"role": "system", "content": found.system})
    for message in found.messages:
        writer.add(message)
    for k, message in enumerate(found.others, start=1):
        writer.add(message, branch=f"choice {k}")
    writer.close()


class ChatWriter:
    """Puts messages of a chat into a builder, one after the other."""

    def __init__(self, builder: Builder, line: int | None = None) -> None:
        self._builder, self._line = builder, line
        self._strange: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()
        self._count = 0
        self._spoken = False
        self._last_call: str | None = None

    def close(self) -> None:
        """Says which roles were no chat roles, and which keys were not read."""
        for role, count in self._strange.items():
            reason = f"role {role!r} is not a chat role; read as a module of that name"
            self._builder.gap("replaced", reason, line=self._line, count=count)
        if self._unread:
            reason = f"keys of messages that are not read: {', '.join(sorted(self._unread))}"
            self._builder.gap("dropped", reason, line=self._line, count=self._unread.total())

    def add(self, message: Any, branch: str | None = None) -> None:
        """One message, whatever its role."""
        self._count += 1
        if not isinstance(message, dict):
            reason = f"a message that is no object: {canonical(message)[:80]}"
            where = f"message {self._count}"
            self._builder.gap("broken", reason, line=self._line, where=where)
            return
        self._count_unread(message, "")
        for key in WRAPPINGS:
            if isinstance(message.get(key), dict):
                self._count_unread(message[key], f"{key}.")
        role = message.get("role")
        role = role.lower() if isinstance(role, str) and role else "unknown"
        turn_id = message["id"] if isinstance(message.get("id"), str | int) else None
        if role in _TOOL:
            self._result(message, turn_id, branch)
        elif role in _BRIEF:
            self._brief(message, _BRIEF[role], turn_id, branch)
        else:
            self._speech(message, role, turn_id, branch)

    def _count_unread(self, held: dict[str, Any], within: str) -> None:
        for key in held.keys() - _READ - _SILENT:
            if isinstance(held[key], str | list | dict) and held[key]:
                self._unread[f"{within}{key}"] += 1

    def _brief(self, message: dict[str, Any], who: str, turn_id: Any, branch: str | None) -> None:
        parts = list(parts_of(message.get("content")))
        first = next((p.value for p in parts if p.kind == "text"), "")
        if who == "user" and self._spoken and is_result(first):
            name = tool_named(first) or self._last_call
            turn = self._turn(f"tool {name}" if name else "tool", turn_id, branch)
            write = turn.observation
        else:
            turn = self._turn(who, turn_id, branch)
            write = turn.brief
        for part in parts:
            if part.kind == "media":
                self._drop(turn, part.value)
            elif part.kind == "result":
                self._block_result(turn, part.value)
            else:
                write(part.value if part.kind == "text" else canonical(part.value))

    def _turn(self, module: str, turn_id: Any, branch: str | None) -> Turn:
        return self._builder.turn(module, turn_id, branch=branch)

    def _result(self, message: dict[str, Any], turn_id: Any, branch: str | None) -> None:
        call_id = _call_id(message, "tool_call_id", "call_id")
        turn = self._turn(self._tool(message, call_id), turn_id, branch)
        self._observe(turn, message, call_id)

    def _block_result(self, turn: Turn, block: dict[str, Any]) -> None:
        """A result among the blocks of another message: its own module, the same turn."""
        call_id = _call_id(block, "tool_use_id", "call_id")
        module = self._tool(block, call_id)
        own = self._builder.turn(module, turn.id, branch=turn.branch, go_on=True)
        self._observe(own, block, call_id)

    def _tool(self, message: dict[str, Any], call_id: str | None) -> str:
        """Module of a result: by its call, else by the name it carries."""
        module = self._builder.tool_of(call_id)
        if module != "tool":
            return module
        call = message.get("tool_call")
        called = call.get("function") if isinstance(call, dict) else None
        names = (message.get("name"), message.get("tool_name"), called)
        name = next((n for n in names if isinstance(n, str) and n), None)
        return f"tool {name}" if name else module

    def _observe(self, turn: Turn, message: dict[str, Any], call_id: str | None) -> None:
        for key in ("content", "output", "error"):
            text, media = text_of(message.get(key))
            turn.observation(text, call_id)
            for block in media:
                self._drop(turn, block)

    def _speech(self, message: dict[str, Any], role: str, turn_id: Any, branch: str | None) -> None:
        module = role
        if role in _AGENT:
            name = message.get("name")
            module = name if isinstance(name, str) and name else "agent"
            self._spoken = True
        else:
            self._strange[role] += 1
        self.speak(self._turn(module, turn_id, branch), message)

    def speak(self, turn: Turn, message: dict[str, Any]) -> None:
        """What a module thought, said and did in one message, into its turn."""
        thinker = Thinker(turn)
        thinker.fields(message)
        called: set[str] = set()
        said: list[str] = []
        for part in parts_of(message.get("content")):
            self._part(turn, thinker, part, called, said)
        if isinstance(message.get("refusal"), str):
            turn.text(message["refusal"])
        if isinstance(message.get("audio"), dict):
            turn.text(text_of(message["audio"].get("transcript"))[0])
        self._calls(turn, message, called)
        self._last_call = None
        if not called:  # no calling interface: calls may stand in the text
            for name, arguments in (call for text in said for call in calls_in(text)):
                turn.action(name, arguments)
                self._last_call = name

    def _part(
        self, turn: Turn, thinker: Thinker, part: Part, called: set[str], said: list[str]
    ) -> None:
        if part.kind == "text":
            said += _say(turn, thinker, part.value)
        elif part.kind == "reasoning":
            thinker.block(part.value)
        elif part.kind == "call":
            self._call(turn, part.value, called)
        elif part.kind == "result":
            self._block_result(turn, part.value)
        else:
            self._drop(turn, part.value)

    def _calls(self, turn: Turn, message: dict[str, Any], called: set[str]) -> None:
        calls = _decoded(message.get("tool_calls"))
        for call in calls if isinstance(calls, list) else [calls]:
            if call is not None and call != "":
                self._call(turn, call, called)
        legacy = message.get("function_call")
        if legacy:
            self._call(turn, legacy, called)

    def _call(self, turn: Turn, call: Any, called: set[str]) -> None:
        """One tool call; the same one in `tool_calls` and among the blocks is written once."""
        if not isinstance(call, dict):
            turn.action("tool", call)
            called.add("")
            return
        call_id = _call_id(call, "call_id", "id", "tool_use_id", "tool_call_id")
        if call_id is not None and call_id in called:
            return
        name, arguments = name_and_arguments(call)
        called.add(call_id or "")
        turn.action(name, arguments, call_id)

    def _drop(self, turn: Turn, block: dict[str, Any]) -> None:
        kind = str(block.get("type", "media"))
        self._builder.gap(
            "dropped", f"{kind}: no text to read", line=self._line, where=turn.id
        )  # fmt: skip


def _say(turn: Turn, thinker: Thinker, text: str) -> list[str]:
    """Writes a text, what stands in think tags as reasoning; gives back what was said."""
    pieces = _think_tags.split(text)
    if pieces == [("text", text)]:
        turn.text(text)
        return [text]
    said: list[str] = []
    for kind, piece in pieces:
        if not piece.strip():
            continue  # line breaks around the tags
        if kind == "reasoning":
            thinker.tagged(piece)
        else:
            turn.text(piece)
            said.append(piece)
    return said


def name_and_arguments(call: dict[str, Any]) -> tuple[str, Any]:
    """Tool name and arguments of a call, in any of the shapes providers write."""
    inner = call.get("function") or call.get("custom") or call.get(str(call.get("type", "")))
    body = inner if isinstance(inner, dict) else call
    names = (body.get("name"), body.get("tool_name"), inner, call.get("name"), call.get("tool"))
    name = next((n for n in names if isinstance(n, str) and n), "tool")
    for key in ("arguments", "args", "input", "parameters"):
        if key in body:
            return name, body[key]
    known = {"id", "type", "index", "name", "tool_name", "function"}
    return name, {k: v for k, v in body.items() if k not in known}


def _call_id(block: dict[str, Any], *keys: str) -> str | None:
    found = (block[k] for k in keys if isinstance(block.get(k), str | int) and block[k] != "")
    value = next(found, None)
    return None if value is None else str(value)


def _decoded(calls: Any) -> Any:
    """Some logs keep the list of calls as JSON text; what does not parse stays text."""
    if not isinstance(calls, str):
        return calls
    try:
        return decode(calls.encode("utf-8", "replace"))[0]
    except FormatError:
        return calls
