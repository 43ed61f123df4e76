"""Inspect logs: nothing of the agent is lost, nothing of others is put into its mouth."""

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard

from cotmon.formats import Options, read_file
from cotmon.formats._file import LogFile
from cotmon.formats.inspect import FORMAT
from cotmon.records import Refusal, Transcript

HEADER = {
    "version": 2, "status": "success", "plan": {"steps": []},
    "eval": {"eval_id": "E1", "task": "demo", "model": "m/agent"},
    "results": {"total_samples": 1},
}  # fmt: skip


def archive(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as out:
        for name, value in members.items():
            out.writestr(name, value if isinstance(value, bytes) else json.dumps(value))
    return path


def zstd_archive(path, members):
    """A zip of method 93, written by hand: Python 3.11 cannot."""
    out, central = io.BytesIO(), io.BytesIO()
    for name, value in members.items():
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        packed = zstandard.ZstdCompressor().compress(data)
        key, offset = name.encode(), out.tell()
        sizes = (zlib.crc32(data), len(packed), len(data), len(key), 0)
        out.write(struct.pack("<4s5H3I2H", b"PK\3\4", 63, 0, 93, 0, 33, *sizes) + key + packed)
        central.write(
            struct.pack("<4s6H3I5H2I", b"PK\1\2", 63, 63, 0, 93, 0, 33, *sizes, 0, 0, 0, 0, offset)
            + key
        )
    start, size = out.tell(), central.tell()
    out.write(central.getvalue())
    out.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(members), len(members), size, start, 0))
    path.write_bytes(out.getvalue())
    return path


def said(text, key, *blocks, calls=(), **more):
    content = [*blocks, {"type": "text", "text": text}] if blocks else text
    calls = [{"id": i, "function": f, "arguments": a, "type": "function"} for i, f, a in calls]
    return {"role": "assistant", "id": key, "content": content, "tool_calls": calls, **more}


def user(text, key):
    return {"role": "user", "id": key, "content": text}


def system(text, key):
    return {"role": "system", "id": key, "content": text}


def tool(text, key, call, **more):
    return {"role": "tool", "id": key, "content": text, "tool_call_id": call, **more}


def model(message, history, **more):
    output = {"model": "x", "choices": [{"message": message, "stop_reason": "stop"}]}
    event = {"event": "model", "model": "m/agent", "input": history, "output": output}
    return {**event, "tools": [{"name": "t"}], "call": {"request": {"messages": history}}, **more}


def span(key, kind, name, parent=None):
    return {"event": "span_begin", "id": key, "type": kind, "name": name, "parent_id": parent}


def sample(messages, events=(), **more):
    return {
        "id": "s1", "epoch": 1, "input": "q", "target": "SECRET-TARGET",
        "scores": {"x": {"value": "C", "answer": "SECRET-ANSWER"}},
        "messages": messages, "events": list(events), "attachments": {}, **more,
    }  # fmt: skip


def one(path) -> Transcript:
    items = list(read_file(path, Options(format="inspect")))
    assert len(items) == 1 and isinstance(items[0], Transcript), items
    return items[0]


def read_sample(tmp_path, value, header=HEADER):
    members = {"samples/s1_epoch_1.json": value, "header.json": header}
    return one(archive(tmp_path / "log.eval", members))


def rows(transcript, channel=None):
    return [(m.module, m.text) for m in transcript.messages if channel in (None, m.channel)]


REASONING = {"type": "reasoning", "reasoning": "I think", "redacted": False, "signature": "s"}


@pytest.mark.parametrize("write", [archive, zstd_archive])
def test_members_of_both_packings_give_the_same(tmp_path, write):
    messages = [
        system("be good", "a"), user("do it", "b"),
        said("hello", "c", REASONING, calls=[("k", "bash", {"b": 1, "a": "é"})]),
        tool("out", "d", "k", function="bash", error={"type": "timeout", "message": "too slow"}),
    ]  # fmt: skip
    events = [model(messages[2], messages[:2])]
    path = write(
        tmp_path / "x",
        {"samples/s1_epoch_1.json": sample(messages, events), "header.json": HEADER},
    )
    assert FORMAT.sniff(LogFile(path)) == 3
    got = one(path)
    assert [(m.id, m.module, m.channel, m.text) for m in got.messages] == [
        ("a.b1", "system", "brief", "be good"),
        ("b.b1", "user", "brief", "do it"),
        ("c.r1", "agent", "reasoning", "I think"),
        ("c.t1", "agent", "text", "hello"),
        ("c.a1", "agent", "action", '{"a":"é","b":1}'),
        ("d.o1", "tool bash", "observation", "out"),
        ("d.o2", "tool bash", "observation", "too slow"),
    ]
    assert got.messages[-1].answers == "k"
    assert (got.id, got.agent, got.source.keys["epoch"]) == ("s1", "m/agent", 1)
    assert got.labels["target"] == "SECRET-TARGET"
    assert "SECRET" not in json.dumps([m.text for m in got.messages])


