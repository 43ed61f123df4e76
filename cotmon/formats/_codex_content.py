"""Contents of Codex's items: texts, and what a tool gave back out of its wrapping."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from cotmon.formats._decoding import canonical

_TEXT_KEYS = ("text", "refusal")
ASKED = ("command", "arguments", "invocation", "changes", "query", "prompt", "items", "path")
GIVEN = (
    "aggregated_output", "formatted_output", "stdout", "result", "content_items", "error", "stderr",
)  # fmt: skip


def of_result(output: Any) -> Any:
    """What a tool server answered, out of the result types of the client's language."""
    if isinstance(output, dict):
        output = next((output[k] for k in ("Ok", "Err") if k in output), output)
    return output


def texts_of(content: Any) -> tuple[list[str], int]:
    """The texts of a content, a part each, and how many parts are no text."""
    texts: list[str] = []
    dropped = 0
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, dict):
            text = next((part[k] for k in _TEXT_KEYS if isinstance(part.get(k), str)), None)
            dropped += text is None
            texts.extend([text] if text else [])
        elif part not in (None, ""):
            texts.append(part if isinstance(part, str) else canonical(part))
    return texts, dropped


class Output(NamedTuple):
    """What a tool gave back: its text, parts without text, and wrappings that were taken off."""

    text: str
    dropped: int = 0
    wrapped: int = 0


def output_of(output: Any) -> Output:
    """The output itself, out of JSON text or an object that also holds an exit code."""
    if isinstance(output, str) and output.startswith('{"output":'):
        try:
            output = msgspec.json.decode(output)
        except msgspec.DecodeError:
            return Output(output)
    if isinstance(output, dict):
        inner = next((output[k] for k in ("output", "content") if output.get(k)), None)
        if isinstance(inner, str):
            return Output(inner, wrapped=1)
        output = inner if isinstance(inner, list) else canonical(output)
    texts, dropped = texts_of(output)
    return Output("\n".join(texts), dropped)
