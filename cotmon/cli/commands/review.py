"""`cotmon review`: people's verdicts on steps, and what they say of the marks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cotmon.cli._answering import answers, clean_name, reviewer_name
from cotmon.cli._console import stderr, stdout
from cotmon.cli._pending import Pending
from cotmon.cli._review_figures import print_figures, verdicts_of
from cotmon.cli._review_files import read_lines, write_labels, write_lines
from cotmon.cli._review_places import Survey, survey
from cotmon.cli._reviewing import Reviewing
from cotmon.cli._stored import opened
from cotmon.errors import UsageError
from cotmon.report.table import shown
from cotmon.store import RunRow, Store
from cotmon.store.reviews import Review


def command(
    run: Annotated[str, typer.Argument(help="Run id, the start of one, or `latest`.")] = "latest",
    marked: Annotated[bool, typer.Option("--marked", help="Ask about the marked steps.")] = False,
    sample_unmarked: Annotated[
        int, typer.Option(min=0, help="Ask about so many unmarked steps of agents, at random.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the draw and of the order.")] = 0,
    blind: Annotated[
        bool, typer.Option("--blind", help="Show no score, no mark, no verdict of others.")
    ] = False,
    reviewer: Annotated[
        str | None,
        typer.Option(help="Who answers; default: you. --summary and --export: only theirs."),
    ] = None,
    taken: Annotated[
        Path | None, typer.Option("--import", help="Take in verdicts that were exported, .jsonl.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Write verdicts: .jsonl to import elsewhere, .csv as labels."),
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Print the figures.")] = False,
    pending: Annotated[
        bool,
        typer.Option("--pending", help="Approve or reject calls that watched agents wait for."),
    ] = False,
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Asks you about steps of a run and says how often marks are right and what they miss.

    Answers are kept at once; the same command goes on where it stopped. A verdict belongs to the
    words: it holds wherever the same module says them on the same channel.
    """
    asks = marked or sample_unmarked > 0
    store = opened(db)
    if pending:
        if asks or summary or taken or export:
            raise UsageError("--pending goes alone: it is about calls that wait, not about a run")
        Pending(store, reviewer_name(reviewer), stdout(), answers()).carry_out()
        return
    _check(asks or summary, taken, export)
    row = _finished(store, run)
    name = clean_name(reviewer) if reviewer is not None else None
    found = _surveyed(store, row, sample_unmarked, seed)
    broken = _import(store, row, found, taken) if taken is not None else 0
    if asks:
        items = found.order(marked=marked, blind=blind)
        _ask(Reviewing(
            store=store, rows=[row], reviewer=name or reviewer_name(None), blind=blind, items=items,
            console=stdout(), answers=answers(), earlier=_all(store),
        ))  # fmt: skip
    if summary or export is not None:
        found = _surveyed(store, row, 0, seed)
        reviews = [r for r in _all(store) if name is None or r.reviewer == name]
        if summary:
            print_figures(stdout(), found, reviews, row.id)
        if export is not None:
            broken += _export(export, found, reviews, row.id)
    raise typer.Exit(2 if broken else 0)


def _check(asks: bool, taken: Path | None, export: Path | None) -> None:
    if not (asks or taken or export):
        raise UsageError(
            "say what to review: --marked, --sample-unmarked N or both; "
            "or --summary, --export FILE, --import FILE, --pending"
        )
    if taken is not None and taken.suffix != ".jsonl":
        raise UsageError(f"--import {taken}: it reads .jsonl, as --export FILE.jsonl writes it")
    if export is not None and export.suffix not in (".jsonl", ".csv"):
        raise UsageError(f"--export {export}: name it .jsonl (to import) or .csv (labels)")


def _finished(store: Store, run: str) -> RunRow:
    with store.reading() as connection:
        row = store.runs.find(connection, run)
        watched = store.watches.runs(connection)
    if row.finished is None and row.id not in watched:
        raise UsageError(
            f"run {row.id} is not finished, so nothing can be drawn from it; let it end, "
            f"or if it was cut, type it again: {row.command}"
        )
    return row


def _surveyed(store: Store, row: RunRow, draw: int, seed: int) -> Survey:
    return survey(store, row, {review.step_hash for review in _all(store)}, draw, seed)


def _all(store: Store) -> list[Review]:
    with store.reading() as connection:
        return store.reviews.all(connection)


def _ask(reviewing: Reviewing) -> None:
    console = reviewing.console
    if not reviewing.items:
        console.print("no step to review: the run has none of these")
        return
    reviewing.carry_out()
    if reviewing.left:
        console.print(f"{reviewing.left:,} left; the same command goes on with them")
    else:
        console.print("all judged; for the figures add --summary")


def _import(store: Store, row: RunRow, found: Survey, path: Path) -> int:
    """Takes in what can be; returns how many lines were refused."""
    read = list(read_lines(path, row.id, found.frame))
    refused = [line for line in read if isinstance(line, str)]
    good = [line for line in read if isinstance(line, Review)]
    with store.begin() as connection:
        new = store.reviews.add(connection, good)
    for reason in refused:
        stderr().print(f"[yellow]refused[/] {shown(reason, 400)}", soft_wrap=True)
    said = f"imported {new:,} verdicts, {len(good) - new:,} were there, {len(refused):,} refused"
    stderr().print(said)
    return len(refused)


def _export(path: Path, found: Survey, reviews: list[Review], run: str) -> int:
    """Returns how many verdicts could not be written."""
    words = {item.words for item in found.known}
    wanted = [review for review in reviews if review.step_hash in words]
    unclear = 0
    if path.suffix == ".csv":
        count, unclear = write_labels(path, found, verdicts_of(wanted, words))
    else:
        count = write_lines(path, wanted, run, found.frame)
    said = f"wrote {path}: {count:,} " + ("labels" if path.suffix == ".csv" else "verdicts")
    stderr().print(said, markup=False, soft_wrap=True)
    if unclear:
        stderr().print(
            f"left out {unclear:,} labels: their transcripts share ids, so labels cannot name them"
        )
    return unclear
