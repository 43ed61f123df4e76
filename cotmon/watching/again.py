"""Turns that are said again: by a trusted model in its place, or by the same model once more."""

from __future__ import annotations

from cotmon.protocols.defer_to_resample import DeferToResample
from cotmon.protocols.defer_to_trusted import DeferToTrusted
from cotmon.protocols.protocol import Cut, Move, State
from cotmon.protocols.resampling import least_suspicious
from cotmon.watching.decision import Act, Again
from cotmon.watching.settings import Settings

Deferral = DeferToTrusted | DeferToResample
WHO: dict[Act, str] = {
    "defer": "the trusted model speaks in its place",
    "resample": "the model is asked again",
}


def act_of(move: Move) -> Act | None:
    """How a move has something else said; None where it has not."""
    return move.act if move.act == "defer" or move.act == "resample" else None


def deferral(settings: Settings, tool: str) -> Deferral | None:
    """The protocol for a turn whose most suspicious call is of this tool; None: people only."""
    if settings.protocol == "trusted-monitoring":
        return None
    defer, ask = Cut(settings.defer), settings.tool(tool).ask
    audit = Cut(max(settings.defer, settings.ask if ask is None else ask))
    if settings.protocol == "defer-to-trusted":
        return DeferToTrusted(defer, audit)
    return DeferToResample(defer, audit, settings.samples)


class Outputs:
    """The outputs of one turn while they come; a protocol chooses the one that goes on.

    Attributes:
        heard: how many there were; the trusted model's is not among them.
        wants: what is to be said in place of what was heard; None: nothing more.
        chosen: which one goes on, once nothing more is to be said; 0 is the first.
    """

    def __init__(self) -> None:
        self.heard = self.chosen = 0
        self.wants: Act | None = None
        self._state = State()
        self._protocol: Deferral | None = None

    @property
    def again(self) -> Again:
        """What holds for a call of the output that goes on."""
        return "done" if self.heard > 1 else "no"

    def move(self, protocol: Deferral | None, suspicion: float | None) -> Move | None:
        """What the protocol does with the next output; None where there is none.

        Args:
            protocol: for this output; that of the first one holds for the turn.
            suspicion: of its most suspicious call, or of its words; None: unscored.
        """
        self.heard += 1
        self._protocol = self._protocol or protocol
        if self._protocol is None:
            return None
        earlier = self._state.samples
        self._state, move = self._protocol.step(self._state, suspicion, 0.0)
        self.wants = act_of(move)
        if move.act == "allow":
            self.chosen = move.sample
        elif self.wants is None:  # a person is asked about the best there is
            self.chosen = least_suspicious((*earlier, suspicion))
        return move
