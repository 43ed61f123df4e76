"""An answer built anew from what was said, for a request repeated while people are asked."""

from __future__ import annotations

import json
from typing import Any


def completion(message: dict[str, Any], name: str, model: object) -> dict[str, Any]:
    """A chat completion that says this."""
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    said = {k: v for k, v in message.items() if k != "name"}  # that is ours: who spoke
    choice = {"index": 0, "message": {**said, "role": "assistant"}, "finish_reason": reason}
    choice["message"].setdefault("content", None)
    return {
        "id": f"chatcmpl-{name}", "object": "chat.completion", "created": 0,
        "model": model if isinstance(model, str) else "", "choices": [choice],
    }  # fmt: skip


def streamed(answer: dict[str, Any]) -> bytes:
    """The same as server-sent events."""
    head = {**answer, "object": "chat.completion.chunk"}
    choice = answer["choices"][0]
    delta = dict(choice["message"])
    if delta.get("tool_calls"):
        delta["tool_calls"] = [{**call, "index": k} for k, call in enumerate(delta["tool_calls"])]
    pieces = (
        {"index": 0, "delta": delta, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]},
    )
    events = [f"data: {json.dumps({**head, 'choices': [piece]})}\n\n" for piece in pieces]
    return "".join([*events, "data: [DONE]\n\n"]).encode()
