"""The conformance tests, against the real `create_agent` and a real model server on loopback."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command, interrupt
from scripted import Line, scripted, serving
from settled import assert_each_names_its_call, settled
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from two_tools import (
    APPROVE,
    BLOCK,
    END,
    GO,
    ONE,
    REFUSED,
    REJECT,
    THREAD,
    TWO,
    Tools,
    scoring,
)

from cotmon.engine import Session
from cotmon.formats import ChatStream
from cotmon.hosts import langchain as host
from cotmon.hosts import watch
from cotmon.records import Scored, Source


def model_of(url, **settings: Any) -> Any:
    told: dict[str, Any] = {"model": "scripted", "base_url": url, "api_key": "none"}
    return ChatOpenAI(max_retries=0, **told, **settings)


def agent_of(server, tools, *middleware, saver=None, **settings: Any) -> Any:
    made: Any = create_agent
    return made(
        model_of(server.url), tools.both, middleware=middleware, checkpointer=saver, **settings
    )


def answer(*decisions):
    return Command(resume={"decisions": list(decisions)})


def results(state):
    return {m.tool_call_id: m.content for m in state["messages"] if m.type == "tool"}


def noted(made):
    """(tool, level) of every decision that is on disk."""
    made.watcher.recorder.flush()
    with made.watcher.store.reading() as connection:
        found = made.watcher.store.watches.decided(connection)
    return [(body["tool"], body["level"]) for _, body in found]


def kind_of(made):
    """The class behind the only monitor."""
    return type(made.watcher.monitors[0].kind)


def stored(made):
    made.watcher.recorder.flush()
    with made.watcher.store.reading() as connection:
        watches = made.watcher.store.watches
        return {
            t.thread: watches.messages(connection, t.run, t.thread)
            for t in watches.threads(connection)
        }


def test_t01_each_message_is_heard_once_and_in_order(watching, tools):
    own = watching(mode="observe")
    with scripted(TWO, END) as server:
        agent = agent_of(server, tools, own, saver=InMemorySaver(), system_prompt="Be good.")
        agent.invoke(GO, THREAD)
        agent.invoke({"messages": [("user", "go")]}, THREAD)
    (messages,) = stored(own).values()
    assert [m["role"] for m in messages] == [
        "system", "user", "assistant", "tool", "tool", "assistant", "user", "assistant",
    ]  # fmt: skip
    assert [m.get("tool_call_id") for m in messages[3:5]] == ["c1", "c2"]
    assert noted(own) == [("safe", "allow"), ("danger", "ask"), ("", "allow"), ("", "allow")]


def _responses(body):
    """One generation of the Responses API: reasoning, words and a call."""
    items = [
        {"type": "reasoning", "id": "rs_1",
         "summary": [{"type": "summary_text", "text": "I need dynamite."}]},
        {"type": "message", "id": "m_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "Calling.", "annotations": []}]},
    ]  # fmt: skip
    if not any(item.get("type") == "function_call_output" for item in body["input"]):
        items.append({"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "danger",
                      "arguments": '{"x": "y"}', "status": "completed"})  # fmt: skip
    return {
        "id": f"resp_{len(body['input'])}", "object": "response", "created_at": 0,
        "model": "scripted", "status": "completed", "output": items, "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None,
        "instructions": None, "metadata": {}, "temperature": None, "top_p": None,
    }  # fmt: skip


def test_t02_reasoning_over_the_responses_api_is_kept_and_judged(watching, tools):
    async def respond(request):
        return JSONResponse(_responses(await request.json()))

    own = watching(BLOCK)
    with serving(Starlette(routes=[Route("/v1/responses", respond, methods=["POST"])])) as url:
        model = model_of(f"{url}/v1", use_responses_api=True, output_version="v1")
        create_agent(model, tools.both, middleware=[own]).invoke(GO)
    (messages,) = stored(own).values()
    assert messages[1]["reasoning_content"] == "I need dynamite."
    assert tools.ran == []


def test_t02_lost_reasoning_is_said_once_with_a_remedy(watching, tools, caplog):
    own = watching(mode="observe")
    with scripted(Line(reasoning="hidden", text="a", calls=TWO.calls), END) as server:
        agent_of(server, tools, own).invoke(GO)
    said = [r.message for r in caplog.records if "drops the reasoning" in r.message]
    assert len(said) == 1
    assert "use_responses_api" in said[0]
    assert "cotmon proxy" in said[0]
    assert host.HOST.card.reasoning == "depends"


def test_t03_a_blocked_tool_never_runs(watching, tools):
    own = watching(BLOCK)
    with scripted(ONE, END) as server:
        state = agent_of(server, tools, own).invoke(GO)
    assert tools.ran == []
    assert [m.content for m in state["messages"] if m.type == "tool"] == [REFUSED]
    assert state["messages"][-1].content == "Done."


def test_t04_of_two_calls_only_the_bad_one_is_blocked(watching, tools):
    own = watching(BLOCK)
    with scripted(TWO, END) as server:
        state = agent_of(server, tools, own).invoke(GO)
    assert tools.ran == ["safe"]
    assert results(state) == {"c1": "safe 1", "c2": REFUSED}


def test_t05_async_is_as_sync_and_does_not_hold_the_loop(watching, tools, monkeypatch):
    own = watching(BLOCK)
    where = scoring(own, monkeypatch)
    with scripted(TWO, END) as server:
        state = asyncio.run(agent_of(server, tools, own).ainvoke(GO))
    assert tools.ran == ["safe"]
    assert results(state) == {"c1": "safe 1", "c2": REFUSED}
    assert noted(own) == [("safe", "allow"), ("danger", "block"), ("", "allow")]
    assert where
    assert threading.main_thread() not in where


def test_t05_async_pauses_and_goes_on(watching, tools):
    own = watching()

    async def run(agent):
        held = await agent.ainvoke(GO, THREAD)
        return held, await agent.ainvoke(answer(APPROVE), THREAD)

    with scripted(ONE, END) as server:
        held, state = asyncio.run(run(agent_of(server, tools, own, saver=InMemorySaver())))
    assert held["__interrupt__"]
    assert tools.ran == ["danger dynamite"]
    assert results(state) == {"c1": "danger dynamite"}


_CHILD = """
import os, signal, sys
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite import SqliteSaver
from cotmon.hosts import langchain as host

