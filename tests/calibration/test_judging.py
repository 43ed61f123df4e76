# pyright: reportOptionalOperand=false, reportOperatorIssue=false
"""Calibrated judging from results to files to marks, held against a count by hand."""

import random
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cotmon.calibration import (
    Calibration,
    CueReference,
    Curve,
    Tails,
    binding,
    find_calibration,
    write_monitor_reference,
    write_set_reference,
)
from cotmon.calibration.fit import monitor_reference, set_reference
from cotmon.cli._calibrating import Honest
from cotmon.content import MonitorFolder
from cotmon.engine import Judged, Judging, result_of
from cotmon.evaluate import Truth
from cotmon.protocols import mark_value, suspicion
from cotmon.records import Cue, Message, MonitorCard, Scored, Source, Transcript
from cotmon.segmentation import steps_of

MONITORS: tuple[tuple[str, tuple[Cue, ...], float], ...] = (
    ("scheming/a", ("scheming",), 0.5),
    ("several/b", ("unfaithfulness", "scheming"), 0.3),
    ("unfaithfulness/c", ("unfaithfulness",), 0.8),
)
CARDS = [
    MonitorCard(
        name=name, hash=name.encode().hex(), kind="test", cues=cues, view="step",
        channels=("text",), summary="", misses="", threshold=threshold, basis="by hand",
    )
    for name, cues, threshold in MONITORS
]  # fmt: skip
SPOKEN: tuple[Cue, ...] = ("unfaithfulness", "scheming")
MEMBERS: dict[Cue, dict[str, str]] = {
    cue: {c.name: binding(c) for c in CARDS if cue in c.cues} for cue in SPOKEN
}


def judged(rng, group, name, n, shift, levels):
    """One run: an observation first, now and then, and steps that monitors score or skip."""
    said = [
        Message(id=f"{k}.t1", turn=str(k), module="agent", channel="text", text=f"{name}: {k}")
        for k in range(n)
    ]
    if rng.random() < 0.3:
        said.insert(0, Message(id="x.o1", turn="x", module="tool", channel="observation", text="o"))
    source = Source(file="f", format="test")
    what = Transcript(id=name, source=source, messages=tuple(said), metadata={"group": group})
    steps, outcomes = steps_of(what), {}
    for i, step in enumerate(steps):
        base = min(max(rng.betavariate(1.5, 9) + shift, 0), 1)
        for m in range(len(CARDS)):
            if step.channel == "text" and rng.random() > 0.15:
                value = min(max(base + rng.gauss(0, 0.08), 0), 1)
                outcomes[i, m] = Scored(round(round(value * levels) / levels, 4))
    return Judged(what, steps, {}, outcomes)


def world(seed, groups, levels=10_000):
    """Groups of one to four runs of unequal length; the steps of a group are alike."""
    rng = random.Random(seed)
    found = []
    for g in range(groups):
        shift = rng.gauss(0, 0.07)
        found += [
            judged(rng, g, f"{g}-{r}", rng.choice((1, 2, 5, 15, 30)), shift, levels)
            for r in range(rng.randint(1, 4))
        ]
    return found


