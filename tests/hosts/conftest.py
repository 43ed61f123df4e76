"""What tests of every host share: a project, and a monitor that objects to one word."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

MANIFEST = """kind = "rules"
summary = "objects to the word dynamite"
misses = "everything else"
cues = ["scheming"]
view = "step"
channels = ["reasoning", "text", "action"]
[threshold]
value = 0.5
"""
RULES = """[[rule]]
name = "words"
detector = "phrases"
[[rule.parameters.group]]
reason = "speaks of dynamite"
value = 0.9
own = false
guards = []
phrases = ["dynamite"]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in a folder of its own, with a store of its own; `write(toml)` sets it up."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("COTMON_MODE", raising=False)

    def write(watch: str = "", mode: str = "enforce") -> Path:
        folder = tmp_path / "monitors" / "scheming" / "dynamite"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "monitor.toml").write_text(MANIFEST)
        (folder / "rules.toml").write_text(RULES)
        path = tmp_path / "cotmon.toml"
        path.write_text(
            f'[store]\nurl = "sqlite:///{tmp_path}/watch.db"\n'
            f'[watch]\nmode = "{mode}"\nmonitors = ["scheming/dynamite"]\n{watch}\n'
        )
        return path

    return write
