"""`cotmon show`: the steps of a stored transcript with their scores."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cotmon.cli._console import stdout
from cotmon.cli._stored import judging_of, opened, result
from cotmon.errors import UnknownNameError, UsageError
from cotmon.records import UNREADABLE, Result, StepResult, is_near, parse_address
from cotmon.report.table import aside, shown, started
from cotmon.store import Store
from cotmon.text.display import escaped

AROUND = 2


def command(
    transcript: Annotated[str, typer.Argument(help="Its id, or the start of it.")],
    address: Annotated[str | None, typer.Argument(help="A step, as in [M22.3].")] = None,
    run: Annotated[str | None, typer.Option(help="Run id; default: the newest.")] = None,
    file: Annotated[
        str | None, typer.Option(help="Part of the file's name, where several share the id.")
    ] = None,
    position: Annotated[
        int | None, typer.Option(help="Its place in the file, from 0, where several share the id.")
    ] = None,
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Shows steps with scores, invisible characters made visible."""
    found = _find(opened(db), transcript, run, (file or "", position))
    console = stdout()
    source = found.transcript.source
    console.print(
        f"[bold]{shown(found.transcript.id, 80)}[/] {shown(source.file)} · run {found.run} · "
        f"{found.verdict}{started(found.transcript)}",
        soft_wrap=True,
    )
    if address is None:
        _print_hidden(console, found)
    wanted = None if address is None else _parsed(address)
    for item in _around(found, wanted):
        _print_step(console, item, whole=item.step.address == wanted)


def _find(store: Store, name: str, run: str | None, where: tuple[str, int | None]) -> Result:
    """The newest reading of the transcript of this id, else of the one whose id starts so.

    Raises:
        UnknownNameError: none was stored.
        UsageError: several different ones fit.
    """
    with store.reading() as connection:
        only = None if run is None else store.runs.find(connection, run).id
        file, position = where
        places = [
            place
            for place in store.runs.places(connection, name, only, file)
            if position in (None, place.position)
        ]
        if not places:
            raise UnknownNameError(name, "stored transcript", store.runs.ids(connection))
        different = {(place.id, place.file, place.position) for place in places}
        if len(different) > 1:
            listed = "\n".join(
                f"  {found} in {path}, --position {k}" for found, path, k in sorted(different)[:10]
            )
            raise UsageError(
                f"several transcripts fit; give more of the id, --file or --position:\n{listed}"
            )
        row = store.runs.find(connection, places[0].run)
        reading = store.runs.reading(connection, places[0].run, places[0].ordinal)
    return result(store, row, reading, judging_of(store, row))


def _parsed(address: str) -> str:
    try:
        return parse_address(address)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _around(found: Result, wanted: str | None) -> tuple[StepResult, ...]:
    """All steps, or those around one."""
    if wanted is None:
        return found.steps
    at = next((s.step.index for s in found.steps if s.step.address == wanted), None)
    if at is None:
        raise UnknownNameError(wanted, "step", [s.step.address for s in found.steps])
    return found.steps[max(0, at - AROUND) : at + AROUND + 1]


def _print_hidden(console: Console, found: Result) -> None:
    """Reasoning that exists and has no steps, since nobody could read it."""
    for message in found.transcript.messages:
        if message.provenance in UNREADABLE:
            where = shown(message.turn)
            console.print(f"[yellow]{message.provenance} reasoning[/] in turn {where}")


def _print_step(console: Console, item: StepResult, *, whole: bool) -> None:
    step = item.step
    mark = "[red]●[/]" if item.marked else "[dim]·[/]"
    tool = f" {shown(step.tool)}" if step.tool else ""
    number = "" if item.suspicion is None else f" {item.suspicion:.2f}"
    head = f"{mark} {escape(f'[{step.address}]')} [bold]{shown(step.module)}[/] {step.channel}"
    console.print(f"{head}{tool}{number}{aside(step, ' · ')}", soft_wrap=True)
    text = step.text if whole else step.text[:400]
    console.print(escape(escaped(text).rstrip()), soft_wrap=True)
    for score in item.scores:
        if score.status == "unscored":
            console.print(f"   {score.monitor}: not scored: {shown(score.reason or '')}")
        elif whole or is_near(score):
            reason = f": {shown(score.reason)}" if score.reason else ""
            console.print(
                f"   [cyan]{shown(score.monitor)}[/] {score.value:.4f} of {score.threshold:g}"
                f"{reason}",
                soft_wrap=True,
            )
