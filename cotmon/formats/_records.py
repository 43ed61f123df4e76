"""The records of a JSON or JSON-lines file, whatever wraps them, to read and to sniff."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cotmon.formats._file import Line, LogFile
from cotmon.records import Gap, Refusal

SPOKEN = frozenset({
    "content", "tool_calls", "function_call", "reasoning_content", "reasoning", "thinking",
    "tool_call_id", "refusal",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """One conversation's raw value and where it stood."""

    value: Any
    index: int
    line: int | None = None
    notes: tuple[Gap, ...] = ()


def is_message(value: Any) -> bool:
    """Whether this is one message of a chat: a role, and something said, done or thought.

    A whole response of Anthropic's interface is none, though it has both.
    """
    if not isinstance(value, dict) or "stop_reason" in value:
        return False
    return "role" in value and not SPOKEN.isdisjoint(value)


def is_message_list(value: Any, is_item: Callable[[Any], bool] = is_message) -> bool:
    """Whether any of the first entries is a message; odd entries do not spoil a conversation."""
    return isinstance(value, list) and any(is_item(item) for item in value[:20])


def records(
    file: LogFile, is_item: Callable[[Any], bool] = is_message
) -> Iterator[Record | Refusal]:
    """The file's records; a broken line is a `Refusal` and the rest is read.

    Lines that are single messages make one conversation together.
    """
    if file.kind == "json":
        value = file.document
        if not isinstance(value, list) or is_message_list(value, is_item):
            yield Record([value] if is_item(value) else value, 0, None, file.notes)
            return
        for index, item in enumerate(value):
            yield Record(item, index, None, file.notes if index == 0 else ())
        return
    loose: list[Any] = []
    notes: list[Gap] = []
    index = 0
    for line in file.lines():
        if line.error is not None:
            yield broken_line(file, line)
        elif is_item(line.value):
            loose.append(line.value)
            notes.extend(line.notes)
        else:
            yield Record(line.value, index, line.number, line.notes)
            index += 1
    if loose:
        yield Record(loose, index, None, tuple(notes))


def sample(file: LogFile, is_item: Callable[[Any], bool] = is_message) -> Iterator[Any]:
    """The first records as `find` would get them, to sniff."""
    for value in file.sample:
        if is_item(value):
            yield [value]
        elif (
            file.kind == "json" and isinstance(value, list) and not is_message_list(value, is_item)
        ):
            yield from ([item] if is_item(item) else item for item in value[:20])
        else:
            yield value


def gap_of(line: Line) -> Gap | None:
    """What a line that is no JSON leaves out of a log of one event a line; None if it is JSON."""
    if line.error is None:
        return None
    if line.last:
        reason = "the last line ends in the middle; the session may still be running"
        return Gap(kind="cut", reason=reason, line=line.number)
    return Gap(kind="broken", reason=line.error.reason, line=line.number)


def broken_line(file: LogFile, line: Line) -> Refusal:
    """What to say of a line that is no JSON."""
    assert line.error is not None
    reason = line.error.reason
    if line.last:
        reason = f"the last line is cut or still being written ({reason})"
    return Refusal(file=file.name, reason=reason, line=line.number)
