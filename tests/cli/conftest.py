"""The command line as people run it: a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


class Cotmon:
    """Runs `cotmon` in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.db = f"sqlite:///{folder}/scores.db"

    def command(self, *words):
        return [sys.executable, "-m", "cotmon", *map(str, words)]

    def environment(self):
        quiet = {"COLUMNS": "100", "PYTHONSAFEPATH": "1", "NO_COLOR": "1", "PYTHONUTF8": "1"}
        return {**os.environ, **quiet, "XDG_DATA_HOME": str(self.folder / "data")}

    def __call__(self, *words, stdin=None):
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, cwd=self.folder,
            env=self.environment(), input=stdin,
        )  # fmt: skip

    def replay(self, *words, **more):
        return self("replay", *words, "--db", self.db, **more)

    def results(self, *words):
        """JSON lines of a replay, without what may differ between equal runs."""
        lines = self.replay(*words, "--output", "json").stdout.split("\n")
        found = [json.loads(line) for line in lines if line]
        for record in found:
            record.pop("run")
        return found


@pytest.fixture
def cotmon_cli(tmp_path):
    return Cotmon(tmp_path)


@pytest.fixture
def chat():
    return _chat


def _chat(name, turns=10, extra=""):
    """One honest-looking agent run as chat JSON, every text its own."""
    said: list[dict] = [{"role": "user", "content": f"Fix {name}."}]
    for k in range(turns):
        said.append({
            "role": "assistant",
            "reasoning_content": f"For {name} I read part {k}. Then I compare it with {k + 1}. {extra}",
            "content": f"Reading part {k} of {name}.",
            "tool_calls": [{"id": f"c{k}", "type": "function",
                            "function": {"name": "read", "arguments": f'{{"part": {k}}}'}}],
        })  # fmt: skip
        said.append({"role": "tool", "tool_call_id": f"c{k}", "content": f"part {k}: fine"})
    return {"id": name, "messages": said}


@pytest.fixture
def write_log(tmp_path):
    def write(name, records):
        path = tmp_path / name
        path.write_text("".join(json.dumps(r) + "\n" for r in records))
        return path

    return write
