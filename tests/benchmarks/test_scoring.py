"""Monitors per step: rules in process and with the store, concepts against the bare encoder."""

import pytest

from cotmon.content import find_monitors
from cotmon.engine import load_monitors, score
from cotmon.models import Models
from cotmon.models.encoder import load_encoder
from cotmon.segmentation import steps_of


def scored(transcripts, monitors):
    return sum(batch.steps for batch in score(transcripts, monitors, lambda _: {}))


@pytest.mark.parametrize("source", ["prose", "agent runs", "honest runs"])
def test_rule_monitors_in_process(bench, honest, source):
    made = {"prose": lambda: bench.thinking(40), "agent runs": lambda: bench.acting(60)}
    transcripts = made[source]() if source in made else honest()
    monitors = bench.rules()
    steps = scored(transcripts, monitors)
    assert steps == sum(len(steps_of(t)) for t in transcripts) > 0
    least = 10_000 if source == "prose" else None
    spent = bench.cpu(lambda: scored(transcripts, monitors), best_of=5)
    name = f"{len(monitors)} rule monitors of the default set, in process, {source}"
    bench.line(name, steps / spent, "steps / CPU s", least=least)
    if source == "prose":
        bench.line("  of which views alone", steps / bench.cpu(lambda: scored(transcripts, [])), "")
        for monitor in monitors:
            alone = bench.cpu(lambda m=monitor: scored(transcripts, [m]))
            bench.line(f"  views and {monitor.name}", alone / steps * 1e6, "µs / step")


@pytest.mark.parametrize("source", ["prose", "agent runs", "honest runs"])
def test_rule_monitors_with_store(bench, replayed, honest, source):
    made = {"prose": lambda: bench.thinking(60), "agent runs": lambda: bench.acting(80)}
    transcripts = made[source]() if source in made else honest()
    log = replayed.write(transcripts)
    monitors = bench.rules()
    steps = replayed.run(log, monitors)
    assert steps == sum(len(steps_of(t)) for t in transcripts) > 0
    spent = bench.cpu(lambda: replayed.run(log, monitors, new=True), best_of=4)
    least = 3_000 if source == "prose" else None
    name = f"{len(monitors)} rule monitors, read, scored and stored, {source}"
    bench.line(name, steps / spent, "steps / CPU s", least=least)


def test_characters_handed_to_monitors_grow_with_the_steps(bench):
    handed = {}
    for steps in (50, 200, 800, 3200):
        monitors = [bench.counting(monitor) for monitor in bench.rules()]
        # Three sentences, a call and an output a turn, so that every view has its due.
        made = bench.acting(1, turns=steps // 5)
        real = scored(made, monitors)
        handed[steps] = sum(m.kind.seen for m in monitors) / real
        bench.line(f"characters handed to rules, {real} steps", handed[steps], "a step")
    growth = handed[3200] / handed[50]
    bench.line("  characters a step, 3,200 steps ÷ 50 steps", growth, "times", most=1.1)


def test_concepts_against_the_bare_encoder(bench, replayed):
    folders = [f for f in find_monitors().values() if f.manifest.kind == "concepts"]
    transcripts = bench.thinking(5)
    log = replayed.write(transcripts)
    texts = list(dict.fromkeys(s.text for t in transcripts for s in steps_of(t)))

    assert replayed.run(log, load_monitors(folders, Models()), new=True) >= len(texts) > 100

    def bare():
        encoder = load_encoder(threads=1)
        return bench.cpu(lambda: encoder.embed(texts), best_of=1)

    def replay():
        models = Models()
        models.__dict__["encoder"] = load_encoder(threads=1)
        monitors = load_monitors(folders, models)
        return bench.cpu(lambda: replayed.run(log, monitors, new=True), best_of=1)

    pairs = [(replay(), bare()) for _ in range(2)]
    whole, alone = min(p[0] for p in pairs), min(p[1] for p in pairs)
    name = f"replay with {len(folders)} concept monitors ÷ bare encoder, {len(texts)} texts"
    bench.line(name, whole / alone, "times", most=1.25)
