"""`cotmon show`: the steps of a stored transcript with their scores."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cotmon.cli._console import stdout
from cotmon.cli._stored import result
from cotmon.errors import UnknownNameError, UsageError
from cotmon.records import Result, StepResult, parse_address
from cotmon.report.table import shown
from cotmon.store import RunRow, Store, open_store
from cotmon.text.display import escaped

AROUND = 2


def command(
    transcript: Annotated[str, typer.Argument(help="Its id, or the start of it.")],
    address: Annotated[str | None, typer.Argument(help="A step, as in [M22.3].")] = None,
    run: Annotated[
        str | None, typer.Option(help="Run id; default: the newest that read it.")
    ] = None,
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Shows steps with scores, invisible characters made visible."""
    found = _find(open_store(db), transcript, run)
    console = stdout()
    steps = found.steps
    if address is not None:
        try:
            wanted = parse_address(address)
        except ValueError as error:
            raise UsageError(str(error)) from None
        at = next((s.step.index for s in steps if s.step.address == wanted), None)
        if at is None:
            raise UnknownNameError(wanted, "step", [s.step.address for s in steps])
        steps = steps[max(0, at - AROUND) : at + AROUND + 1]
    for item in steps:
        _print_step(console, item, whole=address is not None)


def _find(store: Store, name: str, run: str | None) -> Result:
    """The newest reading of this transcript."""
    with store.begin() as connection:
        if run is not None:
            rows: list[RunRow] = [store.runs.find(connection, run)]
        else:
            rows = store.runs.rows(connection)
        known: list[str] = []
        for row in rows:
            for reading in store.runs.readings(connection, row.id):
                known.append(reading.transcript.id)
                if reading.transcript.id.startswith(name):
                    return result(store, row, reading)
    raise UnknownNameError(name, "stored transcript", known)


def _print_step(console: Console, item: StepResult, *, whole: bool) -> None:
    step = item.step
    mark = "[red]●[/]" if item.marked else "[dim]·[/]"
    tool = f" {shown(step.tool)}" if step.tool else ""
    number = "" if item.suspicion is None else f" {item.suspicion:.2f}"
    head = f"{mark} {escape(f'[{step.address}]')} [bold]{shown(step.module)}[/] {step.channel}"
    console.print(f"{head}{tool}{number}", soft_wrap=True)
    text = escaped(step.text) if whole else escaped(step.text)[:400]
    console.print(escape(text.rstrip()), soft_wrap=True)
    for score in item.scores:
        if score.status == "unscored":
            console.print(f"   {score.monitor}: not scored: {shown(score.reason or '')}")
        elif whole or (score.value or 0) >= 0.5 * score.threshold:
            reason = f": {shown(score.reason)}" if score.reason else ""
            console.print(
                f"   [cyan]{score.monitor}[/] {score.value:.4f} of {score.threshold:g}{reason}",
                soft_wrap=True,
            )
