"""Anthropic's Messages form."""

import json
from typing import Any

import pytest

from cotmon.formats import Options, read
from cotmon.records import Refusal

THINKING = {"type": "thinking", "thinking": "Because.", "signature": "c2lnbmVk"}
REDACTED = {"type": "redacted_thinking", "data": "Y2lwaGVy"}
CALL = {"type": "tool_use", "id": "t1", "name": "search", "input": {"q": "é", "a": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "hit"}]}
CHAT = {
    "model": "claude",
    "system": [{"type": "text", "text": "Be good.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "Find it."},
        {
            "role": "assistant",
            "content": [THINKING, REDACTED, {"type": "text", "text": "I look."}, CALL],
        },
        {
            "role": "user",
            "content": [RESULT, {"type": "text", "text": "Go on."}, {"type": "image"}],
        },
    ],
}
ANSWER = {
    "id": "msg_1", "type": "message", "role": "assistant", "stop_reason": "end_turn",
    "content": [{"type": "thinking", "thinking": "Done.", "signature": "eA"},
                {"type": "text", "text": "Found."}],
}  # fmt: skip


def read_all(tmp_path, text, name="log.json") -> list[Any]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return list(read(path, Options()))


def test_blocks_become_channels_and_results_are_not_the_human(tmp_path):
    (found,) = read_all(tmp_path, json.dumps(CHAT))
    assert (found.source.format, found.agent, found.access) == (
        "anthropic_messages",
        "claude",
        "raw",
    )
    assert [(m.id, m.module, m.channel, m.text) for m in found.messages] == [
        ("1.b1", "system", "brief", "Be good."),
        ("2.b1", "user", "brief", "Find it."),
        ("3.r1", "agent", "reasoning", "Because."),
        ("3.r2", "agent", "reasoning", ""),
        ("3.t1", "agent", "text", "I look."),
        ("3.a1", "agent", "action", '{"a":1,"q":"é"}'),
        ("4.o1", "tool search", "observation", "hit"),
        ("4.b1", "user", "brief", "Go on."),
    ]
    assert [m.provenance for m in found.messages if m.channel == "reasoning"] == ["raw", "redacted"]
    assert found.messages[6].answers == "t1"
    assert [(g.kind, g.where) for g in found.coverage] == [("redacted", "3"), ("dropped", "4")]
    assert not {"c2lnbmVk", "Y2lwaGVy"} & set(repr(found.messages).split('"'))


@pytest.mark.parametrize("wrap", [
    lambda: {"request": CHAT, "response": ANSWER},
    lambda: {"request": {"body": CHAT}, "response": {"body": ANSWER}},
    lambda: {**CHAT, "response": ANSWER},
])  # fmt: skip
def test_a_response_ends_its_request(tmp_path, wrap):
    (found,) = read_all(tmp_path, json.dumps(wrap()))
    assert found.id == "msg_1"
    assert [(m.channel, m.text) for m in found.messages[-2:]] == [
        ("reasoning", "Done."),
        ("text", "Found."),
    ]


def test_lines_of_responses_and_requests_are_told_apart(tmp_path):
    lines = "\n".join(map(json.dumps, [ANSWER, {**ANSWER, "id": "msg_2"}, {"id": "x", **CHAT}]))
    found = read_all(tmp_path, lines, "log.jsonl")
    assert [t.id for t in found] == ["msg_1", "msg_2", "x"]


def test_thinking_whose_text_was_left_out_is_known_to_exist(tmp_path):
    block = {"type": "thinking", "thinking": "", "signature": "c2lnbmVk"}
    chat = {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": [block]}]
    }
    (found,) = read_all(tmp_path, json.dumps(chat))
    assert [(m.provenance, m.text) for m in found.messages[1:]] == [("encrypted", "")]
    assert found.coverage[0].hides


def test_server_tools_answer_in_the_same_message(tmp_path):
    content = [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s1",
            "content": [
                {
                    "type": "web_search_result",
                    "url": "u",
                    "title": "T",
                    "encrypted_content": "Y2lwaGVy",
                }
            ],
        },
        {"type": "text", "text": "So."},
    ]
    chat = {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": content}]
    }
    (found,) = read_all(tmp_path, json.dumps(chat))
    assert [(m.id, m.module) for m in found.messages[1:]] == [
        ("2.a1", "agent"),
        ("2.o1", "tool web_search"),
        ("2.t1", "agent"),
    ]
    assert "Y2lwaGVy" not in found.messages[2].text
    assert '"url":"u"' in found.messages[2].text


def test_a_chat_with_tool_calls_is_not_claimed(tmp_path):
    messages = [*CHAT["messages"], {"role": "tool", "tool_call_id": "c", "content": "x"}]
    (found,) = read_all(tmp_path, json.dumps({"messages": messages}))
    assert not isinstance(found, Refusal)
    assert found.source.format == "openai_chat"


def test_documents_whose_words_stand_in_the_log_are_read(tmp_path):
    written = {"type": "document", "source": {"type": "text", "data": "the map"}, "title": "M"}
    linked = {"type": "document", "source": {"type": "url", "url": "http://m"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [written, linked]}
    call = {"type": "tool_use", "id": "t", "name": "fetch", "input": {}}
    messages = [
        {"role": "user", "content": [written, {"type": "text", "text": "read it"}]},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    (found,) = read_all(tmp_path, json.dumps({"messages": messages}))
    assert [m.text for m in found.messages] == ["the map", "read it", "{}", "the map"]
    assert [g.reason for g in found.coverage] == ["document: no text to read"]