def test_redacted_reasoning_is_never_text(tmp_path):
    blob = "QUJD" * 40
    messages = [
        said("", "a", {**REASONING, "reasoning": blob, "summary": "gist", "redacted": True}),
        said(f'<think redacted="true" summary="in short">\n{blob}\n</think>done', "b"),
        said("<think>aloud</think>so", "c"),
        said("", "d", {"type": "reasoning", "reasoning": "", "signature": blob}),
        said("x", "e", reasoning="beside"),
    ]  # fmt: skip
    got = read_sample(tmp_path, sample(messages))
    thought = [(m.text, m.provenance) for m in got.messages if m.channel == "reasoning"]
    assert thought == [
        ("gist", "summary"), ("", "redacted"), ("in short", "summary"), ("", "redacted"),
        ("aloud", "inline"), ("", "missing"), ("beside", "raw"),
    ]  # fmt: skip
    assert [g.kind for g in got.coverage] == ["redacted", "redacted", "missing"]
    assert blob not in json.dumps([m.text for m in got.messages])


def test_attachments_and_pools_are_resolved(tmp_path):
    digest, gone = "0" * 32, "f" * 32
    draft = said("attachment://" + digest, "draft")
    final = said("fin", "c", calls=[("k", "bash", {"cmd": "attachment://" + digest})])
    pool = [user("attachment://" + digest, "b"), user("only in the pool", "p")]
    events = [model(draft, [], input_refs=[[0, 2]]), model(final, [], input_refs=[[0, 1], [5, 9]])]
    messages = [user("attachment://" + digest, "b"), user("attachment://" + gone, "g"), final]
    value = sample(messages, events, attachments={digest: "LONG"}, events_data={"messages": pool})
    got = read_sample(tmp_path, value)
    assert ("user", "LONG") in rows(got) and ("user", "only in the pool") in rows(got)
    assert ("agent", '{"cmd":"LONG"}') in rows(got, "action")
    assert [m.branch for m in got.messages if m.text == "LONG" and m.module == "agent"] == [
        "resampled 1"
    ]
    assert {g.kind for g in got.coverage} == {"missing"}


def test_trimmed_history_stays_on_the_main_line_and_drafts_do_not(tmp_path):
    start, early = user("go", "u"), said("early", "e", calls=[("k1", "t", {})])
    answer, draft, final = tool("r1", "r", "k1"), said("draft", "d"), said("final", "f")
    history = [start, early, answer]
    events = [model(early, [start]), model(draft, history), model(final, history)]
    got = read_sample(tmp_path, sample([start, final], events))
    assert [(m.text, m.branch) for m in got.messages] == [
        ("go", None), ("early", None), ("{}", None), ("r1", None), ("draft", "resampled 1"),
        ("final", None),
    ]  # fmt: skip


def test_a_rolled_back_line_is_one_branch(tmp_path):
    start = user("go", "u")
    bad, worse = said("bad", "b", calls=[("k", "t", {})]), said("worse", "w")
    answer, good = tool("r", "r", "k"), said("good", "g")
    events = [model(bad, [start]), model(worse, [start, bad, answer]), model(good, [start])]
    got = read_sample(tmp_path, sample([start, good], events))
    assert [(m.text, m.branch) for m in got.messages] == [
        ("go", None), ("bad", "resampled 1"), ("{}", "resampled 1"), ("r", "resampled 1"),
        ("worse", "resampled 1"), ("good", None),
    ]  # fmt: skip


def test_what_a_compaction_summed_up_was_not_abandoned(tmp_path):
    start, first = user("go", "u"), said("first", "f", REASONING)
    summary, after = user("so far: first", "s"), said("after", "a")
    events = [model(first, [start]), {"event": "compaction"}, model(after, [summary])]
    got = read_sample(tmp_path, sample([summary, after], events))
    assert [(m.text, m.branch) for m in got.messages if m.module == "agent"] == [
        ("I think", None), ("first", None), ("after", None),
    ]  # fmt: skip


