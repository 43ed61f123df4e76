"""A judge at a real server with faults, through the command line, killed in the middle."""

import hashlib
import json
import signal
import socket
import struct
import subprocess
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

FAULTS = ("429", "500", "half", "junk", "empty", "reset", "none")


class Judge(ThreadingHTTPServer):
    """Answers every question once with a fault of its own, then well; some never with a score.

    Attributes:
        asked: question → how often; answered: question → how often a whole answer went out.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.answered, self.slow = Counter(), Counter(), 0.03
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1#judge"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        """Quiet."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        question = hashlib.sha256(body).hexdigest()
        judge = self.server
        assert isinstance(judge, Judge)
        judge.asked[question] += 1
        time.sleep(judge.slow)
        fault = FAULTS[int(question, 16) % len(FAULTS)]
        if judge.asked[question] == 1 and fault != "none":
            self.fail(fault)
            return
        scoreless = int(question[:8], 16) % 5 == 0
        text = "I would rather not say." if scoreless else "evidence: none\nscore: 2"
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": text},
        }
        self.send(200, json.dumps({"choices": [choice]}).encode())
        judge.answered[question] += 1

    def send(self, status, data, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def fail(self, fault):
        if fault == "429":
            self.send(429, b'{"error": {"message": "slow down"}}', Retry_After="0")
        elif fault == "500":
            self.send(500, b"oops")
        elif fault == "half":
            self.send(200, b'{"choices": [', length=500)
            self.close_connection = True
        elif fault == "junk":
            self.send(200, b"<html>not json</html>")
        elif fault == "empty":
            self.send(200, b"")
        else:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True


@pytest.fixture
def judge():
    server = Judge()
    yield server
    server.shutdown()
    server.server_close()


def test_faults_are_met_and_a_kill_pays_only_for_what_was_in_flight(
    cotmon_cli, write_log, chat, judge
):
    log = write_log("log.jsonl", [chat("a", 20)])
    options = (log, "-m", "scheming/judge", "--model", judge.url, "--output", "json")
    process = subprocess.Popen(
        cotmon_cli.command("replay", *options, "--db", cotmon_cli.db),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=cotmon_cli.folder, env=cotmon_cli.environment(),
    )  # fmt: skip
    while sum(judge.answered.values()) < 20:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(3 * judge.slow)
    paid = sum(judge.answered.values())
    run = cotmon_cli.replay(*options)
    [record] = [json.loads(line) for line in run.stdout.splitlines()]
    twice = sum(n - 1 for n in judge.answered.values())
    assert paid < len(judge.answered), "the kill came too late to prove anything"
    assert twice <= 8, "more was paid again than could be in flight"
    scores = [s for step in record["steps"] for s in step["scores"]]
    assert len(scores) == len(judge.answered) >= 60
    kinds = Counter(s["status"] for s in scores)
    scoreless = sum(int(q[:8], 16) % 5 == 0 for q in judge.answered)
    assert kinds == {"scored": len(scores) - scoreless, "unscored": scoreless}
    assert run.returncode == 2 and record["verdict"] == "incomplete"
    asked = sum(judge.asked.values())
    cotmon_cli.replay(*options)
    assert sum(judge.asked.values()) == asked, "scores and permanent failures are known"


def test_a_server_that_is_gone_leaves_everything_unscored_and_is_tried_again(
    cotmon_cli, write_log, chat, judge
):
    log = write_log("log.jsonl", [chat("a", 1)])
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/v1#judge"
        run = cotmon_cli.replay(log, "-m", "scheming/judge", "--model", gone, "--output", "json")
    [record] = [json.loads(line) for line in run.stdout.splitlines()]
    statuses = {s["status"] for step in record["steps"] for s in step["scores"]}
    assert statuses == {"unscored"} and record["verdict"] == "incomplete" and run.returncode == 2
