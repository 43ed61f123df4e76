"""The events of Claude Code as a tree: order, abandoned branches, sub-agents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cotmon.formats._decoding import canonical
from cotmon.formats._shapes import object_of, string_of

STARTERS = frozenset({"Task", "Agent"})
"""Tools that start a sub-agent."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line, seen as a node.

    Attributes:
        line: 1-based line, or the ordinal within one document.
        data: the line's object.
    """

    line: int
    data: dict[str, Any]

    @property
    def uuid(self) -> str | None:
        """The line's own id."""
        return string_of(self.data.get("uuid"))

    @property
    def parent(self) -> str | None:
        """The id of the line it continues."""
        parent = string_of(self.data.get("parentUuid"))
        return parent if parent != self.uuid else None

    @property
    def session(self) -> str | None:
        """The session it belongs to; the SDK's stream spells it `session_id`."""
        return string_of(self.data.get("sessionId")) or string_of(self.data.get("session_id"))

    @property
    def kind(self) -> str:
        """`user`, `assistant`, or one of the kinds that hold no message."""
        return str(self.data.get("type", ""))

    @property
    def message(self) -> dict[str, Any] | None:
        """The message in the API's form."""
        message = self.data.get("message")
        return message if isinstance(message, dict) else None

    @property
    def message_id(self) -> str | None:
        """The id that all lines of one assistant message share."""
        return string_of(self.message.get("id")) if self.message else None

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The content as blocks, a string being one text block."""
        content = self.message.get("content") if self.message else None
        if isinstance(content, str):
            return [{"type": "text", "text": content}]
        if not isinstance(content, list):
            return []
        return [b if isinstance(b, dict) else {"type": "text", "text": _shown(b)} for b in content]

    @property
    def is_result(self) -> bool:
        """Whether it brings back what a tool gave, whatever role it is filed under."""
        results = any(str(b.get("type", "")).endswith("tool_result") for b in self.blocks)
        return results or "toolUseResult" in self.data

    @property
    def is_side(self) -> bool:
        """Whether a sub-agent wrote it."""
        return self.data.get("isSidechain") is True or self.starter is not None

    @property
    def starter(self) -> str | None:
        """The call that started the sub-agent, where the line names it (SDK stream)."""
        return string_of(self.data.get("parent_tool_use_id"))

    @property
    def agent(self) -> str | None:
        """The sub-agent's id, in newer versions."""
        return string_of(self.data.get("agentId"))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value)


def in_order(events: list[Event]) -> Iterator[Event]:
    """File order, except that a line waits for its parent. A cycle ends in file order."""
    known = {event.uuid for event in events}
    waiting: dict[str, list[Event]] = {}
    written: set[str | None] = {None}
    done: set[int] = set()
    for event in events:
        if event.parent in known and event.parent not in written:
            waiting.setdefault(str(event.parent), []).append(event)
            continue
        ready = [event]
        while ready:
            now = ready.pop()
            written.add(now.uuid)
            done.add(id(now))
            yield now
            ready.extend(reversed(waiting.pop(str(now.uuid), [])))
    yield from (event for event in events if id(event) not in done)


def branches(events: list[Event]) -> dict[str, str]:
    """Line id → name of the abandoned line it is on; main lines are left out.

    A user who rewinds, and a client that asks again, give one parent several children: of
    each tree the chain that ends last is the main line. Parallel tool calls fork too, and
    abandon nothing: a result, or another line of the same message, stays on its parent's line.
    """
    nodes = {e.uuid: e for e in events if e.uuid is not None}
    ordered = list(in_order(events))
    main = _main_lines(ordered, nodes)
    kept = {nodes[uuid].message_id for uuid in main} - {None}
    names: dict[str, str] = {}
    for event in ordered:
        if event.uuid is None or event.uuid in main:
            continue
        above = names.get(event.parent or "")
        if above is not None:
            names[event.uuid] = above
        elif event.parent in nodes and not event.is_side and _starts_anew(event, kept):
            names[event.uuid] = event.uuid
    return names


