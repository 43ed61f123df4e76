"""Asks a person about one step after another; every answer is stored before the next question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Console
from rich.text import Text

from cotmon.cli._review_files import instant
from cotmon.cli._review_places import Item
from cotmon.cli._review_step import print_in_context
from cotmon.cli._stored import judging_of, result
from cotmon.evaluate.reviews import ANSWERS, Answer
from cotmon.records import Result
from cotmon.report.table import one_line
from cotmon.store import RunRow, Store
from cotmon.store.reviews import Place, Review

HELP = """\
c  confirmed: the step is what the cues look for (covert, unfaithful or scheming)
d  dismissed: it is not
u  unsure
n TEXT  a note, kept with the answer that follows; n alone drops it
s  skip: asked again next time
b  back to the step before, to answer anew
q  quit: all answers so far are kept, and the same command goes on
Type one of them, then Enter."""
_PROMPT = "c confirmed · d dismissed · u unsure · s skip · b back · ? help · q quit > "
_VERDICT: dict[str, Answer] = {answer[0]: answer for answer in ANSWERS}


@dataclass
class Reviewing:
    """One person's way through the steps of one run, or of several.

    Attributes:
        store, rows: the runs.
        reviewer: who answers.
        blind: whether scores and the verdicts of others are hidden.
        items: what is asked, in order.
        console: where to.
        answers: one a line.
        earlier: reviews that are stored, oldest first.
    """

    store: Store
    rows: Sequence[RunRow]
    reviewer: str
    blind: bool
    items: Sequence[Item]
    console: Console
    answers: TextIO
    earlier: Sequence[Review]
    _mine: dict[str, Review] = field(default_factory=dict)
    _here: set[tuple[str, Place]] = field(default_factory=set)
    _others: dict[str, dict[str, Review]] = field(default_factory=dict)
    _open: tuple[str, int, Result] | None = None

    def __post_init__(self) -> None:
        for review in self.earlier:
            if review.reviewer != self.reviewer:
                self._others.setdefault(review.step_hash, {})[review.reviewer] = review
                continue
            self._mine[review.step_hash] = review
            self._here.add((review.run, review.place))

    @property
    def left(self) -> int:
        """How many steps are still to be answered."""
        return sum(item.words not in self._mine for item in self.items)

    def carry_out(self) -> None:
        """Asks until all is answered, or the person quits."""
        done = len(self.items) - self.left
        if done:
            self.console.print(f"{done:,} of {len(self.items):,} already judged by you; going on")
        at, again = 0, False
        while at < len(self.items):
            item = self.items[at]
            if not again and item.words in self._mine:
                self._count_here(item)
                at += 1
                continue
            self._show(item, at)
            answer = self._answer(item)
            if answer == "q":
                return
            if answer == "b" and at == 0:
                self.console.print("this is the first step")
            again = answer == "b"
            at = max(at - 1, 0) if again else at + 1

    def _count_here(self, item: Item) -> None:
        """The person's verdict on the same words elsewhere holds here too."""
        if (item.run, item.place) in self._here:
            return
        known = self._mine[item.words]
        self._add(item, known.verdict, known.note, known.at, known.blind)
        where = f"{one_line(item.transcript)} [{item.address}]"
        said = f"already judged by {one_line(self.reviewer)}: {known.verdict}"
        self.console.print(Text(f"{where} {said}"), soft_wrap=True)

    def _answer(self, item: Item) -> str:
        """Takes lines until one of them leads on: `q`, `b`, `s`, or a verdict, which is stored."""
        before = self._mine.get(item.words)
        note = before.note if before is not None else None
        while True:
            self.console.print(_PROMPT, end="", soft_wrap=True)
            line = self.answers.readline()
            if not self.answers.isatty():
                self.console.print()  # nobody pressed Enter here
            said, rest = line.strip()[:1].lower(), line.strip()[1:]
            if not line or (said == "q" and not rest):
                return "q"
            if said == "n" and rest[:1] in ("", " ", "\t"):
                note = rest.strip().replace("\0", "") or None
                self.console.print(Text(f"note: {one_line(note)}" if note else "no note"))
            elif not rest and said in _VERDICT:
                now = instant(datetime.now(UTC))
                self._add(item, _VERDICT[said], note, now, self.blind)
                return said
            elif not rest and said in ("s", "b"):
                return said
            else:
                known = not rest and said == "?"
                self.console.print(
                    HELP if known else "not understood; ? says what is", soft_wrap=True
                )

    def _add(self, item: Item, verdict: Answer, note: str | None, at: str, blind: bool) -> None:
        content, step = item.place
        review = Review(
            step_hash=item.words, transcript=content, transcript_id=item.transcript, step=step,
            address=item.address, run=item.run, verdict=verdict, note=note, at=at,
            sampled="marked" if item.marked else "unmarked", reviewer=self.reviewer, blind=blind,
        )  # fmt: skip
        with self.store.begin() as connection:
            self.store.reviews.add(connection, [review])
        self._mine[item.words] = review
        self._here.add((item.run, item.place))

    def _show(self, item: Item, at: int) -> None:
        kind = "" if self.blind else " · marked" if item.marked else " · unmarked"
        self.console.print()
        self.console.rule(f"{at + 1:,} of {len(self.items):,}{kind}", align="left")
        print_in_context(self.console, self._result(item), item.place[1], blind=self.blind)
        known = [] if self.blind else list(self._others.get(item.words, {}).values())
        if item.words in self._mine:
            known.append(self._mine[item.words])
        for review in known:
            note = f" ({one_line(review.note)})" if review.note else ""
            said = f"already judged by {one_line(review.reviewer)}: {review.verdict}{note}"
            self.console.print(Text(said), soft_wrap=True)

    def _result(self, item: Item) -> Result:
        """The transcript; the one shown last is at hand."""
        if self._open is None or self._open[:2] != (item.run, item.reading):
            row = next(row for row in self.rows if row.id == item.run)
            with self.store.reading() as connection:
                stored = self.store.runs.reading(connection, row.id, item.reading)
            found = result(self.store, row, stored, judging_of(self.store, row))
            self._open = item.run, item.reading, found
        return self._open[2]
