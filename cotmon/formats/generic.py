"""Any JSON or JSON lines, with the user naming the fields: `--map role=…,content=…`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from cotmon.errors import FormatError
from cotmon.formats._chat_messages import write_conversation
from cotmon.formats._conversations import Conversation
from cotmon.formats._file import LogFile
from cotmon.formats._joining import read_conversations
from cotmon.records import Refusal, Transcript

_MESSAGE = ("role", "content", "reasoning", "tool", "arguments", "id", "call_id")
_RECORD = ("messages", "transcript")
_SPEAKERS = ("role", "content", "reasoning")
_EXAMPLE = "--map messages=turns,role=speaker,content=text,reasoning=thought"


class _Format:
    title = "JSON whose fields --map names"

    def sniff(self, file: LogFile) -> int:
        return 4 if file.options and file.kind in ("json", "jsonl") else 0

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        fields = file.options
        _check(fields, file)
        seen: set[str] = set()
        find = partial(_find_noting, fields, seen)
        is_item = partial(_is_item, fields)
        group = partial(_joined, fields)
        empty: list[Transcript | Refusal] = []
        found = read_conversations(file, "generic", write_conversation, find, group, is_item)
        for result in found:
            if isinstance(result, Transcript) and result.messages:
                yield from (*empty, result)
                empty.clear()
                break
            empty.append(result)
        else:
            # Transcripts without a message would look like agents that said nothing.
            yield from (item for item in empty if isinstance(item, Refusal))
            raise FormatError(_nothing(fields, file))
        yield from found
        for name in sorted(fields.keys() - seen - set(_RECORD)):
            reason = f"--map {name}={fields[name]}: no message has that; {_keys(file)} are here"
            yield Refusal(file=file.name, reason=reason, format="generic")


def _check(fields: dict[str, str], file: LogFile) -> None:
    unknown = sorted(fields.keys() - {*_MESSAGE, *_RECORD})
    if unknown:
        raise FormatError(
            f"--map knows no {', '.join(unknown)}; it knows {', '.join((*_MESSAGE, *_RECORD))}"
        )
    if not any(name in fields for name in (*_SPEAKERS, "tool")):
        raise FormatError(_nothing(fields, file))


def _nothing(fields: dict[str, str], file: LogFile) -> str:
    asked = ",".join(f"{k}={v}" for k, v in fields.items()) or "nothing"
    return f"--map {asked} finds no message; the keys here are {_keys(file)}. Example: {_EXAMPLE}"


def _keys(file: LogFile) -> str:
    """Keys of the first object, and of the objects in its lists."""
    first = file.first
    first = first[0] if isinstance(first, list) and first else first
    if not isinstance(first, dict):
        return "none (it holds no objects)"
    names = [str(key) for key in first]
    for key, value in first.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            names += [f"{key}[].{inner}" for inner in value[0]]
    return ", ".join(names[:30])


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path (`a.b.0.c`); a key that holds dots itself wins. Else None."""
    if isinstance(value, dict) and path in value:
        return value[path]
    head, dot, rest = path.partition(".")
    if isinstance(value, dict) and head in value:
        inner = value[head]
    elif isinstance(value, list) and head.isdecimal() and int(head) < len(value):
        inner = value[int(head)]
    else:
        return None
    return at(inner, rest) if dot else inner


def _is_item(fields: dict[str, str], value: Any) -> bool:
    """Whether a row is a message by itself: it says something, and no record is asked for."""
    if not isinstance(value, dict) or "messages" in fields or "transcript" in fields:
        return False
    paths = (fields[name] for name in (*_SPEAKERS, "tool") if name in fields)
    return any(at(value, path) is not None for path in paths)


def _find_noting(fields: dict[str, str], seen: set[str], value: Any) -> Conversation | None:
    """The conversation of a record, and which mapped fields its messages really have."""
    rows = at(value, fields["messages"]) if "messages" in fields else value
    for row in rows if isinstance(rows, list) else [rows]:
        seen.update(n for n in fields.keys() - seen if at(row, fields[n]) is not None)
    return _find(fields, value)


def _find(fields: dict[str, str], value: Any) -> Conversation | None:
    if isinstance(value, list):
        return Conversation([_message(fields, m) for m in value])
    if not isinstance(value, dict):
        return None
    name = at(value, fields["transcript"]) if "transcript" in fields else None
    name = str(name) if isinstance(name, str | int) else None
    if "messages" not in fields:
        # Rows that name their transcript: neighbours with one name are one conversation.
        return Conversation([_message(fields, value)], id=name, session=name)
    messages = at(value, fields["messages"])
    if not isinstance(messages, list):
        return None
    extra = _without(value, fields["messages"])
    return Conversation([_message(fields, m) for m in messages], id=name, extra=extra)


def _without(value: dict[str, Any], path: str) -> dict[str, Any]:
    """A record without what stands at a path."""
    head, dot, rest = path.partition(".")
    if path in value or not dot or not isinstance(value.get(head), dict):
        return {k: v for k, v in value.items() if k not in (path, head)}
    return {**value, head: _without(value[head], rest)}


def _joined(
    fields: dict[str, str], earlier: Conversation, later: Conversation
) -> Conversation | None:
    if "messages" in fields or earlier.session is None or earlier.session != later.session:
        return None
    earlier.messages += later.messages
    return earlier


def _message(fields: dict[str, str], row: Any) -> Any:
    """The row as a chat message; what is no object stays and is said to be broken."""
    if not isinstance(row, dict):
        return row
    names = _MESSAGE if "messages" in fields else (*_MESSAGE, "transcript")
    mapped = {fields[name].split(".")[0] for name in names if name in fields}
    message = {str(k): v for k, v in row.items() if k not in mapped}
    message["role"] = at(row, fields["role"]) if "role" in fields else "assistant"
    for name, key in (("content", "content"), ("reasoning", "reasoning"), ("id", "id")):
        if name in fields:
            message[key] = at(row, fields[name])
    call_id = at(row, fields["call_id"]) if "call_id" in fields else None
    tool = at(row, fields["tool"]) if "tool" in fields else None
    if str(message["role"]).lower() in ("tool", "function"):
        return {**message, "name": tool, "tool_call_id": call_id}
    if isinstance(tool, list):
        message["tool_calls"] = tool
    elif tool not in (None, ""):
        arguments = at(row, fields["arguments"]) if "arguments" in fields else {}
        message["tool_calls"] = [{"id": call_id, "name": str(tool), "arguments": arguments}]
    return message


FORMAT = _Format()
