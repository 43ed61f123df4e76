"""The canary of the proxy: itself, served on loopback, between a plain client and a server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from cotmon.hosts._canary import CanaryResult
from cotmon.hosts._canary_server import loop, server, tools
from cotmon.hosts.proxy import proxy
from cotmon.watching import Watching


def canary(watching: Watching | None) -> CanaryResult:
    """Runs the agent, whole and streamed; unwatched, it asks the server itself."""
    with server() as (url, told):
        if watching is None:
            return _run(url, told)
        with _served(proxy(url, watching)) as between:
            return _run(f"{between}/v1", told)


def _run(url: str, told: list[str]) -> CanaryResult:
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:

        def ask(messages: list[dict[str, Any]], stream: bool) -> dict[str, Any]:
            body = {"model": "canary", "messages": messages, "tools": tools(), "stream": stream}
            answer = client.post("/chat/completions", json=body).raise_for_status()
            return _joined(answer.text) if stream else answer.json()["choices"][0]["message"]

        return loop(ask, told)


def _joined(text: str) -> dict[str, Any]:
    """The message that a stream tells in pieces."""
    calls: dict[int, dict[str, Any]] = {}
    content = ""
    for line in text.splitlines():
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line[6:])["choices"]:
            content += choice["delta"].get("content") or ""
            for part in choice["delta"].get("tool_calls") or ():
                known = calls.setdefault(part["index"], {"function": {"arguments": ""}})
                function = part.get("function", {})
                known |= {k: part[k] for k in ("id", "type") if k in part}
                known["function"]["arguments"] += function.get("arguments") or ""
                if function.get("name"):
                    known["function"]["name"] = function["name"]
    return {"content": content, "tool_calls": [calls[k] for k in sorted(calls)]}


@contextmanager
def _served(application: Any) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    serving = uvicorn.Server(uvicorn.Config(application, log_level="error"))
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        serving.should_exit = True
        thread.join()
        listener.close()
