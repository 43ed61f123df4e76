"""The wire formats without a server: every cut of the bytes, and answers no real server gives."""

import json
import random

import pytest

from cotmon.hosts import _wire_chat, _wire_responses
from cotmon.hosts._openai_threads import Threads
from cotmon.hosts._wire import Frames, Judge, Look, Shown

REFUSAL = "No."


def chunk(*choices, **more):
    return {"id": "x", "object": "chat.completion.chunk", **more, "choices": list(choices)}


def piece(delta, reason=None, index=0):
    return {"index": index, "delta": delta, "finish_reason": reason}


def called(place, name_id=None, name=None, arguments="", **more):
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"index": place, "function": function, **({"id": name_id} if name_id else {}), **more}


def sse(*objects, end=True, gap="\n\n"):
    frames = [f"data: {json.dumps(o)}{gap}" for o in objects]
    return ("".join(frames) + (f"data: [DONE]{gap}" if end else "")).encode()


def driven(data, *, refuse=(), stop=None, wire=_wire_chat.WIRE, body=None, cuts=None):
    """Bytes that pass, judged generations and shown messages; feeds pieces of random sizes."""
    reader = wire.reader(body or {}, REFUSAL)
    passed, judged, shown = [], [], []

    def take(events):
        for event in events:
            if isinstance(event, bytes):
                passed.append(event)
            elif isinstance(event, Judge):
                judged.append(event)
                calls = event.said.calls
                event.refused = frozenset(k for k, c in enumerate(calls) if c.name in refuse)
            elif isinstance(event, Look):
                event.stop = stop is not None and stop in event.text
            elif isinstance(event, Shown):
                shown.append(event.chat)

    dice = random.Random(cuts)
    while data and not reader.over:
        size = dice.randint(1, 9) if cuts is not None else len(data)
        take(reader.feed(data[:size]))
        data = data[size:]
    take(reader.end())
    return b"".join(passed), judged, shown


def objects(data):
    return [f.data for f in Frames().feed(data) if f.data]


def merged(data):
    """index → (content, calls by index, finish reason), as the SDK puts a stream together."""
    found = {}
    for one in objects(data):
        for c in one["choices"]:
            kept = found.setdefault(c["index"], ["", {}, None])
            kept[0] += c["delta"].get("content") or ""
            for call in c["delta"].get("tool_calls") or ():
                held = kept[1].setdefault(call["index"], ["", ""])
                held[0] += call.get("function", {}).get("name") or ""
                held[1] += call.get("function", {}).get("arguments") or ""
            kept[2] = c.get("finish_reason") or kept[2]
    return found


BOTH = sse(
    chunk(piece({"role": "assistant", "content": "Hé. "})),
    chunk(piece({"tool_calls": [called(0, "a", "bad", '{"x"')]})),
    chunk(piece({"tool_calls": [called(0, arguments=': "ü"}')]})),
    chunk(piece({"tool_calls": [called(1, "b", "good", "{}")]})),
    chunk(piece({}, "tool_calls")),
    chunk(usage={"total_tokens": 3}),
)


@pytest.mark.parametrize("gap", ["\n\n", "\r\n\r\n", "\r\r"])
@pytest.mark.parametrize("cuts", [None, *range(6)])
def test_the_same_comes_out_wherever_the_bytes_are_cut(cuts, gap):
    data = BOTH.replace(b"\n\n", gap.encode())
    assert driven(data, cuts=cuts)[0] == data
    passed, judged, shown = driven(data, refuse=["bad"], cuts=cuts)
    assert merged(passed) == {0: ["Hé. \n\nNo.", {0: ["good", "{}"]}, "tool_calls"]}
    assert objects(passed)[-1]["usage"] == {"total_tokens": 3}
    assert [(c.name, c.arguments) for c in judged[0].said.calls] == [
        ("bad", '{"x": "ü"}'), ("good", "{}"),
    ]  # fmt: skip
    assert shown[0]["content"] == "Hé. \n\nNo."
    assert [c["id"] for c in shown[0]["tool_calls"]] == ["b"]


def test_all_refused_is_an_ordinary_end():
    passed, _, shown = driven(BOTH, refuse=["bad", "good"])
    assert merged(passed) == {0: ["Hé. \n\nNo.", {}, "stop"]}
    assert passed.endswith(b"data: [DONE]\n\n")
    assert "tool_calls" not in shown[0]


