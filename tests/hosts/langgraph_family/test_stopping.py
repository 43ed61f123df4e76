"""What is stopped, by the conformance tests."""

import asyncio
import threading
from operator import add
from typing import Annotated

import pytest
from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph_graphs import BOTH, answer, by_hand, chained, edges, failing, noted, results, sends
from pydantic import BaseModel
from scripted import scripted
from two_tools import APPROVE, BLOCK, END, GO, ONE, REFUSED, REJECT, THREAD, TWO

from cotmon.errors import UsageError
from cotmon.hosts import langgraph as host


@BOTH
def test_t03_a_blocked_tool_never_runs(watched, tools, graph_of):
    with scripted(ONE, END) as server:
        graph, _ = watched(graph_of(server, tools.both), BLOCK)
        state = graph.invoke(GO)
    assert tools.ran == []
    assert [m.content for m in state["messages"] if m.type == "tool"] == [REFUSED]
    assert state["messages"][1].tool_calls[0]["args"] == {"x": "dynamite"}
    assert state["messages"][-1].content == "Done."


@pytest.mark.parametrize("graph_of", [edges, sends, chained])
def test_t04_of_two_calls_only_the_bad_one_is_blocked(watched, tools, graph_of):
    with scripted(TWO, END) as server:
        graph, _ = watched(graph_of(server, tools.both), BLOCK)
        state = graph.invoke(GO)
    assert tools.ran == ["safe"]
    assert results(state) == {"c1": "safe 1", "c2": REFUSED}
    assert len(state["messages"][1].tool_calls) == 2


def test_t04_in_a_state_of_any_shape(watched, tools):
    class Typed(BaseModel):
        messages: Annotated[list[AnyMessage], add]

    with scripted(TWO, END) as server:
        graph, _ = watched(edges(server, tools.both, state=Typed), BLOCK)
        state = graph.invoke({"messages": [HumanMessage("go")]})
    assert tools.ran == ["safe"]
    assert results(state) == {"c1": "safe 1", "c2": REFUSED}


@BOTH
def test_t05_async_is_as_sync_and_does_not_hold_the_loop(watched, tools, graph_of, monkeypatch):
    where = []
    with scripted(TWO, END) as server:
        graph, own = watched(graph_of(server, tools.both), BLOCK)
        score = own.scorer.score
        monkeypatch.setattr(
            own.scorer, "score",
            lambda *a: (where.append(threading.current_thread()), score(*a))[1],
        )  # fmt: skip
        state = asyncio.run(graph.ainvoke(GO))
    assert tools.ran == ["safe"]
    assert results(state) == {"c1": "safe 1", "c2": REFUSED}
    assert noted(own) == [("safe", "allow"), ("danger", "block"), ("", "allow")]
    assert where
    assert threading.main_thread() not in where


@BOTH
def test_t06_streaming_leaks_words_and_no_effect_as_the_card_says(watched, tools, graph_of):
    with scripted(ONE, END) as server:
        graph, own = watched(graph_of(server, tools.both), BLOCK)
        seen = []
        for mode, event in graph.stream(GO, stream_mode=["messages", "updates"]):
            if mode == "updates" and not seen:
                seen = noted(own)
            assert tools.ran == [], event
    assert seen == [("danger", "block")], "an update is shown once it is judged"
    assert host.HOST.card.streams == "no"
    assert any("stream_mode='messages'" in note for note in host.HOST.card.notes)


def test_t07_generation_cannot_be_cut_as_the_card_says():
    assert any("not cancelled" in note for note in host.HOST.card.notes)


@pytest.mark.parametrize(("on_error", "ran"), [("block", []), ("flag", ["danger dynamite"])])
def test_t10_a_monitor_that_fails(watched, tools, monkeypatch, on_error, ran):
    with scripted(ONE, END) as server:
        graph, own = watched(
            edges(server, tools.both),
            f'[watch.failures."scheming/dynamite"]\non_error = "{on_error}"',
        )
        monkeypatch.setattr(type(own.monitors[0].kind), "score", failing)
        graph.invoke(GO)
    assert tools.ran == ran
    assert noted(own)[0] == ("danger", on_error)


@BOTH
@pytest.mark.parametrize("part", ["conversation", "state", "ask"])
def test_t10_watching_that_fails_is_closed_and_counted(watched, tools, monkeypatch, graph_of, part):
    with scripted(TWO, END) as server:
        graph, own = watched(graph_of(server, tools.both, InMemorySaver()))
        monkeypatch.setattr(own, part, failing)
        state = graph.invoke(GO, THREAD)
        if held := state.get("__interrupt__"):
            assert part == "state", held
            state = graph.invoke(answer(APPROVE), THREAD)
    assert "danger dynamite" not in tools.ran
    assert results(state)["c2"] == REFUSED
    assert own.faults["RuntimeError"] >= 1


def test_t10_calls_that_cannot_be_found_are_not_run(watched, tools):
    """Messages as plain dictionaries: this host reads only LangChain's."""

    def graph_of():
        graph = StateGraph(dict)
        graph.add_node("run", lambda s: {"messages": [tools.both[1].invoke({"x": "dynamite"})]})
        graph.add_edge(START, "run")
        return graph.compile()

    graph, _ = watched(graph_of(), 'tool_nodes = ["run"]')
    with pytest.raises(UsageError, match="no LangChain messages"):
        graph.invoke({"messages": [{"role": "assistant", "tool_calls": []}]})
    assert tools.ran == []


def test_t11_a_monitor_that_is_late(watched, tools, monkeypatch):
    with scripted(ONE, END) as server:
        graph, own = watched(
            edges(server, tools.both),
            'timeout_ms = 50\n[watch.failures."scheming/dynamite"]\non_timeout = "block"',
        )
        done, kind = threading.Event(), type(own.monitors[0].kind)
        late = kind.score
        monkeypatch.setattr(kind, "score", lambda *a: (done.wait(10), late(*a))[1])
        graph.invoke(GO)
        done.set()
    assert tools.ran == []
    assert noted(own)[0] == ("danger", "block")


@BOTH
def test_without_a_checkpointer_a_question_is_a_block_and_that_is_said(
    watched, tools, caplog, graph_of
):
    with scripted(TWO, END) as server:
        graph, own = watched(graph_of(server, tools.both))
        assert sum("no checkpointer" in r.message for r in caplog.records) == 1
        state = graph.invoke(GO)
    assert results(state)["c2"] == REFUSED
    assert noted(own)[1] == ("danger", "block")


def test_tools_in_ordinary_nodes_are_said_to_be_unseen_and_can_be_named(watched, tools, caplog):
    with scripted(TWO, END) as server:
        with pytest.raises(UsageError, match=r"tool_nodes \(think, act\)"):
            watched(by_hand(server, tools.both), BLOCK)
        watched(by_hand(server, tools.both), mode="observe")
        assert any("no node of this graph is a ToolNode" in r.message for r in caplog.records)
        graph, _ = watched(
            by_hand(server, tools.both, InMemorySaver()), 'block = 1.5\ntool_nodes = ["act"]'
        )
        assert graph.invoke(GO, THREAD)["__interrupt__"]
        assert tools.ran == []
        state = graph.invoke(answer(REJECT), THREAD)
    assert tools.ran == ["safe"]
    assert results(state) == {"c1": "safe 1", "c2": REFUSED}
