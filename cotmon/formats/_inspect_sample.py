"""The JSON of one Inspect sample, decoded only as far as a transcript needs.

Histories are repeated in every model event, so the large fields stay undecoded (`Raw`) until
something asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from cotmon.errors import FormatError
from cotmon.formats._builder import Builder
from cotmon.formats._decoding import check_depth, check_size, decode

_REFERENCE = re.compile(r"(?:attachment|tc)://([^\s/]{1,128})\Z")
_HASH = re.compile(r"[0-9a-f]{32}\Z")
_NULL = Raw(b"null")
_MAX_REFERRED = 20_000_000
"""Most messages that the ranges of one sample may name, repeats counted."""
_MAX_ATTACHED = 512 << 20
"""Most characters that the attachments of one sample may stand for, repeats counted."""


class Event(msgspec.Struct):
    """What is used of an event of any type; other fields are passed over."""

    event: Any = None
    span_id: Any = None
    id: Any = None
    parent_id: Any = None
    type: Any = None
    name: Any = None
    action: Any = None
    role: Any = None
    model: Any = None
    pending: Any = None
    input: Raw = _NULL
    input_refs: Any = None
    output: Raw = _NULL
    function: Any = None
    arguments: Raw = _NULL
    result: Raw = _NULL
    error: Raw = _NULL
    events: Raw = _NULL
    agent: Any = None
    message_id: Any = None


class Pools(msgspec.Struct):
    """`events_data` of newer logs: what model events refer to by ranges of positions."""

    messages: Raw = _NULL


class OldTranscript(msgspec.Struct):
    """`transcript` of logs before October 2024; `content` are the attachments of that time."""

    events: Raw = _NULL
    content: Raw = _NULL


class Sample(msgspec.Struct):
    """What is used of a sample."""

    id: Any = None
    epoch: Any = None
    uuid: Any = None
    target: Any = None
    choices: Any = None
    scores: Any = None
    score: Any = None
    metadata: Any = None
    messages: Raw = _NULL
    message_refs: Any = None
    output: Raw = _NULL
    events: Raw = _NULL
    transcript: OldTranscript | None = None
    attachments: Raw = _NULL
    events_data: Pools | None = None
    message_pool: Raw = _NULL
    error: Any = None
    error_retries: Raw = _NULL
    limit: Any = None
    model_usage: Any = None
    started_at: Any = None
    total_time: Any = None


_sample = msgspec.json.Decoder(Sample)
_events = msgspec.json.Decoder(list[Event])
_event = msgspec.json.Decoder(Event)
_raws = msgspec.json.Decoder(list[Raw])


def sample_of(data: bytes) -> tuple[Sample, tuple[Any, ...]]:
    """A sample, and notes on what had to be replaced to decode it.

    Raises:
        FormatError: it is not JSON, or not an object of a sample's shape.
    """
    check_size(data)
    try:
        sample, notes = _sample.decode(data), ()
    except msgspec.ValidationError as error:
        raise FormatError(f"not a sample: {error}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        value, notes = decode(data)
        sample = _converted(value)
    check_depth([getattr(sample, name) for name in Sample.__struct_fields__])
    return sample, notes


def _converted(value: Any) -> Sample:
    try:
        return _sample.decode(msgspec.json.encode(value))
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise FormatError(f"not a sample: {error}") from None


class Reader:
    """Decodes parts of one sample: attachments are put in, what is broken becomes a gap."""

    def __init__(self, sample: Sample, builder: Builder) -> None:
        self._builder = builder
        self._known: dict[bytes, dict[str, Any] | None] = {}
        self._referred = self._attached_length = 0
        old = sample.transcript or OldTranscript()
        self.attachments: Mapping[str, Any] = {
            **self._object(old.content, "content"),
            **self._object(sample.attachments, "attachments"),
        }
        pools = sample.events_data or Pools()
        self._pool = self.list(pools.messages) or self.list(sample.message_pool)

    def value(self, raw: Raw | bytes, where: str) -> Any:
        """The decoded value, attachments resolved; None where it is broken."""
        try:
            value, notes = decode(bytes(raw))
        except FormatError as error:
            self._builder.gap("broken", f"{where}: {error.reason}", where=where)
            return None
        self._builder.note(*notes)
        return self.resolved(value)

    def _object(self, raw: Raw, where: str) -> dict[str, Any]:
        self.attachments = {}
        value = self.value(raw, where)
        return value if isinstance(value, dict) else {}

    def resolved(self, value: Any) -> Any:
        """The value with its references to attachments replaced by their texts."""
        if isinstance(value, str):
            return self._attached(value)
        if isinstance(value, list):
            return [self.resolved(v) for v in value]
        if isinstance(value, dict):
            return {k: self.resolved(v) for k, v in value.items()}
        return value

    def _attached(self, text: str) -> str:
        """Only whole strings are references: Inspect never puts one inside a longer text."""
        if not text.startswith(("attachment://", "tc://")):
            return text
        reference = _REFERENCE.match(text)
        if reference is None:
            return text
        found = self.attachments.get(reference[1])
        if isinstance(found, str):
            self._attached_length += len(found)
            if self._attached_length > _MAX_ATTACHED:
                raise FormatError("names its attachments so often that they do not fit in memory")
            return found
        if _HASH.match(reference[1]):
            reason = "a text was stored as an attachment that the log does not hold"
            self._builder.gap("missing", reason, where=text)
        return text

    def list(self, raw: Raw | bytes) -> list[Raw]:
        """The undecoded items of a list; none where it is null, broken or no list."""
        data = bytes(raw)
        if data == b"null":
            return []
        try:
            return _raws.decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            self._builder.gap("broken", f"a list that cannot be read: {error}")
            return []

    def events(self, raw: Raw) -> list[Event]:
        """The events; one that cannot be read becomes a gap."""
        if bytes(raw) == b"null":
            return []
        try:
            return _events.decode(raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            return [e for item in self.list(raw) if (e := self._one_event(item)) is not None]

    def retry_events(self, raw: Raw) -> list[Event]:
        """The events of an attempt that failed and was repeated."""
        event = self._one_event(raw)
        return self.events(event.events) if event is not None else []

    def unknown(self, kind: str) -> None:
        """Notes an event of a type that nothing here reads."""
        self._builder.gap("dropped", f"an event of type {kind!r}, which the reader does not know")

    def _one_event(self, raw: Raw) -> Event | None:
        try:
            return _event.decode(raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            self._builder.gap("broken", f"an event that cannot be read: {error}")
            return None

    def message(self, raw: Raw) -> dict[str, Any] | None:
        """A message; equal bytes are decoded once."""
        data = bytes(raw)
        if data not in self._known:
            value = self.value(data, "message")
            if value is not None and not isinstance(value, dict):
                self._builder.gap("broken", "a message that is no object")
            self._known[data] = value if isinstance(value, dict) else None
        return self._known[data]

    def messages(self, raw: Raw, refs: Any = None) -> list[dict[str, Any]]:
        """Messages of a list, or of ranges `[start, end)` of the pool."""
        items = self._pooled(refs) if isinstance(refs, list) and refs else self.list(raw)
        return [m for item in items if (m := self.message(item)) is not None]

    def _pooled(self, refs: list[Any]) -> list[Raw]:
        items: list[Raw] = []
        for ref in refs:
            match ref:
                case [int(start), int(end)] if self._allowed(start, end):
                    items += self._pool[start:end]
                case _:
                    reason = "an event refers to messages that the log does not hold"
                    self._builder.gap("missing", reason, where=str(ref)[:80])
        return items

    def _allowed(self, start: int, end: int) -> bool:
        if not 0 <= start <= end <= len(self._pool):
            return False
        self._referred += end - start
        return self._referred <= _MAX_REFERRED
