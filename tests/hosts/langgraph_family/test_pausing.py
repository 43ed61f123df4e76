"""Questions to people, by the conformance tests."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command, interrupt
from langgraph_graphs import BOTH, answer, edges, noted, results, sends, stored, written
from scripted import Line, scripted
from two_tools import APPROVE, END, GO, ONE, REFUSED, REJECT, THREAD, TWO

from cotmon.hosts import langgraph as host
from cotmon.hosts import watch


@BOTH
def test_t05_async_pauses_and_goes_on(watched, tools, graph_of):
    async def run(graph):
        held = await graph.ainvoke(GO, THREAD)
        return held, await graph.ainvoke(answer(APPROVE), THREAD)

    with scripted(ONE, END) as server:
        graph, _ = watched(graph_of(server, tools.both, InMemorySaver()))
        held, state = asyncio.run(run(graph))
    assert held["__interrupt__"]
    assert tools.ran == ["danger dynamite"]
    assert results(state) == {"c1": "danger dynamite"}


_CHILD = """
import os, signal, sys
from langgraph.checkpoint.sqlite import SqliteSaver
from cotmon.hosts import watch
from langgraph_graphs import edges, sends, written
from two_tools import GO, THREAD
from types import SimpleNamespace

with SqliteSaver.from_conn_string("graph.db") as saver:
    graph = {"edges": edges, "sends": sends}[sys.argv[2]]
    graph = watch(graph(SimpleNamespace(url=sys.argv[1]), [written], saver), "cotmon.toml")
    assert graph.invoke(GO, THREAD)["__interrupt__"]
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("graph_of", "elsewhere"), [(edges, True), (sends, False)])
def test_t08_a_pause_survives_a_kill_and_runs_once_what_was_shown(
    project, tmp_path, monkeypatch, graph_of, elsewhere
):
    path = project()
    with scripted(ONE, END) as server:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, server.url, graph_of.__name__], cwd=tmp_path,
            check=False, timeout=60, env={**os.environ, "PYTHONPATH": os.pathsep.join(
                map(str, [Path(host.__file__).parents[2], *Path(__file__).parents[:2]])
            )},
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL
        assert not Path("ran").exists()
        with SqliteSaver.from_conn_string("graph.db") as saver:
            graph = watch(graph_of(server, [written], saver), path)
            own, scored = graph.cotmon, []
            score = own.scorer.score
            monkeypatch.setattr(own.scorer, "score", lambda *a: (scored.append(a), score(*a))[1])
            given = answer({**APPROVE, "who": "ada", "message": "it is a quarry"})
            if elsewhere:
                with own.store.reading() as connection:
                    (pause,) = own.store.watches.pending(connection)
                own.answer(pause["token"], approve=True, who="ada", why="it is a quarry")
                given = None
            graph.invoke(given, THREAD)
            graph.invoke(answer(APPROVE), THREAD)
            graph.invoke(None, THREAD)
        assert len(server.requests) == 2
    assert Path("ran").read_text() == "dynamite\n"
    assert noted(own) == [("danger", "ask"), ("", "allow")]
    (messages,) = stored(own).values()
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "assistant"]
    with own.store.reading() as connection:
        (_, body), _ = own.store.watches.decided(connection)
        pause = own.store.watches.pause(connection, body["key"])
    assert (pause["state"], pause["who"].partition(",")[0]) == ("spent", "ada")
    assert pause["why"] == "it is a quarry"
    own.close()


def test_t08_a_call_that_was_changed_after_the_approval_is_asked_about_anew(watched, tools):
    with scripted(ONE, END) as server:
        graph, _ = watched(edges(server, tools.both, InMemorySaver()))
        said = graph.invoke(GO, THREAD)["messages"][-1]
        call = {**said.tool_calls[0], "args": {"x": "more dynamite"}}
        altered = said.model_copy(update={"tool_calls": [call]})
        graph.update_state(THREAD, {"messages": [altered]}, as_node="agent")
        held = graph.invoke(None, THREAD)
        (pause,) = held["__interrupt__"]
        assert pause.value["action_requests"][0]["args"] == {"x": "more dynamite"}
        assert results(graph.invoke(answer(REJECT), THREAD)) == {"c1": REFUSED}
    assert tools.ran == []


@BOTH
def test_t09_a_question_has_langchains_payload_and_a_rejection_is_neutral(watched, tools, graph_of):
    with scripted(ONE, END) as server:
        graph, _ = watched(graph_of(server, tools.both, InMemorySaver()))
        held = graph.invoke(GO, THREAD)
        (pause,) = held["__interrupt__"]
        assert graph.get_state(THREAD).next == ("tools",)
        (request,) = pause.value["action_requests"]
        assert (request["name"], request["args"]) == ("danger", {"x": "dynamite"})
        assert "scheming/dynamite" in request["description"]
        assert pause.value["review_configs"] == [
            {"action_name": "danger", "allowed_decisions": ["approve", "reject"]}
        ]
        state = graph.invoke(answer({**REJECT, "message": "scheming!"}), THREAD)
        told = str(server.requests[-1])
    assert tools.ran == []
    assert results(state) == {"c1": REFUSED}
    assert not any(word in told for word in ("scheming", "cotmon", "0.9"))


