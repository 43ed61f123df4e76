"""Size: a line of 200 MB takes bounded memory, and twice the log takes twice the time."""

import subprocess
import sys
import time

import pytest
from hostile_corpus import said
from hostile_samples import ANTHROPIC, CHAT, CLAUDE_CODE, CODEX, INSPECT, SWE_AGENT, as_bytes

import cotmon
from cotmon.records import Refusal

MEGABYTE = 1 << 20
MOST = 1500
"""Megabytes of memory."""
READ = """
import resource, sys
import cotmon
from cotmon.records import Refusal
for item in cotmon.read(sys.argv[1]):
    refused = isinstance(item, Refusal)
    print(item.reason if refused else sum(len(m.text) for m in item.messages))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


@pytest.mark.parametrize(
    ("before", "unit", "after", "result"),
    [
        (b'{"id":"x","messages":[{"role":"user","content":"', b"a b c. ", b'"}]}', "2097"),
        (b'{"a":NaN,"messages":[{"role":"user","content":"', "é😀 ".encode(), b'"}]}', "898"),
        (b'{"id":"x","messages":[', b'{"role":"user"},', b"{}]}", "holds more than"),
        (b"", b"{", b"", "holds more than"),
        (b"", b"word ", b"", "plain text"),
    ],
    ids=["text", "wide_text", "messages", "braces", "words"],
)
def test_a_line_of_200_megabytes(tmp_path, before, unit, after, result):
    path = tmp_path / "line.json"
    block = unit * (MEGABYTE // len(unit))
    with path.open("wb") as file:
        file.write(before)
        for _ in range(200 * MEGABYTE // len(block)):
            file.write(block)
        file.write(after)
    command = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    path.unlink()
    found, memory = done.stdout.splitlines()
    assert result in found
    assert int(memory) < MOST


def message(k, **more):
    return said(f"Number {k}.", **more)


def spans(count):
    for k in range(count):
        yield {"event": "span_begin", "id": k, "parent_id": k - 1, "name": "x", "type": "agent"}
    for k in range(count):
        told = {"message": message(k, id=f"a{k}")}
        yield {"event": "model", "span_id": f"{k}", "model": "m", "output": {"choices": [told]}}


def inspect_of(**more):
    return {**INSPECT, "samples": [{**INSPECT["samples"][0], **more}]}


def response_of(k):
    said = {"type": "output_text", "text": f"Number {k}."}
    output = [{"type": "message", "role": "assistant", "content": [said]}]
    return {"startTime": f"{k}", "output": {"id": k, "object": "response", "output": output}}


def session_of(k, name):
    return {**CLAUDE_CODE[1], "uuid": f"u{k}", "sessionId": name}


TAKEN_BACK = {"type": "event_msg", "payload": {"type": "thread_rolled_back", "num_turns": 1}}
GROWING = {
    "chat_one_id": lambda n: [{"messages": [message(k, id="m") for k in range(n)]}],
    "chat_records": lambda n: [{**CHAT[0], "id": f"{k}"} for k in range(n // 4)],
    "blocks": lambda n: [{"messages": [said(ANTHROPIC[0]["messages"][1]["content"] * n)]}],
    "spans_of_responses": lambda n: {"uuid": "u", "llmSpans": [response_of(k) for k in range(n)]},
    "inspect_messages": lambda n: inspect_of(messages=[message(k, id=f"{k}") for k in range(n)]),
    "inspect_spans": lambda n: inspect_of(messages=[], events=list(spans(n))),
    "claude_code_sessions": lambda n: [session_of(k, f"s{k}") for k in range(n)],
    "claude_code_branches": lambda n: [{**session_of(k, "s"), "parentUuid": 0} for k in range(n)],
    "codex_taken_back": lambda n: [CODEX[0], *[CODEX[1]] * n, *[TAKEN_BACK] * n],
    "swe_agent_unlike": lambda n: {
        **SWE_AGENT, "history": SWE_AGENT["history"] * n,
        "trajectory": [{**SWE_AGENT["trajectory"][0], "action": f"{k}"} for k in range(n)],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", GROWING)
def test_time_grows_with_the_log(tmp_path, name):
    path = tmp_path / "x.json"

    def seconds(count):
        path.write_bytes(as_bytes(GROWING[name](count)))
        start = time.process_time()
        items = list(cotmon.read(path))
        assert items
        assert not any(isinstance(item, Refusal) for item in items)
        return time.process_time() - start

    seconds(10)
    # the best of three on both sides: the bound is for the reader, not for the machine's load
    long, short = (min(seconds(count) for _ in range(3)) for count in (4000, 1000))
    assert long < 10 * max(short, 0.03)


def test_a_flood_of_messages_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("cotmon.formats._builder.MAX_MESSAGES", 9)
    path = tmp_path / "x.json"
    path.write_bytes(as_bytes([{"messages": [said("<think>a</think>b" * 5)]}]))
    (refused,) = cotmon.read(path)
    assert isinstance(refused, Refusal)
    assert "more than 9 messages" in refused.reason
