"""The proxy with 200 connections for a minute, killed and started again in the middle."""

import runpy
import statistics
import sys
import time
from importlib import import_module
from pathlib import Path

from cotmon.content import find_set, members
from cotmon.models import Models
from cotmon.store import open_store

HOSTS = Path(__file__).parents[1] / "hosts"
sys.path.insert(0, str(HOSTS))  # tests are no package
agents = import_module("proxy_load")

CONNECTIONS, SECONDS, SENTENCES = 200, 60, 5
SETTINGS = """[store]
url = "sqlite:///{folder}/watch.db"
[watch]
mode = "enforce"
monitors = {monitors}
ask = 1.01
block = 0.85
timeout_ms = 60000
"""


def test_two_hundred_connections_for_a_minute(bench, tmp_path, monkeypatch):
    speed = bare()
    bench.line("the bare encoder on these steps, 32 at once", speed, "steps / s")
    monkeypatch.chdir(tmp_path)
    project(tmp_path)
    upstream = agents.Upstream(SENTENCES, seconds=SENTENCES * CONNECTIONS / (speed / 2))
    seen = agents.load(upstream, CONNECTIONS, SECONDS)
    store = open_store(f"sqlite:///{tmp_path}/watch.db")
    with store.reading() as connection:
        watches = store.watches
        threads = {
            t.thread: watches.messages(connection, t.run, t.thread)
            for t in watches.threads(connection)
        }
        decided = [body for _, body in watches.decided(connection)]
    store.close()
    took = sorted(d["latency_ms"] for d in decided)
    bench.line("  a generation upstream, on average", upstream.seconds, "s")
    bench.line("  answers that came, all judged", seen.turns, "answers")
    bench.line("  requests that failed while it was down, all repeated", seen.cut, "times")
    bench.line("  calls of the tool that is never to run, that came", seen.leaked, "calls", most=0)
    bench.line("  streams cut upstream, on block and by the kill", upstream.cancelled, "streams")
    bench.line(
        f"  sentences generated of {SENTENCES}, where the second blocks", max(upstream.sent), ""
    )
    bench.line("  judging a whole answer, p50", statistics.median(took), "ms")
    bench.line("  judging a whole answer, p99", took[int(len(took) * 0.99)], "ms")
    assert agents.nothing_was_lost(seen, threads, decided)
    assert seen.refused > 0 < seen.safe


def bare():
    """Steps that the encoder does in a second, in batches of 32."""
    encoder = Models().encoder
    texts = [text for k in range(20) for text in agents.thought(SENTENCES, f"bare {k}")]
    encoder.embed(texts[:32])
    start = time.perf_counter()
    for k in range(0, len(texts), 32):
        encoder.embed(texts[k : k + 32])
    return len(texts) / (time.perf_counter() - start)


def project(folder):
    """The default set, and a monitor that objects to one word."""
    shown = runpy.run_path(str(HOSTS.parent / "conftest.py"))
    own = folder / "monitors" / "scheming" / "dynamite"
    own.mkdir(parents=True)
    (own / "monitor.toml").write_text(shown["WORD"].format(word="dynamite", view="step"))
    (own / "rules.toml").write_text(shown["RULES"].format(word="dynamite"))
    names = [f.name for f in members(find_set("default"))]
    monitors = [*names, "scheming/dynamite"]
    (folder / "cotmon.toml").write_text(SETTINGS.format(folder=folder, monitors=monitors))
