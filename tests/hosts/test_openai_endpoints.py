"""What else a client asks of a server: every shape of request, endpoint and error."""

import gzip
import json

import pytest
from openai import InternalServerError
from openai_loop import FLAT, TOOLS, client_of
from pydantic import BaseModel
from scripted import Scripted, serving
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cotmon.hosts import watch

REFUSED = "This call was not carried out."
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
ASK = {"model": "m", "messages": [{"role": "user", "content": "go"}], "tools": TOOLS}


def call(word, kind="function"):
    inner = {"name": "danger", "arguments" if kind == "function" else "input": json.dumps(word)}
    return {"id": f"c_{word}", "type": kind, kind: inner}


def whole(*messages, reason="tool_calls"):
    choices = [
        {"index": k, "message": {"role": "assistant", "content": None, **m}, "finish_reason": reason,
         "logprobs": {"content": [], "refusal": None}}
        for k, m in enumerate(messages)
    ]  # fmt: skip
    head = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
    return {**head, "choices": choices, "usage": USAGE}


class Server:
    """Answers every path with what it is given."""

    def __init__(self):
        self.answers, self.requests = {}, []
        paths = ["/v1/{rest:path}"]
        self.app = Starlette(routes=[Route(p, self.answer, methods=["GET", "POST"]) for p in paths])

    async def answer(self, request):
        path = request.url.path.removeprefix("/v1")
        self.requests.append((request.method, path, await request.body()))
        found = self.answers[path]
        return found if isinstance(found, Response) else JSONResponse(found)


@pytest.fixture
def asked(project):
    """A watched client and a bare one of a server whose answers the test sets."""
    server = Server()
    project("block = 0.5")
    with serving(server.app) as url:
        memory = Scripted([])
        memory.url = f"{url}/v1"
        with client_of(memory) as bare, watch(client_of(memory)) as client:
            yield server, client, bare


def test_of_several_choices_each_is_judged(asked):
    server, client, _ = asked
    calls = [{"tool_calls": [call("dynamite")]}, {"tool_calls": [call("fine")]}, {"content": "No."}]
    server.answers["/chat/completions"] = whole(*calls)
    answer = client.chat.completions.create(**ASK, n=3)
    kept = [[c.id for c in choice.message.tool_calls or ()] for choice in answer.choices]
    assert kept == [[], ["c_fine"], []]
    assert [c.finish_reason for c in answer.choices] == ["stop", "tool_calls", "tool_calls"]
    assert answer.choices[0].message.content == REFUSED
    assert answer.usage.total_tokens == 2
    assert answer.choices[1].logprobs.content == []


@pytest.mark.parametrize(
    "message",
    [
        {"tool_calls": [call("dynamite", "custom")]},
        {"function_call": {"name": "danger", "arguments": '"dynamite"'}},
        {"tool_calls": [call("dynamite"), call("dynamite")]},
    ],
)
def test_every_kind_of_call_is_stopped(asked, message):
    server, client, _ = asked
    server.answers["/chat/completions"] = whole(message)
    choice = client.chat.completions.create(**ASK).choices[0]
    assert choice.message.tool_calls is None
    assert choice.message.function_call is None
    assert (choice.message.content, choice.finish_reason) == (REFUSED, "stop")


def test_a_structured_answer_is_refused_in_its_own_way(asked):
    class Plan(BaseModel):
        steps: list[str]

    server, client, _ = asked
    server.answers["/chat/completions"] = whole({"tool_calls": [call("dynamite")]})
    strict = {"strict": True, "parameters": {"type": "object"}}
    tools = [{"type": "function", "function": {"name": "danger", **strict}}]
    answer = client.chat.completions.parse(**ASK | {"tools": tools}, response_format=Plan)
    assert (answer.choices[0].message.parsed, answer.choices[0].message.refusal) == (None, REFUSED)
    server.answers["/chat/completions"] = whole({"content": '{"steps": ["a"]}'}, reason="stop")
    answer = client.chat.completions.parse(**ASK | {"tools": tools}, response_format=Plan)
    assert answer.choices[0].message.parsed == Plan(steps=["a"])


def test_raw_and_compressed_answers_are_judged_too(asked):
    server, client, _ = asked
    body = gzip.compress(json.dumps(whole({"tool_calls": [call("dynamite")]})).encode())
    head = {"content-encoding": "gzip", "x-request-id": "r1"}
    server.answers["/chat/completions"] = Response(
        body, headers=head, media_type="application/json"
    )
    raw = client.chat.completions.with_raw_response.create(**ASK)
    assert raw.headers["x-request-id"] == "r1"
    assert raw.parse().choices[0].message.content == REFUSED


