"""What `digest` prints: counts first, then the ten worst with their evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cotmon.cli._review_places import Item, item_of
from cotmon.cli._stored import judging_of, result
from cotmon.records import Result, StepResult
from cotmon.report.table import counted, one_line, shown
from cotmon.store import RunRow, Store
from cotmon.store.reviews import Review
from cotmon.watching import Decision, Level
from cotmon.watching.digest import WORST, Digest, Tally, days_between

QUOTE = 160
"""Characters of the words in question."""
_LEVELS: tuple[Level, ...] = ("flag", "ask", "block")
_SHARES = (("half within", 0.5), ("95 % within", 0.95), ("99 % within", 0.99))
_DONE = {"flag": "flagged", "ask": "asked about", "block": "blocked", "allow": "allowed"}


def print_digest(console: Console, found: Digest) -> None:
    """The counts."""
    calls = _together(found.tools.values())
    _print_heading(console, found, calls)
    if not calls.total and not found.words.total:
        console.print("nothing was watched in this time; see docs/watching.md")
        return
    if calls.total:
        _print_tallies(console, "tool", found.tools, calls)
        _print_tallies(console, "day", dict(sorted(found.days.items())), None)
    _print_monitors(console, found)
    _print_rest(console, found)


def _print_heading(console: Console, found: Digest, calls: Tally) -> None:
    days = counted(days_between(found.since, found.until), "day")
    console.print(f"[bold]{days} to {found.until[:16].replace('T', ' ')} UTC[/]", soft_wrap=True)
    words = f" · {counted(found.words.total, 'answer')} without a call"
    if marked := _marked(found.words):
        words += f", {marked:,} of them flagged"
    console.print(
        f"{counted(found.conversations, 'conversation')} · {counted(calls.total, 'tool call')}"
        f"{words if found.words.total else ''}",
        soft_wrap=True,
    )
    stopped, would = _held(calls.enforced), _held(calls.observed)
    if not calls.enforced.total():
        console.print("Only observed: no call was held or stopped.")
    else:
        enforced = counted(calls.enforced.total(), "call")
        console.print(f"Enforced on {enforced}, of which {stopped:,} held.")
    if calls.observed.total():
        share = would / calls.observed.total()
        console.print(
            f"Under enforcement {would:,} of the {calls.observed.total():,} observed calls "
            f"({share:.2%}) would have been held.",
            soft_wrap=True,
        )
    if found.again:
        calls_again = counted(found.again, "call")
        console.print(f"In place of {calls_again} something else was said, or would have been.")
    if calls.for_want:
        console.print(
            f"[yellow]{calls.for_want:,} of all these were held, or would have been, only because "
            "a score was missing.[/]",
            soft_wrap=True,
        )


def _print_tallies(
    console: Console, what: str, rows: Mapping[str, Tally], every: Tally | None
) -> None:
    """Only columns in which something stands, so that a quiet week is a narrow table."""
    named = list(rows.items())
    if every is not None:
        named.sort(key=lambda pair: (-_weight(pair[1]), pair[0]))
    tallies = [*named, ("all", every)] if every is not None and len(rows) > 1 else named
    columns: list[tuple[str, Callable[[Tally], int]]] = [("calls", lambda t: t.total)]
    for enforced, before in ((False, "would be "), (True, "")):
        columns += [
            (before + _DONE[level], partial(_count, level=level, enforced=enforced))
            for level in _LEVELS
        ]
    columns.append(("no score", lambda t: t.unscored))
    kept = [(name, of) for name, of in columns if name == "calls" or any(of(t) for _, t in tallies)]
    table = Table(box=None, pad_edge=False)
    table.add_column(what, overflow="fold")
    for name, _ in kept:
        table.add_column(name, justify="right")
    for k, (name, tally) in enumerate(tallies):
        numbers = (f"{of(tally):,}" if of(tally) else "·" for _, of in kept)
        table.add_row(shown(name, 40), *numbers, style="bold" if k == len(named) else None)
    console.print()
    console.print(table)


def _print_monitors(console: Console, found: Digest) -> None:
    names = sorted(found.reasons.keys() | found.failures.keys())
    if not names:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("what spoke up", overflow="fold")
    for name in ("flag", "ask", "block", "no score"):
        table.add_column(name, justify="right")
    for name in names:
        counts = found.reasons.get(name, Counter())
        numbers = [*(counts[level] for level in _LEVELS), found.failures[name]]
        said = {"cotmon": "cotmon itself", "store": "the database"}.get(name, name)
        table.add_row(shown(said), *(f"{n:,}" if n else "·" for n in numbers))
    console.print()
    console.print(table)


def _print_rest(console: Console, found: Digest) -> None:
    console.print()
    figures = [(name, found.latency(share)) for name, share in _SHARES]
    said = ", ".join(f"{name} {value:,.1f} ms" for name, value in figures if value is not None)
    console.print(f"Added to each answer before it could act: {said}.", soft_wrap=True)
    if found.questions:
        states = ", ".join(f"{n:,} {state}" for state, n in sorted(found.questions.items()))
        hint = "; answer with: cotmon review --pending" if found.questions.get("pending") else ""
        spent = " (spent: approved, and the call has run)" if "spent" in found.questions else ""
        console.print(f"Questions to people: {states}{spent}{hint}.", soft_wrap=True)
    for fault in found.faults:
        said = f"{fault.day} watching failed {counted(fault.times, 'time')}: {shown(fault.reason)}"
        console.print(f"[yellow]{said}[/]", soft_wrap=True)


def worst_items(
    store: Store, found: Digest
) -> tuple[list[RunRow], list[tuple[str, Decision, Item]]]:
    """The ten worst decisions on different words, each with its step, and the runs of those."""
    rows: dict[str, RunRow] = {}
    opened: dict[tuple[str, str], tuple[int, Result] | None] = {}
    words: set[str] = set()
    worst: list[tuple[str, Decision, Item]] = []
    for at, decision in found.worst:
        place = (decision.run, decision.thread)
        if place not in opened:
            opened[place] = _opened(store, rows, decision)
        if (reading := opened[place]) is None:
            continue
        step = _evident(reading[1], decision)
        item = None if step is None else item_of(reading[1], reading[0], step)
        if item is None or item.words in words:
            continue
        words.add(item.words)
        worst.append((at, decision, item))
        if len(worst) == WORST:
            break
    return list(rows.values()), worst


def _opened(store: Store, rows: dict[str, RunRow], decision: Decision) -> tuple[int, Result] | None:
    with store.reading() as connection:
        row = rows.get(decision.run) or store.runs.find(connection, decision.run)
        ordinal, content = store.runs.place_of(connection, row.id, decision.thread)
        if content is None:
            return None
        reading = store.runs.reading(connection, row.id, ordinal)
    rows[row.id] = row
    return ordinal, result(store, row, reading, judging_of(store, row))


def _evident(found: Result, decision: Decision) -> StepResult | None:
    address = decision.evidence[0].address
    return next((s for s in found.steps if s.step.address == address), None)


def print_worst(
    console: Console, worst: Sequence[tuple[str, Decision, Item]], reviews: Sequence[Review]
) -> None:
    """Each with what would have happened, why, the words, and what reviewers said of them."""
    if not worst:
        console.print("\nNothing was suspicious enough to look at.")
        return
    console.print(
        f"\n[bold]The {len(worst)} worst[/]" if len(worst) > 1 else "\n[bold]The worst[/]"
    )
    latest = {(r.step_hash, r.reviewer): r.verdict for r in reviews}
    for k, (at, decision, item) in enumerate(worst, start=1):
        first = decision.evidence[0]
        done = "said again" if decision.act else _DONE[decision.level]
        what = done if decision.enforced else f"would be {done}"
        on = f"call of {one_line(decision.tool)}" if decision.tool else "answer"
        place = f"{one_line(item.transcript)} [{item.address}]"
        head = (
            f"{k:>2}  {on} {what} · suspicion {decision.suspicion or 0:.2f} · {at[:16]} · {place}"
        )
        _print(console, Text(head, "bold" if decision.level in ("ask", "block") else ""))
        said = f": {one_line(first.reason)}" if first.reason else ""
        _print(console, Text(f"    {one_line(first.monitor)} {first.value or 0:.4f}{said}"))
        quote = one_line(first.quote)
        cut = "…" if len(quote) > QUOTE else ""
        _print(console, Text(f"    “{quote[:QUOTE]}{cut}”"))
        given = [
            f"{v} by {one_line(who)}" for (words, who), v in latest.items() if words == item.words
        ]
        if given:
            _print(console, Text(f"    {', '.join(given)}"))


def hint(found: Digest, db: str | None) -> str:
    """What to type next."""
    more = "" if db is None else f" --db {db}"
    return escape(f"next: cotmon promote --tool GLOB{more}, where these decisions are right")


def _together(tallies: Iterable[Tally]) -> Tally:
    every = Tally()
    for tally in tallies:
        every.observed.update(tally.observed)
        every.enforced.update(tally.enforced)
        every.unscored += tally.unscored
        every.for_want += tally.for_want
    return every


def _count(tally: Tally, level: Level, enforced: bool) -> int:
    return (tally.enforced if enforced else tally.observed)[level]


def _held(counts: Counter[Level]) -> int:
    return counts["ask"] + counts["block"]


def _marked(tally: Tally) -> int:
    return sum(_count(tally, level, e) for level in _LEVELS for e in (False, True))


def _weight(tally: Tally) -> int:
    """Tools that were held most come first, then those that are called most."""
    return 1_000_000 * (_held(tally.observed) + _held(tally.enforced)) + tally.total


def _print(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True)
