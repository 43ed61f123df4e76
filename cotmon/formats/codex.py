"""Codex: rollouts of every age, and what `codex exec --json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from cotmon.formats._builder import Builder, Turn
from cotmon.formats._codex_records import Record, records, strength
from cotmon.formats._decoding import canonical
from cotmon.formats._file import LogFile
from cotmon.formats._shapes import object_of, string_of
from cotmon.records import Gap, Provenance, Refusal, Source, Transcript

NAME = "codex"
_CONTEXT = (
    "<environment_context>", "<user_instructions>", "# AGENTS.md instructions", "<INSTRUCTIONS>",
    "<permissions instructions>", "<skill>", "<collaboration_mode>", "<model_switch>",
    "<personality", "<apps", "<user_action>", "<turn_aborted>",
)  # fmt: skip
"""How messages under the user's role begin that the client wrote."""
_GIVEN_BACK = ("<user_shell_command>", "<subagent_notification>")
_QUIET = frozenset({
    "token_count", "task_started", "task_complete", "turn_started", "turn_complete",
    "turn_aborted", "agent_reasoning_section_break", "session_configured", "turn_diff",
    "exec_command_output_delta", "thread_rolled_back", "context_compacted", "thread_name_updated",
    "background_event", "shutdown_complete", "agent_message_delta", "agent_reasoning_delta",
    "agent_reasoning_raw_content_delta", "agent_message_content_delta", "reasoning_content_delta",
    "reasoning_raw_content_delta", "item_started", "item_completed", "raw_response_item",
    "plan_update", "exec_approval_request", "apply_patch_approval_request", "mcp_startup_update",
    "mcp_startup_complete", "skills_update_available", "turn.started", "turn.completed",
    "item.updated", "entered_review_mode", "patch_apply_updated",
})  # fmt: skip
"""Events without a text of their own: counts, limits, and bits of what comes whole later."""


class _Format:
    title = "a Codex rollout"

    def sniff(self, file: LogFile) -> int:
        document = file.document if file.kind == "json" else None
        return strength(document[:20] if isinstance(document, list) else file.sample, document)

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        found = list(records(file))
        source = Source(file=file.name, format=NAME)
        builder = Builder(file.stem, source)
        writer = _Writer(builder, _module(found), rolled_back(found))
        for item in found:
            if isinstance(item, Gap):
                builder.note(item)
            else:
                writer.write(item)
        writer.close()
        yield builder.finish()


def _module(found: list[Record | Gap]) -> str:
    """`agent`, or `sub-agent …` where the session was started by another one."""
    for item in found:
        if isinstance(item, Record) and item.kind == "meta":
            started = object_of(item.data.get("source")).get("subagent")
            role = object_of(object_of(started).get("thread_spawn")).get("agent_role")
            if started is not None:
                return f"sub-agent {string_of(role) or string_of(started) or ''}".strip()
    return "agent"


def rolled_back(found: list[Record | Gap]) -> dict[int, str]:
    """Line of a record → name of the abandoned line it is on.

    `thread_rolled_back` takes back the last `num_turns` things that the user asked.
    """
    names: dict[int, str] = {}
    asked: list[int] = []
    standing: list[Record] = []
    places: list[int] = []
    for at, item in enumerate(found):
        if not isinstance(item, Record):
            continue
        if item.kind == "item" and _is_prompt(item.data):
            asked.append(at)
        count = item.data.get("num_turns")
        back = item.data.get("type") == "thread_rolled_back"
        if back and asked and isinstance(count, int) and count > 0:
            start = asked[-count:][0]
            del asked[-count:]
            while places and places[-1] >= start:
                places.pop()
                names[standing.pop().line] = f"rolled back at line {item.line}"
        standing.append(item)
        places.append(at)
    return names


def _is_prompt(item: dict[str, Any]) -> bool:
    if item.get("type") != "message" or item.get("role") != "user":
        return False
    texts = _texts(item.get("content"))[0]
    return any(not text.lstrip().startswith((*_CONTEXT, *_GIVEN_BACK)) for text in texts)


