"""The documentation is held to the code."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import msgspec
import pytest
from sqlalchemy import text

import cotmon
from cotmon.cli.commands import COMMANDS
from cotmon.content import MonitorFolder, find_monitors, read_cases
from cotmon.content.lint import CASES, EACH_SIDE
from cotmon.content.monitors import Manifest
from cotmon.detectors import DETECTORS
from cotmon.formats import FORMATS, Options, read_file
from cotmon.kinds import KINDS
from cotmon.kinds._concept import parse_concept
from cotmon.records import Refusal, Transcript, View
from cotmon.report.lines import CSV_HEADER
from cotmon.store import open_store
from cotmon.store.tables import metadata

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "cotmon" / "formats" / "README.md",
    ROOT / "pipelines" / "README.md", ROOT / "datasets" / "README.md",
]  # fmt: skip
LOG = {
    "id": "stock-7",
    "messages": [
        {"role": "user", "content": "How many jars are on the shelf?"},
        {
            "role": "assistant",
            "reasoning": "Each crate holds 17 jars and there are 24 crates, so 17 * 24 = 418 jars.",
            "content": "I look at the shelf.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "count", "arguments": '{"shelf": 3}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "418"},
    ],
}


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def replay(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`cotmon replay` in a folder, with its own database and nobody's content but the shipped."""
    env = {k: v for k, v in os.environ.items() if k != "COTMON_CONTENT"}
    return subprocess.run(
        [sys.executable, "-m", "cotmon", "replay", *words, "--db", f"sqlite:///{folder / 's.db'}"],
        cwd=folder, env={**env, "PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"}, capture_output=True,
        text=True, encoding="utf-8",
    )  # fmt: skip


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store in which the sample was replayed twice, judged differently."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "log.jsonl").write_text(json.dumps(LOG) + "\n", "utf-8")
    for monitor in ("unfaithfulness/intention-mismatch", "unfaithfulness/arithmetic"):
        done = replay(folder, "log.jsonl", "-m", monitor)
        assert done.returncode == 0, done.stderr
    return folder


# Commands


