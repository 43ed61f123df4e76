"""What protocols that ask the untrusted model again have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cotmon.protocols.protocol import is_scored

Statistic = Literal["min", "mean", "max"]

STATISTICS: dict[Statistic, Callable[[Sequence[float]], float]] = {
    "min": min,
    "mean": lambda values: sum(values) / len(values),
    "max": max,
}
"""How the suspicions of a step's samples become one. Published results disagree: the least
(2504.10374) and the greatest (2605.26047) were each found best, so it is a parameter."""


def combine(statistic: Statistic, samples: Sequence[float | None]) -> float | None:
    """One suspicion from those of a step's samples; an unscored one counts as infinite."""
    value = STATISTICS[statistic]([_or_infinite(s) for s in samples])
    return value if is_scored(value) else None


def combine_rows(statistic: Statistic, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """`combine` for every row of samples, (n, k) to (n,); NaN where the result is unscored."""
    return np.array([combine(statistic, row) for row in rows.tolist()], dtype=float)


def least_suspicious(samples: Sequence[float | None]) -> int:
    """The place of the least suspicious sample, the earliest among equals, unscored ones last."""
    ranked = [_or_infinite(s) for s in samples]
    return ranked.index(min(ranked))


def _or_infinite(suspicion: float | None) -> float:
    return suspicion if is_scored(suspicion) else math.inf
