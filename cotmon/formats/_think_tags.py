"""Cuts a text with think tags into what was thought and what was said."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_NAME = (
    r"(?:think(?:ing)?|thoughts?|reasoning|scratchpad(?:_reasoning)?|reflection"
    r"|inner_(?:monologue|thoughts?)|antthinking|seed:think)"
)
_TAG = (
    rf"(?:<(?P<slash>/?){_NAME}(?:\s[^<>/]{{0,200}})?>"
    r"|\[(?P<square>/?)THINK\]"
    r"|\u25c1(?P<kimi>/?)think\u25b7"
    r"|<\|(?P<word>begin_of_thought|end_of_thought|start_thinking|end_thinking)\|>)"
)
_PLAIN = re.sub(r"\?P<\w+>", "?:", _TAG)
_TAGS = re.compile(_TAG, re.IGNORECASE)
_FENCE = re.compile(
    rf"^(?P<before>(?:[ \t]|{_PLAIN})*)(?P<marks>`{{3,}}|~{{3,}})(?P<rest>[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_BARE = re.compile(rf"(?:\s|{_PLAIN})*", re.IGNORECASE)
_TICKS = re.compile(r"`+|\n")

Piece = tuple[Literal["reasoning", "text"], str]


@dataclass(frozen=True, slots=True)
class _Code:
    start: int
    end: int
    closed: bool


def split(text: str) -> list[Piece]:
    """The pieces in order; together they are the text without its think tags.

    A closing tag alone makes all before it reasoning (chat templates put the opening tag into
    the prompt), an opening tag alone all after it (a cut output). Names need not agree:
    `<think>…</thinking>` is one block. Tags in code fences and inline code are text.
    """
    pieces: list[Piece] = []
    start, inside = 0, False
    for opens, tag_start, tag_end in _tags_outside_code(text):
        _add(pieces, inside or not opens, text[start:tag_start])
        start, inside = tag_end, opens
    _add(pieces, inside, text[start:])
    return pieces


def _add(pieces: list[Piece], thought: bool, piece: str) -> None:
    if piece:
        pieces.append(("reasoning" if thought else "text", piece))


def _tags_outside_code(text: str) -> Iterator[tuple[bool, int, int]]:
    tags = list(_TAGS.finditer(text))
    if not tags:
        return
    code = list(_code(text))
    starts = [c.start for c in code]
    for tag in tags:
        opens = not (
            tag["slash"] or tag["square"] or tag["kimi"] or (tag["word"] or "")[:3].lower() == "end"
        )
        k = bisect_right(starts, tag.start()) - 1
        if k >= 0 and tag.start() < code[k].end and (opens or code[k].closed):
            continue
        yield opens, tag.start(), tag.end()


def _code(text: str) -> Iterator[_Code]:
    """Fences and inline code in order.

    A fence that nobody closes hides no closing tag: reasoning is often cut inside one, and the
    answer after it is not part of that code.
    """
    position = 0
    for fence in _fences(text):
        yield from _inline(text, position, fence.start)
        yield fence
        position = fence.end
    yield from _inline(text, position, len(text))


def _fences(text: str) -> Iterator[_Code]:
    opener: re.Match[str] | None = None
    for line in _FENCE.finditer(text):
        marks, bare = line["marks"], _BARE.fullmatch(line["rest"]) is not None
        if opener is not None:
            same = marks[0] == opener["marks"][0] and len(marks) >= len(opener["marks"])
            if not same:
                continue
            start = opener.start("marks")
            if bare and not line["before"].strip():
                yield _Code(start, line.end("marks"), closed=True)
                opener = None
                continue
            # A fence with a language inside a fence: the earlier one was never closed.
            yield _Code(start, line.start("marks"), closed=False)
            opener = None
        if marks[0] == "~" or "`" not in line["rest"]:
            opener = line
    if opener is not None:
        yield _Code(opener.start("marks"), len(text), closed=False)


def _inline(text: str, start: int, end: int) -> Iterator[_Code]:
    """Code between runs of as many backticks, within one line."""
    line: list[tuple[int, int]] = []
    for run in _TICKS.finditer(text, start, end):
        if run[0] != "\n":
            line.append(run.span())
            continue
        yield from _paired(line)
        line = []
    yield from _paired(line)


def _paired(runs: list[tuple[int, int]]) -> Iterator[_Code]:
    following: list[int | None] = []
    latest: dict[int, int] = {}
    for k in range(len(runs) - 1, -1, -1):
        length = runs[k][1] - runs[k][0]
        following.append(latest.get(length))
        latest[length] = k
    following.reverse()
    k = 0
    while k < len(runs):
        partner = following[k]
        if partner is None:
            k += 1
            continue
        yield _Code(runs[k][0], runs[partner][1], closed=True)
        k = partner + 1
