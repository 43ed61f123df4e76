"""A generation judged while it grows: enough to end one whose calls could only be blocked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from cotmon.engine import score_of
from cotmon.engine.plan import Plan
from cotmon.records import Message, Scored, Step, View, step_of
from cotmon.segmentation import SHORT, Cutter

if TYPE_CHECKING:
    from cotmon.watching.watcher import Watcher


class Glimpse:
    """One growing generation, seen by the monitors that look at single steps.

    Wider views, and monitors that another machine runs, judge it when it is whole; what is scored
    here is known then.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._places = [
            k for k, m in enumerate(watcher.monitors) if m.view == "step" and not m.kind.remote
        ]
        self._plan = Plan([watcher.monitors[k] for k in self._places])
        self._cutters: dict[str, Cutter] = {}
        self._count = 0

    def grow(self, channel: Literal["reasoning", "text"], text: str) -> list[Step]:
        """The steps that were finished since the last time; cheap.

        Args:
            channel: which one grew.
            text: all of it so far.
        """
        if len(text) <= SHORT or not self._places:
            return []
        cutter = self._cutters.setdefault(channel, Cutter())
        message = Message(id=channel, turn="growing", module="agent", channel=channel, text=text)
        return [self._step(message, a, b) for a, b in cutter.advance(text)]

    def suspicion(self, steps: Sequence[Step]) -> float:
        """The highest suspicion among these steps; what has no score counts nothing yet."""
        tasks = [task for step in steps for task in self._plan.push(step)]
        known = self._watcher.known({t.address for t in tasks})
        wanted: dict[int, dict[str, View]] = {}
        for task in tasks:
            if task.address not in known:
                wanted.setdefault(self._places[task.monitor], {})[task.address] = task.view
        found = {**known, **self._watcher.score(wanted)}
        judging, monitors = self._watcher.judging, self._watcher.monitors
        scores = (
            score_of(outcome, monitor.card, cue, judging)
            for monitor, outcome in (
                (monitors[self._places[task.monitor]], found[task.address]) for task in tasks
            )
            if isinstance(outcome, Scored)
            for cue in monitor.cues
        )
        return max((s.suspicion for s in scores if s.suspicion is not None), default=0.0)

    def forbids(self, suspicion: float, tools: Sequence[str]) -> bool:
        """Whether every one of these tools would be blocked now, so that going on is of no use."""
        settings = self._watcher.settings
        for policy in map(settings.tool, tools):
            asked = policy.asks(suspicion) and not self._watcher.can_pause
            if policy.mode != "enforce" or not (asked or policy.blocks(suspicion)):
                return False
        return bool(tools)

    def _step(self, message: Message, start: int, end: int) -> Step:
        self._count += 1
        return step_of(
            message, id=f"{message.id}#{start}", address=f"M1.{self._count}",
            index=self._count - 1, start=start, end=end,
        )  # fmt: skip
