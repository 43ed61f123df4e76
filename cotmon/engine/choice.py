"""Which monitors run: named ones, those of a cue, or the default set."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec

from cotmon.calibration import find_calibration
from cotmon.content import (
    MonitorFolder,
    MonitorSet,
    find_monitor,
    find_monitors,
    find_set,
    find_sets,
    members,
)
from cotmon.engine.monitor import Monitor
from cotmon.engine.result import Judging
from cotmon.errors import UsageError
from cotmon.records import CUES

DEFAULT_SET = "default"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """Chosen monitor folders, and the set whose budget and transcript threshold go with them.

    Attributes:
        folders: sorted by name.
        chosen: the set; the default one lends its budget to monitors named one by one.
        set_name: None where monitors were named one by one.
    """

    folders: tuple[MonitorFolder, ...]
    chosen: MonitorSet
    set_name: str | None

    def judging(self, monitors: Sequence[Monitor]) -> Judging:
        """Thresholds and references that hold for these monitors; says what is void."""
        place = None if self.set_name is None else (self.set_name, find_sets()[self.set_name])
        cards = [m.card for m in monitors]
        by_name = {f.name: f for f in self.folders}
        found = find_calibration(cards, by_name, place)
        for name, why in found.void.items():
            _log.warning("the calibration of %s is void: %s", name, why)
        return Judging(self.chosen.transcript_threshold, found.calibration)


def choose(
    names: Sequence[str], cues: Sequence[str], judges: bool, set_name: str = DEFAULT_SET
) -> Choice:
    """The monitors of this run.

    Args:
        names: monitors or globs; none takes the set.
        cues: only monitors that speak of one of these; none takes all.
        judges: a model was named, so the monitors of the kind `judge` join the set.
        set_name: which set.

    Raises:
        UsageError: the cue does not exist, or nothing is left.
        UnknownNameError: a monitor or the set does not exist.
    """
    of_set = find_set(set_name)
    if names:
        folders = {f.name: f for name in names for f in _matching(name)}
    else:
        folders = {f.name: f for f in members(of_set)}
        if judges:
            found = find_monitors().values()
            folders |= {f.name: f for f in found if f.manifest.kind == "judge"}
    for cue in set(cues) - set(CUES):
        raise UsageError(f"no cue is called {cue!r}; the cues are {', '.join(CUES)}")
    wanted = set(cues or CUES)
    chosen = tuple(f for _, f in sorted(folders.items()) if wanted & set(f.manifest.cues))
    if not chosen:
        raise UsageError("no monitor is left to run; see `cotmon list monitors`")
    return Choice(chosen, of_set, None if names else set_name)


def _matching(name: str) -> list[MonitorFolder]:
    """The monitors of a glob, else the one of that name."""
    known = find_monitors()
    return [known[n] for n in known if fnmatchcase(n, name)] or [find_monitor(name)]


def set_hash(monitors: Sequence[Monitor], judging: Judging) -> str:
    """32 hex digits of everything that a verdict rests on besides the transcript."""
    digest = hashlib.blake2b(digest_size=16)
    for monitor in monitors:
        digest.update(monitor.hash + repr((monitor.name, monitor.card.threshold)).encode())
    digest.update(repr(judging.threshold).encode())
    digest.update(msgspec.json.encode(judging.calibration, order="sorted"))
    return digest.hexdigest()
