"""`cotmon doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

from importlib.metadata import packages_distributions
from typing import Annotated

import typer

from cotmon.cli._choice import DEFAULT_SET
from cotmon.cli._console import stdout
from cotmon.cli._versions import versions
from cotmon.content import find_set, members, places
from cotmon.errors import CotmonError, ModelError
from cotmon.models import Models, find_weights
from cotmon.report.table import shown
from cotmon.store import default_url, open_store


def command(
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Prints versions, models, database and content; exits 2 if something is missing."""
    for name, number in versions().items():
        _say(True, name, number)
    checks = [_content(), _encoder(), _database(db), _namesake()]
    if not all(checks):
        raise typer.Exit(2)


def _say(good: bool, what: str, text: str) -> bool:
    mark = "[green]✓[/]" if good else "[red]✗[/]"
    stdout().print(f"{mark} {what}: {shown(text)}", soft_wrap=True)
    return good


def _content() -> bool:
    for place in places():
        _say(True, f"content, {place.name}", str(place.root))
    try:
        folders = members(find_set(DEFAULT_SET))
    except CotmonError as error:
        return _say(False, "default set", str(error))
    return _say(True, "default set", ", ".join(folder.name for folder in folders))


def _encoder() -> bool:
    try:
        encoder = Models().encoder
    except ModelError as error:
        return _say(False, "encoder", str(error))
    return _say(True, "encoder", f"{find_weights()} ({encoder.identity[:16]}…)")


def _database(url: str | None) -> bool:
    try:
        store = open_store(url)
        with store.reading() as connection:
            count = len(store.runs.rows(connection))
    except CotmonError as error:
        return _say(False, "database", str(error))
    return _say(True, "database", f"{store.url} ({count:,} runs); default {default_url()}")


def _namesake() -> bool:
    """Another distribution may install an import package of our name over ours."""
    others = {name for name in packages_distributions().get("cotmon", []) if name != "cotmon"}
    if others:
        listed = ", ".join(sorted(others))
        text = f"{listed} also installs a package `cotmon`; uninstall it, then reinstall cotmon"
        return _say(False, "import name", text)
    return _say(True, "import name", "cotmon is ours alone")
