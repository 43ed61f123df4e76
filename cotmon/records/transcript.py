"""What an agent did, as plain-English messages between modules (contract 1)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Channel = Literal["brief", "reasoning", "text", "action", "observation"]
Provenance = Literal["raw", "inline", "summary", "redacted", "encrypted", "missing"]
Access = Literal["raw", "summary", "text+actions", "actions"]

LETTER: dict[str, str] = {
    "reasoning": "r",
    "text": "t",
    "action": "a",
    "observation": "o",
    "brief": "b",
}
"""The letter of a channel in message ids: `3.r1`, `3.a2`."""

UNREADABLE: frozenset[str] = frozenset({"encrypted", "redacted", "missing"})
"""Provenances of reasoning that is known to exist and cannot be read."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a transcript was found.

    Attributes:
        file: path as given, `-` for standard input.
        format: name of the format that read it.
        position: 0-based place among the transcripts of the file.
        keys: the source's own keys (eval id, epoch, trace id, line …).
    """

    file: str
    format: str
    position: int = 0
    keys: dict[str, str | int | float | bool | None] = {}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One tool call. `arguments` is the source's string, else canonical JSON."""

    name: str
    arguments: str
    id: str | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One utterance of one module.

    Attributes:
        id: turn + `.r1`, `.t1`, `.a1`, `.o1` or `.b1` in order of arrival.
        turn: id of the source message, else its ordinal; shared by all cut from it.
        module: who speaks (shown as *who*): `agent`, `user`, `tool search`, `sub-agent review`.
        to: who is addressed, where the source says it.
        channel: brief, reasoning, text, action or observation.
        provenance: how reasoning came to us; None on other channels.
        text: exactly as in the source; empty where unreadable.
        call: the tool call of an action.
        answers: id of the call an observation answers.
        parent: id of the message that started this sub-agent; where that stands in another
            transcript, the step there (see `elsewhere`), the same for all messages of this one.
        branch: name of an abandoned line (resampled, rolled back); None on the main line.
        cites: ids of messages this one rests on.
    """

    id: str
    turn: str
    module: str
    channel: Channel
    text: str
    to: str | None = None
    provenance: Provenance | None = None
    call: Call | None = None
    answers: str | None = None
    parent: str | None = None
    branch: str | None = None
    cites: tuple[str, ...] = ()


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Something the source held and the transcript does not (promise 2).

    Attributes:
        kind: `encrypted`, `redacted`, `cut`, `broken`, `dropped` (readable, but no text of an
            agent: images, audio), `replaced` (characters that are no Unicode).
        reason: one sentence for a person.
        line: 1-based line of the file, where known.
        where: turn or key, where known.
        count: how many such things.
    """

    kind: Literal["encrypted", "redacted", "missing", "cut", "broken", "dropped", "replaced"]
    reason: str
    line: int | None = None
    where: str | None = None
    count: int = 1

    @property
    def hides(self) -> bool:
        """Whether something exists that nobody could read: the verdict is then incomplete."""
        return self.kind not in ("dropped", "replaced")


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one agent.

    Attributes:
        id: the source's own id; shown ids may repeat.
        source: where it was found.
        agent: name of the agent or model, where the source says it.
        messages: in order of arrival.
        labels: answers found in the log (scores, verdicts, targets); never shown to a monitor.
        metadata: everything else worth keeping; never shown to a monitor.
        coverage: what is missing, and why.
        access: the best view of the agent's reasoning that the source holds.
    """

    id: str
    source: Source
    agent: str | None = None
    messages: tuple[Message, ...] = ()
    labels: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    coverage: tuple[Gap, ...] = ()
    access: Access = "actions"

    @property
    def parent(self) -> str | None:
        """The step of another transcript that started this agent; None where none is known."""
        first = self.messages[0].parent if self.messages else None
        own = first is None or any(message.id == first for message in self.messages)
        return None if own else first

    @property
    def hidden(self) -> bool:
        """Whether something exists that nobody could read; the verdict is then incomplete."""
        return any(gap.hides for gap in self.coverage) or any(
            message.provenance in UNREADABLE for message in self.messages
        )


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A file, or one place in it, that could not be read.

    Attributes:
        file: path as given.
        reason: what is wrong and what to do.
        line: 1-based line, where known.
        format: name of the recognised format, where one was.
    """

    file: str
    reason: str
    line: int | None = None
    format: str | None = None


def access_of(messages: tuple[Message, ...]) -> Access:
    """The best reading of the agent's reasoning that these messages allow."""
    readable = {m.provenance for m in messages if m.channel == "reasoning" and m.text.strip()}
    if readable & {"raw", "inline"}:
        return "raw"
    if "summary" in readable:
        return "summary"
    if any(m.channel == "text" and m.text.strip() for m in messages):
        return "text+actions"
    return "actions"
