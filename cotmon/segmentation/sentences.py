"""Sentences of reasoning: rules that know maths, code, lists and abbreviations.

The rules read forward only. A sentence is closed as soon as nothing that follows could
change where it ends, so a stream and a growing log cut the same text at the same places.
Every look ahead is bounded by the longest step; a mask (code, maths, a link) that does not
close within its paragraph and that bound is none.
"""

from __future__ import annotations

import re

MAXIMUM = 1000
"""Longest sentence step (characters); longer ones are cut, at white space where there is some."""

_EVENT = re.compile(
    r"(?P<fence>^[ \t]*(?:```|~~~))"
    r"|(?P<newline>\n)"
    r"|(?P<code>`+)"
    r"|(?P<maths>\\\(|\\\[|\$\$?)"
    r"|(?P<link>https?://)"
    r"|(?P<cjk>[。！？]+[”’」』）]*)"
    r"|(?P<stop>[.?!…]+[\"'”’»)\]}*_]*)",
    re.MULTILINE,
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_ITEM = re.compile(r"[ \t]*(?:(?:[-*+•]|\d{1,3}[.)]|\(?[a-z]\)|#{1,6})[ \t]|```|~~~)")
_ITEM_START = re.compile(r"[ \t]*(?:[-*+•]?|\d{1,3}[.)]?|\(?[a-z]?\)?|#{1,6}|`{1,2}|~{1,2})$")
_SPACES = re.compile(r"\s*")
_NEXT = re.compile(r"[\"'“‘«(\[{*_]*+(.)", re.DOTALL)
_WORD_BEFORE = re.compile(r"[\w.]+$")
_MARKER_BEFORE = re.compile(r"(?:^|\n)[ \t]*(?:\d{1,3}|[A-Za-z])$")
_INITIAL_BEFORE = re.compile(r"(?:^|[A-Z][\w'-]*\.?\s+)[A-Z]$")
_CHOICE_BEFORE = re.compile(
    r"\b(?:option|choice|answer|case|part|step|point|class|plan)\s+[A-Z]$", re.I
)
_FACTORIAL_BEFORE = re.compile(r"(?:[\d)}\]]|(?:^|[\s(*/+=-])[a-zA-Z])$")
_CLOSER = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
_INLINE_DOLLAR_END = re.compile(r"(?<=[^\s\\])\$(?!\d)")
_LINK = re.compile(r"\S*")
_ABBREVIATIONS = frozenset(
    "al approx ca cf ch co corp dept dr e.g eg ed eds eq eqs est ex fig figs gen gov i.e ie inc"  # noqa: SIM905
    " jr lt ltd max min mr mrs ms mt no nos nr op p pp prof ref refs resp rev sec sen sgt sr st"
    " vol vs viz w.r.t wrt a.m p.m u.s u.k".split()
)

Slice = tuple[int, int]


class Cutter:
    """Cuts one growing text.

    Attributes:
        position: end of the last closed slice; what follows is still open.
    """

    def __init__(self, maximum: int = MAXIMUM) -> None:
        self.position = 0
        self._maximum = maximum
        self._fence: str | None = None
        self._forced = False

    def advance(self, text: str, *, final: bool = False) -> list[Slice]:
        """New closed slices of the text, which starts with all that was given before.

        Args:
            text: everything so far.
            final: nothing follows; the rest is cut and closed too.
        """
        slices: list[Slice] = []
        while self.position < len(text):
            end = self._end(text, final)
            if end is None:
                break
            slices.append((self.position, end))
            self.position = end
        return slices

    def _end(self, text: str, final: bool) -> int | None:
        """Where the step that starts at `position` ends, or None while that is open."""
        start = self.position
        window = text[start : start + self._maximum]
        full = len(window) == self._maximum
        scan = _Scan(window, full, final, self._fence)
        spaces = self._forced and window[0].isspace()
        end = scan.only_space() if spaces else scan.sentence()
        if end is not None:
            self._fence, self._forced = scan.fence, False
            return start + end
        if full:
            self._forced = True
            return start + _forced_cut(window)
        return len(text) if final else None


def slices(text: str, maximum: int = MAXIMUM) -> list[Slice]:
    """Slices that tile the text: one a sentence, list item, heading or code block."""
    return Cutter(maximum).advance(text, final=True)


def _forced_cut(window: str) -> int:
    """After the last white space of the window's last quarter, else its end."""
    for k in range(len(window) - 1, len(window) * 3 // 4, -1):
        if window[k].isspace():
            return k + 1
    return len(window)


def _is_abbreviated(before: str) -> bool:
    """Whether the text before a stop is a list marker or a known abbreviation."""
    if _MARKER_BEFORE.search(before):
        return True
    word = _WORD_BEFORE.search(before)
    return word is not None and word[0].lower().strip(".") in _ABBREVIATIONS


def _is_initial(before: str) -> bool:
    """Whether the text before a stop is the initial of a name, as in `John F.`."""
    return bool(_INITIAL_BEFORE.search(before)) and not _CHOICE_BEFORE.search(before)


class _Open(Exception):
    """What follows decides; nothing is closed yet."""


class _Scan:
    """One look for the end of one sentence in a window that starts with it."""

    def __init__(self, window: str, full: bool, final: bool, fence: str | None) -> None:
        self.window, self.full, self.final, self.fence = window, full, final, fence

    def only_space(self) -> int | None:
        return self._close(0)

    def sentence(self) -> int | None:
        try:
            return self._code_block() if self.fence else self._prose()
        except _Open:
            return None

    def _wait(self) -> None:
        """At the window's end: more text decides, unless there is none or no room."""
        if not self.full and not self.final:
            raise _Open

    def _close(self, at: int) -> int | None:
        """End after the white space at `at`; open while that could go on."""
        end = _SPACES.match(self.window, at).end()  # pyright: ignore[reportOptionalMemberAccess]
        if end < len(self.window):
            return end
        if self.final and not self.full:
            return end
        return None

    def _prose(self) -> int | None:
        window = self.window
        first = _SPACES.match(window).end()  # pyright: ignore[reportOptionalMemberAccess]
        position = first
        while (event := _EVENT.search(window, position)) is not None:
            kind = event.lastgroup
            if kind == "fence":
                if event.end() - 3 > first or event.start() > first:
                    return event.start()
                self.fence = window[event.end() - 3 : event.end()]
                return self._code_block(event.end())
            if kind == "newline":
                end, position = self._at_newline(event.start())
            elif kind == "cjk":
                end, position = self._close(event.end()), event.end()
                if end is None:
                    return None
            elif kind == "stop":
                end, position = self._at_stop(event)
            else:
                end, position = None, self._after_mask(event)
            if end is not None:
                return end
        return None

    def _code_block(self, position: int = 0) -> int | None:
        """To the line that closes the fence, with the white space after it."""
        closing = re.compile(rf"^[ \t]*{self.fence}[ \t]*$", re.MULTILINE)
        found = closing.search(self.window, position)
        if found is None:
            return None
        if found.end() == len(self.window) and not self.final:
            return None
        end = self._close(found.end())
        if end is not None:
            self.fence = None
        return end

    def _at_newline(self, at: int) -> tuple[int | None, int]:
        """A blank line, or a list item, heading or fence on the next line, ends the step."""
        window = self.window
        following = _SPACES.match(window, at).end()  # pyright: ignore[reportOptionalMemberAccess]
        if following == len(window):
            self._wait()
            return (following, following) if self.final and not self.full else (None, following)
        if "\n" in window[at + 1 : following]:
            return following, following
        if _ITEM.match(window, at + 1):
            return at + 1, at + 1
        if _ITEM_START.match(window, at + 1):
            self._wait()
        return None, at + 1

    def _at_stop(self, event: re.Match[str]) -> tuple[int | None, int]:
        """Punctuation before white space ends the step, but for known exceptions."""
        window, end = self.window, event.end()
        if end == len(window):
            self._wait()
            return None, end
        if not window[end].isspace():
            return None, end
        following = _SPACES.match(window, end).end()  # pyright: ignore[reportOptionalMemberAccess]
        after = _NEXT.match(window, following)
        if after is None:
            self._wait()
            return None, end
        before = window[max(0, event.start() - 40) : event.start()]
        broken_line = "\n" in window[end:following]
        if self._goes_on(event.group(), before, after[1], broken_line):
            return None, end
        if broken_line and _BLANK_LINE.search(window, end, following) is None:
            line = window.rfind("\n", end, following) + 1
            if _ITEM.match(window, line):
                return line, end
            if _ITEM_START.match(window, line):
                self._wait()
        return following, end

    def _goes_on(self, stop: str, before: str, following: str, broken_line: bool) -> bool:
        """Whether this punctuation ends nothing: abbreviation, initial, marker or factorial."""
        mark = stop.rstrip("\"'”’»)]}*_")
        if mark == "." and _is_abbreviated(before):
            return True
        if mark == "." and following.isupper() and not broken_line and _is_initial(before):
            return True
        if mark == "!" and _FACTORIAL_BEFORE.search(before) and not following.isupper():
            return True
        return following.islower() and not broken_line

    def _after_mask(self, event: re.Match[str]) -> int:
        """Where scanning goes on after code, maths or a link."""
        window, opener, start = self.window, event.group(), event.end()
        if event.lastgroup == "link":
            link = _LINK.match(window, start)[0]  # pyright: ignore[reportOptionalSubscript]
            if start + len(link) == len(window):
                self._wait()
            return start + len(link.rstrip(".,;:!?)]}\"'"))
        end = self._closing(opener, start)
        return start if end is None else end

    def _closing(self, opener: str, start: int) -> int | None:
        """End of the mask in this paragraph, or None where it is none."""
        window = self.window
        blank = _BLANK_LINE.search(window, start)
        limit = blank.start() if blank else len(window)
        if opener.startswith("`"):
            found = re.compile(rf"(?<!`){opener}(?!`)").search(window, start, limit)
        elif opener == "$":
            if start < len(window) and window[start].isspace():
                return None
            found = _INLINE_DOLLAR_END.search(window, start, limit)
        else:
            at = window.find(_CLOSER[opener], start, limit)
            found = None if at < 0 else re.compile(re.escape(_CLOSER[opener])).match(window, at)
        if found is None or found.end() == len(window):
            if blank is None:
                self._wait()
            return found.end() if found else None
        return found.end()
