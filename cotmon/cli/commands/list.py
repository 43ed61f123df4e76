"""`cotmon list`: what there is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from cotmon.cli._choice import DEFAULT_SET
from cotmon.cli._console import stdout
from cotmon.content import find_monitors, find_set, find_sets, members, places
from cotmon.formats import FORMATS
from cotmon.report.table import shown
from cotmon.store import open_store


class What(StrEnum):
    """What can be listed."""

    monitors = "monitors"
    sets = "sets"
    datasets = "datasets"
    formats = "formats"
    runs = "runs"


def command(
    what: Annotated[What, typer.Argument(help="What to list.")],
    db: Annotated[str | None, typer.Option(help="Database URL, for runs.")] = None,
) -> None:
    """Lists monitors, sets, datasets, formats or runs."""
    if what is What.monitors:
        _monitors()
    elif what is What.sets:
        _print(("set", "summary"), [(n, find_set(n).summary) for n in find_sets()])
    elif what is What.datasets:
        _datasets()
    elif what is What.formats:
        _print(("format", "reads"), [(n, FORMATS.load(n).title) for n in FORMATS.names()])
    else:
        _runs(db)


def _monitors() -> None:
    default = {folder.name for folder in members(find_set(DEFAULT_SET))}
    rows = [
        (
            folder.name,
            "●" if folder.name in default else "",
            folder.manifest.kind,
            folder.manifest.summary + _shadows(folder.place, folder.shadows),
        )
        for folder in find_monitors().values()
    ]
    _print(("monitor", DEFAULT_SET, "kind", "summary"), rows)


def _shadows(place: str, shadows: tuple[str, ...]) -> str:
    if shadows:
        return f" ({place}; shadows {', '.join(shadows)})"
    return "" if place == "shipped" else f" ({place})"


def _datasets() -> None:
    found = [
        (path.parent.name, place.name)
        for place in places()
        for path in sorted((place.root / "datasets").glob("*/dataset.toml"))
    ]
    _print(("dataset", "place"), found)


def _runs(db: str | None) -> None:
    store = open_store(db)
    with store.reading() as connection:
        rows = store.runs.rows(connection)
    _print(
        ("run", "transcripts", "done", "command"),
        [(r.id, f"{r.transcripts:,}", "yes" if r.finished else "cut", r.command) for r in rows],
    )


def _print(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        last = name == columns[-1]
        table.add_column(name, no_wrap=not last, overflow="fold", min_width=24 if last else None)
    for row in rows:
        table.add_row(*(shown(cell) for cell in row))
    stdout().print(table if rows else "none")
