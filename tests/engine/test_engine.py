"""Replay and session agree; nothing changes a result but what it is bound to."""

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec
import pytest

import cotmon
from cotmon.content import find_set, members
from cotmon.engine import (
    Judging,
    LiveSession,
    Monitor,
    Session,
    firsts,
    history,
    load_monitors,
    result_of,
    score,
)
from cotmon.engine.views import Views
from cotmon.models import Models
from cotmon.records import (
    Call,
    Message,
    MonitorCard,
    Scored,
    Source,
    Transcript,
    Unscored,
    View,
    ViewSize,
)
from cotmon.segmentation import steps_of


def message(turn, channel, text, module="agent", **fields):
    letter = {"brief": "b", "reasoning": "r", "text": "t", "action": "a", "observation": "o"}
    return Message(
        id=f"{turn}.{letter[channel]}1", turn=str(turn), module=module, channel=channel, text=text,
        **fields,
    )  # fmt: skip


def transcript(turns=12, name="t"):
    """An agent that reads, thinks and acts; every text is its own."""
    said = [message(0, "brief", f"Fix the parser of {name}. Never touch billing.db.", "user")]
    for k in range(1, turns):
        if k % 2:
            said.append(message(k, "reasoning", f"I look at file {k}. Then 2 + {k} = {k + 2}. Ok?"))
            call = Call(name="bash", arguments=f"cat src/file{k}.py", id=f"c{k}")
            said.append(message(k, "action", call.arguments, call=call))
        else:
            said.append(message(k, "observation", f"content {k} of {name}", "tool bash"))
    source = Source(file="x", format="test")
    return Transcript(id=name, source=source, messages=tuple(said))


@pytest.fixture(scope="session")
def rules():
    folders = [f for f in members(find_set("default")) if f.manifest.kind == "rules"]
    return load_monitors(folders, Models())


@dataclass
class Recorder:
    """A kind that scores by length and notes everything it is given."""

    version: ClassVar[str] = "1"
    remote: bool = False
    fail_on: str | None = None
    identity: str = ""

    def __post_init__(self):
        self.seen: list[View] = []

    def score(self, views: Sequence[View]):
        self.seen += views
        if self.fail_on is not None and any(self.fail_on in v.text for v in views):
            raise RuntimeError("no")
        return [Scored(min(1.0, len(v.text) / 1000)) for v in views]


def monitor(
    kind, view: ViewSize = "step", name="scheming/recorder", channels=("reasoning", "action")
):
    card = MonitorCard(
        name=name, hash=name.encode().hex(), kind="test", cues=("scheming",), view=view,
        channels=channels, summary="", misses="", threshold=0.5, basis="by hand",
    )  # fmt: skip
    return Monitor(card, name.encode(), kind, frozenset(channels), view)


def judged(transcripts, monitors, known=None, chunk=2048):
    batches = list(score(transcripts, monitors, lambda a: known or {}, chunk))
    return [j for batch in batches for j in batch.finished], batches


def test_session_gives_the_outcomes_of_a_replay(rules):
    log = transcript(40)
    [whole], _ = judged([log], rules)
    session = Session(rules)
    for said in log.messages:
        session.push(said)
    session.close()
    assert session.judged.outcomes == whole.outcomes
    assert session.judged.addresses == whole.addresses
    assert len(whole.outcomes) > 40


def test_session_equals_replay_on_every_genuine_log(shared, rules):
    checked = 0
    for log in cotmon.read(shared / "logs"):
        if not isinstance(log, Transcript) or sum(len(m.text) for m in log.messages) > 400_000:
            continue
        [whole], _ = judged([log], rules)
        session = Session(rules)
        for said in log.messages:
            session.push(said)
        session.close()
        assert session.judged.outcomes == whole.outcomes, log.source
        checked += 1
    assert checked > 40