class _Told:
    """Texts told once, that the other channel will tell again: each cancels one repeat."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[Turn]] = {}

    def repeats(self, side: str, key: str) -> Turn | None:
        """The turn that the other side opened with this text, or None; it is used up."""
        other = "event" if side == "item" else "item"
        turns = self._open.get((other, key))
        return turns.pop(0) if turns else None

    def note(self, side: str, key: str, turn: Turn) -> None:
        """Remembers that this side told it."""
        self._open.setdefault((side, key), []).append(turn)


class _Writer:
    """Writes records into a builder: items and events tell most things twice."""

    def __init__(self, builder: Builder, module: str, branches: dict[int, str]) -> None:
        self._to = builder
        self._module = module
        self._branches = branches
        self._told = _Told()
        self._briefs: set[str] = set()
        self._answered: set[str] = set()
        self._wrapped = 0
        self._passed: Counter[str] = Counter()
        self._branch: str | None = None
        self._named = False

    def write(self, record: Record) -> None:
        """One record."""
        self._branch = self._branches.get(record.line)
        if record.kind == "meta":
            self._meta(record.data)
        elif record.kind == "context":
            self._context(record.data)
        elif record.kind == "item":
            self._item(record.data)
        elif record.kind == "event":
            self._event(record.data)
        else:
            self._turn("compaction").observation(str(record.data.get("message") or ""))

    def close(self) -> None:
        """Says what was passed over."""
        for kind, count in sorted(self._passed.items()):
            self._to.gap("dropped", f"{kind}: the reader does not know it", count=count)
        if self._wrapped:
            reason = "exit codes and durations that stood beside the tools' outputs"
            self._to.gap("dropped", reason, count=self._wrapped)

    def _turn(self, module: str | None = None, turn_id: object = None) -> Turn:
        return self._to.turn(module or self._module, turn_id, branch=self._branch)

    def _meta(self, data: dict[str, Any]) -> None:
        """The first one names the session; those copied from a session it goes on do not."""
        ids = (string_of(data.get(key)) for key in ("id", "thread_id", "session_id"))
        own = next(filter(None, ids), None)
        if own is not None and not self._named:
            self._to.id, self._named = own, True
            kept = ("timestamp", "cwd", "originator", "cli_version", "source", "git")
            self._to.metadata.update({k: data[k] for k in kept if data.get(k) is not None})
        for key in ("base_instructions", "instructions"):
            self._system(data.get(key))
        if isinstance(data.get("prompt"), str):
            self._turn("user").brief(data["prompt"])

    def _context(self, data: dict[str, Any]) -> None:
        self._to.agent = self._to.agent or string_of(data.get("model"))
        for key in ("approval_policy", "effort", "sandbox_policy"):
            if data.get(key) is not None:
                self._to.metadata[key] = data[key]
        for key in ("user_instructions", "developer_instructions"):
            self._system(data.get(key))

    def _system(self, text: Any) -> None:
        """Instructions, each text once: they are repeated with every turn."""
        text = text.get("text") if isinstance(text, dict) else text
        if isinstance(text, str) and text.strip() and text not in self._briefs:
            self._briefs.add(text)
            self._turn("system").brief(text)

    def _item(self, data: dict[str, Any]) -> None:
        kind = str(data.get("type", ""))
        call = string_of(data.get("call_id")) or string_of(data.get("id"))
        if kind == "message":
            self._message(data)
        elif kind == "reasoning":
            self._reasoning(data)
        elif kind.endswith("_output"):
            self._output(call, data.get("output", data.get("tools")))
        elif kind.endswith("_call"):
            asked = next((data[k] for k in ("arguments", "input", "action") if k in data), {})
            self._call(str(data.get("name") or kind.removesuffix("_call")), asked, call)
        elif kind.startswith("compaction"):
            self._turn("compaction").hidden("encrypted", "a summary of the earlier session")
        elif kind != "ghost_snapshot":
            self._passed[f"item {kind}"] += 1

    def _message(self, data: dict[str, Any]) -> None:
        role = data.get("role")
        texts, dropped = _texts(data.get("content"))
        if role == "assistant":
            self._say("item", texts)
        elif role == "user":
            for text in texts:
                self._ask("item", text)
        else:
            for text in texts:
                self._system(text)
        if dropped:
            self._to.gap("dropped", "an image or file in a message", count=dropped)

    def _say(self, side: str, texts: list[str]) -> None:
        turn: Turn | None = None
        for text in texts:
            if self._told.repeats(side, f"text {text}") is None:
                turn = turn or self._turn()
                turn.text(text)
                self._told.note(side, f"text {text}", turn)

    def _ask(self, side: str, text: str) -> None:
        begin = text.lstrip()
        if begin.startswith(_GIVEN_BACK):
            self._turn("tool").observation(text)
        elif begin.startswith(_CONTEXT):
            self._turn("system").brief(text)
        elif self._told.repeats(side, f"asked {text.strip()}") is None:
            turn = self._turn("user")
            turn.brief(text)
            self._told.note(side, f"asked {text.strip()}", turn)

    def _reasoning(self, data: dict[str, Any]) -> None:
        """Summary and, where the provider gives it, the reasoning itself; or only ciphertext."""
        turn: Turn | None = None
        raw, summary = _texts(data.get("content"))[0], _texts(data.get("summary"))[0]
        for text in raw:
            turn = self._think("item", "raw", text, turn)
        for text in summary:
            turn = self._think("item", "summary", text, turn)
        if isinstance(data.get("encrypted_content"), str) and data["encrypted_content"]:
            held = "only its summary can be read" if raw or summary else "nothing of it can be read"
            (turn or self._turn()).hidden("encrypted", f"reasoning is encrypted; {held}")
        elif not raw and not summary:
            (turn or self._turn()).hidden("missing", "a reasoning item without a text")

    def _think(self, side: str, provenance: Provenance, text: str, turn: Turn | None) -> Turn:
        """The turn in which this thought stands, whichever channel told it first."""
        key = f"{provenance} {text.strip()}"
        known = self._told.repeats(side, key)
        if known is not None:
            return turn or known
        turn = turn or self._turn()
        turn.reasoning(text, provenance)
        self._told.note(side, key, turn)
        return turn

    def _call(self, name: str, asked: Any, call: str | None) -> None:
        if call is None or call not in self._to.calls:
            self._turn().action(name, asked, call)

    def _output(self, call: str | None, output: Any) -> None:
        if call is not None and call in self._answered:
            return
        if call is not None:
            self._answered.add(call)
        text, dropped = self._unwrapped(output)
        self._turn(self._to.tool_of(call)).observation(text, answers=call)
        if dropped:
            self._to.gap("dropped", "an image in a tool's output", count=dropped)

    def _unwrapped(self, output: Any) -> tuple[str, int]:
        """The output itself, out of JSON text or an object that also holds an exit code."""
        if isinstance(output, str) and output.startswith('{"output":'):
            try:
                output = msgspec.json.decode(output)
            except msgspec.DecodeError:
                return output, 0
        if isinstance(output, dict):
            inner = next((output[k] for k in ("output", "content") if output.get(k)), None)
            if isinstance(inner, str):
                self._wrapped += 1
                return inner, 0
            output = inner if isinstance(inner, list) else canonical(output)
        texts, dropped = _texts(output)
        return "\n".join(texts), dropped

    def _event(self, data: dict[str, Any]) -> None:
        kind = str(data.get("type", ""))
        text = string_of(data.get("text")) or string_of(data.get("message")) or ""
        if kind == "agent_reasoning":
            self._think("event", "summary", text, None)
        elif kind == "agent_reasoning_raw_content":
            self._think("event", "raw", text, None)
        elif kind == "agent_message":
            self._say("event", [text])
        elif kind == "user_message":
            self._ask("event", text)
        elif kind in ("item.started", "item.completed"):
            self._stream_item(data["item"], kind == "item.completed")
        elif kind in ("error", "stream_error", "warning", "turn.failed"):
            self._turn("system").observation(text or canonical(data))
        elif kind.endswith("_begin"):
            self._began(kind.removesuffix("_begin"), data)
        elif kind.endswith("_end"):
            self._ended(kind.removesuffix("_end"), data)
        elif kind not in _QUIET:
            self._passed[f"event {kind}"] += 1

    def _began(self, tool: str, data: dict[str, Any]) -> None:
        """A call as the client saw it; the item with the same id is the same call."""
        call = string_of(data.get("call_id"))
        asked = next((data[k] for k in _ASKED if k in data), {})
        name = "shell" if tool == "exec_command" else tool
        if isinstance(asked, dict) and "tool" in asked:
            name, asked = str(asked["tool"]), asked.get("arguments") or {}
        self._call(name, asked, call)

    def _ended(self, tool: str, data: dict[str, Any]) -> None:
        self._began(tool, data)
        call = string_of(data.get("call_id"))
        output = next((data[k] for k in _GIVEN if data.get(k)), None)
        if output is not None:
            self._output(call, _of_result(output))

    def _stream_item(self, item: dict[str, Any], done: bool) -> None:
        """An item of `codex exec --json`: told when it starts and again when it ends."""
        kind = str(item.get("type") or item.get("item_type") or "")
        text = str(item.get("text") or item.get("message") or "")
        if kind == "reasoning" and done:
            self._think("event", "summary", text, None)
        elif kind in ("agent_message", "assistant_message") and done:
            self._say("event", [text])
        elif kind == "error" and done:
            self._turn("system").observation(text)
        elif kind not in ("reasoning", "agent_message", "assistant_message", "error"):
            call = string_of(item.get("id"))
            name = "shell" if kind == "command_execution" else str(item.get("tool") or kind)
            self._call(name, next((item[k] for k in _ASKED if k in item), {}), call)
            output = next((item[k] for k in _GIVEN if item.get(k)), None)
            if done and output is not None:
                self._output(call, _of_result(output))


_TEXT_KEYS = ("text", "refusal")
_ASKED = ("command", "arguments", "invocation", "changes", "query", "prompt", "items", "path")
_GIVEN = (
    "aggregated_output", "formatted_output", "stdout", "result", "content_items", "error", "stderr",
)  # fmt: skip


def _of_result(output: Any) -> Any:
    """What a tool server answered, out of the result types of the client's language."""
    if isinstance(output, dict):
        output = next((output[k] for k in ("Ok", "Err") if k in output), output)
    return output


def _texts(content: Any) -> tuple[list[str], int]:
    """The texts of a content, a part each, and how many parts are no text."""
    texts: list[str] = []
    dropped = 0
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, dict):
            text = next((part[k] for k in _TEXT_KEYS if isinstance(part.get(k), str)), None)
            dropped += text is None
            texts.extend([text] if text else [])
        elif part not in (None, ""):
            texts.append(part if isinstance(part, str) else canonical(part))
    return texts, dropped


FORMAT = _Format()
