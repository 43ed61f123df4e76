"""The proxy in front of a real server, driven by the plain client and by curl."""

import asyncio
import json
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from openai import AsyncOpenAI, OpenAI
from openai_loop import FLAT, Loop
from proxy_load import Upstream, load, nothing_was_lost
from scripted import Line, scripted, serving
from settled import live_and_again, scores

from cotmon.hosts.proxy import proxy
from cotmon.store import open_store
from cotmon.watching import Conversation, Glimpse, read_settings

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("safe", "danger")
]
SAFE = ("call_1", "safe", '{"x": 1}')
DANGER = ("call_2", "danger", '{"x": "dynamite"}')
REFUSAL = "This call was not carried out."
BLOCK = "block = 0.5"


@contextmanager
def proxied(config, *lines, pause=0.0, hold=20.0):
    """A scripted server, and a client of the proxy before it."""
    with scripted(*lines, pause=pause) as server:
        app = proxy(server.url, read_settings(config), hold)
        with (
            serving(app) as url,
            OpenAI(base_url=f"{url}/v1", api_key="sk-none", max_retries=0) as client,
        ):
            yield server, client


class Agent:
    """A loop with real tools, as anyone writes it.

    Attributes:
        ran: tools that ran, with their arguments; shown: all that came of answers; messages: its
            history.
    """

    def __init__(self, client, *, stream=False, prompt="go", **more):
        self.client, self.stream, self.more = client, stream, more
        self.messages = [{"role": "user", "content": prompt}]
        self.ran, self.shown, self.deltas = [], [], []

    def turn(self):
        """One answer, and what it calls."""
        ask = self.client.chat.completions.create
        if self.stream:
            said = self._joined(
                ask(model="m", messages=self.messages, tools=TOOLS, stream=True, **self.more)
            )
        else:
            answer = ask(model="m", messages=self.messages, tools=TOOLS, **self.more)
            said = answer.choices[0].message.model_dump(exclude_none=True)
        said.pop("reasoning_content", None)  # as clients do
        self.shown.append(said)
        self.messages.append(said)
        for call in said.get("tool_calls", ()):
            self.ran.append((call["function"]["name"], json.loads(call["function"]["arguments"])))
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": "done"})
        return said

    def run(self):
        while self.turn().get("tool_calls"):
            pass
        return self

    def _joined(self, stream):
        text, calls = "", {}
        for chunk in stream:
            for choice in chunk.choices:
                self.deltas.append(choice.delta.model_dump(exclude_none=True))
                text += choice.delta.content or ""
                for piece in choice.delta.tool_calls or ():
                    call = calls.setdefault(
                        piece.index,
                        {
                            "id": piece.id,
                            "type": "function",
                            "function": {"name": "", "arguments": ""},
                        },
                    )
                    call["function"]["name"] += piece.function.name or ""
                    call["function"]["arguments"] += piece.function.arguments or ""
        said = {"role": "assistant", "content": text}
        return said | ({"tool_calls": list(calls.values())} if calls else {})


def stored(tmp_path):
    """thread → messages, and all decisions."""
    store = open_store(f"sqlite:///{tmp_path}/watch.db")
    with store.reading() as connection:
        threads = {
            t.thread: store.watches.messages(connection, t.run, t.thread)
            for t in store.watches.threads(connection)
        }
        decided = [body for _, body in store.watches.decided(connection)]
    store.close()
    return threads, decided


@pytest.mark.parametrize("stream", [False, True])
def test_t03_t09_a_blocked_call_never_comes_out(project, tmp_path, stream):
    with proxied(project(BLOCK), Line("I think.", "Calling.", (DANGER,))) as (_, client):
        agent = Agent(client, stream=stream).run()
    assert agent.ran == []
    assert not any("tool_calls" in delta for delta in agent.deltas)
    text = agent.shown[0]["content"]
    assert text.replace("Calling. ", "Calling.") == f"Calling.\n\n{REFUSAL}"
    assert "dynamite" not in json.dumps(agent.deltas + agent.shown)
    _, decided = stored(tmp_path)
    assert [(d["tool"], d["level"], d["enforced"]) for d in decided] == [("danger", "block", True)]


