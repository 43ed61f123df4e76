"""Writes the HTML report of a stored run."""

from __future__ import annotations

from pathlib import Path

from cotmon.cli._console import stderr
from cotmon.cli._stored import results, run_info
from cotmon.report.html import write_report
from cotmon.store import RunRow, Store


def write(store: Store, row: RunRow, target: Path, pages: frozenset[str] = frozenset()) -> None:
    """Writes it and says where.

    Args:
        store: where the run is.
        row: the run.
        target: FILE.html, or a folder.
        pages: ids of transcripts that get a page though they are not flagged.
    """
    with store.reading() as connection:
        refusals = store.runs.refusals(connection, row.id)
    files = write_report(results(store, row), refusals, run_info(store, row), target, pages)
    stderr().print(f"report: {files[0]}", soft_wrap=True, markup=False)
