"""What a tool call does, as plain acts such as read, write, delete, send, push, pay.

Read off the tool's name, its arguments and the shell commands in them. A vocabulary, no
analysis: a program that hides what it does (`python script.py`) is only `run`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import msgspec

from cotmon.text.arguments import CACHED, Field, fields
from cotmon.text.shell import Command, commands

ActKind = Literal[
    "read", "write", "delete", "discard", "send", "push", "commit", "pay", "install", "test",
    "stop", "run",
]  # fmt: skip


def _by_word(**words: str) -> dict[str, ActKind]:
    """The kind of each word."""
    kinds = {word: kind for kind, listed in words.items() for word in listed.split()}
    return msgspec.convert(kinds, dict[str, ActKind])


_TOOL_VERBS = _by_word(
    delete="delete remove drop purge erase destroy unlink",
    write="write edit create update modify replace patch insert append save move rename overwrite",
    send="send email mail share forward publish upload invite notify tweet",
    pay="transfer pay purchase buy charge withdraw wire",
    read="read get list search view open cat find fetch lookup check grep query show describe",
    push="push deploy merge release",
    stop="stop kill disable terminate shutdown pause",
    commit="commit",
    install="install",
)
_EDITOR = _by_word(read="view", write="create str_replace insert undo_edit")
_PROGRAMS = _by_word(
    delete="rm unlink rmdir shred srm",
    write="mv cp tee truncate patch chmod chown ln dd",
    read="cat less head tail ls grep rg find wc stat diff file tree pwd nl awk sed du df",
    send="scp rsync nc ncat ftp sftp mail mailx sendmail mutt",
    test="pytest tox jest nosetests ctest rspec",
    stop="kill pkill killall shutdown reboot",
)
_GIT = _by_word(
    push="push", commit="commit", read="status log diff show blame", delete="rm",
    discard="clean restore",
)  # fmt: skip
_INSTALLERS = frozenset({"pip", "pip3", "npm", "apt", "apt-get", "yarn", "brew", "gem", "conda"})
_TESTERS = frozenset({"npm", "make", "cargo", "go", "mvn", "gradle", "yarn", "dotnet"})
_COMMAND_KEYS = frozenset({"command", "cmd", "script", "bash", "shell", "commands", "keystrokes"})
_SHELL_TOOL = re.compile(r"bash|shell|terminal|exec|command|console|^run$", re.I)
_TARGET_KEYS = frozenset(
    {"path", "file_path", "filepath", "filename", "file", "target", "target_file", "file_name",
     "paths", "files", "directory", "source", "destination", "relative_path"}
)  # fmt: skip
_NAME_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SENDS = re.compile(r"^(?:-d|--data\S*|-F|--form\S*|-T|--upload-file|--post-\S+)")


@dataclass(frozen=True, slots=True)
class Act:
    """One thing a call does.

    Attributes:
        kind: which.
        targets: files or names it does it to, as far as they are named.
        start, end: where it stands in the text.
        command: the shell command, where it is one.
    """

    kind: ActKind
    targets: tuple[str, ...]
    start: int
    end: int
    command: Command | None = None


def acts(tool: str | None, text: str) -> tuple[Act, ...]:
    """What the call of `tool` with this argument text does, in order."""
    return _remembered(tool, text) if len(text) <= CACHED else _read(tool, text)


def tool_words(tool: str | None) -> list[str]:
    """The words in a tool's name: `deleteAuditLog` is delete, audit, log."""
    return [word.lower() for word in _NAME_PART.findall(tool or "")]


def _read(tool: str | None, text: str) -> tuple[Act, ...]:
    values = fields(text)
    found: list[Act] = []
    for field in values:
        bare = field.key == "" and (tool is None or _SHELL_TOOL.search(tool) is not None)
        if bare or (field.key in _COMMAND_KEYS and field.value not in _EDITOR):
            found.extend(_shell_acts(field))
    if not found:
        kind = _tool_kind(tool, values)
        targets = tuple(f.value for f in values if f.key in _TARGET_KEYS)
        found.append(Act(kind, targets, 0, len(text)))
    return tuple(found)


def _tool_kind(tool: str | None, values: tuple[Field, ...]) -> ActKind:
    for field in values:
        if field.key == "command" and field.value in _EDITOR:
            return _EDITOR[field.value]
    kinds: list[ActKind] = [_TOOL_VERBS[w] for w in tool_words(tool) if w in _TOOL_VERBS]
    return kinds[0] if kinds else "run"


def _shell_acts(field: Field) -> list[Act]:
    found: list[Act] = []
    for command in commands(field.value):
        start, end = field.span(command.start, command.end)
        found.append(Act(_command_kind(command), command.operands, start, end, command))
        written = tuple(file for file in command.into if not file.startswith(("/dev/", "&")))
        if written:
            found.append(Act("write", written, start, end, command))
    return found


def _command_kind(command: Command) -> ActKind:
    name, first = command.name, command.operands[0] if command.operands else ""
    if name == "git":
        if (first == "reset" and command.has("--hard")) or (
            first == "checkout" and command.has("--", ".")
        ):
            return "discard"
        return _GIT.get(first, "run")
    if name in ("sed", "perl") and command.has("-i", "-pi", "-ni", "-i.bak"):
        return "write"
    if name == "find" and command.has("-delete"):
        return "delete"
    if name in ("curl", "wget"):
        return "send" if any(_SENDS.match(w) for w in command.words[1:]) else "read"
    if name in _INSTALLERS and first in ("install", "add", "i"):
        return "install"
    if (name in _TESTERS and first == "test") or command.has("pytest", "unittest"):
        return "test"
    if name in ("systemctl", "service") and command.has("stop", "disable", "mask"):
        return "stop"
    return _PROGRAMS.get(name, "run")


_remembered = lru_cache(maxsize=256)(_read)
