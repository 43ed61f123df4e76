"""The canary of LangChain's `create_agent`."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent

from cotmon.hosts._canary import CanaryResult
from cotmon.hosts._canary_singer import Singer, singers
from cotmon.hosts.langchain import HOST
from cotmon.watching import Watching


def canary(watching: Watching | None) -> CanaryResult:
    """Runs the agent, and then once more before a viewer of its tokens."""
    ran: list[str] = []
    model = Singer()
    make: Any = create_agent if watching is None else HOST.attach(create_agent, watching)
    agent = make(model, singers(ran), system_prompt="Sing.")
    song: Any = {"messages": [("user", "Sing.")]}
    agent.invoke(song)
    shown = [
        f"{m.text} {[call['name'] for call in m.tool_call_chunks]}"
        for m, _ in agent.stream(song, stream_mode="messages")
        if m.type == "AIMessageChunk"
    ]
    return CanaryResult(tuple(sorted(ran)), tuple(model.told), tuple(shown))
