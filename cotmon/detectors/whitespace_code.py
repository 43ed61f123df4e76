"""White space that carries bits: line ends, double gaps, blank lines, odd spaces."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cotmon.detectors import Finding
from cotmon.detectors._prose import prose_blocks
from cotmon.records import View
from cotmon.text.spacing import channels, judged, tab_runs


class WhitespaceCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Channels of white space that look written to, each against chance."""

    def find(self, view: View) -> Sequence[Finding]:
        """One finding a channel, and one for each line end of mixed tabs and spaces."""
        text = view.text
        if "  " not in text and "\n" not in text and text.isascii() and "\t" not in text:
            return ()
        found: list[Finding] = []
        for start, block in prose_blocks(view):
            for channel in channels(block):
                value, spelled = judged(channel)
                if value:
                    what = f"{len(channel.bits)} bits in {channel.name}"
                    reason = f"{what} spell “{spelled[:80]}”" if spelled else f"{what} look thrown"
                    first, last = start + channel.places[0], start + channel.places[-1] + 1
                    found.append(Finding(first, last, value, reason, spelled))
            runs = tab_runs(block)
            value = 0.9 if len(runs) > 1 else 0.6
            found += [
                Finding(start + a, start + b, value, f"{b - a} tabs and spaces end a line")
                for a, b in runs
            ]
        return found


DETECTOR = WhitespaceCode