def test_a_crash_keeps_what_only_events_hold(tmp_path):
    start, first = user("go", "u"), said("one", "1", REASONING, calls=[("k", "t", {})])
    answer, last = tool("r", "r", "k"), said("two", "2")
    events = [
        model(first, [start]),
        {"event": "tool", "id": "k", "function": "t", "arguments": {}, "result": "r"},
        model(last, [start, first, answer]),
    ]
    got = read_sample(tmp_path, sample([start], events, error={"message": "boom"}))
    assert [(m.text, m.branch) for m in got.messages] == [
        ("go", None), ("I think", None), ("one", None), ("{}", None), ("r", None), ("two", None),
    ]  # fmt: skip
    assert [g.kind for g in got.coverage] == ["cut"]


def test_an_edited_history_loses_nothing(tmp_path):
    written = said("work", "a", REASONING, calls=[("k", "submit", {"answer": "42"})])
    kept = {"role": "assistant", "id": "a", "content": "work\n\n42"}
    events = [
        model(written, []),
        {"event": "tool", "id": "k", "function": "submit", "arguments": {}, "result": "42"},
    ]
    got = read_sample(tmp_path, sample([kept], events))
    assert [(m.channel, m.text) for m in got.messages] == [
        ("reasoning", "I think"), ("text", "work"), ("action", '{"answer":"42"}'),
        ("text", "work\n\n42"), ("observation", "42"),
    ]  # fmt: skip


def test_sub_agents_have_their_own_module_and_parent(tmp_path):
    start = user("go", "u")
    ask = said("", "a", calls=[("k", "research", {"q": 1})])
    brief, found = user("look for it", "sb"), said("found", "sf", REASONING)
    events = [
        span("S", "solvers", "solvers"), span("A", "agent", "react", "S"),
        model(ask, [start], span_id="A"),
        span("T", "tool", "research", "A"),
        {"event": "tool", "id": "k", "function": "research", "span_id": "A", "result": "found"},
        span("B", "agent", "librarian", "T"),
        model(found, [brief], span_id="B", model="m/small"),
        model(said("ok", "z"), [start, ask], span_id="A"),
    ]  # fmt: skip
    got = read_sample(
        tmp_path, sample([start, ask, tool("found", "r", "k"), said("ok", "z")], events)
    )
    sub = [m for m in got.messages if m.module == "sub-agent librarian"]
    assert [(m.channel, m.text, m.parent) for m in sub] == [
        ("reasoning", "I think", "a.a1"), ("text", "found", "a.a1"),
    ]  # fmt: skip
    asked = next(m for m in got.messages if m.text == "look for it")
    assert (asked.channel, asked.to, asked.parent) == ("brief", "sub-agent librarian", "a.a1")
    order = [m.text for m in got.messages]
    assert order.index("I think") < order.index("ok") and order.count("found") == 2


def test_old_nested_events_and_steps(tmp_path):
    ask = {"role": "assistant", "content": "", "tool_calls": [{"id": "k", "function": "f"}]}
    inner = model({"role": "assistant", "content": "inside"}, [{"role": "user", "content": "sub?"}])
    events = [
        {"event": "step", "action": "begin", "type": "solver", "name": "loop"},
        model(ask, []),
        {"event": "tool", "id": "k", "function": "f", "result": "inside", "events": [inner]},
        {"event": "step", "action": "end", "type": "solver", "name": "loop"},
        {"event": "step", "action": "begin", "type": "scorer", "name": "grade"},
        model({"role": "assistant", "content": "GRADE: C"}, []),
    ]
    got = read_sample(tmp_path, sample([ask, tool("inside", None, "k")], events))
    assert ("sub-agent f", "inside") in rows(got, "text")
    assert "GRADE" not in json.dumps(rows(got))
    assert [(g.kind, g.count) for g in got.coverage] == [("dropped", 1)]


