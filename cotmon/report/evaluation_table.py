"""An evaluation for a terminal: a row a scorer, then what a reader must know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from cotmon.evaluate import Evaluation, main_protocol, main_scorers
from cotmon.evaluate.result import Scorer, Worst
from cotmon.report._evaluation_rows import (
    AGAINST,
    against,
    assumed,
    cascade_table,
    control_table,
    every_figure,
    main_table,
    parts_table,
    timing,
)
from cotmon.report.figures import Cell, Grid, called, score_of, tabled
from cotmon.report.table import shown


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
    for grid in _further(found, all_metrics=all_metrics):
        console.print(_printed(grid))
    _print_rest(console, found)
    if before is not None:
        console.print(_printed(against(found, before)))
    for note in _notes(found):
        console.print(f"[dim]{shown(note)}[/]", soft_wrap=True)


def _further(found: Evaluation, *, all_metrics: bool) -> Iterator[Grid]:
    if all_metrics:
        yield from (every_figure(scorer) for scorer in tabled(found))
        yield control_table(found)
        if found.subsets:
            yield parts_table(found)
    if found.cascades:
        yield cascade_table(found)


def _main_table(found: Evaluation) -> Table:
    main = main_table(found)
    heads = [head for head in main.heads if head != AGAINST]
    table = _table(("Scorer", *heads, "Unscored"))
    for row in (*main.rows, *main.baselines):
        table.add_row(_named(row.scorer), *(_text(row.cells[h]) for h in heads), row.unscored)
        if row.held:
            held = "[dim]  unscored held against it[/]"
            table.add_row(held, *(_text(row.held[h]) for h in heads))
    return table


def _named(scorer: Scorer) -> str:
    name = shown(called(scorer))
    styles = {"baseline": f"[dim]{name}[/]", "set": f"[bold]{name}[/]"}
    return styles.get(scorer.kind, name)


def _printed(grid: Grid) -> Table:
    """A grid without the columns for which there is no room."""
    kept = [k for k, head in enumerate(grid.heads) if head not in grid.spare]
    table = _table((grid.heads[k] for k in kept), grid.title, grid.words)
    for row in grid.rows:
        table.add_row(*(_text(row[k]) for k in kept))
    return table


def _table(heads: Iterable[str], title: str = "", words: int = 1) -> Table:
    """A bare table; the first figure after a name is never broken."""
    table = Table(box=None, pad_edge=False, title=shown(title) or None, title_justify="left")
    for k, head in enumerate(heads):
        justify = "left" if k < words else "right"
        table.add_column(_lowered(head), justify=justify, overflow="fold", no_wrap=k == words == 1)
    return table


def _lowered(head: str) -> str:
    """Words of a page as a terminal's tables have them: `Safety` as `safety`, `AUROC` as it is."""
    return shown(head if head[:2].isupper() else head[:1].lower() + head[1:])


def _text(value: str | Cell) -> str:
    return shown(value if isinstance(value, str) else value.text)


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


def _print_rest(console: Console, found: Evaluation) -> None:
    for sentence in timing(found):
        console.print(shown(sentence), soft_wrap=True)
    for title, rows in (("lowest attack", found.misses), ("highest honest", found.alarms)):
        for row in rows[:3]:
            console.print(f"{title}: {_place(row)}", soft_wrap=True)


def _place(row: Worst) -> str:
    where = f" [{row.address}]" if row.address else ""
    return shown(f"{score_of(row)} {row.case}{where} {row.quote}", 160)


def _notes(found: Evaluation) -> list[str]:
    spec = found.spec
    notes = list(found.notes)
    left_out = [(head, why) for head, why in main_table(found).empty if head != AGAINST]
    notes += [f"{_lowered(head)} is left out: {why}" for head, why in left_out]
    notes += [f"left out, {n:,}: {why}" for why, n in found.left_out.items()]
    if given := assumed(found):
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
