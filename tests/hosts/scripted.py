"""A real OpenAI-compatible HTTP server on loopback that says scripted lines.

A line is chosen by the number of assistant messages in the request, so that every client that
sends the same conversation gets the same answer, or the next of several. It counts what it sent and notices when a client
goes away.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

import scripted_responses
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route


@dataclass
class Line:
    """One generation: reasoning, text, and calls as (id, name, arguments)."""

    reasoning: str = ""
    text: str = ""
    calls: tuple = ()


@dataclass
class Scripted:
    """The server's memory.

    Attributes:
        lines: what it says, in order of the conversation; the last one repeats. Several in place
            of one are said in turns, when it is asked the same again.
        pause: seconds between streamed chunks.
        requests: bodies it got; keys: of their authorization; sent: chunks it sent in all; cancelled: streams cut by clients.
        failures: how many of the next requests get an error.
        read: set by a test that has read the words before a streamed call; the call waits for it.
        calling: whether a streamed call has begun.
    """

    lines: list[Line | tuple[Line, ...]]
    pause: float = 0.0
    url: str = ""
    requests: list[dict] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    turns: Counter = field(default_factory=Counter)
    sent: int = 0
    cancelled: int = 0
    failures: int = 0
    read: threading.Event | None = None
    calling: bool = False
    kept: scripted_responses.Kept = field(default_factory=scripted_responses.Kept)

    def line(self, body: dict) -> Line:
        return self.at(sum(m.get("role") == "assistant" for m in body.get("messages", [])))

    def at(self, place: int) -> Line:
        """What is said at a place of a conversation."""
        found = self.lines[min(place, len(self.lines) - 1)]
        if isinstance(found, Line):
            return found
        self.turns[place] += 1
        return found[min(self.turns[place], len(found)) - 1]

    async def chat(self, request: Request):
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("authorization"))
        if self.failures:
            self.failures -= 1
            return JSONResponse({"error": {"message": "busy"}}, status_code=500)
        line = self.line(body)
        if body.get("stream"):
            return StreamingResponse(self._stream(line), media_type="text/event-stream")
        message: dict = {
            "role": "assistant",
            "content": line.text,
            "reasoning_content": line.reasoning,
        }
        if line.calls:
            message["tool_calls"] = [_call(*c) for c in line.calls]
        self.sent += 1
        reason = "tool_calls" if line.calls else "stop"
        return JSONResponse(
            {
                "id": f"chatcmpl-{len(self.requests)}",
                "object": "chat.completion",
                "created": 0,
                "model": "scripted",
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
        )

    async def call(self):
        """Begins a call, once the words before it were read; a test that reads none still ends."""
        for _ in range(2000):
            if self.calling or self.read is None or self.read.is_set():
                break
            await asyncio.sleep(0.01)
        self.calling = True

    async def _stream(self, line: Line):
        try:
            for delta in _deltas(line):
                if "tool_calls" in delta:
                    await self.call()
                self.sent += 1
                yield _event({"delta": delta, "finish_reason": None})
                await asyncio.sleep(self.pause)
            yield _event({"delta": {}, "finish_reason": "tool_calls" if line.calls else "stop"})
            yield "data: [DONE]\n\n"
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise

    async def responses(self, request: Request):
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("authorization"))
        if reason := self.kept.refusal(body):
            return JSONResponse({"error": {"message": reason}}, status_code=400)
        place = self.kept.place(body)
        line, name = self.at(place), f"resp_{len(self.requests)}"
        self.kept.depth[name] = place
        self.kept.waiting[name] = {call_id for call_id, _, _ in line.calls}
        if body.get("stream"):
            told = scripted_responses.stream(self, name, line)
            return StreamingResponse(told, media_type="text/event-stream")
        self.sent += 1
        return JSONResponse(scripted_responses.response(name, line))

    async def models(self, _: Request):
        return JSONResponse({"object": "list", "data": [{"id": "scripted", "object": "model"}]})


def _deltas(line: Line):
    yield {"role": "assistant", "content": ""}
    for word in line.reasoning.split(" ") if line.reasoning else ():
        yield {"reasoning_content": word + " "}
    for word in line.text.split(" ") if line.text else ():
        yield {"content": word + " "}
    for k, (name_id, name, arguments) in enumerate(line.calls):
        yield {
            "tool_calls": [
                {
                    "index": k,
                    "id": name_id,
                    "type": "function",
                    "function": {"name": name, "arguments": ""},
                }
            ]
        }
        for part in (arguments[:3], arguments[3:]):
            yield {"tool_calls": [{"index": k, "function": {"arguments": part}}]}


def _event(choice: dict) -> str:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, **choice}],
    }
    return f"data: {json.dumps(body)}\n\n"


def _call(call_id, name, arguments):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


@contextmanager
def serving(app, *, at: str = "127.0.0.1"):
    """Any ASGI app on a free port of loopback, in a thread; gives its URL."""
    with socket.socket() as free:
        free.bind((at, 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host=at, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://{at}:{port}"
    finally:
        server.should_exit = True
        thread.join()


def closing(app):
    """An app that ends each connection with its answer.

    Clients whose event loop ends would else leave sockets to the garbage collector, which warns
    whenever it comes to them.
    """

    async def closed(scope, receive, send):
        async def last(message):
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, last)

    return closed


@contextmanager
def scripted(*lines: Line | tuple[Line, ...], pause: float = 0.0):
    """A running scripted server."""
    memory = Scripted(list(lines), pause)
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", memory.chat, methods=["POST"]),
            Route("/v1/responses", memory.responses, methods=["POST"]),
            Route("/v1/models", memory.models),
        ]
    )
    with serving(closing(app)) as url:
        memory.url = f"{url}/v1"
        yield memory
