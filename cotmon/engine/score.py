"""Views to scores over many transcripts: chunks outside, monitors inside (contract 3)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from cotmon.engine.monitor import Monitor
from cotmon.engine.plan import Plan, Task
from cotmon.records import Outcome, Step, Transcript, Unscored, View
from cotmon.segmentation import Stepper

CHUNK = 2048
"""Steps whose views are scored together."""
REMOTE_WORKERS = 32
"""Threads that wait for remote monitors; each model holds its own, lower limit."""

Known = Callable[[Collection[str]], Mapping[str, Outcome]]
"""What is stored under these addresses; scores and permanent failures only."""


@dataclass(slots=True)
class Judged:
    """One transcript with an outcome, or none, for every (step, monitor).

    Attributes:
        steps: in order.
        addresses: (step index, monitor index) → address, where the monitor applies.
        outcomes: the same keys → outcome.
    """

    transcript: Transcript
    steps: list[Step] = field(default_factory=list)
    addresses: dict[tuple[int, int], str] = field(default_factory=dict)
    outcomes: dict[tuple[int, int], Outcome] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """What to commit in one go.

    Attributes:
        outcomes: new ones by address, each with the index of its monitor.
        finished: transcripts that are complete with this batch.
        steps: how many steps were worked on, for progress.
    """

    outcomes: dict[str, tuple[int, Outcome]] = field(default_factory=dict)
    finished: list[Judged] = field(default_factory=list)
    steps: int = 0


def score(
    transcripts: Iterable[Transcript | None],
    monitors: Sequence[Monitor],
    known: Known,
    chunk: int = CHUNK,
) -> Iterator[Batch]:
    """Scores streaming transcripts; commit each batch before asking for the next.

    Args:
        transcripts: read as they are needed; a None among them gives an empty batch at once,
            so that a caller who has other things to do in between can.
        monitors: all active ones.
        known: what the store already holds.
        chunk: steps a chunk; changes speed and memory, never a result.
    """
    waiting: list[tuple[Judged, list[Task]]] = []
    finished: list[Judged] = []
    steps = 0
    for transcript in transcripts:
        if transcript is None:
            yield Batch()
            continue
        judged, plan, stepper = Judged(transcript), Plan(monitors), Stepper()
        for message in transcript.messages:
            for step in stepper.steps(message):
                judged.steps.append(step)
                steps += 1
                waiting.append((judged, plan.push(step)))
                if steps >= chunk:
                    yield from _score_chunk(waiting, monitors, known, finished, steps)
                    waiting, finished, steps = [], [], 0
        waiting.append((judged, plan.close()))
        finished.append(judged)
    yield from _score_chunk(waiting, monitors, known, finished, steps)


def _score_chunk(
    waiting: list[tuple[Judged, list[Task]]],
    monitors: Sequence[Monitor],
    known: Known,
    finished: list[Judged],
    steps: int,
) -> Iterator[Batch]:
    """Known outcomes are looked up once, equal views scored once."""
    outcomes = dict(known({task.address for _, tasks in waiting for task in tasks}))
    todo: dict[int, dict[str, View]] = {}
    for _, tasks in waiting:
        for task in tasks:
            if task.address not in outcomes:
                todo.setdefault(task.monitor, {})[task.address] = task.view
    last = Batch(finished=finished, steps=steps)
    for k, views in todo.items():
        if not monitors[k].kind.remote:
            for address, outcome in zip(
                views, monitors[k].score(list(views.values())), strict=True
            ):
                outcomes[address] = outcome
                last.outcomes[address] = (k, outcome)
    for k, address, outcome in _remote(todo, monitors):
        outcomes[address] = outcome
        yield Batch(outcomes={address: (k, outcome)})
    for judged, tasks in waiting:
        for task in tasks:
            key = task.step.index, task.monitor
            judged.addresses[key] = task.address
            judged.outcomes[key] = outcomes[task.address]
    yield last


def _remote(
    todo: dict[int, dict[str, View]], monitors: Sequence[Monitor]
) -> Iterator[tuple[int, str, Outcome]]:
    """Outcomes of monitors that wait for others, each as it comes."""
    jobs = [
        (k, address, view)
        for k, views in todo.items()
        if monitors[k].kind.remote
        for address, view in views.items()
    ]
    if not jobs:
        return
    pool = ThreadPoolExecutor(min(REMOTE_WORKERS, len(jobs)), thread_name_prefix="cotmon-remote")
    try:
        futures = {
            pool.submit(monitors[k].score, [view]): (k, address) for k, address, view in jobs
        }
        for future in as_completed(futures):
            k, address = futures[future]
            yield k, address, future.result()[0]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def storable(outcome: Outcome) -> bool:
    """Whether an outcome is known from now on; transient failures are tried again."""
    return not (isinstance(outcome, Unscored) and not outcome.permanent)
