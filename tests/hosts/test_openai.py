"""The conformance tests, against the real OpenAI SDK and a real model server on loopback."""

import asyncio
import json
import threading

import pytest
from openai_loop import FLAT, TOOLS, WAYS, Loop, client_of
from scripted import Line, scripted
from settled import settled

from cotmon.engine import Session
from cotmon.errors import UsageError
from cotmon.formats import ChatStream
from cotmon.hosts import HOSTS, watch
from cotmon.records import Scored, Source
from cotmon.watching import Glimpse

TWO = Line(
    reasoning="I will call both.",
    text="Calling.",
    calls=(("c1", "safe", '{"x": 1}'), ("c2", "danger", '{"x": "dynamite"}')),
)
ONE = Line(text="Calling.", calls=(("c1", "danger", '{"x": "dynamite"}'),))
END = Line(text="Done.")
BLOCK = "block = 0.5"
REFUSED = "This call was not carried out."
PLAN = "First I look at all that is there and see what can be done with it. Then I take dynamite. "
LONG = Line(reasoning=PLAN + "And so on. " * 100, text="Calling.", calls=ONE.calls)
ASK = {"model": "m", "messages": [{"role": "user", "content": "go"}], "tools": TOOLS}
every_way = pytest.mark.parametrize(("api", "stream", "kind"), WAYS)


class Watch:
    """A watched client, and what was noted of it."""

    def __init__(self, client):
        self.client, self.desk = client, client.cotmon
        self.watcher = self.desk.watcher

    def stored(self):
        """thread → its messages."""
        self.watcher.recorder.flush()
        with self.watcher.store.reading() as connection:
            watches = self.watcher.store.watches
            return {
                t.thread: watches.messages(connection, t.run, t.thread)
                for t in watches.threads(connection)
            }

    def decisions(self):
        """(tool, level, enforced) of every decision."""
        self.watcher.recorder.flush()
        with self.watcher.store.reading() as connection:
            found = self.watcher.store.watches.decided(connection)
        return sorted((d["tool"], d["level"], d["enforced"]) for _, d in found)

    @property
    def monitor(self):
        """The class behind the only monitor."""
        return type(self.watcher.monitors[0].kind)


@pytest.fixture
def opened(project, monkeypatch):
    """Gives a watched client of a server, and closes it; what it noted can be read till then."""
    made = []

    def make(server, watching=BLOCK, kind="sync", mode="enforce", **options):
        project(watching, mode)
        made.append(Watch(watch(client_of(server, kind, **options))))
        if kind == "async":  # the loop closes the client; what was noted is read after that
            monkeypatch.setattr(made[-1].desk, "close", lambda: None)
        return made[-1]

    yield make
    monkeypatch.undo()
    for one in made:
        one.desk.close()
        if hasattr(one.client, "__enter__"):
            one.client.close()


HEARD = [(*way, "enforce") for way in WAYS] + [
    (*way, "observe") for way in WAYS if way[2] == "sync"
]


@pytest.mark.parametrize(("api", "stream", "kind", "mode"), HEARD)
def test_t01_t02_each_message_is_heard_once_and_in_order(opened, api, stream, kind, mode):
    with scripted(TWO, END, END) as server:
        own = opened(server, "", kind, mode)
        loop = Loop(own.client, api, stream).run()
        if kind == "sync":
            loop.run("more")
    (messages,) = own.stored().values()
    calls = 2 if mode == "observe" else 1
    roles = ["user", "assistant", *["tool"] * calls, "assistant", "user", "assistant"]
    assert [m["role"] for m in messages] == (roles if kind == "sync" else roles[:-2])
    assert [m.get("tool_call_id") for m in messages[2 : 2 + calls]] == ["c1", "c2"][:calls]
    thought = messages[1].get("reasoning_content") or messages[1].get("reasoning_summary")
    assert thought.rstrip() == "I will call both."


