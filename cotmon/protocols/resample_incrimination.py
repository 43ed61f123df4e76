"""Resample incrimination: a suspicious step is sampled again, and its samples are the evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cotmon.errors import UsageError
from cotmon.protocols.budget import fit_cut, reach_chances
from cotmon.protocols.protocol import Cut, Move, State, judge
from cotmon.protocols.resampling import Statistic, combine, combine_rows, least_suspicious


@dataclass(frozen=True, slots=True)
class ResampleIncrimination:
    """Asks again where the first output is suspicious; the samples together decide on an audit.

    Bhatt et al. 2504.10374 (statistic `min`), 2605.26047 (`max`). Of a step that is not held
    against the run, the least suspicious output runs. A strike short of the last is deferred.

    Attributes:
        resample: from here on, on the first output, the step is sampled again.
        audit: from here on, on the samples' statistic, the step is a strike.
        samples: outputs asked for besides the first, at least 1.
        statistic: how the samples' suspicions, the first included, become one.
        strikes: the strike that is audited; an audit wipes the slate.
    """

    resample: Cut
    audit: Cut
    samples: int
    statistic: Statistic
    strikes: int = 1

    def __post_init__(self) -> None:
        if self.samples < 1 or self.strikes < 1:
            raise UsageError("resampling needs at least one sample and one strike")

    @classmethod
    def fitted(
        cls,
        honest: NDArray[np.float64],
        resamples: float,
        audits: float,
        statistic: Statistic,
        strikes: int = 1,
    ) -> ResampleIncrimination:
        """Resamples and strikes those shares of honest steps.

        Args:
            honest: (n, 1 + samples) suspicions of honest steps, the first output's first. Each
                cut is fitted on the statistic that it is compared with.
        """
        resample = fit_cut(honest[:, 0], resamples).cut
        eligible = reach_chances(resample, honest[:, 0])
        audit = fit_cut(combine_rows(statistic, honest), audits, eligible).cut
        return cls(resample, audit, honest.shape[1] - 1, statistic, strikes)

    @property
    def needs(self) -> frozenset[str]:
        """See `ControlProtocol`."""
        named = {"success", "resample_scores", "resample_success", "resample_attack"}
        return frozenset(named | ({"trusted_success"} if self.strikes > 1 else set()))

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """See `ControlProtocol`."""
        return (self.resample, self.audit)

    def start(self) -> State:
        """See `ControlProtocol`."""
        return State()

    def step(self, state: State, suspicion: float | None, draw: float) -> tuple[State, Move]:
        """See `ControlProtocol`; after `resample` the next call brings the next output's."""
        samples = (*state.samples, suspicion)
        if len(samples) == 1:
            first = judge([(self.resample, "resample")], suspicion, draw)
            return (replace(state, samples=samples) if first.act == "resample" else state), first
        if len(samples) <= self.samples:
            return replace(state, samples=samples), Move("resample", "more samples to come")
        return self._decide(replace(state, samples=()), samples, draw)

    def _decide(
        self, state: State, samples: tuple[float | None, ...], draw: float
    ) -> tuple[State, Move]:
        move = judge([(self.audit, "audit")], combine(self.statistic, samples), draw)
        if move.act == "allow":
            return state, replace(move, sample=least_suspicious(samples))
        strikes = state.strikes + 1
        if strikes < self.strikes:
            because = f"{move.because}: strike {strikes} of {self.strikes}"
            return replace(state, strikes=strikes), Move("defer", because)
        return replace(state, strikes=0, audits=state.audits + 1), move
