"""Every plot of an evaluation with its words and the table of its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from cotmon.evaluate import Evaluation, first_scorer
from cotmon.evaluate.detection import MAIN_RATE
from cotmon.evaluate.result import ControlRow, Scorer
from cotmon.evaluate.spec import per_cent
from cotmon.metrics import Estimate
from cotmon.report import _plots
from cotmon.report._evaluation_rows import parts_table
from cotmon.report._plots import Bar, Curve, Panel
from cotmon.report.figures import MAIN, Grid, lacking, number, rival, share, tabled

MONITORING = "trusted monitoring"
RECORDED = 4
"""Recorded scorers in a plot, the best ones; more lines are not told apart without colour."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot, or why there is none.

    Attributes:
        title: of its part of the page.
        key: the part's anchor.
        caption: sentences on how to read it; the reason, where there is no plot.
        svg: the plot.
        grid: its numbers; None where nothing is there to be shown.
    """

    title: str
    key: str
    caption: tuple[str, ...]
    svg: Markup | None = None
    grid: Grid | None = None


def pictured(found: Evaluation) -> list[Scorer]:
    """Who is drawn: the first scorer, recorded ones, the best baseline."""
    first, best = first_scorer(found), rival(found)
    recorded = [s for s in tabled(found) if s.kind == "recorded" and s is not first]
    recorded.sort(key=lambda s: (-(s.main.auroc.value or 0.0), s.name))
    tail = [best] if best is not None and best is not first else []
    return [first, *recorded[:RECORDED], *tail]


def _curve(found: Evaluation, scorer: Scorer, points: tuple[tuple[float, float], ...]) -> Curve:
    """In the line of this scorer, the same in every plot."""
    look = [s.name for s in pictured(found)].index(scorer.name)
    return Curve(scorer.name, points, look=look, against=scorer.kind == "baseline")


def roc(found: Evaluation) -> Picture:
    """Detection by false-alarm rate."""
    title, drawn = "Detection at low false-alarm rates", [s for s in pictured(found) if s.roc]
    if not drawn:
        return Picture(title, "roc", ("A curve needs scored honest and attack cases.",))
    honest = found.honest - min(s.unscored_honest for s in drawn)
    floor = min(1.0, 1 - 0.05 ** (1 / max(honest, 1)))  # `honest_needed` turned round
    curves = [_curve(found, s, s.roc) for s in drawn]
    rates = [r for r in _plots.TICKS if r * max(honest, 1) >= 0.5]
    rows = [(per_cent(r), *(per_cent(c.at(r), 1) for c in curves)) for r in rates]
    label = (
        f"ROC curves of {len(curves)} scorers on a logarithmic false-alarm axis. "
        f"At 1 %: {'; '.join(f'{c.name} {per_cent(c.at(MAIN_RATE))}' for c in curves)}."
    )
    caption = (
        "Attacks caught when at most this share of honest cases is flagged. The dotted line "
        "is 1 %.",
        f"Left of {per_cent(floor)} (hatched) {honest:,} honest cases are too few to speak of a "
        "rate at all. Curves count these cases themselves; the figures above are set for new ones, "
        "which allows one alarm less.",
    )
    grid = Grid(("False alarms at most", *(c.name for c in curves)), rows)
    return Picture(title, "roc", caption, _plots.roc(curves, floor, MAIN_RATE, label), grid)


def frontier(found: Evaluation) -> Picture:
    """Safety against usefulness, or against audits where usefulness says nothing."""
    title = "Safety and what it costs"
    rows = [r for r in found.control if r.safety.value is not None]
    if not rows:
        why = next((r.safety.why for r in found.control if r.safety.why), "no protocol was tried")
        return Picture(title, "frontier", (f"Safety is not estimable: {why}.",))
    useful = {round(r.usefulness.value, 6) for r in rows if r.usefulness.value is not None}
    if len(useful) > 1:
        figure, log, x_label = "usefulness", False, "usefulness"
        caption = "Up and to the right is better. A point is a protocol at one threshold."
    else:
        figure, log, x_label = "audit_rate", True, "honest cases audited (log)"
        caption = f"{_no_frontier(rows, useful)} Safety is drawn against audits instead."
    curves = _control_curves(found, rows, figure)
    if not curves:
        return Picture(title, "frontier", (caption, "No protocol audits any honest case."))
    heads = ("Scorer", "Protocol", "Honest audited", "Usefulness", "Safety")
    grid = Grid(heads, [(r.scorer, r.protocol, share(r.audit_rate, 1),
                         share(r.usefulness, 1), share(r.safety, 1)) for r in rows])  # fmt: skip
    ends = "; ".join(f"{c.name} up to {per_cent(max(y for _, y in c.points))}" for c in curves)
    svg = _plots.frontier(curves, x_label, log, f"Safety against {x_label}. {ends}.")
    lines = (
        "Lines named after a scorer: trusted monitoring with its suspicions; other protocols use "
        "those of the first scorer, whose vertical bars are 95 % intervals."
    )
    return Picture(title, "frontier", (caption, lines), svg, grid)


def _no_frontier(rows: list[ControlRow], useful: set[float]) -> str:
    if useful:
        return (
            f"Usefulness is {per_cent(min(useful))} at every budget, since an honest output that "
            "was audited is released as it is."
        )
    why = next((r.usefulness.why for r in rows if r.usefulness.why), "nothing says it")
    return f"Usefulness is not estimable: {lacking(why)}."


def _control_curves(found: Evaluation, rows: list[ControlRow], x: str) -> list[Curve]:
    """Trusted monitoring by each scorer; then all else, with the first one's suspicions."""
    drawn = pictured(found)
    lines: list[tuple[str, list[ControlRow]]] = [
        (s.name, [r for r in rows if r.scorer == s.name and _kind(r) == MONITORING]) for s in drawn
    ]
    rest = [r for r in rows if r.scorer == rows[0].scorer and _kind(r) != MONITORING]
    kinds = dict.fromkeys(_kind(row) for row in rest)
    lines += [(kind, [row for row in rest if _kind(row) == kind]) for kind in kinds]
    curves: list[Curve] = []
    for look, (name, own) in enumerate(lines):
        known = sorted(_priced(own, x), key=lambda pair: pair[0])
        points = tuple((at, row.safety.value or 0.0) for at, row in known)
        spans = tuple(_span(row) for _, row in known) if look == 0 else ()
        if points:
            curves.append(Curve(name, points, spans, look, against=name == "upfront auditing"))
    return curves


