"""What the proxy forwards, refuses and never keeps; and that it goes on after it was killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from openai import OpenAI
from proxy_load import command, free_port
from scripted import Line, scripted, serving
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cotmon.errors import UsageError
from cotmon.hosts._proxy_forward import kind_of
from cotmon.hosts._wire_keys import key_of
from cotmon.hosts.proxy import HOST, proxy
from cotmon.store import open_store
from cotmon.watching import read_settings

REFUSAL = "This call was not carried out."
DANGER = ("call_2", "danger", '{"x": "dynamite"}')
ASKED = {"model": "m", "messages": [{"role": "user", "content": "go"}]}


class Fixed:
    """A server that gives one answer, and remembers what it was asked."""

    def __init__(self, answer):
        self.answer, self.got = answer, []
        routes = [Route("/{path:path}", self.take, methods=["GET", "POST", "DELETE"])]
        self.app = Starlette(routes=routes)

    async def take(self, request):
        self.got.append(
            (request.method, request.url.path, dict(request.headers), await request.body())
        )
        return self.answer if isinstance(self.answer, Response) else self.answer()


@contextmanager
def before(config, answer, **more):
    """A client of the proxy in front of such a server."""
    fixed = Fixed(answer)
    with serving(fixed.app) as upstream:
        app = proxy(f"{upstream}/v1", read_settings(config), more.get("hold", 20.0))
        with serving(app) as url, httpx.Client(base_url=url, timeout=60) as client:
            yield fixed, client


@contextmanager
def behind(config, *lines):
    """The URL of a proxy in front of a scripted server."""
    with scripted(*lines) as server, serving(proxy(server.url, read_settings(config), 1.0)) as url:
        yield url


def events(*pieces, end=b"data: [DONE]\n\n"):
    head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    body = b"".join(b"data: " + json.dumps(head | piece).encode() + b"\n\n" for piece in pieces)
    return lambda: StreamingResponse(iter([body + end]), media_type="text/event-stream")


def piece(index=0, reason=None, **delta):
    return {"index": index, "delta": delta, "finish_reason": reason}


def call(arguments, index=0):
    function = {"name": "danger", "arguments": arguments}
    return [{"index": index, "id": f"call_{index}", "type": "function", "function": function}]


def test_errors_come_through_as_they_are(project):
    error = JSONResponse(
        {"error": {"message": "slow down"}}, 429, {"retry-after": "7", "x-own": "1"}
    )
    with before(project(), error) as (_, client):
        for stream in (False, True):
            got = client.post("/v1/chat/completions", json={**ASKED, "stream": stream})
            assert (got.status_code, got.headers["retry-after"], got.headers["x-own"]) == (
                429,
                "7",
                "1",
            )
            assert got.json() == {"error": {"message": "slow down"}}


def test_a_server_that_is_not_there_is_said_neutrally(project):
    with serving(proxy("http://127.0.0.1:9/v1", read_settings(project()), 1.0)) as url:
        got = httpx.post(f"{url}/v1/chat/completions", json=ASKED)
    assert got.status_code == 502 and "server did not answer" in got.json()["error"]["message"]


def test_a_usage_chunk_without_choices_and_the_end_come_through(project):
    usage = {
        "choices": [],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }
    calls = (piece(tool_calls=call('{"x": "dynamite"}')), piece(reason="tool_calls"))
    answer = events(*({"choices": [one]} for one in calls), usage)
    with before(project("block = 0.5"), answer) as (_, client):
        got = client.post("/v1/chat/completions", json={**ASKED, "stream": True}).text
    assert got.endswith("data: [DONE]\n\n") and '"total_tokens": 7' in got
    assert "dynamite" not in got and REFUSAL in got


@pytest.mark.parametrize("stream", [False, True])
def test_each_of_several_choices_is_judged(project, tmp_path, stream):
    if stream:
        answer = events(
            {
                "choices": [
                    piece(tool_calls=call('{"x": "dynamite"}')),
                    piece(1, tool_calls=call("{}")),
                ]
            },
            {"choices": [piece(1, "tool_calls"), piece(0, "tool_calls")]},
        )
    else:
        said = [
            {"role": "assistant", "content": None, "tool_calls": call(a)}
            for a in ('{"x": "dynamite"}', "{}")
        ]
        answer = JSONResponse(
            {
                "choices": [
                    {"index": k, "message": m, "finish_reason": "tool_calls"}
                    for k, m in enumerate(said)
                ]
            }
        )
    with before(project("block = 0.5"), answer) as (_, client):
        text = client.post("/v1/chat/completions", json={**ASKED, "n": 2, "stream": stream}).text
    assert "dynamite" not in text and REFUSAL in text and "call_0" in text
    store = open_store(f"sqlite:///{tmp_path}/watch.db")
    with store.reading() as connection:
        found = store.watches.threads(connection)
        levels = sorted(body["level"] for _, body in store.watches.decided(connection))
    store.close()
    assert [t.messages for t in found] == [2, 2] and levels == ["allow", "block"]


def test_keys_are_forwarded_and_never_kept(project, tmp_path, caplog):
    with before(project(), JSONResponse({"choices": []})) as (fixed, client):
        headers = {"authorization": "Bearer sk-very-secret", "x-cotmon-thread": "t1", "x-else": "2"}
        client.post("/v1/chat/completions", json=ASKED, headers=headers)
        client.get("/v1/models?key=sk-very-secret", headers=headers)
    for _, _, got, _ in fixed.got:
        assert (got["authorization"], got["x-else"]) == ("Bearer sk-very-secret", "2")
        assert "x-cotmon-thread" not in got
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"sk-very-secret" not in kept and "sk-very-secret" not in caplog.text


def test_what_an_answer_says_in_another_shape_does_not_pass(project):
    for answer in (
        Response(b"<html>", media_type="text/html"),
        Response(b'data: {"choices": []}\n\n', media_type="text/plain"),
    ):
        with before(project(), answer) as (_, client):
            assert client.post("/v1/chat/completions", json=ASKED).status_code == 502
    whole = json.dumps({"choices": [{"message": {"tool_calls": call('{"x": "dynamite"}')}}]})
    with before(project(), Response(whole, media_type="text/event-stream")) as (_, client):
        assert "dynamite" not in client.post("/v1/chat/completions", json=ASKED).text


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/chat/completions", "chat"),
        ("POST", "//v1//chat/./completions/", "chat"),
        ("POST", "/V1/Chat/Completions", "chat"),
        ("POST", "/v1/embeddings", "harmless"),
        ("GET", "/v1/models", "harmless"),
        ("GET", "/health", "harmless"),
        ("DELETE", "/v1/chat/completions/c1", "harmless"),
        ("POST", "/v1/completions", "unjudged"),
        ("POST", "/v1/messages", "unjudged"),
        ("POST", "/v1/batches", "unjudged"),
        ("POST", "/invocations", "unjudged"),
        ("GET", "/v1/chat/completions/c1", "unjudged"),
        ("PUT", "/v1/chat/completions", "unjudged"),
    ],
)
def test_every_path_that_may_generate_is_known(method, path, kind):
    assert kind_of(method, path) == kind


def test_what_cannot_be_judged_is_refused_under_enforce_and_forwarded_under_observe(
    project, caplog
):
    for mode, status in (("enforce", 403), ("observe", 200)):
        with before(project(mode=mode), JSONResponse({"choices": [{"text": "dynamite"}]})) as (
            fixed,
            client,
        ):
            assert client.post("/v1/completions", json={"prompt": "go"}).status_code == status
            assert client.post("/v1/embeddings", json={"input": "go"}).status_code == 200
            assert client.get("/health").status_code == 200
        assert [path for _, path, _, _ in fixed.got][-1] == "/health"
    assert "forwarded unjudged" in caplog.text


def test_off_forwards_everything(project, monkeypatch):
    monkeypatch.setenv("COTMON_MODE", "off")
    with before(project(), JSONResponse({"choices": [{"text": "dynamite"}]})) as (_, client):
        assert "dynamite" in client.post("/v1/completions", json={"prompt": "go"}).text
        assert "dynamite" in client.post("/v1/chat/completions", json=ASKED).text


def test_a_named_thread_hears_everything_once_however_much_is_sent(project, tmp_path):
    """A client that drops old messages, and says the same thing twice."""
    user = {"role": "user", "content": "go on"}
    lines = tuple(Line("", f"Answer {k}.") for k in range(3))
    named = {"x-cotmon-thread": "mine"}
    with (
        behind(project(), *lines) as url,
        OpenAI(base_url=f"{url}/v1", api_key="k", default_headers=named) as client,
    ):
        messages = []
        for cut in (0, 0, 2):
            messages.append(user)
            said = client.chat.completions.create(model="m", messages=messages[cut:])
            messages.append({"role": "assistant", "content": said.choices[0].message.content})
    store = open_store(f"sqlite:///{tmp_path}/watch.db")
    with store.reading() as connection:
        (thread,) = store.watches.threads(connection)
        heard = store.watches.messages(connection, thread.run, "mine")
    store.close()
    assert (thread.thread, [m["role"] for m in heard]) == ("mine", ["user", "assistant"] * 3)


def test_a_message_is_known_however_a_client_writes_it():
    def said(content, arguments, **more):
        function = {"name": "f", "arguments": arguments}
        return {
            "role": "assistant",
            "content": content,
            **more,
            "tool_calls": [{"id": "1", "type": "function", "function": function}],
        }

    first = key_of(said(None, '{"a": 1, "b": 2}', reasoning_content="hm"))
    assert first == key_of(said("", '{"b":2,"a":1}', refusal=None))
    assert first == key_of(said([], '{"a": 1, "b": 2}'))
    assert first != key_of(said("", '{"a": 1, "b": 3}'))
    assert key_of({"role": "user", "content": "x"}) == key_of(
        {"role": "user", "content": [{"type": "text", "text": "x"}]}
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("stream", [False, True])
def test_curl(project, stream):
    with behind(project("block = 0.5"), Line("I think.", "Calling.", (DANGER,))) as url:
        data = json.dumps({**ASKED, "stream": stream})
        words = ["curl", "-sN", "-H", "content-type: application/json", "-d", data]
        got = subprocess.run(
            [*words, f"{url}/v1/chat/completions"], capture_output=True, check=True
        )
    assert b"Calling." in got.stdout and REFUSAL.encode() in got.stdout
    assert b"dynamite" not in got.stdout and b"tool_calls" not in got.stdout


@pytest.mark.parametrize("stream", [False, True])
def test_t08_t12_killed_while_a_person_is_asked_it_goes_on_from_the_store(
    project, tmp_path, stream
):
    project()
    port = free_port()
    asked = {**ASKED, "stream": stream}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    with scripted(Line("I think.", "", (DANGER,)), Line("", "Done.")) as server:
        with command(server.url, port) as first:
            cut = []

            def ask():
                try:
                    cut.append(httpx.post(url, json=asked, timeout=60).text)
                except httpx.HTTPError as error:
                    cut.append(type(error))

            client = threading.Thread(target=ask)
            client.start()
            store = open_store(f"sqlite:///{tmp_path}/watch.db")
            token = pending(store)
            os.kill(first.pid, signal.SIGKILL)
            client.join()
            assert isinstance(cut[0], type)  # nothing but a broken connection
        with store.begin() as connection:
            store.watches.answer(
                connection, token, "approved", "ada", None, "2026-01-01T00:00:00+00:00"
            )
        with command(server.url, port):
            got = httpx.post(url, json=asked, timeout=60).text
            assert "dynamite" in got and len(server.requests) == 1  # the model was not asked again
            history = [
                *ASKED["messages"],
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": DANGER[0],
                            "type": "function",
                            "function": {"name": DANGER[1], "arguments": DANGER[2]},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": DANGER[0], "content": "boom"},
            ]
            assert "Done." in httpx.post(url, json={**asked, "messages": history}, timeout=60).text
            wait_for(lambda: len(heard(store)) == 4)
        with store.reading() as connection:
            states = store.watches.pause(connection, token)["state"]
        roles = [message["role"] for message in heard(store)]
        store.close()
    assert states == "spent"
    assert roles == ["user", "assistant", "tool", "assistant"]


def heard(store):
    """The messages of the one conversation."""
    with store.reading() as connection:
        (thread,) = store.watches.threads(connection)
        return store.watches.messages(connection, thread.run, thread.thread)


def pending(store):
    """The token of the first open question, once there is one."""

    def found():
        with store.reading() as connection:
            return store.watches.pending(connection)

    wait_for(found)
    return found()[0]["token"]


def wait_for(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def test_the_card_says_what_it_cannot():
    card = HOST.card
    assert not HOST.fits(object())
    notes = " ".join(card.notes)
    assert "/v1/completions" in notes and "--hold" in notes


def test_t13_cannot_tell_sub_agents_apart_as_the_card_says():
    assert "Sub-agents" in " ".join(HOST.card.notes)


def test_a_missing_extra_is_said_with_its_command(project, monkeypatch):
    monkeypatch.delitem(sys.modules, "cotmon.hosts._proxy_app", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(UsageError, match=r"uvicorn.*pip install 'cotmon\[proxy\]'"):
        proxy("http://127.0.0.1:9/v1", read_settings(project()))


def test_a_stream_that_breaks_off_breaks_off_for_the_client_too(project):
    async def broken():
        yield b'data: {"choices": [{"index": 0, "delta": {"content": "Half"}}]}\n\n'
        yield b"data: " + json.dumps({"choices": [piece(tool_calls=call("{}"))]}).encode() + b"\n\n"
        raise RuntimeError("the server died")

    for mode in ("enforce", "observe"):
        answer = lambda: StreamingResponse(broken(), media_type="text/event-stream")  # noqa: E731
        with (
            before(project(mode=mode), answer) as (_, client),
            pytest.raises(httpx.RemoteProtocolError),
        ):
            client.post("/v1/chat/completions", json={**ASKED, "stream": True})
