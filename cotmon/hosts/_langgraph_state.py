"""Messages and tool calls in what LangGraph nodes are given and give back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import is_dataclass, replace
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.types import Command
from pydantic import BaseModel

from cotmon.errors import UsageError

MESSAGES = "messages"


class Calls(NamedTuple):
    """Calls that a node is about to carry out.

    Attributes:
        message: the generation that made them; None where it cannot be found.
        calls: as LangChain writes them: name, args, id.
        before: what was said before that generation.
        key: of the messages in the node's state; empty where its state is a list.
    """

    message: AIMessage | None
    calls: Sequence[Mapping[str, Any]]
    before: Sequence[BaseMessage]
    key: str


def messages_of(state: object) -> list[BaseMessage]:
    """The messages of a node's state, whatever shape the state has."""
    return _found(state)[1]


def said_in(update: object) -> list[BaseMessage]:
    """The messages that a node adds to the state, in order."""
    if isinstance(update, BaseMessage):
        return [update]
    if isinstance(update, Command):
        return said_in(update.update)
    if isinstance(update, Mapping):
        return [m for v in update.values() for m in (v if isinstance(v, list) else [v])
                if isinstance(m, BaseMessage)]  # fmt: skip
    if isinstance(update, list | tuple):
        return [m for part in update for m in said_in(part)]
    return []


def unanswered(messages: Sequence[BaseMessage]) -> int | None:
    """Where the last generation stands if nothing followed it and it calls tools; else None."""
    last = messages[-1] if messages else None
    return len(messages) - 1 if isinstance(last, AIMessage) and last.tool_calls else None


def calls_in(given: object, key: str, read: Callable[[], object]) -> Calls:
    """The calls in what a node that runs tools is given.

    Args:
        given: a state, or calls sent to the node one by one.
        key: of the messages in the state, if the state has it.
        read: gives the state where only calls were sent.

    Raises:
        UsageError: there are neither calls nor messages of LangChain in it.
    """
    sent = _sent(given)
    state = given if sent is None else _state_of(given, read)
    key, messages = _found(state, key)
    if sent is None and not messages:
        raise UsageError(
            "a node that runs tools was given no LangChain messages, so its calls cannot be seen"
        )
    place = _speaker(messages, sent)
    message = messages[place] if place is not None else None
    if not isinstance(message, AIMessage):
        return Calls(None, sent or (), messages, key)
    calls = message.tool_calls if sent is None else sent
    return Calls(message, calls, messages[:place], key)


def without(given: Any, calls: Calls, refused: Collection[int]) -> Any:
    """What the node is given, less the calls that are not to be carried out.

    Only this one node sees it so: the state keeps what the agent said.
    """
    kept = [call for k, call in enumerate(calls.calls) if k not in refused]
    if _sent(given) is not None:
        return kept
    shown = [
        m.model_copy(update={"tool_calls": kept}) if m is calls.message else m
        for m in _found(given, calls.key)[1]
    ]
    if isinstance(given, list):
        return shown
    if isinstance(given, Mapping):
        return {**given, calls.key: shown}
    if isinstance(given, BaseModel):
        return given.model_copy(update={calls.key: shown})
    if is_dataclass(given) and not isinstance(given, type):
        return replace(given, **{calls.key: shown})
    raise TypeError(f"calls cannot be taken out of a {type(given).__qualname__}")


def refusals(calls: Calls, refused: Collection[int], text: str) -> list[ToolMessage]:
    """What the agent reads in place of results."""
    return [
        ToolMessage(content=text, name=call["name"], tool_call_id=call["id"], status="error")
        for k, call in enumerate(calls.calls)
        if k in refused
    ]


def joined(given: object, output: Any, calls: Calls, added: list[ToolMessage]) -> Any:
    """What the node gave, and the refusals."""
    key = calls.key or MESSAGES
    rooted = isinstance(given, list) and _sent(given) is None
    own: Any = added if rooted else {key: added}
    if output is None:
        return own
    if isinstance(output, Command):
        return [output, own]
    if isinstance(output, Mapping):
        there = output.get(key, [])
        return {**output, key: [*(there if isinstance(there, list) else [there]), *added]}
    if isinstance(output, list):
        plain = rooted and not any(isinstance(part, Command) for part in output)
        return [*output, *added] if plain else [*output, own]
    raise TypeError(f"refusals cannot be added to a {type(output).__qualname__}")


def _sent(given: object) -> list[Mapping[str, Any]] | None:
    """Calls that were sent to the node one by one; None where it is given a state."""
    if isinstance(given, Mapping) and given.get("__type") == "tool_call_with_context":
        return [given["tool_call"]]
    if isinstance(given, list) and given and isinstance(given[-1], Mapping):
        return given if given[-1].get("type") == "tool_call" else None
    return None


def _state_of(given: object, read: Callable[[], object]) -> object:
    return given["state"] if isinstance(given, Mapping) else read()


def _found(state: object, first: str = MESSAGES) -> tuple[str, list[BaseMessage]]:
    """Key and value of the messages: under the key, else the first list that holds some."""
    if isinstance(state, list):
        return "", [m for m in state if isinstance(m, BaseMessage)]
    if isinstance(state, BaseModel):
        fields: Mapping[str, Any] = {k: getattr(state, k) for k in type(state).model_fields}
    elif isinstance(state, Mapping):
        fields = state
    else:
        fields = getattr(state, "__dict__", {})
    for key in sorted(fields, key=lambda k: k != first):
        value = fields[key]
        if isinstance(value, list) and any(isinstance(m, BaseMessage) for m in value):
            return str(key), [m for m in value if isinstance(m, BaseMessage)]
    return first, []


def _speaker(messages: Sequence[BaseMessage], sent: Sequence[Mapping[str, Any]] | None) -> Any:
    """Place of the newest generation, or of the newest that makes the calls that were sent."""
    wanted = None if sent is None else {call["id"] for call in sent}
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if isinstance(message, AIMessage) and (
            wanted is None or wanted <= {call["id"] for call in message.tool_calls}
        ):
            return place
    return None
