"""Which monitors a command runs: named ones, those of a cue, or the default set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cotmon.content import MonitorFolder, find_monitor, find_monitors, find_set, members
from cotmon.engine import Monitor
from cotmon.errors import UsageError
from cotmon.records import CUES

DEFAULT_SET = "default"


@dataclass(frozen=True, slots=True)
class Choice:
    """Chosen monitor folders and the transcript threshold that goes with them."""

    folders: tuple[MonitorFolder, ...]
    threshold: float


def choose(names: Sequence[str], cues: Sequence[str], judges: bool) -> Choice:
    """The monitors of this run.

    Args:
        names: `-m` options; none takes the default set.
        cues: only monitors that speak of one of these; none takes all.
        judges: a model was named, so the monitors of the kind `judge` join the default set.

    Raises:
        UsageError: the cue does not exist, or nothing is left.
        UnknownNameError: a monitor does not exist.
    """
    default = find_set(DEFAULT_SET)
    if names:
        folders = {f.name: f for f in map(find_monitor, names)}
    else:
        folders = {f.name: f for f in members(default)}
        if judges:
            found = find_monitors().values()
            folders |= {f.name: f for f in found if f.manifest.kind == "judge"}
    for cue in set(cues) - set(CUES):
        raise UsageError(f"no cue is called {cue!r}; the cues are {', '.join(CUES)}")
    wanted = set(cues or CUES)
    chosen = tuple(f for _, f in sorted(folders.items()) if wanted & set(f.manifest.cues))
    if not chosen:
        raise UsageError("no monitor is left to run; see `cotmon list monitors`")
    return Choice(chosen, default.transcript_threshold)


def set_hash(monitors: Sequence[Monitor], threshold: float) -> str:
    """32 hex digits of everything that a verdict rests on besides the transcript."""
    digest = hashlib.blake2b(digest_size=16)
    for monitor in monitors:
        digest.update(monitor.hash + repr((monitor.name, monitor.card.threshold)).encode())
    digest.update(repr(threshold).encode())
    return digest.hexdigest()
