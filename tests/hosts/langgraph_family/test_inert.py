"""What watching must not change, by the conformance tests."""

import asyncio
from dataclasses import fields, is_dataclass

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Send
from langgraph_graphs import chained, edges, failing, results, sends, stored
from scripted import Line, scripted
from two_tools import BLOCK, END, GO, REFUSED, THREAD, TWO, Tools

from cotmon.errors import UsageError
from cotmon.hosts import watch


@pytest.mark.parametrize(("graph_of", "threads"), [(edges, False), (sends, True)])
def test_t15_many_agents_at_once_do_not_mix(watched, tools, graph_of, threads):
    """With a thread each, and with none, when only the run tells them apart."""

    async def one(graph, k):
        here = {"configurable": {"thread_id": f"t{k}"}} if threads else None
        return results(await graph.ainvoke({"messages": [("user", f"go {k}")]}, here))

    async def all_of_them(graph):
        return await asyncio.gather(*(one(graph, k) for k in range(64)))

    with scripted(TWO, END) as server:
        saver = InMemorySaver() if threads else None
        graph, own = watched(graph_of(server, tools.both, saver), BLOCK)
        found = asyncio.run(all_of_them(graph))
    assert found == [{"c1": "safe 1", "c2": REFUSED}] * 64
    assert tools.ran == ["safe"] * 64
    conversations = stored(own)
    assert len(conversations) == 64
    assert {m[0]["content"] for m in conversations.values()} == {f"go {k}" for k in range(64)}
    assert {len(m) for m in conversations.values()} == {5}


MODES = ["values", "updates", "messages", "custom", "tasks", "checkpoints", "debug"]


def _plain(thing):
    """What was seen, without what is made up anew in every run."""
    if isinstance(thing, dict):
        varies = ("id", "ts", "timestamp", "checkpoint_id", "checkpoint_ns", "run_id",
                  "parent_ids", "langgraph_checkpoint_ns", "parent_config", "config")  # fmt: skip
        return {k: _plain(v) for k, v in thing.items() if k not in varies}
    if isinstance(thing, list | tuple):
        return [_plain(v) for v in thing]
    if isinstance(thing, Send):
        return [thing.node, _plain(thing.arg)]
    if is_dataclass(thing):
        return _plain({f.name: getattr(thing, f.name) for f in fields(thing)})
    if hasattr(thing, "model_dump"):
        return _plain(thing.model_dump())
    return thing


@pytest.mark.parametrize("graph_of", [edges, sends, chained])
@pytest.mark.parametrize("broken", [None, "conversation", "known", "note", "monitor"])
def test_t16_observing_changes_nothing(watched, monkeypatch, graph_of, broken):
    """All stream modes, all events, all requests, all checkpoints."""
    line = Line(text="Calling.", calls=(("c1", "danger", '{"x": "dynamite"}'),))

    def seen(watching):
        tools = Tools()
        with scripted(line, END) as server:
            graph = graph_of(server, tools.both, InMemorySaver())
            graph = watching(graph) if watching else graph
            streamed = list(graph.stream(GO, THREAD, stream_mode=MODES, subgraphs=True))
            history = [(s.next, s.metadata, s.values) for s in graph.get_state_history(THREAD)]

            async def events():
                here = {"configurable": {"thread_id": "u"}}
                return [e async for e in graph.astream_events(GO, here, version="v2")]

            happened = asyncio.run(events())
            shape = graph.get_graph(xray=True).draw_mermaid()
            return [tools.ran, server.requests, shape] + [
                _plain(part) for part in (streamed, history, happened)
            ]

    def watching(graph):
        found, own = watched(graph, BLOCK, mode="observe")
        if broken == "conversation":
            monkeypatch.setattr(own, "conversation", failing)
        elif broken == "known":
            monkeypatch.setattr(own.store, "reading", failing)
        elif broken == "note":
            monkeypatch.setattr(own.store, "begin", failing)
        elif broken == "monitor":
            monkeypatch.setattr(type(own.monitors[0].kind), "score", failing)
        return found

    for mine, bare in zip(seen(watching), seen(None), strict=True):
        assert mine == bare
    monkeypatch.undo()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_t16_observing_changes_nothing_where_one_node_runs_several_calls(watched, kind):
    """They run beside each other, so what happens is compared in any order."""

    async def events(graph):
        return [event async for event in graph.astream_events(GO, THREAD, version="v2")]

    def seen(watching):
        tools = Tools()
        with scripted(TWO, END) as server:
            graph = watching(edges(server, tools.both, InMemorySaver()))
            if kind == "async":
                happened = asyncio.run(events(graph))
            else:
                happened = list(graph.stream(GO, THREAD, stream_mode=MODES))
            told = sorted(tools.ran), server.requests, graph.get_state(THREAD).values
            return sorted(map(str, _plain(happened))), [str(_plain(part)) for part in told]

    assert seen(lambda graph: watched(graph, BLOCK, mode="observe")[0]) == seen(lambda graph: graph)


def test_the_graph_itself_stays_as_it_is(watched, tools):
    with scripted(TWO, END) as server:
        graph = edges(server, tools.both)
        before = {name: node.bound for name, node in graph.nodes.items()}
        copy, _ = watched(graph, BLOCK)
        assert {name: node.bound for name, node in graph.nodes.items()} == before
        assert isinstance(copy, type(graph))
        with pytest.raises(UsageError, match="already"):
            watched(copy)
        state = copy.with_config(tags=["x"]).invoke(GO)
    assert tools.ran == ["safe"]
    assert results(state)["c2"] == REFUSED


def test_off_is_off(project, tools, monkeypatch):
    path = project(BLOCK)
    monkeypatch.setenv("COTMON_MODE", "off")
    with scripted(END) as server:
        graph = edges(server, tools.both)
        assert watch(graph, path) is graph
