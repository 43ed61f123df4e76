"""OpenAI's Responses interface and Agents SDK run states."""

import json
from typing import Any

import pytest

from cotmon.formats import Options, read
from cotmon.records import Refusal

SUMMARY = [{"type": "summary_text", "text": "I plan."}]
ITEMS = [
    {"role": "user", "content": "Do it."},
    {"type": "reasoning", "id": "rs_1", "summary": SUMMARY, "encrypted_content": "Y2lwaGVy"},
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a": 1 }'},
    {"type": "function_call_output", "call_id": "c1", "output": "done"},
    {"type": "message", "id": "msg_1", "role": "assistant",
     "content": [{"type": "output_text", "text": "Here."}, {"type": "refusal", "refusal": "No."}]},
]  # fmt: skip


def read_all(tmp_path, text, name="log.json") -> list[Any]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return list(read(path, Options()))


def read_one(tmp_path, value) -> Any:
    (found,) = read_all(tmp_path, json.dumps(value))
    assert not isinstance(found, Refusal), found
    assert found.source.format == "openai_responses"
    return found


EXPECTED = [
    ("user", "brief", "Do it.", None),
    ("agent", "reasoning", "I plan.", "summary"),
    ("agent", "reasoning", "", "encrypted"),
    ("agent", "action", '{"a": 1 }', None),
    ("tool f", "observation", "done", None),
    ("agent", "text", "Here.", None),
    ("agent", "text", "No.", None),
]


def rows(found):
    return [(m.module, m.channel, m.text, m.provenance) for m in found.messages]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda: ITEMS,
        lambda: {"object": "list", "data": ITEMS},
        lambda: {
            "request": {"input": "Do it."},
            "response": {"object": "response", "output": ITEMS[1:]},
        },
        lambda: {"input": ITEMS[:1], "object": "response", "output": ITEMS[1:]},
        lambda: {"input": ITEMS},
    ],
)
def test_items_in_every_wrapping(tmp_path, wrap):
    found = read_one(tmp_path, wrap())
    assert rows(found) == EXPECTED
    assert found.access == "summary"
    assert [g.kind for g in found.coverage] == ["encrypted"]
    assert found.messages[4].answers == "c1"
    # one generation is one turn: its reasoning and its call belong together
    assert len({m.turn for m in found.messages[1:4]}) == 1


def test_items_a_line(tmp_path):
    (found,) = read_all(tmp_path, "\n".join(map(json.dumps, ITEMS)), "log.jsonl")
    assert rows(found) == EXPECTED


@pytest.mark.parametrize(
    ("item", "provenance"),
    [
        ({"summary": [], "encrypted_content": "Y2lwaGVy"}, ["encrypted"]),
        ({"summary": []}, ["missing"]),
        ({"content": [{"type": "reasoning_text", "text": "raw"}]}, ["raw"]),
        ({"summary": SUMMARY}, ["summary"]),
        (
            {"summary": SUMMARY, "content": [{"type": "reasoning_text", "text": "raw"}]},
            ["summary", "raw"],
        ),
    ],
)
def test_what_is_known_of_reasoning(tmp_path, item, provenance):
    found = read_one(tmp_path, [ITEMS[0], {"type": "reasoning", **item}])
    assert [m.provenance for m in found.messages[1:]] == provenance
    hidden = [p for p in provenance if p in ("encrypted", "missing")]
    assert [g.kind for g in found.coverage] == hidden