def test_a_stream_that_is_not_called_one_is_judged(asked):
    server, client, _ = asked
    delta = {"tool_calls": [{"index": 0, **call("dynamite")}]}
    body = {**whole(), "choices": [{"index": 0, "delta": delta, "finish_reason": "tool_calls"}]}
    frames = f"data: {json.dumps(body)}\n\ndata: [DONE]\n\n"
    server.answers["/chat/completions"] = StreamingResponse(
        iter([frames]), media_type="application/json"
    )
    chunks = list(client.chat.completions.create(**ASK, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == REFUSED
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert not any(c.choices[0].delta.tool_calls for c in chunks)


def test_a_background_response_is_judged_when_it_is_fetched(asked):
    server, client, _ = asked
    head = {"id": "resp_1", "object": "response", "created_at": 0, "model": "m", "tools": []}
    head |= {"parallel_tool_calls": True, "tool_choice": "auto"}
    item = {
        "type": "function_call",
        "id": "fc",
        "call_id": "c",
        "name": "danger",
        "arguments": "dynamite",
    }
    server.answers["/responses"] = {**head, "status": "queued", "output": []}
    server.answers["/responses/resp_1"] = {**head, "status": "completed", "output": [item]}
    client.responses.create(model="m", input="go", tools=FLAT, background=True)
    for _ in range(2):
        fetched = client.responses.retrieve("resp_1")
        assert [i.type for i in fetched.output] == ["message"]
        assert fetched.output_text == REFUSED
    watcher = client.cotmon.watcher
    watcher.recorder.flush()
    with watcher.store.reading() as connection:
        assert len(watcher.store.watches.decided(connection)) == 1


def test_other_endpoints_and_errors_pass_untouched(asked):
    server, client, bare = asked
    vector = {"object": "embedding", "index": 0, "embedding": [0.5]}
    server.answers["/embeddings"] = {
        "object": "list",
        "data": [vector],
        "model": "m",
        "usage": USAGE,
    }
    server.answers["/models"] = {
        "object": "list",
        "data": [{"id": "dynamite", "object": "model", "created": 0, "owned_by": "x"}],
    }
    server.answers["/files"] = {
        "id": "f",
        "object": "file",
        "bytes": 1,
        "created_at": 0,
        "filename": "a",
        "purpose": "batch",
        "status": "processed",
    }
    server.answers["/chat/completions"] = JSONResponse(
        {"error": {"message": "busy"}}, status_code=503
    )
    for one in (client, bare):
        made = one.embeddings.create(model="m", input="dynamite", encoding_format="float")
        assert made.data[0].embedding == [0.5]
        assert next(iter(one.models.list())).id == "dynamite"
        assert one.files.create(file=b"dynamite", purpose="batch").id == "f"
        with pytest.raises(InternalServerError, match="busy"):
            one.chat.completions.create(**ASK)
    half = len(server.requests) // 2
    assert [r[:2] for r in server.requests[:half]] == [r[:2] for r in server.requests[half:]]
    assert server.requests[0] == server.requests[half]


def test_threads_are_named_by_header_metadata_or_the_servers_conversation(asked):
    server, client, _ = asked
    server.answers["/chat/completions"] = whole({"content": "Hi."}, reason="stop")
    item = {
        "type": "function_call",
        "id": "fc",
        "call_id": "c",
        "name": "danger",
        "arguments": "dynamite",
    }
    head = {"object": "response", "created_at": 0, "model": "m", "tools": [], "status": "completed"}
    server.answers["/responses"] = {
        **head,
        "id": "r",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "output": [item],
    }
    client.chat.completions.create(**ASK, extra_headers={"x-cotmon-thread": "by header"})
    client.chat.completions.create(**ASK, metadata={"thread_id": "by metadata"})
    for _ in range(2):
        client.responses.create(model="m", input="go", tools=FLAT, conversation="conv_1")
    assert json.loads(server.requests[-1][2])["input"][0] == {
        "type": "function_call_output", "call_id": "c", "output": REFUSED,
    }  # fmt: skip
    watcher = client.cotmon.watcher
    watcher.recorder.flush()
    with watcher.store.reading() as connection:
        found = [t.thread for t in watcher.store.watches.threads(connection)]
    assert len(found) == 3
    assert {"by header", "by metadata"} < set(found)
