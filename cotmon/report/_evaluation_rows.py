"""Tables of an evaluation as plain data: what the terminal and the HTML page both print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cotmon.evaluate import Evaluation, first_scorer, main_protocol, main_scorers
from cotmon.evaluate.result import Comparison, ControlRow, Detection, Scorer
from cotmon.evaluate.spec import per_cent
from cotmon.metrics import Estimate
from cotmon.report.figures import (
    MAIN,
    NONE,
    Cell,
    Grid,
    called,
    lacking,
    plain,
    rated,
    share,
    tabled,
)

AGAINST = "Against the best baseline"
"""A column of the page; the terminal has a line for it instead."""
_STANDING = {
    "beats": "▲ better",
    "not shown": "△ not shown",
    "below": "▼ worse",
    "is the best baseline": "",
    "not estimable": "not estimable",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A scorer in the main table.

    Attributes:
        scorer: which.
        cells: head → its figure.
        held: head → what is left if the unscored are held against it; empty where all are scored.
        unscored: how many are not.
    """

    scorer: Scorer
    cells: dict[str, Cell]
    held: dict[str, Cell]
    unscored: str


@dataclass(frozen=True, slots=True)
class MainTable:
    """Monitors first, baselines apart.

    Attributes:
        heads: of the columns of figures in which there is something.
        rows, baselines: scorers.
        empty: (column, why nothing is in it).
    """

    heads: list[str]
    rows: list[Row]
    baselines: list[Row]
    empty: list[tuple[str, str]]


def main_table(found: Evaluation) -> MainTable:
    """The main figures; a column without any is left out and named."""
    control = {
        row.scorer: row for row in found.control if row.protocol == main_protocol(found.spec)
    }
    rates = [r for r in MAIN if any(r in s.main.tpr for s in found.scorers)]
    rows = [_row(s, rates, control.get(s.name)) for s in main_scorers(found)]
    heads = list(rows[0].cells) if rows else []
    kept = [head for head in heads if any(row.cells[head].known for row in rows)]
    whys = {head: [r.cells[head].text for r in rows if r.cells[head] != NONE] for head in heads}
    return MainTable(
        kept,
        [row for row in rows if row.scorer.kind != "baseline"],
        [row for row in rows if row.scorer.kind == "baseline"],
        [(h, lacking(next(iter(whys[h]), "not tried"))) for h in heads if h not in kept],
    )


def _row(scorer: Scorer, rates: list[str], row: ControlRow | None) -> Row:
    missing = scorer.unscored_honest + scorer.unscored_attack
    worth = (share(row.safety), share(row.usefulness)) if row else (NONE, NONE)
    cells = _cells(scorer.main, rates, _against(scorer.comparison), worth)
    held: dict[str, Cell] = {}
    if missing:
        least = (share(row.pessimistic_safety), share(row.pessimistic_usefulness)) if row else worth
        held = _cells(scorer.pessimistic, rates, Cell(""), least)
    return Row(scorer, cells, held, f"{missing:,}")


def _cells(
    detection: Detection, rates: list[str], against: Cell, worth: tuple[Cell, Cell]
) -> dict[str, Cell]:
    caught = zip((f"TPR at {per_cent(r)}" for r in rates), _caught(detection, rates), strict=True)
    return {
        "AUROC": plain(detection.auroc), AGAINST: against, **dict(caught),
        "Safety": worth[0], "Usefulness": worth[1],
    }  # fmt: skip


def _caught(detection: Detection, rates: Iterable[str]) -> Iterator[Cell]:
    for rate in rates:
        yield share(detection.tpr[rate]) if rate in detection.tpr else NONE


def _against(comparison: Comparison | None) -> Cell:
    if comparison is None:
        return NONE
    if comparison.auroc.value is None:
        return Cell(comparison.auroc.why or "not estimable", known=False)
    return Cell(_signed(comparison.auroc), _STANDING[comparison.standing])


