"""TOML files to typed records, with the file and the key in every complaint."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from cotmon.errors import ContentError

T = TypeVar("T")


def read_toml(path: Path, kind: type[T]) -> T:
    """The file as a record of this type.

    Raises:
        ContentError: it is missing, no TOML, or a key is unknown or of the wrong type.
    """
    return convert(load_toml(path), kind, path)


def load_toml(path: Path) -> dict[str, Any]:
    """The file as a dict.

    Raises:
        ContentError: it is missing or no TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ContentError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContentError(f"{path}: not TOML: {error}") from None


def convert(value: object, kind: type[T], path: Path) -> T:
    """A decoded value as a record of this type.

    Raises:
        ContentError: a key is unknown or of the wrong type.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ContentError(f"{path}: {error}") from None
