"""`cotmon promote`: from observing a tool to enforcing on it, in `cotmon.toml`."""

from __future__ import annotations

import difflib
import os
import sys
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cotmon.cli._answering import answers
from cotmon.cli._console import stderr, stdout
from cotmon.content import PROJECT_FILE, project_file, store_url
from cotmon.errors import ContentError
from cotmon.report.table import counted, one_line
from cotmon.store import now, open_store
from cotmon.watching import Settings
from cotmon.watching.digest import Tally, digest
from cotmon.watching.promoting import promoted, settings_in, write_whole
from cotmon.watching.since import since

LOOK_BACK = "7d"


class Wanted(StrEnum):
    """What `--mode` takes."""

    observe = "observe"
    enforce = "enforce"


def command(
    tool: Annotated[str, typer.Option(help="Name of a tool, or a glob such as 'send_*'.")],
    mode: Annotated[Wanted, typer.Option(help="For calls of these tools.")] = Wanted.enforce,
    config: Annotated[
        Path | None, typer.Option(help="Which cotmon.toml; default: the project's.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    db: Annotated[
        str | None, typer.Option(help="Database URL, for what is known of these tools.")
    ] = None,
) -> None:
    """Shows the change of cotmon.toml that makes decisions on some tools count, then writes it.

    Agents that are already watched take it up when they are started again.
    """
    path = config or project_file() or Path(PROJECT_FILE)
    before = _read(path)
    after = promoted(before, tool, mode.value, path)
    if after == before:
        stdout().print(f"nothing to change: {path} says so already", markup=False, soft_wrap=True)
        return
    _show(path, before, after)
    _warn(settings_in(after, path), tool, mode, _tallies(path, tool, db))
    if not yes and not _agreed():
        stderr().print("nothing was written")
        raise typer.Exit(2)
    if _read(path) != before:
        raise ContentError(f"{path} was changed in the meantime; nothing was written")
    write_whole(path, after)
    stderr().print(f"wrote {path}; start your agents again", markup=False, soft_wrap=True)


def _read(path: Path) -> str:
    """What the file holds, line ends as they are; nothing where there is none."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ContentError(f"{path}: not TOML: {error}") from None


def _show(path: Path, before: str, after: str) -> None:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(path), str(path), lineterm=""
    )
    styles = {"+": "green", "-": "red"}
    for line in lines:
        stdout().print(Text(one_line(line), styles.get(line[:1], "")), soft_wrap=True)


def _tallies(path: Path, tool: str, db: str | None) -> dict[str, Tally]:
    """What the last days say of the tools that fit."""
    url = db or (store_url(path) if path.exists() else None)
    found = digest(open_store(url), since(LOOK_BACK), now())
    return {name: tally for name, tally in found.tools.items() if fnmatchcase(name, tool)}


def _warn(settings: Settings, tool: str, mode: Wanted, tallies: dict[str, Tally]) -> None:
    """What a person should know before saying yes."""
    if asked := os.environ.get("COTMON_MODE"):
        _say(f"COTMON_MODE={asked} is set here; where it is, it overrides this")
    others = [name for name in tallies if settings.tool(name).mode != mode.value]
    if others:
        _say(f"a longer glob decides for {', '.join(others)}, so this changes nothing there")
    if mode is Wanted.observe:
        return
    if not tallies:
        _say(f"no call of such a tool was watched in the last {LOOK_BACK}")
        return
    calls = sum(t.total for t in tallies.values())
    held = sum(c["ask"] + c["block"] for t in tallies.values() for c in (t.observed, t.enforced))
    said = f"in the last {LOOK_BACK}: {counted(calls, 'call')} of {', '.join(sorted(tallies))}; "
    _say(f"{said}{held:,} would have been held")
    if missing := sum(t.unscored for t in tallies.values()):
        wanted = sum(t.for_want for t in tallies.values())
        _say(f"a score was missing for {missing:,} of them; {wanted:,} held for that alone")


def _say(text: str) -> None:
    stderr().print(Text(one_line(text), "yellow"), soft_wrap=True)


def _agreed() -> bool:
    stdout().print("write this? y or n > ", end="")
    line = answers().readline()
    if not sys.stdin.isatty():
        stdout().print()  # nobody pressed Enter here
    return line.strip().lower() in ("y", "yes")
