"""Turns that are said again, with the real `create_agent` and real servers."""

import asyncio
import json

import pytest
from langchain.agents.middleware import AgentMiddleware
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from scripted import Line, scripted
from test_judging import answer
from two_tools import APPROVE, END, GO, ONE, THREAD, TWO
from viewers import agent_of, every_kind, spoken, state, streamed

from cotmon.formats import BRANCH

GOOD = Line(text="Looking.", calls=(("c9", "safe", '{"x": 3}'),))
NEVER = "ask = 1.5"
RESAMPLING = f'{NEVER}\nprotocol = "defer-to-resample"\nsamples = 2'


def deferring(trusted, more=NEVER) -> str:
    return f'{more}\nprotocol = "defer-to-trusted"\ntrusted = "{trusted.url}#small"'


def run(agent, kind="sync", **config):
    config = {**THREAD, **config}
    if kind == "async":
        return asyncio.run(agent.ainvoke(GO, config))["messages"]
    return agent.invoke(GO, config)["messages"]


def kept(own):
    """(tool, level, act) of every decision, and the stored messages of the only conversation."""
    own.watcher.recorder.flush()
    with own.watcher.store.reading() as connection:
        watches = own.watcher.store.watches
        (thread,) = watches.threads(connection)
        messages = watches.messages(connection, thread.run, thread.thread)
        decided = [body for _, body in watches.decided(connection)]
    return sorted((d["tool"], d["level"], d.get("act", "")) for d in decided), messages


@every_kind
def test_a_trusted_model_speaks_in_place_of_a_suspicious_turn(watching, tools, kind):
    with scripted(TWO, END) as server, scripted(GOOD) as trusted:
        own = watching(deferring(trusted))
        said = run(agent_of(server, tools, own), kind)
        (asked,) = trusted.requests
        assert asked == server.requests[0] | {"model": "small"}
        assert "dynamite" not in json.dumps(server.requests[1])
    assert tools.ran == ["safe"]
    assert [m.type for m in said] == ["human", "ai", "tool", "ai"]
    decided, messages = kept(own)
    assert decided == [
        ("", "allow", ""), ("danger", "block", "defer"), ("safe", "allow", ""),
        ("safe", "block", "defer"),
    ]  # fmt: skip
    assert [m.get(BRANCH) for m in messages] == [None, "message 2, output 1", None, None, None]
    assert messages[2]["name"] == "small"


@every_kind
def test_the_least_suspicious_of_several_outputs_runs(watching, tools, kind):
    with scripted((ONE, GOOD, ONE), END) as server:
        own = watching(RESAMPLING)
        said = run(agent_of(server, tools, own), kind)
        assert len(server.requests) == 4
    assert tools.ran == ["safe"]
    assert len({m.id for m in said}) == len(said)
    assert [d for d in kept(own)[0] if d[0]] == [
        ("danger", "block", "resample"), ("danger", "block", "resample"), ("safe", "allow", ""),
        ("safe", "block", "resample"),
    ]  # fmt: skip


@every_kind
@pytest.mark.parametrize("lines", [(GOOD,), (ONE, GOOD, ONE)])
def test_viewers_see_only_what_goes_on(watching, tools, lines, kind):
    own = watching(RESAMPLING)
    with scripted(lines, END) as server:
        events = streamed(agent_of(server, tools, own), kind)
        assert len(server.requests) == len(lines) + 1
    assert "dynamite" not in spoken(events) + repr(state(events))
    assert "'c9'" in spoken(events) and "Done." in spoken(events)
    assert [m.type for m in state(events)["messages"]] == ["human", "ai", "tool", "ai"]
    assert tools.ran == ["safe"]


@every_kind
def test_each_answer_of_a_server_is_counted_once(watching, tools, kind):
    own, usage = watching(RESAMPLING), UsageMetadataCallbackHandler()
    with scripted((ONE, GOOD, ONE), END) as server:
        said = run(agent_of(server, tools, own), kind, callbacks=[usage])
        assert len(server.requests) == 4
    (counted,) = usage.usage_metadata.values()
    assert counted["total_tokens"] == 4 * 2
    assert [m.usage_metadata["total_tokens"] for m in said if m.type == "ai"] == [2, 2]


def test_what_is_asked_about_waits_unseen_and_is_approved_as_it_stands(watching, tools):
    with scripted((ONE, ONE, ONE), END) as server:
        own = watching('ask = 0.8\nprotocol = "defer-to-resample"\nsamples = 2')
        agent = agent_of(server, tools, own, saver=InMemorySaver())
        events = streamed(agent)
        assert "dynamite" not in spoken(events)
        assert tools.ran == [] and len(server.requests) == 3
        assert len(agent.get_state(THREAD).interrupts) == 1
        agent.invoke(answer(APPROVE), THREAD)
        assert len(server.requests) == 4
    assert tools.ran == ["danger dynamite"]
    assert ("danger", "ask", "") in kept(own)[0]


@every_kind
def test_where_the_trusted_model_is_away_a_person_is_asked(watching, tools, kind):
    with scripted(ONE, END) as server, scripted(GOOD) as trusted:
        trusted.failures = 99
        own = watching(deferring(trusted))
        agent = agent_of(server, tools, own, saver=InMemorySaver())
        run(agent, kind)
        assert agent.get_state(THREAD).interrupts
    assert tools.ran == []
    assert own.watcher.faults.total() >= 1
    assert ("danger", "ask", "") in kept(own)[0]


def test_an_error_of_the_model_itself_is_the_agents(watching, tools):
    own = watching(RESAMPLING)
    with scripted(ONE, END) as server:
        server.failures = 99
        with pytest.raises(Exception, match="busy"):
            run(agent_of(server, tools, own))
    assert not own.watcher.faults


def test_observing_asks_nobody_and_says_what_would_have_been(watching, tools):
    with scripted(ONE, END) as server, scripted(GOOD) as trusted:
        own = watching(deferring(trusted), "observe")
        run(agent_of(server, tools, own))
        assert trusted.requests == []
        assert len(server.requests) == 2
    assert tools.ran == ["danger dynamite"]
    assert ("danger", "block", "defer") in kept(own)[0]


def test_middleware_around_it_sees_one_model_call(watching, tools):
    class Counting(AgentMiddleware):
        calls = 0

        def wrap_model_call(self, request, handler):
            Counting.calls += 1
            return handler(request)

    with scripted((ONE, GOOD, ONE), END) as server:
        run(agent_of(server, tools, Counting(), watching(RESAMPLING)))
    assert Counting.calls == 2
    assert tools.ran == ["safe"]
