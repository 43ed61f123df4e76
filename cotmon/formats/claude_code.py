"""Claude Code: session JSON lines, the SDK's stream of them, and one document of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from cotmon.formats._builder import Builder, Turn
from cotmon.formats._claude_code_tree import Event, SubAgent, SubAgents, branches, in_order
from cotmon.formats._claude_code_words import cut, is_notice, queued, words_of
from cotmon.formats._content import text_of
from cotmon.formats._decoding import canonical
from cotmon.formats._file import LogFile
from cotmon.formats._records import gap_of
from cotmon.formats._shapes import object_of, string_of
from cotmon.records import Gap, Refusal, Source, Transcript

NAME = "claude_code"
_META = frozenset({
    "summary", "file-history-snapshot", "queue-operation", "system", "progress", "last-prompt",
    "ai-title", "custom-title", "agent-name", "agent-color", "agent-setting", "tag", "mode",
    "permission-mode", "pr-link", "worktree-state", "result", "rate_limit_event", "keep_alive",
    "started", "saved_hook_context",
})  # fmt: skip
"""Kinds of lines that hold no message: passed over. `stream_event` repeats messages in bits."""
_TYPICAL = frozenset({
    "summary", "file-history-snapshot", "queue-operation", "progress", "system", "attachment",
})  # fmt: skip
_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_KEPT = ("version", "cwd", "gitBranch", "slug", "entrypoint")


class _Format:
    title = "a Claude Code session"

    def sniff(self, file: LogFile) -> int:
        found = max((_strength(value) for value in _sniffed(file)), default=0)
        return 3 if found and "loglines" in (file.first or ()) else found

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        sessions = _sessions(file)
        for position, session in enumerate(sessions):
            yield session.transcript(file, position)
        if not sessions:
            yield Refusal(
                file=file.name, format=NAME,
                reason="a Claude Code file without a message; it holds only notes of the client",
            )  # fmt: skip


def _sniffed(file: LogFile) -> list[Any]:
    if file.kind != "json":
        return file.sample
    return (_events_of(file.document) or [])[:20]


def _events_of(document: Any) -> list[Any] | None:
    """The events of one document: a list, a list under `loglines`, or one event alone."""
    if isinstance(document, dict):
        lines = document.get("loglines")
        return lines if isinstance(lines, list) else [document]
    return document if isinstance(document, list) else None


def _strength(value: Any) -> int:
    if not isinstance(value, dict):
        return 0
    kind, keys = string_of(value.get("type")), value.keys()
    if kind in ("user", "assistant") and isinstance(value.get("message"), dict):
        own = {"sessionId", "parentUuid", "isSidechain"} & keys
        stream = {"session_id", "parent_tool_use_id"} & keys
        return 3 if own or stream else 2
    if kind == "system" and value.get("subtype") == "init" and "session_id" in keys:
        return 3
    typical = kind in _TYPICAL
    return 2 if typical and keys & {"leafUuid", "snapshot", "operation", "sessionId"} else 0


class _Session:
    """The events of one session, and what was wrong among them."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.events: list[Event] = []
        self.gaps: list[Gap] = []

    @property
    def spoken(self) -> bool:
        """Whether any line holds a message."""
        return any(event.message is not None for event in self.events)

    def transcript(self, file: LogFile, position: int) -> Transcript:
        """The session as a transcript; a file of side lines only is its sub-agent's own."""
        talk = [event for event in self.events if event.message is not None]
        alone = talk[0].agent if all(event.is_side for event in talk) else None
        keys: dict[str, Any] = {"session": self.name, "agent": alone}
        source = Source(
            file=file.name, format=NAME, position=position,
            keys={key: value for key, value in keys.items() if value is not None},
        )  # fmt: skip
        builder = Builder(alone or self.name or file.stem, source, _model(talk))
        builder.note(*self.gaps)
        _describe(builder, self.events)
        _Writer(builder, self.events).write()
        return builder.finish()


def _sessions(file: LogFile) -> list[_Session]:
    """The sessions that hold a message, in order of their first line.

    A resumed session begins with a copy of the old one: a line whose id and content were
    seen before is left out. What is wrong with a line is told to the session before it.
    """
    now = _Session(None)
    sessions, named = [now], dict[str | None, _Session]()
    seen: set[tuple[str, str]] = set()
    for item in _lines(file):
        if isinstance(item, Gap):
            now.gaps.append(item)
            continue
        if now.name is None:
            now.name = item.session
            named[item.session] = now
        elif item.session not in (None, now.name):
            if item.session not in named:
                named[item.session] = _Session(item.session)
                sessions.append(named[item.session])
            now = named[item.session]
        key = (item.uuid or "", canonical(item.data.get("message")))
        if item.uuid is None or key not in seen:
            now.events.append(item)
        seen.add(key)
    spoken = [session for session in sessions if session.spoken]
    for session in sessions:
        if spoken and not session.spoken:
            spoken[0].gaps.extend(session.gaps)
            if count := sum(event.kind not in _META for event in session.events):
                reason = f"lines of session {session.name!r}, which holds no message"
                spoken[0].gaps.append(Gap(kind="dropped", reason=reason, count=count))
    return spoken


