"""Evaluations to the store and back, and their report."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import msgspec

from cotmon.cli._console import stderr
from cotmon.cli._run import typed
from cotmon.errors import StoreError
from cotmon.evaluate import Evaluation
from cotmon.store import Store, new_id, now


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
        CotmonError: there is none of that name, or another version of cotmon made it.
    """
    with store.reading() as connection:
        found, body = store.evaluations.find(connection, name)
    try:
        return msgspec.convert(body, Evaluation)
    except msgspec.ValidationError as error:
        raise StoreError(
            f"evaluation {found} was made by another version of cotmon ({error}); evaluate anew"
        ) from None


def write_report(found: Evaluation, path: Path, before: Evaluation | None = None) -> None:
    """Writes the HTML page. Plots cost seconds to import, so they are asked for here only."""
    page = import_module("cotmon.report.evaluation_page").evaluation_page(found, before)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")
    stderr().print(f"wrote {path}", markup=False, soft_wrap=True)