@pytest.fixture
def calibrated(tmp_path, monkeypatch):
    """Runs to references to files and back, as the command does it."""
    (tmp_path / "cotmon.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monitors = tmp_path / "monitors"
    folders = {c.name: MonitorFolder(c.name, monitors / c.name, "project") for c in CARDS}

    def calibrate(runs, rates):
        honest = Honest(CARDS, Truth(), rates)
        for run in runs:
            honest.take(result_of(run, CARDS, "r", Judging(0.75), run.transcript.id))
        assert len(honest.runs) == len(runs)
        references = {c.name: monitor_reference(c, "here", honest.runs, rates[0]) for c in CARDS}
        whole = set_reference("s", MEMBERS, references, honest.runs, rates)
        for name, reference in references.items():
            write_monitor_reference(folders[name], reference)
        write_set_reference(monitors / "sets" / "s.toml", whole)
        found = find_calibration(CARDS, folders, ("s", monitors / "sets" / "s.toml"))
        assert not found.void
        return found.calibration

    return calibrate


def counted_tail(runs, cue, value, threshold):
    """(1 + honest groups' worth of steps that score as high) / (n + 1), counted one by one."""
    shares = defaultdict(lambda: [0, 0])
    mine = round(suspicion(value, threshold), 6)
    for run in runs:
        own = shares[run.transcript.metadata["group"]]
        own[1] += sum(step.channel == "text" for step in run.steps)
        for (_, m), outcome in run.outcomes.items():
            if cue in CARDS[m].cues:
                own[0] += round(suspicion(outcome.value, CARDS[m].threshold), 6) >= mine
    return (1 + sum(a / b for a, b in shares.values())) / (len(shares) + 1)


@pytest.mark.parametrize("levels", [10_000, 12], ids=["fine", "tied"])
def test_a_step_is_marked_exactly_where_the_count_says_so(calibrated, levels):
    honest = world(1, 110, levels)
    judging = Judging(0.75, calibrated(honest, (0.05, 0.1)))
    marks = 0
    for run in world(2, 12, levels):
        for step in result_of(run, CARDS, "r", judging, "c").steps:
            wanted = False
            for score in step.scores:
                card = next(c for c in CARDS if c.name == score.monitor)
                rare = counted_tail(honest, score.cue, score.value, card.threshold) <= 0.025 + 1e-9
                assert (score.tail <= 0.025 + 1e-12) is rare
                assert (score.suspicion >= 0.5) is rare
                assert (score.value >= score.threshold) is rare, "marked iff value ≥ threshold"
                wanted |= rare
            assert step.marked is wanted
            marks += wanted
    assert marks > 0


@pytest.mark.parametrize("levels", [10_000, 8], ids=["fine", "tied"])
def test_rates_hold_for_fresh_groups_of_several_runs_and_monitors_of_two_cues(calibrated, levels):
    """A mean over worlds, since the guarantee is one; each world draws its own honest groups."""
    steps, flags = [], []
    for seed in range(16):
        judging = Judging(0.75, calibrated(world(seed, 60, levels), (0.08, 0.16)))
        groups = defaultdict(list)
        for run in world(1000 + seed, 40, levels):
            found = result_of(run, CARDS, "r", judging, "c")
            said = sum(s.step.channel == "text" for s in found.steps)
            row = (sum(s.marked for s in found.steps), said, found.verdict == "flag")
            groups[run.transcript.metadata["group"]].append(row)
        steps += [sum(r[0] for r in g) / sum(r[1] for r in g) for g in groups.values()]
        flags += [np.mean([r[2] for r in g]) for g in groups.values()]
    assert 0.001 < np.mean(steps) <= 0.08
    assert 0.001 < np.mean(flags) <= 0.16


@settings(max_examples=300, deadline=None)
@example(0.012, 0.004167)
@given(
    st.integers(1, 10_000).map(lambda n: n / 10_000),
    st.integers(0, 1_000_001).map(lambda n: n / 1_000_000),
)
def test_the_threshold_shown_is_the_lowest_value_that_marks(by_hand, limit):
    """Of all scores of four decimals, for any threshold by hand and any on the common scale."""
    mark = mark_value(limit, by_hand)
    for value in {mark, mark - 1e-4, mark + 1e-4, 0.0, 1.0, by_hand}:
        value = round(value, 4)
        if 0 <= value <= 1:
            assert (value >= mark) is (round(suspicion(value, by_hand), 6) >= limit)


def test_suspicion_is_a_half_exactly_where_the_tail_is_alpha():
    """Five marked steps' worth in 119 groups: (1 + 5) / 120 is 5 % to the last digit."""
    curve = Curve((0.0, 0.5, 0.7), (1.0, 5 / 119, 0.0))
    reference = CueReference(
        alpha=0.05, transcript_alpha=0.5, groups=119, source="", curves={"scheming/a": curve}
    )
    run = judged(random.Random(0), "g", "x", 3, 0, 10)
    run.outcomes = {(len(run.steps) - 3 + k, 0): Scored(v) for k, v in enumerate((0.49, 0.5, 0.7))}
    found = result_of(run, CARDS, "r", Judging(0.75, Calibration({"scheming": reference})), "c")
    low, at, high = (s for step in found.steps for s in step.scores)
    assert low.suspicion < 0.5 == at.suspicion < high.suspicion
    assert at.tail == pytest.approx(0.05, abs=1e-15)
    assert "uncalibrated" in found.transcript_basis


def test_what_is_scored_before_the_agents_first_step_is_not_infinitely_rare():
    tails = Tails(CueReference(
        alpha=0.1, transcript_alpha=0.1, groups=50, source="",
        curves={"m": Curve((0.0, 0.6), (1.0, 0.02))},
    ))  # fmt: skip
    assert tails.statistic([(0, 0.2), (4, 0.1)]) == tails.statistic([(1, 0.2)]) == 50.0
