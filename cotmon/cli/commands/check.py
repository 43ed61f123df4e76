"""`cotmon check`: content against its own rules and cases."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from cotmon.cli._console import stdout
from cotmon.content import MonitorFolder, find_monitor, find_monitors, find_set, find_sets, members
from cotmon.content.lint import lint_monitor
from cotmon.engine import load_monitor
from cotmon.engine.cases import run_case
from cotmon.errors import CotmonError
from cotmon.models import Models
from cotmon.report.table import shown


def command(
    names: Annotated[list[str] | None, typer.Argument(help="Monitors; default: all.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Run the cases of judges with URL#name or recorded:FILE.")
    ] = None,
    values: Annotated[
        bool, typer.Option("--values", help="Print the score of every case.")
    ] = False,
) -> None:
    """Lints monitor folders and runs their cases."""
    folders = [find_monitor(n) for n in names] if names else list(find_monitors().values())
    models = Models(model)
    problems = [p for folder in folders for p in _check(folder, models, values)]
    if not names:
        problems += _check_sets()
    for problem in problems:
        stdout().print(f"[red]✗[/] {problem}", soft_wrap=True)
    if problems:
        raise typer.Exit(2)


def _check(folder: MonitorFolder, models: Models, values: bool) -> list[str]:
    """Problems of one monitor; prints a line on how it went."""
    try:
        problems, cases = lint_monitor(folder)
        if folder.manifest.kind == "judge" and models.chat_model is None:
            stdout().print(f"{folder.name}: {len(cases)} cases linted; they need --model to run")
            return [shown(f"{folder.name}: {p}") for p in problems]
        monitor = load_monitor(folder, models)
        results = [run_case(monitor, case) for case in cases]
    except CotmonError as error:
        return [shown(f"{folder.name}: {error}")]
    if values:
        for r in sorted(results, key=lambda r: -(r.value or 0)):
            number = "  n/a " if r.value is None else f"{r.value:.4f}"
            stdout().print(escape(f"{number} {r.case.expect:<5} {r.case.name}"), soft_wrap=True)
    bad = [f"{folder.name}: case {r.case.name!r} {r.problem}" for r in results if not r.ok]
    todo = sum(case.expect == "todo" for case in cases)
    stdout().print(f"{folder.name}: {len(cases)} cases, {todo} known misses, {len(bad)} wrong")
    return [shown(p) for p in [*(f"{folder.name}: {p}" for p in problems), *bad]]


def _check_sets() -> list[str]:
    problems: list[str] = []
    for name in find_sets():
        try:
            members(find_set(name))
        except CotmonError as error:
            problems.append(shown(f"set {name}: {error}"))
    return problems
