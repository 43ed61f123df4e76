"""Kinds: what a monitor can be. One file a kind, found by its name.

A module here defines `KIND`, a class that keeps the protocol `Kind`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, Self

from cotmon.content import MonitorFolder
from cotmon.models import Models
from cotmon.plugins import Folder
from cotmon.records import Outcome, View

KINDS = Folder("cotmon.kinds", "KIND", "kind")


class Kind(Protocol):
    """A monitor that can score.

    Attributes:
        version: changes whenever the same content would score differently.
        remote: whether it waits for others; it then runs beside the local ones, view by view.
        identity: weights, engine and precision behind the scores; empty where there are none.
    """

    version: ClassVar[str]
    remote: ClassVar[bool]

    @property
    def identity(self) -> str:
        """What stands behind the scores besides the folder's content."""
        ...

    @classmethod
    def load(cls, folder: MonitorFolder, models: Models) -> Self:
        """Builds it from a monitor folder.

        Raises:
            ContentError: the folder's content is wrong.
            ModelError: a model it needs is missing.
        """
        ...

    def score(self, views: Sequence[View]) -> Sequence[Outcome]:
        """One outcome a view, in order. Never raises for one bad view."""
        ...
