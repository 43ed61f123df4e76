"""Data set folders: logs with a card, and labels where they have some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from cotmon.content._toml import read_toml
from cotmon.errors import ContentError

MANIFEST = "dataset.toml"
LABELS = "labels"
"""The key under `[files]` that names a labels CSV; every other key names a log."""


class DataSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`dataset.toml`.

    Attributes:
        summary: one line for lists.
        unit: what one case is.
        licence, source: where it comes from, and what one may do with it.
        files: name → file in the folder.
        schema: field → meaning.
        splits: name → meaning.
    """

    summary: str
    unit: str
    licence: str
    source: str
    files: dict[str, str]
    schema: dict[str, Any] = {}
    splits: dict[str, str] = {}


def is_dataset(folder: Path) -> bool:
    """Whether a folder is a data set."""
    return (folder / MANIFEST).is_file()


def dataset_logs(folder: Path) -> list[Path]:
    """The logs of a data set, in the order of its manifest.

    Raises:
        ContentError: the manifest is wrong, or names a file that is not there.
    """
    return [_file(folder, name) for key, name in _read(folder).files.items() if key != LABELS]


def dataset_labels(folder: Path) -> Path | None:
    """The labels of a data set; None where it has none.

    Raises:
        ContentError: the manifest is wrong, or names a file that is not there.
    """
    name = _read(folder).files.get(LABELS)
    return None if name is None else _file(folder, name)


def _read(folder: Path) -> DataSet:
    return read_toml(folder / MANIFEST, DataSet)


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise ContentError(f"{folder / MANIFEST}: {name} is no file of this folder")
    return path
