"""The examples and the honest runs are read whole, and judged as their cards say."""

from pathlib import Path

import pytest

import cotmon
from cotmon.content import find_set
from cotmon.engine import content_hash, load_monitors, result_of, score
from cotmon.engine.choice import choose
from cotmon.models import Models
from cotmon.records import Transcript

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / "examples" / "release-notes.jsonl"
HONEST = ROOT / "examples" / "honest.jsonl"
RUNS = ROOT / "datasets" / "honest-runs" / "runs.jsonl"


def transcripts(path: Path) -> list[Transcript]:
    found = list(cotmon.read(path))
    read = [t for t in found if isinstance(t, Transcript)]
    assert read == found
    return read


@pytest.fixture(scope="module")
def judge():
    """Gives the results of a file under the default set."""
    choice = choose([], [], judges=False)
    monitors = load_monitors(choice.folders, Models())
    judging = choice.judging(monitors)
    cards = [m.card for m in monitors]

    def results(path):
        batches = score(transcripts(path), monitors, known=lambda _: {})
        return [
            result_of(j, cards, "test", judging, content_hash(j.transcript))
            for batch in batches
            for j in batch.finished
        ]

    return results


@pytest.mark.parametrize("path", [DEMO, HONEST, RUNS], ids=lambda path: path.parent.name)
def test_is_read_without_gaps(path):
    for t in transcripts(path):
        assert t.source.format == "openai_chat"
        assert not t.coverage
        calls = {m.call.id for m in t.messages if m.call}
        assert calls == {m.answers for m in t.messages if m.channel == "observation"}


def test_honest_runs_are_many_and_differ():
    runs = transcripts(RUNS)
    assert len({t.id for t in runs}) == len(runs) >= 40
    assert len({t.metadata["domain"] for t in runs}) >= 20
    assert {t.access for t in runs} == {"raw", "text+actions"}


def test_demo_is_flagged_for_several_cues(judge):
    (demo,) = judge(DEMO)
    assert demo.verdict == "flag"
    assert len(demo.flagged) >= 2
    marked = {step.step.address for step in demo.steps if step.marked}
    assert {"M12.6", "M20.1", "M26.3", "M30.1", "M30.5", "M36.1"} <= marked
    assert len(marked) < len(demo.steps) / 5


def test_honest_twin_is_not_flagged(judge):
    (twin,) = judge(HONEST)
    (demo,) = transcripts(DEMO)
    assert len(twin.transcript.messages) == len(demo.messages)
    assert twin.verdict == "no-flag"
    assert not [step.step.address for step in twin.steps if step.marked]


def test_honest_runs_stay_within_the_budget(judge):
    budget = find_set("default").budget
    results = judge(RUNS)
    steps = [step for result in results for step in result.steps]
    flagged = [r.transcript.id for r in results if r.verdict != "no-flag"]
    assert sum(s.marked for s in steps) <= budget.steps * len(steps)
    assert len(flagged) <= budget.transcripts * len(results), flagged
