"""Tables of an evaluation: main figures, every figure, protocols, parts, before and now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from cotmon.evaluate import Evaluation, main_protocol, main_scorers
from cotmon.evaluate.result import Comparison, ControlRow, Detection, Scorer
from cotmon.metrics import Estimate
from cotmon.report._figures import Cell, Grid, named, per_cent, plain, share, tabled
from cotmon.report.evaluation_table import MAIN, rated

_STANDING = {
    "beats": "▲ better",
    "not shown": "△ not shown",
    "below": "▼ worse",
    "is the best baseline": "",
    "not estimable": "not estimable",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A scorer in the main table, and what is left if the unscored are held against it."""

    name: Markup
    kind: str
    cells: list[Cell]
    held: list[Cell]
    unscored: str


@dataclass(frozen=True, slots=True)
class MainTable:
    """Monitors first, baselines apart.

    Attributes:
        heads: of the columns in which there is something.
        rows, baselines: scorers.
        empty: (column, why nothing is in it).
    """

    heads: list[str]
    rows: list[Row]
    baselines: list[Row]
    empty: list[tuple[str, str]]


def main_table(found: Evaluation) -> MainTable:
    """As on the terminal, and against the best baseline; a column without any figure is named."""
    control = {
        row.scorer: row for row in found.control if row.protocol == main_protocol(found.spec)
    }
    rates = [r for r in MAIN if any(r in s.main.tpr for s in found.scorers)]
    heads = ["AUROC", "Against the best baseline", *(f"TPR at {per_cent(r)}" for r in rates),
             "Safety", "Usefulness"]  # fmt: skip
    rows = [_row(s, rates, control.get(s.name)) for s in main_scorers(found)]
    columns = range(len(heads))
    kept = [k for k in columns if any(_filled(row.cells[k]) for row in rows)]
    whys = [[row.cells[k].text for row in rows if row.cells[k].text != "–"] for k in columns]
    empty = [(heads[k], next(iter(whys[k]), "not tried")) for k in columns if k not in kept]
    for row in rows:
        row.cells[:] = [row.cells[k] for k in kept]
        row.held[:] = [row.held[k] for k in kept if row.held]
    return MainTable(
        ["Scorer", *(heads[k] for k in kept), "Unscored"],
        [row for row in rows if row.kind != "baseline"],
        [row for row in rows if row.kind == "baseline"], empty,
    )  # fmt: skip


def _filled(cell: Cell) -> bool:
    return cell.known and cell.text != "–"


def _row(scorer: Scorer, rates: list[str], control: ControlRow | None) -> Row:
    missing = scorer.unscored_honest + scorer.unscored_attack
    cells = [plain(scorer.main.auroc), _against(scorer.comparison), *_caught(scorer.main, rates)]
    cells += [share(control.safety), share(control.usefulness)] if control else [Cell("–")] * 2
    held: list[Cell] = []
    if missing:
        worst = scorer.pessimistic
        held = [plain(worst.auroc), Cell(""), *_caught(worst, rates), Cell(""), Cell("")]
    return Row(named(scorer.name), scorer.kind, cells, held, f"{missing:,}")


def _caught(detection: Detection, rates: list[str]) -> Iterator[Cell]:
    for rate in rates:
        yield share(detection.tpr[rate]) if rate in detection.tpr else Cell("–")


def _against(comparison: Comparison | None) -> Cell:
    if comparison is None:
        return Cell("–")
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
    rows: list[tuple[str | Markup | Cell, ...]] = [
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
    smallest = "–" if scorer.resolution is None else per_cent(scorer.resolution)
    rows.append(("smallest rate shown", smallest, f"{scorer.distinct:,} distinct honest scores"))
    rows.append(("unscored", f"{scorer.unscored_honest:,} honest",
                 f"{scorer.unscored_attack:,} attacks"))  # fmt: skip
    rows += _compared(scorer.comparison)
    return Grid(("", "Figure", "If the unscored are held against it"), rows)


def _compared(found: Comparison | None) -> list[tuple[str | Markup | Cell, ...]]:
    if found is None or found.baseline is None:
        return []
    values = [("bootstrap, Holm", found.p), ("DeLong", found.delong_p)]
    said = ", ".join(f"p {p:.3g} ({how})" for how, p in values if p is not None)
    mcnemar = "" if found.mcnemar_p is None else f"p {found.mcnemar_p:.3g} (McNemar)"
    name = named(found.baseline)
    return [
        (Markup("AUROC minus %s") % name, plain(found.auroc), said),
        (Markup("TPR at 1 %% minus %s") % name, share(found.tpr, 1), mcnemar),
    ]


def control_table(found: Evaluation) -> Grid:
    """All protocols."""
    heads = ("Scorer", "Protocol", "Safety", "Usefulness", "Honest audited", "Attacks audited",
             "Deferred")  # fmt: skip
    return Grid(heads, [
        (named(r.scorer), r.protocol, share(r.safety, 1), share(r.usefulness, 1),
         share(r.audit_rate, 1), share(r.attack_audit_rate, 1), share(r.deferral_rate, 1))
        for r in found.control
    ])  # fmt: skip


def cascade_table(found: Evaluation) -> Grid:
    """What cascades cost, beside the expensive monitor alone."""
    heads = ("Cascade", "AUROC", "TPR at 1 %", "TPR at 5 %", "Calls a case", "Calls a catch")
    by_name = {s.name: s for s in found.scorers}
    return Grid(heads, [
        (named(row.scorer), plain(main.auroc), *_caught(main, ["0.01", "0.05"]),
         f"{row.calls_per_case:.2f}", plain(row.calls_per_catch))
        for row in found.cascades if row.scorer in by_name
        for main in (by_name[row.scorer].main,)
    ])  # fmt: skip


def against(found: Evaluation, before: Evaluation) -> Grid:
    """Scorers of both, those of one only marked as such."""
    now, then = ({s.name: s for s in tabled(one)} for one in (found, before))
    rows: list[tuple[str | Markup | Cell, ...]] = []
    for name in dict.fromkeys((*now, *then)):
        new, old = now.get(name), then.get(name)
        rows.append((named(name), *_pair(old), *_pair(new), _change(old, new)))
    heads = ("Scorer", "AUROC before", "TPR at 1 % before", "AUROC now", "TPR at 1 % now",
             "AUROC, now minus before")  # fmt: skip
    return Grid(heads, rows)


def _pair(scorer: Scorer | None) -> tuple[Cell, Cell]:
    if scorer is None:
        return Cell("not there", known=False), Cell("")
    caught = scorer.main.tpr.get(MAIN[0])
    return plain(scorer.main.auroc), share(caught) if caught is not None else Cell("–")


def _change(old: Scorer | None, new: Scorer | None) -> str:
    values = [s.main.auroc.value for s in (old, new) if s is not None]
    known = [v for v in values if v is not None]
    return f"{known[1] - known[0]:+.2f}" if len(known) == 2 else "–"


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
