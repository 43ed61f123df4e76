"""A change of mode for some tools, written into `cotmon.toml` without touching the rest of it."""

from __future__ import annotations

import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from cotmon.content import convert
from cotmon.errors import ContentError, UsageError
from cotmon.watching.settings import Mode, Settings


def promoted(text: str, tool: str, mode: Mode, path: Path) -> str:
    """The text of a `cotmon.toml` with the mode of these tools changed; all else as it was.

    Args:
        text: what the file holds; empty where there is none.
        tool: glob of tool names.
        mode: for calls of these tools.
        path: of the file, for complaints.

    Raises:
        ContentError: the file is wrong, before or after.
        UsageError: the glob is empty.
    """
    if not tool.strip():
        raise UsageError("--tool takes the name of a tool, or a glob such as 'send_*'")
    settings_in(text, path)
    try:
        document = tomlkit.parse(text)
        tools = _table(_table(document, "watch"), "tools", parent_only=True)
        _table(tools, tool)["mode"] = mode
        changed = tomlkit.dumps(document)
    except (TOMLKitError, TypeError, ValueError, AttributeError) as error:
        raise ContentError(f"{path}: cannot be changed, do it by hand: {error}") from None
    if settings_in(changed, path).tools[tool].mode != mode:
        raise ContentError(f"{path}: cannot be changed, do it by hand")
    return changed


def _table(within: Any, key: str, *, parent_only: bool = False) -> Any:
    """The table of this key, made where there is none; inline within what is inline."""
    if key not in within:
        inline = isinstance(within, InlineTable)
        within[key] = tomlkit.inline_table() if inline else tomlkit.table(parent_only)
    return within[key]


def settings_in(text: str, path: Path) -> Settings:
    """The `[watch]` table of a text.

    Raises:
        ContentError: it is no TOML, or the table is wrong.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ContentError(f"{path}: not TOML: {error}") from None
    return convert(tables.get("watch", {}), Settings, path)


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that readers see the old one or the new one; its permissions stay.

    Raises:
        OSError: it cannot be written; then nothing has changed.
    """
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        mode = target.stat().st_mode if target.exists() else 0o666 & ~_umask()
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
