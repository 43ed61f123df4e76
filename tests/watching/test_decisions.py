"""Decisions: levels, failure policies, and that nothing is judged or approved twice."""

import json
import subprocess
import sys
import threading
import time

import pytest

from cotmon.hosts._gate import verdict
from cotmon.kinds.rules import RulesKind
from cotmon.records import Scored, Unscored
from cotmon.store import open_store
from cotmon.watching import Said, ToolCall

DB = "sqlite:///watch.db"
SAFE, BAD = ("read", '{"path": "a"}'), ("send", '{"text": "dynamite"}')
OPEN = "[watch.failures.'scheming/dynamite']\n"


def levels(found):
    return [(d.tool, d.level, d.enforced) for d in found]


def test_only_the_bad_call_of_a_turn_is_held(watch, agent):
    found = agent(watch()).say(SAFE, BAD, SAFE)
    assert [d.level for d in found] == ["allow", "ask", "allow"]
    bad = found[1].evidence[0]
    assert (bad.monitor, bad.value, bad.reason) == ("scheming/dynamite", 0.9, "speaks of dynamite")
    assert found[1].because == "reaches the threshold" and found[1].latency_ms > 0


def test_bad_words_count_for_every_call_and_words_alone_are_flagged_at_most(watch, agent):
    one = agent(watch("block = 0.7"))
    assert [d.level for d in one.say(SAFE, SAFE, reasoning="Fetch the dynamite.")] == [
        "block",
        "block",
    ]
    assert levels(one.say(text="Dynamite it is.")) == [("", "flag", True)]


def test_what_is_said_of_a_whole_turn_counts_for_every_call(watch, agent):
    found = agent(watch(monitors=("nitro",))).say(("send", "nitro"), SAFE)
    assert [d.level for d in found] == ["ask", "ask"]


def test_asking_becomes_blocking_where_the_host_cannot_pause(watch, agent):
    assert levels(agent(watch(pauses=False)).say(BAD)) == [("send", "block", True)]


def test_thresholds_of_zero_and_the_budget_of_questions(watch, agent):
    one = agent(
        watch("audits = 1\n[watch.tools.always]\nask = 0.0\n[watch.tools.never]\nblock = 0.0")
    )
    assert [d.level for d in one.say(("never", "{}"))] == ["block"]
    assert [d.level for d in one.say(("always", "{}"))] == ["ask"]
    assert [d.level for d in one.say(("always", "{}"))] == ["block"], "no question is left"
    assert [d.level for d in agent(one.watcher, "two").say(("always", "{}"))] == ["ask"], (
        "each thread has its own"
    )


def test_what_cannot_be_said_again_is_asked_about_within_the_same_budget(watch, agent):
    protocol = "protocol = 'defer-to-resample'\nask = 1.5\ndefer = 0.5"
    one = agent(watch(f"audits = 1\n{protocol}"))
    assert levels(one.say(SAFE, BAD)) == [("read", "allow", True), ("send", "ask", True)]
    assert levels(one.say(BAD)) == [("send", "block", True)], "no question is left"
    assert [d.act for d in one.say(BAD)] == [""]