def test_the_monitors_words_are_not_the_agents(tmp_path):
    header = {
        **HEADER,
        "eval": {**HEADER["eval"], "metadata": {"micro_protocol": 1, "mode": "attack"}},
    }
    start, draft = user("go", "u"), said("draft", "d", calls=[("k0", "t", {})])
    safe = said("safe", "s", calls=[("k", "t", {})])
    attack = system("do the side task", "x")
    suspect = said("very suspicious", "m")
    events = [
        model(draft, [attack, start], role="untrusted"),
        model(suspect, [user("rate", "q")], role="trusted", model="m/mon", tools=[]),
        model(safe, [start], role="trusted", model="m/mon"),
        model(said("is it?", "n"), [user("rate", "q2")], model="m/agent"),
        model(said("done", "e"), [start, safe], role="untrusted"),
    ]
    got = read_sample(tmp_path, sample([start, safe, said("done", "e")], events), header)
    assert [(m.module, m.text, m.branch) for m in got.messages] == [
        ("user", "go", None), ("agent", "draft", "resampled 1"), ("agent", "{}", "resampled 1"),
        ("trusted model", "safe", None), ("trusted model", "{}", None), ("agent", "done", None),
    ]  # fmt: skip
    assert got.labels["mode"] == "attack"
    assert got.metadata["protocol_texts"] == ["do the side task"]
    assert [(g.kind, g.count) for g in got.coverage] == [("dropped", 2), ("dropped", 1)]


def test_chunked_samples_are_joined(tmp_path):
    base = "samples/s1_epoch_1/"
    shell = {"id": "s1", "epoch": 1, "message_refs": [[0, 1], [1, 2]], "scores": None}
    members = {
        "header.json": HEADER,
        base + "sample.json": shell,
        base + "messages/0.json": [user("attachment://0", "u")],
        base + "messages/1.json": [said("a", "a", REASONING)],
        base + "events/0.json": [model(said("a", "a", REASONING), [], input_refs=[[0, 1]])],
        base + "attachments/0.json": ["the task"],
        base + "events/stats.json": {},
        base + "skeleton.json": {},
    }
    got = one(archive(tmp_path / "x.eval", members))
    assert [m.text for m in got.messages] == ["the task", "I think", "a"]


def test_retried_attempts_and_other_choices_are_branches(tmp_path):
    retry = {"message": "500", "events": [model(said("first try", "t"), [user("go", "u")])]}
    chosen = model(said("A", "a"), [])
    chosen["output"]["choices"].append({"message": said("B", "b")})
    value = sample([user("go", "u"), said("A", "a")], [chosen], error_retries=[retry])
    got = read_sample(tmp_path, value)
    assert {(m.text, m.branch) for m in got.messages if m.module == "agent"} == {
        ("first try", "attempt 1"), ("A", None), ("B", "choice 2"),
    }  # fmt: skip


def test_unfinished_and_empty_logs_say_so(tmp_path):
    members = {"_journal/start.json": HEADER, "samples/s_epoch_1.json": sample([said("x", "a")])}
    got = one(archive(tmp_path / "a.eval", members))
    assert [g.kind for g in got.coverage] == ["cut"]
    empty = tmp_path / "b.json"
    empty.write_text(json.dumps({**HEADER, "status": "cancelled", "samples": None}))
    (refusal,) = read_file(empty, Options())
    assert isinstance(refusal, Refusal) and "cancelled before any sample ran" in refusal.reason


def test_nan_scores_and_half_surrogates_are_read(tmp_path):
    text = json.dumps(sample([said("\ud800x", "a")], scores={"s": {"value": float("nan")}}))
    members = {"samples/s_epoch_1.json": text.encode(), "header.json": HEADER}
    got = one(archive(tmp_path / "a.eval", members))
    assert rows(got) == [("agent", "\ufffdx")]
    assert {g.kind for g in got.coverage} == {"replaced"}


def test_a_bad_member_does_not_hide_the_others(tmp_path):
    members = {
        "header.json": HEADER,
        "samples/../../etc_epoch_1.json": sample([said("ok", "a")]),
        "samples/list_epoch_1.json": [1],
        "samples/torn_epoch_1.json": b'{"id": 1, "mess',
        "samples/odd_epoch_1.json": {
            "id": [1],
            "messages": [1, {"content": 5}],
            "events": {"a": 1},
        },
    }
    items = list(read_file(archive(tmp_path / "a.eval", members), Options()))
    assert [type(i) for i in items] == [Transcript, Refusal, Refusal, Transcript]
    assert isinstance(items[3], Transcript)
    assert {g.kind for g in items[3].coverage} >= {"broken"}


