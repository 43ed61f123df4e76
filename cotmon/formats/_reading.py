"""The door: paths to transcripts, every file recognised by content, every refusal said."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFSOCK, S_ISREG

from cotmon.content import dataset_logs, is_dataset
from cotmon.errors import ContentError, FormatError, PluginError, UnreadFormatError
from cotmon.formats._contract import FORMATS, Format
from cotmon.formats._file import LogFile
from cotmon.formats._unread import name_of_unread
from cotmon.records import Refusal, Transcript

_MAGIC = frozenset("*?[")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can ask of reading.

    Attributes:
        format: read as this format instead of sniffing; None sniffs.
        map: field names for the generic reader (`role`, `content`, …).
    """

    format: str | None = None
    map: dict[str, str] | None = None


def read(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    options: Options = Options(),
) -> Iterator[Transcript | Refusal]:
    """Streams the transcripts of files, folders, globs and `-` (standard input).

    A file that cannot be read gives a `Refusal` and the rest is still read.
    """
    names = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    for found in find_files(names):
        if isinstance(found, Refusal):
            yield found
        else:
            yield from read_file(found, options)


def missing(name: str) -> bool:
    """Whether a name is that of nothing: no file, folder, pattern or standard input."""
    return name != "-" and not _MAGIC & set(name) and not os.path.lexists(name.replace("\0", ""))


def find_files(names: Iterable[str | os.PathLike[str]]) -> Iterator[Path | Refusal | None]:
    """The files under these names, each once, sorted within folders; None is standard input."""
    seen: set[str] = set()
    for name in names:
        for item in _expanded(os.fspath(name)):
            if not isinstance(item, Refusal):
                real = "-" if item is None else os.path.realpath(item)
                if real in seen:
                    continue
                seen.add(real)
            yield item if item is None or isinstance(item, Refusal) else _checked(item)


def _expanded(name: str) -> Iterator[Path | Refusal | None]:
    try:
        yield from _expand(name)
    except OSError as error:
        yield _not_opened(error, name)
    except ValueError as error:
        yield Refusal(file=_printable(name), reason=f"is no path: {error}")
    except ContentError as error:
        yield Refusal(file=_printable(name), reason=str(error))


def _checked(path: Path) -> Path | Refusal:
    """The path, if what lies there can be read more than once and its name can be stored."""
    name = os.fspath(path)
    if _printable(name) != name:
        return Refusal(file=_printable(name), reason="its name is not UTF-8; rename it")
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return _not_opened(error, name)
    if S_ISREG(mode):
        return path
    return Refusal(file=name, reason=f"is {_kind_of(mode)}, not a file; pipe it in and read `-`")


def _kind_of(mode: int) -> str:
    names = {S_IFIFO: "a named pipe", S_IFSOCK: "a socket", S_IFCHR: "a device",
             S_IFBLK: "a device", S_IFDIR: "a folder"}  # fmt: skip
    return names.get(S_IFMT(mode), "something special")


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _expand(name: str) -> Iterator[Path | Refusal | None]:
    path = Path(name)
    if name == "-":
        yield None
    elif path.is_dir():
        yield from dataset_logs(path) if is_dataset(path) else _walk(name)
    elif path.exists() or path.is_symlink():
        yield path
    elif _MAGIC & set(name):
        matches = sorted(glob.glob(name, recursive=True))
        if not matches:
            yield Refusal(file=_printable(name), reason="no file matches this pattern")
        for match in matches:
            yield from _walk(match) if Path(match).is_dir() else iter([Path(match)])
    else:
        yield Refusal(file=_printable(name), reason="there is no such file or folder")


