"""The unit that is scored: an exact slice of a message, with a stable address."""

from __future__ import annotations

import re

import msgspec

from cotmon.records.transcript import Channel, Message, Provenance

AGENT: frozenset[Channel] = frozenset({"reasoning", "text", "action"})
"""Channels on which the agent itself speaks or acts: rates of steps count these."""
ADDRESS = re.compile(r"^\[?M(\d+)\.(\d+)\]?$")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence, action, observation or brief part.

    Attributes:
        id: `{message id}#{k}`, k from 0.
        address: shown form, `M22.3`: the turn's ordinal, then the step's within that turn.
        index: 0-based place in the transcript.
        turn, message_id, module, parent, branch, channel, provenance: of its message.
        start, end: code points of the message's text.
        text: that slice.
        tool: name of the called tool, on actions.
        answers: id of the call, on actions and observations.
    """

    id: str
    address: str
    index: int
    turn: str
    message_id: str
    module: str
    channel: Channel
    start: int
    end: int
    text: str
    parent: str | None = None
    branch: str | None = None
    provenance: Provenance | None = None
    tool: str | None = None
    answers: str | None = None


def step_of(message: Message, *, id: str, address: str, index: int, start: int, end: int) -> Step:
    """The step that a slice of a message is."""
    return Step(
        id=id,
        address=address,
        index=index,
        turn=message.turn,
        message_id=message.id,
        module=message.module,
        channel=message.channel,
        start=start,
        end=end,
        text=message.text[start:end],
        parent=message.parent,
        branch=message.branch,
        provenance=message.provenance,
        tool=message.call.name if message.call else None,
        answers=message.call.id if message.call else message.answers,
    )


def elsewhere(transcript: str, address: str) -> str:
    """A step as other transcripts name it: `ID M22.3`, which `cotmon show` takes as it is."""
    return f"{transcript} {address}"


def parse_address(text: str) -> str:
    """`M22.3` from `M22.3`, `[M22.3]`, `m22.3`.

    Raises:
        ValueError: it is no address.
    """
    match = ADDRESS.match(text.strip().upper())
    if match is None:
        raise ValueError(f"{text!r} is no step address; one looks like [M22.3]")
    return f"M{match[1]}.{match[2]}"