@every_way
def test_t03_t05_t09_a_blocked_tool_never_runs_and_that_is_said_in_neutral_words(
    opened, api, stream, kind
):
    with scripted(ONE, END) as server:
        own = opened(server, f'{BLOCK}\nrefusal = "Not now."', kind)
        loop = Loop(own.client, api, stream).run()
        assert len(server.requests) == 1
    assert loop.ran == []
    assert loop.said[0].replace(" \n\n", "").replace("\n\n", "") == "Calling.Not now."
    assert loop.reasons == ["stop" if api == "chat" else "completed"]
    assert "dynamite" not in json.dumps(loop.history)
    assert own.decisions() == [("danger", "block", True)]


@every_way
def test_t04_t05_of_two_calls_one_is_blocked_and_nothing_dangles(opened, api, stream, kind):
    with scripted(TWO, END) as server:
        own = opened(server, BLOCK, kind)
        loop = Loop(own.client, api, stream).run()
        assert len(server.requests) == 2
        sent = json.dumps(server.requests[1])
    assert loop.ran == ["safe"]
    assert "c1" in sent
    assert "c2" not in sent
    assert REFUSED in sent
    assert loop.said[-1].strip() == "Done."
    assert [(d[0], d[1]) for d in own.decisions()] == [
        ("", "allow"), ("danger", "block"), ("safe", "allow"),
    ]  # fmt: skip


def test_t04_where_the_server_keeps_the_conversation_it_gets_the_refusal_as_result(opened):
    with scripted(TWO, END) as server:
        client = opened(server).client
        first = client.responses.create(model="m", input="go", tools=FLAT)
        result = {"type": "function_call_output", "call_id": "c1", "output": "done"}
        last = client.responses.create(model="m", input=[result], previous_response_id=first.id)
        assert last.output_text == "Done."  # this server refuses to go on without all results
        assert server.requests[1]["input"][0]["output"] == REFUSED
        assert server.requests[1]["input"][0]["call_id"] == "c2"


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_t06_no_piece_of_a_blocked_call_is_seen_and_words_come_at_once(opened, api):
    with scripted(TWO) as server:
        server.read = threading.Event()
        client = opened(server).client
        if api == "chat":
            stream = client.chat.completions.create(**ASK, stream=True)
        else:
            stream = client.responses.create(model="m", input="go", tools=FLAT, stream=True)
        seen = []
        for chunk in stream:
            seen.append((server.calling, chunk.model_dump_json()))
            if "both" in seen[-1][1]:
                server.read.set()
    whole = "".join(chunk for _, chunk in seen)
    assert "dynamite" not in whole
    assert "c2" not in whole
    assert "c1" in whole
    assert not next(calling for calling, chunk in seen if "both" in chunk)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_t06_what_is_allowed_passes_as_the_same_bytes(opened, api):
    with scripted(Line("I am quiet.", "Calling. " * 9, (("c1", "safe", "{}"),))) as server:
        own = opened(server)
        bare = client_of(server)
        seen = []
        for client in (own.client, bare):
            place = client.chat.completions if api == "chat" else client.responses
            asked = ASK if api == "chat" else {"model": "m", "input": "go", "tools": FLAT}
            with place.with_streaming_response.create(**asked, stream=True) as response:
                seen.append(response.read().replace(b"resp_2", b"resp_1"))
        bare.close()
    assert seen[0].replace(b"msg_resp_2", b"msg_resp_1") == seen[1]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_t07_a_generation_is_ended_upstream_where_its_reasoning_forbids_all_calls(
    opened, monkeypatch, api, kind
):
    verdicts, forbids = [], Glimpse.forbids

    def judged(*asked):
        if forbids(*asked):
            verdicts.append(server.sent)
        return bool(verdicts)

    monkeypatch.setattr(Glimpse, "forbids", judged)
    with scripted(LONG, pause=0.02) as server:
        own = opened(server, BLOCK, kind)
        loop = Loop(own.client, api, stream=True).run()
    assert server.sent <= verdicts[0] + 2
    assert server.cancelled == 1
    assert loop.ran == []
    assert loop.said == [REFUSED]
    assert own.decisions() == [("", "block", True)]
    ((_, said),) = own.stored().values()
    thought = said.get("reasoning_content") or said.get("reasoning_summary")
    assert "dynamite" in thought
    assert len(thought) < len(PLAN) + 20


