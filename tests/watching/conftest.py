"""A project with three small monitors, a way to talk to its watcher, and one to read its store."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cotmon.store import now
from cotmon.watching import Said, ToolCall, Watcher, read_settings

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


@pytest.fixture
def watch(project):
    """Starts a watcher of the project; all are ended with the test."""
    begun = []

    def start(watch="", mode="enforce", monitors=("dynamite",), pauses=True, clock=now):
        settings = read_settings(project(watch, mode, monitors))
        begun.append(Watcher(settings, "test", can_pause=pauses, clock=clock))
        return begun[-1]

    yield start
    for watcher in begun:
        watcher.close()


class Agent:
    """One thread of a watcher, told what it says; ids count up."""

    def __init__(self, watcher, thread="one", ids=True):
        self.watcher, self.thread, self.ids = watcher, thread, ids
        self.history = []
        self.hear({"role": "user", "content": f"do the work of {thread}"})

    @property
    def conversation(self):
        return self.watcher.conversation(self.thread)

    def hear(self, *messages):
        for chat in messages:
            name = f"{self.thread}-{len(self.history)}" if self.ids else None
            self.history.append((name, chat))
        self.conversation.hear(self.history)

    def said(self, *calls, text="", reasoning="It is a plain task."):
        """Calls are (name, arguments)."""
        k = len(self.history)
        made = tuple(ToolCall(f"c{k}.{n}", *call) for n, call in enumerate(calls))
        chat: dict = {"role": "assistant", "content": text, "reasoning_content": reasoning}
        if made:
            chat["tool_calls"] = [
                {
                    "id": c.id,
                    "type": "function",
                    "function": {"name": c.name, "arguments": c.arguments},
                }
                for c in made
            ]
        return Said(message=f"{self.thread}-{k}" if self.ids else None, chat=chat, calls=made)

    def say(self, *calls, text="", reasoning="It is a plain task."):
        """Says it, has it judged, and hears the results."""
        said = self.said(*calls, text=text, reasoning=reasoning)
        found = self.conversation.judge(said)
        self.history.append((said.message, dict(said.chat)))
        results = [{"role": "tool", "tool_call_id": c.id, "content": "fine"} for c in said.calls]
        if results:
            self.hear(*results)
        return found


@pytest.fixture
def agent():
    return Agent


@pytest.fixture
def cotmon_words():
    """Runs `cotmon` in the project's folder; gives what it printed, and stops where it failed."""

    def run(*words, said="", code=0):
        quiet = {"COLUMNS": "110", "NO_COLOR": "1", "PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "cotmon", *words], capture_output=True, text=True, input=said,
            env={**os.environ, **quiet},
        )  # fmt: skip
        assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    return run