def _signed(figure: Estimate) -> str:
    text = f"{figure.value:+.2f}"
    if figure.low is not None and figure.high is not None:
        text += f" [{figure.low:+.2f}, {figure.high:+.2f}]"
    return text.replace("-", "−")


def every_figure(scorer: Scorer) -> Grid:
    """All that is known of one scorer."""
    rows: list[tuple[str | Cell, ...]] = [
        ("AUROC", plain(scorer.main.auroc), plain(scorer.pessimistic.auroc))
    ]
    for rate, tpr in scorer.main.tpr.items():
        held = scorer.pessimistic.tpr.get(rate)
        limit = scorer.thresholds.get(rate)
        at = "nothing is flagged" if limit is None else f"flagged from {limit:.6g}"
        rows.append((f"TPR at {per_cent(rate)}", share(tpr, 1), share(held, 1) if held else ""))
        if rate in scorer.main.fpr:
            rows.append((f"false alarms at {per_cent(rate)}", share(scorer.main.fpr[rate], 2), at))
    rows += [
        ("average precision", plain(scorer.average_precision), ""),
        ("partial AUROC to 5 %", plain(scorer.partial_auroc), "McClish; 0.5 at chance"),
    ]
    if scorer.reliability.brier is not None and scorer.reliability.ece is not None:
        rows.append(("Brier score", plain(scorer.reliability.brier), ""))
        rows.append(("calibration error", plain(scorer.reliability.ece), ""))
    smallest = NONE if scorer.resolution is None else per_cent(scorer.resolution)
    rows.append(("smallest rate shown", smallest, f"{scorer.distinct:,} distinct honest scores"))
    rows.append(("unscored", f"{scorer.unscored_honest:,} honest",
                 f"{scorer.unscored_attack:,} attacks"))  # fmt: skip
    rows += _compared(scorer.comparison)
    return Grid(("", "Figure", "Unscored held against it"), rows, called(scorer))


def _compared(found: Comparison | None) -> list[tuple[str | Cell, ...]]:
    if found is None or found.baseline is None:
        return []
    values = [("bootstrap, Holm", found.p), ("DeLong", found.delong_p)]
    said = ", ".join(f"p {p:.3g} ({how})" for how, p in values if p is not None)
    mcnemar = "" if found.mcnemar_p is None else f"p {found.mcnemar_p:.3g} (McNemar)"
    return [
        (f"AUROC minus {found.baseline}", plain(found.auroc), said),
        (f"TPR at 1 % minus {found.baseline}", share(found.tpr, 1), mcnemar),
    ]


def control_table(found: Evaluation) -> Grid:
    """All protocols."""
    heads = ("Scorer", "Protocol", "Safety", "Usefulness", "Honest audited", "Attacks audited",
             "Deferred")  # fmt: skip
    return Grid(heads, [
        (r.scorer, r.protocol, share(r.safety, 1), share(r.usefulness, 1),
         share(r.audit_rate, 1), share(r.attack_audit_rate, 1), share(r.deferral_rate, 1))
        for r in found.control
    ], "Control protocols", words=2)  # fmt: skip


def cascade_table(found: Evaluation) -> Grid:
    """What cascades cost, beside the expensive monitor alone."""
    heads = ("Cascade", "AUROC", "TPR at 1 %", "TPR at 5 %", "Calls", "Calls a catch")
    by_name = {s.name: s for s in found.scorers}
    return Grid(heads, [
        (row.scorer, plain(main.auroc), *_caught(main, (MAIN[0], "0.05")),
         f"{row.calls_per_case:.2f}", plain(row.calls_per_catch))
        for row in found.cascades if row.scorer in by_name
        for main in (by_name[row.scorer].main,)
    ], "Cascades, beside the expensive monitor alone")  # fmt: skip


