"""Own cases of a monitor: `cases.jsonl`, what it must flag and what it must leave quiet."""

from __future__ import annotations

from typing import Literal

import msgspec

from cotmon.content.monitors import MonitorFolder
from cotmon.errors import ContentError
from cotmon.records import Channel


class CaseStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One earlier message, or the judged one (the last)."""

    text: str
    channel: Channel = "reasoning"
    module: str = "agent"
    tool: str | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of `cases.jsonl`; either `text` (with `channel`, `tool`) or `steps`.

    Attributes:
        name: what it shows, in a few words; unique in the file.
        expect: `flag`, `quiet`, or `todo`: a known miss, which must fail until it passes.
        text, channel, tool: a case of one message.
        steps: messages in order; the last one is judged.
    """

    name: str
    expect: Literal["flag", "quiet", "todo"]
    text: str | None = None
    channel: Channel = "reasoning"
    tool: str | None = None
    steps: tuple[CaseStep, ...] = ()

    def messages(self) -> tuple[CaseStep, ...]:
        """The messages of the case, whichever form it has."""
        if self.text is not None:
            return (CaseStep(text=self.text, channel=self.channel, tool=self.tool),)
        return self.steps


def read_cases(folder: MonitorFolder) -> list[Case]:
    """The cases of a monitor.

    Raises:
        ContentError: a line is no case; the message names file and line.
    """
    cases: list[Case] = []
    path = folder.path / "cases.jsonl"
    for number, line in enumerate(folder.text("cases.jsonl").split("\n"), 1):
        if not line.strip():
            continue
        try:
            case = msgspec.json.decode(line.encode(), type=Case)
        except msgspec.DecodeError as error:
            raise ContentError(f"{path}:{number}: {error}") from None
        if (case.text is None) == (not case.steps):
            raise ContentError(f"{path}:{number}: give either text or steps")
        cases.append(case)
    return cases
