"""A watcher of a project with three small monitors, and a way to talk to it."""

import os
import subprocess
import sys

import pytest

from cotmon.store import now
from cotmon.watching import Said, ToolCall, Watcher, read_settings


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
