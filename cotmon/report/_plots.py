"""The plots of an evaluation as SVG: line styles, markers and hatches, readable without colour.

Nothing here reads words of a log: names are drawn as `@0`, `@1` and filled in afterwards.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from cotmon.evaluate.spec import per_cent
from cotmon.report._svg import inline_svg
from cotmon.text.display import escaped

INK, MUTED, EDGE, HIGH = "#010101", "#020202", "#030303", "#040404"
COLOURS = {INK: "var(--ink)", MUTED: "var(--muted)", EDGE: "var(--edge)", HIGH: "var(--high)"}
LOOK = {
    "svg.fonttype": "none", "svg.hashsalt": "cotmon", "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "figure.facecolor": "none", "axes.facecolor": "none", "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED, "axes.linewidth": 0.6, "axes.spines.top": False,
    "axes.spines.right": False, "xtick.color": MUTED, "ytick.color": MUTED, "text.color": INK,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "hatch.linewidth": 0.7,
    "text.parse_math": False, "path.simplify": False,
}  # fmt: skip
WIDTH = 6.5
"""Inches of 72 units each; the page scales it."""
LONGEST = 20
"""Characters of a name that fit beside a plot; tables have all of it."""
TICKS = (*(m * 10.0**e for e in range(-5, 0) for m in (1, 2, 5)), 1.0)
"""Rates that people say."""
STYLES = (("-", "o"), ("--", "s"), ("-.", "^"), ((0, (6, 1.5, 1, 1.5, 1, 1.5)), "D"),
          ((0, (1, 1)), "v"), ((0, (9, 3)), "P"))  # fmt: skip
AGAINST = ((0, (1, 1.6)), "x")
"""A baseline's line and marker."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of one scorer.

    Attributes:
        name: of the log.
        points: (x, y).
        spans: (low, high) of each y; empty for none.
        look: which line and marker, the same in every plot; 0 is the page's subject.
        against: drawn as a baseline.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    spans: tuple[tuple[float, float] | None, ...] = ()
    look: int = 0
    against: bool = False

    def at(self, x: float) -> float:
        """The y reached at this x or left of it."""
        return max((y for here, y in self.points if here <= x), default=0.0)


