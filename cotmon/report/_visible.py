"""Text of a log as HTML: escaped once, spans marked, invisible characters shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

from cotmon.records import Span
from cotmon.text.display import escaped

_SHOWN = Markup('<span class="u">%s</span>')
_CODE = re.compile(r"<U\+[0-9A-F]{4,6}>")


def visible(text: str) -> Markup:
    """The text as HTML in which nothing is hidden and nothing is markup.

    Line ends of Windows stay what they are (a reference, since a bare one would be changed by
    every HTML parser); a lone carriage return is shown, for it can hide what stands before it.
    """
    return Markup("&#13;\n").join(_line(line) for line in text.split("\r\n"))


def _line(text: str) -> Markup:
    shown = escaped(text)
    if shown == text:
        return escape(text)
    html: list[Markup] = []
    at = grown = 0
    for code in _CODE.finditer(shown):
        if text[code.start() - grown] == "<":
            continue  # the log itself says <U+200B>
        html += [escape(shown[at : code.start()]), _SHOWN % code[0]]
        at = code.end()
        grown += len(code[0]) - 1
    html.append(escape(shown[at:]))
    return Markup("").join(html)


def named(text: str) -> Markup:
    """A name from the log, kept from turning or marking up the line around it."""
    return Markup("<bdi>%s</bdi>") % visible(text)


def marked(text: str, spans: Iterable[tuple[Span, str]], start: int = 0, end: int = -1) -> Markup:
    """`text[start:end]` as HTML, each span a `<mark>` with its title.

    Args:
        text: the whole step.
        spans: places in `text`, each with a title; overlapping ones become one mark.
        start, end: the slice to show; -1 is the end of the text.
    """
    end = len(text) if end < 0 else min(end, len(text))
    html: list[str] = []
    at = start
    for first, last, title in _merged(spans):
        low, high = max(first, at), min(last, end)
        if low >= high:
            continue
        html += [
            visible(text[at:low]),
            f'<mark title="{escape(escaped(title))}">',
            visible(text[low:high]),
            "</mark>",
        ]
        at = high
    html.append(visible(text[at:end]))
    return Markup("".join(html))


def _merged(spans: Iterable[tuple[Span, str]]) -> list[tuple[int, int, str]]:
    merged: list[tuple[int, int, dict[str, None]]] = []
    for span, title in sorted(spans, key=lambda pair: (pair[0].start, pair[0].end)):
        if merged and span.start < merged[-1][1]:
            first, last, titles = merged[-1]
            titles[title] = None
            merged[-1] = (first, max(last, span.end), titles)
        elif span.end > span.start:
            merged.append((max(span.start, 0), span.end, {title: None}))
    return [(first, last, "; ".join(titles)) for first, last, titles in merged]
