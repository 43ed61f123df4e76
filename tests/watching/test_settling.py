"""What was watched is a stored run: settled without scoring, and equal to a replay of the chat."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cotmon.cli._stored import results
from cotmon.kinds.rules import RulesKind
from cotmon.store import open_store
from cotmon.watching.settling import chat_of, settle

ALL = ("dynamite", "nitro", "gelignite")
DB = "sqlite:///watch.db"


def talk(agent):
    agent.say(("read", '{"path": "a"}'), text="I read dynamite.")
    agent.say(
        ("read", '{"path": "b"}'), ("send", '{"to": "nitro"}'), reasoning="The gelignite. Then on."
    )
    agent.say(text="All is done, with nitro and gelignite and dynamite in it.")


def stored(run=None):
    """Content and (address, monitor, value, suspicion, reason) of every score of the newest run."""
    store = open_store(DB)
    with store.reading() as connection:
        row = store.runs.find(connection, run or "latest")
    return [
        (
            found.transcript.id, found.content_hash, found.verdict,
            [(s.step.address, c.monitor, c.value, c.suspicion, c.reason) for s in found.steps for c in s.scores],
        )
        for found in results(store, row)
    ]  # fmt: skip


@pytest.mark.parametrize("ids", [True, False])
def test_live_scores_are_the_settled_ones_and_those_of_a_replay(watch, agent, ids, monkeypatch):
    watcher = watch(monitors=ALL)
    live = {}
    decide = watcher.conversation("one")._policy.decide

    def spy(about, found, lost):
        live.update(
            {(o.step.address, s.monitor): (s.value, s.suspicion, s.reason) for o, s in found}
        )
        return decide(about, found, lost)

    monkeypatch.setattr(watcher.conversation("one")._policy, "decide", spy)
    talk(agent(watcher, ids=ids))
    watcher.close()
    store = open_store(DB)
    assert settle(store) == 1 and settle(store) == 0
    [settled] = stored()
    by_place = {(address, monitor): rest for address, monitor, *rest in settled[3]}
    assert live and all(tuple(by_place[place]) == said for place, said in live.items())
    assert settled[2] == "flag" and {m for _, m, v, *_ in settled[3] if v} == {
        f"scheming/{w}" for w in ALL
    }
    chat = {"id": "one", "messages": chat_of(store, watcher.run, "one")}
    Path("chat.jsonl").write_text(json.dumps(chat) + "\n")
    words = [w for name in ALL for w in ("-m", f"scheming/{name}")]
    done = subprocess.run(
        [sys.executable, "-m", "cotmon", "replay", "chat.jsonl", "--db", "sqlite:///other.db", *words],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    other = open_store("sqlite:///other.db")
    with other.reading() as connection:
        row = other.runs.find(connection, "latest")
    [replayed] = results(other, row)
    assert replayed.content_hash == settled[1]
    again = [
        (s.step.address, c.monitor, c.value, c.suspicion, c.reason)
        for s in replayed.steps
        for c in s.scores
    ]
    assert again == settled[3]


def test_a_conversation_that_grew_replaces_its_reading_and_leaves_nothing_behind(watch, agent):
    watcher = watch()
    one, two = agent(watcher), agent(watcher, "two")
    store = open_store(DB)
    for _ in range(3):
        one.say(("read", '{"path": "a"}'))
        two.say(("send", "dynamite"))
        watcher.recorder.flush()
        assert settle(store) == 2
    found = stored()
    assert sorted(f[0] for f in found) == ["one", "two"]
    with store.reading() as connection:
        counts = [
            connection.exec_driver_sql(f"SELECT count(*) FROM {t}").scalar()
            for t in ("readings", "transcripts")
        ]
        [row] = store.runs.rows(connection)
    assert counts == [2, 2] and row.finished is None


def test_a_sub_agents_conversation_keeps_what_started_it_and_its_scores(watch, agent):
    """Also where it is taken up again, and told of another parent."""
    first = watch(monitors=ALL)
    [call] = agent(first, "outer").say(("start", "{}"), text="I ask another.")
    first.conversation("inner", parent=call.parent)
    alone, inner = agent(first, "alone"), agent(first, "inner")
    talk(alone)
    talk(inner)
    first.close()
    alone.watcher = inner.watcher = second = watch(monitors=ALL)
    second.conversation("inner", parent="another M9.9")
    talk(alone)
    talk(inner)
    second.close()
    store = open_store(DB)
    settle(store)
    with store.reading() as connection:
        row = store.runs.find(connection, first.run)
    found = {one.transcript.id: one for one in results(store, row)}
    [started] = [s.step.address for s in found["outer"].steps if s.step.tool == "start"]
    assert {m.parent for m in found["inner"].transcript.messages} == {f"outer {started}"}
    assert found["inner"].transcript.parent == f"outer {started}"
    assert {m.parent for m in found["alone"].transcript.messages} == {None}
    values = [
        [
            (s.step.address, c.monitor, c.value, c.status)
            for s in found[name].steps
            for c in s.scores
        ]
        for name in ("alone", "inner")
    ]
    assert values[0] == values[1] and any(value for _, _, value, _ in values[0])


def test_what_failed_while_it_lived_stays_unscored_with_its_reason(watch, agent, monkeypatch):
    watcher = watch()
    one = agent(watcher)
    one.say(("read", "{}"))
    with monkeypatch.context() as broken:
        broken.setattr(RulesKind, "score", lambda self, views: 1 / 0)
        one.say(("send", "dynamite"), text="Now this.")
    watcher.close()
    settle(open_store(DB))
    [(_, _, verdict, scores)] = stored()
    reasons = {reason for *_, value, _, reason in scores if value is None}
    assert verdict == "incomplete" and reasons == {
        "the monitor failed: ZeroDivisionError: division by zero"
    }
    assert sum(value is not None for _, _, value, _, _ in scores) == 3, "its thought was known"


KILLED = """
import os
from cotmon.watching import Said, Watcher, read_settings
watcher = Watcher(read_settings(), "test", can_pause=True)
one = watcher.conversation("one")
one.hear([("a", {"role": "user", "content": "go"})])
one.judge(Said(message="b", chat={"role": "assistant", "content": "I take the dynamite."}))
watcher.recorder.flush()
os.kill(os.getpid(), 9)
"""


def test_a_run_whose_process_was_killed_is_finished_and_readable(project, cotmon_words):
    project()
    assert subprocess.run([sys.executable, "-c", KILLED]).returncode == -9
    listed = cotmon_words("list", "runs")
    assert "yes" in listed and "watched by test" in listed
    assert "dynamite" in cotmon_words("show", "one") and "flag" in cotmon_words("show", "one")
    assert "1 confirmed" in cotmon_words(
        "review", "--marked", "--summary", "--reviewer", "ann", said="c\n"
    )
    cotmon_words("report")
    cotmon_words("export", "--to", "out.csv")
    assert "scheming/dynamite" in Path("out.csv").read_text()
    with open_store(DB).reading() as connection:
        run = open_store(DB).runs.find(connection, "latest").id
    cotmon_words("delete", run)
    with open_store(DB).reading() as connection:
        tables = (
            "runs",
            "watched",
            "watched_messages",
            "decisions",
            "readings",
            "transcripts",
            "outcomes",
            "texts",
        )
        assert not any(
            connection.exec_driver_sql(f"SELECT count(*) FROM {t}").scalar() for t in tables
        )
