"""The scripted server's `/v1/responses`: the same lines, in the other format.

It keeps what it said under the response's name, as the real one does, and refuses to go on from a
response whose calls have no result.
"""

from __future__ import annotations

import asyncio
import json
from itertools import groupby

AGENT = ("reasoning", "function_call")


class Kept:
    """What the server keeps: how many answers came before, and which calls wait."""

    def __init__(self) -> None:
        self.depth: dict[str, int] = {}
        self.waiting: dict[str, set[str]] = {}

    def place(self, body: dict) -> int:
        """How many answers the agent has given already."""
        before = body.get("previous_response_id")
        if before:
            return self.depth[before] + 1
        items = body["input"]
        if isinstance(items, str):
            return 0
        spoken = [i.get("type") in AGENT or i.get("role") == "assistant" for i in items]
        return sum(agent for agent, _ in groupby(spoken))

    def refusal(self, body: dict) -> str | None:
        """Why the real server would not go on."""
        items = body.get("input")
        items = items if isinstance(items, list) else []
        wanted = set(self.waiting.get(body.get("previous_response_id") or "", ()))
        wanted |= {i["call_id"] for i in items if i.get("type") == "function_call"}
        given = {i["call_id"] for i in items if i.get("type") == "function_call_output"}
        missing = wanted - given
        return f"No tool output found for function call {min(missing)}." if missing else None


def response(name: str, line, *, status: str = "completed", output: list | None = None) -> dict:
    return {
        "id": name, "object": "response", "created_at": 0, "model": "scripted", "status": status,
        "output": items(name, line) if output is None else output, "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], "instructions": None, "metadata": {}, "error": None,
        "incomplete_details": None, "temperature": 1.0, "top_p": 1.0,
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
                  "input_tokens_details": {"cached_tokens": 0},
                  "output_tokens_details": {"reasoning_tokens": 0}},
    }  # fmt: skip


def items(name: str, line) -> list[dict]:
    found: list[dict] = []
    if line.reasoning:
        summary = [{"type": "summary_text", "text": line.reasoning}]
        found.append({"id": f"rs_{name}", "type": "reasoning", "summary": summary})
    if line.text:
        part = {"type": "output_text", "text": line.text, "annotations": [], "logprobs": []}
        found.append(
            {"id": f"msg_{name}", "type": "message", "role": "assistant", "status": "completed",
             "content": [part]}
        )  # fmt: skip
    for call_id, tool, arguments in line.calls:
        found.append(
            {"id": f"fc_{call_id}", "type": "function_call", "status": "completed",
             "call_id": call_id, "name": tool, "arguments": arguments}
        )  # fmt: skip
    return found


def _events(name: str, line):
    yield {
        "type": "response.created",
        "response": response(name, line, status="in_progress", output=[]),
    }
    for place, item in enumerate(items(name, line)):
        where = {"output_index": place, "item_id": item["id"]}
        empty = (
            {"summary": []}
            if "summary" in item
            else {"content": []}
            if "content" in item
            else {"arguments": ""}
        )
        yield {
            "type": "response.output_item.added",
            "output_index": place,
            "item": {**item, **empty},
        }
        yield from _words(item, where)
        yield {"type": "response.output_item.done", "output_index": place, "item": item}
    yield {"type": "response.completed", "response": response(name, line)}


def _words(item: dict, where: dict):
    if item["type"] == "reasoning":
        part, where = item["summary"][0], {**where, "summary_index": 0}
        yield {
            "type": "response.reasoning_summary_part.added",
            **where,
            "part": {**part, "text": ""},
        }
        yield from _deltas("response.reasoning_summary_text", where, part["text"])
        yield {"type": "response.reasoning_summary_part.done", **where, "part": part}
    elif item["type"] == "message":
        part, where = item["content"][0], {**where, "content_index": 0}
        yield {"type": "response.content_part.added", **where, "part": {**part, "text": ""}}
        yield from _deltas("response.output_text", {**where, "logprobs": []}, part["text"])
        yield {"type": "response.content_part.done", **where, "part": part}
    else:
        yield {
            "type": "response.function_call_arguments.delta",
            **where,
            "delta": item["arguments"],
        }
        yield {
            "type": "response.function_call_arguments.done",
            **where,
            "arguments": item["arguments"],
            "name": item["name"],
        }


def _deltas(kind: str, where: dict, text: str):
    words = text.split(" ")
    for k, word in enumerate(words):
        yield {
            "type": f"{kind}.delta",
            **where,
            "delta": word + (" " if k + 1 < len(words) else ""),
        }
    yield {"type": f"{kind}.done", **where, "text": text}


async def stream(memory, name: str, line):
    """Server-sent events; a client that goes away is counted."""
    try:
        for number, data in enumerate(_events(name, line)):
            if data.get("item", {}).get("type") == "function_call":
                await memory.call()
            memory.sent += 1
            body = json.dumps({**data, "sequence_number": number})
            yield f"event: {data['type']}\ndata: {body}\n\n"
            await asyncio.sleep(memory.pause)
    except (asyncio.CancelledError, GeneratorExit):
        memory.cancelled += 1
        raise
