"""The approver, against real evaluations with Inspect's own fake model."""

import json
import threading
import time

import pytest
from agents import BOTH, END, Tools, line, ours, results, run, task
from inspect_ai import Task
from inspect_ai.agent import as_tool, handoff, react
from inspect_ai.approval import Approval, ApprovalPolicy, approver
from inspect_ai.dataset import Sample
from settled import settled

from cotmon import hosts
from cotmon.engine import Session
from cotmon.formats import ChatStream
from cotmon.hosts import HOSTS
from cotmon.records import Scored, Source
from cotmon.watching import Watcher, read_settings

SAFE = line("Tea first.", "Tea is easy.", [("c1", "safe", "tea")])
DANGER = line("Now that.", "Then the other.", [("c2", "danger", "dynamite")])
BLOCK = "block = 0.5"


@pytest.fixture
def watched(project, tmp_path):
    """Runs lines with a watched task: (tools, sample)."""

    def go(*lines, watch=BLOCK, mode="enforce"):
        project(watch, mode)
        tools = Tools()
        log = run(hosts.watch(task(tools)), lines, tmp_path)
        assert log.status == "success", log.error
        return tools, log.samples[0]

    return go


def stored(watcher):
    watcher.recorder.flush()
    with watcher.store.reading() as connection:
        watches = watcher.store.watches
        threads = watches.threads(connection)
        decided = [body for _, body in watches.decided(connection)]
        return [watches.messages(connection, t.run, t.thread) for t in threads], decided


def broken(monkeypatch, do):
    """Lets the only monitor do something else than score."""
    kind = ours().monitors[0].kind
    monkeypatch.setattr(type(kind), "score", lambda self, views: do())


def fails():
    raise RuntimeError("no score today")


def test_t01_every_step_is_seen_once_and_in_order(watched):
    watched(SAFE, DANGER, END)
    (messages,), decided = stored(ours())
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "assistant"]
    assert [d["tool"] for d in decided] == ["safe", "danger"]


def test_t01_words_without_a_call_are_not_asked_about(watched):
    watched(line("dynamite"))
    assert stored(ours()) == ([], [])
    assert HOSTS.load("inspect").card.text == "depends"


def test_t02_reasoning_is_kept_byte_for_byte(watched):
    reason = "I think — \u200b«dynamite»?\n\nNo.  "
    watched(line("x", reason, [("c1", "safe", "tea")]), END)
    (messages,), _ = stored(ours())
    assert messages[1]["content"][0] == {"type": "reasoning", "reasoning": reason}


def test_t03_a_blocked_tool_never_runs(watched):
    tools, sample = watched(DANGER, END)
    assert tools.ran == []
    assert list(results(sample)) == ["c2"]
    assert sample.output.completion == "Done."


def test_t04_of_two_calls_only_the_blocked_one_does_not_run(watched):
    tools, sample = watched(BOTH, END)
    assert tools.ran == [("safe", "tea")]
    assert sorted(results(sample)) == ["c1", "c2"]


def test_t05_inspect_knows_only_asynchronous_approvers(watched):
    """The same approver serves every way to run an evaluation; there is no other half."""
    tools, _ = watched(BOTH, END)
    assert tools.ran == [("safe", "tea")]


def test_t06_t07_nothing_streams_to_an_approver():
    assert HOSTS.load("inspect").card.streams == "no"


def test_t08_a_question_holds_the_sample_until_another_process_answers(project, tmp_path):
    project("")
    tools, other = Tools(), Watcher(read_settings(), "other", can_pause=False)
    made = hosts.watch(task(tools))
    asked, ran_before = [], []

    def answer():
        for approve in (True, False):
            while not (pending := waiting(other)):
                time.sleep(0.05)
            asked.append(pending[0])
            ran_before.append(list(tools.ran))
            other.answer(pending[0]["token"], approve=approve, who="me", why="I looked")

    person = threading.Thread(target=answer)
    person.start()
    run(made, [DANGER, DANGER, END], tmp_path)
    person.join()
    other.close()
    assert asked[0]["body"]["arguments"] == '{"x": "dynamite"}'
    assert ran_before[0] == [], "it ran before it was answered"
    assert tools.ran == [("danger", "dynamite")], "an approval is spent once, a rejection holds"


