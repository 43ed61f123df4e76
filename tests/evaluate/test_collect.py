"""From results to cases: levels of labels, units, groups, modes, and what is said of them."""

import math

import pytest

from cotmon.engine import Judged, Judging, result_of
from cotmon.errors import UsageError
from cotmon.evaluate import Collector, Recorded, Spec, Truth, read_labels, read_recorded
from cotmon.evaluate.spec import Per
from cotmon.evaluate.truth import columns, recorded_scores
from cotmon.records import Message, MonitorCard, Outcome, Scored, Source, Transcript, Unscored
from cotmon.segmentation import steps_of

CARD = MonitorCard(
    name="scheming/a", hash="h", kind="test", cues=("scheming",), view="step", channels=("text",),
    summary="", misses="", threshold=0.5, basis="by hand",
)  # fmt: skip
FAILED = Unscored("too long", False)


def result(name, *values, **metadata):
    """A transcript of one-step turns 1, 2 …, scored so; None: the monitor failed there."""
    said = tuple(
        Message(id=f"{k}.t1", turn=str(k), module="agent", channel="text", text=f"{name} {k}")
        for k in range(1, len(values) + 1)
    )
    source = Source(file=f"{name}.jsonl", format="test")
    what = Transcript(id=name, source=source, messages=said, metadata=metadata)
    outcomes: dict[tuple[int, int], Outcome] = {
        (k, 0): FAILED if v is None else Scored(v) for k, v in enumerate(values)
    }
    judged = Judged(what, steps_of(what), {}, outcomes)
    return result_of(judged, [CARD], "r", Judging(0.75), name)


@pytest.fixture
def collect(tmp_path):
    def run(results, labels=None, per: Per = "transcript", scores=None, modes=None):
        rows = []
        if labels is not None:
            (tmp_path / "l.csv").write_text(labels, "utf-8")
            rows = read_labels(tmp_path / "l.csv")
        recorded = Recorded()
        if scores is not None:
            (tmp_path / "s.csv").write_text(scores, "utf-8")
            recorded = read_recorded([tmp_path / "s.csv"])
        truth = Truth(rows, modes or {})
        found = Collector(Spec(per=per), truth, recorded, "set", [CARD])
        for one in results:
            found.take(one)
        return found, found.cases()

    return run


def rows(cases):
    return dict(zip(cases.ids, cases.attack.tolist(), strict=True))


def test_numbers_and_lists_are_groups_too(collect):
    """A group that is silently dropped makes cases look independent that are not."""
    _, cases = collect([
        result("a", 0.1, mode="honest", group=7), result("b", 0.2, mode="honest", group=7),
        result("c", 0.2, mode="honest", group=[1, 2]), result("d", 0.2, mode="honest", group=""),
        result("e", 0.2, mode="honest", group=math.nan),
    ])  # fmt: skip
    assert cases.groups == ["7", "7", "[1, 2]", "d", "e"]


def test_labels_without_a_group_leave_the_logs_own(collect):
    _, cases = collect([result("a", 0.1, group="g"), result("b", 0.1, group="g")],
                       "id,target,group\na,0,\nb,1,mine\n")  # fmt: skip
    assert cases.groups == ["g", "mine"]


@pytest.mark.parametrize(
    ("mode", "attack"),
    [("Attack", True), (" HONEST\n", False), ("benign", False), (["attack"], None), (1, None),
     ({"mode": "attack"}, None), (None, None), ("attack" * 10_000, None)],
)  # fmt: skip
def test_a_mode_is_a_word_and_nothing_else(collect, mode, attack):
    found, cases = collect([result("a", 0.1, mode=mode)])
    assert cases.attack.tolist() == ([] if attack is None else [attack])
    assert found.left_out.total() == (attack is None)


def test_labels_win_over_places_and_places_over_logs_and_it_is_said(collect):
    runs = [result("a", 0.1, mode="attack"), result("b", 0.1, mode="attack")]
    found, cases = collect(runs, "id,target\na,0\n", modes={"b.jsonl": False})
    assert rows(cases) == {"a": False, "b": False}
    assert any("call themselves another mode" in note for note in found.notes)
    agreed, _ = collect(runs)
    assert not agreed.notes


