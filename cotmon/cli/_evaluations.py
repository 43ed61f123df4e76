"""Evaluations to the store and back, and their report."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import msgspec

from cotmon.cli._console import stderr
from cotmon.cli._run import new_id, now, typed
from cotmon.evaluate import Evaluation
from cotmon.store import Store


def save(store: Store, found: Evaluation) -> str:
    """Stores it; returns its id."""
    name = new_id()
    row = {"id": name, "command": typed(), "made": now(), "body": msgspec.to_builtins(found)}
    with store.begin() as connection:
        store.evaluations.add(connection, row)
    return name


def load(store: Store, name: str) -> Evaluation:
    """A stored one, by id, the start of it, or `latest`.

    Raises:
        CotmonError: there is none of that name.
    """
    with store.reading() as connection:
        _, body = store.evaluations.find(connection, name)
    return msgspec.convert(body, Evaluation)


def write_report(found: Evaluation, path: Path, before: Evaluation | None = None) -> None:
    """Writes the HTML page. Plots cost seconds to import, so they are asked for here only."""
    page = import_module("cotmon.report.evaluation_page").evaluation_page(found, before)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")
    stderr().print(f"wrote {path}", markup=False, soft_wrap=True)
