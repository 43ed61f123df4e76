"""The engine a step at a time: push a message, get outcomes; the same as a replay's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from cotmon.engine.monitor import Monitor
from cotmon.engine.plan import Plan, Task
from cotmon.engine.score import Judged, Known
from cotmon.records import Message, Outcome, Source, Step, Transcript, View, access_of
from cotmon.segmentation import Stepper

Scorer = Callable[[Mapping[int, Mapping[str, View]]], Mapping[str, Outcome]]
"""Monitor index → address → view, to address → outcome; every address must be answered."""


class StepOutcome(NamedTuple):
    """One monitor's word on one step."""

    step: Step
    monitor: Monitor
    outcome: Outcome


class _Stepwise:
    """What scores messages as they come, and keeps nothing but what later views need."""

    def __init__(
        self, monitors: Sequence[Monitor], known: Known = lambda _: {}, scorer: Scorer | None = None
    ) -> None:
        self._monitors = list(monitors)
        self._known = known
        self._scorer = scorer or self._alone
        self._plan = Plan(self._monitors)
        self._stepper = Stepper()

    def push(self, *messages: Message) -> list[StepOutcome]:
        """Scores the steps of whole messages, and the turns they close, in one go."""
        return self._score([task for message in messages for task in self._tasks(message)])

    def settle(self) -> list[StepOutcome]:
        """Scores the turn so far, for those who cannot wait for the next one to close it.

        The turn must be whole: what is pushed next belongs to another one.
        """
        return self._score(self._plan.close())

    def _tasks(self, message: Message) -> list[Task]:
        """What its steps ask for, in order of the monitors."""
        tasks = [task for step in self._steps(message) for task in self._plan.push(step)]
        return sorted(tasks, key=lambda task: task.monitor)

    def _steps(self, message: Message) -> list[Step]:
        return self._stepper.steps(message)

    def _score(self, tasks: list[Task]) -> list[StepOutcome]:
        outcomes = dict(self._known({task.address for task in tasks}))
        new: dict[int, dict[str, View]] = {}
        for task in tasks:
            if task.address not in outcomes:
                new.setdefault(task.monitor, {})[task.address] = task.view
        outcomes.update(self._scorer(new) if new else {})
        return [
            StepOutcome(task.step, self._monitors[task.monitor], outcomes[task.address])
            for task in tasks
        ]

    def _alone(self, new: Mapping[int, Mapping[str, View]]) -> dict[str, Outcome]:
        """Every monitor in turn, in this thread."""
        return {
            address: outcome
            for k, views in new.items()
            for address, outcome in zip(
                views, self._monitors[k].score(list(views.values())), strict=True
            )
        }


class LiveSession(_Stepwise):
    """One agent, watched as it speaks, for as long as it lives.

    Attributes:
        steps: of what was pushed last.
    """

    steps: list[Step]

    def push(self, *messages: Message) -> list[StepOutcome]:
        """Scores whole turns, and the turn that they close, in one go; none of them may go on."""
        self.steps = []
        found = super().push(*messages)
        self._stepper.end_turns()
        self._plan.pack()
        return found

    def abandon(self) -> None:
        """The turn that was settled last is beside the line: something else was said in its place.

        What comes next is seen as if it had not been said by the same agent before.
        """
        self._plan.abandon()

    def _steps(self, message: Message) -> list[Step]:
        steps = super()._steps(message)
        self.steps += steps
        return steps


class Session(_Stepwise):
    """One agent, watched as it speaks; everything is kept, for those who want the whole.

    Attributes:
        judged: everything so far, in the form a replay gives.
    """

    def __init__(
        self,
        monitors: Sequence[Monitor],
        known: Known = lambda _: {},
        transcript_id: str = "live",
        scorer: Scorer | None = None,
    ) -> None:
        super().__init__(monitors, known, scorer)
        self._said: list[Message] = []
        source = Source(file="-", format="session")
        self.judged = Judged(Transcript(id=transcript_id, source=source))

    def close(self) -> list[StepOutcome]:
        """Scores the last turn and completes `judged`; nothing may be pushed afterwards."""
        said = tuple(self._said)
        self.judged.transcript = msgspec.structs.replace(
            self.judged.transcript, messages=said, access=access_of(said)
        )
        return self._score(self._plan.close())

    def _steps(self, message: Message) -> list[Step]:
        steps = super()._steps(message)
        self._said.append(message)
        self.judged.steps.extend(steps)
        return steps

    def _score(self, tasks: list[Task]) -> list[StepOutcome]:
        found = super()._score(tasks)
        for task, (step, _, outcome) in zip(tasks, found, strict=True):
            self.judged.addresses[step.index, task.monitor] = task.address
            self.judged.outcomes[step.index, task.monitor] = outcome
        return found
