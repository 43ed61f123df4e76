"""What a monitor may see of a step: never anything later (contract 2)."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from cotmon.records.step import Step

ViewSize = Literal["step", "step+context", "turn", "history", "transcript"]


class Part(msgspec.Struct, frozen=True, gc=False):
    """One piece of context.

    Attributes:
        label: `first user message`, `latest user message`, `earlier step`, `stated reason`,
            `digest`, or on wide views `step`.
        text: at most the label's cap of characters.
        channel, module, tool: of the step it comes from.
        start: where this part begins in the view's text, on wide views; else -1.
    """

    label: str
    text: str
    channel: str = ""
    module: str = ""
    tool: str | None = None
    start: int = -1


class History(Protocol):
    """All earlier text, asked only "before step k". Positions are step indices."""

    def first(self, word: str) -> int | None:
        """Index of the first step that holds this word (case folded), or None.

        Words are maximal runs of letters, digits and `_`, and also the longer runs that
        paths, addresses and URLs make with `. / : @ - + # %`.
        """
        ...

    def recent(self, before: int, count: int, channel: str | None = None) -> list[Step]:
        """Up to `count` steps before index `before`, oldest first."""
        ...

    def briefs(self, before: int) -> list[Step]:
        """All steps of the brief channel before index `before`, oldest first."""
        ...


class View(msgspec.Struct, frozen=True, gc=False):
    """Exactly what a kind reads, and its identity.

    Attributes:
        text: the scored slice; on `turn` and `transcript` views the joined steps.
        channel, module, tool: of the step.
        parts: context, oldest first; on `turn` and `transcript` views the steps in `text`.
        history, position: on `history` views, the index and this step's place in it.
        identity: 16 bytes, a hash of all of the above.
    """

    text: str
    channel: str
    module: str
    tool: str | None
    identity: bytes
    parts: tuple[Part, ...] = ()
    history: History | None = None
    position: int = 0
