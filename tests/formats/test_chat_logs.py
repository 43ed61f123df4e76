"""Genuine chats and converted sets, held against an independent count."""

import json
import runpy
from typing import Any

import pytest

from cotmon.formats import read
from cotmon.records import Refusal


def walk(value):
    """All objects in a value."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def values_of(path):
    text = path.read_text(encoding="utf-8")
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.split("\n") if line.strip()]


def test_genuine_chats_hold_what_an_independent_count_finds(shared):
    paths = [p for x in ("openai-chat", "litellm-log", "anthropic-thinking") for p in
             sorted((shared / "logs").glob(f"{x}__*"))]  # fmt: skip
    assert paths
    for path in paths:
        found = [t for t in read(path) if not isinstance(t, Refusal)]
        calls = {
            m.call.id or (t.source.position, m.id) for t in found for m in t.messages if m.call
        }
        thought = {m.text.strip() for t in found for m in t.messages if m.channel == "reasoning"}
        raw_calls, raw_thought = set(), set()
        for value in values_of(path):
            if isinstance(value, dict):
                value.pop("raw_response", None)  # LiteLLM: the same answer before conversion
            for item in walk(value):
                for k, call in enumerate(item.get("tool_calls") or []):
                    raw_calls.add(call.get("id") or f"{id(item)}:{k}")
                for key in ("reasoning_content", "reasoning", "thinking"):
                    if isinstance(item.get(key), str) and item[key].strip():
                        raw_thought.add(item[key].strip())
        assert len(calls) == len(raw_calls), path.name
        assert sum(map(len, thought)) == sum(map(len, raw_thought)), path.name
        assert all(t.source.format == "openai_chat" and t.messages for t in found)


@pytest.mark.parametrize("name", ["misalignment-turns", "stepshield", "tau-airline", "hint-ack"])
def test_converted_sets_keep_ids_thoughts_and_calls(shared, tmp_path, name):
    folder = shared / "data" / name
    if not folder.is_dir():
        pytest.skip(f"no set {name}")
    runpy.run_path(str(shared / "tools" / "to_chat.py"))["convert"](folder, tmp_path)
    raw = values_of(tmp_path / f"{name}.jsonl")
    found: list[Any] = list(read(tmp_path / f"{name}.jsonl"))
    assert [t.id for t in found] == [r["id"] for r in raw]
    for record, transcript in zip(raw, found, strict=True):
        by_turn = {}
        for message in transcript.messages:
            by_turn.setdefault(message.turn, []).append(message)
        assert set(by_turn) <= {m["id"] for m in record["messages"]}
        for source in record["messages"]:
            mine = by_turn.get(source["id"], [])
            wanted = [source["reasoning_content"]] if source.get("reasoning_content") else []
            assert [m.text for m in mine if m.provenance == "raw"] == wanted
            calls = [(c["id"], c["function"]["arguments"]) for c in source.get("tool_calls", [])]
            assert [(m.call.id, m.text) for m in mine if m.call and m.call.id] == calls
