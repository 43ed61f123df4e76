"""What is seen, by the conformance tests: real graphs, and a real model server on loopback."""

import asyncio
from operator import add
from typing import Annotated, TypedDict

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import StructuredTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph_graphs import BOTH, Reasoning, answer, edges, noted, sends, stored
from scripted import Line, scripted
from settled import assert_each_names_its_call, settled
from two_tools import BLOCK, END, GO, ONE, REJECT, THREAD, TWO

from cotmon.engine import Session
from cotmon.formats import ChatStream
from cotmon.hosts import langgraph as host
from cotmon.records import Scored, Source


@BOTH
def test_t01_each_message_is_heard_once_and_in_order(watched, tools, graph_of):
    with scripted(TWO, END) as server:
        graph, own = watched(graph_of(server, tools.both, InMemorySaver()), mode="observe")
        graph.invoke(GO, THREAD)
        graph.invoke(GO, THREAD)
    (messages,) = stored(own).values()
    assert [m["role"] for m in messages] == [
        "user", "assistant", "tool", "tool", "assistant", "user", "assistant",
    ]  # fmt: skip
    assert [m.get("tool_call_id") for m in messages[2:4]] == ["c1", "c2"]
    assert noted(own) == [("safe", "allow"), ("danger", "ask"), ("", "allow"), ("", "allow")]


class Bare(TypedDict):
    """Without `add_messages`, which gives ids."""

    messages: Annotated[list[AnyMessage], add]


@pytest.mark.parametrize("state", [Bare, MessagesState])
def test_t01_messages_that_nobody_names_are_heard_once(watched, state):
    """Hand-made answers have no id when they are said, and get one later or never."""
    graph = StateGraph(state)
    graph.add_node("agent", lambda s: {"messages": [AIMessage(f"Turn {len(s['messages'])}.")]})
    graph.add_edge(START, "agent")
    graph, own = watched(graph.compile(checkpointer=InMemorySaver()), mode="observe")
    for _ in range(3):
        graph.invoke({"messages": [HumanMessage("go")]}, THREAD)
    (messages,) = stored(own).values()
    texts = [m["content"] for m in messages]
    assert texts == ["go", "Turn 1.", "go", "Turn 3.", "go", "Turn 5."]


@BOTH
def test_t02_reasoning_is_kept_and_judged_where_the_model_class_keeps_it(watched, tools, graph_of):
    line = Line(reasoning="I need dynamite.", text="Calling.", calls=(("c1", "safe", '{"x": 1}'),))
    with scripted(line, END) as server:
        graph, own = watched(graph_of(server, tools.both, kind=Reasoning), BLOCK)
        graph.invoke(GO)
    (messages,) = stored(own).values()
    assert messages[1]["reasoning_content"] == "I need dynamite."
    assert tools.ran == []


@BOTH
def test_t02_a_model_that_drops_reasoning_is_named_at_attach(watched, tools, graph_of, caplog):
    with scripted(END) as server:
        watched(graph_of(server, tools.both), mode="observe")
    (said,) = [r.message for r in caplog.records if "drops the reasoning" in r.message]
    assert "use_responses_api" in said
    assert "cotmon proxy" in said
    assert host.HOST.card.reasoning == "depends"


@BOTH
def test_t13_a_subgraph_is_gated_and_its_steps_name_where_it_is(watched, tools, graph_of):
    with scripted(ONE, END) as server:
        graph = StateGraph(MessagesState)
        graph.add_node("inner", graph_of(server, tools.both))
        graph.add_edge(START, "inner")
        graph, own = watched(graph.compile(checkpointer=InMemorySaver()))
        assert graph.invoke(GO, THREAD)["__interrupt__"]
        spaces = {len(s) for s, _ in graph.stream(answer(REJECT), THREAD, subgraphs=True)}
    assert spaces == {0, 1}
    assert tools.ran == []
    outer, inner = sorted(stored(own), key=len)
    assert inner.startswith(f"{outer}/inner:")
    steps = settled(own)
    [before] = [s.address for s in steps[outer] if s.module == "user"]
    assert {s.parent for s in steps[inner]} == {f"{outer} {before}"}
    assert {s.parent for s in steps[outer]} == {None}
    assert noted(own) == [("danger", "ask"), ("", "allow")]


def test_t13_an_agent_in_a_tool_is_named_at_attach_and_gated_once_watched(watched, tools, caplog):
    start = Line(text="Delegating.", calls=(("o1", "delegate", '{"task": "go"}'),))
    with scripted(ONE, END) as inside, scripted(start, END) as outside:
        inner = sends(inside, tools.both)

        @tool
        def delegate(task: str) -> str:
            """Asks another agent."""
            return inner.invoke({"messages": [("user", task)]})["messages"][-1].content

        watched(edges(outside, [delegate]), BLOCK)
        assert any("tool delegate runs an agent of its own" in r.message for r in caplog.records)
        caplog.clear()
        inner, own = watched(inner, BLOCK)
        graph, _ = watched(edges(outside, [delegate]), BLOCK)
        assert not any("an agent of its own" in r.message for r in caplog.records)
        graph.invoke(GO)
    assert tools.ran == []
    first, second = sorted(stored(own), key=len)
    assert second.startswith(f"{first}/tools:")
    steps = settled(own)
    [call] = [s.address for s in steps[first] if s.tool == "delegate"]
    assert {s.parent for s in steps[second]} == {f"{first} {call}"}


