"""Where the messages, ids and answers of a conversation lie in a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cotmon.formats._records import SPOKEN, is_message_list

_MESSAGE_LISTS = ("messages", "conversation", "chat")
_IDS = (
    "id", "session_id", "conversation_id", "thread_id", "trace_id", "sessionId", "run_id",
    "instance_id", "task_id", "custom_id", "experiment_id", "uuid",
)  # fmt: skip
_SESSIONS = ("session_id", "conversation_id", "thread_id", "sessionId", "session", "id")
_MODELS = ("agent", "agent_name", "model", "target_model", "model_name")


@dataclass(slots=True)
class Conversation:
    """One conversation, found in whatever wrapping.

    Attributes:
        messages: the list as it was, with the first answer of a response appended.
        others: further answers of the same response.
        system: text or blocks that stand outside the messages.
        extra: what else the record holds.
        response, follows: id of its (last) response, and of the response before it.
    """

    messages: list[Any]
    others: list[Any] = field(default_factory=list)
    system: Any = None
    id: str | None = None
    session: str | None = None
    model: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    response: str | None = None
    follows: str | None = None


def find_conversation(value: Any) -> Conversation | None:
    """The conversation in a record: a bare list, `messages`, or a request with its response."""
    if isinstance(value, list):
        return Conversation(value) if is_message_list(value) or not value else None
    if not isinstance(value, dict):
        return None
    request = _unwrapped(value.get("request")) or _unwrapped(value) or value
    response = _unwrapped(value.get("response")) or value
    key = next((k for k in _MESSAGE_LISTS if _holds_messages(request, k)), None)
    answers = list(_answers(response))
    if key is None and not answers:
        return None
    asked = {key} if key is not None else {"prompt"}
    answered = {"choices", "content", "role"} if answers else set[str]()
    system = request.get("system") or request.get("system_prompt") or request.get("instructions")
    return Conversation(
        (list(request[key]) if key is not None else _prompt(request)) + answers[:1],
        answers[1:],
        system,
        id=_first(value, _IDS) or _first(response, _IDS),
        session=_first(value, _SESSIONS),
        model=_model(value, request, response, value.get("metadata")),
        extra=_rest(value, request, {*asked, "system"}, response, answered),
    )


def _rest(
    value: dict[str, Any], request: dict[str, Any], asked: set[str | None],
    response: dict[str, Any], answered: set[str],
) -> dict[str, Any]:  # fmt: skip
    """What a record holds besides the conversation; nothing of it is lost."""
    taken = (asked if request is value else set()) | (answered if response is value else set())
    taken |= {k for k in ("request", "response", "body") if value.get(k) in (request, response)}
    extra = {k: v for k, v in value.items() if k not in taken}
    if request is not value:
        extra["request"] = {k: v for k, v in request.items() if k not in asked}
    if response is not value:
        extra["response"] = {k: v for k, v in response.items() if k not in answered}
    return extra


def _holds_messages(request: dict[str, Any], key: str) -> bool:
    messages = request.get(key)
    return isinstance(messages, list) and (not messages or is_message_list(messages))


def _unwrapped(value: Any) -> dict[str, Any] | None:
    """A request or response, out of the `body` that proxies and batch files put around it."""
    if not isinstance(value, dict):
        return None
    body = value.get("body")
    return body if isinstance(body, dict) else value


def _answers(response: dict[str, Any]) -> Iterator[Any]:
    choices = response.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and isinstance(choice.get("message"), dict):
            yield {"role": "assistant", **choice["message"]}
        elif isinstance(choice, dict) and isinstance(choice.get("text"), str):
            yield {"role": "assistant", "content": choice["text"]}
    if response.get("role") == "assistant" and not SPOKEN.isdisjoint(response):
        yield {k: v for k, v in response.items() if k not in ("usage", "model", "type")}


def _prompt(request: dict[str, Any]) -> list[Any]:
    prompt = request.get("prompt")
    if isinstance(prompt, list) and is_message_list(prompt):
        return list(prompt)
    return [{"role": "user", "content": prompt}] if prompt else []


def _first(value: Any, keys: tuple[str, ...]) -> str | None:
    if not isinstance(value, dict):
        return None
    found = (value[k] for k in keys if isinstance(value.get(k), str | int) and value[k] != "")
    key = next(found, None)
    return None if key is None else str(key)


def _model(*places: Any) -> str | None:
    for place in places:
        for key in _MODELS:
            if isinstance(place, dict) and isinstance(place.get(key), str) and place[key]:
                return place[key]
    return None
