"""Trusted monitoring: the most suspicious cases are audited, within a budget."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from cotmon.protocols.budget import fit_cut
from cotmon.protocols.protocol import Cut, Move, State, judge


@dataclass(frozen=True, slots=True)
class TrustedMonitoring:
    """Audits what reaches a cut (Greenblatt et al. 2312.06942 §2).

    Attributes:
        audit: from here on a case is audited.
        most: audits a run may spend; a case that would need one more stops the run instead of
            passing, or an agent could burn the budget and then act. None: no limit.
    """

    audit: Cut
    most: int | None = None

    @classmethod
    def fitted(cls, honest: ArrayLike, audits: float) -> TrustedMonitoring:
        """Audits that share of honest cases."""
        return cls(fit_cut(honest, audits).cut)

    @property
    def needs(self) -> frozenset[str]:
        """See `ControlProtocol`."""
        return frozenset({"success"})

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """See `ControlProtocol`."""
        return (self.audit,)

    def start(self) -> State:
        """See `ControlProtocol`."""
        return State()

    def step(self, state: State, suspicion: float | None, draw: float) -> tuple[State, Move]:
        """See `ControlProtocol`."""
        move = judge([(self.audit, "audit")], suspicion, draw)
        if move.act == "allow":
            return state, move
        if self.most is not None and state.audits >= self.most:
            return state, Move("stop", f"{move.because}, and no audit is left")
        return replace(state, audits=state.audits + 1), move
