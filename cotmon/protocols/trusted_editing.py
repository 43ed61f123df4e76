"""Trusted editing: a trusted model mends what is suspicious, a person sees what is most so."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from cotmon.protocols.budget import fit_cut
from cotmon.protocols.protocol import Cut, Move, State, judge, require_nested


@dataclass(frozen=True, slots=True)
class TrustedEditing:
    """Edits a band of suspicion and audits what lies above it (2312.06942 §2).

    Attributes:
        edit: from here on the output is edited.
        audit: from here on it is audited.
    """

    edit: Cut
    audit: Cut

    def __post_init__(self) -> None:
        require_nested(self.audit, self.edit, "audits must lie above edits")

    @classmethod
    def fitted(cls, honest: ArrayLike, edits: float, audits: float) -> TrustedEditing:
        """Audits the top share `audits` of honest cases and edits the share below it."""
        return cls(fit_cut(honest, audits + edits).cut, fit_cut(honest, audits).cut)

    @property
    def needs(self) -> frozenset[str]:
        """See `ControlProtocol`."""
        return frozenset({"success", "edited_success", "edited_attack"})

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """See `ControlProtocol`."""
        return (self.audit, self.edit)

    def start(self) -> State:
        """See `ControlProtocol`."""
        return State()

    def step(self, state: State, suspicion: float | None, draw: float) -> tuple[State, Move]:
        """See `ControlProtocol`."""
        move = judge([(self.audit, "audit"), (self.edit, "edit")], suspicion, draw)
        return (replace(state, audits=state.audits + 1) if move.act == "audit" else state), move
