"""`cotmon list`: what there is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from cotmon.cli._console import stdout
from cotmon.cli._stored import opened
from cotmon.content import find_monitors, find_set, find_sets, members, places
from cotmon.engine.choice import DEFAULT_SET
from cotmon.formats import FORMATS
from cotmon.hosts import HOSTS
from cotmon.report.table import shown


class What(StrEnum):
    """What can be listed."""

    monitors = "monitors"
    sets = "sets"
    datasets = "datasets"
    formats = "formats"
    runs = "runs"
    hosts = "hosts"


def command(
    what: Annotated[What, typer.Argument(help="What to list.")],
    db: Annotated[str | None, typer.Option(help="Database URL, for runs.")] = None,
) -> None:
    """Lists monitors, sets, datasets, formats, runs, or hosts of living agents."""
    if what is What.monitors:
        _monitors()
    elif what is What.sets:
        _print(("set", "summary"), [(n, find_set(n).summary) for n in find_sets()])
    elif what is What.datasets:
        _datasets()
    elif what is What.formats:
        _print(("format", "reads"), [(n, FORMATS.load(n).title) for n in FORMATS.names()])
    elif what is What.hosts:
        _hosts()
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
    store = opened(db)
    with store.reading() as connection:
        rows = store.runs.rows(connection)
        watched = store.watches.runs(connection)
    unfinished = {r.id: "watching" if r.id in watched else "cut" for r in rows if not r.finished}
    _print(
        ("run", "transcripts", "done", "command"),
        [(r.id, f"{r.transcripts:,}", unfinished.get(r.id, "yes"), r.command) for r in rows],
    )


def _hosts() -> None:
    """What each sees and can enforce, as its card says it."""
    cards = [HOSTS.load(name).card for name in HOSTS.names()]
    _print(
        ("host", "reasoning", "blocks", "pauses", "survives", "streams", "what"),
        [(c.name, c.reasoning, c.blocks, c.pauses, c.survives, c.streams, c.title) for c in cards],
    )
    for card in cards:
        for note in card.notes:
            stdout().print(f"{shown(card.name)}: {shown(note)}", soft_wrap=True)


def _print(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        last = name == columns[-1]
        table.add_column(name, no_wrap=not last, overflow="fold", min_width=24 if last else None)
    for row in rows:
        table.add_row(*(shown(cell) for cell in row))
    stdout().print(table if rows else "none")
