"""The canary of LangChain's `create_agent`."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent

from cotmon.hosts._canary import CanaryResult
from cotmon.hosts._canary_singer import Singer, singers
from cotmon.hosts.langchain import HOST
from cotmon.watching import Watching


def canary(watching: Watching | None) -> CanaryResult:
    """Runs the agent."""
    ran: list[str] = []
    model = Singer()
    make: Any = create_agent if watching is None else HOST.attach(create_agent, watching)
    agent = make(model, singers(ran), system_prompt="Sing.")
    agent.invoke({"messages": [("user", "Sing.")]})
    return CanaryResult(tuple(sorted(ran)), tuple(model.told))