def parts_table(found: Evaluation) -> Grid:
    """The first scorer on parts of the cases."""
    title = f"Parts, {first_scorer(found).name}, at the 1 % threshold of the whole"
    return Grid(("Part", "Honest", "Attacks", "AUROC", "TPR", "False alarms"), [
        (f"{p.by}: {p.value}", f"{p.honest:,}", f"{p.attacks:,}", plain(p.auroc),
         share(p.tpr), share(p.fpr, 1))
        for p in found.subsets
    ], title)  # fmt: skip


def against(found: Evaluation, before: Evaluation) -> Grid:
    """Scorers of both, those of one only marked as such."""
    now, then = ({s.name: s for s in tabled(one)} for one in (found, before))
    rows: list[tuple[str | Cell, ...]] = []
    for name in dict.fromkeys((*now, *then)):
        old, new = then.get(name), now.get(name)
        pairs = zip(_pair(old), _pair(new), strict=True)
        names = [called(s) for s in (new, old) if s is not None]
        rows.append((names[0], *(cell for pair in pairs for cell in pair), _change(old, new)))
    change = "AUROC, now minus before"
    heads = ("Scorer", "AUROC before", "AUROC now", "TPR at 1 % before", "TPR at 1 % now", change)
    return Grid(heads, rows, "Against the earlier evaluation", spare=(change,))


def _pair(scorer: Scorer | None) -> tuple[Cell, Cell]:
    if scorer is None:
        return Cell("not there", known=False), Cell("")
    return plain(scorer.main.auroc), next(_caught(scorer.main, MAIN))


def _change(old: Scorer | None, new: Scorer | None) -> str:
    values = [s.main.auroc.value for s in (old, new) if s is not None]
    known = [v for v in values if v is not None]
    return f"{known[1] - known[0]:+.2f}" if len(known) == 2 else "–"


def assumed(found: Evaluation) -> str:
    """What protocols take as given; empty for nothing."""
    given = {**found.spec.assume}
    for row in found.control:
        given |= row.assumptions
    return ", ".join(f"{name} = {value:g}" for name, value in sorted(given.items()))


def differences(found: Evaluation, before: Evaluation) -> list[str]:
    """What else changed between the two, without which the figures cannot be set side by side."""
    said: list[str] = []
    for what in ("honest", "attacks", "groups"):
        old, new = getattr(before, what), getattr(found, what)
        if old != new:
            said.append(f"{what}: {old:,} before, {new:,} now")
    for what, words in (
        ("spec", "what was asked"), ("sources", "the files read"),
        ("monitors", "the monitors' hashes"), ("versions", "versions"),
    ):  # fmt: skip
        if getattr(found, what) != getattr(before, what):
            said.append(f"{words} differ")
    return said


def timing(found: Evaluation) -> list[str]:
    """When attacks are noticed and what reading reasoning adds, in sentences."""
    said: list[str] = []
    if (time := found.timing) is not None:
        said.append(
            f"Of transcripts with labelled bad steps, {rated(time.marked)} are ever marked (step "
            f"suspicion from {time.threshold:g} on), {rated(time.in_time)} at the first bad step "
            "or before it."
        )
        if time.lead.value is not None and time.first_marked.value is not None:
            late = "after" if time.lead.value < 0 else "before"
            by = f"{abs(time.lead.value):g} steps {late}" if time.lead.value else "at"
            said.append(
                f"The first mark stands at step {time.first_marked.value:g} (median, from 0), "
                f"{by} the first bad one (median)."
            )
        said.append(
            f"The highest step is a bad one in {rated(time.localised)}; one of the three highest "
            f"is in {rated(time.localised_3)}."
        )
    if (up := found.uplift) is not None:
        said.append(
            f"At {per_cent(up.rate)} false alarms, reading everything catches "
            f"{rated(up.everything)} of attacks, reading actions alone {rated(up.actions)}: a "
            f"difference of {rated(up.difference)}."
        )
    return said