def _main_lines(events: list[Event], nodes: dict[str, Event]) -> set[str]:
    """Ids of the lines on the main line of their tree."""
    roots: dict[str, str] = {}
    main: set[str] = set()
    decided: set[str] = set()
    for event in reversed(events):
        talks = event.kind in ("user", "assistant") and event.message is not None
        if event.uuid is None or event.is_side or not talks:
            continue
        chain = list(_upwards(event, nodes, roots))
        root = roots.get(chain[-1], chain[-1])
        roots.update(dict.fromkeys(chain, root))
        if root not in decided:
            decided.add(root)
            main.update(chain)
    return main


def _upwards(event: Event, nodes: dict[str, Event], roots: dict[str, str]) -> Iterator[str]:
    """The line's id and those above it, up to the first whose root is known already."""
    passed: set[str] = set()
    now: Event | None = event
    while now is not None and now.uuid is not None and now.uuid not in passed:
        passed.add(now.uuid)
        yield now.uuid
        now = None if now.uuid in roots else nodes.get(now.parent or "")


def _starts_anew(event: Event, kept: set[str | None]) -> bool:
    """Whether a line off the main line begins an abandoned one."""
    if event.kind == "assistant":
        return event.message_id not in kept
    return event.kind == "user" and not event.is_result and event.data.get("isMeta") is not True


@dataclass(frozen=True, slots=True)
class SubAgent:
    """Who a sub-agent is, and the tool call that started it, where the log tells."""

    module: str
    starter: str | None


class SubAgents:
    """Assigns side lines to sub-agents: by id, by the starting call, or by the prompt."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._calls: dict[str, dict[str, Any]] = {}
        self._of_agent: dict[str, str] = {}
        self._nodes: dict[str | None, Event] = {}
        self._roots: dict[str | None, Event] = {}
        self._free: list[str] = []
        self._known: dict[str, SubAgent] = {}
        self._names: dict[str, int] = {}
        for event in events:
            self._nodes.setdefault(event.uuid, event)
            self._collect(event)

    def _collect(self, event: Event) -> None:
        agent = string_of(object_of(event.data.get("toolUseResult")).get("agentId"))
        for block in event.blocks:
            call = string_of(block.get("tool_use_id"))
            if agent is not None and call is not None:
                self._of_agent[agent] = call
            call = string_of(block.get("id"))
            starts = block.get("type") == "tool_use" and str(block.get("name")) in STARTERS
            if starts and call is not None and call not in self._calls:
                self._calls[call] = object_of(block.get("input"))
                self._free.append(call)

    def of(self, event: Event) -> SubAgent:
        """The sub-agent that wrote this side line."""
        root = self._root(event)
        key = event.starter or event.agent or root.uuid or "side"
        if key not in self._known:
            call = event.starter or self._of_agent.get(event.agent or "") or self._asked(root)
            known = self._known.get(call or key)
            self._known[key] = known or SubAgent(self._name(call, event.agent), call)
            self._known[call or key] = self._known[key]
        return self._known[key]

    def _root(self, event: Event) -> Event:
        """The first side line above this one, each found once; a cycle ends somewhere in it."""
        root, passed = event, [event.uuid]
        while root.uuid not in self._roots:
            above = self._nodes.get(root.parent) if root.parent is not None else None
            if above is None or not above.is_side or len(passed) > len(self._nodes):
                break
            root = above
            passed.append(root.uuid)
        root = self._roots.get(root.uuid, root)
        self._roots.update((uuid, root) for uuid in passed if uuid is not None)
        return root

    def _asked(self, root: Event) -> str | None:
        """The call whose prompt the sub-agent's first line repeats, or that it hangs under."""
        texts = {str(b.get("text", "")).strip() for b in root.blocks}
        for call in self._free:
            if str(self._calls[call].get("prompt", "")).strip() in texts - {""}:
                self._free.remove(call)
                return call
        above = self._nodes.get(root.parent) if root.parent is not None else None
        ids = [string_of(b.get("id")) for b in above.blocks] if above is not None else []
        return next((call for call in ids if call in self._calls), None)

    def _name(self, call: str | None, agent: str | None) -> str:
        """`sub-agent` and its kind, else its id; a second one of the same name is numbered."""
        kind = string_of(self._calls.get(call or "", {}).get("subagent_type")) or agent
        name = f"sub-agent {kind}" if kind else "sub-agent"
        self._names[name] = self._names.get(name, 0) + 1
        return name if self._names[name] == 1 else f"{name} {self._names[name]}"