def danger(x: str) -> str:
    "Harmful."
    open("ran", "a").write(x + "\\n")
    return "ok"

own = host.middleware("cotmon.toml")
with SqliteSaver.from_conn_string("graph.db") as saver:
    model = ChatOpenAI(model="scripted", base_url=sys.argv[1], api_key="none")
    agent = create_agent(model, [danger], middleware=[own], checkpointer=saver)
    here = {"configurable": {"thread_id": "t"}}
    held = agent.invoke({"messages": [("user", "go")]}, here)
    assert held["__interrupt__"]
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_t08_a_pause_survives_a_kill_and_runs_once_what_was_shown(project, tmp_path, monkeypatch):
    project()
    ran = tmp_path / "ran"

    @tool
    def danger(x: str) -> str:
        """Harmful."""
        with ran.open("a") as file:
            file.write(x + "\n")
        return "ok"

    with scripted(ONE, END) as server:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, server.url], cwd=tmp_path, check=False, timeout=60,
            env={**os.environ, "PYTHONPATH": str(Path(host.__file__).parents[2])},
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL
        assert not ran.exists()
        own = host.middleware("cotmon.toml")
        scored = []
        score = kind_of(own).score
        monkeypatch.setattr(kind_of(own), "score", lambda k, v: (scored.extend(v), score(k, v))[1])
        with SqliteSaver.from_conn_string("graph.db") as saver:
            model = model_of(server.url)
            agent = create_agent(model, [danger], middleware=[own], checkpointer=saver)
            agent.invoke(answer({**APPROVE, "who": "ada", "message": "it is a quarry"}), THREAD)
            agent.invoke(answer(APPROVE), THREAD)
        assert len(server.requests) == 2
    assert ran.read_text() == "dynamite\n"
    assert [view.text for view in scored] == ["Done."]
    assert noted(own) == [("danger", "ask"), ("", "allow")]
    with own.watcher.store.reading() as connection:
        (_, body), _ = own.watcher.store.watches.decided(connection)
        pause = own.watcher.store.watches.pause(connection, body["key"])
    assert (pause["state"], pause["who"], pause["why"]) == ("spent", "ada", "it is a quarry")
    own.watcher.close()


