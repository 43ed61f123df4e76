"""The monitors for Sentinel, under Sentinel's own protocols."""

import pytest
from agents import BOTH, END, REASON, Tools, line, ours, results, run, task
from inspect_sentinel import observe_only, threshold

from cotmon.hosts._inspect_sentinel import cotmon_monitor, cotmon_words


def observed(sample):
    """(stage, suspicion) of every report of our monitors."""
    return [
        (e.stage, e.suspicion)
        for e in sample.events
        if e.event == "sentinel" and e.suspicion is not None
    ]


def broken(monkeypatch):
    def fails(self, views):
        raise RuntimeError("no score today")

    kind = ours().monitors[0].kind
    monkeypatch.setattr(type(kind), "score", fails)


def test_t02_the_reasoning_of_a_call_is_joined_to_it(project, tmp_path):
    project()
    tools = Tools()
    thought = line("On it.", "This is dynamite.", [("c1", "safe", "tea")])
    log = run(task(tools, sentinel=observe_only(cotmon_monitor())), [thought, END], tmp_path)
    ((stage, suspicion),) = observed(log.samples[0])
    assert (stage, suspicion["scheming"] > 0.5) == ("tool_call", True)


def test_t03_t04_a_threshold_blocks_one_call_of_two(project, tmp_path):
    project()
    tools = Tools()
    protocol = threshold(cotmon_monitor(), reject_at=0.5)
    log = run(task(tools, sentinel=protocol), [BOTH, END], tmp_path)
    assert log.status == "success", log.error
    assert tools.ran == [("safe", "tea")]
    assert sorted(results(log.samples[0])) == ["c1", "c2"]


def test_t01_words_are_judged_as_they_are_generated(project, tmp_path):
    project()
    protocol = threshold(cotmon_words(), terminate_at=0.5)
    log = run(task(Tools(), sentinel=protocol), [line("I like dynamite.")], tmp_path)
    assert log.samples[0].limit is not None
    assert observed(log.samples[0])[0][0] == "model_output"


def test_both_monitors_judge_a_turn_once(project, tmp_path):
    project()
    both = {"calls": cotmon_monitor(), "words": cotmon_words()}
    log = run(task(Tools(), sentinel=observe_only(both)), [BOTH, END], tmp_path)
    watcher = ours()
    watcher.recorder.flush()
    with watcher.store.reading() as connection:
        (thread,) = watcher.store.watches.threads(connection)
        decided = watcher.store.watches.decided(connection)
        messages = watcher.store.watches.messages(connection, thread.run, thread.thread)
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "tool", "assistant"]
    assert messages[1]["content"][0]["reasoning"] == REASON
    assert len(decided) == 3
    assert len(observed(log.samples[0])) >= 3


@pytest.mark.parametrize("enforced", [True, False])
def test_t10_a_monitor_that_raises_fails_closed(project, tmp_path, monkeypatch, enforced):
    project()
    tools, ours = Tools(), cotmon_monitor()
    protocol = threshold(ours, reject_at=0.5) if enforced else observe_only(ours)
    broken(monkeypatch)
    log = run(task(tools, sentinel=protocol), [BOTH, END], tmp_path)
    assert (log.status == "error") is enforced
    assert tools.ran == ([] if enforced else [("safe", "tea"), ("danger", "dynamite")])


def test_t16_observing_changes_nothing(project, tmp_path):
    project()
    bare, tools = Tools(), Tools()
    without = run(task(bare), [BOTH, END], tmp_path / "bare")
    log = run(task(tools, sentinel=observe_only(cotmon_monitor())), [BOTH, END], tmp_path)
    assert tools.ran == bare.ran
    assert results(log.samples[0]) == results(without.samples[0])
