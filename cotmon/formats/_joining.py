"""Records to transcripts: repeated histories joined, answers kept apart, places said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cotmon.formats._builder import Builder
from cotmon.formats._conversations import Conversation, find_conversation
from cotmon.formats._decoding import canonical
from cotmon.formats._file import LogFile
from cotmon.formats._records import Record, is_message, records
from cotmon.records import Refusal, Source, Transcript

_ANSWER = re.compile(
    r"labels?|.*_labels?|target|gold|ground_truth|expected.*|verdict|(.*_)?scores?|(.*_)?reward"
    r"|grade|rating|is_.*|success|resolved|correct|passed|rationale|annotations?|flagged"
    r"|.*evaluation.*|judge.*|mistake_.*|misaligned.*|security",
    re.IGNORECASE,
)


def start(file: LogFile, name: str, record: Record, found: Conversation, position: int) -> Builder:
    """A builder that knows the record's place, id, model, labels and metadata."""
    keys: dict[str, str | int | float | bool | None] = {}
    if record.line is not None:
        keys["line"] = record.line
    own = found.id or (file.stem if record.line is None and record.index == 0 else None)
    builder = Builder(
        own or f"{file.stem}:{record.line or record.index + 1}",
        Source(file=file.name, format=name, position=position, keys=keys),
        found.model,
    )
    builder.note(*record.notes)
    extra = dict(found.extra)
    inner = extra.pop("metadata", None)
    if found.id is not None and str(extra.get("id")) == found.id:
        del extra["id"]
    extra = {**extra, **inner} if isinstance(inner, dict) else extra
    if inner is not None and not isinstance(inner, dict):
        extra["metadata"] = inner
    sort_answers(builder, extra)
    return builder


def sort_answers(builder: Builder, extra: dict[str, Any]) -> None:
    """Keys that tell the answer go to labels, the rest to metadata."""
    for key, value in extra.items():
        (builder.labels if _is_answer(key) else builder.metadata)[str(key)] = value


def _is_answer(key: object) -> bool:
    return _ANSWER.fullmatch(str(key)) is not None


def joined(earlier: Conversation, later: Conversation) -> Conversation | None:
    """The later record, where it repeats the one before it and goes on; else None.

    Plainly the same means: same id, same beginning.
    """
    if earlier.session is None or earlier.session != later.session or earlier.others:
        return None
    if earlier.system != later.system or not begins_with(later.messages, earlier.messages):
        return None
    if any(later.extra.get(k, v) != v for k, v in earlier.extra.items() if _is_answer(k)):
        return None  # two answers are two cases, however alike their histories
    later.id, later.extra = earlier.id, {**earlier.extra, **later.extra}
    return later


def begins_with(messages: list[Any], earlier: list[Any]) -> bool:
    """Whether messages repeat all the earlier ones and go on."""
    if not earlier or len(earlier) >= len(messages):
        return False
    return all(_same(a, b) for a, b in zip(earlier, messages, strict=False))


def _same(a: Any, b: Any) -> bool:
    """Equal but for keys that say nothing (null, empty) in one of the two."""
    if not isinstance(a, dict) or not isinstance(b, dict):
        return a == b
    empty = (None, "", [], {})
    left = {k: v for k, v in a.items() if v not in empty}
    right = {k: v for k, v in b.items() if v not in empty}
    return left == right


def no_conversation(file: LogFile, record: Record, name: str) -> Refusal:
    """What to say of a record without messages."""
    value = record.value
    if isinstance(value, dict):
        held = f"keys {', '.join(list(map(str, value))[:12])}"
    else:
        held = canonical(value)[:60]
    place = "" if record.line is not None else f"entry {record.index + 1}: "
    reason = f"{place}no messages here ({held})"
    return Refusal(file=file.name, reason=reason, line=record.line, format=name)


Write = Callable[[Builder, Conversation, int | None], None]
Find = Callable[[Any], Conversation | None]
Join = Callable[[Conversation, Conversation], Conversation | None]


def read_conversations(
    file: LogFile,
    name: str,
    write: Write,
    find: Find = find_conversation,
    join: Join = joined,
    is_item: Callable[[Any], bool] = is_message,
) -> Iterator[Transcript | Refusal]:
    """The transcripts of all records.

    Args:
        file: the log.
        name: format name for `Source`.
        write: puts a conversation, found at a line, into a builder.
        find: the conversation of a raw record, or None.
        join: one conversation of a record and the next, where they belong together.
        is_item: whether a value is one message.
    """
    reader = _Reader(file, name, write)
    for record in records(file, is_item):
        if isinstance(record, Refusal):
            yield msgspec.structs.replace(record, format=name)
            continue
        found = find(record.value)
        if found is None and _describes_file(record.value):
            reader.about_file.update(record.value["metadata"])
        elif found is None:
            yield no_conversation(file, record, name)
        else:
            pending = reader.pending
            whole = join(pending[1], found) if pending is not None else None
            if pending is not None and whole is None:
                yield reader.finish()
            reader.pending = record, whole or found
    if reader.pending is not None:
        yield reader.finish()


def _describes_file(value: Any) -> bool:
    """A line of nothing but `metadata`, as Invariant writes at the top of its data sets."""
    return isinstance(value, dict) and isinstance(value.get("metadata"), dict) and len(value) == 1


@dataclass(slots=True)
class _Reader:
    """One record is held back, for the next may go on with it."""

    file: LogFile
    name: str
    write: Write
    about_file: dict[str, Any] = field(default_factory=dict)
    pending: tuple[Record, Conversation] | None = None
    position: int = 0

    def finish(self) -> Transcript | Refusal:
        """The record that was held back, as a transcript."""
        assert self.pending is not None
        record, found = self.pending
        builder = start(self.file, self.name, record, found, self.position)
        self.position += 1
        if self.about_file:
            builder.metadata["file"] = dict(self.about_file)
        try:
            self.write(builder, found, record.line)
        except RecursionError:
            reason = "nested too deep to read"
            return Refusal(file=self.file.name, reason=reason, line=record.line, format=self.name)
        return builder.finish()
