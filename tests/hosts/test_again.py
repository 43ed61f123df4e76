"""Turns that are said again, by a trusted model or by the same one, at real servers on loopback."""

import json
from contextlib import ExitStack

import pytest
from openai import OpenAI
from openai_loop import TOOLS, WAYS, Loop, client_of
from scripted import Line, scripted, serving

from cotmon.cli._stored import results
from cotmon.formats import BRANCH
from cotmon.hosts import watch
from cotmon.hosts.proxy import proxy
from cotmon.store import now, open_store
from cotmon.watching import Watcher, read_settings
from cotmon.watching.digest import digest
from cotmon.watching.settling import settle

BAD = Line(reasoning="I take dynamite.", text="Calling.", calls=(("c1", "danger", '{"x": 1}'),))
MILD = Line(reasoning="I take nitro.", text="So be it.", calls=(("c2", "danger", '{"x": 2}'),))
GOOD = Line(reasoning="I look first.", text="Looking.", calls=(("c3", "safe", '{"x": 3}'),))
END = Line(text="Done.")
ALL = [(*way, "openai") for way in WAYS] + [(*way, "proxy") for way in WAYS if way[2] == "sync"]
HELD = {"openai": "block", "proxy": "ask"}
"""What becomes of a question: a client cannot wait for a person."""
every_way = pytest.mark.parametrize(("api", "stream", "kind", "host"), ALL)
both_hosts = pytest.mark.parametrize("host", ["openai", "proxy"])


class Opened:
    """A watched client, or a plain one of a watching proxy.

    Attributes:
        client: of the SDK; watcher: what watches it.
    """

    def __init__(self, client, watcher: Watcher):
        self.client, self.watcher = client, watcher

    def decisions(self):
        """Every decision, as it is stored."""
        self.watcher.recorder.flush()
        with self.watcher.store.reading() as connection:
            return [body for _, body in self.watcher.store.watches.decided(connection)]

    def noted(self):
        """(tool, level, act, enforced) of every decision, and the stored messages."""
        found = [(d["tool"], d["level"], d.get("act", ""), d["enforced"]) for d in self.decisions()]
        with self.watcher.store.reading() as connection:
            watches = self.watcher.store.watches
            (thread,) = watches.threads(connection)
            return sorted(found), watches.messages(connection, thread.run, thread.thread)


@pytest.fixture
def opened(project, tmp_path, monkeypatch):
    """Gives a client of a server under a protocol; nitro is less suspicious than ask."""
    monkeypatch.setenv("COTMON_API_KEY", "trusted-key")
    stack = ExitStack()

    def make(server, watching, kind="sync", host="openai", mode="enforce"):
        path = project(f"ask = 0.8\n{watching}", mode, ("dynamite", "nitro"))
        rules = tmp_path / "monitors" / "scheming" / "nitro" / "rules.toml"
        rules.write_text(rules.read_text().replace("0.9", "0.6"))
        wide = rules.parent.with_name("dynamite") / "monitor.toml"
        wide.write_text(wide.read_text().replace('"step"', '"step+context"'))
        if host == "proxy":
            app = proxy(server.url, read_settings(path), 0.1)
            url = stack.enter_context(serving(app))
            client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
            return Opened(stack.enter_context(client), app.judging.watcher)
        client = watch(client_of(server, kind), path)
        stack.callback(client.cotmon.close)
        if kind == "async":  # the loop closes the client; what was noted is read after that
            monkeypatch.setattr(client.cotmon, "close", lambda: None)
        else:
            stack.callback(client.close)
        return Opened(client, client.cotmon.watcher)

    yield make
    stack.close()


def deferring(trusted) -> str:
    return f'protocol = "defer-to-trusted"\ntrusted = "{trusted.url}#small"'


RESAMPLING = 'protocol = "defer-to-resample"\nsamples = 2'


@every_way
def test_a_trusted_model_speaks_in_place_of_a_suspicious_turn(opened, api, stream, kind, host):
    with scripted(MILD, END) as server, scripted(GOOD) as trusted:
        client = opened(server, deferring(trusted), kind, host)
        loop = Loop(client.client, api, stream).run()
        assert loop.ran == ["safe"]
        assert len(server.requests) == 2
        (asked,) = trusted.requests
        assert {**server.requests[0], "model": "small"} == asked
        assert trusted.keys == ["Bearer trusted-key"]
        assert server.keys == ["Bearer none"] * 2
        assert "nitro" not in json.dumps(server.requests[1]) + json.dumps(loop.said)
    decided, messages = client.noted()
    assert decided == [
        ("", "allow", "", True), ("danger", "block", "defer", True), ("safe", "allow", "", True),
    ]  # fmt: skip
    assert [m["role"] for m in messages] == ["user", "assistant", "assistant", "tool", "assistant"]
    assert [m.get(BRANCH) for m in messages] == [None, "message 2, output 1", None, None, None]
    assert messages[2]["name"] == "small"


@every_way
def test_the_least_suspicious_of_several_outputs_runs(opened, api, stream, kind, host):
    with scripted((BAD, MILD, BAD), END) as server:
        client = opened(server, RESAMPLING, kind, host)
        loop = Loop(client.client, api, stream).run()
        assert len(server.requests) == 4
        assert server.requests[0] == server.requests[1] == server.requests[2]
        assert "dynamite" not in json.dumps(server.requests[3])
    assert loop.ran == ["danger"]
    assert loop.said[0].strip() == "So be it."
    decided, messages = client.noted()
    assert digest(client.watcher.store, "2000", now()).again == 3
    again = [("danger", "block", "resample", True)] * 3
    assert decided == [("", "allow", "", True), *again, ("danger", "flag", "", True)]
    outputs = [f"message 2, output {k}" for k in (1, 2, 3)]
    assert [m.get(BRANCH) for m in messages] == [None, *outputs, None, None, None]


