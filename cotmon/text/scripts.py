"""Scripts of letters and words by UTS #39, and skeletons of look-alikes.

The table of look-alikes is our own choice of letters that common fonts draw like a Latin one;
compatibility letters (fullwidth, mathematical, enclosed) come from Unicode's own folding.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_TABLE = {
    # Cyrillic
    "АВЕЅІЈКМНОРСТУХҮԌԚԜѴҺӀҐԀ": "ABESIJKMHOPCTYXYGQWVhIGd",
    "аеѕіјорсухһӏԁԛԝѵүѡɡ": "aesijopcyxhldqwvywg",
    # Greek
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺϒ": "ABEZHIKMNOPTYXCMY",
    "αικνορτυχγωϲϳ": "aikvoptuxywcj",
    # Armenian
    "ՍՏՕԼոսոօհւցզքքյղՈ": "USOLnunohlgqppjnN",
    # Cherokee
    "ᎪᎫᎬᎳᎻᎽᏀᏂᏃᏆᏎᏔᏕᏙᏚᏞᏟᏢᏣᏦᏧᏭᏮᏴᎠᎡᎢᎥᎩ": "AJEWMYGhZI4WSVSLCPGKdwbBDRTiY",
    # Latin letters that pass for ASCII ones
    "ɑɡıȷɩʏᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡᴢ": "agijiyABCDEFGHIJKLMNOPRSTUVWZ",
}
LOOK_ALIKES: dict[str, str] = {
    c: a for row, plain in _TABLE.items() for c, a in zip(row, plain, strict=True)
}
"""Single letters to the ASCII letter that they look like."""

_PREFIX = {
    "CJK": "Han",
    "FULLWIDTH": "Latin",
    "KELVIN": "Latin",
    "ANGSTROM": "Latin",
    "FEMININE": "Latin",
    "MASCULINE": "Latin",
    "OHM": "Greek",
}
_COMMON = {
    "MATHEMATICAL",
    "MICRO",
    "MODIFIER",
    "DOUBLE-STRUCK",
    "SCRIPT",
    "BLACK-LETTER",
    "CIRCLED",
    "PLANCK",
    "EULER",
    "INFORMATION",
    "SUPERSCRIPT",
    "SUBSCRIPT",
    "ALEF",
    "BET",
    "GIMEL",
    "DALET",
    "KATAKANA-HIRAGANA",
    "HALFWIDTH",
    "PARENTHESIZED",
    "SQUARED",
    "NEGATIVE",
}
_EAST_ASIAN = {
    "Han": {"Han", "Jpan", "Kore", "Hanb"},
    "Hiragana": {"Hiragana", "Jpan"},
    "Katakana": {"Katakana", "Jpan"},
    "Hangul": {"Hangul", "Kore"},
    "Bopomofo": {"Bopomofo", "Hanb"},
}


@lru_cache(maxsize=8192)
def script_of(char: str) -> str:
    """Name of a letter's script (`Latin`, `Cyrillic`, `Han` …), or `Common`.

    Taken from the first word of the character's Unicode name, which names the script of nearly
    all letters; letters of no one script (mathematical, enclosed, micro sign) are `Common`.
    """
    if not char.isalpha():
        return "Common"
    first = unicodedata.name(char, "COMMON").split(" ", 1)[0]
    if first in _COMMON or first == "COMMON":
        return "Common"
    return _PREFIX.get(first, first.title())


def is_mixed(word: str) -> bool:
    """Whether no one script (or East Asian writing system) holds all letters of a word.

    UTS #39 section 5.1: the intersection of augmented script sets is empty.
    """
    resolved: set[str] | None = None
    for script in {script_of(c) for c in word} - {"Common"}:
        augmented = _EAST_ASIAN.get(script, {script})
        resolved = set(augmented) if resolved is None else resolved & augmented
    return resolved is not None and not resolved


@lru_cache(maxsize=8192)
def _plain(char: str) -> str:
    if char in LOOK_ALIKES:
        return LOOK_ALIKES[char]
    folded = unicodedata.normalize("NFKC", char)
    if len(folded) == 1 and (folded.isascii() or folded in LOOK_ALIKES):
        return LOOK_ALIKES.get(folded, folded)
    return char


_UNSEEN = re.compile(
    "[\u00ad\u034f\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)


def skeleton(text: str) -> str:
    """What the text looks like: two texts are confusable where their skeletons are equal.

    UTS #39 section 4 (NFD, drop default-ignorables, map, NFD) with our table; idempotent.
    """
    if text.isascii():
        return text
    decomposed = _UNSEEN.sub("", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFD", "".join(map(_plain, decomposed)))
