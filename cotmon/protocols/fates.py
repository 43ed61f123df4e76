"""What a protocol does with stored cases: the live machine, played over recorded suspicions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cotmon.errors import UsageError
from cotmon.protocols.protocol import ACTS, ControlProtocol, State

Fate = tuple[int, int]
"""The severest act so far (its place in ACTS) and the highest sample that ran."""

Samples = Sequence[float | None]
"""The suspicions of one step's outputs: the first, then those that a resample would bring."""

_UNTOUCHED: Fate = (0, 0)
_AUDIT, _RESAMPLE = ACTS.index("audit"), ACTS.index("resample")


@dataclass(frozen=True, slots=True, eq=False)
class Fates:
    """The chance of every end for each of n cases; a case's chances sum to 1.

    Attributes:
        run: (n, 1 + resamples) an untrusted output runs untouched; column 0 is the first.
        edit: (n,) an edited output runs.
        defer: (n,) the trusted model acts.
        audit: (n,) a person looks.
        stop: (n,) the run is stopped.
    """

    run: NDArray[np.float64]
    edit: NDArray[np.float64]
    defer: NDArray[np.float64]
    audit: NDArray[np.float64]
    stop: NDArray[np.float64]


def fates(
    protocol: ControlProtocol, suspicions: ArrayLike, resamples: ArrayLike | None = None
) -> Fates:
    """The fates of single cases, exact: the expectation over all draws.

    Args:
        protocol: the machine, each case from its start.
        suspicions: (n,) one number a case; NaN is unscored.
        resamples: (n, k) suspicions of resampled outputs, for protocols that ask for them.

    Raises:
        UsageError: the protocol asks for more samples than there are.
    """
    rows = _rows(suspicions, resamples)
    _, first, cell = np.unique(_cells(protocol, rows), return_index=True, return_inverse=True)
    played = [play(protocol, [row]) for row in rows[first].tolist()]
    table = _table(played, rows.shape[1])
    return Fates(*(column[cell] for column in _columns(table)))


def sequence_fates(protocol: ControlProtocol, sequences: Sequence[Sequence[Samples]]) -> Fates:
    """The fates of whole runs, exact: the machine goes from step to step and keeps its state.

    A case's fate is its severest act; an audit or a stop settles it. For an attack hand in the
    steps up to the one at which it lands: what is caught later is caught too late.

    Args:
        protocol: the machine, each run from its start.
        sequences: for each run its steps; for each step its samples, of which most protocols
            read only the first.
    """
    width = max((len(step) for steps in sequences for step in steps), default=1)
    table = _table([play(protocol, steps) for steps in sequences], width)
    return Fates(*_columns(table))


def play(protocol: ControlProtocol, steps: Sequence[Samples]) -> Mapping[Fate, float]:
    """Every fate that draws can lead to, with its chance."""
    alive: dict[tuple[State, Fate], float] = {(protocol.start(), _UNTOUCHED): 1.0}
    settled: defaultdict[Fate, float] = defaultdict(float)
    for samples in steps:
        following: defaultdict[tuple[State, Fate], float] = defaultdict(float)
        for (state, fate), chance in alive.items():
            for share, after, reached in _outcomes(protocol, state, samples):
                worst = max(fate, reached)
                if reached[0] >= _AUDIT:
                    settled[worst] += chance * share
                else:
                    following[after, worst] += chance * share
        alive = following
    for (_, fate), chance in alive.items():
        settled[fate] += chance
    return settled


def _outcomes(
    protocol: ControlProtocol, state: State, samples: Samples
) -> Iterator[tuple[float, State, Fate]]:
    """Every way one step can end; an act is constant between the cuts' shares of ties."""
    edges = sorted({0.0, 1.0, *(cut.tie_share for cut in protocol.cuts)})
    asking: dict[State, float] = {state: 1.0}
    for suspicion in samples:
        again: defaultdict[State, float] = defaultdict(float)
        for before, chance in asking.items():
            for low, high in pairwise(edges):
                after, move = protocol.step(before, suspicion, low)
                share = chance * (high - low)
                if move.act == "resample":
                    again[after] += share
                else:
                    yield share, after, (ACTS.index(move.act), move.sample)
        asking = again
    if asking:
        raise _too_few(samples)


def _too_few(samples: Samples) -> UsageError:
    return UsageError(f"the protocol needs resample_scores: more than {len(samples) - 1} a step")


def _rows(suspicions: ArrayLike, resamples: ArrayLike | None) -> NDArray[np.float64]:
    first = np.asarray(suspicions, dtype=float).reshape(-1, 1)
    return first if resamples is None else np.hstack([first, np.asarray(resamples, dtype=float)])


def _cells(protocol: ControlProtocol, rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """A number for each case; cases of one number lie alike to every cut, so end alike."""
    if rows.shape[1] > 1:
        return np.arange(len(rows))
    edges = np.unique([cut.threshold for cut in protocol.cuts])
    values = rows[:, 0]
    place = np.searchsorted(edges, values) + np.searchsorted(edges, values, side="right")
    return np.where(np.isfinite(values), place, -1)


def _table(played: Sequence[Mapping[Fate, float]], width: int) -> NDArray[np.float64]:
    """(n, acts, samples) chances."""
    table = np.zeros((len(played), len(ACTS), width))
    for case, chances in enumerate(played):
        for fate, chance in chances.items():
            table[(case, *fate)] += chance
    return table


def _columns(table: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    yield table[:, 0]
    for act in ACTS[_RESAMPLE + 1 :]:
        yield table[:, ACTS.index(act)].sum(axis=1)