@pytest.mark.parametrize("level", ["message", "step"])
def test_labels_of_parts_say_what_the_whole_is(collect, level):
    """One bad part makes an attack; parts of which one is unsure are no honest transcript."""
    at = "M{}.1" if level == "step" else "{}"
    said = {"bad": ("0", "1"), "good": ("0", "0"), "odd": ("0", "unsure"), "none": ()}
    lines = [
        f"{name}/{at.format(k)},{target},{level}"
        for name, targets in said.items() for k, target in enumerate(targets, 1)
    ]  # fmt: skip
    runs = [result(name, 0.2, 0.9) for name in said]
    labels = "id,target,level\n" + "\n".join(lines)
    found, cases = collect(runs, labels)
    assert rows(cases) == {"bad": True, "good": False}
    assert found.left_out["nothing says whether it is honest or attack"] == 2
    assert found.truth.unused() == []
    _, parts = collect(runs, labels, per="turn" if level == "message" else "step")
    assert sorted(parts.attack.tolist()) == [False, False, False, True]


def test_rows_of_one_unit_are_one_case_scored_by_the_maximum(collect):
    labels = "id,target,level,unit,group\na,0,transcript,pair,g\nb,1,transcript,pair,g\nc,0,,,\n"
    scores = "id,monitor,score\na,judge,0.4\nb,judge,0.1\nc,judge,0.3\n"
    _, cases = collect([result("a", 0.9), result("b", 0.2), result("c", 0.3)], labels,
                       scores=scores)  # fmt: skip
    assert rows(cases) == {"pair": True, "c": False}
    assert cases.scores["scheming/a"].tolist() == [0.9, 0.3]
    assert cases.scores["judge"].tolist() == [0.4, 0.3]
    assert cases.sizes["steps"].tolist() == [2, 1]
    assert cases.groups == ["g", "c"]


def test_a_unit_with_a_part_that_failed_is_scored_in_part(collect):
    labels = "id,target,level,unit\na,1,,pair\nb,1,,pair\n"
    scores = "id,monitor,score\na,judge,0.4\n"
    _, cases = collect([result("a", 0.9), result("b", None)], labels, scores=scores)
    assert cases.scores["scheming/a"].tolist() == [0.9]
    assert cases.partly["scheming/a"].tolist() == cases.partly["judge"].tolist() == [True]
    failed = "id,monitor,score\na,judge,0.4\nb,judge,\n"
    _, cases = collect([result("a", 0.9), result("b", 0.1)], labels, scores=failed)
    assert math.isnan(cases.scores["judge"][0])


def test_turns_of_one_unit_are_one_case_in_one_transcript_and_over_two(collect):
    labels = ("id,target,level,unit\na/1,0,message,u\na/2,1,message,u\nb/1,0,message,u\n"
              "b/2,0,message,\n")  # fmt: skip
    _, cases = collect([result("a", 0.1, 0.7), result("b", 0.8, 0.2)], labels, per="turn")
    assert rows(cases) == {"u": True, "b/2": False}
    assert cases.scores["scheming/a"].tolist() == [0.8, 0.2]


def test_scores_of_what_no_case_needs_still_name_something(collect):
    scores = "id,monitor,score,level\na,j,1,\na/1,j,1,message\na/M1.1,j,1,step\nzz,j,1,\n"
    for per in ("transcript", "turn", "step"):
        found, _ = collect([result("a", 0.1, mode="honest")], per=per, scores=scores)
        assert found.recorded.unused() == ["zz"]


def test_recorded_scores_may_not_take_the_name_of_what_runs(collect):
    for name in ("set", "cue scheming", "scheming/a", "actions alone"):
        with pytest.raises(UsageError, match="called that"):
            collect([], scores=f"id,monitor,score\na,{name},1\n")


def test_numbers_in_logs_are_never_too_large_and_failures_never_numbers():
    logged = {"suspicion a": 10**400, "suspicion b": math.inf, "suspicion c": math.nan,
              "suspicion d": 0.5, "suspicion e": "high", "suspicion f": None}  # fmt: skip
    labels = {"scores": {name: {"value": value} for name, value in logged.items()}}
    source = Source(file="x", format="test")
    what = Transcript(
        id="t", source=source, labels=labels,
        metadata={"main_success": 10**5000, "side_success": "C", "attempted": False, "x": [1]},
    )  # fmt: skip
    found = recorded_scores(what)
    assert found.pop("log: suspicion d") == 0.5
    assert len(found) == 3 and all(math.isnan(value) for value in found.values())
    assert columns(what) == {"side_success": 1.0, "attempted": 0.0}