CALLS = [
    ({"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "raw"}, "f", "raw", None),
    (
        {"type": "web_search_call", "id": "w", "action": {"query": "x"}},
        "web_search",
        '{"query":"x"}',
        None,
    ),
    (
        {
            "type": "code_interpreter_call",
            "id": "w",
            "code": "1+1",
            "outputs": [{"type": "logs", "logs": "2"}],
        },
        "code_interpreter",
        "1+1",
        '{"logs":"2","type":"logs"}',
    ),
    (
        {"type": "mcp_call", "id": "w", "name": "g", "arguments": "{}", "output": "ok"},
        "g",
        "{}",
        "ok",
    ),
    (
        {"type": "computer_call", "call_id": "c", "action": {"type": "click"}},
        "computer",
        '{"type":"click"}',
        None,
    ),
    ({"type": "new_kind_call", "id": "w", "depth": 2}, "new_kind", '{"depth":2}', None),
]


@pytest.mark.parametrize(("item", "name", "arguments", "output"), CALLS)
def test_every_kind_of_call_is_an_action(tmp_path, item, name, arguments, output):
    found = read_one(tmp_path, [*ITEMS, item])
    action = next(m for m in found.messages if m.call and m.call.id != "c1")
    assert (action.call.name, action.text) == (name, arguments)
    if output is not None:
        answer = found.messages[-1]
        assert (answer.text, answer.module, answer.turn) == (output, f"tool {name}", action.turn)


def test_responses_that_follow_each_other_are_one_conversation(tmp_path):
    first = {"id": "r1", "object": "response", "output": ITEMS[1:3], "instructions": "Be good."}
    lines = [
        {"request": {"input": "Do it."}, "response": first},
        {
            "request": {"input": ITEMS[3:4], "previous_response_id": "r1"},
            "response": {"id": "r2", "object": "response", "output": ITEMS[4:]},
        },
        {
            "request": {"input": "Else."},
            "response": {"id": "r9", "object": "response", "output": ITEMS[4:]},
        },
    ]
    found = read_all(tmp_path, "\n".join(map(json.dumps, lines)), "log.jsonl")
    assert [t.id for t in found] == ["r1", "r9"]
    assert rows(found[0]) == [("system", "brief", "Be good.", None), *EXPECTED]


def run_item(kind, agent, raw):
    return {"type": kind, "agent": {"name": agent}, "raw_item": raw}


def test_run_states_hold_agents_handoffs_and_each_item_once(tmp_path):
    hand = {
        "type": "function_call",
        "call_id": "h",
        "name": "transfer_to_expert",
        "arguments": "{}",
    }
    over = {"type": "function_call_output", "call_id": "h", "output": '{"assistant": "expert"}'}
    say = {
        "type": "message",
        "id": "__fake_id__",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hm."}],
    }
    say2 = {**say, "content": [{"type": "output_text", "text": "Aha."}]}
    pending = {"type": "function_call", "call_id": "p", "name": "pay", "arguments": '{"sum": 9}'}
    items = [
        run_item("message_output_item", "desk", say),
        run_item("handoff_call_item", "desk", hand),
        run_item("handoff_output_item", "desk", over),
        run_item("message_output_item", "expert", say2),
        run_item("tool_call_item", "expert", pending),
        run_item("tool_approval_item", "expert", pending),
    ]
    state = {
        "$schemaVersion": "1.9", "original_input": "Help.", "current_agent": {"name": "expert"},
        "generated_items": items, "session_items": items[:3],
        "model_responses": [{"output": [say, hand]}, {"output": [say2, pending]}],
        "last_model_response": {"output": [say2, pending]},
        "current_step": {"data": {"interruptions": items[5:]}},
    }  # fmt: skip
    found = read_one(tmp_path, state)
    assert [(m.module, m.channel, m.text) for m in found.messages] == [
        ("user", "brief", "Help."),
        ("desk", "text", "Hm."),
        ("desk", "action", "{}"),
        ("tool transfer_to_expert", "observation", '{"assistant": "expert"}'),
        ("expert", "text", "Aha."),
        ("expert", "action", '{"sum": 9}'),
    ]
    assert {m.parent for m in found.messages if m.module == "expert"} == {found.messages[2].id}
    assert len(found.metadata["pending_approvals"]) == 1


def test_odd_items_never_stop_the_reading(tmp_path):
    odd = [
        7,
        None,
        {"type": 3},
        {"type": "weather"},
        {"type": "reasoning", "summary": 5},
        {"type": "function_call"},
        {"type": "function_call_output", "output": {"a": 1}},
        {"type": "item_reference", "id": "gone"},
        {"role": "assistant", "content": 4},
    ]
    found = read_one(tmp_path, [*ITEMS, *odd])
    assert rows(found)[:7] == EXPECTED
    assert {"broken", "missing", "replaced"} <= {g.kind for g in found.coverage}
    assert found.messages[-1].text == "4"


def test_genuine_logs_hold_what_an_independent_count_finds(shared):
    paths = [p for x in ("openai-responses", "openai-agents-runstate") for p in
             sorted((shared / "logs").glob(f"{x}__*"))]  # fmt: skip
    assert paths
    for path in paths:
        wanted = set(calls(json.loads(path.read_text(encoding="utf-8"))))
        (found,) = list(read(path))
        assert not isinstance(found, Refusal)
        assert sorted(m.call.id or "" for m in found.messages if m.call) == sorted(wanted), (
            path.name
        )


def calls(value):
    """Distinct call ids, wherever they stand."""
    if isinstance(value, dict):
        if value.get("type") in ("function_call", "custom_tool_call", "program") and (
            "call_id" in value
        ):
            yield value["call_id"]
        for inner in value.values():
            yield from calls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from calls(inner)


def test_other_agents_words_and_sealed_items_are_not_the_agents_text(tmp_path):
    sealed = {"type": "encrypted_content", "encrypted_content": "c1ph3r"}
    words = {"type": "input_text", "text": "four nests"}
    found = read_one(
        tmp_path,
        [
            {"type": "agent_message", "author": "wren", "content": [words, sealed]},
            {"type": "context_compaction", "encrypted_content": "c1ph3r"},
            {"type": "brand_new", "held": {"encrypted_content": "c1ph3r", "seen": 1}},
            {"type": "function_call", "call_id": "f", "name": "find", "namespace": "maps",
             "arguments": "{}"},
        ],
    )  # fmt: skip
    assert [(m.module, m.channel, m.text) for m in found.messages] == [
        ("agent wren", "observation", "four nests"),
        ("agent", "text", '{"held":{"seen":1},"type":"brand_new"}'),
        ("agent", "action", "{}"),
    ]
    assert found.messages[-1].call.name == "maps.find"
    assert [g.kind for g in found.coverage] == ["encrypted", "encrypted", "replaced"]
