"""A real server on the loopback, with every fault that a real one has."""

import json
import math
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from cotmon.errors import ModelError
from cotmon.kinds.judge import JudgeKind
from cotmon.models import Models
from cotmon.models._endpoint import LARGEST, LONGEST_WAIT, Endpoint
from cotmon.models._exchange import Question
from cotmon.models.chat import ChatModel, Permanent, Transient, open_chat
from cotmon.records import Scored, Unscored, View

KEY = "sk-secret-1234567890"
TEXT = "evidence: delete the log\nreason: it hides its trail\nscore: 7"
VIEW = View("I will delete the log.", "reasoning", "agent", None, b"0" * 16)
Act = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    server: "Server"  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            number = len(self.server.requests)
            self.server.requests.append((self.path, dict(self.headers), json.loads(body)))
            self.server.times.append(time.monotonic())
        acts = self.server.acts
        acts[min(number, len(acts) - 1)](self)
        self.close_connection = True

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, data: bytes) -> None:
        """One byte at a time: each comes long before any read timeout."""
        for byte in data:
            if self.server.closing.wait(0.01):
                return
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                return

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.acts: list[Act] = []
        self.requests: list[tuple[str, dict[str, str], dict]] = []
        self.times: list[float] = []
        self.lock, self.closing = threading.Lock(), threading.Event()

    def model(self, *acts: Act, timeout: float = 30.0, attempts: int = 3, limit: int = 8):
        self.acts = list(acts)
        return ChatModel(
            Endpoint(httpx.URL(self.url), "m", KEY, timeout),
            attempts=attempts,
            wait=0.01,
            limit=limit,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "ALL_PROXY", "COTMON_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.closing.set()
    made.shutdown()
    thread.join()
    made.server_close()


def answer(content: object = TEXT, finish: str = "stop", **choice: object) -> bytes:
    message = {"role": "assistant", "content": content}
    made = {"index": 0, "message": message, "finish_reason": finish, **choice}
    return json.dumps({"id": "1", "model": "m", "choices": [made]}).encode()


def ok(body: bytes | None = None) -> Act:
    return lambda handler: handler.send(200, answer() if body is None else body)


def status(code: int, body: bytes = b'{"error": "busy"}', **headers: str) -> Act:
    return lambda handler: handler.send(code, body, **headers)


def half(handler: Handler) -> None:
    handler.send(200, answer()[:40], Content_Length=str(len(answer())))


def reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.rfile.close()
    handler.connection.close()


def drip_body(handler: Handler) -> None:
    handler.send(200, b"", Content_Length="100000")
    handler.drip(b" " * 100_000)


def drip_headers(handler: Handler) -> None:
    handler.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 5000)


def with_logprobs(*alternatives: tuple[str, float], content: str = TEXT) -> bytes:
    head, grade = content[:-1], content[-1]
    top = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in alternatives]
    own = {"token": grade, "logprob": top[0]["logprob"], "top_logprobs": top}
    tokens = [{"token": head, "logprob": -0.1, "top_logprobs": []}, own]
    return answer(content, logprobs={"content": tokens})


TRANSIENT = {
    "429": status(429),
    "500": status(500),
    "502": status(502, b""),
    "503": status(503),
    "529": status(529),
    "half": half,
    "reset": reset,
    "no body": ok(b""),
    "wrong JSON": ok(b'{"choices": [{"mess'),
    "other JSON": ok(b'{"error": {"message": "overloaded"}}'),
    "no choices": ok(b'{"choices": []}'),
    "no Unicode": ok(b'{"choices": [{"message": {"content": "\xff"}}]}'),
    "bottomless JSON": ok(b'{"x":' + b"[" * 100_000),
    "empty answer": ok(answer(" \n")),
    "null answer": ok(answer(None)),
}
OF_QUESTION = {
    "400": status(400, b'{"error": {"message": "context length exceeded"}}'),
    "413": status(413),
    "cut": ok(answer("evidence: none\nscore: 1", "length")),
    "filtered": ok(answer("x", "content_filter")),
    "refusal": ok(answer(None, message={"content": None, "refusal": "I cannot do that"})),
    "no score": ok(answer("I am sorry, I cannot help with that.")),
    "two scores": ok(answer("score: 0\n" + TEXT)),
    "out of range": ok(answer("evidence: none\nscore: 10")),
    "text after": ok(answer(TEXT + "\nThank you")),
    "not a number": ok(answer("score: NaN")),
}
TO_MEND = {
    "401": status(401, f"wrong key {KEY}".encode()),
    "403": status(403),
    "404": status(404),
    "redirect": status(307, b"", Location="/elsewhere"),
    "endless": lambda handler: handler.send(200, b" " * (LARGEST + 2**20)),
}


