"""Monitor folders: what stands in `monitors/CUE/NAME/`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from cotmon.content._places import Place, places
from cotmon.content._toml import convert, load_toml
from cotmon.errors import ContentError, UnknownNameError
from cotmon.records import CUES, Channel, Cue, ViewSize

NOT_HASHED = frozenset({"README.md", "cases.jsonl", "calibration.toml", "monitor.toml"})
"""Files of a monitor folder that change no score."""
CUE_FOLDERS = (*CUES, "several")


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which value on a step is marked, until the monitor is calibrated.

    Attributes:
        value: in (0, 1].
        basis: how it was chosen.
    """

    value: float
    basis: Literal["by hand"] = "by hand"


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`monitor.toml`.

    Attributes:
        kind: name of the file in `cotmon/kinds/` that runs it.
        summary: one line for lists and reports.
        cues: what it speaks of.
        misses: one line: what it does not see.
        view: how much it sees.
        channels: where it looks; elsewhere it is skipped.
        threshold: by hand.
        parameters: the kind's own settings.
    """

    kind: str
    summary: str
    misses: str
    cues: tuple[Cue, ...]
    threshold: Threshold
    view: ViewSize = "step"
    channels: tuple[Channel, ...] = ("reasoning", "text", "action")
    parameters: dict[str, Any] = {}


@dataclass(frozen=True)
class MonitorFolder:
    """One monitor as content, before a kind runs it.

    Attributes:
        name: `CUE/NAME`.
        path: the folder.
        place: which root it comes from.
        shadows: roots that hold one of the same name and lose.
    """

    name: str
    path: Path
    place: str
    shadows: tuple[str, ...] = ()

    @cached_property
    def manifest(self) -> Manifest:
        """`monitor.toml`, checked.

        Raises:
            ContentError: a key is missing, unknown or wrong.
        """
        path = self.path / "monitor.toml"
        manifest = convert(load_toml(path), Manifest, path)
        if not 0 < manifest.threshold.value <= 1:
            raise ContentError(f"{path}: threshold.value must lie in (0, 1]")
        if not manifest.cues:
            raise ContentError(f"{path}: cues must name at least one cue")
        return manifest

    def text(self, file: str) -> str:
        """A content file of the folder.

        Raises:
            ContentError: it is missing or no UTF-8.
        """
        path = self.path / file
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ContentError(f"{path}: cannot be read: {error}") from None

    @cached_property
    def content_hash(self) -> bytes:
        """SHA-256 of all that changes a score: manifest without threshold, content files."""
        manifest = msgspec.to_builtins(self.manifest)
        for key in ("threshold", "summary", "misses"):
            manifest.pop(key)
        digest = hashlib.sha256(msgspec.json.encode(manifest, order="sorted"))
        for path in sorted(self.path.rglob("*")):
            if path.is_file() and path.name not in NOT_HASHED and path.suffix != ".pyc":
                digest.update(path.relative_to(self.path).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.digest()


def find_monitors() -> dict[str, MonitorFolder]:
    """All monitors by name, sorted; the first root that holds a name wins."""
    found: dict[str, list[tuple[Place, Path]]] = {}
    for place in places():
        for name, path in _folders(place.root / "monitors"):
            found.setdefault(name, []).append((place, path))
    return {
        name: MonitorFolder(
            name=name,
            path=holders[0][1],
            place=holders[0][0].name,
            shadows=tuple(place.name for place, _ in holders[1:]),
        )
        for name, holders in sorted(found.items())
    }


def _folders(root: Path) -> Iterator[tuple[str, Path]]:
    for cue in CUE_FOLDERS:
        for manifest in sorted((root / cue).glob("*/monitor.toml")):
            yield f"{cue}/{manifest.parent.name}", manifest.parent


def find_monitor(name: str) -> MonitorFolder:
    """One monitor, by `CUE/NAME`, by `NAME` where that is unique, or by the path of its folder.

    Raises:
        UnknownNameError: nothing is called that.
        ContentError: the short name is that of several.
    """
    if (Path(name) / "monitor.toml").is_file():
        path = Path(name).resolve()
        return MonitorFolder(name=f"{path.parent.name}/{path.name}", path=path, place="path")
    known = find_monitors()
    if name in known:
        return known[name]
    short = [full for full in known if full.partition("/")[2] == name]
    if len(short) > 1:
        raise ContentError(f"{name!r} is the name of several monitors: {', '.join(short)}")
    if short:
        return known[short[0]]
    raise UnknownNameError(name, "monitor", [*known, *(n.partition("/")[2] for n in known)])