def _lines(file: LogFile) -> Iterator[Event | Gap]:
    if file.kind == "json":
        yield from file.notes
        for number, value in enumerate(_events_of(file.document) or [], 1):
            yield from _event(value, number)
        return
    for line in file.lines():
        if (gap := gap_of(line)) is not None:
            yield gap
        else:
            yield from line.notes
            yield from _event(line.value, line.number)


def _event(value: Any, line: int) -> Iterator[Event | Gap]:
    if not isinstance(value, dict):
        reason = f"a line that is no event but a JSON {type(value).__name__}"
        yield Gap(kind="broken", reason=reason, line=line)
    elif not isinstance(value.get("type"), str):
        yield Gap(kind="broken", reason="an object without a type, so no event", line=line)
    else:
        event = Event(line, value)
        yield from _from_progress(event)
        if event.kind in ("user", "assistant") and not event.blocks:
            reason = f"{event.kind} line without a message that can be read"
            empty = event.message is not None and event.message.get("content") in ("", [])
            if not empty:
                yield Gap(kind="broken", reason=reason, line=line, where=event.uuid)
        yield event


def _from_progress(event: Event) -> Iterator[Event]:
    """Newer versions report a sub-agent's messages inside the main session's progress lines."""
    data = object_of(event.data.get("data")) if event.kind == "progress" else {}
    inner = data.get("message")
    if isinstance(inner, dict) and isinstance(inner.get("type"), str):
        outer = {
            "sessionId": event.session, "isSidechain": True, "agentId": data.get("agentId"),
            "parent_tool_use_id": event.data.get("parentToolUseID"),
        }  # fmt: skip
        yield Event(event.line, {**outer, **inner})


def _model(talk: list[Event]) -> str | None:
    models = (event.message.get("model") for event in talk if event.message is not None)
    named = (m for m in models if isinstance(m, str) and m != "<synthetic>")
    return next(named, None)


def _describe(builder: Builder, events: list[Event]) -> None:
    """What the client noted about the session: never shown to a monitor."""
    for event in events:
        for key in _KEPT:
            if event.data.get(key) is not None:
                builder.metadata.setdefault(key, event.data[key])
        if event.kind == "summary":
            builder.metadata.setdefault("summaries", []).append(event.data.get("summary"))
        if event.data.get("subtype") == "compact_boundary":
            builder.metadata["compactions"] = builder.metadata.get("compactions", 0) + 1
        if event.kind == "result":
            wanted = ("subtype", "is_error", "num_turns", "permission_denials")
            builder.metadata["result"] = {k: event.data[k] for k in wanted if k in event.data}


