"""`replay --dry-run`: what is there, how much of it, and how long it would take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.table import Table

from cotmon.cli._console import Progress, stdout
from cotmon.formats import Options, read
from cotmon.records import UNREADABLE, Refusal, Transcript
from cotmon.report.table import print_refusals
from cotmon.segmentation import steps_of

STEPS_A_SECOND = (60, 3000)
"""Measured on two cores: with the encoder on prose it has never seen, and rules alone."""


def print_inventory(paths: Sequence[str], options: Options, limit: int | None) -> int:
    """Prints the inventory; scores and stores nothing. Returns the exit code."""
    formats: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    files: dict[str, set[str]] = {}
    refusals: list[Refusal] = []
    with Progress("dry run") as progress:
        for item in read(paths, options):
            if isinstance(item, Refusal):
                refusals.append(item)
                continue
            name = item.source.format
            formats[name] += 1
            files.setdefault(name, set()).add(item.source.file)
            found = _counts(item)
            counts.update(found)
            progress.add(found["steps"])
            if limit is not None and sum(formats.values()) >= limit:
                break
    _print(formats, files, counts)
    print_refusals(stdout(), refusals)
    return 2 if refusals else 0


def _counts(transcript: Transcript) -> Counter[str]:
    counts: Counter[str] = Counter()
    counts["turns"] = len({m.turn for m in transcript.messages})
    steps = steps_of(transcript)
    counts["steps"] = len(steps)
    spoken = [s for s in steps if s.channel in ("reasoning", "text")]
    counts["sentences"] = len({s.text for s in spoken})
    for message in transcript.messages:
        if message.channel == "reasoning" and message.provenance not in UNREADABLE:
            counts[f"reasoning/{message.provenance}"] += len(message.text)
        counts[f"channel/{message.channel}"] += 1
    counts["gaps"] = sum(g.count for g in transcript.coverage if g.hides)
    return counts


def _print(formats: Counter[str], files: dict[str, set[str]], counts: Counter[str]) -> None:
    console = stdout()
    table = Table(box=None, pad_edge=False)
    for column in ("format", "files", "transcripts"):
        table.add_column(column, justify="left" if column == "format" else "right")
    for name, number in sorted(formats.items()):
        table.add_row(name, f"{len(files[name]):,}", f"{number:,}")
    console.print(table)
    console.print(f"turns {counts['turns']:,} · steps {counts['steps']:,}")
    for name, number in sorted(counts.items()):
        kind, _, value = name.partition("/")
        if kind == "reasoning":
            console.print(f"reasoning, {value}: {number:,} characters")
    if counts["gaps"]:
        console.print(f"known to exist and unreadable: {counts['gaps']:,}")
    slow, fast = STEPS_A_SECOND
    seconds = counts["sentences"] / slow + counts["steps"] / fast
    console.print(f"first replay with the default set: about {seconds:,.0f} s on two cores")
