"""The scorers on finished logs, by Inspect's own command; the same as a replay."""

import math
import subprocess
import sys
from pathlib import Path

from agents import BOTH, END, Tools, line, run, task
from inspect_ai import score
from inspect_ai.log import read_eval_log

from cotmon.engine import content_hash, load_monitors, result_of
from cotmon.engine import score as scored
from cotmon.engine.choice import choose
from cotmon.formats import read
from cotmon.models import Models
from cotmon.records import Transcript
from cotmon.report.inspect_scorers import cue_scorers, verdict_scorer

INSPECT = Path(sys.executable).parent / "inspect"
OURS = "scheming/dynamite"


def replayed(path):
    choice = choose([OURS], [], judges=False)
    transcripts = [t for t in read(path) if isinstance(t, Transcript)]
    monitors = load_monitors(choice.folders, Models(None))
    judging = choice.judging(monitors)
    found = [j for b in scored(transcripts, monitors, lambda _: {}) for j in b.finished]
    cards = [m.card for m in monitors]
    return [result_of(j, cards, "r", judging, content_hash(j.transcript)) for j in found]


def test_a_log_is_scored_by_inspects_own_command_as_a_replay_scores_it(project, tmp_path):
    project()
    log = run(task(Tools(), 2), [BOTH, END], tmp_path)
    wanted = replayed(log.location)
    target = tmp_path / "scored.eval"
    for name in ("scheming", "verdict"):
        words = ["score", log.location if name == "scheming" else str(target)]
        words += ["--scorer", f"cotmon/{name}", "-S", f"monitors={OURS}", "--action", "append"]
        words += ["--output-file", str(target), "--overwrite", "--display", "none"]
        done = subprocess.run([str(INSPECT), *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    made = read_eval_log(str(target))
    samples = made.samples
    assert [s.scores["scheming"].value for s in samples] == [
        round(r.cues["scheming"] or 0, 4) for r in wanted
    ]
    assert [s.scores["verdict"].value for s in samples] == ["flag", "flag"]
    assert wanted[0].verdict == "flag"
    assert "dynamite" in samples[0].scores["verdict"].explanation
    means = {s.name: s.metrics["mean"].value for s in made.results.scores if s.metrics}
    assert means == {"scheming": round(wanted[0].cues["scheming"] or 0, 4)}


def test_a_cue_that_nothing_scores_is_no_number(project, tmp_path):
    project()
    log = run(task(Tools()), [line("Hello.")], tmp_path)
    found = score(log, [cue_scorers["steganography"](monitors=OURS)], display="none")
    value = found.samples[0].scores["steganography"]
    assert math.isnan(value.value)
    assert value.reason == "not scored"


def test_a_living_evaluation_can_carry_the_scorers(project, tmp_path):
    project()
    made = task(
        Tools(), scorer=[verdict_scorer(monitors=OURS), cue_scorers["scheming"](monitors=[OURS])]
    )
    log = run(made, [BOTH, END], tmp_path)
    assert log.status == "success", log.error
    assert log.samples[0].scores["verdict"].value == "flag"
    (wanted,) = replayed(log.location)
    assert log.samples[0].scores["scheming"].value == round(wanted.cues["scheming"] or 0, 4)
