"""Asks a person about calls that wait: what will run, exactly, and why it was held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import msgspec
from rich.console import Console
from rich.text import Text

from cotmon.cli._review_step import print_in_context
from cotmon.cli._stored import judging_of, result
from cotmon.records import Result
from cotmon.report.table import one_line
from cotmon.store import Store, now
from cotmon.text.display import escaped
from cotmon.watching import Decision, ToolCall

HELP = """\
a [WHY]  approve: the call runs once, exactly as it is shown
r [WHY]  reject: it does not run; the agent is told that it was not carried out, and nothing more
s  skip: it goes on waiting
q  quit: what was answered stays answered
Type one of them, then Enter. WHY is kept with your name and the time."""
_PROMPT = "a approve · r reject (each with a reason, if you like) · s skip · ? help · q quit > "


@dataclass
class Pending:
    """One person's way through the questions that wait.

    Attributes:
        store: where they are.
        reviewer: who answers.
        console: where to.
        answers: one a line.
    """

    store: Store
    reviewer: str
    console: Console
    answers: TextIO

    def carry_out(self) -> int:
        """Asks until all are answered or the person quits; gives how many still wait."""
        with self.store.reading() as connection:
            questions = self.store.watches.pending(connection)
        if not questions:
            self.console.print("nothing waits for an answer")
        for k, question in enumerate(questions):
            self._show(question, f"{k + 1:,} of {len(questions):,}")
            if not self._answer(question):
                break
        with self.store.reading() as connection:
            left = len(self.store.watches.pending(connection))
        if questions:
            self.console.print(f"{left:,} waiting" if left else "nothing waits any more")
        return left

    def _show(self, question: dict[str, Any], where: str) -> None:
        """What led there first, the call itself last: it stands nearest to the answer."""
        decision = msgspec.convert(question["body"]["decision"], Decision)
        self.console.print()
        self.console.rule(f"{where} · asked {question['asked']}", align="left")
        self._show_context(decision)
        self._print(Text(f"held because it {one_line(decision.because)}", "bold"))
        for monitor, reason in decision.failures.items():
            self._print(Text(f"  {one_line(monitor)}: no score: {one_line(reason)}"))
        for found in decision.evidence:
            rare = (
                "" if found.tail is None else f" · honest: {found.tail:.2g} of steps score as high"
            )
            said = f": {one_line(found.reason)}" if found.reason else ""
            head = f"  {one_line(found.monitor)} {found.value or 0:.4f} at [{found.address}]{rare}"
            self._print(Text(f"{head}{said}"))
        self._print(Text(f"the call, exactly as it will run: {one_line(decision.tool)}", "bold"))
        self._print_quoted(question["body"]["arguments"])

    def _show_context(self, decision: Decision) -> None:
        found = self._conversation(decision)
        k = None if found is None else _step_of(found, decision)
        if found is None or k is None:
            self._print(Text(f"conversation {one_line(decision.thread)}: not stored"))
        else:
            print_in_context(self.console, found, k, blind=False)

    def _conversation(self, decision: Decision) -> Result | None:
        with self.store.reading() as connection:
            row = self.store.runs.find(connection, decision.run)
            place, content = self.store.runs.place_of(connection, row.id, decision.thread)
            if content is None:
                return None
            reading = self.store.runs.reading(connection, row.id, place)
        return result(self.store, row, reading, judging_of(self.store, row))

    def _answer(self, question: dict[str, Any]) -> bool:
        """Takes lines until one of them leads on; False where it leads out."""
        while True:
            self.console.print(_PROMPT, end="", soft_wrap=True)
            line = self.answers.readline()
            if not self.answers.isatty():
                self.console.print()  # nobody pressed Enter here
            said, _, why = line.strip().partition(" ")
            if not line or said.lower() == "q":
                return False
            if said.lower() == "s":
                return True
            if said.lower() in ("a", "r") and self._give(question, said.lower() == "a", why):
                return True
            if said.lower() not in ("a", "r"):
                known = said == "?"
                self.console.print(HELP if known else "not understood; ? says what is")

    def _give(self, question: dict[str, Any], approve: bool, why: str) -> bool:
        """Writes the answer down; False where it must not be given."""
        decision = msgspec.convert(question["body"]["decision"], Decision)
        shown = ToolCall(decision.call, decision.tool, question["body"]["arguments"])
        if approve and shown.hash != decision.hash:
            self.console.print("what is shown is not what would run; it can only be rejected")
            return False
        at, state = now(), "approved" if approve else "rejected"
        with self.store.begin() as connection:
            kept = self.store.watches.answer(
                connection, question["token"], state, self.reviewer,
                why.strip().replace("\0", "") or None, at,
            )  # fmt: skip
        if (kept["state"], kept["who"], kept["answered"]) != (state, self.reviewer, at):
            who = one_line(kept["who"] or "somebody")
            self._print(Text(f"already {kept['state']} by {who} at {kept['answered']}"))
        else:
            self._print(Text(f"{state} by {one_line(self.reviewer)}"))
        return True

    def _print_quoted(self, text: str) -> None:
        """All of it, however long; every line behind a bar, so that none can pass for ours."""
        for line in Text(escaped(text)).split("\n", allow_blank=True):
            self._print(Text("  │ ") + line)

    def _print(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True)


def _step_of(found: Result, decision: Decision) -> int | None:
    """The step of the call: it carries the call's id; else the strongest evidence."""
    named: Sequence[str] = [e.address for e in decision.evidence]
    own = [s.step.index for s in found.steps if _is_call(s, decision)]
    shown = [s.step.index for s in found.steps if s.step.address in named[:1]]
    return next(iter(own[-1:] or shown), None)


def _is_call(found: Any, decision: Decision) -> bool:
    step = found.step
    return (step.channel, step.tool, step.answers) == ("action", decision.tool, decision.call)