@pytest.mark.parametrize(
    "data",
    [
        sse(chunk(piece({"tool_calls": [{"id": "a", "function": {"name": "bad", "arguments": ""}}]})),
            chunk(piece({"tool_calls": [{"function": {"arguments": "{}"}}]}, "tool_calls"))),
        sse(chunk(piece({}, "stop")), chunk(piece({"tool_calls": [called(0, "a", "bad", "{}")]}))),
        sse(chunk(piece({"tool_calls": [called(0, "a", "bad", "{}")]}))),
        sse(chunk(piece({"tool_calls": [called(0, "a", "bad", "{}")]})), end=False),
        sse(chunk(piece({"tool_calls": [called(0, "a", "bad", "{}")]})), end=False)[:-2],
        sse(chunk(piece({"function_call": {"name": "bad", "arguments": "{}"}}, "function_call"))),
        sse(chunk(piece({"tool_calls": [{"index": 0, "type": "custom", "id": "a",
                                         "custom": {"name": "bad", "input": "x"}}]}, "tool_calls"))),
        sse(chunk(piece({"tool_calls": [called(0, "a", "ba")]})),
            chunk(piece({"tool_calls": [called(0, None, "d", "{}")]}, "tool_calls"))),
    ],
    ids=["no index", "after the end", "no end", "no done", "cut", "legacy", "custom", "name in two"],
)  # fmt: skip
def test_no_odd_stream_lets_a_call_through(data):
    passed, judged, _ = driven(data, refuse=["bad"])
    assert b"bad" not in passed
    assert b"function_call" not in passed
    assert merged(passed)[0][0] == REFUSAL
    assert [c.name for c in judged[-1].said.calls] == ["bad"]


def test_choices_are_judged_each_for_itself():
    data = sse(
        chunk(
            piece({"tool_calls": [called(0, "a", "bad", "{}")]}), piece({"content": "x"}, index=1)
        ),
        chunk(piece({"tool_calls": [called(0, "b", "good", "{}")]}, index=1)),
        chunk(piece({}, "tool_calls", 1)),
        chunk(piece({}, "tool_calls")),
    )
    passed, judged, _ = driven(data, refuse=["bad"])
    assert merged(passed) == {0: [REFUSAL, {}, "stop"], 1: ["x", {0: ["good", "{}"]}, "tool_calls"]}
    assert [j.choice for j in judged] == [1, 0]


def test_a_stopped_generation_ends_properly_and_holds_nothing_back():
    data = sse(
        chunk(piece({"content": "Well. "})), chunk(piece({"content": "dynamite "})),
        chunk(piece({"content": "more"})), chunk(piece({"tool_calls": [called(0, "a", "x")]}, "stop")),
    )  # fmt: skip
    passed, judged, shown = driven(data, stop="dynamite")
    assert merged(passed) == {0: ["Well. \n\nNo.", {}, "stop"]}
    assert passed.endswith(b"data: [DONE]\n\n")
    assert (judged[0].stopped, judged[0].said.chat["content"]) == (True, "Well. dynamite ")
    assert shown[0]["content"] == "Well. \n\nNo."


@pytest.mark.parametrize(
    "junk",
    [
        b"", b"\n\n\n\n", b": comment\n\n", b"data\n\n", b"event: ping\nretry: 3\nid\n\n",
        b'data: {"choices": 1}\n\n', b'data: {"choices": [1, null, {"delta": 3}]}\n\n',
        b'data: {"choices": [{"index": "0", "delta": {"tool_calls": [1, {"index": null}]}}]}\n\n',
        b'data: {"type": "response.output_item.added", "output_index": "x", "item": 3}\n\n',
        b'data: {"type": "response.completed", "response": null}\n\n',
        b'data: {"type": ["x"], "item": {"type": {}}, "output_index": 0}\n\n',
    ],
)  # fmt: skip
@pytest.mark.parametrize("wire", [_wire_chat.WIRE, _wire_responses.WIRE])
def test_junk_passes_as_it_is(wire, junk):
    assert driven(junk, wire=wire)[0] == junk


CALL = json.dumps(chunk(piece({"tool_calls": [called(0, "a", "bad", "{}")]}))).encode()
ITEM = b'{"type": "response.output_item.done", "item": {"type": "function_call", "name": "bad"}}'