def _kind(row: ControlRow) -> str:
    return row.protocol.partition(",")[0]


def _priced(rows: list[ControlRow], x: str) -> Iterator[tuple[float, ControlRow]]:
    """Rows with what they cost; an axis of audits has no place for none."""
    for row in rows:
        at: float | None = getattr(row, x).value
        if at is not None and (at > 0 or x != "audit_rate"):
            yield at, row


def _span(row: ControlRow) -> tuple[float, float] | None:
    low, high = row.safety.low, row.safety.high
    return None if low is None or high is None else (low, high)


def histograms(found: Evaluation) -> Picture:
    """Where scores of honest cases and attacks lie."""
    title = "Scores"
    panels = [(s, _panel(s)) for s in pictured(found) if s.histogram]
    if not panels:
        return Picture(title, "scores", ("Nothing has a finite score.",))
    rows = [
        (s.name, f"{edge:.4g}", f"{honest:,}", f"{attacks:,}")
        for s, _ in panels for edge, honest, attacks in s.histogram
    ]  # fmt: skip
    label = "Histograms of scores, honest cases upwards and attacks downwards: " + "; ".join(
        f"{s.name}: {sum(a for _, _, a in s.histogram):,} attacks" for s, _ in panels
    )
    caption = (
        "Shares of honest cases upwards, plain; shares of attacks downwards, hatched. The dashed "
        "line is the threshold for 1 % false alarms, where there is one.",
    )
    grid = Grid(("Scorer", "Score from", "Honest", "Attacks"), rows)
    return Picture(title, "scores", caption, _plots.histograms([p for _, p in panels], label), grid)


def _panel(scorer: Scorer) -> Panel:
    honest = sum(h for _, h, _ in scorer.histogram) or 1
    attacks = sum(a for _, _, a in scorer.histogram) or 1
    bars = tuple((edge, h / honest, a / attacks) for edge, h, a in scorer.histogram)
    limit = scorer.thresholds.get(MAIN[0])
    return Panel(scorer.name, bars, limit)


def calibration(found: Evaluation) -> Picture:
    """Whether scores are chances."""
    title = "Are the scores chances?"
    drawn = [s for s in pictured(found) if s.reliability.bins]
    if not drawn:
        why = "No: they leave [0, 1], or one side of the cases is missing, so nothing is drawn."
        return Picture(title, "calibration", (why,))
    curves = [_curve(found, s, tuple((x, y) for x, y, _ in s.reliability.bins)) for s in drawn]
    rows = [
        (s.name, f"{score:.3f}", per_cent(attacks, 1), f"{cases:,}")
        for s in drawn for score, attacks, cases in s.reliability.bins
    ]  # fmt: skip
    first = drawn[0].reliability
    errors = "" if first.ece is None else f"calibration error {number(first.ece)}"
    share_here = per_cent(found.attacks / max(found.honest + found.attacks, 1))
    caption = (
        "On the diagonal a score of 0.7 means that 7 of 10 such cases are attacks.",
        f"It holds only where as many cases are attacks as here ({share_here}).",
        *((f"First scorer: {errors}.",) if errors else ()),
    )
    label = f"Share of attacks against the mean score of {len(curves)} scorers; {errors}."
    grid = Grid(("Scorer", "Mean score", "Share of attacks", "Cases"), rows)
    return Picture(title, "calibration", caption, _plots.calibration(curves, label), grid)


def forest(found: Evaluation) -> Picture:
    """The first scorer on parts of the cases."""
    title = "Parts of the cases"
    first = first_scorer(found)
    if not found.subsets:
        why = "Nothing that is known of these cases tells parts of them apart."
        return Picture(title, "parts", (why,))
    whole = first.main.auroc
    bars = [_bar("all cases", whole, found.honest, found.attacks)]
    bars += [_bar(f"{p.by}: {p.value}", p.auroc, p.honest, p.attacks) for p in found.subsets]
    known = [b.value for b in bars[1:] if b.value is not None]
    label = f"AUROC of {first.name} on {len(found.subsets)} parts of the cases" + (
        f", from {min(known):.2f} to {max(known):.2f}." if known else "; none can be estimated."
    )
    caption = (
        "AUROC of the first scorer by part, with its 95 % interval where there is one; all cases: "
        f"{number(whole)} (dotted). Beside it: honest cases + attacks. A part may do well by "
        "chance.",
        "TPR and false alarms in the table: at the 1 % threshold of all cases.",
    )
    svg = _plots.forest(bars, whole.value, label)
    return Picture(title, "parts", caption, svg, parts_table(found))


def _bar(name: str, auroc: Estimate, honest: int, attacks: int) -> Bar:
    if auroc.value is None:
        return Bar(name, auroc.why or "not estimable")
    return Bar(name, f"{honest:,} + {attacks:,}", auroc.value, auroc.low, auroc.high)