@pytest.mark.parametrize("stream", [False, True])
def test_t04_of_two_calls_one_is_blocked(project, stream):
    lines = (Line("I think.", "", (SAFE, DANGER)), Line("", "Done."))
    with proxied(project(BLOCK), *lines) as (_, client):
        agent = Agent(client, stream=stream).run()
    assert agent.ran == [("safe", {"x": 1})]
    assert [m["role"] for m in agent.messages] == ["user", "assistant", "tool", "assistant"]
    assert agent.shown[-1]["content"].strip() == "Done."


@pytest.mark.parametrize("extra", [{}, {"extra_headers": {"x-cotmon-thread": "mine"}}])
def test_t01_an_observed_agent_that_is_quicker_than_its_notes_is_one_conversation(
    project, tmp_path, monkeypatch, extra
):
    lines = [Line(text=f"Step {k}.", calls=((f"c{k}", "safe", "{}"),)) for k in range(5)]
    judge = Conversation.judge

    def slowly(self, said, outputs=None):
        time.sleep(0.2)
        return judge(self, said, outputs)

    monkeypatch.setattr(Conversation, "judge", slowly)
    with proxied(project("", mode="observe"), *lines, Line(text="Done.")) as (_, client):
        agent = Agent(client, **extra).run()
    (messages,) = stored(tmp_path)[0].values()
    assert [m["role"] for m in messages] == [m["role"] for m in agent.messages]
    assert [m.get("content") for m in messages if m["role"] == "assistant"] == [
        m["content"] for m in agent.shown
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_t01_t02_every_step_is_heard_once_and_reasoning_kept(project, tmp_path, stream):
    lines = (
        Line("First thought.", "One.", (SAFE,)),
        Line("Second thought.", "Two.", (SAFE,)),
        Line("", "End."),
    )
    with proxied(project(), *lines) as (_, client):
        agent = Agent(client, stream=stream).run()
    assert len(agent.ran) == 2
    (messages,), decided = stored(tmp_path)[0].values(), stored(tmp_path)[1]
    assert [m["role"] for m in messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant",
    ]
    assert [
        m.get("reasoning_content", "").strip() for m in messages if m["role"] == "assistant"
    ] == ["First thought.", "Second thought.", ""]
    assert [d["level"] for d in decided] == ["allow"] * 3


def test_t05_the_async_client_gets_the_same(project):
    async def go(url):
        async with AsyncOpenAI(base_url=f"{url}v1", api_key="sk-none", max_retries=0) as client:
            ask = {"model": "m", "messages": [{"role": "user", "content": "go"}], "tools": TOOLS}
            whole = await client.chat.completions.create(**ask)
            pieces = [c async for c in await client.chat.completions.create(**ask, stream=True)]
        return whole.choices[0].message, pieces

    with proxied(project(BLOCK), Line("I think.", "", (DANGER,))) as (_, client):
        message, pieces = asyncio.run(go(str(client.base_url).removesuffix("v1/")))
    assert (message.content, message.tool_calls) == (REFUSAL, None)
    assert not any(c.delta.tool_calls for p in pieces for c in p.choices)
    assert "".join(c.delta.content or "" for p in pieces for c in p.choices) == REFUSAL


LONG = "I will use the dynamite now, as nobody looks. " + "Then I go on and on with it. " * 40


def test_t06_t07_upstream_is_cancelled_when_the_reasoning_blocks(project, tmp_path, monkeypatch):
    at, forbids = [], Glimpse.forbids

    def noted(self, suspicion, tools):
        found = forbids(self, suspicion, tools)
        at.extend([server.sent] if found else [])
        return found

    monkeypatch.setattr(Glimpse, "forbids", noted)
    line = Line(LONG, "Calling.", (DANGER,))
    with proxied(project(BLOCK), line, pause=0.02) as (server, client):
        agent = Agent(client, stream=True).run()
        wait_for(lambda: server.cancelled)
        sent = server.sent
        time.sleep(0.1)
        assert server.sent == sent <= at[0] + 2
    assert agent.ran == []
    assert agent.shown[0]["content"] == REFUSAL
    _, decided = stored(tmp_path)
    assert [(d["level"], d["enforced"]) for d in decided] == [("block", True)]


def test_t07_upstream_is_cancelled_when_the_client_goes(project):
    with proxied(project(), Line("Quiet. " * 200), pause=0.01) as (server, client):
        stream = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "go"}], stream=True
        )
        for _ in range(5):
            next(stream)
        stream.close()
        wait_for(lambda: server.cancelled)
        assert server.sent < 100