@pytest.mark.parametrize("cuts", [None, 1])
@pytest.mark.parametrize("call", [CALL, ITEM])
@pytest.mark.parametrize("wire", [_wire_chat.WIRE, _wire_responses.WIRE])
@pytest.mark.parametrize(
    "frame",
    [
        b"data: {call\n\n",
        b"data: [call]\n\n",
        b'data: {"n": ' + b"1" * 5000 + b', "call": call}\n\n',
        b"data: " + b"[" * 10_000 + b"call" + b"]" * 10_000 + b"\n\n",
        b"data: call\ndata: call\n\n",
        b"data: [DONE]\ndata: call\n\n",
        b"data: [DONE] call\n\n",
        b"event: x\ncall\n\n",
        b"\xef\xbb\xbfdata: call\n\n",
        b"\xff\xfe call\n\n",
        b"call",
    ],
)
def test_what_cannot_be_read_does_not_pass(wire, frame, call, cuts, caplog):
    """Another parser may be milder than ours, or go by lines where ours goes by events."""
    before = sse(chunk(piece({"content": "Hé. "})), end=False)
    frame = frame.replace(b"call", call)
    passed, *_ = driven(before + frame + before, wire=wire, cuts=cuts)
    assert b"bad" not in passed
    assert passed.startswith(before)
    assert passed.endswith(before) or not frame.endswith(b"\n\n")
    assert caplog.text.count("it is not judged") == (not frame.startswith(b"event"))


@pytest.mark.parametrize("first", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("second", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("cuts", [None, 1, 2])
def test_an_event_ends_at_any_blank_line(first, second, cuts):
    gap = (first + second).decode()
    if gap == "\r\n":  # that is one end of a line
        return
    passed, judged, _ = driven(BOTH.replace(b"\n\n", gap.encode()), refuse=["bad"], cuts=cuts)
    assert merged(passed) == {0: ["Hé. \n\nNo.", {0: ["good", "{}"]}, "tool_calls"]}
    assert len(judged) == 1


@pytest.mark.parametrize("key", ["delta", "message"])
def test_all_in_one_piece_is_judged_and_in_order(key):
    calls = [called(0, "a", "bad", "{}")]
    whole = {"index": 0, key: {"role": "assistant", "content": "Hé.", "tool_calls": calls}}
    data = sse(chunk({**whole, "finish_reason": "tool_calls"}))
    passed, judged, shown = driven(data, refuse=["bad"])
    assert merged(passed) == {0: ["Hé.\n\nNo.", {}, "stop"]}
    assert shown[0]["content"] == "Hé.\n\nNo."  # or its thread would not be known again
    assert b"bad" not in passed and [c.name for c in judged[0].said.calls] == ["bad"]


@pytest.mark.parametrize("wire", [_wire_chat.WIRE, _wire_responses.WIRE])
def test_junk_bodies_are_read_without_a_crash(wire):
    for junk in (1, "x", None, [1], [{}], [{"type": 3, "role": []}], [{"content": [1]}], {"a": 1}):
        body = {
            "messages": junk,
            "input": junk,
            "tools": junk,
            "text": junk,
            "response_format": junk,
        }
        assert isinstance(wire.history(body), list)
        assert isinstance(wire.tools(body), list)
        assert wire.is_plain(body) in (True, False)
        answer = {"choices": junk, "output": junk, "id": junk}
        said = wire.generations(answer)
        wire.without(answer, [frozenset(range(len(s.calls))) for s in said], REFUSAL, plain=True)


def user(text):
    return {"role": "user", "content": text}


def reply(text):
    return {"role": "assistant", "content": text}


def asked(threads, *history, seed=""):
    ids = threads.chain(history, seed)
    return threads.thread(history, ids, seed), ids[-1]


def answered(threads, before, thread, said, shown=None):
    name = threads.chain([said], before)[0]
    threads.answered(before, thread, name, Shown(0, shown or said))


def test_a_conversation_that_grows_is_one_thread_also_where_its_answer_was_changed():
    threads = Threads()
    thread, last = asked(threads, user("go"))
    answered(threads, last, thread, reply("bad"), reply(REFUSAL))
    assert asked(threads, user("go"), reply(REFUSAL), user("on"))[0] == thread
    plain = [{"type": "text", "text": "go"}]
    assert threads.chain([user("go")], "") == threads.chain([user(plain)], "")


def test_the_same_beginning_is_the_same_thread_only_until_it_is_answered():
    threads = Threads()
    thread, last = asked(threads, user("go"))
    assert asked(threads, user("go"))[0] == thread  # tried again
    answered(threads, last, thread, reply("a"))
    other, last = asked(threads, user("go"))
    assert other != thread
    answered(threads, last, other, reply("b"))
    assert asked(threads, user("go"), reply("b"), user("x"))[0] == other
    assert asked(threads, user("go"), reply("a"), user("x"))[0] == thread
    assert asked(threads, user("go"), reply("a"), user("y"))[0] not in (thread, other)  # a branch
    assert asked(threads, user("go"), seed="ada")[0] not in (thread, other)
    assert asked(Threads(), user("go"), reply("a"), user("x"))[0] == thread  # another process
