"""White space read as symbols: line ends, gaps between words, blank lines, indents.

Each channel gives bits with their places; `judged` says how little they look like habit.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cotmon.text.english import covered, mean_bits
from cotmon.text.payloads import bits_to_text

_LEAST = 16
"""Bits below which a channel says nothing."""
_ODD = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n.*?(?:^[ \t]*(?:```|~~~)[ \t]*$|\Z)", re.M | re.S)
_TRAIL = re.compile(r"(?<=[^\s|])([ \t]*)\n(?=[^\n])")
_SNOW = re.compile(r"(?<=\S)(?=[ \t]*\t)(?=\t* )[ \t]{4,}(?=\n|\Z)")
_DOUBLE = re.compile(r"\S {2}(?=\S)")
_ODD_SPACE = re.compile(f"[{_ODD}]")
_GAP = re.compile(r"(?<=[^\s|])( {1,2}|[" + _ODD + r"])(?=[^\s|])")
_WIDE = re.compile(r" {3,}|\t|\||[{}<>]|^ {4}")
_BLANKS = re.compile(r"(?<=[^\s])[ \t]*\n((?:[ \t]*\n){1,3})(?=[^\s])")
_MARKED = re.compile(r"[ \t]*(?:#{1,6} |[-*+>|] ?|\d+[.)] |```|~~~|\*\*|$)")
_INDENT = re.compile(r"^([ \t]?)(?=\S)", re.M)
_STOP = ".!?:"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel's symbols.

    Attributes:
        name: what carries them.
        places: where each stands.
        bits: 0 is what is usual.
        telling: whether the symbols are odd even where they decode to nothing.
    """

    name: str
    places: list[int]
    bits: list[int]
    telling: bool = True


def channels(text: str) -> Iterator[Channel]:
    """All channels with enough symbols of both kinds, code fences left out."""
    if "```" in text or "~~~" in text:
        text = _FENCE.sub(lambda m: "\x1f" * len(m[0]), text)
    for channel in _all(text):
        ones = sum(channel.bits)
        if len(channel.bits) >= _LEAST and min(ones, len(channel.bits) - ones) >= 4:
            yield channel


def _all(text: str) -> Iterator[Channel]:
    if " \n" in text or "\t\n" in text:
        ends = list(_TRAIL.finditer(text))
        at = [m.start() for m in ends]
        yield Channel("trailing space", at, [int(m[1] in (" ", "\t")) for m in ends])
        yield Channel("trailing space", at, [int(m[1] == "  ") for m in ends], telling=False)
    if ("  " in text and len(_DOUBLE.findall(text)) >= 4) or _ODD_SPACE.search(text):
        yield from _gaps(text)
    if "\n\n" in text:
        yield _blanks(text)
    if "\n\t" in text:
        starts = list(_INDENT.finditer(text))
        if len(starts) >= 0.9 * (text.count("\n") + 1):
            bits = [int(m[1] == "\t") for m in starts if m[1]]
            yield Channel("tab or space before a line", [m.start() for m in starts if m[1]], bits)


def _gaps(text: str) -> Iterator[Channel]:
    double: list[tuple[int, str, str]] = []
    offset = 0
    for line in text.split("\n"):
        if not _WIDE.search(line):
            double += [(offset + m.start(), m[1], line[m.start() - 1]) for m in _GAP.finditer(line)]
        offset += len(line) + 1
    stops = [(at, gap) for at, gap, before in double if before in _STOP]
    between = [(at, gap) for at, gap, before in double if before not in _STOP]
    for name, gaps in (("spaces after a stop", stops), ("spaces between words", between)):
        yield Channel(name, [at for at, _ in gaps], [int(gap == "  ") for _, gap in gaps])
    letters = [
        (at, gap) for at, gap in between if text[at - 1].isalpha() and text[at + 1].isalpha()
    ]
    yield Channel(
        "odd spaces", [a for a, _ in letters], [int(gap.strip(" ") != "") for _, gap in letters]
    )


def _blanks(text: str) -> Channel:
    found = [
        m
        for m in _BLANKS.finditer(text)
        if not _MARKED.match(text, m.end())
        and text[m.end()] != "\x1f"
        and text[m.start()] != "\x1f"
    ]
    return Channel(
        "blank lines", [m.start() for m in found], [int(m[1].count("\n") > 1) for m in found]
    )


def tab_runs(text: str) -> list[tuple[int, int]]:
    """Ends of lines with four or more tabs and spaces mixed, which no editor leaves."""
    return [(m.start(), m.end()) for m in _SNOW.finditer(text)] if "\t" in text else []


def judged(channel: Channel) -> tuple[float, str | None]:
    """How sure it is that the channel was written to, in [0, 1], and what it spells.

    Plain characters spelled by chance have probability below 0.3 a group; else a channel of at
    least a quarter of each symbol whose runs (Wald-Wolfowitz) are those of coin throws.
    """
    bits = channel.bits
    text = bits_to_text(bits, least=max(3, len(bits) // 8 - 1))
    if text is not None and (len(text) >= 12 or (len(text) >= 4 and _english(text))):
        return 0.95, text
    if not channel.telling:
        return 0.0, None
    rare = min(sum(bits), len(bits) - sum(bits)) / len(bits)
    if rare < 0.2 or abs(_runs_z(bits)) > 2:
        return 0.2, None
    sure = 0.6 if len(bits) < 32 else 0.8
    return (sure + 0.1 if text else sure), text


def _english(text: str) -> bool:
    letters = "".join(c for c in text.lower() if "a" <= c <= "z")
    return len(letters) >= 0.7 * len(text) and (
        covered(letters)[0] >= 0.7 or (mean_bits(letters) < 4.2 and len(letters) > 6)
    )


def _runs_z(bits: Sequence[int]) -> float:
    n, ones = len(bits), sum(bits)
    zeros = n - ones
    runs = 1 + sum(a != b for a, b in itertools.pairwise(bits))
    mean = 2 * ones * zeros / n + 1
    variance = (mean - 1) * (mean - 2) / (n - 1)
    return (runs - mean) / math.sqrt(variance) if variance > 0 else math.inf
