"""Where references are kept, and which of them hold for an active set.

A monitor's reference stands in its own folder when that belongs to the project, else under
`calibration/` beside `cotmon.toml`, else in the user's folder; a set's likewise. They are looked
up by name and hash: the first that fits wins, and none shadows a monitor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import tomli_w
from platformdirs import user_data_path

from cotmon.calibration.reference import Calibration, CueReference, Curve, Stratum, Tails
from cotmon.content import MonitorFolder, convert, load_toml, project_folder
from cotmon.records import CUES, Cue, MonitorCard

T = TypeVar("T")
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class MonitorReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`calibration.toml` of a monitor.

    Attributes:
        monitor, hash: which one; the hash holds its kind, content, code and model.
        by_hand: its threshold by hand, on which the scale rests.
        source, data: the honest runs, for people and as a hash.
        groups, transcripts, steps: how many; groups are what counts.
        scored: steps that it scored.
        distinct: different suspicions among them; few mean that it ties.
        highest: the highest of them.
        curve: how often honest steps score so high.
        rate: the budget of steps that was asked for, where no set lends one.
    """

    monitor: str
    hash: str
    by_hand: float
    source: str
    data: str
    groups: Count
    transcripts: int
    steps: int
    scored: int
    distinct: int
    highest: float
    curve: Curve
    rate: Share


class CueShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cue's part of a set's budget.

    Attributes:
        alpha, transcript_alpha: of steps and of transcripts.
        members: the monitors that are pooled, and what each was bound to; see `binding`.
        strata: references of whole transcripts.
    """

    alpha: Share
    transcript_alpha: Share
    members: dict[str, str]
    strata: tuple[Stratum, ...] = ()

    def __post_init__(self) -> None:
        limits = [stratum.up_to for stratum in self.strata]
        known = [limit for limit in limits if limit is not None]
        if limits and (limits[-1] is not None or len(known) < len(limits) - 1):
            raise ValueError("every stratum but the last needs up_to")
        if known != sorted(set(known)):
            raise ValueError("up_to must rise from one stratum to the next")


class SetReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`NAME.calibration.toml` of a set.

    Attributes:
        set: its name.
        rate, transcript_rate: the budget that was divided.
        cues: its parts.
        apart: monitor → why it has none.
    """

    set: str
    data: str
    source: str
    groups: Count
    transcripts: int
    steps: int
    rate: Share
    transcript_rate: Share
    cues: dict[Cue, CueShare]
    apart: dict[str, str] = {}


@dataclass(frozen=True)
class Calibrated:
    """What was found for an active set.

    Attributes:
        calibration: what holds.
        void: monitor or set → why a reference that exists does not hold.
    """

    calibration: Calibration
    void: dict[str, str] = field(default_factory=dict)


def binding(card: MonitorCard) -> str:
    """What a set's reference of transcripts rests on in a monitor: its hash, and its scale."""
    return f"{card.hash} from {card.threshold:g}"


def calibration_folder() -> Path:
    """Where references of content that is not the project's own go."""
    project = project_folder()
    return (project if project is not None else user_data_path("cotmon")) / "calibration"


def write_monitor_reference(folder: MonitorFolder, reference: MonitorReference) -> Path:
    """Writes it where it belongs; never into an installed package. Returns the path."""
    own = _is_own(folder.path)
    path = folder.path / "calibration.toml" if own else calibration_folder() / f"{folder.name}.toml"
    return _write(path, reference)


def write_set_reference(set_path: Path, reference: SetReference) -> Path:
    """The same for a set, given the path of its own file."""
    name = f"{reference.set}.calibration.toml"
    home = set_path.parent if _is_own(set_path) else calibration_folder() / "sets"
    return _write(home / name, reference)


def find_calibration(
    cards: Sequence[MonitorCard],
    folders: Mapping[str, MonitorFolder],
    chosen: tuple[str, Path] | None,
) -> Calibrated:
    """The references that hold for these monitors.

    Args:
        cards: of the active monitors, with thresholds by hand.
        folders: theirs, by name.
        chosen: name and file of the set, None where monitors were named one by one.

    Raises:
        ContentError: a file is no reference.
    """
    void: dict[str, str] = {}
    of_set = _set_reference(*chosen, void) if chosen is not None else None
    found = {
        card.name: r
        for card in cards
        if (r := _reference(card, folders[card.name], of_set and of_set.data, void)) is not None
    }
    if of_set is None:
        return Calibrated(_without_set(cards, found), void)
    return Calibrated(_with_set(cards, found, of_set, void), void)


