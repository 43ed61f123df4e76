"""Reading alone, and a second replay, which should cost little more."""

import io
import json
import struct
import zipfile
import zlib

import pytest
import zstandard

from cotmon.formats import read
from cotmon.records import Transcript
from cotmon.segmentation import steps_of


@pytest.mark.parametrize("packing", ["deflate", "zstd"])
def test_eval_with_its_events(bench, tmp_path, packing):
    write = deflated if packing == "deflate" else zstandard_packed
    members = {"header.json": HEADER}
    for k in range(12):
        members[f"samples/s{k}_epoch_1.json"] = sample(bench, k, pooled=packing == "zstd")
    path = write(tmp_path / "log.eval", members)
    assert sum(isinstance(item, Transcript) for item in read(path)) == 12
    figure(bench, path, f"reading a generated .eval ({packing}), events and all")


def test_shared_eval_logs(bench, shared):
    """Some are smaller than what any file costs, so the target is for all of them together."""
    figure(bench, shared / "logs" / "*.eval", "reading the shared .eval logs")
    for path in sorted((shared / "logs").glob("*.eval")):
        figure(bench, path, f"  {path.name.split('__')[0]} …{path.stem[-12:]}", most=None)


def figure(bench, path, name, most: float | None = 0.2):
    found = list(read(path))
    assert any(isinstance(item, Transcript) for item in found)
    spent = bench.cpu(lambda: list(read(path)))
    size = sum(file.stat().st_size for file in path.parent.glob(path.name)) / 1e6
    bench.line(f"{name}, {size:.3f} MB", spent / size, "CPU s / MB packed", most=most)


@pytest.mark.parametrize("shape", ["chat JSON lines", "cotmon JSON lines", ".eval"])
def test_second_replay_against_reading(bench, replayed, tmp_path, shape):
    if shape == ".eval":
        members = {f"samples/s{k}_epoch_1.json": sample(bench, k, pooled=False) for k in range(60)}
        log = deflated(tmp_path / "log.eval", {"header.json": HEADER, **members})
    else:
        log = replayed.write(bench.acting(400), chat=shape.startswith("chat"))
    monitors = bench.rules()
    assert replayed.run(log, monitors) > 0
    assert replayed.run(log, monitors) == 0, "a second replay scores nothing"
    pairs = [
        (bench.cpu(lambda: replayed.run(log, monitors), 1), bench.cpu(lambda: list(read(log)), 1))
        for _ in range(6)
    ]
    ratio = min(p[0] for p in pairs) / min(p[1] for p in pairs)
    bench.line(f"second replay ÷ reading alone, {shape}", ratio, "times", most=1.2)


def test_json_lines_and_segmentation(bench, replayed):
    made = bench.acting(200)
    for chat in (False, True):
        log = replayed.write(made, chat=chat)
        size = log.stat().st_size / 1e6
        name = "chat" if chat else "cotmon"
        spent = bench.cpu(lambda log=log: list(read(log)))
        bench.line(f"reading {name} JSON lines", size / spent, "MB / CPU s")
    prose = bench.thinking(40)
    size = sum(len(m.text) for t in prose for m in t.messages) / 1e6
    spent = bench.cpu(lambda: [steps_of(t) for t in prose])
    bench.line("cutting prose into steps", size / spent, "MB / CPU s")


HEADER = {
    "version": 2, "status": "success", "plan": {"steps": []},
    "eval": {"eval_id": "E1", "task": "bench", "model": "m/agent"},
}  # fmt: skip


def sample(bench, k, pooled):
    """A sample of 15 turns; each model event holds, or points at, the whole history so far."""
    history, events = [], []
    transcript = bench.acting(1, turns=15, seed=100 + k)[0]
    for m in transcript.messages:
        entry = {"id": f"{k}-{m.id}", "role": "tool", "content": m.text}
        if m.channel == "brief":
            entry["role"] = "user"
        elif m.channel == "observation":
            entry["tool_call_id"] = m.answers
        elif m.channel == "action":
            call = {"id": m.call.id, "function": "bash", "arguments": json.loads(m.text)}
            said = history.pop()
            events.append(model_event(history, {**said, "tool_calls": [call]}, pooled))
            entry = {**said, "tool_calls": [call]}
        else:
            block = {"type": "reasoning", "reasoning": m.text}
            entry |= {"role": "assistant", "content": [block, {"type": "text", "text": "Go on."}]}
        history.append(entry)
    more = {"events_data": {"messages": history, "calls": []}} if pooled else {}
    return {"id": f"s{k}", "epoch": 1, "input": "", "target": "", "messages": history,
            "events": events, "attachments": {}, **more}  # fmt: skip


def model_event(history, message, pooled):
    output = {"model": "x", "choices": [{"message": message, "stop_reason": "tool_calls"}]}
    event = {"event": "model", "model": "m/agent", "output": output, "tools": [{"name": "bash"}]}
    if pooled:
        return {**event, "input": [], "input_refs": [[0, len(history)]]}
    return {**event, "input": list(history), "call": {"request": {"messages": list(history)}}}


def deflated(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, value in members.items():
            out.writestr(name, json.dumps(value))
    return path


def zstandard_packed(path, members):
    """A zip of method 93, written by hand: Python 3.11 cannot."""
    out, central = io.BytesIO(), io.BytesIO()
    for name, value in members.items():
        data, key, offset = json.dumps(value).encode(), name.encode(), out.tell()
        packed = zstandard.ZstdCompressor().compress(data)
        sizes = (zlib.crc32(data), len(packed), len(data), len(key), 0)
        out.write(struct.pack("<4s5H3I2H", b"PK\3\4", 63, 0, 93, 0, 33, *sizes) + key + packed)
        head = (63, 63, 0, 93, 0, 33, *sizes, 0, 0, 0, 0, offset)
        central.write(struct.pack("<4s6H3I5H2I", b"PK\1\2", *head) + key)
    start, size = out.tell(), central.tell()
    end = (0, 0, len(members), len(members), size, start, 0)
    out.write(central.getvalue() + struct.pack("<4s4H2IH", b"PK\5\6", *end))
    path.write_bytes(out.getvalue())
    return path
