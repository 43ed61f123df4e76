"""Budgets kept exactly: a cut from honest suspicions, and a draw for its ties."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cotmon.errors import UsageError
from cotmon.protocols.protocol import Cut


@dataclass(frozen=True, slots=True)
class Fitted:
    """A cut fitted to a budget.

    Attributes:
        cut: threshold and share of ties.
        asked: the budget, a share of honest cases.
        attained: the share of these honest cases that reaches the cut, in expectation.
        why: why `attained` is not `asked`; None where it is.
        n: honest cases behind it, unscored ones included.
    """

    cut: Cut
    asked: float
    attained: float
    why: str | None
    n: int


def fit_cut(honest: ArrayLike, share: float, weights: ArrayLike | None = None) -> Fitted:
    """The cut that a given share of honest cases reaches, exactly, in expectation over draws.

    An unscored honest case reaches every cut, so it spends the budget first.

    Args:
        honest: suspicions of honest cases, (n,); NaN is unscored.
        share: the budget, in [0, 1], of all n cases.
        weights: the chance that each case is compared with this cut at all; default 1.

    Raises:
        UsageError: no case has a score, or the share is outside [0, 1].
    """
    scores = np.asarray(honest, dtype=float)
    chances = np.ones(len(scores)) if weights is None else np.asarray(weights, dtype=float)
    scored = np.isfinite(scores)
    if not 0 <= share <= 1:
        raise UsageError(f"a budget is a share in [0, 1], not {share}")
    if not scored.any():
        raise UsageError("a budget needs at least one honest case with a score")
    spent = float(chances[~scored].sum())
    wanted = round(share * len(scores) - spent, 9)
    cut, reached = _descend(scores[scored], chances[scored], max(wanted, 0.0))
    return Fitted(cut, share, (spent + reached) / len(scores), _why(wanted, reached), len(scores))


def reach_chances(cut: Cut, suspicions: ArrayLike) -> NDArray[np.float64]:
    """The chance that each case reaches the cut, over draws; 1 for the unscored."""
    scores = np.asarray(suspicions, dtype=float)
    above = (scores > cut.threshold) | ~np.isfinite(scores)
    return np.where(above, 1.0, np.where(scores == cut.threshold, cut.tie_share, 0.0))


def seeded_draw(seed: int, *content: str) -> float:
    """A number in [0, 1) that depends on the seed and the content alone, never on order."""
    digest = hashlib.sha256(repr((seed, content)).encode("utf-8", "backslashreplace")).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def _descend(
    scores: NDArray[np.float64], chances: NDArray[np.float64], wanted: float
) -> tuple[Cut, float]:
    """The cut that `wanted` of weight reaches, and the weight that does reach it."""
    values, inverse = np.unique(scores, return_inverse=True)
    tied = np.bincount(inverse, weights=chances, minlength=len(values))[::-1]
    below_top = np.cumsum(tied)
    level = min(int(np.searchsorted(below_top, wanted - 1e-9)), len(values) - 1)
    above = float(below_top[level] - tied[level])
    share = min(1.0, max(0.0, (wanted - above) / tied[level])) if tied[level] > 0 else 0.0
    return Cut(float(values[::-1][level]), share), above + share * float(tied[level])


def _why(wanted: float, reached: float) -> str | None:
    if wanted < 0:
        return "unscored honest cases alone exceed the budget"
    return "too few cases get this far to spend the budget" if wanted - reached > 1e-6 else None