def _with_set(
    cards: Sequence[MonitorCard],
    found: Mapping[str, MonitorReference],
    of_set: SetReference,
    void: dict[str, str],
) -> Calibration:
    cues: dict[Cue, CueReference] = {}
    for cue, share in of_set.cues.items():
        active = {c.name: binding(c) for c in cards if cue in c.cues}
        # a monitor calibrated anew by itself fits its own file, not the transcripts of the set's
        same = [m for m in active if m in found and share.members.get(m) == active[m]]
        curves = {m: found[m].curve for m in same}
        lost = [m for m in share.members if m not in curves]
        if lost and any(m in active for m in lost):
            void[f"transcripts of {cue}"] = f"calibrated with {', '.join(lost)}, now changed"
        if not curves:
            continue
        reference = CueReference(
            alpha=share.alpha, transcript_alpha=share.transcript_alpha, groups=of_set.groups,
            source=of_set.source, curves=curves, strata=() if lost else share.strata,
        )  # fmt: skip
        if Tails(reference).threshold <= 1:
            cues[cue] = reference
        else:
            void |= dict.fromkeys(curves, _no_room(reference))
    pooled = {m for reference in cues.values() for m in reference.curves}
    names = [c.name for c in cards]
    apart = {m: why for m, why in of_set.apart.items() if m in names or m.startswith("transcripts")}
    for name in names:
        if name not in pooled:
            apart.setdefault(name, void.get(name, f"not part of the calibration of {of_set.set}"))
    return Calibration(cues, apart)


def _without_set(
    cards: Sequence[MonitorCard], found: Mapping[str, MonitorReference]
) -> Calibration:
    """Monitors named one by one: pooled by cue, with equal shares; transcripts stay by hand."""
    if not found:
        return Calibration()
    data = Counter(r.data for r in found.values()).most_common(1)[0][0]
    usable = {name: r for name, r in found.items() if r.data == data}
    apart = dict.fromkeys(sorted(found.keys() - usable.keys()), "calibrated on other data")
    asked: list[Cue] = [cue for cue in CUES if any(cue in card.cues for card in cards)]
    alpha = min(r.rate for r in usable.values()) / len(asked)
    cues: dict[Cue, CueReference] = {}
    for cue in asked:
        curves = {c.name: usable[c.name].curve for c in cards if cue in c.cues and c.name in usable}
        if not curves:
            continue
        one = usable[next(iter(curves))]
        reference = CueReference(
            alpha=alpha, transcript_alpha=1.0, groups=one.groups, source=one.source, curves=curves
        )
        if Tails(reference).threshold <= 1:
            cues[cue] = reference
        else:
            apart |= dict.fromkeys(curves, _no_room(reference))
    return Calibration(cues, apart)


def _no_room(reference: CueReference) -> str:
    groups, alpha = reference.groups, reference.alpha
    return f"{groups} honest groups, or their ties, allow no share of {alpha:.2%}"


def _reference(
    card: MonitorCard, folder: MonitorFolder, data: str | None, void: dict[str, str]
) -> MonitorReference | None:
    """The first reference that fits; what does not fit is told."""
    stale: list[str] = []
    for path in (*_candidates(f"{card.name}.toml"), folder.path / "calibration.toml"):
        if not path.is_file():
            continue
        found = _read(path, MonitorReference)
        if found.hash != card.hash or found.by_hand != card.threshold:
            stale.append(f"{path}: the monitor or its model has changed since")
        elif data is not None and found.data != data:
            stale.append(f"{path}: rests on other honest runs than the set's")
        else:
            if stale:
                void[card.name] = f"{stale[0]}; {path} is used instead"
            return found
    if stale:
        void[card.name] = stale[0]
    return None


def _set_reference(name: str, path: Path, void: dict[str, str]) -> SetReference | None:
    """The first file there is, unless it belongs to another set."""
    file = f"{name}.calibration.toml"
    for place in (*_candidates(f"sets/{file}"), path.parent / file):
        if place.is_file():
            found = _read(place, SetReference)
            if found.set == name:
                return found
            void[name] = f"{place}: it was made for the set {found.set!r}"
            return None
    return None


def _candidates(name: str) -> Iterable[Path]:
    project = project_folder()
    if project is not None:
        yield project / "calibration" / name
    yield user_data_path("cotmon") / "calibration" / name


def _is_own(path: Path) -> bool:
    """Whether content is the project's; an installed package may lie in it too, as in `.venv`."""
    project = project_folder()
    return project is not None and path.resolve().is_relative_to(project.resolve() / "monitors")


def _read(path: Path, kind: type[T]) -> T:
    return convert(load_toml(path), kind, path)


def _write(path: Path, reference: MonitorReference | SetReference) -> Path:
    record: dict[str, Any] = msgspec.to_builtins(reference)
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "# Written by `cotmon calibrate`; void when the monitor, its model or the data change.\n"
    path.write_text(head + tomli_w.dumps(_without_none(record)), "utf-8")
    return path


def _without_none(value: Any) -> Any:
    """TOML has no null; a missing key reads as one."""
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_none(v) for v in value]
    return value
