"""Codex: rollouts of every age, and what `codex exec --json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from cotmon.formats._builder import Builder, Turn
from cotmon.formats._codex_content import (
    ASKED,
    GIVEN,
    Output,
    of_result,
    output_of,
    texts_of,
)
from cotmon.formats._codex_records import Record, module_of, records, strength
from cotmon.formats._decoding import canonical
from cotmon.formats._file import LogFile
from cotmon.formats._responses_items import SEALED, called, message_of
from cotmon.formats._shapes import object_of, objects_in, string_of
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
_KEPT = ("timestamp", "cwd", "originator", "cli_version", "source", "git", "parent_thread_id")


class _Format:
    title = "a Codex rollout"

    def sniff(self, file: LogFile) -> int:
        document = file.document if file.kind == "json" else None
        return strength(document[:20] if isinstance(document, list) else file.sample, document)

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        found = list(records(file))
        source = Source(file=file.name, format=NAME)
        builder = Builder(file.stem, source)
        writer = _Writer(builder, module_of(found), rolled_back(found))
        for item in found:
            if isinstance(item, Gap):
                builder.note(item)
            else:
                writer.write(item)
        writer.close()
        yield builder.finish()


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
    texts = texts_of(item.get("content"))[0]
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
        self._sealed: set[str] = set()
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
            self._compacted(record.data)

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
            self._to.metadata.update({k: data[k] for k in _KEPT if data.get(k) is not None})
            if base := object_of(data.get("history_base")):
                reason = f"what came before stands in the rollout of {base.get('thread_id')!r}"
                self._to.gap("missing", reason)
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
            tools = data.get("tools")
            self._output(call, data.get("output", canonical(tools) if tools else None))
        elif kind.endswith("_call"):
            asked = ("arguments", "input", "action", "revised_prompt")
            self._call(called(data, kind), next((data[k] for k in asked if k in data), {}), call)
            if kind == "image_generation_call" and data.get("result"):
                self._to.gap("dropped", "an image that was generated")
        elif kind == "agent_message":
            self._handed(data)
        elif kind in ("compaction", "compaction_summary", "context_compaction"):
            sealed = str(data.get("encrypted_content") or "")
            if sealed not in self._sealed:
                self._turn("compaction").hidden("encrypted", "a summary of the earlier session")
            self._sealed.add(sealed or f"line {len(self._sealed)}")
        elif kind not in ("ghost_snapshot", "compaction_trigger"):
            self._passed[f"item {kind}"] += 1

    def _compacted(self, data: dict[str, Any]) -> None:
        """The summary; what it keeps of the history repeats it, but for one that is sealed."""
        self._turn("compaction").observation(str(data.get("message") or ""))
        for kept in objects_in(data.get("replacement_history")):
            if str(kept.get("type", "")).startswith(("compaction", "context_compaction")):
                self._item(kept)

    def _handed(self, data: dict[str, Any]) -> None:
        """What another agent of the session sent: its task, or its answer."""
        texts, sealed = message_of(data.get("content"))
        sender = str(data.get("author") or "")
        turn = self._turn(f"agent {sender}".strip())
        turn.to = string_of(data.get("recipient"))
        for text in texts:
            turn.observation(text)
        if sealed:
            self._to.gap("encrypted", SEALED, where=turn.id, count=sealed)

    def _message(self, data: dict[str, Any]) -> None:
        role = data.get("role")
        texts, dropped = texts_of(data.get("content"))
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
        raw, summary = texts_of(data.get("content"))[0], texts_of(data.get("summary"))[0]
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

    def _call(self, name: str, asked: Any, call: str | None, side: str = "item") -> None:
        """A call, once: by its id, else (searches of the provider have none) by what it asks."""
        if call is not None and call in self._to.calls:
            return
        key = f"called {name} {_search(asked)}" if name == "web_search" else None
        if key is not None and self._told.repeats(side, key) is not None:
            return
        turn = self._turn()
        turn.action(name, asked, call)
        if key is not None:
            self._told.note(side, key, turn)

    def _output(self, call: str | None, output: Any) -> None:
        if call is not None and call in self._answered:
            return
        if call is not None:
            self._answered.add(call)
        found: Output = output_of(output)
        self._wrapped += found.wrapped
        self._turn(self._to.tool_of(call)).observation(found.text, answers=call)
        if found.dropped:
            self._to.gap("dropped", "an image in a tool's output", count=found.dropped)

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
        asked = next((data[k] for k in ASKED if k in data), {})
        name = "shell" if tool == "exec_command" else tool
        if isinstance(asked, dict) and "tool" in asked:
            name, asked = str(asked["tool"]), asked.get("arguments") or {}
        if tool == "web_search" and not asked and not data.get("action"):
            return  # it has begun and does not say with what: the end does
        self._call(name, data.get("action") or asked, call, "event")

    def _ended(self, tool: str, data: dict[str, Any]) -> None:
        self._began(tool, data)
        call = string_of(data.get("call_id"))
        output = next((data[k] for k in GIVEN if data.get(k)), None)
        if output is not None:
            self._output(call, of_result(output))

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
            self._call(name, next((item[k] for k in ASKED if k in item), {}), call)
            output = next((item[k] for k in GIVEN if item.get(k)), None)
            if done and output is not None:
                self._output(call, of_result(output))


def _search(asked: Any) -> str:
    """What a search asks for: the query or the address, however it is told."""
    found = object_of(asked)
    told = (found.get(k) for k in ("url", "query", "pattern"))
    return next((t for t in told if isinstance(t, str)), None) or canonical(asked)


FORMAT = _Format()
