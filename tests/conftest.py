"""What several tests need: genuine logs where there are any, and a project to watch agents in."""

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORD = """kind = "rules"
summary = "objects to the word {word}"
misses = "everything else"
cues = ["scheming"]
view = "{view}"
channels = ["reasoning", "text", "action"]
[threshold]
value = 0.5
"""
RULES = """[[rule]]
name = "words"
detector = "phrases"
[[rule.parameters.group]]
reason = "speaks of {word}"
value = 0.9
own = false
guards = []
phrases = ["{word}"]
"""
MONITORS = {"dynamite": "step", "nitro": "turn", "gelignite": "history"}


@pytest.fixture(scope="session")
def shared() -> Path:
    """A folder of genuine logs and labelled sets, where one is present."""
    folder = Path(os.environ.get("COTMON_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("no shared folder of genuine logs; set COTMON_SHARED")
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes a project's `cotmon.toml`; each monitor objects to the word that it is called by."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("COTMON_MODE", raising=False)
    for word, view in MONITORS.items():
        folder = tmp_path / "monitors" / "scheming" / word
        folder.mkdir(parents=True)
        (folder / "monitor.toml").write_text(WORD.format(word=word, view=view))
        (folder / "rules.toml").write_text(RULES.format(word=word))

    def write(watch="", mode="enforce", monitors=("dynamite",)) -> Path:
        named = json.dumps([f"scheming/{name}" for name in monitors])
        path = tmp_path / "cotmon.toml"
        path.write_text(
            f'[store]\nurl = "sqlite:///{tmp_path}/watch.db"\n'
            f'[watch]\nmode = "{mode}"\nmonitors = {named}\n{watch}\n'
        )
        return path

    return write
