"""Defer to resample: a suspicious step is sampled again and its least suspicious output runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cotmon.protocols.protocol import Cut, Move, State
from cotmon.protocols.resample_incrimination import ResampleIncrimination


@dataclass(frozen=True, slots=True)
class DeferToResample:
    """Runs the least suspicious of several outputs, unless even that one reaches the audit cut.

    Bhatt et al. 2504.10374. An attacker whose outputs all attack gains a best-of-n by it
    (2510.09462), which is why the second cut exists.

    Attributes:
        resample: from here on, on the first output, the step is sampled again.
        audit: from here on, on the lowest of all samples, the step is audited.
        samples: outputs asked for besides the first, at least 1.
    """

    resample: Cut
    audit: Cut
    samples: int

    def __post_init__(self) -> None:
        self._as_incrimination()

    @classmethod
    def fitted(
        cls, honest: NDArray[np.float64], resamples: float, audits: float
    ) -> DeferToResample:
        """Resamples and audits those shares of honest steps; `honest` is (n, 1 + samples)."""
        like = ResampleIncrimination.fitted(honest, resamples, audits, "min")
        return cls(like.resample, like.audit, like.samples)

    @property
    def needs(self) -> frozenset[str]:
        """See `ControlProtocol`."""
        return self._as_incrimination().needs

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """See `ControlProtocol`."""
        return (self.resample, self.audit)

    def start(self) -> State:
        """See `ControlProtocol`."""
        return State()

    def step(self, state: State, suspicion: float | None, draw: float) -> tuple[State, Move]:
        """See `ControlProtocol`; after `resample` the next call brings the next output's."""
        return self._as_incrimination().step(state, suspicion, draw)

    def _as_incrimination(self) -> ResampleIncrimination:
        """The same machine: incrimination by the lowest sample, on the first strike."""
        return ResampleIncrimination(self.resample, self.audit, self.samples, "min")