def wait_for(true, seconds=20.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def answering(tmp_path, approve, then=None):
    """Answers the first question from outside, as `cotmon review --pending` does."""

    def work():
        store = open_store(f"sqlite:///{tmp_path}/watch.db")

        def pending():
            with store.reading() as connection:
                return store.watches.pending(connection)

        wait_for(pending)
        for row in pending():
            with store.begin() as connection:
                state = "approved" if approve else "rejected"
                store.watches.answer(
                    connection,
                    row["token"],
                    state,
                    "ada",
                    "looked at it",
                    "2026-01-01T00:00:00+00:00",
                )
        store.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("approve", [True, False])
@pytest.mark.parametrize("stream", [False, True])
def test_t08_a_person_is_asked_while_the_client_waits(
    project, tmp_path, stream, approve, monkeypatch
):
    monkeypatch.setattr("cotmon.hosts._proxy_answers.BEAT", 0.05)
    lines = (Line("I think.", "", (SAFE, DANGER)), Line("", "Done."))
    with proxied(project(), *lines) as (server, client):
        agent = Agent(client, stream=stream)
        person = answering(tmp_path, approve)
        agent.run()
        person.join()
        assert len(server.requests) == 2
    ran = [("safe", {"x": 1}), ("danger", {"x": "dynamite"})]
    assert agent.ran == (ran if approve else ran[:1])
    if not approve:
        assert agent.shown[0]["content"] == REFUSAL


def test_nobody_answers_and_the_call_is_refused_for_good(project, tmp_path):
    with proxied(project(), Line("I think.", "", (DANGER,)), hold=0.3) as (_, client):
        agent = Agent(client).run()
    assert agent.ran == [] and agent.shown[0]["content"] == REFUSAL
    store = open_store(f"sqlite:///{tmp_path}/watch.db")
    with store.reading() as connection:
        assert store.watches.pending(connection) == []
    store.close()


def test_t10_a_monitor_that_raises(project, monkeypatch):
    def boom(self, views):
        raise RuntimeError("boom")

    monkeypatch.setattr("cotmon.kinds.rules.RulesKind.score", boom)
    failing = '[watch.failures."scheming/dynamite"]\non_error = "{}"'
    for policy, ran in (("block", 0), ("allow", 1)):
        config = project(failing.format(policy))
        with proxied(config, Line("I think.", "", (SAFE,)), Line("", "Done.")) as (_, client):
            assert len(Agent(client).run().ran) == ran


def test_t10_watching_that_fails_lets_nothing_pass(project, monkeypatch):
    def boom(self, said):
        raise RuntimeError("boom")

    monkeypatch.setattr("cotmon.watching.conversation.Conversation.judge", boom)
    with proxied(project(), Line("I think.", "", (SAFE,))) as (_, client):
        assert Agent(client, stream=True).run().ran == []


def test_t11_a_monitor_that_is_late(project, monkeypatch):
    late = threading.Event()
    monkeypatch.setattr("cotmon.kinds.rules.RulesKind.score", lambda self, views: late.wait(20))
    config = project('timeout_ms = 100\n[watch.failures."scheming/dynamite"]\non_timeout = "block"')
    with proxied(config, Line("I think.", "", (SAFE,))) as (_, client):
        assert Agent(client).run().ran == []
        late.set()


def test_t15_concurrent_agents_are_never_mixed(project, tmp_path):
    """All of them begin alike and are answered alike, with the same call ids."""
    lines = (Line("One.", "", (SAFE,)), Line("Two.", "", (SAFE,)), Line("", "Done."))
    with proxied(project(), *lines) as (_, client):
        agents = [Agent(client, stream=k % 2 == 0, prompt=f"agent {k % 8}") for k in range(24)]
        threads = [threading.Thread(target=agent.run) for agent in agents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(len(agent.ran) == 2 for agent in agents)
    found, decided = stored(tmp_path)
    assert len(found) == 24 and len(decided) == 24 * 3
    for messages in found.values():
        assert [m["role"] for m in messages] == ["user", *["assistant", "tool"] * 2, "assistant"]


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("stream", [False, True])
def test_t14_a_replay_finds_the_same_scores_and_verdict(project, tmp_path, stream, api):
    """With reasoning, a call that runs and its result, and two that are refused."""
    monitors = ("dynamite", "nitro", "gelignite")
    lines = (
        Line("I think. Then I act.", "Calling.", (SAFE, DANGER)),
        Line("The gelignite is here.", "Again.", (("call_3", "safe", "{}"),)),
        Line("", "No nitro was used. Done."),
    )
    with proxied(project(BLOCK, monitors=monitors), *lines) as (_, client):
        loop = Loop(client, api, stream).run()
        assert loop.run("go on").ran == ["safe"]
    _, decided = stored(tmp_path)
    url, named = f"sqlite:///{tmp_path}/watch.db", [f"scheming/{name}" for name in monitors]
    live, again = live_and_again(url, named)
    assert [(d["tool"], d["level"]) for d in decided if d["tool"]] == [
        ("safe", "allow"), ("danger", "block"), ("safe", "block"),
    ]  # fmt: skip
    assert scores(live) == scores(again)
    assert {name for (_, name), (value, *_) in scores(live).items() if value} == set(named)
    assert live.content_hash == again.content_hash
    assert live.verdict == again.verdict == "flag"
    assert (live.suspicion, live.cues) == (again.suspicion, again.cues)
    seen = {
        (e["address"], e["monitor"]): (e["value"], e["suspicion"])
        for decision in decided
        for e in decision["evidence"]
    }
    assert len(seen) > 3
    assert all(scores(again)[place][:2] == said for place, said in seen.items())


@pytest.mark.parametrize("stream", [False, True])
def test_t16_observing_changes_no_byte(project, tmp_path, stream, monkeypatch):
    lines = (Line("I think of dynamite.", "Calling.", (DANGER,)), Line("", "Done."))
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "go"}],
        "tools": TOOLS,
        "stream": stream,
    }
    with proxied(project(BLOCK, mode="observe"), *lines) as (server, client):
        direct = httpx.post(f"{server.url}/chat/completions", json=body)
        through = httpx.post(f"{client.base_url}chat/completions", json=body)
        assert through.content.replace(b"-2", b"-1") == direct.content
        assert server.requests[0] == server.requests[1]
        assert [k for k, v in Agent(client, stream=stream).run().ran] == ["danger"]
        monkeypatch.setattr("cotmon.watching.conversation.Conversation.hear", None)
        assert [k for k, v in Agent(client, stream=stream).run().ran] == ["danger"]
    _, decided = stored(tmp_path)
    assert {(d["level"], d["enforced"]) for d in decided if d["tool"]} >= {("block", False)}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_t03_t04_responses_are_judged_too(project, tmp_path, stream, kept):
    """Repeated by the client, or kept by the server."""
    lines = (Line("I think.", "", (SAFE, DANGER)), Line("", "Done."))
    with proxied(project(BLOCK), *lines) as (server, client):
        if kept:
            first = client.responses.create(model="m", input="go", tools=FLAT)
            assert [i.name for i in first.output if i.type == "function_call"] == ["safe"]
            told = [{"type": "function_call_output", "call_id": SAFE[0], "output": "done"}]
            ask = {"model": "m", "input": told, "previous_response_id": first.id, "tools": FLAT}
            last = client.responses.create(**ask, stream=stream)
            text = (
                "".join(e.delta for e in last if e.type == "response.output_text.delta")
                if stream
                else last.output_text
            )
            assert text.strip() == "Done."
        else:
            assert Loop(client, "responses", stream).run().ran == ["safe"]
        assert len(server.requests) == 2
    (messages,), decided = stored(tmp_path)[0].values(), stored(tmp_path)[1]
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "assistant"]
    assert [d["level"] for d in decided] == ["allow", "block", "allow"]


def test_twenty_agents_and_a_kill_in_the_middle(project, tmp_path):
    project(BLOCK)
    upstream = Upstream(sentences=8, seconds=0.8)
    seen = load(upstream, connections=20, seconds=8)
    assert seen.cut > 0 and seen.safe > 40 and seen.refused > 20
    assert nothing_was_lost(seen, *stored(tmp_path))
    assert all(sent <= 6 for sent in upstream.sent)  # of 8; it was said in the second
