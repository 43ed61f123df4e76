"""One Inspect chat message as pieces: reasoning, text, calls and results in their order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from cotmon.formats._builder import Builder, Turn
from cotmon.formats._decoding import canonical
from cotmon.formats._think_tags import split

_REDACTED_TAG = re.compile(
    r"<think\b(?P<attributes>[^<>]{0,20000})>\s*[A-Za-z0-9+/_=-]{64,}\s*</think>"
)
_SUMMARY = re.compile(r"\bsummary=\"([^\"]*)\"")
_UNREAD = "reasoning was redacted; the log holds its ciphertext"
_UNWRITTEN = "reasoning was left out; the log holds only its signature"

Kind = Literal["raw", "inline", "summary", "redacted", "missing", "text", "call", "result", "lost"]


class Piece(NamedTuple):
    """One piece; `raw` to `missing` are reasoning of that provenance, `lost` is no text."""

    kind: Kind
    text: str
    name: str = ""
    id: str | None = None


def pieces_of(message: dict[str, Any]) -> list[Piece]:
    """All that a message holds, in order; nothing in it is left without a piece."""
    pieces: list[Piece] = []
    before = message.get("reasoning")
    if isinstance(before, str) and before:
        # Inspect 0.3.63 to 0.3.71 kept reasoning beside the content.
        pieces.append(Piece("raw", before))
    content = message.get("content")
    for block in content if isinstance(content, list) else [content]:
        pieces += _block(block)
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        pieces += _call(call)
    return pieces


def _block(block: Any) -> Iterator[Piece]:
    if block is None or block == "":
        return
    if isinstance(block, str):
        yield from _said(block)
        return
    if not isinstance(block, dict):
        yield Piece("lost", f"content of type {type(block).__name__}")
        return
    match block:
        case {"type": "reasoning"}:
            yield from _reasoning(block)
        case {"type": "tool_use"}:
            yield from _server_tool(block)
        case {"text": str(text)}:
            yield from _said(text)
        case _:
            yield Piece("lost", f"content of type {str(block.get('type'))[:40]}")


def _said(text: str) -> Iterator[Piece]:
    """Text, what was thought in think tags, and ciphertext that Inspect replays in such tags."""
    start = 0
    for tag in _REDACTED_TAG.finditer(text):
        if 'redacted="true"' not in tag["attributes"]:
            continue
        yield from _tagged(text[start : tag.start()])
        if summary := _SUMMARY.search(tag["attributes"]):
            yield Piece("summary", summary[1])
        yield Piece("redacted", _UNREAD)
        start = tag.end()
    yield from _tagged(text[start:])


def _tagged(text: str) -> Iterator[Piece]:
    for channel, part in split(text):
        yield Piece("inline" if channel == "reasoning" else "text", part)


def _reasoning(block: dict[str, Any]) -> Iterator[Piece]:
    text, summary = block.get("reasoning"), block.get("summary")
    summary = summary if isinstance(summary, str) else ""
    if block.get("redacted"):
        if summary.strip():
            yield Piece("summary", summary)
        yield Piece("redacted", _UNREAD)
        return
    if isinstance(text, str) and text.strip():
        yield Piece("raw", text)
    if summary.strip() and summary != text:
        yield Piece("summary", summary)
    elif not (isinstance(text, str) and text.strip()):
        yield Piece("missing", _UNWRITTEN)


def _server_tool(block: dict[str, Any]) -> Iterator[Piece]:
    """A tool that the model's provider ran: call and result stand in one block."""
    name, call_id = str(block.get("name") or block.get("tool_type") or "tool"), _id(block.get("id"))
    yield Piece("call", _arguments(block.get("arguments")), name, call_id)
    for key in ("result", "error"):
        if text := plain(block.get(key)):
            yield Piece("result", text, name, call_id)


def _call(call: Any) -> Iterator[Piece]:
    if not isinstance(call, dict):
        yield Piece("lost", "a tool call that is no object")
        return
    arguments = call.get("arguments")
    function = call.get("function")
    if isinstance(function, dict):
        # OpenAI's own form, which early logs and hand-made ones hold.
        function, arguments = function.get("name"), function.get("arguments", arguments)
    yield Piece("call", _arguments(arguments), str(function or "tool"), _id(call.get("id")))


def _arguments(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else canonical(arguments)


def _id(value: Any) -> str | None:
    return None if value is None else str(value)


def plain(value: Any) -> str:
    """The text in a tool's result: a string, a number, blocks with text, or an error object."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(text for v in value if (text := plain(v)))
    if isinstance(value, dict):
        for key in ("text", "message"):
            if isinstance(value.get(key), str):
                return value[key]
        return "" if "type" in value else canonical(value)
    return canonical(value)


def lost_of(value: Any) -> list[str]:
    """Blocks of a result that have no text (images, audio)."""
    blocks = value if isinstance(value, list) else [value]
    return [str(b.get("type")) for b in blocks if isinstance(b, dict) and not plain(b)]


def call_ids(message: dict[str, Any]) -> list[str]:
    """Ids of the tool calls of a message."""
    calls = message.get("tool_calls")
    found = [c.get("id") for c in calls if isinstance(c, dict)] if isinstance(calls, list) else []
    return [str(i) for i in found if i is not None]


def merged(generated: list[Piece], kept: list[Piece]) -> list[Piece]:
    """What the model wrote and what the history kept of it, each piece once.

    Scaffolds edit the history: they strip reasoning, take out the submit call, or add the
    answer. Nothing of either version is lost.
    """
    have = {(p.kind, p.text.strip(), p.name) for p in kept}
    if all((p.kind, p.text.strip(), p.name) in have for p in generated):
        return kept
    have = {(p.kind, p.text.strip(), p.name) for p in generated}
    return generated + [p for p in kept if (p.kind, p.text.strip(), p.name) not in have]


def write(builder: Builder, turn: Turn, pieces: Iterable[Piece], *, given: bool = False) -> None:
    """Adds the pieces to a turn; `given` words were put into the model's mouth: a brief."""
    for piece in pieces:
        match piece.kind:
            case "redacted" | "missing":
                turn.hidden(piece.kind, piece.text)
            case "raw" | "inline" | "summary" if not given:
                turn.reasoning(piece.text, piece.kind)
            case "text" if not given:
                turn.text(piece.text)
            case "call":
                turn.action(piece.name, piece.text, piece.id)
            case "result":
                observed = builder.turn(
                    f"tool {piece.name}", parent=turn.parent, branch=turn.branch
                )
                observed.observation(piece.text, piece.id)
            case "lost":
                builder.gap("dropped", f"{piece.text} is no text", where=turn.id)
            case _:
                turn.brief(piece.text)
