"""Every shipped monitor: lint, and each of its cases as a test of its own."""

from functools import cache

import pytest

from cotmon.content import find_monitors, find_set, members, read_cases
from cotmon.content.lint import lint_monitor
from cotmon.engine import load_monitor
from cotmon.engine.cases import run_case
from cotmon.errors import ContentError, UnknownNameError
from cotmon.models import Models
from cotmon.records import CUES

MONITORS = {n: f for n, f in find_monitors().items() if f.place == "shipped"}
RUN = {n: f for n, f in MONITORS.items() if f.manifest.kind != "judge"}
CASES = [(name, case) for name, folder in RUN.items() for case in read_cases(folder)]
MODELS = Models()


@cache
def loaded(name):
    return load_monitor(MONITORS[name], MODELS)


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{n}:{c.name}" for n, c in CASES])
def test_case(name, case):
    result = run_case(loaded(name), case)
    assert result.ok, result.problem


@pytest.mark.parametrize("name", MONITORS)
def test_a_folder_keeps_the_house_rules(name):
    problems, _ = lint_monitor(MONITORS[name])
    assert problems == []


def test_there_are_enough_of_every_kind_and_cue():
    assert len(MONITORS) >= 10
    assert {f.manifest.kind for f in MONITORS.values()} >= {"rules", "concepts", "judge"}
    default = members(find_set("default"))
    assert {cue for f in default for cue in f.manifest.cues} == set(CUES)


def folder(tmp_path, monkeypatch, manifest):
    home = tmp_path / "monitors" / "scheming" / "mine"
    home.mkdir(parents=True)
    (home / "monitor.toml").write_text(manifest)
    monkeypatch.setenv("COTMON_CONTENT", str(tmp_path))
    return home


GOOD = """
kind = "rules"
summary = "s"
misses = "m"
cues = ["scheming"]
[threshold]
value = 0.5
"""


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (GOOD + "surprise = 1", "surprise"),
        (GOOD.replace("0.5", "0.0"), "(0, 1]"),
        (GOOD.replace('"scheming"', '"witchcraft"'), "witchcraft"),
        (GOOD.replace("[threshold]\nvalue = 0.5", ""), "threshold"),
        ("kind = ", "not TOML"),
    ],
)
def test_a_wrong_manifest_names_file_and_key(tmp_path, monkeypatch, manifest, says):
    folder(tmp_path, monkeypatch, manifest)
    with pytest.raises(ContentError) as error:
        _ = find_monitors()["scheming/mine"].manifest
    assert "monitor.toml" in str(error.value) and says in str(error.value)


def test_an_unknown_detector_parameter_or_kind_is_refused(tmp_path, monkeypatch):
    home = folder(tmp_path, monkeypatch, GOOD)
    rule = '[[rule]]\nname = "x"\ndetector = "{}"\n[rule.parameters]\n{}'
    (home / "rules.toml").write_text(rule.format("phrazes", ""))
    with pytest.raises(UnknownNameError, match="phrases"):
        load_monitor(find_monitors()["scheming/mine"], Models())
    (home / "rules.toml").write_text(rule.format("phrases", 'frases = ["a"]'))
    with pytest.raises(ContentError, match="frases"):
        load_monitor(find_monitors()["scheming/mine"], Models())
    (home / "monitor.toml").write_text(GOOD.replace("rules", "ruels"))
    with pytest.raises(UnknownNameError, match="rules"):
        load_monitor(find_monitors()["scheming/mine"], Models())


def test_only_what_changes_a_score_changes_the_hash(tmp_path, monkeypatch):
    home = folder(tmp_path, monkeypatch, GOOD)
    rules = (
        '[[rule]]\nname = "x"\ndetector = "phrases"\n'
        '[[rule.parameters.group]]\nphrases = ["a b"]\nreason = "r"\n'
    )
    (home / "rules.toml").write_text(rules)

    def now():
        return load_monitor(find_monitors()["scheming/mine"], Models()).hash

    before = now()
    (home / "README.md").write_text("card")
    (home / "monitor.toml").write_text(GOOD.replace("0.5", "0.6"))
    assert now() == before
    (home / "rules.toml").write_text(rules.replace("a b", "a c"))
    assert now() != before


def test_the_first_place_wins_and_says_what_it_shadows(tmp_path, monkeypatch):
    name = next(iter(MONITORS))
    home = tmp_path / "monitors" / name
    home.mkdir(parents=True)
    (home / "monitor.toml").write_text(GOOD)
    monkeypatch.setenv("COTMON_CONTENT", str(tmp_path))
    found = find_monitors()[name]
    assert found.place == "environment" and found.shadows == ("shipped",)
