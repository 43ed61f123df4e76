"""Items of the Responses format as chat messages, and the items that stand for refused calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from cotmon.hosts._wire import dicts, text
from cotmon.watching import ToolCall

RUN_BY_CLIENTS = frozenset({
    "function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call",
    "apply_patch_call", "mcp_approval_request",
})  # fmt: skip
"""Types of calls that do nothing until the client carries them out or approves."""
_ARGUMENTS = ("arguments", "input", "code", "action", "operation", "queries")
_NOT_ARGUMENTS = frozenset({
    "id", "type", "status", "call_id", "name", "namespace", "server_label", "output", "outputs",
    "result", "results", "error",
})  # fmt: skip


def is_run_by_client(item: dict[str, Any]) -> bool:
    """Whether an item is a call that the client would carry out."""
    return text(item.get("type")) in RUN_BY_CLIENTS


def is_call(item: dict[str, Any]) -> bool:
    """Whether an item is a call, whoever runs it."""
    kind = text(item.get("type"))
    return kind in RUN_BY_CLIENTS or kind.endswith("_call")


def call_of(item: dict[str, Any]) -> ToolCall:
    """A call item as a call to be judged."""
    kind = text(item.get("type"))
    name = text(item.get("name")) or kind.removesuffix("_call")
    if space := text(item.get("namespace")):
        name = f"{space}.{name}"
    held = next((item[k] for k in _ARGUMENTS if item.get(k) is not None), None)
    if held is None:
        held = {k: v for k, v in item.items() if k not in _NOT_ARGUMENTS}
    arguments = held if isinstance(held, str) else json.dumps(held, sort_keys=True, default=str)
    return ToolCall(text(item.get("call_id")) or text(item.get("id")), name, arguments)


class Chats:
    """Items to chat messages: what is thought, said and called in a row is one of them."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None

    def add(self, item: dict[str, Any]) -> None:
        """One item, in order."""
        kind = text(item.get("type")) or "message"
        if kind.endswith("_output") or kind == "mcp_approval_response":
            self._result(item)
        elif kind == "reasoning":
            self._reason(item)
        elif is_call(item):
            self._call(item)
        elif kind == "message" and item.get("role") == "assistant":
            self._say(item)
        elif kind == "message" and "role" in item:
            self._open = None
            self.messages.append({"role": item["role"], "content": _content(item.get("content"))})

    def _generation(self) -> dict[str, Any]:
        if self._open is None:
            self._open = {"role": "assistant", "content": ""}
            self.messages.append(self._open)
        return self._open

    def _reason(self, item: dict[str, Any]) -> None:
        message = self._generation()
        for key, field in (("content", "reasoning_content"), ("summary", "reasoning_summary")):
            words = "\n\n".join(text(part.get("text")) for part in dicts(item.get(key)))
            if words:
                before = message.get(field)
                message[field] = f"{before}\n\n{words}" if before else words
        if sealed := item.get("encrypted_content"):
            detail = {"type": "reasoning.encrypted", "data": sealed}
            message.setdefault("reasoning_details", []).append(detail)

    def _say(self, item: dict[str, Any]) -> None:
        message = self._generation()
        content = item.get("content")
        parts = dicts(content)
        said = "".join(text(p.get("text")) or text(p.get("refusal")) for p in parts)
        said = content if isinstance(content, str) else said
        message["content"] = f"{message['content']}\n\n{said}" if message["content"] else said

    def _call(self, item: dict[str, Any]) -> None:
        call = call_of(item)
        inner = {"name": call.name, "arguments": call.arguments}
        calls = self._generation().setdefault("tool_calls", [])
        calls.append({"id": call.id, "type": "function", "function": inner})

    def _result(self, item: dict[str, Any]) -> None:
        self._open = None
        output = item.get("output", item.get("approve"))
        self.messages.append(
            {
                "role": "tool",
                "tool_call_id": text(item.get("call_id"))
                or text(item.get("approval_request_id"))
                or text(item.get("id")),
                "content": output if isinstance(output, str) else json.dumps(output, default=str),
            }
        )


def chats_of(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """All items as chat messages."""
    chats = Chats()
    for item in items:
        chats.add(item)
    return chats.messages


def generation(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The items of one answer as one chat message."""
    return next(iter(chats_of([i for i in items if not _is_result(i)])), {"role": "assistant"})


def refusal_item(item: dict[str, Any], refusal: str, *, plain: bool) -> dict[str, Any]:
    """The message that stands in place of a refused call, or ends the response given."""
    part: dict[str, Any] = (
        {"type": "output_text", "text": refusal, "annotations": [], "logprobs": []}
        if plain
        else {"type": "refusal", "refusal": refusal}
    )
    name = hashlib.sha256(text(item.get("id")).encode("utf-8", "replace")).hexdigest()[:32]
    return {
        "id": f"msg_{name}", "type": "message", "role": "assistant", "status": "completed",
        "content": [part],
    }  # fmt: skip


def refusal_output(item: dict[str, Any], refusal: str) -> dict[str, Any]:
    """The neutral result of a refused call, for a server that waits for one."""
    kind = text(item.get("type"))
    if kind == "mcp_approval_request":
        return {
            "type": "mcp_approval_response", "approval_request_id": item.get("id"),
            "approve": False,
        }  # fmt: skip
    answer = {"type": f"{kind}_output", "call_id": item.get("call_id"), "output": refusal}
    return answer | ({"status": "failed"} if kind == "apply_patch_call" else {})


def _is_result(item: dict[str, Any]) -> bool:
    return text(item.get("type")).endswith("_output")


def _content(content: Any) -> Any:
    """Parts that hold texts as chat parts; others as they are."""
    if not isinstance(content, list):
        return content
    return [
        {"type": "text", "text": p["text"]} if isinstance(p, dict) and "text" in p else p
        for p in content
    ]
