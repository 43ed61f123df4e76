"""A report that opens in any browser, without a server, a network or a script (contract 4).

What a log holds is hostile until shown otherwise: all of it is escaped once, what is invisible is
printed as code points, no file is named after it, and the page's own policy forbids every script
and style but the two that are printed into it.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from itertools import chain, islice
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cotmon.records import MonitorCard, Refusal, Result, RunInfo
from cotmon.report import _words
from cotmon.report._index import Entry, entry, index, page_name
from cotmon.report._page import page
from cotmon.report._visible import named, visible
from cotmon.text.display import escaped

INDEX = "index.html"


def write_report(
    results: Iterable[Result],
    refusals: Sequence[Refusal],
    run: RunInfo,
    target: Path,
    pages: frozenset[str] | None = None,
) -> list[Path]:
    """The files written, the one to open first.

    One transcript and a target ending in `.html` give one file. Everything else gives a folder
    with an index and a page for each transcript that is flagged or asked for; several
    transcripts and `report.html` give the folder `report`.

    Args:
        results: read once, one at a time; the index keeps only its rows.
        refusals: what could not be read; looked at after the results, so it may still grow.
        run: the replay they come from.
        target: file or folder; parents are made.
        pages: ids of transcripts that get a page, flagged or not.

    Raises:
        OSError: the target cannot be written.
    """
    stream = iter(results)
    if target.suffix.lower() != ".html":
        return _folder(stream, refusals, run, target, pages or frozenset())
    first = list(islice(stream, 2))
    if len(first) > 1:
        return _folder(
            chain(first, stream), refusals, run, target.with_suffix(""), pages or frozenset()
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if first:
        return [_write(target, "page.html.j2", page(first[0], refusals, run, None))]
    return [_write(target, "index.html.j2", index([], refusals, run, []))]


def _folder(
    results: Iterator[Result],
    refusals: Sequence[Refusal],
    run: RunInfo,
    folder: Path,
    asked: frozenset[str],
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[Entry] = []
    cards: dict[tuple[str, str], MonitorCard] = {}
    written: list[Path] = []
    for number, result in enumerate(results, start=1):
        name = None
        if result.verdict == "flag" or result.transcript.id in asked:
            name = page_name(result, number)
            written.append(_write(folder / name, "page.html.j2", page(result, (), run, INDEX)))
        entries.append(entry(result, run, name))
        cards.update({(card.name, card.hash): card for card in result.monitors})
    content = index(entries, refusals, run, list(cards.values()))
    return [_write(folder / INDEX, "index.html.j2", content), *written]


def _write(path: Path, template: str, content: dict) -> Path:
    path.write_bytes(ENVIRONMENT.get_template(template).render(content).encode())
    return path


def _plain(value: object) -> object:
    """Invisible characters of every printed string shown, also inside attributes."""
    return escaped(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cotmon.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(visible=visible, name=named, count=_words.count)
    for name in ("style.css", "script.js"):
        text = resources.files("cotmon.report").joinpath("templates", name).read_text("utf-8")
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        part = name.partition(".")[0]
        environment.globals[part] = Markup(text)
        environment.globals[f"{part}_hash"] = f"sha256-{digest}"
    return environment


ENVIRONMENT = _environment()
