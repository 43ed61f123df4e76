"""Where in a run an Inspect event stands: solver, agent, tool, scorer, branch.

Spans carry ids, the older steps nest by order, and still older logs nest events inside tool and
subtask events; all three become one tree.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any

from cotmon.formats._inspect_sample import Event, Reader

_SILENT = frozenset({
    "sample_init", "sample_limit", "sandbox", "state", "store", "anchor", "approval", "branch",
    "input", "score", "score_edit", "error", "logger", "info", "checkpoint", "interrupt", "review",
    "span_end", "step",
})  # fmt: skip
"""Events that tell of the run; what a model or a tool said stands in others."""


class Scope:
    """One span, step, subtask, tool call or attempt.

    Attributes:
        name: as the log calls it.
        call_id: the tool call that opened it, where one did.
        scoring: whether it is within a scorer.
        agent: the outermost agent span around, or None.
        sub: the sub-agent around, or None: an agent within an agent, or models within a tool.
        branch: name of the branch or failed attempt around, or None.
        attempt: whether it is within an attempt that failed and was repeated.
    """

    def __init__(
        self, kind: str, name: str, parent: Scope | None, call_id: str | None = None
    ) -> None:
        self.name, self.call_id = name, call_id
        self.scoring: bool = kind in ("scorer", "scorers") or (
            parent is not None and parent.scoring
        )
        self.attempt: bool = kind == "attempt" or (parent is not None and parent.attempt)
        self.agent: Scope | None = parent.agent if parent else None
        self.sub: Scope | None = parent.sub if parent else None
        self.branch: str | None = name if kind in ("branch", "attempt") else None
        self.branch = self.branch or (parent.branch if parent else None)
        self._opener = self.sub
        if kind in ("tool", "subtask") or (kind == "agent" and (self.sub or self.agent)):
            self.sub = self
        elif kind == "agent":
            self.agent = self

    @property
    def opened_by(self) -> str | None:
        """Id of the nearest tool call around that opened this sub-agent."""
        return self.call_id or (self._opener.call_id if self._opener else None)


class _Pairs:
    """Matches tool spans with tool events: they share home and name, and nothing else."""

    def __init__(self) -> None:
        self._spans: dict[tuple[int, str], deque[Scope]] = defaultdict(deque)
        self._calls: dict[tuple[int, str], deque[str]] = defaultdict(deque)

    def span(self, home: Scope, scope: Scope) -> None:
        calls = self._calls[id(home), scope.name]
        if calls:
            scope.call_id = calls.popleft()
        else:
            self._spans[id(home), scope.name].append(scope)

    def call(self, home: Scope, name: str, call_id: str) -> None:
        spans = self._spans[id(home), name]
        if spans:
            spans.popleft().call_id = call_id
        else:
            self._calls[id(home), name].append(call_id)


def walk(events: list[Event], reader: Reader, root: Scope) -> Iterator[tuple[Event, Scope]]:
    """Model, tool and compaction events in order, each with its scope."""
    spans: dict[Any, Scope] = {}
    steps, pairs = [root], _Pairs()
    for event in events:
        home = spans.get(_key(event.span_id)) or steps[-1]
        match event.event:
            case "span_begin":
                parent = spans.get(_key(event.parent_id)) or steps[-1]
                scope = Scope(str(event.type), str(event.name), parent)
                spans[_key(event.id)] = scope
                if event.type == "tool":
                    pairs.span(parent, scope)
            case "step" if event.action == "begin":
                steps.append(Scope(str(event.type), str(event.name), steps[-1]))
            case "step" if len(steps) > 1:
                steps.pop()
            case "subtask":
                scope = Scope("subtask", str(event.name), home)
                yield from walk(reader.events(event.events), reader, scope)
            case "tool":
                yield event, home
                pairs.call(home, str(event.function), str(event.id))
                name = event.agent if isinstance(event.agent, str) else str(event.function)
                nested = Scope("tool", name, home, str(event.id))
                yield from walk(reader.events(event.events), reader, nested)
            case "model" | "compaction":
                yield event, home
            case kind if kind not in _SILENT:
                reader.unknown(str(kind)[:40])
            case _:
                pass


def _key(value: Any) -> str | None:
    return value if isinstance(value, str) else None