def test_t09_two_questions_of_one_node_are_one_and_are_answered_by_place(watched, tools):
    line = Line(calls=(("c1", "danger", '{"x": "dynamite"}'), ("c2", "safe", '{"x": 1}'),
                       ("c3", "danger", '{"x": "old dynamite"}')))  # fmt: skip
    with scripted(line, END) as server:
        graph, _ = watched(edges(server, tools.both, InMemorySaver()))
        (pause,) = graph.invoke(GO, THREAD)["__interrupt__"]
        assert len(pause.value["action_requests"]) == 2
        assert tools.ran == []
        state = graph.invoke(answer(REJECT, APPROVE), THREAD)
    assert sorted(tools.ran) == ["danger old dynamite", "safe"]
    assert results(state) == {"c1": REFUSED, "c2": "safe 1", "c3": "danger old dynamite"}


def test_t09_questions_of_many_nodes_are_answered_by_their_ids(watched, tools):
    line = Line(calls=(("c1", "danger", '{"x": "dynamite"}'),
                       ("c2", "danger", '{"x": "old dynamite"}')))  # fmt: skip
    with scripted(line, END) as server:
        graph, _ = watched(sends(server, tools.both, InMemorySaver()))
        pauses = graph.invoke(GO, THREAD)["__interrupt__"]
        given = {
            p.id: {"decisions": [REJECT if "old dynamite" in str(p.value) else APPROVE]}
            for p in pauses
        }
        state = graph.invoke(Command(resume=given), THREAD)
    assert tools.ran == ["danger dynamite"]
    assert results(state) == {"c1": "danger dynamite", "c2": REFUSED}


@BOTH
def test_t09_an_answer_that_is_none_is_asked_again(watched, tools, graph_of):
    with scripted(ONE, END) as server:
        graph, _ = watched(graph_of(server, tools.both, InMemorySaver()))
        graph.invoke(GO, THREAD)
        for odd in ("yes", True, {"decisions": []}, {"decisions": [{"type": "edit"}]}):
            assert graph.invoke(Command(resume=odd), THREAD)["__interrupt__"]
        assert tools.ran == []
        graph.invoke(answer(APPROVE), THREAD)
    assert tools.ran == ["danger dynamite"]


@BOTH
def test_t09_rejected_from_elsewhere(watched, tools, graph_of):
    with scripted(ONE, END) as server:
        graph, own = watched(graph_of(server, tools.both, InMemorySaver()))
        graph.invoke(GO, THREAD)
        assert graph.invoke(None, THREAD)["__interrupt__"]
        with own.store.reading() as connection:
            (pause,) = own.store.watches.pending(connection)
        own.answer(pause["token"], approve=False, who="ada", why="no")
        state = graph.invoke(None, THREAD)
    assert results(state) == {"c1": REFUSED}
    assert state["messages"][-1].content == "Done."


@BOTH
@pytest.mark.parametrize("elsewhere", [False, True])
def test_t10_a_tools_own_pause_is_not_swallowed_and_keeps_the_approval(
    watched, graph_of, elsewhere
):
    ran = []

    @tool
    def danger(x: str) -> str:
        """Harmful, and asks for itself."""
        ran.append(interrupt("really?"))
        return x

    with scripted(ONE, END) as server:
        graph, own = watched(graph_of(server, [danger], InMemorySaver()))
        graph.invoke(GO, THREAD)
        given = answer(APPROVE)
        if elsewhere:
            with own.store.reading() as connection:
                (pause,) = own.store.watches.pending(connection)
            own.answer(pause["token"], approve=True, who="ada")
            given = None
        else:
            graph.invoke(Command(resume="what?"), THREAD)
        held = graph.invoke(given, THREAD)
        assert [pause.value for pause in held["__interrupt__"]] == ["really?"]
        state = graph.invoke(Command(resume="yes"), THREAD)
    assert ran == ["yes"]
    assert results(state) == {"c1": "dynamite"}


@BOTH
def test_t12_a_resumed_node_is_not_judged_twice(watched, tools, monkeypatch, graph_of):
    judged = []
    with scripted(TWO, END) as server:
        graph, own = watched(graph_of(server, tools.both, InMemorySaver()))
        kind = type(own.monitors[0].kind)
        score = kind.score
        monkeypatch.setattr(kind, "score", lambda k, v: (judged.extend(v), score(k, v))[1])
        graph.invoke(GO, THREAD)
        graph.invoke(answer(APPROVE), THREAD)
        assert len(server.requests) == 2
    assert sorted(tools.ran) == ["danger dynamite", "safe"]
    assert len(judged) == len({repr(view) for view in judged})
    assert len(noted(own)) == 3
