"""What both wire formats share: server-sent events, and the questions a reader puts to its driver.

A reader takes the bytes of an answer and yields bytes to pass on, and questions. The driver
answers a question by setting its attribute before it takes the next event; nothing here does
input or output, so that a client, a proxy, sync and async use the same code.

What cannot be read cannot be judged, so a reader never gives it to be passed on: a client's parser
may be milder than ours, or go by lines where ours goes by events.
"""

from __future__ import annotations

import json
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from cotmon.watching import Said

THREAD = "x-cotmon-thread"
"""The header by which a request names its conversation."""
DONE = "[DONE]"
_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE = re.compile(rb"(data|event|id|retry)?(:|\s*$)")
"""A field of an event, a comment, or nothing; clients are to ignore all else."""
_log = logging.getLogger(__name__)


@dataclass
class Look:
    """Words that grew. Is what was said so far enough to end the generation?

    Attributes:
        choice: of which of the answers.
        channel, text: all of that channel so far.
        stop: the driver's answer.
    """

    choice: int
    channel: Literal["reasoning", "text"]
    text: str
    stop: bool = False


@dataclass
class Judge:
    """A whole generation. Which of its calls are refused?

    Attributes:
        choice: of which of the answers.
        said: the generation, without an id.
        stopped: it was ended because a `Look` said so.
        refused: the driver's answer: positions in `said.calls`.
    """

    choice: int
    said: Said
    stopped: bool = False
    refused: frozenset[int] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Shown:
    """A generation that was judged, as the client has it; nothing to answer.

    Attributes:
        choice: of which of the answers.
        chat: as a chat message.
        key: the server's name of it, if a later request may go on from that.
        refused: the calls that the client never had and the server waits for.
    """

    choice: int
    chat: dict[str, Any]
    key: str | None = None
    refused: tuple[dict[str, Any], ...] = ()


Event = bytes | Look | Judge | Shown
"""Bytes are passed on, questions answered."""


Refused = Sequence[frozenset[int]]
"""For each choice, the positions of the calls that are refused."""


class Reader(Protocol):
    """Reads one streamed answer.

    Attributes:
        over: nothing that still comes from upstream is wanted; close it.
    """

    over: bool

    def feed(self, data: bytes) -> Iterator[Event]:
        """What comes of these bytes; take all events before the next call."""
        ...

    def end(self) -> Iterator[Event]:
        """What comes of the end of the answer."""
        ...


class Wire(Protocol):
    """One wire format: pure functions on bodies, and readers of streams."""

    def history(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """What the agent hears, as chat messages."""
        ...

    def tools(self, body: dict[str, Any]) -> list[str]:
        """Names of the tools that it may call."""
        ...

    def generations(self, answer: dict[str, Any]) -> list[Said]:
        """What it says, one for each choice; nothing where this is no answer of a model."""
        ...

    def without(
        self, answer: dict[str, Any], refused: Refused, refusal: str, *, plain: bool
    ) -> tuple[dict[str, Any], list[Shown]]:
        """The answer without the refused calls, and each choice as the client has it then."""
        ...

    def is_plain(self, body: dict[str, Any]) -> bool:
        """Whether the answer is free text; in a structured one plain text would not parse."""
        ...

    def reader(self, body: dict[str, Any], refusal: str) -> Reader:
        """A reader that holds calls back until they are judged."""
        ...


class Frame(NamedTuple):
    """One server-sent event.

    Attributes:
        raw: its bytes, with the blank line, without lines that are of no event.
        data: its payload as an object; None for `[DONE]`, comments and what is no JSON object.
        done: whether it is `[DONE]`.
        readable: whether it is one of these; False where the payload is anything else.
    """

    raw: bytes
    data: dict[str, Any] | None
    done: bool
    readable: bool


class Frames:
    """Cuts bytes into server-sent events, wherever the chunks were cut."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The events that are whole now."""
        whole = self._rest + data
        self._rest, start = whole, 0
        for end in _END.finditer(whole):
            if end[0].endswith(b"\r") and end.end() == len(whole):
                return  # a line feed may follow
            frame, start = whole[start : end.end()], end.end()
            self._rest = whole[start:]
            yield _frame(frame)

    def end(self) -> Iterator[Frame]:
        """What stood after the last blank line."""
        yield from self.feed(b"")
        if self._rest:
            rest, self._rest = self._rest, b""
            yield _frame(rest)


class FrameReader(ABC):
    """The way of both formats through a stream, event by event, until no more is wanted.

    Attributes:
        over: nothing that still comes from upstream is wanted; close it.
    """

    def __init__(self, refusal: str, *, plain: bool) -> None:
        self.over = self._ended = self._unread = False
        self._refusal, self._plain = refusal, plain
        self._frames = Frames()
        self._held: list[Frame] = []

    def feed(self, data: bytes) -> Iterator[Event]:
        """What comes of these bytes; take all events before the next call."""
        yield from self._read(self._frames.feed(data))

    def end(self) -> Iterator[Event]:
        """What comes of the end of the answer; what was never finished is judged now."""
        yield from self._read(self._frames.end())
        if not self._ended:
            yield from self._cut()

    def _read(self, frames: Iterable[Frame]) -> Iterator[Event]:
        for frame in frames:
            if self.over:
                return
            if frame.readable:
                yield from self._take(frame)
            elif not self._unread:
                self._unread = True
                _log.warning("a part of the model's answer is no JSON object, so it is not judged")

    @abstractmethod
    def _take(self, frame: Frame) -> Iterator[Event]:
        """What comes of one event."""

    @abstractmethod
    def _cut(self) -> Iterator[Event]:
        """What comes of an answer that the server did not end."""


def event(data: dict[str, Any], name: str | None = None) -> bytes:
    """An object as a server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def object_of(text: str | bytes) -> dict[str, Any] | None:
    """The JSON object in a text; None where there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects in a list; none where it is no list."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """A text; empty where it is none."""
    return value if isinstance(value, str) else ""


def _frame(raw: bytes) -> Frame:
    lines = [line for line in raw.splitlines(keepends=True) if _LINE.match(line)]
    data = [line.rstrip(b"\r\n").partition(b":") for line in lines]
    parts = [value.removeprefix(b" ") for name, _, value in data if name == b"data"]
    payload = b"\n".join(parts).decode("utf-8", "replace").strip()
    done = payload == DONE
    found = None if done else object_of(payload)
    kept = b"".join(lines)
    readable = (found is not None or done) if payload else bool(kept.strip() or not raw.strip())
    return Frame(kept, found, done, readable)
