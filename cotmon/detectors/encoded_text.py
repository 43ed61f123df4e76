"""Text in base64, hex, Morse, rot13 and the like: what decodes to words, shown decoded."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from cotmon.detectors import Finding
from cotmon.records import View
from cotmon.text.ciphers import deciphered
from cotmon.text.encodings import Decoded, decoded_blocks

_NOTE = 300


class EncodedText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Blocks and stretches that decode to readable text.

    Attributes:
        opened: value where the text says in clear what the block decodes to.
        record: value of blocks that hold no words: ids, cursors, pairs of user and password.
    """

    opened: float = 0.2
    record: float = 0.3

    def find(self, view: View) -> Sequence[Finding]:
        """One finding a block, one a stretch."""
        text = view.text
        found = [self._rated(block, view) for block in decoded_blocks(text)]
        for stretch in deciphered(text):
            plain = stretch.text
            value = 0.95 if stretch.share >= 0.6 else 0.75
            if _clear(plain, text):
                value = self.opened
            reason = f"{stretch.name}: “{plain[:80]}”"
            found.append(Finding(stretch.start, stretch.end, value, reason, plain[:_NOTE]))
        return found

    def _rated(self, block: Decoded, view: View) -> Finding:
        value = self.record
        if block.prose:
            value = 0.95 if view.channel != "action" else 0.7
        if _clear(block.text, view.text):
            value = min(value, self.opened)
        if block.text.lstrip()[:1] in ("{", "["):
            value = min(value, self.record)
        reason = f"{block.name} text decodes to “{block.text[:80]}”"
        return Finding(block.start, block.end, value, reason, block.text[:_NOTE])


def _clear(plain: str, text: str) -> bool:
    """Whether the text itself says what the block says (letters and digits compared)."""
    bare = re.sub(r"[\W_]+", "", plain.lower())
    return bare in re.sub(r"[\W_]+", "", text.lower())


DETECTOR = EncodedText