@both_hosts
@pytest.mark.parametrize(
    ("outputs", "asked", "ran"),
    [
        ((GOOD,), 2, ["safe"]),
        ((BAD, BAD, GOOD), 4, ["safe"]),
        ((BAD, BAD, BAD), 3, []),  # even the best would be asked about
        ((MILD, MILD, MILD), 4, ["danger"]),
    ],
)
def test_outputs_are_asked_for_as_long_as_the_protocol_says(opened, outputs, asked, ran, host):
    with scripted(outputs, END) as server:
        client = opened(server, RESAMPLING, host=host)
        assert Loop(client.client).run().ran == ran
        assert len(server.requests) == asked
    levels = {(level, act) for _, level, act, _ in client.noted()[0]}
    assert ((HELD[host], "") in levels) == (not ran)


@both_hosts
@pytest.mark.parametrize("words", [RESAMPLING, None])
def test_the_same_question_again_has_the_same_end(opened, words, host):
    """As of a client that tries again: what it is told was decided before."""
    outputs = (MILD, GOOD, MILD) * 2 if words else MILD
    with scripted(outputs) as server, scripted(GOOD) as trusted:
        client = opened(server, words or deferring(trusted), host=host)
        ask = {"model": "m", "messages": [{"role": "user", "content": "go"}], "tools": TOOLS}
        ends = [client.client.chat.completions.create(**ask).choices[0].message for _ in "12"]
    assert [m.tool_calls[0].function.name for m in ends] == ["safe", "safe"]


def test_what_is_graver_than_the_band_is_for_people_not_for_the_trusted_model(opened):
    with scripted(BAD, END) as server, scripted(GOOD) as trusted:
        client = opened(server, deferring(trusted))
        assert Loop(client.client).run().ran == []
        assert trusted.requests == []


def test_the_trusted_model_is_watched_too(opened):
    with scripted(MILD, END) as server, scripted(BAD) as trusted:
        client = opened(server, deferring(trusted))
        assert Loop(client.client).run().ran == []
    assert [d[1:3] for d in client.noted()[0]] == [("block", ""), ("block", "defer")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("kind", "host"), [("sync", "openai"), ("async", "openai"), ("sync", "proxy")]
)
@pytest.mark.parametrize("broken", ["refuses", "is away", "babbles"])
def test_where_nothing_else_can_be_said_a_person_would_be_asked(opened, broken, kind, stream, host):
    with scripted(MILD, END) as server, scripted(GOOD) as trusted:
        trusted.failures = broken == "refuses"
        away = trusted.url.replace("/v1", "/v2") if broken == "babbles" else "http://127.0.0.1:9/v1"
        words = deferring(trusted)
        client = opened(
            server, words if broken == "refuses" else words.replace(trusted.url, away), kind, host
        )
        assert Loop(client.client, stream=stream).run().ran == []
    assert ("danger", HELD[host], "", True) in client.noted()[0]
    assert client.watcher.faults.total() == 1


@both_hosts
@pytest.mark.parametrize("extra", [{"n": 2}, {"n": 2, "stream": True}])
def test_several_choices_are_not_one_turn(opened, extra, host):
    """What the protocol would have said again is then asked about, and a client cannot wait."""
    with scripted(MILD) as server, scripted(GOOD) as trusted:
        client = opened(server, deferring(trusted), host=host)
        ask = {"model": "m", "messages": [{"role": "user", "content": "go"}], "tools": TOOLS}
        answer = client.client.chat.completions.create(**ask, **extra)
        said = [c.model_dump_json() for c in answer] if "stream" in extra else [
            answer.model_dump_json()
        ]  # fmt: skip
        assert trusted.requests == []
    assert "danger" not in "".join(said)


@every_way
def test_observing_asks_nobody_and_says_what_would_have_been(opened, api, stream, kind, host):
    with scripted(MILD, END) as server, scripted(GOOD) as trusted:
        client = opened(server, deferring(trusted), kind, host, "observe")
        assert Loop(client.client, api, stream).run().ran == ["danger"]
        assert trusted.requests == []
        assert len(server.requests) == 2
    decided, messages = client.noted()
    assert ("danger", "block", "defer", False) in decided
    assert not any(BRANCH in m for m in messages)


def test_only_enforced_tools_have_a_turn_said_again(opened):
    with scripted(MILD, END) as server, scripted(GOOD) as trusted:
        rule = '[watch.tools."danger"]\nmode = "observe"'
        client = opened(server, f"{deferring(trusted)}\n{rule}")
        assert Loop(client.client).run().ran == ["danger"]
        assert trusted.requests == []


@both_hosts
@pytest.mark.parametrize("words", [RESAMPLING, None])
def test_a_replay_of_such_a_run_gives_the_same_scores(opened, words, host):
    """Also of what was abandoned: it was told the same as what went on."""
    first = (BAD, MILD, BAD) if words else MILD
    with scripted(first, MILD, END) as server, scripted(GOOD) as trusted:
        client = opened(server, words or deferring(trusted), host=host)
        Loop(client.client).run()
    watcher = client.watcher
    live = {}
    for body in client.decisions():
        for one in body["evidence"]:
            live[one["address"], one["monitor"]] = one["suspicion"]
    watcher.close()
    store = open_store(read_settings().database)
    assert settle(store) == 1
    with store.reading() as connection:
        row = store.runs.find(connection, watcher.run)
    [result] = results(store, row)
    settled = {
        (step.step.address, score.monitor): score.suspicion
        for step in result.steps for score in step.scores
    }  # fmt: skip
    assert live and {place: settled[place] for place in live} == live
    assert sum(step.step.branch is not None for step in result.steps) >= 3
