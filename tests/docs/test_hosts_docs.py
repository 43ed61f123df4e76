"""The pages about hosts say what cards and tests say, and their example holds its canary."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cotmon.hosts import HOSTS

DOCS = Path(__file__).parents[2] / "docs"
ADDING = (DOCS / "adding-a-host.md").read_text("utf-8")
PLUGIN = {
    "METADATA": "Metadata-Version: 2.1\nName: clerkwork\nVersion: 1\n",
    "entry_points.txt": "[cotmon.hosts]\nclerk = clerk_host\n",
}


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_hosts", DOCS / "make_hosts.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_cards_and_tests_say(maker):
    page = (DOCS / "hosts.md").read_text("utf-8")
    assert page == maker.page(), "run: python docs/make_hosts.py"
    for name in HOSTS.names():
        assert all(note in page for note in HOSTS.load(name).card.notes)


def test_cards_and_tests_agree_on_what_a_host_cannot(maker):
    """Otherwise `doctor` would print another promise than the one that is tested."""
    found = list(maker.tests())
    for name in HOSTS.names():
        card = HOSTS.load(name).card
        cells = {number: maker.cell(name, number, found) for number in maker.ASSERTS}
        assert cells[3] == cells[16] == "yes", name
        assert (cells[7] == "yes") == (card.streams != "no"), name
        assert (cells[8] == "yes") == (card.pauses != "no" and card.survives != "no"), name
        assert (cells[8] == "cannot") == (card.pauses == "no"), name


@pytest.mark.parametrize(
    ("marks", "shown"),
    [([], "–"), (["yes", "yes"], "yes"), (["cannot"], "cannot"), (["cannot", "yes"], "in part")],
)
def test_a_cell_is_what_all_tests_of_it_say(maker, marks, shown):
    found = [maker.Shown("x", 8, mark, "words") for mark in marks]
    assert maker.cell("x", 8, [*found, maker.Shown("y", 8, "cannot", "")]) == shown


@pytest.fixture
def installed(tmp_path):
    """The example, installed as a stranger's distribution; `put(gate)` may break its gate."""

    def put(gate: str = '== "run"') -> Path:
        framework, host = re.findall(r"```python\n(.*?)```", ADDING, re.DOTALL)
        assert host.count('== "run"') == 1
        (tmp_path / "clerkwork.py").write_text(framework, "utf-8")
        (tmp_path / "clerk_host.py").write_text(host.replace('== "run"', gate), "utf-8")
        (tmp_path / "clerkwork-1.dist-info").mkdir()
        for name, content in PLUGIN.items():
            (tmp_path / "clerkwork-1.dist-info" / name).write_text(content, "utf-8")
        return tmp_path

    return put


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("COTMON_")}
    own = {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, encoding="utf-8",
        env={**env, **own, "XDG_DATA_HOME": str(folder)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gate", "code", "said"),
    [('== "run"', 0, "clerk: holds"), ('!= "gone"', 1, "the blocked tool RAN")],
)
def test_the_example_of_a_host_holds_its_canary_until_its_gate_is_broken(
    installed, gate, code, said
):
    done = run(installed(gate), "-m", "cotmon", "doctor", "clerk")
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout + done.stderr
    assert "ask becomes block" in done.stdout


WATCHED = """
import clerkwork, cotmon
said = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "n", "arguments": ""}}]}
clerk = clerkwork.Clerk("c", iter([said, {"role": "assistant"}]).__next__, {"n": print})
clerk.model = lambda history, give=clerk.model: give()
cotmon.watch(clerk).work("go")
print(clerk.history[-2]["content"])
"""


def test_watch_finds_the_example_and_asks_about_its_calls(installed):
    folder = installed()
    watch = '[watch]\nmode = "enforce"\nmonitors = ["unfaithfulness/arithmetic"]\nask = 0\n'
    (folder / "cotmon.toml").write_text(watch, "utf-8")
    done = run(folder, "-c", WATCHED)
    assert done.stdout == "This call was not carried out.\n", done.stderr
