"""The engine a step at a time: push a message, get outcomes; the same as a replay's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from cotmon.engine.monitor import Monitor
from cotmon.engine.plan import Plan, Task
from cotmon.engine.score import Judged, Known
from cotmon.records import Message, Outcome, Source, Step, Transcript, access_of
from cotmon.segmentation import Stepper


class StepOutcome(NamedTuple):
    """One monitor's word on one step."""

    step: Step
    monitor: Monitor
    outcome: Outcome


class Session:
    """One agent, watched as it speaks.

    Attributes:
        judged: everything so far, in the form a replay gives.
    """

    def __init__(
        self, monitors: Sequence[Monitor], known: Known = lambda _: {}, transcript_id: str = "live"
    ) -> None:
        self._monitors = list(monitors)
        self._known = known
        self._plan = Plan(self._monitors)
        self._stepper = Stepper()
        self._said: list[Message] = []
        source = Source(file="-", format="session")
        self.judged = Judged(Transcript(id=transcript_id, source=source))

    def push(self, message: Message) -> list[StepOutcome]:
        """Scores the steps of one whole message, and the turn it closes."""
        self._said.append(message)
        tasks: list[Task] = []
        for step in self._stepper.steps(message):
            self.judged.steps.append(step)
            tasks.extend(self._plan.push(step))
        return self._score(tasks)

    def close(self) -> list[StepOutcome]:
        """Scores the last turn and completes `judged`; nothing may be pushed afterwards."""
        said = tuple(self._said)
        self.judged.transcript = msgspec.structs.replace(
            self.judged.transcript, messages=said, access=access_of(said)
        )
        return self._score(self._plan.close())

    def _score(self, tasks: list[Task]) -> list[StepOutcome]:
        outcomes = dict(self._known({task.address for task in tasks}))
        results: list[StepOutcome] = []
        for k, monitor in enumerate(self._monitors):
            own = [t for t in tasks if t.monitor == k]
            new = {t.address: t.view for t in own if t.address not in outcomes}
            if new:
                outcomes.update(zip(new, monitor.score(list(new.values())), strict=True))
            for task in own:
                outcome = outcomes[task.address]
                self.judged.addresses[task.step, k] = task.address
                self.judged.outcomes[task.step, k] = outcome
                results.append(StepOutcome(self.judged.steps[task.step], monitor, outcome))
        return results
