"""Where content lies, in the order it is looked up: the first of a name wins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from platformdirs import user_data_path

PROJECT_FILE = "cotmon.toml"


@dataclass(frozen=True, slots=True)
class Place:
    """One root that may hold `monitors/`, `pipelines/` and `datasets/`.

    Attributes:
        name: `environment`, `project`, `user`, `shipped`, or a distribution's name.
        root: the folder.
    """

    name: str
    root: Path


def places() -> list[Place]:
    """All roots, first to last: COTMON_CONTENT, project, user, shipped, other distributions."""
    found: dict[Path, Place] = {}
    for place in _candidates():
        if place.root.is_dir():
            found.setdefault(place.root.resolve(), place)
    return list(found.values())


def _candidates() -> Iterator[Place]:
    if asked := os.environ.get("COTMON_CONTENT"):
        yield Place("environment", Path(asked))
    project = project_folder()
    if project is not None and project.resolve() != _shipped().resolve():
        yield Place("project", project)
    yield Place("user", user_data_path("cotmon") / "content")
    yield Place("shipped", _shipped())
    for point in sorted(entry_points(group="cotmon.content"), key=lambda p: p.name):
        name = point.dist.name if point.dist is not None else point.name
        yield Place(name, Path(str(files(point.value.partition(":")[0]))))


def project_folder() -> Path | None:
    """The folder with `cotmon.toml`, here or above, or None."""
    here = Path.cwd()
    return next((d for d in (here, *here.parents) if (d / PROJECT_FILE).is_file()), None)


def _shipped() -> Path:
    """Beside the package in a checkout, inside it once installed."""
    package = Path(str(files("cotmon")))
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "monitors").is_dir():
        return checkout
    return package / "_content"