def _walk(folder: str) -> Iterator[Path | Refusal]:
    """Files below a folder, hidden ones left out; links to folders are said, not followed."""
    errors: list[OSError] = []
    empty = True
    for root, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        while errors:
            yield _not_opened(errors.pop(), folder)
        for link in (path for f in folders if (path := Path(root, f)).is_symlink()):
            reason = "a link to a folder is not followed; name it to read it"
            yield Refusal(file=_printable(str(link)), reason=reason)
        for file in sorted(f for f in files if not f.startswith(".")):
            empty = False
            yield Path(root, file)
    empty = empty and not errors
    while errors:
        yield _not_opened(errors.pop(), folder)
    if empty:
        yield Refusal(file=_printable(folder), reason="the folder holds no file")


def _not_opened(error: OSError, name: str) -> Refusal:
    where = error.filename if isinstance(error.filename, str) else name
    return Refusal(file=_printable(where), reason=f"cannot be opened: {error.strerror or error}")


def read_file(path: Path | None, options: Options) -> Iterator[Transcript | Refusal]:
    """The transcripts of one file; whatever goes wrong becomes a `Refusal`."""
    file = LogFile(path, options.map)
    name: str | None = None
    try:
        name, chosen = recognise(file, options.format)
        yield from chosen.read(file)
    except FormatError as error:
        yield Refusal(file=file.name, reason=error.reason, line=error.line, format=name)
    except OSError as error:
        yield _not_opened(error, file.name)
    except RecursionError:
        yield Refusal(file=file.name, reason="nested too deep to read", format=name)
    except MemoryError:
        yield Refusal(file=file.name, reason="does not fit in memory", format=name)
    except Exception as error:  # noqa: BLE001
        # A reader, perhaps a stranger's, met what it did not expect; the other files go on.
        reason = f"is broken in a way the reader did not expect: {type(error).__name__}: {error}"
        yield Refusal(file=file.name, reason=reason, format=name)


def recognise(file: LogFile, asked: str | None = None) -> tuple[str, Format]:
    """The format that reads this file, by content.

    Raises:
        UnreadFormatError: the format is known by name and has no reader yet.
        FormatError: nothing recognises it, or two claim it alike.
    """
    if asked is not None:
        return asked, FORMATS.load(asked)
    if file.kind == "empty":
        raise FormatError("the file is empty")
    unread = name_of_unread(file)
    if file.kind == "binary":
        if unread is not None:
            raise UnreadFormatError(f"this is {unread.title}; not read yet")
        raise FormatError(_binary(file.head))
    claims = {name: _claim(name, file) for name in FORMATS.names()}
    best = max(claims.values())
    if unread is not None and unread.strength >= best:
        raise UnreadFormatError(f"this is {unread.title}; not read yet")
    winners = [name for name, claim in claims.items() if claim == best]
    if best == 0:
        raise FormatError(_unknown(file))
    if len(winners) > 1:
        raise FormatError(f"could be {' or '.join(winners)}; choose one with --format")
    return winners[0], FORMATS.load(winners[0])


def _binary(head: bytes) -> str:
    if 3 * head.count(0) > len(head) and any(word in head for word in (b'"\0', b"{\0", b"\0{")):
        return "UTF-16 without its mark, or binary data; save it as UTF-8"
    return "binary data, not a log of any format that cotmon knows"


def _claim(name: str, file: LogFile) -> int:
    """What one format says of the file; a broken stranger must not keep the others from reading."""
    try:
        return FORMATS.load(name).sniff(file)
    except (PluginError, ArithmeticError, AttributeError, LookupError, TypeError) as error:
        _log.warning("format %s cannot be asked: %s: %s", name, type(error).__name__, error)
        return 0


def _unknown(file: LogFile) -> str:
    first = file.first
    if isinstance(first, list):
        first = next((item for item in first if isinstance(item, dict)), first)
    if isinstance(first, dict):
        keys = ", ".join(list(map(str, first))[:12])
        return f"no known format; its first object has the keys: {keys}. Try --map role=…,content=…"
    if file.kind == "text":
        return "plain text, not a log of any format that cotmon knows"
    return "no known format"