@pytest.mark.parametrize("fault", TRANSIENT)
def test_transient_faults_are_met_again_and_then_unscored(server: Server, fault: str) -> None:
    kind = JudgeKind("s", "{{ step }}", server.model(TRANSIENT[fault]))
    (outcome,) = kind.score([VIEW])
    assert isinstance(outcome, Unscored), outcome
    assert not outcome.permanent
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", TRANSIENT)
def test_one_transient_fault_costs_one_more_request(server: Server, fault: str) -> None:
    assert server.model(TRANSIENT[fault], ok()).ask([], max_tokens=5).text == TEXT
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [*OF_QUESTION, *TO_MEND])
def test_permanent_faults_are_asked_once(server: Server, fault: str) -> None:
    kind = JudgeKind("s", "{{ step }}", server.model({**OF_QUESTION, **TO_MEND}[fault]))
    (outcome,) = kind.score([VIEW])
    assert isinstance(outcome, Unscored), outcome
    assert outcome.permanent == (fault in OF_QUESTION)
    assert len(server.requests) == 1


@pytest.mark.parametrize("drip", [drip_body, drip_headers])
def test_the_timeout_bounds_the_whole_request(server: Server, drip: Act) -> None:
    began = time.monotonic()
    with pytest.raises(Transient, match=r"within 0\.3 s"):
        server.model(drip, timeout=0.3, attempts=2).ask([], max_tokens=5)
    assert time.monotonic() - began < 10  # dripped to its end it would take minutes
    assert len(server.requests) == 2


def test_no_server_is_transient(server: Server) -> None:
    model = server.model(ok())
    server.shutdown()
    server.socket.close()
    with pytest.raises(Transient, match="ConnectError"):
        model.ask([], max_tokens=5)


def test_retry_after_is_kept(server: Server) -> None:
    server.model(status(429, Retry_After="1"), ok()).ask([], max_tokens=5)
    assert server.times[1] - server.times[0] >= 0.99


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("9" * 5000, LONGEST_WAIT),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
        ("-3", None),
        ("nan", None),
        ("soon", None),
    ],
)
def test_retry_after_is_bounded(server: Server, header: str, seconds: float | None) -> None:
    server.acts = [status(503, Retry_After=header)]
    endpoint = Endpoint(httpx.URL(server.url), "m", KEY)
    with pytest.raises(Transient) as caught:
        endpoint.answer(Question(messages=[], max_tokens=5))
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (answer(), 7 / 9),
        (answer(logprobs=None), 7 / 9),
        (answer(logprobs={"content": []}), 7 / 9),
        (answer(logprobs={"tokens": ["7"], "token_logprobs": [-0.1]}), 7 / 9),
        (with_logprobs(("7", 0.6), ("8", 0.3), (" 6", 0.1)), 7.2 / 9),
        (with_logprobs(("7", 0.5), ("8", 0.3), ("the", 0.2)), 7 / 9),
        (with_logprobs(("7", 1.0), ("8", 1.0)), 7 / 9),
    ],
    ids=["none", "null", "empty", "other form", "expected", "little mass", "no probabilities"],
)
def test_status_200_proves_no_logprobs(server: Server, body: bytes, value: float) -> None:
    kind = JudgeKind("s", "{{ step }}", server.model(ok(body)))
    (outcome,) = kind.score([VIEW])
    assert isinstance(outcome, Scored)
    assert outcome.value == pytest.approx(value, abs=1e-4)
    assert outcome.reason == "it hides its trail"
    assert VIEW.text[outcome.spans[0].start : outcome.spans[0].end] == "delete the log"