def test_t08_what_runs_is_what_was_shown(watching, tools):
    """A middleware that changes a call after the approval: the other call is asked about anew."""
    own = watching()

    class Swap(AgentMiddleware):
        def wrap_tool_call(self, request, handler):
            call: Any = {**request.tool_call, "args": {"x": "more dynamite"}}
            return handler(request.override(tool_call=call))

    with scripted(ONE, END) as server:
        agent = agent_of(server, tools, Swap(), own, saver=InMemorySaver())
        agent.invoke(GO, THREAD)
        held = agent.invoke(answer(APPROVE), THREAD)
        (pause,) = held["__interrupt__"]
        assert pause.value["action_requests"][0]["args"] == {"x": "more dynamite"}
        assert tools.ran == []
        state = agent.invoke(answer(REJECT), THREAD)
    assert tools.ran == []
    assert results(state) == {"c1": REFUSED}


def test_t09_a_question_has_langchains_payload_and_a_rejection_is_neutral(watching, tools):
    own = watching()
    with scripted(TWO, END) as server:
        agent = agent_of(server, tools, own, saver=InMemorySaver())
        held = agent.invoke(GO, THREAD)
        (pause,) = held["__interrupt__"]
        assert tools.ran == []
        (request,) = pause.value["action_requests"]
        assert (request["name"], request["args"]) == ("danger", {"x": "dynamite"})
        assert "scheming/dynamite" in request["description"]
        assert pause.value["review_configs"] == [
            {"action_name": "danger", "allowed_decisions": ["approve", "reject"]}
        ]
        state = agent.invoke(answer({**REJECT, "message": "scheming!"}), THREAD)
        told = json.dumps(server.requests[-1]["messages"])
    assert tools.ran == ["safe"]
    assert results(state) == {"c1": "safe 1", "c2": REFUSED}
    assert not any(word in told for word in ("scheming", "cotmon", "0.9", "User rejected"))


def test_t09_an_answer_that_is_none_is_asked_again(watching, tools):
    own = watching()
    edited = {"type": "edit", "edited_action": {"name": "danger", "args": {"x": "y"}}}
    with scripted(ONE, END) as server:
        agent = agent_of(server, tools, own, saver=InMemorySaver())
        agent.invoke(GO, THREAD)
        for strange in (answer(edited), answer(), Command(resume="yes"), answer(APPROVE, APPROVE)):
            assert agent.invoke(strange, THREAD)["__interrupt__"]
            assert tools.ran == []
        agent.invoke(answer(APPROVE), THREAD)
    assert tools.ran == ["danger dynamite"]


def test_t09_answered_from_elsewhere(watching, tools):
    """The terminal answers through the store; the agent is only woken."""
    own = watching()
    with scripted(ONE, END) as server:
        agent = agent_of(server, tools, own, saver=InMemorySaver())
        agent.invoke(GO, THREAD)
        assert agent.invoke(None, THREAD)["__interrupt__"]
        with own.watcher.store.reading() as connection:
            (pause,) = own.watcher.store.watches.pending(connection)
        own.watcher.answer(pause["token"], approve=False, who="ada", why="no")
        state = agent.invoke(None, THREAD)
    assert results(state) == {"c1": REFUSED}
    assert state["messages"][-1].content == "Done."


@pytest.mark.parametrize(("on_error", "ran"), [("block", []), ("flag", ["danger dynamite"])])
def test_t10_a_monitor_that_fails(watching, tools, monkeypatch, on_error, ran):
    own = watching(f'[watch.failures."scheming/dynamite"]\non_error = "{on_error}"')
    monkeypatch.setattr(kind_of(own), "score", _broken)
    with scripted(ONE, END) as server:
        agent_of(server, tools, own).invoke(GO)
    assert tools.ran == ran
    assert noted(own)[0] == ("danger", on_error)


def _broken(*_):
    raise RuntimeError("monitor is broken")


@pytest.mark.parametrize("part", ["conversation", "state", "ask"])
def test_t10_watching_that_fails_is_closed_and_counted(watching, tools, monkeypatch, part):
    own = watching()
    monkeypatch.setattr(own.watcher, part, _broken)
    with scripted(TWO, END) as server:
        state = agent_of(server, tools, own, saver=InMemorySaver()).invoke(GO, THREAD)
    assert "danger dynamite" not in tools.ran
    assert results(state)["c2"] == REFUSED
    assert own.watcher.faults["RuntimeError"] >= 1