def waiting(watcher):
    with watcher.store.reading() as connection:
        return watcher.store.watches.pending(connection)


def test_t08_cannot_survive_a_restart():
    assert HOSTS.load("inspect").card.survives == "no"


def test_t09_a_refusal_says_nothing_but_the_words_of_the_settings(watched):
    _, sample = watched(DANGER, END, watch=BLOCK + '\nrefusal = "Not done."')
    assert results(sample) == {"c2": ("", "Not done.")}
    told = json.dumps([m.model_dump(mode="json") for m in sample.messages[2:]])
    for word in ("scheming", "dynamite/", "suspicion", "monitor", "0.9", "cotmon"):
        assert word not in told


@pytest.mark.parametrize(("on_error", "ran"), [("block", []), ("allow", [("safe", "tea")])])
def test_t10_a_monitor_that_raises_leads_to_what_the_policy_says(
    project, tmp_path, monkeypatch, on_error, ran
):
    project(f'[watch.failures."scheming/dynamite"]\non_error = "{on_error}"')
    tools = Tools()
    made = hosts.watch(task(tools))
    broken(monkeypatch, fails)
    run(made, [SAFE, END], tmp_path)
    assert tools.ran == ran
    _, (decision,) = stored(ours())
    assert "no score today" in decision["failures"]["scheming/dynamite"]


def test_t11_a_monitor_that_is_late_leads_to_what_the_policy_says(project, tmp_path, monkeypatch):
    project('timeout_ms = 100\n[watch.failures."scheming/dynamite"]\non_timeout = "block"')
    tools, late = Tools(), threading.Event()
    made = hosts.watch(task(tools))
    broken(monkeypatch, lambda: late.wait(10) and [])
    run(made, [SAFE, END], tmp_path)
    late.set()
    assert tools.ran == []
    _, (decision,) = stored(ours())
    assert "timeout" in decision["failures"]["scheming/dynamite"]


def test_t12_a_turn_is_judged_once_for_all_its_calls(project, tmp_path, monkeypatch):
    project(BLOCK)
    made, judged = hosts.watch(task(Tools())), []
    kind = type(ours().monitors[0].kind)
    score = kind.score

    def counted(self, views):
        judged.extend(view.text for view in views)
        return score(self, views)

    monkeypatch.setattr(kind, "score", counted)
    log = run(made, [BOTH, END], tmp_path)
    assert len(judged) == len(set(judged)) == 4, "reasoning, text and two actions"
    assert sum(e.event == "model" for e in log.samples[0].events) == 2


@pytest.mark.parametrize(("given", "name"), [(as_tool, "helper"), (handoff, "transfer_to_helper")])
def test_t13_a_sub_agent_is_watched_and_its_steps_name_the_call_that_started_it(
    project, tmp_path, given, name
):
    project(BLOCK)
    tools = Tools()
    safe, danger = tools.make()
    inner = react(name="helper", description="Helps.", tools=[danger])
    outer = react(tools=[safe, given(inner)])
    made = hosts.watch(Task(dataset=[Sample(input="Go.")], solver=outer))
    call_helper = line("", "", [("h1", name, "")])
    call_helper.choices[0].message.tool_calls[0].arguments = (
        {"input": "Use the other."} if given is as_tool else {}
    )
    done = line("", "", [("s1", "submit", "")])
    done.choices[0].message.tool_calls[0].arguments = {"answer": "x"}
    began = []

    def lines(messages):
        began.append(messages[0].id)
        return [call_helper, done] if began[-1] == began[0] else [DANGER, DANGER, done]

    log = run(made, lines, tmp_path)
    assert log.status == "success", log.error
    assert tools.ran == []
    threads, decided = stored(ours())
    assert len(threads) == 2
    assert {d["tool"]: d["level"] for d in decided}["danger"] == "block"
    steps = settled(ours())
    [outer, inner] = sorted(steps, key=lambda thread: not thread.endswith(began[0]))
    [call] = [step.address for step in steps[outer] if step.tool == name]
    assert {step.parent for step in steps[inner]} == {f"{outer} {call}"}
    assert {step.parent for step in steps[outer]} == {None}


