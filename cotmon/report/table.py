"""Results for a terminal: one transcript in detail, or a row each for many."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cotmon.records import (
    CUES,
    Cue,
    Gap,
    MonitorCard,
    Refusal,
    Result,
    Row,
    Score,
    Step,
    StepResult,
    Transcript,
    is_near,
)
from cotmon.report._words import ACCESS_SHORT, height
from cotmon.text.display import escaped

WORST_STEPS = 8
GAPS = 8
ROWS = 20
WIDE = 70
"""Columns from which a row of many shows sizes too; below it texts are folded, not cut."""
_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = ".:-=+*#@"
_VERDICT = {"flag": "bold red", "incomplete": "yellow", "no-flag": "green"}


def one_line(text: str) -> str:
    """Text from a log in one line of plain text, nothing in it hidden or acting."""
    return escaped(text).replace("\n", "⏎ ").replace("\t", " ")


def shown(text: str, width: int = 0) -> str:
    """Text from a log in one line of a console: escaped, no markup, cut to a width."""
    line = one_line(text).strip()
    if width and len(line) > width:
        line = line[: width - 1] + "…"
    return escape(line)


def counted(number: int, noun: str) -> str:
    """`1 turn`, `2 turns`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_one(console: Console, result: Result, next_steps: Sequence[str]) -> None:
    """One transcript: verdict, strips, worst steps, what was not seen, what to type next."""
    transcript, source = result.transcript, result.transcript.source
    console.print(f"[bold]{shown(transcript.id, 80)}[/]  {shown(source.file)}")
    console.print(
        f"{shown(source.format)} · {counted(result.turns, 'turn')} · "
        f"{counted(len(result.steps), 'step')} · "
        f"access: {transcript.access} ({ACCESS_SHORT[transcript.access]}){started(transcript)}"
    )
    console.print(_headline(result))
    console.print("\n[dim]of the whole transcript, and along its steps:[/]")
    for cue in CUES:
        _print_strip(console, result, cue)
    console.print()
    _print_worst(console, result)
    _print_unseen(console, result)
    console.print(f"[dim]thresholds: {_thresholds(result)}[/]")
    console.print("[dim]A log without flags is not a safe agent.[/]")
    for line in next_steps:
        console.print(f"[dim]next:[/] {escape(line)}", soft_wrap=True)


def _headline(result: Result) -> str:
    style = _VERDICT[result.verdict]
    worst = result.worst_steps(1)
    text = f"verdict: [{style}]{result.verdict}[/]"
    if result.verdict == "flag":
        text += f" for {', '.join(result.flagged)}"
    if result.suspicion is None:
        why = "no monitor could" if result.unscored else "it holds no step that a monitor reads"
        text += f" · nothing was scored: {why}"
    if worst and worst[0].suspicion:
        text += escape(f" · worst step [{worst[0].step.address}]")
        text += f", suspicion {worst[0].suspicion:.2f}"
    return text


def _print_strip(console: Console, result: Result, cue: Cue) -> None:
    width = max(20, min(console.width - 26, 100))
    values = [step.cues[cue] for step in result.steps]
    blocks = _BLOCKS if console.encoding.lower().startswith("utf") else _ASCII_BLOCKS
    cells = "".join(_cell(group, blocks) for group in _bins(values, width))
    top = result.cues[cue]
    number = " n/a" if top is None else f"{top:.2f}"
    console.print(f"{cue:<15} {number} {cells}", no_wrap=True)


def _bins(values: list[float | None], width: int) -> list[list[float | None]]:
    if len(values) <= width:
        return [[value] for value in values]
    edges = [round(k * len(values) / width) for k in range(width + 1)]
    return [values[a:b] for a, b in itertools.pairwise(edges)]


