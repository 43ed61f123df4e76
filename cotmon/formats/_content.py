"""Content of a chat message, in any of its shapes, as parts in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cotmon.formats._decoding import canonical
from cotmon.formats._spellings import REASONING_TYPES

_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use", "tool_call", "function_call"})
_TEXT_KEYS = ("text", "refusal", "content", "value")
_CIPHERS = frozenset({"encrypted_content", "encrypted_index", "signature"})
_MEDIA = ("image", "audio", "video", "document", "file", "screenshot")

Kind = Literal["text", "reasoning", "call", "result", "media"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part: `value` is its text, or for other kinds the block itself."""

    kind: Kind
    value: Any


def parts_of(content: Any) -> Iterator[Part]:
    """The parts of a string, a block or a list of both; other values as their text form."""
    if content is None or content == "":
        return
    if isinstance(content, str):
        yield Part("text", content)
    elif isinstance(content, list):
        for item in content:
            yield from parts_of(item)
    elif isinstance(content, dict):
        yield from _block(content)
    else:
        yield Part("text", canonical(content))


def _block(block: dict[str, Any]) -> Iterator[Part]:
    kind = str(block.get("type", ""))
    if kind in REASONING_TYPES:
        yield Part("reasoning", block)
    elif kind in _CALLS:
        yield Part("call", block)
    elif kind.endswith("tool_result") or kind == "function_call_output":
        yield Part("result", block)
    elif any(isinstance(block.get(key), str) for key in _TEXT_KEYS):
        text = next(block[key] for key in _TEXT_KEYS if isinstance(block.get(key), str))
        if text:
            yield Part("text", text)
    elif kind == "document" and (inner := _written(block.get("source"))):
        yield from parts_of(inner)
    elif any(word in kind for word in _MEDIA):
        yield Part("media", block)
    elif block:
        yield Part("text", canonical(without_ciphers(block)))


def _written(source: Any) -> Any:
    """What a document says whose words stand in the log; None for an encoded or a linked file."""
    if not isinstance(source, dict):
        return None
    held = {"text": "data", "content": "content"}.get(str(source.get("type")))
    return source.get(held) if held else None


def without_ciphers(value: Any) -> Any:
    """The value without what only its provider can read."""
    if isinstance(value, list):
        return [without_ciphers(item) for item in value]
    if isinstance(value, dict):
        return {k: without_ciphers(v) for k, v in value.items() if k not in _CIPHERS}
    return value


def text_of(content: Any) -> tuple[str, list[dict[str, Any]]]:
    """All text of a content, joined by line breaks, and its parts that are no text."""
    parts = list(parts_of(content))
    texts = [
        p.value if p.kind == "text" else canonical(p.value) for p in parts if p.kind != "media"
    ]
    return "\n".join(texts), [p.value for p in parts if p.kind == "media"]