def test_the_request_is_what_servers_expect(server: Server) -> None:
    model = server.model(ok())
    model.ask([{"role": "user", "content": "é"}], max_tokens=5, top_logprobs=20)
    model.ask([], max_tokens=6)
    path, headers, body = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "é"}],
        "max_tokens": 5,
        "temperature": 0.0,
        "logprobs": True,
        "top_logprobs": 20,
    }
    assert "top_logprobs" not in server.requests[1][2]


def test_the_key_is_never_shown(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    model = server.model(status(500, f"{KEY}\x1b[31m\u202e".encode() + b"x" * 5000))
    with caplog.at_level(0), pytest.raises(Transient) as caught:
        model.ask([], max_tokens=5)
    assert "<U+001B>" in str(caught.value)
    assert len(str(caught.value)) < 400
    shown = [str(caught.value), repr(vars(model)), caplog.text, model.identity]
    assert not [text for text in shown if KEY in text]


def test_requests_run_side_by_side_within_the_limit(server: Server) -> None:
    both, now, most = threading.Barrier(2), [0], [0]

    def together(handler: Handler) -> None:
        with server.lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        both.wait(30)  # goes on only when a second request is in flight
        with server.lock:
            now[0] -= 1
        handler.send(200, answer())

    kind = JudgeKind("s", "{{ step }}", server.model(together, limit=2, timeout=60.0))
    with ThreadPoolExecutor(6) as threads:
        outcomes = [*threads.map(lambda view: kind.score([view])[0], [VIEW] * 4)]
    outcomes += kind.score([VIEW] * 4)
    assert [o.value for o in outcomes if isinstance(o, Scored)] == [0.7778] * 8
    assert most[0] == 2


def test_recorded_replies_stand_in_for_the_model(server: Server, tmp_path) -> None:
    server.acts = [ok(with_logprobs(("7", 0.6), ("8", 0.4)))]
    file = tmp_path / "replies@home.jsonl"
    spec = f"recorded:{file}@{server.url}#m"
    said = [{"role": "user", "content": "x"}]
    first = open_chat(spec).ask(said, max_tokens=5, top_logprobs=3)
    assert first.tokens
    for again in (spec, f"recorded:{file}"):
        assert open_chat(again).ask(said, max_tokens=5, top_logprobs=3) == first
    assert len(server.requests) == 1
    with pytest.raises(Permanent, match="holds no reply") as caught:
        open_chat(f"recorded:{file}").ask(said, max_tokens=6, top_logprobs=3)
    assert caught.value.of_question  # the file's hash is part of the identity
    before = open_chat(f"recorded:{file}").identity
    open_chat(spec).ask(said, max_tokens=6)
    assert open_chat(f"recorded:{file}").identity != before
    assert open_chat(spec).identity == open_chat(f"{server.url}#m").identity


@pytest.mark.parametrize(
    "spec",
    [
        "gpt",
        "http://h/v1",
        "http://h/v1# ",
        "ftp://h#m",
        "http:///v1#m",
        "http://h:99999/v1#m",
        "http://a..b/v1#m",
        "http://user:word@h/v1#m",
        "http://h/v1?key=word#m",
        "recorded:missing.jsonl",
        "recorded:",
        "",
    ],
)
def test_a_wrong_spec_is_refused_at_once(spec: str) -> None:
    with pytest.raises(ModelError) as caught:
        assert Models(spec).chat
    assert "word" not in str(caught.value).replace("password", "")


def test_a_key_that_cannot_be_sent_is_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COTMON_API_KEY", "sk\nevil: header")
    with pytest.raises(ModelError, match="COTMON_API_KEY") as caught:
        open_chat("http://h/v1#m")
    assert "evil" not in str(caught.value)


def test_a_broken_recording_names_its_line(tmp_path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text('{"request": "a", "reply": {"text": "b"}}\n{"request": 1}\n')
    with pytest.raises(ModelError, match=r"r\.jsonl:2:"):
        open_chat(f"recorded:{file}")
