"""`cotmon doctor`: what is here, what is missing, and how to get it; of a host, what it holds."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Annotated

import typer

from cotmon.cli._console import stdout
from cotmon.content import find_set, members, places
from cotmon.engine.choice import DEFAULT_SET
from cotmon.engine.versions import versions
from cotmon.errors import CotmonError, ModelError
from cotmon.hosts import HOSTS, HostCard
from cotmon.hosts._canary import NoCanaryError, fire
from cotmon.models import Models, find_weights
from cotmon.report.table import shown
from cotmon.store import default_url, open_store


def command(
    host: Annotated[str | None, typer.Argument(help="A host, to try whether it holds.")] = None,
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Prints versions, models, database and content; exits 2 if something is missing.

    With a HOST: what it sees and can, what is installed, and whether a canary is held by it;
    exits 1 where it is not, so that `mode = "enforce"` would promise too much.
    """
    if host is not None:
        _host(host)
        return
    for name, number in versions().items():
        _say(True, name, number)
    checks = [_content(), _encoder(), _database(db), _namesake()]
    if not all(checks):
        raise typer.Exit(2)


def _host(name: str) -> None:
    """Raises typer.Exit: 1 the canary was not held, 2 it could not be run."""
    card: HostCard = HOSTS.load(name).card
    _card(card)
    if not all([_distribution(card, need) for need in card.needs]):
        raise typer.Exit(2)
    try:
        found = fire(name)
    except NoCanaryError as error:
        _say(False, "canary", f"could not be run: {error}")
        raise typer.Exit(2) from None
    for finding in found:
        _say(finding.holds, "canary", finding.what)
    if all(finding.holds for finding in found):
        _say(True, name, 'holds: mode = "enforce" may be written')
        return
    _say(False, name, 'does not hold: do not write mode = "enforce"; report this')
    raise typer.Exit(1)


def _card(card: HostCard) -> None:
    sees = {"reasoning": card.reasoning, "text": card.text, "calls": card.calls,
            "results": card.results, "words as they come": card.streams}  # fmt: skip
    can = {"block one call": card.blocks, "wait for a person": card.pauses,
           "wait over a restart": card.survives, "say a turn again": card.again}  # fmt: skip
    out = stdout()
    out.print(shown(card.title), soft_wrap=True)
    for title, held in (("sees", sees), ("can", can)):
        words = ", ".join(f"{what}: {value}" for what, value in held.items())
        out.print(f"  {title}  {shown(words)}", soft_wrap=True)
    for note in card.notes:
        out.print(f"  - {shown(note)}", soft_wrap=True)


def _distribution(card: HostCard, name: str) -> bool:
    try:
        return _say(True, name, version(name))
    except PackageNotFoundError:
        return _say(False, name, f"is not installed: pip install 'cotmon[{card.name}]'")


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
