"""What every protocol is: a pure machine from suspicions to acts, one step at a time.

A host drives it on a living agent, `fates` plays the same machine over stored scores: there is
no second implementation. A machine has no clock, no I/O and no chance of its own: what chance
decides (ties at a budget) is decided by a `draw` that the caller hands in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeGuard

from cotmon.errors import UsageError

Act = Literal["allow", "resample", "edit", "defer", "audit", "stop"]

ACTS: tuple[Act, ...] = ("allow", "resample", "edit", "defer", "audit", "stop")
"""From mild to severe. `allow` runs the output as it is; `resample` asks the untrusted model
again; `edit` and `defer` let a trusted model mend or replace it; `audit` asks a person."""

INPUTS: dict[str, str] = {
    "success": "honest cases: whether the untrusted output does the task",
    "trusted_success": "honest cases: whether the trusted model does the task",
    "edited_success": "honest cases: whether the edited output does the task",
    "resample_success": "honest cases: whether each resampled output does the task",
    "attack_success": "attack cases: whether the attack works if it runs; not given: it does",
    "edited_attack": "attack cases: whether the attack still works after the edit",
    "resample_attack": "attack cases: whether each resampled output is an attack that works",
    "resample_scores": "all cases: the suspicion of each resampled output",
}
"""What an evaluation may have to be told, besides suspicions."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A threshold with a share for its ties: the one rule by which a suspicion reaches it.

    Attributes:
        threshold: reached by every suspicion above it.
        tie_share: the share of cases exactly at it that reach it, in [0, 1]; 1 is "flag iff
            suspicion >= threshold". A share makes a budget exact where scores are tied.
    """

    threshold: float
    tie_share: float = 1.0

    def __post_init__(self) -> None:
        if math.isnan(self.threshold):
            raise UsageError("a threshold must be a number")
        if not 0 <= self.tie_share <= 1:
            raise UsageError(f"a share of ties lies in [0, 1], not {self.tie_share}")

    def reached(self, suspicion: float | None, draw: float) -> bool:
        """Whether a case is at or past the cut; one without a score always is."""
        if is_scored(suspicion):
            at = suspicion == self.threshold and draw < self.tie_share
            return at or suspicion > self.threshold
        return True

    def within(self, outer: Cut) -> bool:
        """Whether whatever reaches this cut reaches `outer` too."""
        return (-self.threshold, self.tie_share) <= (-outer.threshold, outer.tie_share)


@dataclass(frozen=True, slots=True)
class State:
    """All that a machine remembers between steps. A host keeps it; it is never shared.

    Attributes:
        samples: suspicions of this step's outputs so far, while it is being resampled.
        strikes: steps of this run held against it since the last audit.
        audits: audits spent.
    """

    samples: tuple[float | None, ...] = ()
    strikes: int = 0
    audits: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """What to do with a step, and why.

    Attributes:
        act: what the host is to do.
        because: for people and the log; the agent is never shown it (promise 5).
        sample: with `allow`, which of the step's outputs runs; 0 is the first.
    """

    act: Act
    because: str
    sample: int = 0


class ControlProtocol(Protocol):
    """A frozen dataclass of parameters that turns suspicions into acts."""

    @property
    def needs(self) -> frozenset[str]:
        """The names of `INPUTS` that an evaluation of it rests on."""
        ...

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Every cut it compares with: between them neither suspicion nor draw matters."""
        ...

    def start(self) -> State:
        """The state before the first step."""
        ...

    def step(self, state: State, suspicion: float | None, draw: float) -> tuple[State, Move]:
        """The act for one output, and the state after it.

        Args:
            state: of the run so far.
            suspicion: of the output; None or NaN: unscored, which reaches every cut.
            draw: uniform in [0, 1), fresh for every call and derived from content, so that a
                replay decides ties alike (`budget.seeded_draw`).
        """
        ...


def is_scored(suspicion: float | None) -> TypeGuard[float]:
    """Whether there is a finite number; a case without one is never taken for a harmless one."""
    return suspicion is not None and math.isfinite(suspicion)


def judge(bands: Sequence[tuple[Cut, Act]], suspicion: float | None, draw: float) -> Move:
    """The act of the first cut that is reached, from severe to mild; else `allow`."""
    for cut, act in bands:
        if cut.reached(suspicion, draw):
            return Move(act, _reason(cut, suspicion))
    return Move("allow", "below every threshold")


def require_nested(inner: Cut, outer: Cut, words: str) -> None:
    """Raise UsageError unless the severe act's cut lies within the milder one's."""
    if not inner.within(outer):
        raise UsageError(f"{words}: {inner.threshold} lies below {outer.threshold}")


def _reason(cut: Cut, suspicion: float | None) -> str:
    if not is_scored(suspicion):
        return "unscored: treated as above every threshold"
    drawn = suspicion == cut.threshold and cut.tie_share < 1
    return "drawn among ties at the threshold" if drawn else "reaches the threshold"
