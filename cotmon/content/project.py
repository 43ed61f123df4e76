"""What a project's `cotmon.toml` says besides content: where its scores are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cotmon.content._places import PROJECT_FILE, project_folder
from cotmon.content._toml import load_toml
from cotmon.errors import ContentError

_SQLITE = "sqlite:///"


def project_file() -> Path | None:
    """The `cotmon.toml` of this folder or of one above it; None where there is none."""
    folder = project_folder()
    return None if folder is None else folder / PROJECT_FILE


def store_url(path: Path, tables: dict[str, Any] | None = None) -> str | None:
    """`[store] url` of such a file; an SQLite file is looked for from the folder of that file.

    Args:
        path: of the file.
        tables: what it holds, where it has been read.

    Raises:
        ContentError: the file is wrong.
    """
    store = (load_toml(path) if tables is None else tables).get("store", {})
    url = store.get("url") if isinstance(store, dict) else None
    if url is None:
        return None
    if not isinstance(url, str):
        raise ContentError(f"{path}: store.url must be text")
    name = url.removeprefix(_SQLITE)
    if name in (url, "", ":memory:") or Path(name).is_absolute():
        return url
    return f"{_SQLITE}{path.parent.absolute() / name}"
