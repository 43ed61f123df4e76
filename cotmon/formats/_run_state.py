"""Run states of the OpenAI Agents SDK: the same items in several lists, each read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from cotmon.formats._conversations import Conversation
from cotmon.formats._responses_items import key_of

_LISTS = frozenset({
    "generated_items", "session_items", "model_responses", "last_model_response",
    "last_processed_response", "original_input",
})  # fmt: skip


def is_run_state(value: Any) -> bool:
    """Whether this is a serialised `RunState`."""
    if not isinstance(value, dict):
        return False
    return "$schemaVersion" in value and {"generated_items", "model_responses"} <= value.keys()


def conversation_of(state: dict[str, Any]) -> Conversation:
    """Its items in order, each wrapped as `{"raw_item", "agent"}`."""
    longest = max(("session_items", "generated_items"), key=lambda k: len(_list(state.get(k))))
    other = "generated_items" if longest == "session_items" else "session_items"
    items = [i for i in map(_run_item, _list(state.get(longest))) if i is not None]
    items = _united(items, [i for i in map(_run_item, _list(state.get(other))) if i is not None])
    items = _united(items, list(_answers(state)))
    trace = state.get("trace")
    current = state.get("current_agent")
    return Conversation(
        [{"raw_item": item} for item in _input(state.get("original_input"))] + items,
        id=_text(trace, "id") or _text(state, "conversation_id"),
        model=_text(current, "name"),
        extra={
            **{k: v for k, v in state.items() if k not in _LISTS},
            "pending_approvals": _pending(state),
        },
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any, key: str) -> str | None:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else None


def _input(value: Any) -> list[Any]:
    return [{"role": "user", "content": value}] if isinstance(value, str) else _list(value)


def _run_item(item: Any) -> dict[str, Any] | None:
    """A pending approval repeats a call and stands in metadata; all else is an item."""
    if not isinstance(item, dict):
        return {"raw_item": item}
    if item.get("type") == "tool_approval_item":
        return None
    agent = _text(item.get("agent"), "name") or _text(item.get("source_agent"), "name")
    return {"raw_item": item.get("raw_item"), "agent": agent}


def _answers(state: dict[str, Any]) -> Iterator[dict[str, Any]]:
    responses = _list(state.get("model_responses")) or [state.get("last_model_response")]
    for response in responses:
        for item in _list(response.get("output") if isinstance(response, dict) else None):
            yield {"raw_item": item}


def _united(known: list[dict[str, Any]], more: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adds what is not known yet: before it, or after it once something known has come."""
    left = Counter(key_of(item["raw_item"]) for item in known)
    before: list[dict[str, Any]] = []
    after: list[dict[str, Any]] = []
    met = False
    for item in more:
        key = key_of(item["raw_item"])
        if left[key] > 0:
            left[key] -= 1
            met = True
        else:
            (after if met else before).append(item)
    return before + known + after


def _pending(state: dict[str, Any]) -> list[Any]:
    step = state.get("current_step")
    data = step.get("data") if isinstance(step, dict) else None
    return _list(data.get("interruptions") if isinstance(data, dict) else None)