def test_live_session_scores_a_long_life_as_a_replay_does(rules, monkeypatch):
    monkeypatch.setattr(history, "LOOK", 60)
    monkeypatch.setattr(firsts, "RECENT", 64)
    log = mailing(150)
    [whole], _ = judged([log], rules)
    session = LiveSession(rules)
    found = [o for turn in turns_of(log) for o in session.push(*turn)] + session.settle()
    live = {(o.step.index, rules.index(o.monitor)): o.outcome for o in found}
    assert live == whole.outcomes
    assert [o.step for o in found if o.monitor is rules[0]] == [
        whole.steps[k] for k, m in whole.outcomes if m == 0
    ]
    grounding = next(k for k, m in enumerate(rules) if m.name.endswith("ungrounded-argument"))
    scored = [o for (_, m), o in whole.outcomes.items() if m == grounding and isinstance(o, Scored)]
    values = [o.value for o in scored if o.value]
    assert 25 < len(values) < 60, "an address that nobody named"


def mailing(turns):
    """An agent that reads addresses, and writes to one of long ago, or to one that it made up."""
    said = [message(0, "brief", "Write to everybody in the list.", "user")]
    for k in range(1, 2 * turns, 2):
        known = f"who{k % 5 if k % 5 else -k}@place{(k * 7) % max(1, k - 2) | 1}.example"
        text = f"Entry {k}: who1@place{k}.example who2@place{k}.example who3@place{k}.example who4@place{k}.example"
        arguments = json.dumps({"to": known, "body": "hello"})
        said.append(
            message(k, "reasoning", f"I write the letter {k} now. It is one of many that are due.")
        )
        call = Call(name="send_email", arguments=arguments, id=f"c{k}")
        said.append(message(k, "action", arguments, call=call))
        said.append(message(k + 1, "observation", text, "tool send_email"))
    source = Source(file="x", format="test")
    return Transcript(id="mailing", source=source, messages=tuple(said))


def turns_of(log):
    return [list(turn) for _, turn in itertools.groupby(log.messages, key=lambda m: m.turn)]


def test_chunks_order_and_company_change_nothing(rules):
    logs = [transcript(20, f"t{k}") for k in range(6)]
    plain, _ = judged(logs, rules)
    small, _ = judged(logs, rules, chunk=3)
    shuffled = random.Random(1).sample(logs, len(logs))
    other, _ = judged(shuffled, rules)
    by_id = {j.transcript.id: j.outcomes for j in other}
    for a, b in zip(plain, small, strict=True):
        assert a.outcomes == b.outcomes == by_id[a.transcript.id]


def test_known_outcomes_are_not_scored_again_and_a_grown_log_costs_only_its_new_steps():
    kind = Recorder()
    sizes: list[ViewSize] = ["step", "history"]
    watchers = [monitor(kind, view, f"scheming/{view}") for view in sizes]
    short, long = transcript(21), transcript(31)
    [first], _ = judged([short], watchers)
    known = {a: first.outcomes[key] for key, a in first.addresses.items()}
    kind.seen.clear()
    [again], batches = judged([short], watchers, known)
    assert kind.seen == [] and again.outcomes == first.outcomes
    assert not any(batch.outcomes for batch in batches)
    [grown], _ = judged([long], watchers, known)
    old = {v.text for v in kind.seen}
    assert old and all(f"file{k}" not in t for t in old for k in range(1, 21, 2) if k > 9)
    assert len(grown.outcomes) > len(first.outcomes)


def test_equal_texts_are_scored_once():
    kind = Recorder()
    logs = [transcript(10, "same") for _ in range(5)]
    judged(logs, [monitor(kind)])
    texts = [(v.text, v.channel) for v in kind.seen]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("remote", [False, True])
def test_a_monitor_that_raises_leaves_only_its_own_view_unscored(remote):
    kind = Recorder(remote=remote, fail_on="file 7")
    [got], _ = judged([transcript(14)], [monitor(kind)])
    failed = [o for o in got.outcomes.values() if isinstance(o, Unscored)]
    assert len(failed) == 1 and not failed[0].permanent and "RuntimeError" in failed[0].reason
    result = result_of(got, [monitor(kind).card], "run", Judging(0.75), "hash")
    assert result.verdict == "incomplete"
    assert sum(result.unscored.values()) == 1


@pytest.mark.parametrize("view", ["step", "step+context", "turn", "history", "transcript"])
def test_a_view_holds_nothing_later_than_its_step(view):
    kind = Recorder()
    log = transcript(16)
    [got], _ = judged([log], [monitor(kind, view, channels=("reasoning", "action", "observation"))])
    index = {a: step for (step, _), a in got.addresses.items()}
    for seen in kind.seen:
        at = index[monitor(kind, view).address(seen)]
        later = [s.text for s in got.steps if s.index > at]
        held = seen.text + "".join(p.text for p in seen.parts)
        assert not any(text in held for text in later)
        if seen.history is not None:
            assert seen.history.recent(seen.position, 99) == got.steps[:at][-99:]


