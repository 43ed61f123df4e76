"""`cotmon calibrate`: thresholds that keep a false-alarm rate on your own honest agents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cotmon.calibration import SetReference, binding, write_monitor_reference, write_set_reference
from cotmon.calibration.fit import monitor_reference, set_reference
from cotmon.cli._calibrating import (
    Honest,
    honest_runs,
    print_checks,
    print_division,
    say_unused,
    watched_runs,
)
from cotmon.cli._console import stderr, stdout
from cotmon.cli._rates import parse_rate
from cotmon.content import find_sets
from cotmon.engine.choice import DEFAULT_SET, Choice, choose
from cotmon.errors import UsageError
from cotmon.evaluate import Truth, dataset_rows, read_labels
from cotmon.records import CUES, Cue, MonitorCard
from cotmon.watching.since import since as parse_since


def command(
    monitors: Annotated[
        list[str] | None, typer.Argument(help="Monitors or globs; default: those of the set.")
    ] = None,
    honest: Annotated[
        list[str] | None, typer.Option(help="Logs of honest agents; may be repeated.")
    ] = None,
    watched: Annotated[
        bool, typer.Option("--watched", help="Use what was watched in place of --honest.")
    ] = False,
    since: Annotated[str, typer.Option(help="With --watched: how far back, as 7d.")] = "7d",
    check: Annotated[
        list[str] | None,
        typer.Option(help="Ask whether these honest logs keep the rate; may be repeated."),
    ] = None,
    set_name: Annotated[str, typer.Option("--set", help="Which set's budget.")] = DEFAULT_SET,
    rate: Annotated[
        str | None, typer.Option(help="Share of honest steps marked; default: the set's, 1%.")
    ] = None,
    transcripts: Annotated[
        str | None, typer.Option(help="Share of honest transcripts flagged; default: 5%.")
    ] = None,
    more: Annotated[
        list[str] | None, typer.Option("-m", "--monitor", help="The same as MONITORS.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV with id, target, group: leave attacks out; group.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="For judges: URL#name or recorded:FILE.")
    ] = None,
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Builds benign references from honest runs and divides the set's false-alarm budget.

    Runs that share `group` in their metadata (or in --labels) count as one. The guarantee is over
    groups: a fresh honest group has at most RATE of its steps marked, on average.
    """
    if bool(honest) + bool(check) + watched != 1:
        raise UsageError(
            "say one of --honest PATHS (calibrate), --watched (the same) or --check PATHS (compare)"
        )
    choice = choose(
        [*(monitors or []), *(more or [])], [], judges=model is not None, set_name=set_name
    )
    known = read_labels(labels) if labels is not None else []
    if check:
        raise typer.Exit(print_checks(choice, check, known, model, db))
    budget = choice.chosen.budget
    rates = (
        parse_rate(rate, "--rate") if rate else budget.steps,
        parse_rate(transcripts, "--transcripts") if transcripts else budget.transcripts,
    )
    if watched:
        runs = watched_runs(choice, parse_since(since), db)
        raise typer.Exit(_calibrate(choice, f"agents watched since {since}", runs, rates))
    paths = honest or []
    truth = Truth([*dataset_rows(paths), *known])
    runs = honest_runs(choice, paths, truth, model, db)
    say_unused(truth)
    raise typer.Exit(_calibrate(choice, ", ".join(paths), runs, rates))


def _calibrate(choice: Choice, source: str, found: Honest, rates: tuple[float, float]) -> int:
    if not found.runs:
        raise UsageError(f"no honest run is left in {source}{found.left_out()}")
    references = {
        card.name: monitor_reference(card, source, found.runs, rates[0]) for card in found.cards
    }
    cues = _members(found.cards)
    name = choice.set_name or "the monitors named"
    whole = set_reference(name, cues, references, found.runs, rates)
    if not any(share.members for share in whole.cues.values()):
        reasons = "; ".join(dict.fromkeys(whole.apart.values()))
        raise UsageError(
            f"nothing was written, and the calibration in use stays: {whole.transcripts:,} honest "
            f"transcripts in {whole.groups:,} groups: {reasons}{found.left_out()}"
        )
    by_name = {folder.name: folder for folder in choice.folders}
    for name, reference in references.items():
        path = write_monitor_reference(by_name[name], reference)
        stderr().print(f"wrote {path}", markup=False, soft_wrap=True)
    if choice.set_name is not None:
        path = write_set_reference(find_sets()[choice.set_name], whole)
        stderr().print(f"wrote {path}", markup=False, soft_wrap=True)
    else:
        whole = _steps_only(whole)
    print_division(stdout(), whole, references, found.cards, whole=choice.set_name is not None)
    return _say_left_out(found)


def _steps_only(whole: SetReference) -> SetReference:
    """What holds for monitors named one by one: only a set's file keeps whole transcripts."""
    cues = {cue: msgspec.structs.replace(share, strata=()) for cue, share in whole.cues.items()}
    apart = {name: why for name, why in whole.apart.items() if not name.startswith("transcripts")}
    apart["transcripts"] = "no set was named, so their threshold stays as it was"
    return msgspec.structs.replace(whole, cues=cues, apart=apart)


def _members(cards: list[MonitorCard]) -> dict[Cue, dict[str, str]]:
    """Cue → its monitors, and what a reference of them is bound to."""
    found: dict[Cue, dict[str, str]] = {
        cue: {c.name: binding(c) for c in cards if cue in c.cues} for cue in CUES
    }
    return {cue: members for cue, members in found.items() if members}


def _say_left_out(found: Honest) -> int:
    if text := found.left_out():
        stderr().print(f"left out{text}", markup=False, soft_wrap=True)
    return 2 if found.undone else 0
