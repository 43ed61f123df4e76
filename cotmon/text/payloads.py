"""What a string of unseen or alternating symbols says, if anything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from cotmon.text.english import known_share

_WRITTEN = re.compile(r"[\x20-\x7e\n\t]*")
_MOST = 8192
"""Bits that are looked at."""
_PLAIN = re.compile(r"[A-Za-z0-9 .,:;!?'\"()/_=@\n-]*")


def tags_to_ascii(text: str) -> str:
    """What the tag characters U+E0020 to U+E007E spell (UTS #51: code point - E0000)."""
    return "".join(chr(ord(c) - 0xE0000) for c in text if 0xE0020 <= ord(c) <= 0xE007E)


def selectors_to_bytes(text: str) -> bytes:
    """Bytes of variation selectors: U+FE00 + b below 16, else U+E0100 + (b - 16)."""
    found = bytearray()
    for char in text:
        code = ord(char)
        if 0xFE00 <= code <= 0xFE0F:
            found.append(code - 0xFE00)
        elif 0xE0100 <= code <= 0xE01EF:
            found.append(code - 0xE0100 + 16)
    return bytes(found)


def readable(data: bytes, least: int = 4) -> str | None:
    """The bytes as text, where they are UTF-8 of at least `least` printable characters."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    text = text.strip("\x00")
    if len(text) < least:
        return None
    if text.isascii():
        return text if _WRITTEN.fullmatch(text) else None
    return text if all(c.isprintable() or c in "\n\t" for c in text) else None


def bits_to_text(bits: Sequence[int], least: int = 4) -> str | None:
    """The text that a sequence of 0 and 1 spells in groups of 8 or 7, or None.

    Both polarities, both bit orders and all offsets are tried, the reading of most common
    words wins; nearly all groups must be plain characters. By chance n groups are so with
    probability below 0.3 ** n for each try.
    """
    string = "".join(map(str, bits[:_MOST]))
    best: str | None = None
    for digits in (string, string.translate({48: 49, 49: 48})):
        for width in (8, 7):
            for offset in range(width):
                for order in (1, -1):
                    text = _grouped(digits[offset:], width, order)
                    if len(text) >= least and (best is None or _sense(text) > _sense(best)):
                        best = text
    return best


def _sense(text: str) -> tuple[float, int]:
    """Orders readings: those of common words first, then the longer ones."""
    lower = sum("a" <= c <= "z" or c == " " for c in text) / len(text)
    return round(known_share(re.findall(r"[a-z]+", text.lower())) + lower, 2), len(text)


def _grouped(digits: str, width: int, order: int) -> str:
    size = len(digits) // width
    groups = (digits[i * width : (i + 1) * width][::order] for i in range(size))
    text = "".join(chr(int(group, 2)) for group in groups).strip("\x00")
    plain = _PLAIN.match(text)
    kept = plain[0] if plain else ""
    return kept if len(kept) >= 0.9 * len(text) and len(set(kept)) > 2 else ""


def symbols_to_text(symbols: str) -> str | None:
    """What a string over two to four distinct symbols spells, or None.

    Two symbols are bits; with three, the rarest may part the groups; four are two bits each, in
    order of code point.
    """
    kinds = Counter(symbols)
    if len(symbols) < 14 or not 2 <= len(kinds) <= 4:
        return None
    ordered = sorted(kinds)
    if len(kinds) == 2:
        return bits_to_text([ordered.index(c) for c in symbols])
    if len(kinds) == 3:
        return _parted(symbols, min(kinds, key=lambda c: (kinds[c], c)))
    values = [ordered.index(c) for c in symbols]
    return bits_to_text([bit for v in values for bit in (v >> 1, v & 1)])


def _parted(symbols: str, separator: str) -> str | None:
    groups = [group for group in symbols.split(separator) if group]
    zero = min(set(symbols) - {separator})
    for flip in (False, True):
        codes = [int("".join("01"[(c != zero) != flip] for c in g[:21]), 2) for g in groups]
        if len(codes) >= 4 and all(32 <= code < 127 for code in codes):
            return "".join(map(chr, codes))
    return symbols_to_text(symbols.replace(separator, "")) if separator in symbols else None
