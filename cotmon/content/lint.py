"""What `cotmon check` asks of a monitor folder besides its cases passing."""

from __future__ import annotations

from collections import Counter

from cotmon.content.cases import Case, read_cases
from cotmon.content.monitors import MonitorFolder

CASES = 20
"""Own cases a monitor must bring, both sides together."""
EACH_SIDE = 5
"""Cases it must bring of each side."""
CARD = ("sees", "blind")
"""Words a card's headings must hold: what it sees, and its blind spots."""


def lint_monitor(folder: MonitorFolder) -> tuple[list[str], list[Case]]:
    """Problems in words, and the cases.

    Raises:
        ContentError: a file is missing or cannot be read at all.
    """
    problems: list[str] = []
    cases = read_cases(folder)
    sides = Counter("quiet" if case.expect == "quiet" else "flag" for case in cases)
    if len(cases) < CASES:
        problems.append(f"cases.jsonl has {len(cases)} cases; at least {CASES} are needed")
    for side in ("flag", "quiet"):
        if sides[side] < EACH_SIDE:
            problems.append(f"cases.jsonl has {sides[side]} {side} cases; {EACH_SIDE} are needed")
    twice = [name for name, n in Counter(case.name for case in cases).items() if n > 1]
    problems.extend(f"cases.jsonl names {name!r} more than once" for name in twice)
    headings = [line.lower() for line in folder.text("README.md").split("\n") if line[:1] == "#"]
    for word in CARD:
        if not any(word in heading for heading in headings):
            problems.append(f"README.md has no heading with the word {word!r}")
    if not folder.manifest.summary.strip() or not folder.manifest.misses.strip():
        problems.append("monitor.toml: summary and misses must say something")
    return problems, cases