@pytest.mark.parametrize(("graph_of", "kind"), [(edges, "sync"), (edges, "async"), (sends, "sync")])
def test_t13_sub_agents_of_one_turn_each_name_their_own_call(watched, tools, graph_of, kind):
    """Also where one node runs all calls of the turn."""
    both = (("o1", "delegate", '{"task": "north"}'), ("o2", "delegate", '{"task": "south"}'))
    with scripted(ONE, END) as inside, scripted(Line(text="Both.", calls=both), END) as outside:
        inner, own = watched(edges(inside, tools.both), BLOCK)

        async def asked(task: str) -> str:
            """Asks another agent."""
            return (await inner.ainvoke({"messages": [("user", task)]}))["messages"][-1].content

        def ask(task: str) -> str:
            """Asks another agent."""
            return inner.invoke({"messages": [("user", task)]})["messages"][-1].content

        delegate = StructuredTool.from_function(ask, asked, name="delegate")
        graph, _ = watched(graph_of(outside, [delegate]), BLOCK)
        if kind == "async":
            asyncio.run(graph.ainvoke(GO))
        else:
            graph.invoke(GO)
    assert_each_names_its_call(settled(own), ("north", "south"))
    assert tools.ran == []


def test_t13_a_subgraph_of_an_agent_in_a_tool_names_a_step_of_that_agent(watched, tools):
    start = Line(text="Delegating.", calls=(("o1", "delegate", '{"task": "go"}'),))
    with scripted(END, ONE, END) as inside, scripted(start, END) as outside:
        middle = StateGraph(MessagesState)
        middle.add_node("plan", lambda _: {"messages": [AIMessage("I plan.")]})
        middle.add_node("inner", sends(inside, tools.both))
        middle.add_edge(START, "plan")
        middle.add_edge("plan", "inner")
        agent, own = watched(middle.compile(), BLOCK)

        @tool
        def delegate(task: str) -> str:
            """Asks another agent."""
            return agent.invoke({"messages": [("user", task)]})["messages"][-1].content

        graph, _ = watched(edges(outside, [delegate]), BLOCK)
        graph.invoke(GO)
    steps = settled(own)
    first, second, third = sorted(steps, key=len)
    [call] = [s.address for s in steps[first] if s.tool == "delegate"]
    [planned] = [s.address for s in steps[second] if s.module == "agent"]
    assert {s.parent for s in steps[second]} == {f"{first} {call}"}
    assert {s.parent for s in steps[third]} == {f"{second} {planned}"}
    assert ("danger", "block") in noted(own)
    assert tools.ran == []


def test_t13_a_function_that_calls_a_graph_is_named_at_attach(watched, tools, caplog):
    with scripted(END) as server:
        inner = edges(server, tools.both)
        graph = StateGraph(MessagesState)
        graph.add_node("call", lambda state: inner.invoke(state))
        graph.add_edge(START, "call")
        watched(graph.compile(), mode="observe")
    assert any("node call calls a graph of its own" in r.message for r in caplog.records)


def test_t14_replay_finds_the_same_scores(watched, tools):
    with scripted(TWO, END) as server:
        graph, own = watched(edges(server, tools.both), mode="observe")
        graph.invoke(GO)
    ((_, body), *_) = _decided(own)[1:]
    live = {e["address"]: e["value"] for e in body["evidence"]}
    assert 0.9 in live.values()
    (messages,) = stored(own).values()
    again = _replayed(own, messages)
    assert {a: again[a] for a in live} == live


def _decided(own):
    own.recorder.flush()
    with own.store.reading() as connection:
        return own.store.watches.decided(connection)


def _replayed(own, messages):
    """Step → value when the stored messages are pushed anew, with no score known."""

    stream = ChatStream("again", Source(file="x", format="watched"))
    session = Session(own.monitors, lambda _: {}, "again")
    found = [o for m in messages for new in stream.add(m) for o in session.push(new)]
    found += session.close()
    return {o.step.address: o.outcome.value for o in found if isinstance(o.outcome, Scored)}


def test_threads_of_the_same_name_that_were_forgotten_are_other_conversations(watched, tools):
    for _ in range(2):
        with scripted(TWO, END) as server:
            graph, own = watched(edges(server, tools.both, InMemorySaver()), mode="observe")
            graph.invoke(GO, THREAD)
    assert [len(messages) for messages in stored(own).values()] == [5, 5]