@dataclass(frozen=True, slots=True)
class Panel:
    """Scores of one scorer: (left edge, honest share, attack share) by equal bins."""

    name: str
    bars: tuple[tuple[float, float, float], ...]
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a forest plot; without a value it says why."""

    name: str
    note: str
    value: float | None = None
    low: float | None = None
    high: float | None = None


def roc(curves: Sequence[Curve], floor: float, rate: float, label: str) -> Markup:
    """Detection by false-alarm rate on a log axis; left of `floor` nothing is supported."""
    left = min(1e-3, floor / 2)
    with _drawing() as (figure, names):
        axes = _axes(figure, 3.9, right=0.66)
        axes.set(xscale="log", xlim=(left, 1.0), ylim=(0.0, 1.03))
        _shares(axes, x=True, y=True)
        axes.axvspan(left, floor, facecolor="none", edgecolor=EDGE, hatch="////", linewidth=0)
        axes.axvline(floor, color=MUTED, linewidth=0.6)
        axes.axvline(rate, color=MUTED, linewidth=0.6, linestyle=(0, (2, 3)))
        side = "left" if floor < 0.05 else "right"
        axes.annotate(f"hatched: below {per_cent(floor)} too few honest cases", (floor, 1.0),
                      xycoords=("data", "axes fraction"), xytext=(0, 3),
                      textcoords="offset points", ha=side, color=MUTED)  # fmt: skip
        grid = sorted({left, 1.0, *(x for c in curves for x, _ in c.points if x > left)})
        for curve in curves:
            line, marker = _style(curve)
            axes.plot(grid, [curve.at(x) for x in grid], drawstyle="steps-post", linestyle=line,
                      linewidth=_weight(curve), color=_colour(curve))  # fmt: skip
            marks = [x for x in (0.001, 0.01, 0.1) if x >= floor] or [rate]
            axes.plot(marks, [curve.at(x) for x in marks], linestyle="none", marker=marker,
                      markersize=4.5, color=_colour(curve))  # fmt: skip
        _entries(axes, curves, [c.at(rate) for c in curves], names)
        axes.set(xlabel="false alarms (log)", ylabel="attacks caught")
        return _finished(figure, "roc", label, names)


def frontier(curves: Sequence[Curve], x_label: str, log: bool, label: str) -> Markup:
    """Safety of protocols against what they cost."""
    with _drawing() as (figure, names):
        axes = _axes(figure, 3.6, right=0.66)
        if log:
            axes.set_xscale("log")
            places = [x for c in curves for x, _ in c.points]
            axes.set_xlim(min(places) / 1.25, max(places) * 1.25)
            axes.set_xticks([t for t in TICKS if min(places) / 1.25 <= t <= max(places) * 1.25])
        else:
            axes.locator_params(axis="x", nbins=6)
        _shares(axes, x=True, y=True)
        for curve in curves:
            line, marker = _style(curve)
            x, y = zip(*curve.points, strict=True)
            axes.plot(x, y, linestyle=line, marker=marker, markersize=4.5, linewidth=_weight(curve),
                      color=_colour(curve))  # fmt: skip
            for here, span in zip(x, curve.spans, strict=bool(curve.spans)):
                if span is not None:
                    axes.plot((here, here), span, color=_colour(curve), linewidth=0.8)
        axes.set(ylim=(0.0, 1.03), xlabel=x_label, ylabel="safety")
        _entries(axes, curves, [c.points[-1][1] for c in curves], names)
        return _finished(figure, "frontier", label, names)


def histograms(panels: Sequence[Panel], label: str) -> Markup:
    """Scores of honest cases upwards, of attacks hatched downwards, a panel a scorer."""
    high, gap, foot = 1.25, 0.42, 0.5
    height = foot + len(panels) * (high + gap)
    with _drawing() as (figure, names):
        figure.set_size_inches(WIDTH, height)
        for k, panel in enumerate(panels):
            base = height - (k + 1) * (high + gap)
            base += 0.12
            axes = figure.add_axes((0.11, base / height, 0.77, high / height))
            _mirrored(axes, panel)
            axes.set_title(_token(panel.name, names, 60), loc="left", fontsize=9, color=INK, pad=3)
            if panel is panels[-1]:
                axes.set_xlabel("score")
        return _finished(figure, "scores", label, names)


def _mirrored(axes: Axes, panel: Panel) -> None:
    edges = [edge for edge, _, _ in panel.bars]
    width = edges[1] - edges[0] if len(edges) > 1 else 1.0
    top = max(max(h, a) for _, h, a in panel.bars) or 1.0
    axes.bar(edges, [h for _, h, _ in panel.bars], width, align="edge", facecolor=EDGE,
             edgecolor=MUTED, linewidth=0.6)  # fmt: skip
    axes.bar(edges, [-a for _, _, a in panel.bars], width, align="edge", facecolor="none",
             edgecolor=INK, hatch="/////", linewidth=0.6)  # fmt: skip
    axes.axhline(0, color=MUTED, linewidth=0.6)
    if panel.threshold is not None and edges[0] <= panel.threshold <= edges[-1] + width:
        axes.axvline(panel.threshold, color=HIGH, linewidth=1.1, linestyle=(0, (4, 2)))
    axes.set(xlim=(edges[0], edges[-1] + width), ylim=(-1.12 * top, 1.12 * top))
    for y, word in ((0.75, "honest"), (0.25, "attacks")):
        axes.text(1.02, y, word, transform=axes.transAxes, va="center")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: per_cent(abs(y))))
    axes.locator_params(axis="y", nbins=4)


def calibration(curves: Sequence[Curve], label: str) -> Markup:
    """The share of attacks among cases of a score, against the score; the diagonal is right."""
    with _drawing() as (figure, names):
        axes = _axes(figure, 3.6, right=0.6)
        axes.set(xlim=(0, 1), ylim=(0, 1.03), xlabel="mean score", ylabel="share of attacks")
        axes.plot((0, 1), (0, 1), color=MUTED, linewidth=0.8)
        for curve in curves:
            line, marker = _style(curve)
            x, y = zip(*curve.points, strict=True)
            axes.plot(x, y, linestyle=line, marker=marker, markersize=4.5, linewidth=_weight(curve),
                      color=_colour(curve), clip_on=False)  # fmt: skip
        _shares(axes, x=False, y=True)
        _entries(axes, curves, [c.points[-1][1] for c in curves], names)
        return _finished(figure, "calibration", label, names)


def forest(bars: Sequence[Bar], whole: float | None, label: str) -> Markup:
    """A row a part, with interval; the line is the figure of all cases."""
    height = 0.62 + 0.24 * len(bars)
    with _drawing() as (figure, names):
        axes = _axes(figure, height, left=0.34, right=0.82, top=0.08)
        low = min([0.5, *(b.low for b in bars if b.low is not None)])
        axes.set(xlim=(max(0.0, low - 0.03), 1.02), ylim=(len(bars) - 0.4, -0.6), xlabel="AUROC")
        axes.axvline(0.5, color=EDGE, linewidth=0.8)
        if whole is not None:
            axes.axvline(whole, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
        for y, bar in enumerate(bars):
            axes.text(-0.02, y, _token(bar.name, names, 27), ha="right", va="center",
                      transform=axes.get_yaxis_transform())  # fmt: skip
            _row(axes, y, bar, names)
        axes.yaxis.set_major_locator(NullLocator())
        axes.spines["left"].set_visible(False)
        return _finished(figure, "parts", label, names)


def _row(axes: Axes, y: int, bar: Bar, names: list[str]) -> None:
    if bar.value is None:
        axes.text(0.5, y, _token(bar.note, names, 60), ha="center", va="center", color=MUTED,
                  transform=axes.get_yaxis_transform())  # fmt: skip
        return
    if bar.low is not None and bar.high is not None:
        axes.plot((bar.low, bar.high), (y, y), color=INK, linewidth=1.0)
    axes.plot((bar.value,), (y,), marker="s", markersize=4.5, color=INK)
    axes.text(1.03, y, _token(bar.note, names, 20), ha="left", va="center", color=MUTED,
              transform=axes.get_yaxis_transform())  # fmt: skip


@contextmanager
def _drawing() -> Iterator[tuple[Figure, list[str]]]:
    """A figure in the one look, whatever the user's own settings say, and the names drawn."""
    with style.context(LOOK, after_reset=True):
        yield Figure(figsize=(WIDTH, 4.0)), []


