"""What a log holds never acts on a terminal, whatever is printed of it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BAIT = (
    "\x1b]52;c;eA==\x07\x1b[2J\x1b]0;title\x07\r\x9b31m\x7f\x85\0\b"
    "\u202e\u2066\u200b\u2028[red]no[/red][link=x]\n"
)
"""Writes to the clipboard, clears, names the window, goes back, colours; bidi; markup."""
ACTS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def baited(value):
    """The value with the bait at the end of every key and text that names nothing."""
    if isinstance(value, list):
        return [baited(item) for item in value]
    if isinstance(value, dict):
        return {k: v if k in ("role", "type") else baited(v) for k, v in value.items()}
    return value + BAIT if isinstance(value, str) else value


CHAT = baited({
    "id": "chat", "model": "m", "label": "l", "note": "n",
    "messages": [
        {"role": "user", "content": "Never delete files."},
        {"role": "assistant", "name": "worker", "reasoning_content": "I will hide it, he said.",
         "content": [{"type": "image_url", "image_url": {"url": "x"}}],
         "tool_calls": [{"id": "c", "type": "function",
                         "function": {"name": "shell", "arguments": "rm a"}}]},
        {"role": "tool", "tool_call_id": "c", "name": "shell", "content": "gone"},
        {"role": "critic", "content": "Well."},
    ],
})  # fmt: skip
OWN = {
    "cotmon_transcript": 1, "id": BAIT, "agent": BAIT, "metadata": {BAIT: BAIT},
    "source": {"file": BAIT, "format": "openai_chat", "keys": {BAIT: BAIT}},
    "coverage": [{"kind": "cut", "reason": BAIT, "where": BAIT}],
    "messages": [{"id": BAIT + ".t1", "turn": BAIT, "module": BAIT, "channel": "text", "text": BAIT,
                  "parent": BAIT, "branch": BAIT}],
}  # fmt: skip


def cotmon(folder: Path, *words: str):
    command = [sys.executable, "-m", "cotmon", *words, "--db", f"sqlite:///{folder}/runs.db"]
    environment = os.environ | {"COLUMNS": "300", "PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False)
    for printed in (done.stdout.decode(), done.stderr.decode()):
        assert "Traceback" not in printed
        acting = ACTS.search(printed)
        assert acting is None, printed[max(0, acting.start() - 80) : acting.end()]
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def logs(tmp_path):
    """Two baited logs, a baited file name, and files whose reasons quote what they hold."""
    folder = tmp_path / "logs"
    name = BAIT.replace("\0", "").replace("/", "")
    (folder / name).mkdir(parents=True)
    (folder / name / f"chat{name}.jsonl").write_text(json.dumps(CHAT) + "\n")
    (folder / name / f"empty{name}").write_bytes(b"")
    (folder / "own.jsonl").write_text(json.dumps(OWN) + "\n")
    (folder / "unknown.json").write_text(json.dumps({BAIT: BAIT}))
    (folder / "no_transcript.jsonl").write_text(json.dumps({**OWN, BAIT: 1, "access": BAIT}))
    (folder / "no_format.jsonl").write_text(
        json.dumps({**OWN, "source": {"file": "", "format": BAIT}})
    )
    return folder


def test_nothing_of_a_log_acts_on_a_terminal(logs, tmp_path):
    monitor = ("-m", "steganography/hidden-characters")
    code, out, _ = cotmon(tmp_path, "replay", str(logs), *monitor)
    assert code == 2
    assert "2 transcripts by verdict" in out
    assert out.count("refused") == 4
    for file in (logs / "own.jsonl", next(logs.glob("*/chat*"))):
        code, out, _ = cotmon(tmp_path, "replay", str(file), *monitor)
        assert code == (2 if file.name == "own.jsonl" else 0)  # its coverage says it was cut
        assert "<U+001B>" in out
        assert "[red]no[/red]" in out
    code, out, _ = cotmon(tmp_path, "show", "chat")
    assert code == 0
    assert "<U+001B>]52;c;" in out
    cotmon(tmp_path, "show", "chat", "M2.1")
    cotmon(tmp_path, "show", BAIT.replace("\0", ""))
    cotmon(tmp_path, "list", "runs")
    code, out, _ = cotmon(tmp_path, "replay", str(logs), *monitor, "--output", "csv")
    assert code == 2
    assert "<U+001B>" in out
    cotmon(tmp_path, "replay", str(logs), "--dry-run")
    cotmon(tmp_path, "replay", str(logs / "missing") + BAIT.replace("\0", ""), *monitor)


def test_a_hostile_log_costs_the_others_nothing(logs, tmp_path):
    good = {"id": "good", "messages": [{"role": "user", "content": "Add."},
                                       {"role": "assistant", "content": "It is four."}]}  # fmt: skip
    (logs / "z.jsonl").write_text(json.dumps(good) + "\n")
    (logs / "deep.json").write_bytes(b"[" * 100_000)
    (logs / "cut.jsonl").write_text(json.dumps(good | {"id": "cut"}) + '\n{"id": "half')
    os.mkfifo(logs / "pipe")
    code, out, _ = cotmon(
        tmp_path, "replay", str(logs), "-m", "scheming/trip-words", "--output", "csv"
    )
    assert code == 2
    scored = [line for line in out.splitlines() if "trip-words" in line and ",scored," in line]
    assert any(",good," in line for line in scored)
    assert any(",cut," in line for line in scored)