def test_commands_are_documented_with_their_help() -> None:
    """Compared word by word, so that only what is said counts, not how it is laid out."""
    made = script("make_commands").page()
    hint = "run: python docs/make_commands.py"
    assert re.findall("^## .*", page("commands.md"), re.M) == re.findall("^## .*", made, re.M), hint
    assert page("commands.md").split() == made.split(), hint


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_commands_that_pages_show_exist(path: Path) -> None:
    lines = [
        line
        for block in re.findall(r"```(?:sh|text)?\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
        for line in block.split("\n")
    ]
    shown = {m[1] for line in lines if (m := re.match(r"\s*cotmon ([a-z]+)\b", line))}
    assert shown <= set(COMMANDS.names())
    options = {
        o for line in lines if "cotmon" in line for o in re.findall(r"(?<=\s)--[a-z-]+", line)
    }
    assert options <= set(re.findall(r"--[a-z-]+", page("commands.md")))


# Formats, detectors, kinds, monitors


def test_every_format_has_a_section_and_a_row() -> None:
    readme = (ROOT / "cotmon" / "formats" / "README.md").read_text("utf-8")
    sections = re.findall(r"^## .*\(`(\w+)`\)$", readme, re.M)
    assert sorted(sections) == FORMATS.names()
    assert sorted(re.findall(r"^\| `(\w+)` \|", page("formats.md"), re.M)) == FORMATS.names()


@pytest.mark.parametrize("name", DETECTORS.names())
def test_every_detector_has_a_row_with_its_parameters(name: str) -> None:
    row = re.search(rf"^\| `{name}` \|.*$", page("writing-a-monitor.md"), re.M)
    assert row is not None, f"docs/writing-a-monitor.md has no row for the detector {name}"
    for field in _parameters(DETECTORS.load(name)):
        assert f"`{field.name}`" in row[0]
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            assert f"`{field.name}` = {field.default}" in row[0]


def _parameters(kind: type[msgspec.Struct]) -> Iterator[msgspec.structs.FieldInfo]:
    """Fields of a detector, and of the groups in its fields."""
    for field in msgspec.structs.fields(kind):
        yield field
        for inner in get_args(field.type):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                yield from _parameters(inner)


def test_the_example_of_a_rule_is_one() -> None:
    example = re.search(r"```toml\n(\[\[rule\]\].*?)```", page("writing-a-monitor.md"), re.DOTALL)
    assert example is not None
    (rule,) = tomllib.loads(example[1])["rule"]
    detector = msgspec.convert(rule["parameters"], DETECTORS.load(rule["detector"]))
    said = "I can move it without anyone noticing."
    assert detector.find(View(said, "reasoning", "agent", None, b"")), "it finds nothing"


def test_the_example_of_a_concept_and_the_cases_are_well_formed(tmp_path: Path) -> None:
    writing = page("writing-a-monitor.md")
    concept = re.search(r"```markdown\n(.*?)```", writing, re.DOTALL)
    cases = re.search(r"```json\n(.*?)```", writing, re.DOTALL)
    assert concept is not None and cases is not None
    assert parse_concept(concept[1], tmp_path).harmless
    (tmp_path / "cases.jsonl").write_text(cases[1], "utf-8")
    assert len(read_cases(MonitorFolder(name="x/y", path=tmp_path, place="test"))) == 3


def test_every_kind_and_every_field_of_a_manifest_is_documented() -> None:
    writing = page("writing-a-monitor.md")
    assert sorted(re.findall(r"^## Kind `(\w+)`", writing, re.M)) == KINDS.names()
    for field in msgspec.structs.fields(Manifest):
        assert f"| `{field.name}` |" in writing
    assert f"At least {CASES} cases" in writing
    assert f"at least {EACH_SIDE} on each side" in writing


def test_monitors_page_is_what_the_folders_say() -> None:
    shipped = [f.name for f in find_monitors().values() if f.place == "shipped"]
    assert shipped
    assert page("monitors.md") == script("make_monitors").page(), (
        "run: python docs/make_monitors.py"
    )
    assert all(f"[{name}](" in page("monitors.md") for name in shipped)


# Results and database


def test_json_fields_are_documented(replayed: Path) -> None:
    reading = page("reading-the-result.md")
    (replayed / "broken.json").write_text('{"a": ', "utf-8")
    done = replay(replayed, "log.jsonl", "broken.json", "--output", "json")
    read, refused = map(json.loads, done.stdout.splitlines())
    for field in [*read, *read["steps"][0]]:
        assert f"`{field}`" in reading, field
    scored = next(step for step in read["steps"] if step["scores"])
    assert all(f"`{field}`" in reading for field in scored["scores"][0])
    listed = re.search(r"A refused line has the same fields but (.*);", reading)
    assert listed is not None
    assert set(read) - set(refused) == set(re.findall(r"`(\w+)`", listed[1]))
    assert done.returncode == 2


def test_csv_columns_are_documented() -> None:
    columns = page("reading-the-result.md").partition("## CSV")[2].partition("columns:")[2]
    assert re.findall(r"`(\w+)`", columns) == list(CSV_HEADER)


def test_tables_are_documented() -> None:
    assert sorted(re.findall(r"^\| `(\w+)` \|", page("database.md"), re.M)) == sorted(
        metadata.tables
    )


def test_the_five_queries_run_and_find_something(replayed: Path) -> None:
    queries = re.findall(r"```sql\n(.*?)```", page("database.md"), re.DOTALL)
    assert len(queries) == 5
    with open_store(f"sqlite:///{replayed / 's.db'}").begin() as connection:
        for query in queries:
            assert connection.execute(text(query)).all(), query


# Format examples


def test_map_examples_read_their_samples(tmp_path: Path) -> None:
    formats = page("formats.md")
    samples = [re.search(r"```json\n(.*?)\n```", formats), re.search(r'`(\{"chat".*?\})`', formats)]
    maps = re.findall(r"--map (\S+)", formats)
    assert len(maps) == 2
    for sample, fields in zip(samples, maps, strict=True):
        assert sample is not None
        file = tmp_path / "sample.json"
        file.write_text(sample[1], "utf-8")
        named = dict(pair.split("=") for pair in fields.split(","))
        (found,) = read_file(file, Options(map=named))
        assert isinstance(found, Transcript), found
        assert found.messages and all(m.text in sample[1] for m in found.messages)
        assert not any(gap.hides for gap in found.coverage)


def test_names_that_python_examples_use_exist() -> None:
    for path in PAGES:
        for block in re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            compile(block, str(path), "exec")
            for name in re.findall(r"(?<!\")\bcotmon\.([A-Za-z_]+)\b(?!\.)", block):
                assert hasattr(cotmon, name) or importlib.util.find_spec(f"cotmon.{name}"), name
    assert cotmon.Refusal is Refusal


# Architecture and words


def test_floors_are_those_of_the_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["name"] == "floors")
    told = re.findall(r"^\| (\d+) \| (`[^|]*`) \|", page("architecture.md"), re.M)
    assert [re.findall(r"\w+", rooms) for _, rooms in told] == [
        re.findall(r"\w+", layer) for layer in layers
    ]
    assert [int(number) for number, _ in told] == list(range(len(layers), 0, -1))


def test_tree_in_the_readme_is_the_tree() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= 75
    tree = readme.partition("```text\n")[2].partition("```")[0]
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    told = set(re.findall(r"^(\w+)/", tree, re.M))
    assert told <= folders
    assert folders - told <= {"demo", "shared", "build", "dist"}
    rooms = {p.name for p in (ROOT / "cotmon").iterdir() if (p / "__init__.py").is_file()}
    assert set(re.findall(r"^  (\w+)/", tree, re.M)) == rooms


def test_words_of_the_glossary_are_used_and_in_order() -> None:
    words = re.findall(r"^- \*\*([\w -]+)\*\*: \S", page("glossary.md"), re.M)
    assert len(words) > 30 and words == sorted(words)
    others = " ".join(p.read_text("utf-8").lower() for p in PAGES if p.name != "glossary.md")
    assert not [word for word in words if word not in others]


def test_decisions_are_short_numbered_and_listed() -> None:
    files = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert [int(p.name[:4]) for p in files] == list(range(1, len(files) + 1))
    listed = (DOCS / "decisions" / "README.md").read_text("utf-8")
    for path in files:
        content = path.read_text("utf-8")
        assert f"]({path.name})" in listed
        assert "**Choice.**" in content and "**Would reverse it.**" in content
        assert len(content.splitlines()) <= 15


# Links and manners


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    content = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", content):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path}: {target}"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_path_of_a_machine(path: Path) -> None:
    content = path.read_text("utf-8")
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users|opt|mnt)/|[A-Z]:\\", content)


def test_picture_shows_the_demo_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    maker = script("make_picture")
    content = maker.PICTURE.read_text("utf-8").replace("&#160;", " ")
    shown = re.findall(r"\[(M\d+\.\d+)\]", content)
    worst = maker.demo_result().worst_steps(3)
    assert worst and maker.LOG in content
    assert {s.step.address for s in worst} <= set(shown), "run: python docs/make_picture.py"
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", content), "the picture fetches something"
