"""JSON whose fields the user names."""

import json
from typing import Any

from cotmon.formats import Options, read
from cotmon.records import Refusal

RECORD = {
    "name": "run 1",
    "label": 1,
    "data": {
        "turns": [
            {"who": "user", "body": {"text": "Do it."}},
            {"who": "assistant", "body": {"text": "Done."}, "thought": "Because.", "n": "k7",
             "tool": "f", "args": {"a": 1}},
            {"who": "tool", "body": {"text": "ok"}, "tool": "f"},
        ],
        "weather": "fine",
    },
}  # fmt: skip
MAP = {
    "messages": "data.turns", "role": "who", "content": "body.text", "reasoning": "thought",
    "tool": "tool", "arguments": "args", "id": "n", "transcript": "name",
}  # fmt: skip


def read_all(tmp_path, text, fields, name="log.json") -> list[Any]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return list(read(path, Options(map=fields)))


def test_dotted_paths_and_all_channels(tmp_path):
    (found,) = read_all(tmp_path, json.dumps([RECORD]), MAP)
    assert (found.id, found.source.format) == ("run 1", "generic")
    assert [(m.id, m.module, m.channel, m.text) for m in found.messages] == [
        ("1.b1", "user", "brief", "Do it."),
        ("k7.r1", "agent", "reasoning", "Because."),
        ("k7.t1", "agent", "text", "Done."),
        ("k7.a1", "agent", "action", '{"a":1}'),
        ("3.o1", "tool f", "observation", "ok"),
    ]
    assert found.labels == {"label": 1}
    assert found.metadata["data"] == {"weather": "fine"}


def test_rows_that_name_their_transcript(tmp_path):
    lines = [{"run": r, "text": t} for r, t in (("a", "1"), ("a", "2"), ("b", "3"))]
    fields = {"content": "text", "transcript": "run"}
    found = read_all(tmp_path, "\n".join(map(json.dumps, lines)), fields, "log.jsonl")
    assert [(t.id, [m.text for m in t.messages]) for t in found] == [
        ("a", ["1", "2"]),
        ("b", ["3"]),
    ]


def test_rows_without_a_name_are_one_transcript(tmp_path):
    lines = "\n".join(json.dumps({"cot": t}) for t in "xy")
    (found,) = read_all(tmp_path, lines, {"reasoning": "cot"}, "log.jsonl")
    assert [(m.channel, m.text) for m in found.messages] == [("reasoning", "x"), ("reasoning", "y")]


def test_it_wins_over_every_other_reader(tmp_path):
    chat = {"messages": [{"role": "user", "content": "a", "tool_calls": []}]}
    fields = {"messages": "messages", "role": "role", "content": "content"}
    (found,) = read_all(tmp_path, json.dumps(chat), fields)
    assert found.source.format == "generic"


def test_errors_show_the_keys_and_an_example(tmp_path):
    *_, missed = read_all(tmp_path, json.dumps(RECORD), {"role": "speaker", "content": "said"})
    assert isinstance(missed, Refusal)
    for word in ("name", "data", "--map role=speaker,content=said", "Example: --map messages="):
        assert word in missed.reason
    (unknown,) = read_all(tmp_path, json.dumps(RECORD), {"rolle": "who"})
    assert "rolle" in unknown.reason
    assert "reasoning" in unknown.reason


def test_without_a_map_nothing_is_claimed(tmp_path):
    (refused,) = read_all(tmp_path, json.dumps({"odd": 1}), None)
    assert isinstance(refused, Refusal)
    assert refused.format is None
