"""`cotmon new`: the skeleton of a new monitor."""

from __future__ import annotations

import re
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cotmon.cli._console import stderr
from cotmon.content import PROJECT_FILE, find_monitor, project_folder
from cotmon.content.monitors import CUE_FOLDERS
from cotmon.errors import UsageError

MODELS = {
    "rules": "scheming/trip-words",
    "concepts": "scheming/concealment",
    "judge": "scheming/judge",
}
"""The shipped monitor that is copied, by kind."""
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Thing(StrEnum):
    """What can be made."""

    monitor = "monitor"


def command(
    thing: Annotated[Thing, typer.Argument(help="What to make: monitor.")],
    name: Annotated[str, typer.Argument(help="CUE/NAME, as in scheming/my-monitor.")],
    kind: Annotated[str, typer.Option(help="rules, concepts or judge.")] = "rules",
) -> None:
    """Copies a shipped monitor of that kind as the start of your own."""
    cue, _, short = name.partition("/")
    if cue not in CUE_FOLDERS or not _NAME.fullmatch(short):
        raise UsageError(
            f"{name!r} is no CUE/NAME: CUE is one of {', '.join(CUE_FOLDERS)}; NAME is lower case"
        )
    if kind not in MODELS:
        raise UsageError(f"no skeleton of kind {kind!r}; there are {', '.join(MODELS)}")
    project = project_folder() or Path.cwd()
    target = project / "monitors" / cue / short
    if target.exists():
        raise UsageError(f"{target} exists already")
    (project / PROJECT_FILE).touch()  # makes the folder a project, so that its content is found
    shutil.copytree(find_monitor(MODELS[kind]).path, target)
    stderr().print(
        f"made {target}, a copy of {MODELS[kind]}. Now change its words, its cases and its card, "
        f"then: cotmon check {name}, and: cotmon replay LOG -m {name}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