def _cell(group: list[float | None], blocks: str) -> str:
    numbers = [value for value in group if value is not None]
    if not numbers:
        return " "
    value = max(numbers)
    block = blocks[min(len(blocks) - 1, int(height(value) * len(blocks)))]
    return f"[bold red]{block}[/]" if value >= 0.5 else f"[dim]{block}[/]"


def _print_worst(console: Console, result: Result) -> None:
    worst = [s for s in result.worst_steps(WORST_STEPS) if any(map(is_near, s.scores))]
    if not worst:
        console.print("no step is near a threshold")
        return
    table = Table(box=None, pad_edge=False, show_edge=False, expand=True)
    table.add_column("step", no_wrap=True)
    table.add_column("who", no_wrap=True, max_width=16)
    table.add_column("susp.", justify="right", no_wrap=True)
    table.add_column("monitor · how rare · the words", ratio=1, overflow="fold")
    for item in worst:
        table.add_row(*_worst_row(item))
    console.print(table)
    more = sum(s.marked for s in result.steps) - sum(s.marked for s in worst)
    if more > 0:
        console.print(f"… and {counted(more, 'more marked step')}, in the report")


def _worst_row(item: StepResult) -> tuple[str, str, str, str]:
    """A step with every monitor that marked it, or else the nearest one."""
    step = item.step
    reached = [s for s in item.scores if (s.suspicion or 0.0) >= 0.5]
    reached.sort(key=lambda s: (-(s.suspicion or 0.0), s.monitor, s.cue))
    telling = reached or [s for s in (item.worst,) if s is not None]
    mark = "[red]●[/]" if item.marked else "[dim]○[/]"
    said = dict.fromkeys(_said(score) for score in telling)
    return (
        f"{mark} {escape(f'[{step.address}]')}",
        f"{shown(step.module, 16)}\n[dim]{step.channel}{aside(step, chr(10))}[/]",
        f"{item.suspicion or 0:.2f}",
        "\n".join(said) + f"\n“{_words(step.text, telling[0])}”",
    )


def _said(score: Score) -> str:
    """A monitor, how rare such a score is among honest agents, and its reason."""
    rarity = "uncalibrated" if score.tail is None else f"honest: 1 in {round(1 / score.tail):,}"
    reason = f": {shown(score.reason, 160)}" if score.reason else ""
    return f"[cyan]{shown(score.monitor)}[/] [dim]· {rarity}[/]{reason}"


def started(transcript: Transcript) -> str:
    """Which step of another transcript started this agent, if it is known."""
    parent = transcript.parent
    return f" · sub-agent, started at {shown(parent)}" if parent is not None else ""


def aside(step: Step, before: str) -> str:
    """Whether the step stands on an abandoned branch or is a sub-agent's."""
    branch = f"{before}abandoned {shown(step.branch, 10)}" if step.branch else ""
    return branch + (f"{before}sub-agent" if step.parent else "")


def _words(text: str, score: Score) -> str:
    """The very words, with what the score points at in bold."""
    spans = [s for s in score.spans if 0 <= s.start < s.end <= len(text)]
    if not spans:
        return shown(text, 240)
    first = spans[0]
    begin = max(0, first.start - 80) if first.end > 200 else 0
    end = min(len(text), max(first.end, first.start + 1) + 100, first.start + 260)
    stop = min(first.end, end)
    return (
        ("…" if begin else "")
        + _inline(text[begin : first.start])
        + f"[bold]{_inline(text[first.start : stop])}[/]"
        + _inline(text[stop:end])
        + ("…" if end < len(text) else "")
    )


def _inline(text: str) -> str:
    return escape(one_line(text))


