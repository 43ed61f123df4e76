"""Blocks of encoded characters in a text, and the readable text that they decode to.

A block counts only where it decodes and the result reads: random letters pass for base64, hex
or base32 all the time, but hardly ever become printable text (methods: decode, then ask for a
gain in language).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from cotmon.text.english import WORDS, covered, mean_bits
from cotmon.text.payloads import readable

_CODES = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- "
    ".-- -..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
_MORSE: dict[str, str] = dict(
    zip(_CODES.split(), "abcdefghijklmnopqrstuvwxyz0123456789", strict=True)
)


_Encoding = tuple[str, re.Pattern[str], Callable[[str], bytes | None]]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A block that decodes to readable text.

    Attributes:
        start, end: code points of the block.
        name: of the encoding.
        text: what it says.
        prose: whether that is words, or only printable characters.
    """

    start: int
    end: int
    name: str
    text: str
    prose: bool


def reads(text: str) -> bool:
    """Whether a decoded text holds words: a quarter of its letters in common English ones.

    Text of ten words or more in other alphabets counts too.
    """
    words = re.findall(r"[^\W\d_]+", text)
    letters = sum(map(len, words))
    if letters < 4 or letters < 0.5 * len(text):
        return False
    if not text.isascii() and len(words) >= 4:
        return True
    known = [w for w in words if len(w) > 2 and w.lower() in WORDS]
    if sum(map(len, known)) >= 0.25 * letters and (len(known) > 1 or len(words) < 4):
        return True
    joined = "".join(w for w in words if w.isascii()).lower()
    return len(words) < 4 and letters >= 10 and covered(joined)[0] > 0.8


def _pronounced(text: str) -> bool:
    letters = "".join(c for c in text.lower() if "a" <= c <= "z")
    return len(letters) >= 5 and len(letters) >= 0.6 * len(text) and mean_bits(letters) < 4.4


def _base64(block: str) -> bytes | None:
    joined = re.sub(r"\s", "", block).rstrip("=").replace("-", "+").replace("_", "/")
    joined = joined[: len(joined) - (len(joined) % 4 == 1)]
    return _try(base64.b64decode, joined + "=" * (-len(joined) % 4))


def _base32(block: str) -> bytes | None:
    joined = re.sub(r"[\s=]", "", block).upper()
    return _try(base64.b32decode, joined + "=" * (-len(joined) % 8))


