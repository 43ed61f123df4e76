"""A model server on loopback that sings the canary's song, streamed or not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cotmon.hosts._canary import ALLOWED, BLOCKED, CALLS, REASON, CanaryResult

Ask = Callable[[list[dict[str, Any]], bool], dict[str, Any]]
"""Messages and whether to stream, to the assistant's message."""


@contextmanager
def server() -> Iterator[tuple[str, list[str]]]:
    """Its base URL, and the messages of every request that it got, as JSON."""
    told: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.append(json.dumps(body["messages"], sort_keys=True))
            first = not any(m["role"] == "assistant" for m in body["messages"])
            self._send(*(_streamed(first) if body.get("stream") else _whole(first)))

        def _send(self, kind: str, data: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}/v1", told
    finally:
        serving.shutdown()
        serving.server_close()


def loop(ask: Ask, told: list[str]) -> CanaryResult:
    """An agent: asks, runs what it is given, answers for it; once whole, once streamed."""
    ran: list[str] = []
    for stream in (False, True):
        messages: list[dict[str, Any]] = [{"role": "user", "content": f"Sing. {stream}"}]
        said = ask(messages, stream)
        calls = said.get("tool_calls") or []
        messages.append({"role": "assistant", "content": said.get("content") or ""})
        if calls:
            messages[-1]["tool_calls"] = calls
        for call in calls:
            ran.append(call["function"]["name"])
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": "done"})
        ask(messages, stream)
    return CanaryResult(tuple(ran), tuple(told))


def tools() -> list[dict[str, Any]]:
    """The two tools, as a request names them."""
    shape = {"type": "object", "properties": {"text": {"type": "string"}}}
    return [
        {"type": "function", "function": {"name": name, "parameters": shape}}
        for name in (ALLOWED, BLOCKED)
    ]


def _calls() -> list[dict[str, Any]]:
    return [
        {"id": f"call_{k}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for k, (name, arguments) in enumerate(CALLS)
    ]


def _whole(first: bool) -> tuple[str, bytes]:
    message: dict[str, Any] = {"role": "assistant", "content": "Singing." if first else "Done."}
    if first:
        message |= {"reasoning_content": REASON, "tool_calls": _calls()}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if first else "stop"}
    body = _body("chat.completion", choice)
    body["usage"] = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return "application/json", json.dumps(body).encode()


def _streamed(first: bool) -> tuple[str, bytes]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if first:
        deltas += [{"reasoning_content": word} for word in REASON.split(" ")]
        deltas += [{"tool_calls": [{**call, "index": k}]} for k, call in enumerate(_calls())]
    else:
        deltas.append({"content": "Done."})
    end = "tool_calls" if first else "stop"
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": end})
    events = [json.dumps(_body("chat.completion.chunk", choice)) for choice in choices]
    lines = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
    return "text/event-stream", lines.encode()


def _body(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    return {"id": "canary", "object": kind, "created": 0, "model": "canary", "choices": [choice]}
