"""Cascade: a cheap monitor reads everything, an expensive one the top share; one score."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from cotmon.protocols.budget import fit_cut
from cotmon.protocols.protocol import Cut, is_scored


@dataclass(frozen=True, slots=True)
class Cascade:
    """Two monitors as one, whose score any protocol may read.

    What is escalated ranks by the expensive monitor, in [0.5, 1]; what is not ranks by the cheap
    one, in [0, 0.5]. So the expensive monitor orders what it was shown, and cannot place it
    below what it was not shown. An expected cost is cheap + share escalated · expensive.

    Attributes:
        escalate: from here on, on the cheap score in [0, 1], the expensive monitor is asked.
    """

    escalate: Cut

    @classmethod
    def fitted(cls, honest: ArrayLike, escalated: float) -> Cascade:
        """Escalates that share of honest cases."""
        return cls(fit_cut(honest, escalated).cut)

    def asks(self, cheap: float | None, draw: float) -> bool:
        """Whether the expensive monitor is to be asked; always where the cheap one failed."""
        return self.escalate.reached(cheap, draw)

    def score(self, cheap: float | None, expensive: float | None, draw: float) -> float | None:
        """The combined suspicion in [0, 1]; None where the monitor that counts gave none.

        Args:
            cheap: the cheap monitor's suspicion, None where it failed.
            expensive: the expensive monitor's; read only where it was asked.
            draw: the same as `asks` was given.
        """
        if not self.asks(cheap, draw):
            top = self.escalate.threshold
            return 0.5 * cheap / min(top, 1.0) if cheap and top > 0 else 0.0
        return 0.5 + 0.5 * expensive if is_scored(expensive) else None
