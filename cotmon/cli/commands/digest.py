"""`cotmon digest`: what watching saw, and what it would have done."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cotmon.cli._answering import answers, reviewer_name
from cotmon.cli._console import stdout
from cotmon.cli._digest import hint, print_digest, print_worst, worst_items
from cotmon.cli._reviewing import Reviewing
from cotmon.cli._stored import opened
from cotmon.store import now
from cotmon.watching.digest import digest
from cotmon.watching.since import since as parse_since


def command(
    since: Annotated[
        str, typer.Option(help="How far back: 7d, 12h, 2w, or a day as 2026-03-01.")
    ] = "7d",
    judge: Annotated[
        bool | None,
        typer.Option(
            "--judge/--no-judge",
            help="Judge the ten worst with a key each; default: at a terminal.",
        ),
    ] = None,
    reviewer: Annotated[str | None, typer.Option(help="Who judges; default: you.")] = None,
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Says what would have happened to watched agents, and lets you judge the ten worst.

    Verdicts are stored as those of `cotmon review` are, and count wherever those do.
    """
    start = parse_since(since)
    store = opened(db)
    found = digest(store, start, now())
    console = stdout()
    print_digest(console, found)
    rows, worst = worst_items(store, found)
    with store.reading() as connection:
        reviews = store.reviews.all(connection)
    if found.latencies:
        print_worst(console, worst, reviews)
    asks = sys.stdin.isatty() and sys.stdout.isatty() if judge is None else judge
    if worst and asks:
        reviewing = Reviewing(
            store=store, rows=rows, reviewer=reviewer_name(reviewer), blind=False,
            items=[item for *_, item in worst], console=console, answers=answers(),
            earlier=reviews,
        )  # fmt: skip
        reviewing.carry_out()
    if worst:
        console.print(f"\n[dim]{hint(found, db)}[/]", soft_wrap=True)