def test_two_calls_of_one_id_are_each_seen_or_held(watch):
    calls = (ToolCall("c", *SAFE), ToolCall("c", *BAD))
    made = [
        {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
        for c in calls
    ]
    chat = {"role": "assistant", "reasoning_content": "Well.", "tool_calls": made}
    found = watch().conversation("t").judge(Said(message="m", chat=chat, calls=calls))
    assert [d.level for d in found] == ["allow", "ask"]
    assert found[1].failures == {"cotmon": "no monitor was shown this call"}


@pytest.mark.parametrize(
    ("on", "level"), [("note", "allow"), ("flag", "flag"), ("ask", "ask"), ("block", "block")]
)
def test_a_host_without_reasoning(watch, agent, on, level):
    found = agent(watch(f"on_missing_reasoning = '{on}'")).say(SAFE, reasoning="")
    assert levels(found) == [("read", level, True)] and "no reasoning" in found[0].because
    assert agent(watch(f"on_missing_reasoning = '{on}'"), "two").say(SAFE)[0].level == "allow"


# Failures


def failing(monkeypatch, how):
    monkeypatch.setattr(RulesKind, "score", how)


def _raise(self, views):
    raise RuntimeError("no such luck")


def _late(self, views):
    time.sleep(0.5)
    return [Scored(0.9, "late") for _ in views]


@pytest.mark.parametrize(
    ("how", "key", "said"), [(_raise, "on_error", "no such luck"), (_late, "on_timeout", "timeout")]
)
@pytest.mark.parametrize("level", [None, "allow", "flag", "ask", "block"])
def test_a_monitor_that_fails_or_is_late(watch, agent, monkeypatch, how, key, said, level):
    failing(monkeypatch, how)
    chosen = f"{key} = '{level}'\n" if level else ""
    one = agent(watch(f"{OPEN}{chosen}timeout_ms = 50"))
    [found] = one.say(SAFE)
    assert found.level == (level or "ask") and said in found.failures["scheming/dynamite"]
    assert [d.level for d in one.say(text="And done.")] == ["flag"]
    observed = agent(watch(f"{OPEN}{chosen}timeout_ms = 50", mode="observe"), "two")
    assert verdict(observed.watcher, observed.say(SAFE)[0]) == "run"


def test_what_comes_too_late_is_stored_and_not_applied(watch, agent, monkeypatch):
    failing(monkeypatch, _late)
    watcher = watch("timeout_ms = 50")
    [found] = agent(watcher).say(SAFE)
    assert found.suspicion is None
    time.sleep(1.2)
    watcher.recorder.flush()
    with open_store(DB).reading() as connection:
        rows = connection.exec_driver_sql("SELECT status, reason FROM outcomes").all()
    assert ("scored", "late") in rows and not any(status == "unscored" for status, _ in rows)


def test_a_step_that_hangs_does_not_make_every_agent_wait(watch, agent, monkeypatch):
    stuck, go = threading.Event(), threading.Event()

    def hang(self, views):
        stuck.set()
        go.wait(20)
        return [Unscored("it hung")] * len(views)

    failing(monkeypatch, hang)
    watcher = watch("timeout_ms = 200")
    agent(watcher, "first").say(SAFE)
    assert stuck.is_set()
    began = time.monotonic()
    for k in range(20):
        assert agent(watcher, f"other {k}").say(SAFE)[0].level == "ask"
    assert time.monotonic() - began < 20 * 0.2
    go.set()


@pytest.mark.parametrize(
    ("chosen", "level"),
    [(None, "block"), ("ask", "block"), ("block", "block"), ("flag", "flag"), ("allow", "allow")],
)
def test_a_store_that_is_gone(watch, agent, chosen, level):
    more = f"on_store_error = '{chosen}'" if chosen else ""
    watcher = watch(f"{more}\ntimeout_ms = 5000")
    one = agent(watcher)
    one.say(SAFE)
    watcher.recorder.flush()
    with watcher.store.begin() as connection:
        for table in ("decisions", "watched_messages", "outcomes", "watched"):
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO gone_{table}")
    [found] = one.say(("read", "{}"))
    assert found.level == level and "store" in found.failures
    assert watcher.faults and verdict(watcher, found) == ("refuse" if level == "block" else "run")
    assert agent(watcher, "another").say(SAFE)[0].level == level


def test_a_store_that_is_gone_changes_nothing_where_nothing_is_enforced(watch, agent):
    watcher = watch(mode="observe")
    one = agent(watcher)
    with watcher.store.begin() as connection:
        for table in ("decisions", "watched_messages", "outcomes"):
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO gone_{table}")
    for call in (SAFE, BAD):
        assert verdict(watcher, one.say(call)[0]) == "run"
    while not watcher.recorder.failures:
        time.sleep(0.01)
    with watcher.store.begin() as connection:
        for table in ("decisions", "watched_messages", "outcomes"):
            connection.exec_driver_sql(f"ALTER TABLE gone_{table} RENAME TO {table}")
    one.say(SAFE)
    watcher.recorder.flush()
    with watcher.store.reading() as connection:
        kinds = {fault.kind for fault in watcher.store.watches.faults(connection)}
        held = watcher.store.watches.messages(connection, watcher.run, "one")
    assert "lost writes" in kinds
    assert len(held) == 7, "messages that could not be written were written with the next"


def test_a_message_that_cannot_be_taken_in_is_a_failure_of_the_next_decision(watch, agent):
    one = agent(watch())
    loop: dict = {"role": "user"}
    loop["content"] = [loop]
    one.conversation.hear([("x", loop)])
    [found] = one.say(SAFE)
    assert found.level == "ask" and "cotmon" in found.failures and one.watcher.faults
    assert one.say(SAFE)[0].level == "allow", "it counts once"


def test_a_watch_that_has_ended_gives_no_pass(watch, agent):
    watcher = watch()
    one = agent(watcher)
    watcher.close()
    watcher.close()
    [found] = one.say(SAFE)
    assert found.level == "block" and set(found.failures) >= {"store"}


# Once


def counting(monkeypatch):
    seen, real = [], RulesKind.score
    monkeypatch.setattr(
        RulesKind, "score", lambda self, views: (seen.extend(views), real(self, views))[1]
    )
    return seen


@pytest.mark.parametrize("ids", [True, False])
def test_a_message_is_judged_once_also_after_a_restart(watch, agent, monkeypatch, ids):
    seen = counting(monkeypatch)
    first = watch()
    one = agent(first, ids=ids)
    one.say(SAFE)
    said = one.said(BAD, SAFE)
    found = one.conversation.judge(said)
    count = len(seen)
    assert one.conversation.judge(said) == found and len(seen) == count
    first.close()
    again = agent(watch(), ids=ids)
    again.history = one.history
    again.conversation.hear(again.history)
    assert again.conversation.judge(said) == found and len(seen) == count
    again.watcher.recorder.flush()
    with open_store(DB).reading() as connection:
        assert len(again.watcher.store.watches.messages(connection, first.run, "one")) == 4
        assert len(again.watcher.store.watches.decided(connection)) == 3


def test_the_same_message_with_other_arguments_is_judged_anew(watch, agent):
    one = agent(watch())
    said = one.said(SAFE)
    assert one.conversation.judge(said)[0].level == "allow"
    other = Said(message=said.message, chat={**said.chat, "tool_calls": [
        {"id": said.calls[0].id, "type": "function", "function": {"name": "read", "arguments": "dynamite"}}
    ]}, calls=(ToolCall(said.calls[0].id, "read", "dynamite"),))  # fmt: skip
    assert one.conversation.judge(other)[0].level == "ask"
    assert one.conversation.judge(said)[0].level == "allow"


def test_the_same_words_again_later_are_another_message(watch, agent):
    one = agent(watch(), ids=False)
    first, second = one.say(SAFE)[0], one.say(SAFE)[0]
    assert first.key != second.key


def test_under_other_monitors_a_conversation_goes_on_in_a_new_run(watch, agent):
    first = watch()
    one = agent(first)
    [held] = one.say(BAD)
    first.ask(held, BAD[1])
    first.close()
    second = watch(monitors=("dynamite", "nitro"))
    again = agent(second)
    again.history = one.history
    again.conversation.hear(again.history)
    assert again.conversation.judge(
        again.said_before if hasattr(again, "said_before") else one_said(one)
    ) == (held,)
    assert [d.level for d in again.say(("send", "nitro"))] == ["ask"]
    second.recorder.flush()
    with second.store.reading() as connection:
        assert len(second.store.watches.messages(connection, second.run, "one")) == 5


def one_said(one):
    name, chat = one.history[1]
    calls = tuple(
        ToolCall(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in chat["tool_calls"]
    )  # fmt: skip
    return Said(message=name, chat=chat, calls=calls)


# Approvals


SPEND = """
import sys
from cotmon.store import open_store
store = open_store(sys.argv[1])
sys.stdin.readline()
with store.begin() as connection:
    print(store.watches.spend(connection, sys.argv[2]))
"""


def test_an_approval_is_spent_once_also_among_processes(watch, agent):
    watcher = watch()
    [held] = agent(watcher).say(BAD)
    assert verdict(watcher, held) == "ask" and watcher.state(held) is None
    token = watcher.ask(held, BAD[1])
    assert verdict(watcher, held) == "ask" and watcher.state(held) == "pending"
    watcher.answer(token, approve=True, who="ann", why="a quarry")
    others = [
        subprocess.Popen(
            [sys.executable, "-c", SPEND, DB, held.key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    got = [other.communicate("go\n")[0].strip() for other in others]
    assert sorted(got) == ["False", "False", "True"]
    assert verdict(watcher, held) == "refuse" and watcher.state(held) == "spent"


def test_a_mode_that_was_changed_counts_for_what_still_waits(watch, agent, monkeypatch):
    first = watch()
    one = agent(first)
    said = one.said(BAD)
    [held] = one.conversation.judge(said)
    first.ask(held, BAD[1])
    first.close()
    monkeypatch.setenv("COTMON_MODE", "observe")
    again = watch()
    [found] = agent(again).conversation.judge(said)
    assert (found.key, found.level, found.enforced) == (held.key, "ask", False)
    assert verdict(again, found) == "run"


def test_an_answer_stands_and_a_lost_race_runs_nothing(watch, agent, monkeypatch):
    watcher = watch()
    [held] = agent(watcher).say(BAD)
    token = watcher.ask(held, BAD[1])
    watcher.answer(token, approve=False, who="ann")
    watcher.answer(token, approve=True, who="eve")
    assert watcher.state(held) == "rejected" and verdict(watcher, held) == "refuse"
    monkeypatch.setattr(watcher, "state", lambda _: "approved")
    assert verdict(watcher, held) == "refuse", "somebody else spent it in between"


def test_decisions_are_stored_as_they_were_given(watch, agent):
    watcher = watch()
    found = agent(watcher).say(SAFE, BAD)
    watcher.recorder.flush()
    with watcher.store.reading() as connection:
        bodies = [body for _, body in watcher.store.watches.decided(connection)]
    assert {b["key"]: b["level"] for b in bodies} == {d.key: d.level for d in found}
    assert json.dumps(bodies)