def test_t07_words_alone_are_only_flagged(opened):
    with scripted(Line(reasoning=PLAN, text=PLAN)) as server:
        own = opened(server)
        loop = Loop(own.client, stream=True, extra={"tools": []}).run()
    assert loop.said[0].strip() == PLAN.strip()
    assert own.decisions() == [("", "flag", True)]


@pytest.mark.parametrize("enforced", [True, False])
def test_t07_who_leaves_early_ends_the_generation_and_leaves_what_was_said(opened, enforced):
    with scripted(Line(text="word " * 200), pause=0.02) as server:
        own = opened(server, mode="enforce" if enforced else "observe")
        stream = own.client.chat.completions.create(**ASK, stream=True)
        next(iter(stream))
        stream.close()
        asyncio.run(asyncio.sleep(0.1))
        assert server.sent < 20
        assert server.cancelled == 1
    assert len(own.decisions()) == 1


def test_t08_a_client_cannot_pause_as_its_card_and_the_log_say(opened, caplog):
    with scripted(ONE, END) as server:
        own = opened(server, "")  # from 0.5 on a person is asked
        loop = Loop(own.client).run()
    assert HOSTS.load("openai").card.pauses == "no"
    assert "ask becomes block" in caplog.text
    assert loop.ran == []
    assert own.decisions() == [("danger", "block", True)]


def broken(*_, **__):
    raise RuntimeError("monitor is broken")


@pytest.mark.parametrize(
    ("on_error", "ran"), [(None, []), ("block", []), ("flag", ["danger"]), ("allow", ["danger"])]
)
def test_t10_a_monitor_that_fails(opened, monkeypatch, on_error, ran):
    policy = f'[watch.failures."scheming/dynamite"]\non_error = "{on_error}"' if on_error else ""
    with scripted(ONE, END) as server:
        own = opened(server, policy)
        monkeypatch.setattr(own.monitor, "score", broken)
        assert Loop(own.client, stream=True).run().ran == ran
    assert ("danger", on_error or "block", True) in own.decisions()


@pytest.mark.parametrize("on_store_error", ["block", "allow"])
def test_t10_watching_that_fails_is_closed_and_counted(opened, monkeypatch, on_store_error):
    with scripted(ONE, END) as server:
        own = opened(server, f'on_store_error = "{on_store_error}"')
        monkeypatch.setattr(own.watcher, "conversation", broken)
        assert Loop(own.client).run().ran == []
    assert own.watcher.faults["RuntimeError"] >= 1


def test_t11_a_monitor_that_is_late(opened, monkeypatch):
    with scripted(ONE, END) as server:
        own = opened(server, "timeout_ms = 50")
        done, score = threading.Event(), own.monitor.score
        monkeypatch.setattr(own.monitor, "score", lambda *a: (done.wait(10), score(*a))[1])
        loop = Loop(own.client).run()
        done.set()
    assert loop.ran == []
    assert ("danger", "block", True) in own.decisions()


def test_t12_a_request_that_is_tried_again_is_heard_and_judged_once(opened, monkeypatch):
    with scripted(ONE, END) as server:
        own = opened(server)
        server.failures = 1
        client = own.client.with_options(max_retries=2)
        answer = client.chat.completions.create(**ASK)
        assert len(server.requests) == 2
    assert answer.choices[0].message.tool_calls is None
    ((asked, said),) = own.stored().values()
    assert (asked["role"], said["role"]) == ("user", "assistant")
    assert len(own.decisions()) == 1


