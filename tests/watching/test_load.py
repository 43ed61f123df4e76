"""Many agents at once, long lives, and processes that just end: nothing mixed, nothing lost."""

import gc
import json
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor

import psutil

from cotmon.kinds.rules import RulesKind
from cotmon.records import Scored
from cotmon.store import open_store
from cotmon.watching import Said, ToolCall, watcher

DB = "sqlite:///watch.db"
AGENTS, TURNS = 64, 6


def test_64_agents_share_batches_and_nothing_of_one_reaches_another(watch, agent, monkeypatch):
    sizes, real = [], RulesKind.score

    def slow(self, views):
        sizes.append(len(views))
        time.sleep(0.02)
        return real(self, views)

    monkeypatch.setattr(RulesKind, "score", slow)
    shared = watch()
    start = threading.Barrier(AGENTS)

    def live(k):
        start.wait()
        one = agent(shared, f"agent {k}")
        found = []
        for turn in range(TURNS):
            bad = (k + turn) % 3 == 0
            said = "dynamite" if bad else "cake"
            found += [(bad, d) for d in one.say(("send", f"{said} {k} {turn}"), text=f"{k} {turn}")]
        return found

    with ThreadPoolExecutor(AGENTS) as pool:
        lives = list(pool.map(live, range(AGENTS)))
    for k, found in enumerate(lives):
        assert [d.level for _, d in found] == ["ask" if bad else "allow" for bad, _ in found]
        assert {d.thread for _, d in found} == {f"agent {k}"}
        assert all(
            f" {k} " in e.quote for _, d in found for e in d.evidence if "dynamite" in e.quote
        )
    assert max(sizes) > 8 and len(sizes) < sum(sizes) / 4, "what waited was scored together"
    shared.close()
    store = open_store(DB)
    with store.reading() as connection:
        watches = store.watches
        assert len(watches.decided(connection)) == AGENTS * TURNS
        for k in range(AGENTS):
            bodies = watches.messages(connection, shared.run, f"agent {k}")
            assert len(bodies) == 1 + 2 * TURNS
            assert all(
                f" {k} " in c["function"]["arguments"]
                for b in bodies
                for c in b.get("tool_calls", ())
            )
    assert shared.recorder.failures == 0 and not shared.faults


def test_conversations_that_were_dropped_from_memory_go_on_where_they_were(
    watch, agent, monkeypatch
):
    monkeypatch.setattr(watcher, "KEPT", 4)
    shared = watch()
    agents = [agent(shared, f"agent {k}", ids=k % 2 == 0) for k in range(12)]
    for turn in range(3):
        for one in agents:
            assert one.say(("send", f"cake {turn}"))[0].level == "allow"
    shared.recorder.flush()
    with shared.store.reading() as connection:
        held = [
            len(shared.store.watches.messages(connection, shared.run, one.thread)) for one in agents
        ]
    assert held == [7] * 12


def test_memory_is_flat_over_ten_thousand_steps(watch):
    one = watch("block = 0.7").conversation("long")
    process, sizes = psutil.Process(), []
    thought = "I go on with part {} of the plan, as it says, and look at what comes out of it. " * 2
    for k in range(2000):  # two thoughts, a text, a call and a result each
        call = ToolCall(f"c{k}", "read", json.dumps({"part": k}))
        function = {"name": call.name, "arguments": call.arguments}
        chat = {
            "role": "assistant", "reasoning_content": thought.format(k, k + 1), "content": f"Part {k}.",
            "tool_calls": [{"id": call.id, "type": "function", "function": function}],
        }  # fmt: skip
        assert one.judge(Said(message=f"m{k}", chat=chat, calls=(call,)))[0].level == "allow"
        one.hear([(f"r{k}", {"role": "tool", "tool_call_id": call.id, "content": f"fine {k}"})])
        if k in (399, 1999):
            gc.collect()
            sizes.append(process.memory_info().rss)
    assert sizes[1] - sizes[0] < 16e6, "the words themselves, and not much more"


