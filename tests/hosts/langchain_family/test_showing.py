"""What viewers of an agent's tokens are shown, with the real `create_agent` and a real server."""

import asyncio
import re
import threading
import warnings
from typing import Any

import pytest
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain.chat_models import init_chat_model
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, SecretStr
from scripted import Line, scripted
from test_judging import answer, kind_of, model_of, noted, results
from two_tools import APPROVE, BLOCK, END, GO, ONE, REFUSED, REJECT, TWO, Tools
from viewers import APIS, QUIET, agent_of, every_api, every_kind, spoken, state, streamed, tokens


@every_kind
@every_api
def test_t06_no_piece_of_a_blocked_call_is_seen_and_words_come_at_once(watching, tools, api, kind):
    own = watching(BLOCK)
    with scripted(Line(text="Calling both. " * 40, calls=TWO.calls), END) as server:
        server.read = threading.Event()
        agent = agent_of(server, tools, own, api=api)
        seen = []

        def see(message):
            seen.append((server.calling, message))
            if "both" in repr(message):
                server.read.set()

        async def run():
            async for message, _ in agent.astream(GO, stream_mode="messages"):
                see(message)

        if kind == "async":
            asyncio.run(run())
        else:
            for message, _ in agent.stream(GO, stream_mode="messages"):
                see(message)
    shown = "".join(repr(m) for _, m in seen if m.type != "tool")
    assert "dynamite" not in shown
    assert "'c2'" not in shown
    assert "'c1'" in shown
    assert tools.ran == ["safe"]
    assert not next(calling for calling, m in seen if "both" in repr(m))


@every_kind
@every_api
def test_t06_the_agent_has_the_refused_call_and_its_result(watching, tools, api, kind):
    own = watching(BLOCK)
    with scripted(TWO, END) as server:
        said = state(streamed(agent_of(server, tools, own, api=api), kind))["messages"]
        told = server.requests[1]
    with scripted(TWO, END) as server:
        bare = state(streamed(agent_of(server, Tools(), api=api), kind))["messages"]
    assert [m.type for m in said] == ["human", "ai", "tool", "tool", "ai"]
    assert said[1].tool_calls == bare[1].tool_calls
    assert placeless(said[1].content) == placeless(bare[1].content)
    assert results({"messages": said}) == {"c1": "safe 1", "c2": REFUSED}
    assert [c["id"] for c in said[1].tool_calls] == ["c1", "c2"]
    assert REFUSED in repr(told)


def placeless(content):
    """Content without the places that its blocks had in the stream."""
    if isinstance(content, str):
        return content
    return [{k: v for k, v in block.items() if k != "index"} for block in content]


def plain(message):
    """A message without the names that differ from run to run."""
    return re.sub(
        r"lc_run--[\w-]+|(?<='id': ')[0-9a-f-]{36}|resp_\d", "ID", repr(message.model_dump())
    )


@every_kind
@every_api
@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_t06_t16_what_is_allowed_is_shown_as_without_us(watching, tools, api, kind, mode):
    lines = (QUIET, END) if mode == "enforce" else (TWO, END)
    seen = []
    for middleware in ([watching(BLOCK, mode)], []):
        with scripted(*lines) as server:
            agent = agent_of(server, tools, *middleware, api=api)
            seen.append([plain(m) for m in tokens(streamed(agent, kind)) if m.type != "tool"])
    assert seen[0] == seen[1]
    assert "'c1'" in "".join(seen[0])


@every_kind
def test_t06_a_call_that_waits_for_a_person_is_not_shown(watching, tools, kind):
    own = watching("")
    with scripted(ONE, END) as server:
        agent = agent_of(server, tools, own, saver=InMemorySaver())
        events = streamed(agent, kind, GO, answer(APPROVE))
        assert len(server.requests) == 2
    assert any("__interrupt__" in event for mode, event in events if mode == "values")
    assert "dynamite" not in spoken(events)
    assert tools.ran == ["danger dynamite"]
    assert results(state(events)) == {"c1": "danger dynamite"}
    assert noted(own) == [("danger", "ask"), ("", "allow")]


@every_kind
def test_t06_a_rejected_call_was_never_shown(watching, tools, kind):
    own = watching("")
    with scripted(ONE, END) as server:
        agent = agent_of(server, tools, own, saver=InMemorySaver())
        shown = spoken(streamed(agent, kind, GO, answer(REJECT)))
    assert "dynamite" not in shown
    assert "Done" in shown
    assert tools.ran == []


OF_MODELS = ("messages", "on_chat_model_stream", "on_chat_model_end")


class Ears(BaseCallbackHandler):
    """Hears every token that a model gives."""

    def __init__(self):
        self.heard = []

    def on_llm_new_token(self, token, *, chunk=None, **rest):
        self.heard.append(repr(chunk))

    def on_llm_end(self, response, **rest):
        self.heard.append(repr(response))


@every_api
@pytest.mark.parametrize("way", ["callback", "v2", "v3", "av3", "v3 callback", "no stream"])
def test_t06_every_way_to_watch_tokens_is_one(watching, tools, api, way):
    own, ears = watching(BLOCK), Ears()

    async def listen(agent, version):
        events = agent.astream_events(GO, version=version)
        events = await events if version == "v3" else events
        return [repr(said(e)) async for e in events if is_of_model(e)]

    def is_of_model(event):
        return event.get("event", event.get("method")) in OF_MODELS

    def said(event):
        return event["data"].get("chunk", event["data"].get("output")) if "data" in event else event

    with scripted(TWO, END) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the v3 protocol says that it is new
        model = model_of(server.url, **APIS[api], disable_streaming=way == "no stream")
        agent = agent_of(server, tools, own, model=model)
        if way in ("v2", "av3"):
            heard = asyncio.run(listen(agent, way[-2:]))
        elif way == "v3":
            heard = [repr(e) for e in agent.stream_events(GO, version=way) if is_of_model(e)]
        elif way == "v3 callback":
            heard = ears.heard
            list(agent.stream_events(GO, {"callbacks": [ears]}, version="v3"))
        else:
            streamed(agent, config={"callbacks": [ears]})
            heard = ears.heard
    assert "Calling" in "".join(heard)
    assert "dynamite" not in "".join(heard)
    assert tools.ran == ["safe"]
    assert noted(own) == [("safe", "allow"), ("danger", "block"), ("", "allow")]