def _hex(block: str) -> bytes | None:
    digits = re.sub(r"0x|\\x|[^0-9a-fA-F]", "", block)
    return _try(bytes.fromhex, digits[: len(digits) // 2 * 2])


def _base85(block: str) -> bytes | None:
    inner = block.removeprefix("<~").removesuffix("~>")
    for decode in (base64.b85decode, base64.a85decode):
        probe = _try(decode, inner[:20])
        if probe is not None and readable(probe):
            return _try(decode, inner)
    return None


def _percent(block: str) -> bytes | None:
    return unquote_to_bytes(block)


def _binary(block: str) -> bytes | None:
    digits = re.sub(r"[^01]", "", block)
    groups = re.findall(r"[01]+", block)
    width = 7 if all(len(g) == 7 for g in groups) else 8
    if len(digits) % width:
        return None
    return bytes(int(digits[i : i + width], 2) for i in range(0, len(digits), width))


def _decimal(block: str) -> bytes | None:
    return bytes(int(number) & 0xFF for number in re.findall(r"\d+", block))


def _escapes(block: str) -> bytes | None:
    codes = re.findall(r"\\u00([0-9a-fA-F]{2})|&#x([0-9a-fA-F]{2});|&#(\d{2,3});", block)
    return bytes(int(u or x, 16) if u or x else int(d) & 0xFF for u, x, d in codes)


def _morse(block: str) -> bytes | None:
    plain = block.translate({0xB7: ".", 0x2022: ".", 0x2212: "-", 0x2013: "-", 0x2014: "-"})
    words = [
        "".join(_MORSE.get(code, "") for code in word.split())
        for word in re.split(r"\s*[/|]\s*|\s{2,}", plain.strip())
    ]
    return " ".join(words).encode()


def _try(decode: Callable[[str], bytes], text: str) -> bytes | None:
    try:
        return decode(text)
    except (binascii.Error, ValueError):
        return None


_AT = r"(?:(?<=\\[ntr])|(?<![\w+/=.\\-]))"
"""A block begins the text, or follows white space, a quote, or an escape such as `\n` in JSON."""
_LONG = re.compile(r"\S{16}")
_BLOCKS = (
    ("hex", re.compile(_AT + r"(?:0x)?(?:[0-9a-fA-F]{2}){6,}(?![\w-])"), _hex),
    ("base32", re.compile(_AT + r"(?:[A-Z2-7]{16,}\s?)+={0,6}"), _base32),
    ("base64", re.compile(_AT + r"[\w+/-]{16,}(?:\r?\n[ \t]*[\w+/-]{16,})*={0,2}", re.A), _base64),
    ("base85", re.compile(r"(?<!\S)(?:<~)?[!-~]{20,4000}(?!\S)"), _base85),
    ("escapes", re.compile(r"(?:\\u00[0-9a-fA-F]{2}|&#x?[0-9a-fA-F]{2,3};){4,}"), _escapes),
)
_PAIR = r"(?:0x|\\x)?[0-9a-fA-F]{2}"
_CHAR = r"(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])"
_BITS = r"(?<![\w.])(?:[01]{28,}|[01]{7,8}(?:[ ,]{1,2}[01]{7,8}){3,})(?![\w.])"
_SPACED = (
    ("hex", re.compile(rf"(?<!\w){_PAIR}(?:[ :,;-]{{1,2}}{_PAIR}){{5,}}(?!\w)"), _hex),
    ("hex", re.compile(r"(?:\\x[0-9a-fA-F]{2}){4,}"), _hex),
    ("binary", re.compile(_BITS), _binary),
    ("percent", re.compile(r"(?:%[2-7][0-9a-fA-F]){4,}"), _percent),
    ("decimal", re.compile(rf"(?<![\w.]){_CHAR}(?:[ ,]{{1,2}}{_CHAR}){{5,}}(?![\w.])"), _decimal),
)
_DIGIT = re.compile(r"[0-9]")
_DIGITS = re.compile(
    r"[0-9a-fA-F]{2}[ ,:;%\\-][ ]?(?:0?[x])?[0-9a-fA-F]{2}[ ,:;%\\-]|[01]{7}|%[2-7][0-9a-fA-F]%"
)
_CODE = re.compile(r"(?<![\w.·•−–—-])[.·•−–—-]{1,5}(?:[ /|]{1,3}[.·•−–—-]{1,5}){4,}(?![\w.·•−–—-])")
_KEYS = re.compile(
    r"(?:;base64,\s*|sha\d{3}-|ssh-\w+ |ecdsa-[\w-]+ |BEGIN [A-Z ]+-----\s*|Bearer |Basic |://\S*)$"
)
_NAMES = re.compile(r"[A-Za-z]+(?:[/_-][A-Za-z]+)+")
_NEEDLESS = ("escapes", "percent")
"""Encodings that plain letters never need."""
_DEEPEST = 3


def decoded_blocks(text: str) -> list[Decoded]:
    """All encoded blocks of a text that decode to something readable, in order, not nested.

    Keys, data URIs and tokens that announce themselves are passed over.
    """
    found: list[Decoded] = []
    if _LONG.search(text):
        found += _search(text, _BLOCKS)
    if _DIGIT.search(text) and _DIGITS.search(text):
        found += _search(text, _SPACED)
    if " ." in text or " -" in text or " ·" in text or " •" in text or " –" in text:
        found += _search(text, (("Morse", _CODE, _morse),))
    found.sort(key=lambda d: (d.start, -d.end))
    kept: list[Decoded] = []
    for block in found:
        if not kept or block.start >= kept[-1].end:
            kept.append(block)
    return kept


def _search(text: str, table: Sequence[_Encoding]) -> Iterator[Decoded]:
    for name, pattern, decode in table:
        for match in pattern.finditer(text):
            if _KEYS.search(text[max(0, match.start() - 120) : match.start()]):
                continue
            for start, block in _attempts(name, match):
                plain = _plain(name, decode(block))
                if plain is not None:
                    deep = _deeper(plain)
                    prose = reads(deep) or (name in _NEEDLESS and _pronounced(deep))
                    yield Decoded(start, start + len(block), name, deep, prose)
                    break


def _attempts(name: str, match: re.Match[str]) -> Iterator[tuple[int, str]]:
    """The whole block, then its lines alone: a long identifier may stand above a block."""
    if name == "base64" and _NAMES.fullmatch(match[0]):
        return
    block = match[0].rstrip()
    yield match.start(), block
    if name == "base64" and "\n" in block:
        for line in re.finditer(r"\S+", block):
            yield match.start() + line.start(), line[0]


def _plain(name: str, data: bytes | None) -> str | None:
    """The readable text in decoded bytes; short alphabets must also read like English."""
    if data is None:
        return None
    text = readable(data, least=10 if name in ("base64", "base32", "base85") else 4)
    if text is None:
        return None
    if name in ("decimal", "binary", "Morse", "percent", "hex"):
        letters = "".join(c for c in text.lower() if "a" <= c <= "z")
        if len(letters) < 0.6 * len(text) or len(letters) < 4 or len(set(letters)) < 3:
            return None
        if name in ("decimal", "Morse") and not reads(text):
            return None
        if mean_bits(letters) > 5.2 and covered(letters)[0] < 0.5:
            return None
    return text


def _deeper(text: str) -> str:
    """The innermost text where a block was encoded several times over."""
    for _ in range(_DEEPEST):
        if reads(text) or not re.fullmatch(r"[A-Za-z0-9+/=\s]{16,}", text):
            break
        data = _hex(text) if re.fullmatch(r"[0-9a-fA-F\s]+", text) else _base64(text)
        inner = readable(data, 8) if data is not None else None
        if inner is None:
            break
        text = inner
    return text
