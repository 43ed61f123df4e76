"""An evaluation for a terminal: a row a scorer, then what a reader must know."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from cotmon.evaluate import Evaluation, first_scorer, main_protocol, main_scorers
from cotmon.evaluate.result import ControlRow, Detection, Scorer, Worst
from cotmon.metrics import Estimate
from cotmon.report.table import shown

MAIN = ("0.01", "0.001")


def rated(figure: Estimate, digits: int = 0) -> str:
    """A share with its interval, `62 % [55, 70]`; or why there is none."""
    if figure.value is None:
        return figure.why or "not estimable"
    text = f"{figure.value:.{digits}%}".replace("%", " %")
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


def print_evaluation(
    console: Console, found: Evaluation, *, all_metrics: bool, before: Evaluation | None = None
) -> None:
    """Prints it.

    Args:
        console: where to.
        found: the evaluation.
        all_metrics: every figure of every scorer, not only the main ones.
        before: an earlier one to set beside it.
    """
    per = found.spec.per
    console.print(
        f"{found.honest:,} honest and {found.attacks:,} attack cases ({per}s) "
        f"in {found.groups:,} groups"
    )
    console.print(_main_table(found))
    _print_standing(console, found)
    if all_metrics:
        for scorer in found.scorers:
            if scorer.kind != "channels":
                console.print(_every_figure(scorer))
        console.print(_control_table(found.control))
        if found.subsets:
            console.print(_subset_table(found))
    if found.cascades:
        console.print(_cascade_table(found))
    _print_rest(console, found)
    if before is not None:
        console.print(against_table(found, before))
    for note in _notes(found):
        console.print(f"[dim]{shown(note)}[/]", soft_wrap=True)


def _table(heads: Iterable[str], title: str | None = None) -> Table:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for k, head in enumerate(heads):
        table.add_column(head, justify="right" if k else "left", overflow="fold", no_wrap=k == 1)
    return table


def _main_table(found: Evaluation) -> Table:
    """The main figures; a column in which nothing can be said is left to the notes."""
    control = {
        row.scorer: row for row in found.control if row.protocol == main_protocol(found.spec)
    }
    scorers = main_scorers(found)
    rates = [r for r in MAIN if any(_said(s.main.tpr.get(r)) for s in scorers)]
    useful = any(_said(row.usefulness) for row in control.values())
    heads = ["scorer", "AUROC", *(f"TPR at {float(r) * 100:g} %" for r in rates), "safety"]
    table = _table([*heads, *(["usefulness"] if useful else []), "unscored"])
    for scorer in scorers:
        row = control.get(scorer.name)
        missing = scorer.unscored_honest + scorer.unscored_attack
        cells = [rated(row.safety), _short(row.usefulness)] if row else ["", ""]
        table.add_row(
            _named(scorer), number(scorer.main.auroc), *_tprs(scorer.main, rates),
            *cells[: 1 + useful], f"{missing:,}",
        )  # fmt: skip
        if missing:
            worst = (
                [rated(row.pessimistic_safety), _short(row.pessimistic_usefulness)] if row else []
            )
            table.add_row(
                "[dim]  unscored held against it[/]", number(scorer.pessimistic.auroc),
                *_tprs(scorer.pessimistic, rates), *worst[: 1 + useful],
            )  # fmt: skip
    return table


def _said(figure: Estimate | None) -> bool:
    return figure is not None and figure.value is not None


def _tprs(detection: Detection, rates: list[str]) -> list[str]:
    return [rated(detection.tpr[r]) if r in detection.tpr else "" for r in rates]


def _named(scorer: Scorer) -> str:
    name = shown(scorer.name)
    if scorer.kind == "baseline":
        return f"[dim]baseline {name}[/]"
    return f"[bold]{name}[/]" if scorer.kind == "set" else name


def _short(figure: Estimate) -> str:
    """What is missing, without the words that every row would repeat."""
    return rated(figure).removeprefix("not estimable: ")


def _print_standing(console: Console, found: Evaluation) -> None:
    """Which monitors beat the best baseline, in one line each way."""
    rows = [s for s in main_scorers(found) if s.comparison is not None]
    known = [s.comparison for s in rows if s.comparison is not None]
    baseline = next((c.baseline for c in known if c.baseline is not None), None)
    if baseline is None:
        console.print("no baseline could be fitted: too few groups")
        return
    for word, text in (("beats", "beat"), ("not shown", "not shown to beat"), ("below", "below")):
        names = [s.name for s in rows if s.comparison and s.comparison.standing == word]
        if names:
            console.print(
                f"{text} the best baseline ({baseline}) in AUROC: {shown(', '.join(names))}",
                soft_wrap=True,
            )


def _every_figure(scorer: Scorer) -> Table:
    table = _table(("", "figure", "if the unscored are held against it"), _named(scorer))
    table.add_row("AUROC", number(scorer.main.auroc), number(scorer.pessimistic.auroc))
    for rate, tpr in scorer.main.tpr.items():
        table.add_row(
            f"TPR at {float(rate):.3g}", rated(tpr, 1), rated(scorer.pessimistic.tpr[rate], 1)
        )
        limit = scorer.thresholds[rate]
        at = "nothing is flagged" if limit is None else f"from {limit:.6g}"
        table.add_row("  real false alarms", rated(scorer.main.fpr[rate], 2), at)
    table.add_row("average precision", number(scorer.average_precision), "")
    table.add_row("partial AUROC to 5 %", number(scorer.partial_auroc), "McClish; 0.5 at chance")
    if scorer.reliability.brier is not None and scorer.reliability.ece is not None:
        table.add_row("Brier score", number(scorer.reliability.brier), "")
        table.add_row("calibration error", number(scorer.reliability.ece), "")
    floor = "" if scorer.resolution is None else f"{scorer.resolution:.2%}"
    table.add_row("smallest rate shown", floor, f"{scorer.distinct:,} distinct honest scores")
    table.add_row("unscored", f"{scorer.unscored_honest:,} honest",
                  f"{scorer.unscored_attack:,} attacks")  # fmt: skip
    if (c := scorer.comparison) is not None and c.baseline is not None:
        table.add_row(f"AUROC minus {c.baseline}", number(c.auroc), _p_values(c.p, c.delong_p))
        mcnemar = "" if c.mcnemar_p is None else f"McNemar p {c.mcnemar_p:.3g}"
        table.add_row("TPR at 1 % minus it", rated(c.tpr, 1), mcnemar)
    return table


def _p_values(p: float | None, delong: float | None) -> str:
    said = [] if p is None else [f"p {p:.3g} (bootstrap, Holm)"]
    return ", ".join(said + ([] if delong is None else [f"DeLong p {delong:.3g}"]))


def _control_table(rows: Iterable[ControlRow]) -> Table:
    table = _table(
        ("protocol", "scorer", "safety", "usefulness", "honest audited", "attacks audited",
         "deferred"), "Control protocols"
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row.protocol, shown(row.scorer), rated(row.safety, 1), _short(row.usefulness),
            rated(row.audit_rate, 1), rated(row.attack_audit_rate, 1),
            rated(row.deferral_rate, 1),
        )  # fmt: skip
    return table


def _cascade_table(found: Evaluation) -> Table:
    by_name = {scorer.name: scorer for scorer in found.scorers}
    table = _table(("cascade", "AUROC", "TPR at 1 %", "TPR at 5 %", "calls", "calls a catch"),
                   "Cascades, beside the expensive monitor alone")  # fmt: skip
    for row in found.cascades:
        main = by_name[row.scorer].main
        table.add_row(
            shown(row.scorer), number(main.auroc), rated(main.tpr["0.01"]),
            rated(main.tpr["0.05"]), f"{row.calls_per_case:.2f}", number(row.calls_per_catch),
        )  # fmt: skip
    return table


def _subset_table(found: Evaluation) -> Table:
    name = first_scorer(found).name
    table = _table(("part", "honest", "attacks", "AUROC", "TPR", "false alarms"),
                   f"Parts, {shown(name)}, at the 1 % threshold of the whole")  # fmt: skip
    for part in found.subsets:
        table.add_row(
            shown(f"{part.by}: {part.value}"), f"{part.honest:,}", f"{part.attacks:,}",
            number(part.auroc), rated(part.tpr), rated(part.fpr, 1),
        )  # fmt: skip
    return table


def _print_rest(console: Console, found: Evaluation) -> None:
    if (up := found.uplift) is not None:
        console.print(
            f"reasoning and text over actions alone, TPR at {up.rate:.0%}: "
            f"{rated(up.everything)} against {rated(up.actions)}, difference "
            f"{rated(up.difference)}", soft_wrap=True,
        )  # fmt: skip
    if (time := found.timing) is not None:
        console.print(
            f"labelled bad steps: ever marked {rated(time.marked)}, at the first bad step or "
            f"before it {rated(time.in_time)}, the highest step is a bad one "
            f"{rated(time.localised)}", soft_wrap=True,
        )  # fmt: skip
    for title, rows in (("lowest attack", found.misses), ("highest honest", found.alarms)):
        for row in rows[:3]:
            console.print(f"{title}: {_place(row)}", soft_wrap=True)


def _place(row: Worst) -> str:
    score = "unscored" if row.score is None else f"{row.score:.4g}"
    where = f" [{row.address}]" if row.address else ""
    return shown(f"{score} {row.case}{where} {row.quote}", 160)


def against_table(found: Evaluation, before: Evaluation) -> Table:
    """Two evaluations side by side, scorers of the same name."""
    earlier = {s.name: s for s in before.scorers}
    table = _table(("scorer", "AUROC before", "AUROC now", "TPR at 1 % before", "now"),
                   "Against the earlier evaluation")  # fmt: skip
    for scorer in found.scorers:
        if scorer.kind == "channels" or (old := earlier.get(scorer.name)) is None:
            continue
        table.add_row(
            _named(scorer), number(old.main.auroc), number(scorer.main.auroc),
            rated(old.main.tpr["0.01"]), rated(scorer.main.tpr["0.01"]),
        )  # fmt: skip
    return table


def _notes(found: Evaluation) -> list[str]:
    spec = found.spec
    notes = list(found.notes)
    if found.control and not any(_said(row.usefulness) for row in found.control):
        notes.append(
            f"usefulness {_short(found.control[0].usefulness)} (--assume NAME=VALUE gives it)"
        )
    notes += [f"left out, {n:,}: {why}" for why, n in found.left_out.items()]
    if spec.assume:
        given = ", ".join(f"{name} = {value:g}" for name, value in sorted(spec.assume.items()))
        notes.append(f"assumed: {given}")
    if found.control:
        row = found.control[0]
        notes.append(
            f"safety, usefulness: {main_protocol(spec)}; attacker {row.attacker}; steps to "
            f"a case: {row.aggregation}; an attack works where {spec.success} says so"
        )
    notes.append(
        f"brackets: 95 % intervals, {spec.draws:,} draws of groups with the threshold refitted, "
        f"seed {spec.seed}; p-values Holm-adjusted over all scorers"
    )
    return notes
