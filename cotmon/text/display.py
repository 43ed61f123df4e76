"""Text of a log for a terminal, a page or a prompt: nothing in it acts, nothing is hidden."""

from __future__ import annotations

import re

from cotmon.text.invisible import CLASSES, EMOJI_SEQUENCE

_SHOWN = "".join(CLASSES.values()).replace("\u3000", "") + "\r"
_PLACES = re.compile(f"{EMOJI_SEQUENCE}|(?P<hidden>[{_SHOWN}])")
_HIDDEN = re.compile(f"[{_SHOWN}]")


def escaped(text: str) -> str:
    """The text with unseen and acting characters written out, as in `<U+200B>`.

    Newline, tab, no-break and ideographic spaces stay, and so do the joiners and variation
    selectors of emoji. Carriage returns, ESC and all other controls, bidi controls, tags,
    default-ignorable characters, private use, noncharacters and lone surrogates are written out,
    so the result can always be encoded.
    """
    if text.isascii() and (text.isprintable() or not _HIDDEN.search(text)):
        return text
    return _PLACES.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    char = match["hidden"]
    return match[0] if char is None else f"<U+{ord(char):04X}>"