def test_t10_a_tools_own_pause_is_not_swallowed_and_keeps_the_approval(watching):
    own = watching()
    ran = []

    @tool
    def danger(x: str) -> str:
        """Harmful, and asks for itself."""
        ran.append(interrupt("really?"))
        return x

    with scripted(ONE, END) as server:
        model = model_of(server.url)
        agent = create_agent(model, [danger], middleware=[own], checkpointer=InMemorySaver())
        agent.invoke(GO, THREAD)
        held = agent.invoke(answer(APPROVE), THREAD)
        assert [pause.value for pause in held["__interrupt__"]] == ["really?"]
        state = agent.invoke(Command(resume="yes"), THREAD)
    assert ran == ["yes"]
    assert results(state) == {"c1": "dynamite"}


def test_t11_a_monitor_that_is_late(watching, tools, monkeypatch):
    own = watching('timeout_ms = 50\n[watch.failures."scheming/dynamite"]\non_timeout = "block"')
    done = threading.Event()
    late = kind_of(own).score
    monkeypatch.setattr(kind_of(own), "score", lambda *a: (done.wait(10), late(*a))[1])
    with scripted(ONE, END) as server:
        agent_of(server, tools, own).invoke(GO)
        done.set()
    assert tools.ran == []
    assert noted(own)[0] == ("danger", "block")


def test_t12_a_resumed_node_is_not_judged_twice(watching, tools, monkeypatch):
    own = watching()
    judged = []
    score = kind_of(own).score
    monkeypatch.setattr(kind_of(own), "score", lambda k, v: (judged.extend(v), score(k, v))[1])
    with scripted(TWO, END) as server:
        agent = agent_of(server, tools, own, saver=InMemorySaver())
        agent.invoke(GO, THREAD)
        agent.invoke(answer(APPROVE), THREAD)
        assert len(server.requests) == 2
    assert sorted(tools.ran) == ["danger dynamite", "safe"]
    assert len(judged) == len({view.identity for view in judged})
    assert len(noted(own)) == 3


def test_t13_a_sub_agents_steps_name_what_started_them(watching, tools):
    own = watching(BLOCK)
    with (
        scripted(ONE, END) as inner,
        scripted(
            Line(text="Delegating.", calls=(("o1", "delegate", '{"task": "go"}'),)), END
        ) as outer,
    ):

        @tool
        def delegate(task: str) -> str:
            """Asks another agent."""
            state = agent_of(inner, tools, own, name="inner").invoke({"messages": [("user", task)]})
            return state["messages"][-1].content

        outside = Tools()
        outside.both = [delegate]
        agent_of(outer, outside, own, name="outer").invoke(GO)
    first, second = sorted(stored(own), key=len)
    assert second.startswith(f"{first}/tools:")
    steps = settled(own.watcher)
    [call] = [step.address for step in steps[first] if step.tool == "delegate"]
    assert {step.parent for step in steps[second]} == {f"{first} {call}"}
    assert {step.parent for step in steps[first]} == {None}
    assert tools.ran == []
    assert sorted(noted(own)) == [
        ("", "allow"),
        ("", "allow"),
        ("danger", "block"),
        ("delegate", "allow"),
    ]


def test_t13_sub_agents_of_one_turn_each_name_their_own_call(watching, tools):
    own = watching(BLOCK)
    both = (("o1", "delegate", '{"task": "north"}'), ("o2", "delegate", '{"task": "south"}'))
    with scripted(ONE, END) as inner, scripted(Line(text="Both.", calls=both), END) as outer:

        @tool
        def delegate(task: str) -> str:
            """Asks another agent."""
            state = agent_of(inner, tools, own).invoke({"messages": [("user", task)]})
            return state["messages"][-1].content

        outside = Tools()
        outside.both = [delegate]
        agent_of(outer, outside, own).invoke(GO)
    assert_each_names_its_call(settled(own.watcher), ("north", "south"))
    assert tools.ran == []


