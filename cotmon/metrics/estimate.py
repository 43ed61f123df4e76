"""A figure with its interval, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, its 95 % interval and what stands behind it.

    Attributes:
        value: the figure; None where it cannot be estimated, and `why` says it. Never NaN.
        low, high: 95 % interval; None where there is none.
        method: how the interval (or a named form of the figure) was made.
        why: why there is no value, or no interval, or what limits the value.
        n: units behind it.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    method: str = ""
    why: str | None = None
    n: int = 0


def not_estimable(why: str, n: int = 0) -> Estimate:
    """An estimate without a value, which says why."""
    return Estimate(None, why=why, n=n)


def lacking_class(honest: int, attacks: int) -> str | None:
    """Why nothing can be said of honest against attack; None where both are there."""
    missing = [name for name, n in (("honest", honest), ("attack", attacks)) if n == 0]
    return f"no scored {' and no scored '.join(missing)} case" if missing else None
