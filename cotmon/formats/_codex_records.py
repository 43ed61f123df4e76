"""The lines of Codex in their several ages, as records of three kinds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cotmon.formats._file import LogFile
from cotmon.formats._records import gap_of
from cotmon.formats._shapes import object_of, objects_in, string_of
from cotmon.records import Gap

WRAPPED = frozenset({"session_meta", "turn_context", "response_item", "event_msg", "compacted"})
ITEMS = frozenset({
    "message", "reasoning", "function_call", "function_call_output", "local_shell_call",
    "custom_tool_call", "custom_tool_call_output", "web_search_call",
})  # fmt: skip
_META = frozenset({"instructions", "prompt", "model", "thread_id"})
_STREAM = frozenset({"item.started", "item.updated", "item.completed"})
_STREAM_NOTES = ("thread.started", "turn.started", "turn.completed", "turn.failed", "error")

Kind = Literal["meta", "context", "item", "event", "compacted"]


@dataclass(frozen=True, slots=True)
class Record:
    """One line without its wrapping.

    Attributes:
        kind: `meta` and `context` describe the session; `item` is what the model saw or
            wrote; `event` is what the client showed, often the same once more.
        data: the payload.
        line: 1-based line, or ordinal within one document.
    """

    kind: Kind
    data: dict[str, Any]
    line: int


def records(file: LogFile) -> Iterator[Record | Gap]:
    """The file's records, and a gap for each line that is none."""
    if file.kind == "json":
        yield from file.notes
        for number, value in enumerate(_values_of(file.document), 1):
            yield record(value, number)
        return
    for line in file.lines():
        if (gap := gap_of(line)) is not None:
            yield gap
        else:
            yield from line.notes
            yield record(line.value, line.number)


def _values_of(document: Any) -> list[Any]:
    """The first versions wrote one document: `session` and `items`."""
    if isinstance(document, dict) and isinstance(document.get("items"), list):
        return [document.get("session"), *document["items"]]
    return document if isinstance(document, list) else [document]


def record(value: Any, line: int) -> Record | Gap:
    """A line as a record; a gap where it is no record of Codex."""
    if not isinstance(value, dict):
        reason = f"a line that is no record but a JSON {type(value).__name__}"
        return Gap(kind="broken", reason=reason, line=line)
    kind, payload, message = _type(value), value.get("payload"), value.get("msg")
    if kind in WRAPPED and isinstance(payload, dict):
        return Record(_kind_of(kind), payload, line)
    if isinstance(message, dict):
        return Record("event", message, line)
    if kind in _STREAM and isinstance(value.get("item"), dict):
        return Record("event", {"type": kind, "item": value["item"]}, line)
    if kind in _STREAM_NOTES:
        return Record("meta" if kind == "thread.started" else "event", value, line)
    if "record_type" in value or (not kind and _META & value.keys()):
        return Record("meta", value, line)
    if kind in ITEMS or kind.endswith(("_call", "_output")):
        return Record("item", value, line)
    if kind and isinstance(payload, dict):
        return Record("event", {**payload, "type": f"{kind} line"}, line)
    if not kind and "role" in value:
        return Record("item", {**value, "type": "message"}, line)
    return Gap(kind="broken", reason="an object that is no record of Codex", line=line)


def _type(value: dict[str, Any]) -> str:
    return string_of(value.get("type")) or ""


def _kind_of(wrapping: str) -> Kind:
    named: dict[str, Kind] = {
        "session_meta": "meta",
        "turn_context": "context",
        "response_item": "item",
        "event_msg": "event",
    }
    return named.get(wrapping, "compacted")


def module_of(found: list[Record | Gap]) -> str:
    """`agent`, or `sub-agent …` where the session was started by another one.

    Named after its role, its path, its nickname, or the kind of its start.
    """
    for item in found:
        if isinstance(item, Record) and item.kind == "meta":
            started = object_of(item.data.get("source")).get("subagent")
            spawned = object_of(object_of(started).get("thread_spawn"))
            if started is None and item.data.get("thread_source") != "subagent":
                continue
            keys = ("agent_role", "agent_path", "agent_nickname")
            named = (string_of(place.get(k)) for k in keys for place in (spawned, item.data))
            name = next(filter(None, named), None) or string_of(started) or ""
            return f"sub-agent {name}".strip()
    return "agent"


def strength(values: list[Any], document: Any = None) -> int:
    """How sure these first values are Codex's, on the scale of `Format.sniff`."""
    if isinstance(document, dict) and isinstance(document.get("session"), dict):
        items = document.get("items")
        return 3 if isinstance(items, list) and "id" in document["session"] else 0
    objects = objects_in(values)
    if any(_type(v) in WRAPPED and isinstance(v.get("payload"), dict) for v in objects):
        return 3
    if any(_type(v) == "thread.started" and "thread_id" in v for v in objects):
        return 3
    if any(_type(v) in _STREAM and isinstance(v.get("item"), dict) for v in objects):
        return 3
    items = any(_type(v) in ITEMS for v in objects)
    head = any("type" not in v and {"timestamp", "instructions"} <= v.keys() for v in objects)
    if items and (head or any("record_type" in v for v in objects)):
        return 3
    told = (_type(object_of(v.get("msg"))) for v in objects)
    return 3 if any(t.startswith(("agent_", "task_", "exec_command_")) for t in told) else 0
