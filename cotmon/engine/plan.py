"""Which views of a transcript which monitors must score, as its steps arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cotmon.engine.monitor import Monitor
from cotmon.engine.views import Views
from cotmon.records import Step, View, ViewSize


class Task(NamedTuple):
    """One view for one monitor.

    Attributes:
        step: index of the step its score is filed at.
        monitor: index of the monitor.
        address: where the outcome is stored.
    """

    step: int
    monitor: int
    address: str
    view: View


class Plan:
    """Turns the steps of one transcript into tasks; replay and session share it."""

    def __init__(self, monitors: Sequence[Monitor]) -> None:
        self._monitors = monitors
        self._views = Views(frozenset(m.view for m in monitors))
        self._by_step = [(k, m) for k, m in enumerate(monitors) if not m.whole_turn]
        self._by_turn = [(k, m) for k, m in enumerate(monitors) if m.whole_turn]

    def push(self, step: Step) -> list[Task]:
        """Tasks that this step makes possible: those of the turn it closes, then its own."""
        views, closed = self._views.push(step)
        tasks = self._turn_tasks(closed) if closed is not None else []
        for k, monitor in self._by_step:
            if step.channel in monitor.channels:
                view = views[monitor.view]
                tasks.append(Task(step.index, k, monitor.address(view), view))
        return tasks

    def close(self) -> list[Task]:
        """Tasks of the last turn, at the end of the transcript."""
        closed = self._views.close()
        return self._turn_tasks(closed) if closed is not None else []

    def _turn_tasks(self, closed: tuple[Step, dict[ViewSize, View]]) -> list[Task]:
        last, views = closed
        return [
            Task(last.index, k, monitor.address(views[monitor.view]), views[monitor.view])
            for k, monitor in self._by_turn
            if any(p.channel in monitor.channels for p in views[monitor.view].parts if p.start >= 0)
        ]
