"""`cotmon report`: a stored run as HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cotmon.cli import _reports
from cotmon.cli._stored import opened
from cotmon.errors import UnknownNameError


def command(
    run: Annotated[str, typer.Argument(help="Run id, the start of one, or `latest`.")] = "latest",
    to: Annotated[
        Path | None, typer.Option(help="FILE.html or a folder; default: cotmon-report-RUN.")
    ] = None,
    page: Annotated[
        list[str] | None,
        typer.Option(help="Also a page for this transcript id, though it is not flagged."),
    ] = None,
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Writes the HTML report of a run."""
    store = opened(db)
    with store.reading() as connection:
        row = store.runs.find(connection, run)
        known = {reading.transcript.id for reading in store.runs.readings(connection, row.id)}
    for name in set(page or ()) - known:
        raise UnknownNameError(name, "transcript of this run", known)
    target = to or Path(
        f"cotmon-report-{row.id}.html" if row.transcripts == 1 else f"cotmon-report-{row.id}"
    )
    _reports.write(store, row, target, frozenset(page or ()))
