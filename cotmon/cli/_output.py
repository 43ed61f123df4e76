"""What `replay` prints: a table, JSON lines or CSV; and the limits that set its exit code."""

from __future__ import annotations

import csv
import io
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Protocol

from rich.markup import escape

from cotmon.cli._console import stdout
from cotmon.errors import UsageError
from cotmon.records import RANK, MonitorCard, Refusal, Result, Row
from cotmon.report.lines import CSV_HEADER, csv_rows, json_line, json_refusal
from cotmon.report.table import ROWS, monitor_bases, one_line, print_many, print_one, print_refusals
from cotmon.text.display import escaped

Item = Result | Row | Refusal


class Output(Protocol):
    """Takes the items of a run in order, then closes."""

    def take(self, item: Item) -> None:
        """One result, row or refusal."""
        ...

    def close(self) -> None:
        """Prints what waits for the end."""
        ...


@dataclass
class TableOutput:
    """A detailed table for one transcript, a row each for many.

    Attributes:
        run: id of the run, for hints.
        load: gives the one result when only its row was needed so far.
        monitors: those that ran.
        db: the database that was asked for, which the hints must name too.
    """

    run: str
    monitors: Sequence[MonitorCard]
    db: str | None
    load: Callable[[], Result]
    rows: list[Row] = field(default_factory=list)
    only: Result | None = None
    refusals: list[Refusal] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    total: int = 0

    def take(self, item: Item) -> None:
        """Keeps the worst rows only."""
        if isinstance(item, Refusal):
            self.refusals.append(item)
            return
        row = item.row(retry=False) if isinstance(item, Result) else item
        self.only = item if isinstance(item, Result) and self.total == 0 else None
        self.total += 1
        self.counts.update((f"verdict/{row.verdict}", f"access/{row.access}"))
        self.rows.append(row)
        if len(self.rows) > 40 * ROWS:
            self._keep_worst()

    def _keep_worst(self) -> None:
        self.rows.sort(key=lambda r: (RANK[r.verdict], -(r.suspicion or 0.0)))
        del self.rows[ROWS:]

    def close(self) -> None:
        """Prints the table."""
        console = stdout()
        if self.total == 1:
            result = self.only or self.load()
            print_one(console, result, self._hints(result))
        elif self.total:
            self._keep_worst()
            print_many(console, self.rows, self.total, self.counts)
            console.print(f"[dim]thresholds: {monitor_bases(self.monitors)}[/]")
            console.print(f"[dim]next:[/] {escape(self._with_db(f'cotmon report {self.run}'))}")
            console.print("[dim]A log without flags is not a safe agent.[/]")
        print_refusals(console, self.refusals)
        if not self.total and not self.refusals:
            console.print("nothing was found to read")

    def _hints(self, result: Result) -> list[str]:
        """How to look closer: the start of an id will do, up to what nobody can type."""
        hints = [self._with_db(f"cotmon report {self.run}")]
        start = "".join(takewhile(str.isprintable, result.transcript.id[:80]))
        address = next((f" {s.step.address}" for s in result.worst_steps(1)), "")
        if start:
            end_of_options = "-- " if start.startswith("-") else ""
            show = self._with_db("cotmon show")
            hints.insert(0, f"{show} {end_of_options}{shlex.quote(start)}{address}")
        return hints

    def _with_db(self, command: str) -> str:
        return command if self.db is None else f"{command} --db {shlex.quote(self.db)}"


def print_utf8(line: str) -> None:
    """One line on stdout, as UTF-8 whatever the terminal's own encoding is."""
    sys.stdout.buffer.write(line.encode("utf-8") + b"\n")


@dataclass
class JsonOutput:
    """One object a line."""

    run: str

    def take(self, item: Item) -> None:
        """Prints it at once."""
        if isinstance(item, Refusal):
            print_utf8(json_refusal(item, self.run))
        elif isinstance(item, Result):
            print_utf8(json_line(item))

    def close(self) -> None:
        """Nothing waits."""
        sys.stdout.flush()


class CsvOutput:
    """One row a score; refusals go to stderr."""

    def __init__(self) -> None:
        self._print(CSV_HEADER)

    def take(self, item: Item) -> None:
        """Prints its rows at once."""
        if isinstance(item, Refusal):
            where = f":{item.line}" if item.line is not None else ""
            said = f"cotmon: refused {item.file}{where}: {item.reason}"
            sys.stderr.write(one_line(said) + "\n")
        elif isinstance(item, Result):
            for row in csv_rows(item):
                self._print(_cells(row))

    def _print(self, row: Sequence[object]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(row)
        print_utf8(line.getvalue())

    def close(self) -> None:
        """Nothing waits."""
        sys.stdout.flush()


def _cells(row: tuple[Any, ...]) -> list[Any]:
    """The row as it may reach a terminal; the exact characters are in JSON and the store."""
    return [escaped(cell) if isinstance(cell, str) else cell for cell in row]


@dataclass
class Limits:
    """The exit code of promise 10: 1 an asked-for limit was reached, 2 anything not done, else 0.

    Attributes:
        on: `flag`, or the suspicion from which to fail.
        incomplete: whether an incomplete verdict is a limit.
    """

    on: str | float | None
    incomplete: bool
    reached: bool = False
    undone: bool = False

    @classmethod
    def parse(cls, fail_on: str | None, incomplete: bool) -> Limits:
        """From the options.

        Raises:
            UsageError: `--fail-on` is neither `flag` nor a number from 0 to 1.
        """
        if fail_on is None or fail_on == "flag":
            return cls(fail_on, incomplete)
        try:
            number = float(fail_on)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise UsageError(f"--fail-on takes `flag` or a number from 0 to 1, not {fail_on!r}")
        return cls(number, incomplete)

    def take(self, item: Item) -> None:
        """Looks at one item."""
        if isinstance(item, Refusal):
            self.undone = True
            return
        unscored = sum(item.unscored.values()) if isinstance(item, Result) else item.unscored
        self.undone |= unscored > 0 or item.broken > 0
        self.reached |= self.incomplete and item.verdict == "incomplete"
        if self.on == "flag":
            self.reached |= item.verdict == "flag"
        elif isinstance(self.on, float):
            self.reached |= (item.suspicion or 0.0) >= self.on

    def exit_code(self) -> int:
        """0, 1 or 2."""
        if self.reached:
            return 1
        return 2 if self.undone else 0