class _Writer:
    """Writes the events of one session into a builder."""

    def __init__(self, builder: Builder, events: list[Event]) -> None:
        self._to = builder
        self._events = events
        self._agents = SubAgents(events)
        self._branches = branches(events)
        self._waiting = queued(events)
        self._blocks: set[tuple[str, str]] = set()
        self._passed: Counter[str] = Counter()

    def write(self) -> None:
        """Everything, parents before children."""
        for event in in_order(self._events):
            if event.message is not None and event.blocks:
                self._message(event)
            elif event.kind == "attachment":
                self._attachment(event)
            elif event.line in self._waiting and event.kind == "queue-operation":
                self._queued(self._turn(event, None), self._waiting[event.line], None, None)
            elif event.data.get("subtype") == "local_command":
                self._turn(event, None, "system").observation(text_of(event.data.get("content"))[0])
            elif event.message is None and event.kind not in _META | {"user", "assistant"}:
                self._passed[event.kind] += 1
        for kind, count in sorted(self._passed.items()):
            self._to.gap("dropped", f"{kind}: holds no message of the agent", count=count)

    def _message(self, event: Event) -> None:
        agent = self._agents.of(event) if event.is_side else None
        said = event.kind == "assistant" or (event.message or {}).get("role") == "assistant"
        turn = self._turn(event, agent)
        for block in event.blocks:
            if said and not self._is_repeat(turn, block):
                self._said(event, turn, block)
            elif not said:
                self._told(event, turn, block, agent)

    def _turn(self, event: Event, agent: SubAgent | None, module: str | None = None) -> Turn:
        return self._to.turn(
            module or (agent.module if agent else "agent"),
            event.message_id or event.uuid,
            parent=self._to.calls.get(agent.starter or "") if agent else None,
            branch=self._branches.get(event.uuid or ""),
            go_on=event.message_id is not None,
        )

    def _is_repeat(self, turn: Turn, block: dict[str, Any]) -> bool:
        """Later lines of one message may repeat its earlier blocks."""
        own = block.get("id") if str(block.get("type")) in _CALLS else None
        key = (turn.id, str(own) if own else canonical(block))
        if key in self._blocks:
            return True
        self._blocks.add(key)
        return False

    def _said(self, event: Event, turn: Turn, block: dict[str, Any]) -> None:
        kind = str(block.get("type", ""))
        if kind == "text" and _is_notice_of_client(event):
            self._as(turn, "system").observation(str(block.get("text") or ""))
        elif kind == "text":
            turn.text(str(block.get("text") or ""))
        elif kind == "thinking":
            _think(turn, block)
        elif kind == "redacted_thinking":
            turn.hidden("redacted", "thinking was redacted by the provider")
        elif kind in _CALLS:
            turn.action(str(block.get("name")), block.get("input"), string_of(block.get("id")))
        elif kind.endswith("tool_result"):
            self._result(event, turn, block)
        else:
            self._to.gap("dropped", f"a block of type {kind or 'unknown'}", where=turn.id)

    def _told(
        self, event: Event, turn: Turn, block: dict[str, Any], agent: SubAgent | None
    ) -> None:
        kind = str(block.get("type", ""))
        if kind.endswith("tool_result"):
            self._result(event, turn, block)
        elif kind == "text" or isinstance(block.get("text"), str):
            self._user_text(event, turn, str(block.get("text") or ""), agent)
        else:
            self._to.gap("dropped", f"{kind or 'a block'}: no text", where=turn.id)

    def _result(self, event: Event, turn: Turn, block: dict[str, Any]) -> None:
        call = string_of(block.get("tool_use_id"))
        text, pictures = text_of(block.get("content"))
        self._as(turn, self._to.tool_of(call)).observation(text, answers=call)
        if pictures:
            self._to.gap(
                "dropped", "an image in a tool's result", where=turn.id, count=len(pictures)
            )

    def _user_text(self, event: Event, turn: Turn, text: str, agent: SubAgent | None) -> None:
        """What the user (for a sub-agent: the agent) asked, apart from what the client added."""
        if event.is_result:
            self._as(turn, "tool").observation(text)
        elif event.data.get("isCompactSummary") is True:
            self._as(turn, "compaction").observation(text)
        elif event.data.get("isMeta") is True or is_notice(
            text, event.data.get("origin") if agent is None else None
        ):
            self._as(turn, "system").observation(text)
        else:
            asker = self._as(turn, "agent" if agent else "user")
            asker.to = agent.module if agent else None
            for piece, added in cut(text):
                if added:
                    self._as(turn, "system").observation(piece)
                else:
                    asker.brief(piece)

    def _as(self, turn: Turn, module: str) -> Turn:
        """The same turn, another speaker."""
        return self._to.turn(module, turn.id, parent=turn.parent, branch=turn.branch, go_on=True)

    def _attachment(self, event: Event) -> None:
        """A prompt that was queued while the agent worked, or words the client put before it."""
        held = object_of(event.data.get("attachment"))
        agent = self._agents.of(event) if event.is_side else None
        turn = self._turn(event, agent)
        if held.get("type") == "queued_command" and held.get("prompt"):
            text, pictures = text_of(held["prompt"])
            mode = held.get("commandMode")
            self._queued(turn, text, held.get("origin") or {"kind": mode}, agent)
            if pictures:
                reason = "an image in a queued prompt"
                self._to.gap("dropped", reason, where=turn.id, count=len(pictures))
            return
        words = words_of(held)
        for text in words:
            self._as(turn, "system").observation(text)
        if not words:
            self._passed[f"attachment {held.get('type', '')}".strip()] += 1

    def _queued(self, turn: Turn, text: str, origin: Any, agent: SubAgent | None) -> None:
        if is_notice(text, origin):
            self._as(turn, "system").observation(text)
        else:
            self._as(turn, "agent" if agent else "user").brief(text)


def _think(turn: Turn, block: dict[str, Any]) -> None:
    text = str(block.get("thinking") or "")
    if text:
        turn.reasoning(text)
    elif block.get("signature"):
        turn.hidden("encrypted", "thinking is kept only in its signature")
    else:
        turn.hidden("missing", "a thinking block without its text")


def _is_notice_of_client(event: Event) -> bool:
    """Errors of the API that the client files under the assistant's role."""
    synthetic = (event.message or {}).get("model") == "<synthetic>"
    return synthetic or event.data.get("isApiErrorMessage") is True


FORMAT = _Format()
