"""LangChain messages in the shape of an OpenAI-style chat, without importing LangChain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cotmon.watching import Said, ToolCall

DEAF = (
    "%s over chat completions drops the reasoning, so only text and actions are watched; use the "
    'Responses API (use_responses_api=True, output_version="v1"), or put cotmon proxy in front of '
    "the model"
)
"""What is said of a class of models that drops the reasoning."""
_CHECKPOINTER = "__pregel_checkpointer"
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}


def chat_of(message: Any) -> dict[str, Any]:
    """A LangChain message as a chat message; reasoning wherever a model class keeps it."""
    kind = message.type.removesuffix("MessageChunk").lower()
    chat: dict[str, Any] = {"role": _ROLES.get(kind, kind)}
    if kind != "ai":
        chat["content"] = message.content
        if kind == "tool":
            chat |= {"tool_call_id": message.tool_call_id, "name": message.name}
        return chat
    chat |= {"content": text_of(message), "reasoning_content": reasoning_of(message)}
    calls = calls_of(message)
    if calls:
        chat["tool_calls"] = [
            {"id": c.id, "type": "function",
             "function": {"name": c.name, "arguments": c.arguments}}
            for c in calls
        ]  # fmt: skip
    return chat


def calls_of(message: Any) -> tuple[ToolCall, ...]:
    """The tool calls of an AI message, with arguments as canonical JSON: that is what runs."""
    return tuple(
        ToolCall(call["id"] or f"call_{k}", call["name"], canonical(call["args"]))
        for k, call in enumerate(message.tool_calls)
    )


def said_of(message: Any) -> Said:
    """An AI message as a generation to be judged."""
    return Said(message=message.id, chat=chat_of(message), calls=calls_of(message))


def altered(call: ToolCall, message: Any) -> Said:
    """A call that is not as the model wrote it: somebody changed it, so it is judged by itself.

    Args:
        call: as it would run.
        message: that makes a call of this id; None where none does.
    """
    function = {"name": call.name, "arguments": call.arguments}
    made = {"id": call.id, "type": "function", "function": function}
    return Said(
        message=f"{message.id if message is not None else call.id}~{call.hash[:12]}",
        chat={"role": "assistant", "content": "", "tool_calls": [made]},
        calls=(call,),
    )


def can_pause(config: Mapping[str, Any]) -> bool:
    """Whether an interrupt of the graph that runs here can be resumed."""
    return config.get("configurable", {}).get(_CHECKPOINTER) not in (None, False)


def drops_reasoning(model: object) -> bool:
    """OpenAI's own class keeps it only over the Responses API; subclasses elsewhere may."""
    own = type(model).__module__.partition(".")[0] == "langchain_openai"
    return own and getattr(model, "use_responses_api", None) is not True


def canonical(args: object) -> str:
    """One spelling of the same arguments."""
    return json.dumps(args, sort_keys=True, ensure_ascii=False, default=str)


def text_of(message: Any) -> str:
    """The text of an AI message or a chunk of one."""
    blocks = message.content_blocks
    return "".join(b.get("text", "") for b in blocks if b.get("type") == "text")


def reasoning_of(message: Any) -> str:
    """The reasoning of an AI message or a chunk of one, wherever its model class keeps it."""
    blocks = message.content_blocks
    found = [b.get("reasoning", "") for b in blocks if b.get("type") == "reasoning"]
    kept = message.additional_kwargs.get("reasoning_content")
    if not any(found) and isinstance(kept, str):
        found = [kept]
    return "".join(found)