class Native(ChatOpenAI):
    """A model with a stream of events of its own, which cannot be watched."""

    def _stream_chat_model_events(self, *_, **__):
        raise AssertionError("this stream is not watched")


def test_t06_events_are_made_of_what_is_watched(watching, tools):
    with scripted(TWO, END) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the v3 protocol says that it is new
        model = Native(model="m", base_url=server.url, api_key=SecretStr("none"), max_retries=0)
        agent = agent_of(server, tools, watching(BLOCK), model=model)
        events = [e for e in agent.stream_events(GO, version="v3") if e["method"] == "messages"]
    assert "Calling" in repr(events)
    assert "dynamite" not in repr(events)
    assert tools.ran == ["safe"]


@every_kind
@every_api
def test_t06_a_model_that_always_streams_is_as_one_that_does_not(watching, tools, api, kind):
    own = watching(BLOCK)
    with scripted(TWO, END) as server:
        model = model_of(server.url, **APIS[api], streaming=True)
        agent = agent_of(server, tools, own, model=model)
        said = agent.invoke(GO) if kind == "sync" else asyncio.run(agent.ainvoke(GO))
        assert server.requests[0]["stream"]
    assert results(said) == {"c1": "safe 1", "c2": REFUSED}
    assert noted(own) == [("safe", "allow"), ("danger", "block"), ("", "allow")]


class Found(BaseModel):
    """A structured answer."""

    x: str


@pytest.mark.parametrize("strategy", [ProviderStrategy, ToolStrategy])
def test_t06_structured_answers_stay_whole(watching, tools, strategy):
    last = Line(text='{"x": "y"}')
    if strategy is ToolStrategy:
        last = Line(text="So.", calls=(("s1", "Found", '{"x": "dynamite"}'),))
    own = watching(BLOCK)
    with scripted(ONE, last) as server:
        model = model_of(server.url, use_responses_api=True)
        agent = agent_of(server, tools, own, model=model, response_format=strategy(Found))
        events = streamed(agent)
    assert state(events)["structured_response"].x in ("y", "dynamite")
    assert "dynamite" not in spoken([e for e in events if "Found" not in repr(e)])
    assert tools.ran == []


def test_t06_a_sub_agents_calls_are_held_too(watching, tools):
    own = watching(BLOCK)
    calls = (("o1", "delegate", '{"task": "go"}'),)
    with scripted(ONE, END) as inner, scripted(Line(text="Asking.", calls=calls), END) as outer:

        @tool
        def delegate(task: str) -> str:
            """Asks another agent."""
            agent = agent_of(inner, tools, own, name="inner")
            return agent.invoke({"messages": [("user", task)]})["messages"][-1].content

        outside = Tools()
        outside.both = [delegate]
        agent = agent_of(outer, outside, own, name="outer")
        events = list(agent.stream(GO, stream_mode="messages", subgraphs=True))
        assert inner.requests[0]["stream"]
    shown = "".join(repr(m) for _, (m, _) in events if m.type != "tool")
    assert "delegate" in shown
    assert "Calling" in shown
    assert "dynamite" not in shown
    assert tools.ran == []


def test_t06_langchains_cache_never_shows_what_was_not_judged(watching, tools):
    kept = InMemoryCache()
    with scripted(ONE, END) as server:
        model = model_of(server.url, cache=kept)
        agent_of(server, Tools(), model=model).invoke(GO)
        events = streamed(agent_of(server, tools, watching(BLOCK), model=model))
        assert len(server.requests) == 4
    assert "dynamite" not in spoken(events)
    assert tools.ran == []


def test_t06_a_model_that_cannot_be_watched_is_named_with_a_remedy(watching, tools, caplog):
    with scripted(ONE, END) as server:
        model: Any = init_chat_model(
            "openai:scripted", configurable_fields=("temperature",), base_url=server.url,
            api_key="none",
        )  # fmt: skip
        said = state(streamed(agent_of(server, tools, watching(BLOCK), model=model)))
    assert tools.ran == []
    assert results(said) == {"c1": REFUSED}
    (warning,) = [r.message for r in caplog.records if "cannot be watched" in r.message]
    assert "_ConfigurableModel" in warning
    assert "cotmon proxy" in warning


@every_kind
@pytest.mark.parametrize("part", ["conversation", "score", "known"])
def test_t10_watching_that_fails_shows_no_call(watching, tools, monkeypatch, part, kind):
    own = watching("ask = 0.5")
    where = {"conversation": own.watcher, "known": own.watcher, "score": kind_of(own)}[part]
    monkeypatch.setattr(where, part, _broken)
    words = "I look around. " * 9
    with scripted(Line(text=words, calls=TWO.calls), END) as server:
        events = streamed(agent_of(server, tools, own), kind)
    shown = "".join(m.text for m in tokens(events) if m.type != "tool")
    assert shown.startswith(words)
    assert "'c2'" not in spoken(events)
    assert results(state(events))["c2"] == REFUSED
    assert "danger dynamite" not in tools.ran
    if part != "score":
        assert own.watcher.faults["RuntimeError"] >= 1


def _broken(*_, **__):
    raise RuntimeError("it is broken")
