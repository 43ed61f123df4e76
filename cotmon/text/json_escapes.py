r"""Characters that JSON arguments write as `\u200b`, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ESCAPE = re.compile(
    r"(?<!\\)(?P<even>(?:\\\\)*)"
    r"\\u(?:(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<code>[0-9a-fA-F]{4}))"
)


def unescaped(text: str) -> tuple[str, Sequence[int]]:
    r"""The text with `\uXXXX` escapes as characters, and the place of each in the original.

    The places have one entry more than the text, so `places[end]` works for any slice's end.
    Escapes of ASCII and other escapes (`\n`, `\"`) are left as they are.
    """
    if "\\u" not in text:
        return text, range(len(text) + 1)
    pieces: list[str] = []
    places: list[int] = []
    last = 0
    for match in _ESCAPE.finditer(text):
        char = _char(match)
        if char.isascii():
            continue
        start = match.end("even")
        pieces += (text[last:start], char)
        places += range(last, start + 1)
        last = match.end()
    places += range(last, len(text) + 1)
    return "".join([*pieces, text[last:]]), places


def _char(match: re.Match[str]) -> str:
    if match["code"] is not None:
        return chr(int(match["code"], 16))
    high, low = int(match["high"], 16), int(match["low"], 16)
    return chr(0x10000 + ((high & 0x3FF) << 10 | low & 0x3FF))