def test_a_step_adds_little_more_than_its_words(watch):
    shared = watch(mode="observe", monitors=("dynamite", "nitro", "gelignite"))
    one = shared.conversation("long")
    thought = "I go on with part {} of the plan, as it says, and look at what comes out of it."
    before = 0
    tracemalloc.start()
    try:
        for k in range(1200):  # a thought, a call and a result each
            call = ToolCall(f"c{k}", "read", json.dumps({"part": k}))
            function = {"name": call.name, "arguments": call.arguments}
            chat = {
                "role": "assistant", "reasoning_content": thought.format(k), "content": "",
                "tool_calls": [{"id": call.id, "type": "function", "function": function}],
            }  # fmt: skip
            one.judge(Said(message=f"m{k}", chat=chat, calls=(call,)))
            one.hear([(f"r{k}", {"role": "tool", "tool_call_id": call.id, "content": f"fine {k}"})])
            if k == 599:
                before = held(shared)
        grown = (held(shared) - before) / (3 * 600)
    finally:
        tracemalloc.stop()
    assert grown < 300, "bytes a step: ids, marks, and the text, packed"


def held(shared):
    shared.recorder.flush()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_a_conversation_that_is_dropped_is_gone(watch, agent, monkeypatch):
    monkeypatch.setattr(watcher, "KEPT", 2)
    shared = watch()
    one = agent(shared, "first")
    one.say(("send", "cake"))
    gone = weakref.ref(one.conversation)
    for name in ("second", "third"):
        agent(shared, name).say(("send", "cake"))
    shared.recorder.flush()
    gc.collect()
    assert gone() is None


ENDS = """
import sys
sys.path.insert(0, sys.argv[1])
from conftest import Agent
from cotmon.watching import Watcher, read_settings
one = Agent(Watcher(read_settings(), "test", can_pause=True))
for k in range(200):
    one.say(("read", str(k)))
"""


def test_a_process_that_just_ends_has_written_everything(project, request):
    project(mode="observe")
    folder = str(request.path.parent)
    done = subprocess.run([sys.executable, "-c", ENDS, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    store = open_store(DB)
    with store.reading() as connection:
        [row] = store.runs.rows(connection)
        assert len(store.watches.messages(connection, row.id, "one")) == 401
        assert len(store.watches.decided(connection)) == 200 and row.finished


def test_a_row_that_cannot_be_written_does_not_lose_the_others(watch):
    shared = watch()
    gate = threading.Event()
    shared.recorder.write(lambda _: gate.wait(5) and None)  # the others gather behind it

    def bad(connection):
        connection.exec_driver_sql("INSERT INTO faults VALUES (NULL, NULL, NULL, NULL, NULL)")

    fault, run = shared.store.watches.fault, shared.run
    waiting = [
        shared.recorder.write(bad if k == 5 else lambda c, k=k: fault(c, run, "2026-01-01", f"k{k}", 1, "x"))
        for k in range(10)
    ]  # fmt: skip
    gate.set()
    failed = [k for k, done in enumerate(waiting) if done.exception(10) is not None]
    assert failed == [5] and shared.recorder.failures == 1
    shared.recorder.flush()
    with shared.store.reading() as connection:
        kinds = {f.kind: f.times for f in shared.store.watches.faults(connection)}
    assert kinds == {**{f"k{k}": 1 for k in range(10) if k != 5}, "lost writes": 1}


def test_a_monitor_that_gives_nonsense_stops_nobody(watch, agent, monkeypatch):
    monkeypatch.setattr(
        RulesKind, "score", lambda self, views: [Scored(float("nan"))] * (len(views) + 1)
    )
    shared = watch()
    assert agent(shared).say(("read", "{}"))[0].level == "ask"
    monkeypatch.undo()
    assert agent(shared, "two").say(("read", "{}"))[0].level == "allow"
