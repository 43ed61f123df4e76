"""Figures of an evaluation as cells: the number, or why there is none, and what limits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cotmon.evaluate.result import Evaluation, Scorer
from cotmon.metrics import Estimate
from cotmon.report._visible import visible
from cotmon.report.evaluation_table import number, rated


@dataclass(frozen=True, slots=True)
class Cell:
    """What a table prints in one place.

    Attributes:
        text: the figure, or why there is none.
        note: what limits it; empty for nothing.
        known: whether there is a figure.
    """

    text: str
    note: str = ""
    known: bool = True


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; the first cell of a row names it."""

    heads: tuple[str | Markup, ...]
    rows: Sequence[tuple[str | Markup | Cell, ...]]


def share(figure: Estimate, digits: int = 0) -> Cell:
    """`62 % [55, 70]`."""
    return _cell(figure, rated(figure, digits))


def plain(figure: Estimate) -> Cell:
    """`0.81 [0.77, 0.85]`."""
    return _cell(figure, number(figure))


def _cell(figure: Estimate, text: str) -> Cell:
    known = figure.value is not None
    return Cell(_short(text), (figure.why or "") if known else "", known)


def _short(text: str) -> str:
    """Without the words that every row would repeat."""
    return text.removeprefix("not estimable: ")


def lacking(why: str) -> str:
    """What a protocol's figure lacks, and what could give it."""
    short = _short(why)
    given = short.startswith("needs ") and not short.startswith("needs ≥")
    return f"{short}, which nothing recorded (--assume NAME=VALUE gives it)" if given else short


def per_cent(rate: str | float) -> str:
    """A rate in words: `0.1 %`."""
    return f"{float(rate) * 100:.3g} %"


def named(text: str) -> Markup:
    """A name from the log, kept from turning or marking up the line around it."""
    return Markup("<bdi>%s</bdi>") % visible(text)


def all_named(names: list[str]) -> Markup:
    """`a, b, c`."""
    return Markup(", ").join(named(name) for name in names)


def tabled(found: Evaluation) -> list[Scorer]:
    """Scorers that get a row: all but the two that only serve the uplift."""
    return [s for s in found.scorers if s.kind != "channels"]


def rival(found: Evaluation) -> Scorer | None:
    """The best baseline; None where none can be estimated."""
    compared = [s.comparison for s in found.scorers if s.comparison is not None]
    known = [s for s in found.scorers if s.kind == "baseline" and s.main.auroc.value is not None]
    named_best = [s for s in known if compared and s.name == compared[0].baseline]
    return next(iter(named_best or sorted(known, key=lambda s: -(s.main.auroc.value or 0))), None)
