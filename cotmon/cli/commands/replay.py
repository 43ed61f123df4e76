"""`cotmon replay`: a finished log to a scored, stored, readable result."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cotmon.cli import _reports
from cotmon.cli._console import Progress, stderr
from cotmon.cli._inventory import print_inventory
from cotmon.cli._output import CsvOutput, Item, JsonOutput, Limits, Output, TableOutput
from cotmon.cli._run import Run
from cotmon.cli._stored import results
from cotmon.engine.choice import DEFAULT_SET, choose
from cotmon.errors import UsageError
from cotmon.formats import FORMATS, Options, missing
from cotmon.store import Store


class Shape(StrEnum):
    """What `--output` takes."""

    table = "table"
    json = "json"
    csv = "csv"


def command(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for stdin.")],
    monitor: Annotated[
        list[str] | None, typer.Option("-m", "--monitor", help="Run this one; may be repeated.")
    ] = None,
    set_name: Annotated[str, typer.Option("--set", help="Which set runs.")] = DEFAULT_SET,
    cue: Annotated[
        list[str] | None, typer.Option(help="Only monitors of this cue; may be repeated.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Judge with URL#name (OpenAI-compatible) or recorded:FILE.")
    ] = None,
    db: Annotated[
        str | None, typer.Option(help="Database URL; default: SQLite in your data folder.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Read this many transcripts.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be read; score nothing.")
    ] = False,
    output: Annotated[Shape, typer.Option(help="What is printed on stdout.")] = Shape.table,
    report: Annotated[
        Path | None, typer.Option(help="Write an HTML report: FILE.html or a folder.")
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option(help="Exit 1 on: flag, or a suspicion from 0 to 1.")
    ] = None,
    fail_incomplete: Annotated[
        bool, typer.Option("--fail-incomplete", help="Exit 1 on an incomplete verdict.")
    ] = False,
    read_as: Annotated[
        str | None, typer.Option("--format", help="Read as this format; see `list formats`.")
    ] = None,
    fields: Annotated[
        str | None, typer.Option("--map", help="Fields of unknown JSON: role=…,content=…")
    ] = None,
) -> None:
    """Runs monitors over a finished log; executes nothing.

    Exit codes: 0 done; 1 a limit set by --fail-on or --fail-incomplete was reached; 2 anything
    else: wrong usage, a refused file, a step that could not be scored.
    """
    options = Options(read_as, _mapped(fields))
    if read_as is not None:
        FORMATS.load(read_as)  # an unknown name ends the command before anything is read
    limits = Limits.parse(fail_on, fail_incomplete)
    if all(missing(path) for path in paths):
        raise UsageError(f"there is no such file or folder: {', '.join(paths)}")
    if dry_run:
        raise typer.Exit(print_inventory(paths, options, limit))
    choice = choose(monitor or [], cue or [], judges=model is not None, set_name=set_name)
    run = Run.begin(paths, options, choice, model, db, limit)
    printer: Output = TableOutput(
        run.row.id, run.cards, db, load=lambda: next(results(run.store, run.row))
    )
    if output is not Shape.table:
        printer = JsonOutput(run.row.id) if output is Shape.json else CsvOutput()
    with Progress("replay") as progress:
        items = run.items(whole=output is not Shape.table, progress=progress.add)
        _carry_out(items, (printer, limits), run.store)
    run.finish()
    printer.close()
    if run.limited:
        stderr().print(f"stopped at --limit {limit}; the rest was not read")
    stderr().print(f"run {run.row.id} in {run.store.url}", soft_wrap=True, markup=False)
    if report is not None:
        _reports.write(run.store, run.row, report)
    raise typer.Exit(limits.exit_code())


def _carry_out(items: Iterable[Item], takers: tuple[Output, Limits], store: Store) -> None:
    """Hands every item on as it comes; Ctrl-C leaves a run that the same command goes on with."""
    try:
        for item in items:
            for taker in takers:
                taker.take(item)
    except KeyboardInterrupt:
        stderr().print(
            f"stopped; its scores are kept in {store.url}. The same command goes on from here.",
            soft_wrap=True,
        )
        sys.stdout.flush()
        os._exit(2)  # requests in flight may take minutes to end, and nobody waits for them


def _mapped(fields: str | None) -> dict[str, str] | None:
    if fields is None:
        return None
    pairs = [part.partition("=") for part in fields.split(",") if part.strip()]
    if not pairs or not all(name and value for name, _, value in pairs):
        raise UsageError(f"--map takes role=FIELD,content=FIELD[,…], not {fields!r}")
    return {name.strip(): value.strip() for name, _, value in pairs}