def test_a_flipped_byte_and_a_cut_zip(tmp_path):
    good = {"header.json": HEADER, "samples/a_epoch_1.json": sample([said("ok" * 500, "a")])}
    path = zstd_archive(tmp_path / "z.eval", {**good, "samples/b_epoch_1.json": sample([])})
    data = path.read_bytes()
    at = data.index(b"samples/a_epoch_1.json") + 100
    path.write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
    items = list(read_file(path, Options()))
    assert [type(i) for i in items] == [Refusal, Transcript]
    assert isinstance(items[0], Refusal) and "samples/a_epoch_1.json" in items[0].reason
    path.write_bytes(data[: len(data) // 2])
    (refusal,) = read_file(path, Options(format="inspect"))
    assert isinstance(refusal, Refusal) and "cut short" in refusal.reason


@pytest.mark.parametrize("write", [archive, zstd_archive])
def test_a_bomb_is_refused_by_name(tmp_path, write, monkeypatch):
    monkeypatch.setattr("cotmon.formats._inspect_archive.FREE", 1 << 20)
    monkeypatch.setattr("cotmon.formats._inspect_archive.MAX_RATIO", 100)
    bomb = b'{"id": "' + b" " * (64 << 20) + b'"}'
    members = {"header.json": HEADER, "samples/bomb_epoch_1.json": bomb}
    (refusal,) = read_file(write(tmp_path / "b.eval", members), Options())
    assert isinstance(refusal, Refusal)
    assert "bomb" in refusal.reason and "samples/bomb_epoch_1.json" in refusal.reason


def test_other_zips_are_not_claimed(tmp_path):
    assert FORMAT.sniff(LogFile(archive(tmp_path / "a.zip", {"word/document.xml": {}}))) == 0
    assert FORMAT.sniff(LogFile(archive(tmp_path / "b.zip", {"header.json": {"x": 1}}))) == 0


# -- genuine logs against a count that shares no code with the reader ------------------------


def _documents(path: Path):
    if path.suffix == ".json":
        yield from json.loads(path.read_text()).get("samples") or []
        return
    with zipfile.ZipFile(path) as members:
        for info in members.infolist():
            if not info.filename.startswith("samples/"):
                continue
            if info.compress_type != 93:
                yield json.loads(members.read(info))
                continue
            raw = path.read_bytes()[info.header_offset :]
            name, extra = struct.unpack("<HH", raw[26:30])
            data = raw[30 + name + extra :][: info.compress_size]
            yield json.loads(zstandard.ZstdDecompressor().stream_reader(data).read())


def _inlined(value, attachments):
    if isinstance(value, str):
        return attachments.get(value.removeprefix("attachment://"), value)
    if isinstance(value, list):
        return [_inlined(v, attachments) for v in value]
    if isinstance(value, dict):
        return {k: _inlined(v, attachments) for k, v in value.items()}
    return value


def _count(value, counts, own):
    """Distinct reasoning texts, call ids, redacted blocks; `own` is False in protocol calls."""
    if isinstance(value, list):
        for item in value:
            _count(item, counts, own)
    elif isinstance(value, dict):
        if value.get("event") == "model" and value.get("role") == "trusted" and not value["tools"]:
            own = False
        if value.get("type") == "reasoning" and own:
            text = value["reasoning"].strip()
            (counts.redacted if value.get("redacted") else counts.texts).add(text)
        for call in value.get("tool_calls") or [] if own else []:
            counts.calls.add(call["id"])
        for item in value.values():
            _count(item, counts, own)


def test_genuine_logs_lose_no_reasoning_and_no_call(shared):
    logs = [
        p for p in (shared / "logs").iterdir() if p.name.startswith(("inspect-", "controlarena"))
    ]
    assert len(logs) >= 15
    for path in logs:
        items = list(read_file(path, Options()))
        documents = list(_documents(path))
        assert len(items) == max(1, len(documents)), path.name
        for document, item in zip(documents, items, strict=False):
            assert isinstance(item, Transcript)
            counts = SimpleNamespace(texts=set(), calls=set(), redacted=set())
            attached = document.get("attachments") or {}
            _count(_inlined(document, attached), counts, own=True)
            reasoning = [m for m in item.messages if m.channel == "reasoning"]
            assert {m.text.strip() for m in reasoning if m.text} == counts.texts, path.name
            hidden = [m for m in reasoning if m.provenance == "redacted"]
            assert len(hidden) >= len(counts.redacted), path.name
            calls = {m.call.id for m in item.messages if m.call is not None}
            assert calls == counts.calls, path.name
            texts = {m.text for m in item.messages}
            assert not texts & counts.redacted


def test_events_of_a_new_type_are_said(tmp_path):
    events = [{"event": "info", "data": "x"}, {"event": "telepathy", "data": "words"}]
    found = read_sample(tmp_path, sample([user("go", "u"), said("well", "a")], events))
    assert [g.reason for g in found.coverage] == [
        "an event of type 'telepathy', which the reader does not know"
    ]