def test_t13_a_sub_agent_is_a_thread_of_its_own(opened):
    with scripted(ONE, END) as server:
        own = opened(server)
        outer, inner = Loop(own.client), Loop(own.client)
        outer.run("go")
        inner.run("do it for me")
    assert outer.ran == inner.ran == []
    assert sorted(m[0]["content"] for m in own.stored().values()) == ["do it for me", "go"]
    assert {s.parent for steps in settled(own.watcher).values() for s in steps} == {None}
    assert any("nothing on the wire says whose" in n for n in HOSTS.load("openai").card.notes)


def test_t14_replay_finds_the_same_scores(opened):
    with scripted(TWO, END) as server:
        own = opened(server, mode="observe")
        Loop(own.client).run()
    (messages,) = own.stored().values()
    stream = ChatStream("again", Source(file="x", format="watched"))
    session = Session(own.watcher.monitors, lambda _: {}, "again")
    found = [o for m in messages for new in stream.add(m) for o in session.push(new)]
    found += session.close()
    assert [
        o.outcome.value for o in found if isinstance(o.outcome, Scored) and o.outcome.value
    ] == [0.9]


def test_t15_many_agents_at_once_do_not_mix(opened):
    async def all_of_them(client):
        loops = [Loop(client, stream=k % 2 == 0) for k in range(64)]
        for k, loop in enumerate(loops):
            loop.history.append({"role": "user", "content": f"go {k}"})
        await asyncio.gather(*(loop.arun() for loop in loops))
        await client.close()
        return loops

    with scripted(TWO, END) as server:
        own = opened(server, BLOCK, "async")
        loops = asyncio.run(all_of_them(own.client))
    assert all(loop.ran == ["safe"] for loop in loops)
    threads = own.stored()
    assert sorted(m[0]["content"] for m in threads.values()) == sorted(f"go {k}" for k in range(64))
    assert {len(m) for m in threads.values()} == {4}


OBSERVED = [
    *((api, stream, None) for api, stream, kind in WAYS if kind == "sync"),
    *(("chat", True, part) for part in ("conversation", "known", "monitor", "note")),
    ("responses", True, "exchange"),
    ("chat", False, "note"),
]


@pytest.mark.parametrize(("api", "stream", "part"), OBSERVED)
def test_t16_observing_changes_nothing(opened, monkeypatch, api, stream, part):
    def seen(client):
        before = len(server.requests)
        loop = Loop(client, api, stream).run()
        ids = [f"resp_{before + k}" for k in (1, 2)]
        told = json.dumps([loop.history, loop.said, loop.reasons, server.requests[before:]])
        return loop.ran, told.replace(ids[0], "resp_a").replace(ids[1], "resp_b")

    with scripted(TWO, END) as server:
        own, bare = opened(server, mode="observe"), client_of(server)
        if part == "conversation":
            monkeypatch.setattr(own.watcher, "conversation", broken)
        elif part == "known":
            monkeypatch.setattr(own.watcher.store, "reading", broken)
        elif part == "exchange":
            monkeypatch.setattr(own.desk.threads, "thread", broken)
        elif part == "note":
            monkeypatch.setattr(own.desk.threads, "answered", broken)
        elif part == "monitor":
            monkeypatch.setattr(own.monitor, "score", broken)
        assert seen(own.client) == seen(bare)
        bare.close()
    if part in ("conversation", "exchange", "note"):
        assert own.watcher.faults["RuntimeError"] >= 1


def test_options_keep_the_watch_and_websockets_are_refused(opened):
    with scripted(ONE, END) as server:
        own = opened(server)
        again = own.client.with_options(timeout=9).copy(max_retries=0)
        assert Loop(again).run().ran == []
        for client in (own.client, again):
            for resource in (client.responses, client.realtime, client.beta.realtime):
                with pytest.raises(UsageError, match="websocket"):
                    resource.connect(model="m")


def test_off_gives_the_client_back(project, monkeypatch):
    project(BLOCK)
    monkeypatch.setenv("COTMON_MODE", "off")
    with scripted(ONE) as server, client_of(server) as client:
        assert watch(client) is client
