"""The text as the agent meant it: JSON arguments with their escapes read."""

from __future__ import annotations

from collections.abc import Sequence

from cotmon.records import View
from cotmon.text.json_escapes import unescaped


def meant(view: View) -> tuple[str, Sequence[int] | None]:
    r"""The view's text, on actions with `\uXXXX` read as characters, and the places of its parts.

    The places are None where nothing was changed.
    """
    if view.channel == "action" and "\\u" in view.text:
        return unescaped(view.text)
    return view.text, None
