"""Characters that a reader does not see: classes, honest uses, and runs that are neither.

Classes by Unicode 15 ranges (written out: the standard library's tables change with Python).
Honest uses follow UTS #51 (emoji), UAX #9 (bidi) and the spelling of Arabic and Indic scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

CLASSES: dict[str, str] = {
    "zero-width": "\u200b-\u200d\u2060\ufeff",
    "invisible operator": "\u2061-\u2064\u206a-\u206f",
    "soft hyphen": "\u00ad",
    "filler": "\u034f\u180e\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800",
    "tag": "\U000e0000-\U000e007f",
    "variation selector": "\ufe00-\ufe0f\u180b-\u180d\u180f\U000e0100-\U000e01ef",
    "bidi control": "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069",
    "odd space": "\u1680\u2000-\u200a\u205f\u3000\u0085\u2028\u2029",
    "default ignorable": (
        "\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
        "\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"
    ),
    "private use": "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd",
    "noncharacter": "\ufdd0-\ufdef\ufffe\uffff"
    + "".join(chr(p << 16 | 0xFFFE) + chr(p << 16 | 0xFFFF) for p in range(1, 17)),
    "control": "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufff9-\ufffb",
    "surrogate": "\ud800-\udfff",
}
"""Class to the body of a regular expression's character set."""

ANY = re.compile("[" + "".join(CLASSES.values()) + "]")

_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf"
    "\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_ONE_EMOJI = f"[{_EMOJI}][\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?"
EMOJI_SEQUENCE = (
    "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
    f"|{_ONE_EMOJI}(?:\u200d{_ONE_EMOJI})*|[0-9#*]\ufe0f\u20e3"
)
"""Regular expression of flags with tags, emoji with joiners and selectors, and keycaps."""
_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_JOINING = "\u0600-\u06ff\u0750-\u077f\u08a0-\u0dff\u0f00-\u109f\u1780-\u18af"
_RTL = "\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff" + _HAN

_HONEST = "|".join(
    (
        EMOJI_SEQUENCE,
        f"[{_HAN}][\ufe00-\ufe02\U000e0100-\U000e01ef](?![\ufe00-\ufe0f\U000e0100-\U000e01ef])",
        "[\u2200-\u22ff\u2a00-\u2aff]\ufe00(?!\ufe00)",
        "[\u1820-\u18aa][\u180b-\u180d\u180f](?![\u180b-\u180d\u180f])",
        "(?<=[\u1800-\u18aa])\u180e(?=[\u1820-\u18aa])",
        f"(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}\\s.,;:!?]|$)",
        f"(?<=[{_UNSPACED}])[\u200b\u2060](?=[{_UNSPACED}])",
        "(?<=[\u2801-\u28ff])\u2800+(?=[\u2801-\u28ff])",
        "(?<=[\u1100-\u115e])\u1160|\u115f(?=[\u1160-\u11ff])",
        r"(?<=[^\W\d_])" + "\u00ad" + r"(?=[^\W\d_])",
        r"(?<=[\d.,])[\u2002-\u200a\u205f](?=\S)|(?<=\S)[\u2002-\u200a\u205f](?=\d)",
        "(?<=[^\x00-\u02ff])\u3000|\u3000(?=[^\x00-\u02ff])|^\u3000+",
        r"(?<=[—–…“”„«»‹›])[\u2006\u2009\u200a]|[\u2006\u2009\u200a](?=[—–…“”„«»‹›])",
        r"\A\ufeff",
        "\ue200[a-z_]+\ue202[\\w\ue202-]*\ue201",  # citation marks of a chat service
    )
)
_SCAN = re.compile(f"(?P<honest>{_HONEST})|(?P<hidden>{ANY.pattern}+)")
_KINDS = [(name, re.compile(f"[{body}]")) for name, body in CLASSES.items()]
_ISOLATES = re.compile("[\u2066-\u2068][^\u2066-\u2069]{0,2000}\u2069")
_RIGHT_TO_LEFT = re.compile(f"[{_RTL}]")


@dataclass(frozen=True, slots=True)
class HiddenRun:
    """Neighbouring characters that are not seen and have no honest use where they stand.

    Attributes:
        start: code point of the first.
        text: the characters.
    """

    start: int
    text: str


def hidden_runs(text: str) -> Iterator[HiddenRun]:
    """Runs of unseen characters without an honest use, in order.

    Emoji sequences, flags, variants of ideographs, joiners inside Arabic and Indic words,
    bidi marks and balanced isolates in right-to-left text, a byte order mark at the start,
    soft hyphens in words and thin spaces at digits are honest.
    """
    if text.isascii() and (text.isprintable() or not ANY.search(text)):
        return
    if not ANY.search(text):
        return
    directed = _RIGHT_TO_LEFT.search(text) is not None
    balanced = {i for m in _ISOLATES.finditer(text) for i in (m.start(), m.end() - 1)}
    for match in _SCAN.finditer(text):
        if match["hidden"] is None:
            continue
        run, start = match["hidden"], match.start()
        if directed and all(
            c in "\u061c\u200e\u200f" or start + k in balanced for k, c in enumerate(run)
        ):
            continue
        yield HiddenRun(start, run)


def class_of(char: str) -> str | None:
    """Name of the class of one character, or None for one that is seen."""
    return next((name for name, pattern in _KINDS if pattern.match(char)), None)


def visible(text: str) -> str:
    """The text without unseen characters that have no honest use there."""
    runs = list(hidden_runs(text))
    if not runs:
        return text
    pieces, last = [], 0
    for run in runs:
        pieces.append(text[last : run.start])
        last = run.start + len(run.text)
    return "".join([*pieces, text[last:]])
