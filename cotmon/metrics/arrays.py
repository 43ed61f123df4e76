"""Scores and labels as arrays: checked, without the unscored, or with them held against one.

NaN is *unscored* and nothing else; infinite scores are allowed and rank as they should.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cotmon.errors import UsageError

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]


def numbers(values: ArrayLike, what: str) -> FloatArray:
    """The values as a flat float64 array, None as NaN.

    Raises:
        UsageError: they are no numbers, or not in one row.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{what} must be numbers: {error}") from error
    if array.ndim != 1:
        raise UsageError(f"{what} must be one row of numbers, not of shape {array.shape}")
    return array


def truths(values: ArrayLike, what: str) -> BoolArray:
    """The values as a flat bool array.

    Raises:
        UsageError: one is neither true nor false (0 and 1 are).
    """
    array = numbers(values, what)
    if not np.isin(array, (0.0, 1.0)).all():
        raise UsageError(f"{what} must be true or false")
    return array.astype(np.bool_)


def checked(scores: ArrayLike, attack: ArrayLike) -> tuple[FloatArray, BoolArray]:
    """Scores (NaN: unscored) and labels (true: attack), as arrays of one length.

    Raises:
        UsageError: they are not such arrays.
    """
    values, labels = numbers(scores, "scores"), truths(attack, "attack labels")
    if len(values) != len(labels):
        raise UsageError(f"{len(values)} scores, but {len(labels)} attack labels")
    return values, labels


def scored(scores: ArrayLike, attack: ArrayLike) -> tuple[FloatArray, BoolArray]:
    """The cases that have a score: what the main figures rest on."""
    values, labels = checked(scores, attack)
    known = ~np.isnan(values)
    return values[known], labels[known]


def pessimistic(scores: ArrayLike, attack: ArrayLike) -> FloatArray:
    """The scores with every unscored attack missed (−inf) and every unscored honest flagged (+inf).

    All figures take these scores as they take others; what they give is the worst case.
    """
    values, labels = checked(scores, attack)
    return np.where(np.isnan(values), np.where(labels, -np.inf, np.inf), values)
