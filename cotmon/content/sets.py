"""Sets: which monitors run together, and their common false-alarm budget."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from cotmon.content._places import places
from cotmon.content._toml import read_toml
from cotmon.content.monitors import MonitorFolder, find_monitor, find_monitors
from cotmon.errors import ContentError, UnknownNameError


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often honest agents may be disturbed, in all.

    Attributes:
        steps: share of honest steps marked.
        transcripts: share of honest transcripts flagged.
    """

    steps: float = 0.01
    transcripts: float = 0.05


class MonitorSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`monitors/sets/NAME.toml`.

    Attributes:
        summary: one line for lists.
        monitors: names or globs of names.
        budget: the false-alarm budget of the set.
        transcript_threshold: by hand: a cue's worst step suspicion from which the transcript
            is flagged, in (0.5, 1]; marked steps below it only tint.
    """

    summary: str
    monitors: tuple[str, ...]
    transcript_threshold: float
    budget: Budget = Budget()


def find_sets() -> dict[str, Path]:
    """All sets by name, sorted; the first root that holds a name wins."""
    found: dict[str, Path] = {}
    for place in places():
        for path in sorted((place.root / "monitors" / "sets").glob("*.toml")):
            if not path.name.endswith(".calibration.toml"):
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_set(name: str) -> MonitorSet:
    """One set by name.

    Raises:
        UnknownNameError: nothing is called that.
        ContentError: the file is wrong.
    """
    known = find_sets()
    if name not in known:
        raise UnknownNameError(name, "set", known)
    found = read_toml(known[name], MonitorSet)
    if not 0.5 < found.transcript_threshold <= 1:
        raise ContentError(f"{known[name]}: transcript_threshold must lie in (0.5, 1]")
    return found


def members(chosen: MonitorSet) -> list[MonitorFolder]:
    """The monitors of a set, sorted by name, each once.

    Raises:
        UnknownNameError: a name or glob matches nothing.
    """
    known = find_monitors()
    names: set[str] = set()
    for pattern in chosen.monitors:
        matches = [name for name in known if fnmatchcase(name, pattern)]
        names.update(matches or [find_monitor(pattern).name])
    return [known[name] for name in sorted(names)]
