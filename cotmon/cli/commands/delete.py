"""`cotmon delete`: forgets a run."""

from __future__ import annotations

from typing import Annotated

import typer

from cotmon.cli._console import stderr
from cotmon.cli._stored import opened


def command(
    run: Annotated[str, typer.Argument(help="Run id, or the start of one.")],
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Deletes a run, and the texts and scores that no other run needs."""
    store = opened(db)
    with store.begin() as connection:
        row = store.runs.find(connection, run)
        store.runs.delete(connection, row.id)
        if store.runs.others_unfinished(connection, row.id):
            swept = "; what only it had read stays until no run is unfinished"
        else:
            count = store.transcripts.sweep(connection)
            swept = f" and {count:,} transcripts that only it had read"
    stderr().print(f"deleted run {row.id}{swept}", soft_wrap=True, markup=False)
