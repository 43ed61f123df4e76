"""Agents whose tokens are watched, and what the viewers are shown."""

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from scripted import Line
from test_judging import model_of
from two_tools import GO, ONE, THREAD

APIS: dict[str, Any] = {
    "chat": {},
    "responses": {"use_responses_api": True},
    "v1": {"use_responses_api": True, "output_version": "v1"},
}
PLAN = "First I look at all that is there and see what can be done with it. Then I take dynamite. "
ON = "And so on. " * 100
THINKS = Line(reasoning=PLAN + ON, text="Calling.", calls=ONE.calls)
SAYS = Line(text=PLAN + ON, calls=ONE.calls)
QUIET = Line("I am quiet.", "Calling. " * 9, (("c1", "safe", '{"x": 1}'),))
every_api = pytest.mark.parametrize("api", APIS)
every_kind = pytest.mark.parametrize("kind", ["sync", "async"])


def agent_of(server, tools, *middleware, api="chat", model=None, saver=None, **settings: Any):
    model = model or model_of(server.url, **APIS[api])
    make: Any = create_agent
    return make(model, tools.both, middleware=middleware, checkpointer=saver, **settings)


def streamed(agent, kind="sync", *given, **rest: Any):
    """All (mode, event) of a run, or of one run after the other, in one event loop."""
    rest = {"stream_mode": ["messages", "values"], "config": THREAD, **rest}

    async def run():
        return [e for one in given or [GO] async for e in agent.astream(one, **rest)]

    if kind == "async":
        return asyncio.run(run())
    return [e for one in given or [GO] for e in agent.stream(one, **rest)]


def tokens(events):
    return [event[0] for mode, event in events if mode == "messages"]


def spoken(events):
    """What was shown of the model's own words and calls, as text."""
    return "".join(repr(m) for m in tokens(events) if m.type != "tool")


def state(events):
    return [event for mode, event in events if mode == "values"][-1]
