"""Upfront auditing: a person looks at a random share of the work, before the rest runs."""

from __future__ import annotations

from dataclasses import dataclass

from cotmon.protocols.protocol import Cut, Move, State, is_scored


@dataclass(frozen=True, slots=True)
class UpfrontAuditing:
    """Audits a share of cases at random and reads no suspicion (Greenblatt et al. 2312.06942 §2).

    The published safety holds where the drawn cases are audited before any other runs.

    Attributes:
        share: of cases audited, in [0, 1].
    """

    share: float

    def __post_init__(self) -> None:
        Cut(0.0, self.share)

    @property
    def needs(self) -> frozenset[str]:
        """See `ControlProtocol`."""
        return frozenset({"success"})

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """One cut at which every case is a tie."""
        return (Cut(0.0, self.share),)

    def start(self) -> State:
        """See `ControlProtocol`."""
        return State()

    def step(self, state: State, suspicion: float | None, draw: float) -> tuple[State, Move]:
        """See `ControlProtocol`; no score is needed, and a missing one is said."""
        said = "" if is_scored(suspicion) else " (unscored)"
        if self.cuts[0].reached(0.0, draw):
            return State(audits=state.audits + 1), Move("audit", f"drawn for an audit{said}")
        return state, Move("allow", f"not drawn for an audit; no score is read{said}")
