"""What would have happened: the decisions of some days, counted for people who have to decide."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from cotmon.store import Store
from cotmon.store.watches import Fault
from cotmon.watching.decision import LEVELS, Decision, Level
from cotmon.watching.policy import MARK

WORST = 10
CANDIDATES = 100
"""Worst decisions that are kept; several may rest on the same words."""
NEAR = 0.35
"""Suspicion from which a decision that let a call pass is among the worst."""


@dataclass
class Tally:
    """Decisions of one kind.

    Attributes:
        observed, enforced: level → how many.
        unscored: those that lacked a score.
        for_want: those that were asked about or blocked for want of a score alone.
    """

    observed: Counter[Level] = field(default_factory=Counter)
    enforced: Counter[Level] = field(default_factory=Counter)
    unscored: int = 0
    for_want: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.observed.total() + self.enforced.total()

    def take(self, decision: Decision) -> None:
        """Counts one."""
        counter = self.enforced if decision.enforced else self.observed
        counter[decision.level] += 1
        self.unscored += bool(decision.failures)
        held = LEVELS.index(decision.level) > LEVELS.index("flag")
        self.for_want += held and bool(decision.failures) and (decision.suspicion or 0.0) < MARK


@dataclass
class Digest:
    """What decisions say of some days.

    Attributes:
        since, until: ISO times; what was asked for, and now.
        conversations: how many there were.
        words: decisions on generations that call nothing.
        again: tool calls in whose place something else was said, or would have been.
        tools, days: name → tally of tool calls.
        reasons: monitor → level → calls and words for which it spoke up.
        failures: monitor → how often it gave no score.
        latencies: milliseconds from a generation to its decision.
        faults: failures of watching itself.
        questions: state → questions that were put to people.
        worst: the most suspicious first.
    """

    since: str
    until: str
    conversations: int = 0
    words: Tally = field(default_factory=Tally)
    again: int = 0
    tools: dict[str, Tally] = field(default_factory=dict)
    days: dict[str, Tally] = field(default_factory=dict)
    reasons: dict[str, Counter[Level]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    questions: Mapping[str, int] = field(default_factory=dict)
    worst: list[tuple[str, Decision]] = field(default_factory=list)

    def latency(self, share: float) -> float | None:
        """The latency that this share of decisions stayed within; None where there is none."""
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def digest(store: Store, since: str, until: str) -> Digest:
    """Counts the decisions since then.

    Args:
        store: settled or not; only decisions are read.
        since: ISO time.
        until: ISO time of now, for the heading.

    Raises:
        StoreError: the database refused.
    """
    found = Digest(since, until)
    with store.reading() as connection:
        _count(found, store.watches.each_decided(connection, since))
        found.faults = store.watches.faults(connection, since)
        found.questions = store.watches.questions(connection, since)
    return found


def _count(found: Digest, decided: Iterable[tuple[str, object]]) -> None:
    threads: set[tuple[str, str]] = set()
    worst: list[tuple[float, float, str, str, Decision]] = []
    for at, body in decided:
        decision = msgspec.convert(body, Decision)
        threads.add((decision.run, decision.thread))
        found.latencies.append(decision.latency_ms)
        tallies = (
            (
                found.tools.setdefault(decision.tool, Tally()),
                found.days.setdefault(at[:10], Tally()),
            )
            if decision.call or decision.tool
            else (found.words,)
        )
        for tally in tallies:
            tally.take(decision)
        _blame(found, decision)
        found.again += bool(decision.act)
        if decision.evidence and _is_telling(decision):
            entry = (*_rank(decision), at, decision.key, decision)
            heapq.heappush(worst, entry)
            if len(worst) > CANDIDATES:
                heapq.heappop(worst)
    found.conversations = len(threads)
    found.worst = [(at, decision) for *_, at, _, decision in sorted(worst, reverse=True)]


def _blame(found: Digest, decision: Decision) -> None:
    """Which monitors spoke up, and which could not."""
    spoke = {e.monitor for e in decision.evidence if (e.suspicion or 0.0) >= MARK}
    if not spoke and decision.level != "allow" and not decision.failures and decision.evidence:
        spoke = {decision.evidence[0].monitor}  # a threshold below that of a mark was set
    for monitor in spoke:
        found.reasons.setdefault(monitor, Counter())[decision.level] += 1
    found.failures.update(decision.failures.keys())


def _is_telling(decision: Decision) -> bool:
    """A call that was held for want of a score alone says nothing of the agent."""
    held = decision.level != "allow" and not decision.failures
    return held or (decision.suspicion or 0.0) >= NEAR


def _rank(decision: Decision) -> tuple[float, float]:
    return decision.suspicion or 0.0, decision.evidence[0].value or 0.0


def days_between(since: str, until: str) -> int:
    """Whole days, at least one."""
    length = datetime.fromisoformat(until) - datetime.fromisoformat(since)
    return max(1, round(length.total_seconds() / 86_400))
