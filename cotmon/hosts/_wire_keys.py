"""What of a chat message tells it from others, however its client writes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

Chat = dict[str, Any]
START = ""
"""The name of what stands before the first message, where nothing else names that."""


def key_of(message: Chat) -> str:
    """32 hex digits of what it says and calls.

    Clients send back what they were told without its reasoning, with other spellings of the same
    arguments, with null for empty; none of that counts.
    """
    what = (
        message.get("role"),
        _content(message.get("content")) or _content(message.get("refusal")),
        [_call(call) for call in _dicts(message.get("tool_calls"))],
        _function(message.get("function_call")),
        message.get("tool_call_id"),
    )
    return _hash(json.dumps(what, sort_keys=True, default=str))


def chained(keys: Sequence[str]) -> list[str]:
    """A name for every beginning of a conversation, the empty one first."""
    chain = [START]
    for key in keys:
        chain.append(after(chain[-1], key))
    return chain


def after(name: str, key: str) -> str:
    """The name of what follows a message: of all up to there."""
    return _hash(name + key)


def refused_key(stored: Chat, given: Chat, refusal: str) -> bool:
    """Whether the second is the first without calls that were refused."""
    kept = {call.get("id") for call in _dicts(given.get("tool_calls"))}
    calls = [call for call in _dicts(stored.get("tool_calls")) if call.get("id") in kept]
    said = stored.get("content")
    texts = (f"{said}\n\n{refusal}" if said else refusal, said or refusal)
    legacy = {"function_call": given.get("function_call")}
    rests = [{**stored, **legacy, "content": text, "tool_calls": calls} for text in texts]
    return key_of(given) in {key_of(rest) for rest in rests}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _content(content: object) -> object:
    if isinstance(content, list):
        texts = [p.get("text") for p in content if isinstance(p, dict)]
        if len(texts) == len(content) and all(isinstance(t, str) for t in texts):
            content = "".join(str(t) for t in texts)
    return content.strip() if isinstance(content, str) else content or ""


def _call(call: dict[str, Any]) -> list[object]:
    return [call.get("id"), _function(call.get("function") or call.get("custom"))]


def _function(function: object) -> object:
    if not isinstance(function, dict):
        return None
    return [function.get("name"), _arguments(function.get("arguments", function.get("input")))]


def _arguments(arguments: object) -> object:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
