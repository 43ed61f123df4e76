"""The stretches of a view that an agent wrote as prose: reasoning and text, not actions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from cotmon.records import View


def prose_blocks(view: View) -> Iterator[tuple[int, str]]:
    """Start and text of each stretch of neighbouring steps of one channel; no actions.

    A view without steps in its parts (`step` views) is one stretch.
    """
    steps = [part for part in view.parts if part.start >= 0]
    if not steps:
        if view.channel != "action":
            yield 0, view.text
        return
    for (channel, _), group in groupby(steps, key=lambda part: (part.channel, part.module)):
        members = list(group)
        if channel in ("reasoning", "text"):
            start, last = members[0].start, members[-1]
            yield start, view.text[start : last.start + len(last.text)]