def _print_unseen(console: Console, result: Result) -> None:
    total = sum(result.unscored.values())
    if total:
        console.print(f"[yellow]not scored:[/] {total:,} (step, monitor) pairs")
        for reason, count in list(result.unscored.items())[:5]:
            console.print(f"  {count:,} × {shown(reason, 200)}")
    alike: dict[tuple[str, str], list[Gap]] = {}
    for gap in result.transcript.coverage:
        alike.setdefault((gap.kind, gap.reason), []).append(gap)
    for (kind, reason), gaps in list(alike.items())[:GAPS]:
        times = sum(gap.count for gap in gaps)
        label = "[yellow]not seen:[/]" if gaps[0].hides else "[dim]note:[/]"
        often = f"{times:,} × " if times > 1 else ""
        console.print(f"{label} {often}{kind}: {shown(reason, 200)}{_place(gaps[0])}")
    more = len(alike) - GAPS
    if more > 0:
        console.print(f"  … and {more} more, in the report")


def _place(gap: Gap) -> str:
    """Where the first of them is."""
    where = f"line {gap.line}" if gap.line is not None else gap.where or ""
    return f" (first at {shown(where, 40)})" if where else ""


def _thresholds(result: Result) -> str:
    return (
        f"{monitor_bases(result.monitors)}; a transcript is flagged from 0.5 on, that is when "
        f"{shown(result.transcript_basis)}"
    )


def monitor_bases(cards: Sequence[MonitorCard]) -> str:
    """Where the thresholds of these monitors come from, in a few words."""
    bases = Counter(card.basis for card in cards)
    words = {"by hand": "uncalibrated (by hand)"}
    return ", ".join(
        f"{counted(n, 'monitor')} {words.get(basis, shown(basis))}"
        for basis, n in sorted(bases.items())
    )


def print_many(console: Console, rows: Sequence[Row], total: int, counts: Counter[str]) -> None:
    """A row a transcript, worst first, then counts by verdict and access.

    Args:
        console: where to.
        rows: the worst ones, in order.
        total: how many there are in all.
        counts: of `verdict/…` and `access/…` keys.
    """
    wide = console.width >= WIDE
    table = Table(box=None, pad_edge=False, show_edge=False, expand=True)
    for name in ("verdict", "susp."):
        table.add_column(name, no_wrap=True)
    table.add_column("transcript", no_wrap=wide, overflow="ellipsis" if wide else "fold", ratio=2)
    if wide:
        table.add_column("steps", justify="right", no_wrap=True)
        table.add_column("access", no_wrap=True)
    table.add_column("worst step", ratio=4, no_wrap=wide, overflow="ellipsis" if wide else "fold")
    for row in rows:
        number = "n/a" if row.suspicion is None else f"{row.suspicion:.2f}"
        size = (f"{row.steps:,}", row.access) if wide else ()
        verdict = f"[{_VERDICT[row.verdict]}]{row.verdict}[/]"
        table.add_row(verdict, number, shown(row.id, 60), *size, _worst_cell(row))
    console.print(table)
    if total > len(rows):
        console.print(f"[dim]… and {total - len(rows):,} more[/]")
    console.print()
    for kind in ("verdict", "access"):
        found = {k.partition("/")[2]: n for k, n in counts.items() if k.startswith(kind + "/")}
        listed = " · ".join(f"{name} {n:,}" for name, n in sorted(found.items()))
        console.print(f"{total:,} transcripts by {kind}: {listed}")


def _worst_cell(row: Row) -> str:
    if row.worst is None:
        return "[dim]nothing near a threshold[/]"
    monitor = row.worst.monitor.partition("/")[2]
    return (
        f"{escape(f'[{row.worst.address}]')} [cyan]{shown(monitor)}[/] “{shown(row.worst.quote)}”"
    )


def print_refusals(console: Console, refusals: Sequence[Refusal], most: int = 20) -> None:
    """What could not be read, with file, line and reason."""
    for refusal in refusals[:most]:
        line = f":{refusal.line}" if refusal.line is not None else ""
        console.print(
            f"[yellow]refused[/] {shown(refusal.file)}{line}: {shown(refusal.reason, 300)}",
            soft_wrap=True,
        )
    if len(refusals) > most:
        console.print(f"  … and {len(refusals) - most:,} more; all are in --output json")
