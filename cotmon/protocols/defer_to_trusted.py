"""Defer to trusted: a trusted model acts where the untrusted one looks suspicious."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from cotmon.protocols.budget import fit_cut
from cotmon.protocols.protocol import Act, Cut, Move, State, judge, require_nested


@dataclass(frozen=True, slots=True)
class DeferToTrusted:
    """Audits the top, defers the band below it (2312.06942 §2; Bhatt et al. 2504.10374).

    By suspicion: give the cuts. By fraction: `fitted`.

    Attributes:
        defer: from here on the trusted model acts.
        audit: from here on a person is asked; None: nobody is.
    """

    defer: Cut
    audit: Cut | None = None

    def __post_init__(self) -> None:
        if self.audit is not None:
            require_nested(self.audit, self.defer, "audits must lie above deferrals")

    @classmethod
    def fitted(cls, honest: ArrayLike, defers: float, audits: float = 0.0) -> DeferToTrusted:
        """Audits the top share `audits` of honest cases and defers the share below it."""
        audit = fit_cut(honest, audits).cut if audits else None
        return cls(fit_cut(honest, audits + defers).cut, audit)

    @property
    def needs(self) -> frozenset[str]:
        """See `ControlProtocol`."""
        return frozenset({"success", "trusted_success"})

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """See `ControlProtocol`."""
        return (self.defer,) if self.audit is None else (self.audit, self.defer)

    def start(self) -> State:
        """See `ControlProtocol`."""
        return State()

    def step(self, state: State, suspicion: float | None, draw: float) -> tuple[State, Move]:
        """See `ControlProtocol`."""
        bands: list[tuple[Cut, Act]] = [(self.defer, "defer")]
        if self.audit is not None:
            bands.insert(0, (self.audit, "audit"))
        move = judge(bands, suspicion, draw)
        return (replace(state, audits=state.audits + 1) if move.act == "audit" else state), move