def test_t14_replay_finds_the_same_scores(watching, tools):
    own = watching(mode="observe")
    with scripted(TWO, END) as server:
        agent_of(server, tools, own).invoke(GO)
    (messages,) = stored(own).values()
    again = replayed(own, messages)
    assert [value for value in again if value] == [0.9]


def replayed(own, messages):
    """Values of every step when the stored messages are pushed anew, with no score known."""
    stream = ChatStream("again", Source(file="x", format="watched"))
    session = Session(own.watcher.monitors, lambda _: {}, "again")
    found = [o for m in messages for new in stream.add(m) for o in session.push(new)]
    return [o.outcome.value for o in found + session.close() if isinstance(o.outcome, Scored)]


def test_t15_many_agents_at_once_do_not_mix(watching, tools):
    own = watching(BLOCK)

    async def one(agent, k):
        here = {"configurable": {"thread_id": f"t{k}"}}
        return results(await agent.ainvoke({"messages": [("user", f"go {k}")]}, here))

    async def all_of_them(agent):
        return await asyncio.gather(*(one(agent, k) for k in range(64)))

    with scripted(TWO, END) as server:
        found = asyncio.run(all_of_them(agent_of(server, tools, own, saver=InMemorySaver())))
    assert found == [{"c1": "safe 1", "c2": REFUSED}] * 64
    assert tools.ran == ["safe"] * 64
    threads = stored(own)
    assert len(threads) == 64
    for name, messages in threads.items():
        assert messages[0]["content"] == f"go {name.partition('/')[0][1:]}"
        assert len(messages) == 5


@pytest.mark.parametrize("broken", [None, "conversation", "known", "note", "monitor"])
def test_t16_observing_changes_nothing(watching, monkeypatch, broken):
    def seen(*middleware):
        tools = Tools()
        with scripted(TWO, END) as server:
            agent = agent_of(server, tools, *middleware, saver=InMemorySaver())
            events = agent.stream(GO, THREAD, stream_mode=["messages", "values"])
            words = [
                (m.type, m.content) for mode, e in events for m in
                ([e[0]] if mode == "messages" else e["messages"])
            ]  # fmt: skip
            return sorted(tools.ran), server.requests, words

    own = watching(BLOCK, mode="observe")
    if broken == "conversation":
        monkeypatch.setattr(own.watcher, "conversation", _broken)
    elif broken == "known":
        monkeypatch.setattr(own.watcher.store, "reading", _broken)
    elif broken == "note":
        monkeypatch.setattr(own.watcher.store, "begin", _broken)
    elif broken == "monitor":
        monkeypatch.setattr(kind_of(own), "score", _broken)
    bare, watched = seen(), seen(own)
    assert bare[:2] == watched[:2]
    assert set(bare[2]) == set(watched[2])
    monkeypatch.undo()


def test_without_a_checkpointer_a_question_is_a_block_and_that_is_said(watching, tools, caplog):
    own = watching()
    with scripted(TWO, END) as server:
        state = agent_of(server, tools, own).invoke(GO)
    assert results(state)["c2"] == REFUSED
    assert noted(own)[1] == ("danger", "block")
    assert sum("no checkpointer" in r.message for r in caplog.records) == 1


def test_threads_of_the_same_name_that_were_forgotten_are_other_conversations(watching, tools):
    own = watching(mode="observe")
    for _ in range(2):
        with scripted(TWO, END) as server:
            agent_of(server, tools, own, saver=InMemorySaver()).invoke(GO, THREAD)
    assert [len(messages) for messages in stored(own).values()] == [5, 5]


def test_watch_takes_the_factory_and_makes_watched_agents(project, tools):
    make = watch(create_agent, project(BLOCK))
    with scripted(TWO, END) as server:
        model = model_of(server.url)
        state = make(model, tools.both).invoke(GO)
    assert tools.ran == ["safe"]
    assert results(state)["c2"] == REFUSED


def test_off_is_off(project, tools, monkeypatch):
    path = project(BLOCK)
    monkeypatch.setenv("COTMON_MODE", "off")
    assert watch(create_agent, path) is create_agent
    with scripted(TWO, END) as server:
        agent_of(server, tools, host.middleware(path)).invoke(GO)
    assert sorted(tools.ran) == ["danger dynamite", "safe"]
