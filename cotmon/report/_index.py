"""The first page of a folder: one row a transcript, so that results can be let go."""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cotmon.records import CUES, RANK, MonitorCard, Refusal, Result, RunInfo, Verdict
from cotmon.report._words import VERDICT, Link, access_short, link


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index keeps of a result. `page` is a file name, `ask` the command for one."""

    id: str
    file: str
    agent: str | None
    verdict: Verdict
    symbol: str
    word: str
    suspicion: float | None
    cues: list[tuple[str, str, bool]]
    worst: Link | None
    steps: int
    turns: int
    unscored: int
    gaps: int
    access: str
    page: str | None
    ask: str


def entry(result: Result, run: RunInfo, page: str | None) -> Entry:
    """A row."""
    symbol, word, _ = VERDICT[result.verdict]
    worst = next(iter(result.worst_steps(1)), None)
    transcript = result.transcript
    return Entry(
        id=transcript.id,
        file=transcript.source.file,
        agent=transcript.agent,
        verdict=result.verdict,
        symbol=symbol,
        word=word,
        suspicion=result.suspicion,
        cues=[(cue, _number(result.cues.get(cue)), cue in result.flagged) for cue in CUES],
        worst=link(worst.step) if worst is not None else None,
        steps=len(result.steps),
        turns=result.turns,
        unscored=sum(result.unscored.values()),
        gaps=sum(gap.count for gap in transcript.coverage if gap.hides),
        access=access_short(result),
        page=page,
        ask=f"cotmon report {shlex.quote(run.id)} --page {shlex.quote(transcript.id)}",
    )


def page_name(result: Result, number: int) -> str:
    """`0007-3f2a91c4be.html`: no letter of it comes from the log's own words."""
    source = result.transcript.source
    parts = (result.transcript.id, source.file, str(source.position), result.content_hash)
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return f"{number:04d}-{hashlib.sha256(joined).hexdigest()[:10]}.html"


def index(
    entries: list[Entry], refusals: Sequence[Refusal], run: RunInfo, cards: list[MonitorCard]
) -> dict:
    """All that `index.html.j2` prints; flags first, then the highest suspicion."""
    verdicts = Counter(row.verdict for row in entries)
    return {
        "title": "index",
        "entries": sorted(entries, key=lambda row: (RANK[row.verdict], -(row.suspicion or 0))),
        "verdicts": [(VERDICT[name], name, verdicts[name]) for name in VERDICT],
        "refusals": refusals,
        "run": run,
        "cues": CUES,
        "cards": cards,
        "home": None,
    }


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
