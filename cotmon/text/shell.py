"""Shell lines as simple commands: words, redirections, places. No expansion, nothing is run."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<heredoc><<-?\s*(?P<q>['"]?)(?P<label>\w+)(?P=q))
    |(?P<comment>(?<!\S)\#[^\n]*)
    |(?P<split>&&|\|\||\d?>&\d|[;|\n]|&(?!>))
    |(?P<into>(?:\d|&)?>>?)
    |(?P<word>(?:[^\s'"\\;|&<>]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)""",
    re.X | re.S,
)
_QUOTES = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)", re.S)
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_PREFIXES = frozenset({"sudo", "nohup", "time", "env", "xargs", "command", "exec", "then", "do"})
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command.

    Attributes:
        words: without quotes; prefixes such as `sudo` and assignments taken off.
        settings: the assignments before it, `NAME=value`.
        into: files that its output is sent to.
        start, end: where it stands in the text.
    """

    words: tuple[str, ...]
    settings: tuple[str, ...]
    into: tuple[str, ...]
    start: int
    end: int

    @property
    def name(self) -> str:
        """Last part of the program's path, or empty."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    @property
    def operands(self) -> tuple[str, ...]:
        """Words after the program that are no options."""
        return tuple(word for word in self.words[1:] if not word.startswith("-"))

    def has(self, *options: str) -> bool:
        """Whether any of these words follows the program; `--a` also as `--a=…`."""
        return any(w in options or w.partition("=")[0] in options for w in self.words[1:])


def commands(text: str) -> list[Command]:
    """The simple commands in a text, with those inside `bash -c "…"`; here-documents left out."""
    return [inner for command in _split(text) for inner in (command, *_inner(command))]


def _split(text: str) -> list[Command]:
    found: list[Command] = []
    words: list[str] = []
    into: list[str] = []
    start, end, body, to_file = -1, 0, (0, 0), False
    for match in _TOKEN.finditer(text):
        if body[0] <= match.start() < body[1] or match["comment"] is not None:
            continue
        if match["heredoc"] is not None:
            body = _body(text, match["label"], match.end())
        elif match["split"] is not None:
            if ">&" in match["split"]:
                continue
            _close(found, words, into, start, end)
            words, into, start, to_file = [], [], -1, False
        elif match["into"] is not None:
            start, end, to_file = start if start >= 0 else match.start(), match.end(), True
        else:
            (into if to_file else words).append(_unquote(match["word"]))
            start, end, to_file = start if start >= 0 else match.start(), match.end(), False
    _close(found, words, into, start, end)
    return found


def _close(found: list[Command], words: list[str], into: list[str], start: int, end: int) -> None:
    settings: list[str] = []
    at = 0
    while at < len(words) and (words[at] in _PREFIXES or _ASSIGNMENT.match(words[at])):
        if "=" in words[at]:
            settings.append(words[at])
        at += 1
    if start >= 0:
        found.append(Command(tuple(words[at:]), tuple(settings), tuple(into), start, end))


def _body(text: str, label: str, start: int) -> tuple[int, int]:
    """The slice of a here-document; what is left of its first line belongs to the command."""
    first = text.find("\n", start)
    if first < 0:
        return len(text), len(text)
    closing = re.compile(rf"^[ \t]*{re.escape(label)}[ \t]*$", re.M).search(text, first)
    return first, closing.end() if closing else len(text)


def _unquote(word: str) -> str:
    return _QUOTES.sub(lambda m: m[1] or m[2] or m[3] or "", word)


def _inner(command: Command) -> list[Command]:
    if command.name not in _SHELLS or not command.has("-c", "-lc"):
        return []
    inner = next((w for w in command.words[1:] if " " in w), "")
    return [Command(c.words, c.settings, c.into, command.start, command.end) for c in _split(inner)]