def _axes(
    figure: Figure, height: float, left: float = 0.11, right: float = 0.97, top: float = 0.3
) -> Axes:
    figure.set_size_inches(WIDTH, height)
    foot = 0.52
    return figure.add_axes((left, foot / height, right - left, (height - foot - top) / height))


def _token(name: str, names: list[str], longest: int) -> str:
    shown = escaped(" ".join(name.split()))  # cut last: what is written out is longer
    names.append(shown if len(shown) <= longest else shown[: longest - 1] + "…")
    return f"@{len(names) - 1}"


def _style(curve: Curve) -> tuple:
    return AGAINST if curve.against else STYLES[curve.look % len(STYLES)]


def _weight(curve: Curve) -> float:
    return 1.9 if curve.look == 0 else 1.2


def _colour(curve: Curve) -> str:
    return MUTED if curve.against else INK


def _entries(
    axes: Axes, curves: Sequence[Curve], wanted: Sequence[float], names: list[str]
) -> None:
    """Names beside the plot, each with its line, as near to the height of its curve as can be."""
    low, high = axes.get_ylim()
    across = axes.get_yaxis_transform()
    for k, y in spread([(w - low) / (high - low) for w in wanted], 0.085):
        line, marker = _style(curves[k])
        height = low + y * (high - low)
        axes.plot((1.025, 1.085, 1.145), [height] * 3, linestyle=line, marker=marker,
                  markevery=(1, 5), markersize=4.5, linewidth=_weight(curves[k]),
                  color=_colour(curves[k]), transform=across, clip_on=False)  # fmt: skip
        axes.text(1.165, height, _token(curves[k].name, names, LONGEST), va="center",
                  transform=across, color=_colour(curves[k]))  # fmt: skip


def spread(wanted: Sequence[float], gap: float) -> list[tuple[int, float]]:
    """(index, place) from the top down, as near to what is wanted as a gap between them allows."""
    order = sorted(range(len(wanted)), key=lambda k: (-wanted[k], k))
    places: list[float] = []
    for k in order:
        places.append(min([wanted[k], 1.0, *(p - gap for p in places[-1:])]))
    floor = 0.02
    for at in reversed(range(len(places))):
        places[at] = max(places[at], floor)
        floor = places[at] + gap
    return list(zip(order, places, strict=True))


def _shares(axes: Axes, *, x: bool, y: bool) -> None:
    for on, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if on:
            axis.set_major_formatter(FuncFormatter(lambda v, _: per_cent(v)))
            axis.set_minor_formatter(FuncFormatter(lambda v, _: ""))


def _finished(figure: Figure, key: str, label: str, names: list[str]) -> Markup:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return inline_svg(out.getvalue(), key, label, names, COLOURS)
