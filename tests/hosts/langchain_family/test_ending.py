"""Generations that are ended while they grow, and how streams are judged."""

import asyncio
import threading
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from scripted import Line, scripted
from test_judging import kind_of, noted, replayed, stored
from two_tools import BLOCK, END, GO, REFUSED, TWO, scoring
from viewers import (
    ON,
    PLAN,
    SAYS,
    THINKS,
    agent_of,
    every_api,
    every_kind,
    spoken,
    state,
    streamed,
    tokens,
)

from cotmon.watching import Glimpse


@pytest.fixture
def forbidden(monkeypatch):
    """Notes what the server had sent when a generation was forbidden to go on."""
    found, forbids = [], Glimpse.forbids
    server: Any = None

    def judged(*asked):
        if forbids(*asked):
            found.append(server.sent)
        return bool(found)

    def at(scripted_server):
        nonlocal server
        server = scripted_server
        return found

    monkeypatch.setattr(Glimpse, "forbids", judged)
    return at


WAYS = [("chat", SAYS), ("responses", THINKS), ("v1", THINKS), ("v1", SAYS)]


@every_kind
@pytest.mark.parametrize(("api", "line"), WAYS)
def test_t07_a_generation_is_ended_upstream_where_its_words_forbid_all_calls(
    watching, tools, forbidden, api, line, kind
):
    own = watching(BLOCK)
    with scripted(line, pause=0.02) as server:
        cut = forbidden(server)
        events = streamed(agent_of(server, tools, own, api=api), kind)
        while not server.cancelled:
            assert server.sent < 300  # of all that it would have said
    assert server.sent <= cut[0] + 2
    assert tools.ran == []
    assert "danger" not in spoken(events)
    assert state(events)["messages"][-1].text.endswith(REFUSED)
    assert tokens(events)[-1].text == REFUSED
    assert noted(own) == [("", "block")]
    ((_, said),) = stored(own).values()
    words = said.get("reasoning_content") or said["content"]
    assert words.startswith(PLAN)
    assert len(words) < len(PLAN) + 20


@every_api
def test_t07_the_conversation_goes_on_after_an_ended_generation(watching, tools, api):
    own = watching(BLOCK)
    with scripted(THINKS if api != "chat" else SAYS, END, pause=0.005) as server:
        agent = agent_of(server, tools, own, api=api, saver=InMemorySaver())
        streamed(agent)
        last = state(streamed(agent))["messages"][-1]
        asked = server.requests[-1]
    assert last.text.strip() == "Done."
    assert REFUSED in repr(asked)
    assert "rs_resp" not in repr(asked)  # a name that the server has never kept
    assert noted(own) == [("", "block"), ("", "allow")]
    ((*_, said, _, _),) = stored(own).values()
    assert PLAN in (said.get("reasoning_content") or said["content"])


@pytest.mark.parametrize("watch", ["", '[watch.tools."safe"]\nmode = "observe"'])
def test_t07_it_goes_on_where_a_call_might_still_run(watching, tools, watch):
    """A person may approve it, or one of the tools is only observed."""
    own = watching(watch if not watch else f"{BLOCK}\n{watch}")
    with scripted(SAYS, END) as server:
        streamed(agent_of(server, tools, own, saver=None if watch else InMemorySaver()))
        assert server.cancelled == 0
    assert noted(own)[0] == ("danger", "block" if watch else "ask")


def test_t07_a_viewer_who_leaves_ends_the_generation(watching, tools):
    """Only under asyncio: without it LangGraph waits for the model."""
    with scripted(Line(text="word " * 400), pause=0.01) as server:
        agent = agent_of(server, tools, watching(BLOCK))

        async def leave():
            stream = agent.astream(GO, stream_mode="messages")
            await anext(stream)
            await stream.aclose()

        asyncio.run(leave())
        while not server.cancelled:
            assert server.sent < 400


def test_t05_streams_do_not_hold_the_loop(watching, tools, monkeypatch):
    own = watching(BLOCK)
    where = scoring(own, monkeypatch)
    with scripted(Line(text=PLAN + ON, calls=TWO.calls), END, pause=0.001) as server:
        streamed(agent_of(server, tools, own), "async")
    assert where
    assert threading.main_thread() not in where


@pytest.mark.parametrize("line", [TWO, SAYS])
def test_t12_t14_a_stream_is_judged_once_and_as_a_replay_does(watching, tools, monkeypatch, line):
    own = watching(BLOCK)
    judged = []
    score = kind_of(own).score
    monkeypatch.setattr(kind_of(own), "score", lambda k, v: (judged.extend(v), score(k, v))[1])
    with scripted(line, END, pause=0.002) as server:
        streamed(agent_of(server, tools, own))
    assert len(judged) == len({view.identity for view in judged})
    assert len(noted(own)) == (3 if line is TWO else 1)
    (messages,) = stored(own).values()
    assert [value for value in replayed(own, messages) if value] == [0.9]