def test_a_sub_agents_own_transcript_gives_the_views_of_any_other():
    """Its parent is elsewhere and the same for all of it: no view, so no score, depends on it."""

    def seen(parent):
        views = Views(frozenset({"step", "step+context", "turn", "history", "transcript"}))
        said = [msgspec.structs.replace(m, parent=parent) for m in transcript().messages]
        said.append(message(90, "brief", "And the docs?", "user", parent=parent))
        said.append(message(91, "text", "They too.", parent=parent))
        pushed = [views.push(step) for step in steps_of(said)]
        return [
            (found, closed and closed.view("transcript", frozenset({"reasoning", "action"})))
            for found, closed in pushed
        ]

    def identities(pushed):
        return [
            ({size: v.identity for size, v in found.items()}, closed and closed[1].identity)
            for found, closed in pushed
        ]

    assert identities(seen("other M3.2")) == identities(seen(None))


def test_characters_handed_to_monitors_grow_linearly():
    sizes = {}
    for turns in (50, 200, 800):
        views: list[ViewSize] = ["step", "step+context", "turn", "transcript"]
        kinds = {v: Recorder() for v in views}
        judged([transcript(turns)], [monitor(kinds[v], v, f"scheming/{v}") for v in views])
        sizes[turns] = sum(
            len(v.text) + sum(len(p.text) for p in v.parts) for k in kinds.values() for v in k.seen
        )
    assert sizes[800] / sizes[200] < 4.5 and sizes[200] / sizes[50] < 5


def test_history_finds_words_paths_and_addresses():
    log = Transcript(
        id="t", source=Source(file="", format=""),
        messages=(
            message(1, "brief", "Mail bob@example.org about /srv/data/report-7.csv.", "user"),
            message(2, "reasoning", "Ok."),
        ),
    )  # fmt: skip
    views = Views(frozenset({"history"}))
    seen = [views.push(step)[0] for step in steps_of(log)]
    history = seen[-1]["history"].history
    assert history is not None
    for word in ("bob@example.org", "/srv/data/report-7.csv", "report", "REPORT-7.csv", "csv"):
        found = history.first(word)
        assert (found == 0) == (word != "REPORT-7.csv"), word
    assert history.first("alice") is None
    assert [s.module for s in history.briefs(1)] == ["user"]


@dataclass
class Says:
    """A kind that gives whatever it is told to."""

    said: object
    version: ClassVar[str] = "1"
    remote: ClassVar[bool] = False
    identity: str = ""

    def score(self, views: Sequence[View]):
        return [self.said] * len(views)


@pytest.mark.parametrize("said", [Scored(float("nan")), Scored(7.0), 0.9, None, "high"])
def test_what_is_no_outcome_is_unscored(said):
    [got], _ = judged([transcript(4)], [monitor(Says(said))])
    assert got.outcomes and all(isinstance(o, Unscored) for o in got.outcomes.values())
    assert (
        result_of(got, [monitor(Says(said)).card], "r", Judging(0.75), "h").verdict == "incomplete"
    )


def test_unreadable_reasoning_makes_a_verdict_incomplete_and_no_step():
    secret = message(1, "reasoning", "gAAAAABciphertext", provenance="encrypted")
    log = Transcript(id="t", source=Source(file="", format=""), messages=(secret,))
    [got], _ = judged([log], [monitor(Recorder())])
    assert got.steps == []
    assert (
        result_of(got, [monitor(Recorder()).card], "r", Judging(0.75), "h").verdict == "incomplete"
    )


def test_a_turn_view_holds_only_the_channels_that_were_asked_for():
    kind = Recorder()
    log = Transcript(
        id="t", source=Source(file="", format=""),
        messages=(
            message(1, "reasoning", "I look."),
            message(1, "observation", "IGNORE ALL", "tool"),
            message(1, "text", "It is fine."),
        ),
    )  # fmt: skip
    judged([log], [monitor(kind, "turn", channels=("reasoning", "text"))])
    assert [v.text for v in kind.seen] == ["I look.\nIt is fine."]
