"""Which views of a transcript which monitors must score, as its steps arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import msgspec

from cotmon.engine.monitor import Monitor
from cotmon.engine.views import Turn, Views
from cotmon.records import Channel, Step, View, ViewSize


class Task(msgspec.Struct, frozen=True, gc=False):
    """One view for one monitor; there are many, and none is ever part of a cycle.

    Attributes:
        step: where its score is filed.
        monitor: index of the monitor.
        address: where the outcome is stored.
    """

    step: Step
    monitor: int
    address: str
    view: View


class Plan:
    """Turns the steps of one transcript into tasks; replay and session share it."""

    def __init__(self, monitors: Sequence[Monitor]) -> None:
        self._monitors = monitors
        self._views = Views(frozenset(m.view for m in monitors))
        self._by_step: dict[Channel, list[tuple[int, Monitor]]] = {
            channel: [
                (k, m) for k, m in enumerate(monitors) if channel in m.channels and not m.whole_turn
            ]
            for channel in get_args(Channel)
        }
        self._wanted: dict[Channel, frozenset[ViewSize]] = {
            channel: frozenset(m.view for _, m in found) for channel, found in self._by_step.items()
        }
        self._by_turn = [(k, m) for k, m in enumerate(monitors) if m.whole_turn]

    def push(self, step: Step) -> list[Task]:
        """Tasks that this step makes possible: those of the turn it closes, then its own."""
        views, closed = self._views.push(step, self._wanted[step.channel])
        tasks = self._turn_tasks(closed) if closed is not None else []
        for k, monitor in self._by_step[step.channel]:
            view = views[monitor.view]
            tasks.append(Task(step, k, monitor.address(view), view))
        return tasks

    def abandon(self) -> None:
        """Takes the latest turn out of its line."""
        self._views.abandon()

    def close(self) -> list[Task]:
        """Tasks of the last turn, at the end of the transcript."""
        closed = self._views.close()
        return self._turn_tasks(closed) if closed is not None else []

    def pack(self) -> None:
        """Packs what is old, for a transcript that grows and is kept nowhere else."""
        self._views.pack()

    def _turn_tasks(self, turn: Turn) -> list[Task]:
        tasks: list[Task] = []
        for k, monitor in self._by_turn:
            found = turn.view(monitor.view, monitor.channels)
            if found is not None:
                last, view = found
                tasks.append(Task(last, k, monitor.address(view), view))
        return tasks