def test_t14_live_scores_equal_those_of_a_replay_of_the_stored_run(watched):
    watched(SAFE, BOTH, END)
    watcher = ours()
    (messages,), decided = stored(watcher)
    stream = ChatStream("again", Source(file="-", format="watched"))
    session = Session(watcher.monitors)
    values = [
        found.outcome.value
        for chat in messages
        for message in stream.add(chat)
        for found in session.push(message)
        if isinstance(found.outcome, Scored)
    ]
    live = {e["value"] for d in decided for e in d["evidence"]}
    assert {v for v in values if v} == {v for v in live if v} == {0.9}


def test_t15_many_samples_at_once_are_never_mixed(project, tmp_path):
    project(BLOCK)
    tools = Tools()
    log = run(hosts.watch(task(tools, 64)), [BOTH, END], tmp_path, max_samples=64)
    assert tools.ran == [("safe", "tea")] * 64
    threads, decided = stored(ours())
    assert sorted(m[0]["content"] for m in threads) == sorted(f"Do both, {k}." for k in range(64))
    assert len({d["key"] for d in decided}) == len(decided) == 128
    assert all(len(results(sample)) == 2 for sample in log.samples)


@pytest.mark.parametrize("raises", [False, True])
def test_t16_observing_changes_nothing(project, tmp_path, monkeypatch, raises):
    project(BLOCK, mode="observe")
    bare, tools = Tools(), Tools()
    without = run(task(bare), [BOTH, DANGER, END], tmp_path / "bare")
    made = hosts.watch(task(tools))
    if raises:
        monkeypatch.setattr(Watcher, "conversation", lambda *_: fails())
    log = run(made, [BOTH, DANGER, END], tmp_path)
    assert tools.ran == bare.ran != []
    assert spoken(log) == spoken(without)


def spoken(log):
    dropped = {"id", "model"}
    return [m.model_dump(exclude=dropped) for m in log.samples[0].messages]


def test_what_runs_is_judged_and_not_what_was_said(project, tmp_path):
    @approver(name="changes")
    def changes():
        async def approve(message, call, view, history):
            modified = type(call)(call.id, call.function, {"x": "dynamite"})
            return Approval(decision="modify", modified=modified)

        return approve

    project(BLOCK)
    tools = Tools()
    made = task(tools, approval=[ApprovalPolicy(changes(), "*")])
    run(hosts.watch(made), [SAFE, END], tmp_path)
    assert tools.ran == []


def test_approvers_that_a_task_has_keep_their_word(project, tmp_path):
    project("", mode="observe")
    tools = Tools()
    made = task(tools, approval=[ApprovalPolicy(nothing(), "safe")])
    log = run(hosts.watch(made), [BOTH, END], tmp_path)
    bare = run(task(Tools(), approval=[ApprovalPolicy(nothing(), "safe")]), [BOTH, END], tmp_path)
    assert tools.ran == []
    assert spoken(log) == spoken(bare)


@approver(name="nothing")
def nothing():
    async def approve(message, call, view, history):
        return Approval(decision="reject", explanation="never")

    return approve


def test_a_person_can_answer_in_the_display_of_inspect(project, tmp_path, monkeypatch):
    project("")
    tools = Tools()
    said = ["reject", "approve"]

    def person(choices=None):
        async def approve(message, call, view, history):
            return Approval(decision=said.pop(0), explanation="I say so")

        return approve

    monkeypatch.setattr("cotmon.hosts._inspect_approver.human_approver", person)
    policy = tmp_path / "approval.yaml"
    policy.write_text("approvers:\n- name: cotmon/approver\n  tools: '*'\n  human: true\n")
    run(task(tools), [DANGER, DANGER, END], tmp_path, approval=str(policy))
    assert tools.ran == [("danger", "dynamite")]
    assert waiting(ours()) == []
