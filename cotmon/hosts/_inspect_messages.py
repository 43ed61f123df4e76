"""Inspect's chat messages in the shape of an OpenAI-style chat, without importing Inspect."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cotmon.watching import Said, ToolCall
from cotmon.watching.line import Heard


def heard_of(messages: Sequence[Any]) -> list[Heard]:
    """A history as a conversation hears it."""
    return [(message.id, chat_of(message)) for message in messages]


def said_of(message: Any) -> Said:
    """An assistant message as a generation to be judged."""
    return Said(message=message.id, chat=chat_of(message), calls=calls_of(message))


def alone(message: str, call: Any) -> Said:
    """One call that differs from what its message said, as a generation of its own."""
    one = call_of(call)
    chat = {"role": "assistant", "content": "", "tool_calls": [_tool_call(one)]}
    return Said(message=f"{message}/{one.id}", chat=chat, calls=(one,))


def chat_of(message: Any) -> dict[str, Any]:
    """A message as a chat message; reasoning stays a block in its place."""
    chat: dict[str, Any] = {"role": message.role, "content": _content(message.content)}
    if message.role == "tool":
        chat |= {"tool_call_id": message.tool_call_id, "name": message.function}
        if message.error is not None:
            chat["error"] = message.error.message
    if message.role == "assistant" and message.tool_calls:
        chat["tool_calls"] = [_tool_call(call) for call in calls_of(message)]
    return chat


def calls_of(message: Any) -> tuple[ToolCall, ...]:
    """The tool calls of an assistant message."""
    return tuple(call_of(call) for call in message.tool_calls or ())


def call_of(call: Any) -> ToolCall:
    """A call, with its arguments as canonical JSON: Inspect holds them decoded."""
    arguments = json.dumps(call.arguments, sort_keys=True, ensure_ascii=False, default=str)
    return ToolCall(call.id, call.function, arguments)


def _tool_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _content(content: str | Iterable[Any]) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    return [block for part in content for block in _blocks(part)]


def _blocks(part: Any) -> Iterator[dict[str, Any]]:
    if part.type == "text":
        yield {"type": "text", "text": part.text}
    elif part.type == "reasoning" and part.redacted:
        hidden = {"encrypted_content": part.reasoning} if part.reasoning else {}
        yield {"type": "reasoning", "summary": part.summary or "", **hidden}
    elif part.type == "reasoning":
        yield {"type": "reasoning", "reasoning": part.reasoning or part.summary or ""}
    elif part.type == "tool_use":
        call = {"id": part.id, "name": part.name, "input": part.arguments}
        yield {"type": "server_tool_use", **call}
        yield {"type": "tool_result", "tool_use_id": part.id, "content": part.error or part.result}
    else:
        yield {"type": part.type}
