"""What was watched, read back as a stored run, and the same chat replayed from a file."""

import json
import subprocess
import sys
from pathlib import Path

from cotmon.cli._stored import results
from cotmon.store import open_store
from cotmon.watching.settling import chat_of, settle


def settled(watcher):
    """thread → the steps of its stored transcript."""
    watcher.recorder.flush()
    store, found = watcher.store, {}
    settle(store)
    with store.reading() as connection:
        for row in store.runs.rows(connection):
            for reading in store.runs.readings(connection, row.id):
                said = store.transcripts.messages(connection, reading.content)
                steps = store.transcripts.steps(connection, reading.content, said)
                found[reading.transcript.id] = steps
    return found


def assert_each_names_its_call(steps, tasks):
    """Of several agents with a task each, every one names the call that told it its task."""
    [(outer, calls)] = [
        (name, {task: s.address for s in own for task in tasks if s.tool and task in s.text})
        for name, own in steps.items()
        if any(s.tool == "delegate" for s in own)
    ]
    begun = {own[0].text: {s.parent for s in own} for name, own in steps.items() if name != outer}
    assert begun == {task: {f"{outer} {calls[task]}"} for task in tasks}


def live_and_again(url, monitors):
    """The only conversation of a store as it was scored live, and as a replay of it is."""
    store = open_store(url)
    settle(store)
    live = _only(store)
    chat = {"id": "again", "messages": chat_of(store, live.run, live.transcript.id)}
    store.close()
    Path("chat.jsonl").write_text(json.dumps(chat) + "\n")
    words = [word for name in monitors for word in ("-m", name)]
    done = subprocess.run(
        [sys.executable, "-m", "cotmon", "replay", "chat.jsonl", "--db", "sqlite:///again.db",
         *words], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    other = open_store("sqlite:///again.db")
    again = _only(other)
    other.close()
    return live, again


def _only(store):
    with store.reading() as connection:
        row = store.runs.find(connection, "latest")
    [found] = results(store, row)
    return found


def scores(result):
    """(address, monitor) → value, suspicion, status and reason."""
    return {
        (step.step.address, s.monitor): (s.value, s.suspicion, s.status, s.reason)
        for step in result.steps
        for s in step.scores
    }
