"""A monitor that is ready to score: folder, kind, and the hash of all that decides its scores."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from cotmon.content import MonitorFolder
from cotmon.engine.views import WIDE
from cotmon.errors import ModelError
from cotmon.kinds import KINDS, Kind
from cotmon.models import Models
from cotmon.records import (
    Channel,
    Cue,
    MonitorCard,
    Outcome,
    Scored,
    Skipped,
    Unscored,
    View,
    ViewSize,
    scored,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Monitor:
    """One active monitor.

    Attributes:
        card: what readers of results must know.
        hash: 16 bytes; of kind version, content and models behind it.
        kind: what scores.
        channels, view: of its manifest.
        told: failures that were already logged; each is said once.
    """

    card: MonitorCard
    hash: bytes
    kind: Kind
    channels: frozenset[Channel]
    view: ViewSize
    told: set[str] = field(default_factory=set, compare=False)

    @property
    def name(self) -> str:
        """`CUE/NAME`."""
        return self.card.name

    @property
    def cues(self) -> tuple[Cue, ...]:
        """What it speaks of."""
        return self.card.cues

    @property
    def whole_turn(self) -> bool:
        """Whether it sees turns, whose last step its scores are filed at."""
        return self.view in WIDE

    def address(self, view: View) -> str:
        """32 hex digits: where the outcome of this view is stored."""
        return hashlib.blake2b(view.identity + self.hash, digest_size=16).hexdigest()

    def score(self, views: Sequence[View]) -> list[Outcome]:
        """One outcome a view, whatever the kind does (promise 1)."""
        try:
            outcomes = list(self.kind.score(views))
        except Exception as error:  # noqa: BLE001 - foreign code; whatever it raised is the reason
            if len(views) == 1:
                reason = f"the monitor failed: {type(error).__name__}: {error}"[:300]
                if reason not in self.told:
                    self.told.add(reason)
                    _log.warning("%s: %s", self.name, reason)
                return [Unscored(reason, permanent=False)]
            return [outcome for view in views for outcome in self.score([view])]
        if len(outcomes) != len(views):
            reason = f"the monitor gave {len(outcomes)} outcomes for {len(views)} views"
            return [Unscored(reason, permanent=False)] * len(views)
        return [_checked(outcome) for outcome in outcomes]


def _checked(outcome: object) -> Outcome:
    """What a kind gave, if it is an outcome; a number outside [0, 1] or NaN is none."""
    if isinstance(outcome, Scored):
        return scored(outcome.value, outcome.reason, outcome.spans)
    if isinstance(outcome, Unscored | Skipped):
        return outcome
    kind = type(outcome).__name__
    return Unscored(f"the monitor gave a {kind}, which is no outcome", permanent=False)


@dataclass(frozen=True)
class _WithoutModel:
    """Stands in for a kind whose model is missing: everything is unscored, and says why."""

    version: ClassVar[str] = ""
    remote: ClassVar[bool] = False
    reason: str
    identity: str = "missing"

    @classmethod
    def load(cls, folder: MonitorFolder, models: Models) -> _WithoutModel:
        """Never found by name; built by `load_monitor`."""
        return cls(f"{folder.name} has no model")

    def score(self, views: Sequence[View]) -> list[Outcome]:
        """Unscored, to be tried again once the model is there."""
        return [Unscored(self.reason, permanent=False)] * len(views)


def load_monitor(folder: MonitorFolder, models: Models) -> Monitor:
    """Builds a monitor; where its model is missing, one that leaves everything unscored.

    Raises:
        ContentError: the folder's content is wrong.
        UnknownNameError: its kind or a detector does not exist.
    """
    manifest = folder.manifest
    kind_class = KINDS.load(manifest.kind)
    try:
        kind: Kind = kind_class.load(folder, models)
    except ModelError as error:
        _log.warning("%s cannot score: %s", folder.name, error)
        kind = _WithoutModel(str(error))
    digest = hashlib.blake2b(digest_size=16)
    for part in (manifest.kind, kind.version, kind.identity):
        digest.update(part.encode() + b"\0")
    digest.update(folder.content_hash)
    card = MonitorCard(
        name=folder.name, hash=digest.hexdigest(), kind=manifest.kind, cues=manifest.cues,
        view=manifest.view, channels=manifest.channels, summary=manifest.summary,
        misses=manifest.misses, threshold=manifest.threshold.value,
        basis=manifest.threshold.basis,
    )  # fmt: skip
    return Monitor(card, digest.digest(), kind, frozenset(manifest.channels), manifest.view)


def load_monitors(folders: Sequence[MonitorFolder], models: Models) -> list[Monitor]:
    """All of them, in order of their names."""
    return [load_monitor(folder, models) for folder in sorted(folders, key=lambda f: f.name)]
