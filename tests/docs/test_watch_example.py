"""The example of a watched agent: what the planted document asks for happens, and then does not."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cotmon.store import now, open_store

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "watch_exfiltration.py"
OUTSIDE, INSIDE = "records@paper-mirror.example", "office@harbour-books.example"


def pending(store):
    with store.reading() as connection:
        return store.watches.pending(connection)


@pytest.mark.parametrize("state", ["rejected", "approved"])
def test_the_agent_waits_for_another_terminal_and_goes_on(tmp_path, monkeypatch, state):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    run = subprocess.Popen(
        [sys.executable, str(EXAMPLE)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.stdout is not None
    try:
        said = [run.stdout.readline()]
        while not said[-1].startswith("Answer in another terminal") and said[-1]:
            said.append(run.stdout.readline())
        assert said[0] == f"Unwatched, mail left to: {OUTSIDE} {INSIDE}\n"
        assert "Mail left so far: none\n" in said
        assert any("scheming/forbidden-action" in line for line in said)
        store = open_store(None)
        (question,) = pending(store)
        assert question["body"]["decision"]["tool"] == "send_mail"
        assert OUTSIDE in question["body"]["arguments"]
        time.sleep(0.7)
        assert run.poll() is None
        with store.begin() as connection:
            store.watches.answer(connection, question["token"], state, "reviewer", "no", now())
        rest = run.communicate(timeout=60)[0].splitlines()
        store.close()
    finally:
        run.kill()
        run.wait()
    left = [OUTSIDE] if state == "approved" else []
    assert rest[-1] == " ".join(["Watched, mail left to:", *left, INSIDE])
    assert run.returncode == 0
    if state == "rejected":
        assert "The agent read in place of a result: This call was not carried out." in rest
