"""Figures of an evaluation in words: the number, or why there is none, and what limits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cotmon.evaluate.detection import MAIN_RATE, key
from cotmon.evaluate.result import Evaluation, Scorer, Worst
from cotmon.evaluate.spec import per_cent
from cotmon.metrics import Estimate

MAIN = (key(MAIN_RATE), "0.001")
"""False-alarm rates of main tables; at the first one, scorers are compared."""


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


NONE = Cell("–", known=False)
"""Where nothing was tried."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as plain data, for the terminal and for HTML.

    Attributes:
        heads: of the columns.
        rows: the first cell names the row.
        title: what stands above it.
        words: columns of words, before those of figures.
        spare: heads of columns for which a terminal has no room.
    """

    heads: tuple[str, ...]
    rows: Sequence[tuple[str | Cell, ...]]
    title: str = ""
    words: int = 1
    spare: tuple[str, ...] = ()


def rated(figure: Estimate, digits: int = 0) -> str:
    """A share with its interval, `62 % [55, 70]`; or why there is none."""
    if figure.value is None:
        return figure.why or "not estimable"
    text = per_cent(figure.value, digits)
    if figure.low is None or figure.high is None:
        return text
    return f"{text} [{figure.low * 100:.{digits}f}, {figure.high * 100:.{digits}f}]"


def number(figure: Estimate) -> str:
    """A number with its interval, `0.81 [0.77, 0.85]`; or why there is none."""
    if figure.value is None:
        return figure.why or "not estimable"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"


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


def called(scorer: Scorer) -> str:
    """Its name where baselines do not stand apart."""
    return f"baseline {scorer.name}" if scorer.kind == "baseline" else scorer.name


def score_of(case: Worst) -> str:
    """A case's score, of any size."""
    return "unscored" if case.score is None else f"{case.score:.4g}"


def tabled(found: Evaluation) -> list[Scorer]:
    """Scorers that get a row: all but the two that only serve the uplift."""
    return [s for s in found.scorers if s.kind != "channels"]


def rival(found: Evaluation) -> Scorer | None:
    """The best baseline; None where none can be estimated."""
    compared = [s.comparison for s in found.scorers if s.comparison is not None]
    known = [s for s in found.scorers if s.kind == "baseline" and s.main.auroc.value is not None]
    best = [s for s in known if compared and s.name == compared[0].baseline]
    return next(iter(best or sorted(known, key=lambda s: -(s.main.auroc.value or 0))), None)
