"""Builds a transcript from a source's messages: ids, turns, repeats, access."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cotmon.errors import FormatError
from cotmon.formats._decoding import canonical
from cotmon.records import (
    LETTER,
    UNREADABLE,
    Call,
    Channel,
    Gap,
    Message,
    Provenance,
    Source,
    Transcript,
    access_of,
)

MAX_MESSAGES = 1_000_000
"""Most messages of one transcript: `<think>a</think>b` over and over takes sixty times its size."""


class Turn:
    """One source message, cut into module messages in order of arrival.

    Every method returns the id of the message it made, or None where the text was empty.
    """

    def __init__(
        self, owner: Builder, turn: str, module: str, to: str | None, parent: str | None,
        branch: str | None,
    ) -> None:  # fmt: skip
        self._owner = owner
        self.id, self.module, self.to, self.parent, self.branch = turn, module, to, parent, branch

    def brief(self, text: str) -> str | None:
        """System text, or what the user asked."""
        return self._add("brief", text)

    def text(self, text: str) -> str | None:
        """What the module says to others."""
        return self._add("text", text)

    def reasoning(self, text: str, provenance: Provenance = "raw") -> str | None:
        """What it thinks. Unreadable reasoning (encrypted, redacted, missing) is `hidden()`."""
        if provenance in UNREADABLE:
            raise ValueError(f"{provenance} reasoning has no text; call hidden()")
        return self._add("reasoning", text, provenance=provenance)

    def hidden(self, provenance: Provenance, reason: str) -> str:
        """Reasoning that exists and cannot be read; its place is kept and coverage says so."""
        if provenance not in UNREADABLE:
            raise ValueError(f"{provenance} reasoning can be read; call reasoning()")
        self._owner.gap(provenance, reason, where=self.id)  # pyright: ignore[reportArgumentType]
        return self._make("reasoning", "", provenance=provenance)

    def action(self, name: str, arguments: Any, call_id: str | None = None) -> str:
        """A tool call. A string of arguments is kept as it is; an object becomes canonical JSON."""
        text = arguments if isinstance(arguments, str) else canonical(arguments)
        call = Call(name=name, arguments=text, id=call_id)
        message_id = self._make("action", text, call=call)
        if call_id is not None:
            self._owner.calls[call_id] = message_id
            self._owner.tools[call_id] = name
        return message_id

    def observation(self, text: str, answers: str | None = None) -> str | None:
        """What the environment gave back, tied to its call by id."""
        return self._add("observation", text, answers=answers)

    def _add(self, channel: Channel, text: str, **fields: Any) -> str | None:
        return self._make(channel, text, **fields) if text else None

    def _make(self, channel: Channel, text: str, **fields: Any) -> str:
        return self._owner.add(self, channel, text, fields)


class Builder:
    """Collects one transcript.

    Attributes:
        calls: call id → message id of the action, so far.
        tools: call id → name of the tool, so far.
        parent: of every turn that names no other: the step elsewhere that started this agent.
    """

    def __init__(
        self, transcript_id: str, source: Source, agent: str | None = None,
        parent: str | None = None,
    ) -> None:  # fmt: skip
        self.id, self.source, self.agent, self.parent = transcript_id, source, agent, parent
        self.labels: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.calls: dict[str, str] = {}
        self.tools: dict[str, str] = {}
        self._messages: list[Message] = []
        self._gaps: list[Gap] = []
        self._turns: set[str] = set()
        self._repeats: Counter[str] = Counter()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._taken = 0

    def turn(
        self,
        module: str,
        turn_id: object = None,
        *,
        to: str | None = None,
        parent: str | None = None,
        branch: str | None = None,
        go_on: bool = False,
    ) -> Turn:
        """Opens the turn of one source message.

        Args:
            module: who speaks.
            turn_id: the source message's own id; None gives its ordinal.
            to, parent, branch: see `Message`.
            go_on: the source cuts one message into several records with one id: continue it.
                Otherwise a repeated id gets `~2`, `~3` … and coverage says so.
        """
        base = str(turn_id) if turn_id not in (None, "") else str(len(self._turns) + 1)
        name = base
        while name in self._turns and not go_on:
            self._repeats[base] += 1
            name = f"{base}~{self._repeats[base] + 1}"
        if name != base and turn_id not in (None, ""):
            self.gap("replaced", f"id {base!r} occurs again; this one is {name!r}", where=name)
        self._turns.add(name)
        return Turn(self, name, module, to, parent or self.parent, branch)

    def tool_of(self, call_id: str | None) -> str:
        """Module name of the tool that answers this call: `tool search`, or `tool`."""
        known = self.tools.get(call_id) if call_id is not None else None
        return "tool" if known is None else f"tool {known}"

    def add(self, turn: Turn, channel: Channel, text: str, fields: dict[str, Any]) -> str:
        """One message of a turn; its id counts within turn and channel.

        Raises:
            FormatError: there are more than `MAX_MESSAGES`.
        """
        if self._taken + len(self._messages) >= MAX_MESSAGES:
            raise FormatError(f"one transcript of more than {MAX_MESSAGES:,} messages; split it")
        self._counts[turn.id, channel] += 1
        message_id = f"{turn.id}.{LETTER[channel]}{self._counts[turn.id, channel]}"
        self._messages.append(
            Message(
                id=message_id, turn=turn.id, module=turn.module, to=turn.to, channel=channel,
                text=text, parent=turn.parent, branch=turn.branch, **fields,
            )
        )  # fmt: skip
        return message_id

    def gap(
        self, kind: Any, reason: str, *, line: int | None = None, where: str | None = None,
        count: int = 1,
    ) -> None:  # fmt: skip
        """Notes something that the source held and the transcript does not; see `Gap`."""
        self._gaps.append(Gap(kind=kind, reason=reason, line=line, where=where, count=count))

    def note(self, *gaps: Gap) -> None:
        """Takes over notes of the decoder."""
        self._gaps.extend(gaps)

    def take(self) -> list[Message]:
        """The messages since the last time; for transcripts that grow and never finish.

        Kept is only what later messages are read by: which turns there were, and which tools were
        called. No turn may be gone on with.
        """
        new, self._messages = self._messages, []
        self._taken += len(new)
        self._gaps.clear()
        self._counts.clear()
        self.calls.clear()
        return new

    def finish(self) -> Transcript:
        """The transcript."""
        messages = tuple(self._messages)
        return Transcript(
            id=self.id, source=self.source, agent=self.agent, messages=messages,
            labels=self.labels, metadata=self.metadata, coverage=tuple(self._gaps),
            access=access_of(messages),
        )  # fmt: skip
