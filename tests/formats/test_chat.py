"""OpenAI-style chat: every spelling of reasoning, calls and results; nothing lost."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cotmon.formats import Options, read
from cotmon.records import Refusal

USER = {"role": "user", "content": "Do it."}


def read_one(tmp_path, value, name="log.json", **options):
    results = read_all(tmp_path, json.dumps(value), name, **options)
    assert len(results) == 1, results
    assert not isinstance(results[0], Refusal), results[0]
    return results[0]


def read_all(tmp_path, text, name="log.jsonl", **options) -> list[Any]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return list(read(path, Options(**options)))


def said(transcript, channel):
    return [m.text for m in transcript.messages if m.channel == channel]


def thoughts(transcript):
    return [(m.provenance, m.text) for m in transcript.messages if m.channel == "reasoning"]


def gaps(transcript):
    return [g.kind for g in transcript.coverage]


SPELLINGS = [
    ({"reasoning_content": "why"}, [("raw", "why")]),
    ({"reasoning": "why"}, [("raw", "why")]),
    ({"reasoning": {"content": "why"}}, [("raw", "why")]),
    ({"reasoning": {"summary": "why"}}, [("summary", "why")]),
    ({"thinking": "why"}, [("raw", "why")]),
    ({"thinking": {"thinking": "why", "signature": "Zm9v"}}, [("raw", "why")]),
    ({"reasoning_details": [{"type": "reasoning.text", "text": "why"}]}, [("raw", "why")]),
    (
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "why"}]},
        [("summary", "why")],
    ),
    ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "Zm9v"}]}, [("encrypted", "")]),
    (
        {"thinking_blocks": [{"type": "thinking", "thinking": "why", "signature": "Zm9v"}]},
        [("raw", "why")],
    ),
    ({"thinking_blocks": [{"type": "redacted_thinking", "data": "Zm9v"}]}, [("redacted", "")]),
    ({"provider_specific_fields": {"reasoning_content": "why"}}, [("raw", "why")]),
    ({"content": "<think>why</think>answer"}, [("inline", "why")]),
    ({"content": "why</think>answer"}, [("inline", "why")]),
    (
        {"content": [{"type": "thinking", "thinking": "why"}, {"type": "text", "text": "answer"}]},
        [("raw", "why")],
    ),
    ({"content": [{"type": "reasoning", "text": "why"}]}, [("raw", "why")]),
    # one text, several spellings
    (
        {"reasoning_content": "why", "reasoning": "why", "content": "<think>\nwhy\n</think>answer"},
        [("raw", "why")],
    ),
    (
        {
            "reasoning": "one two",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "one "},
                {"type": "reasoning.text", "text": "two"},
            ],
        },
        [("raw", "one "), ("raw", "two")],
    ),
    (
        {
            "reasoning": "s",
            "reasoning_details": [
                {"type": "reasoning.summary", "summary": "s"},
                {"type": "reasoning.encrypted", "data": "Zm9v"},
            ],
        },
        [("summary", "s"), ("encrypted", "")],
    ),
    # different texts are both kept
    ({"reasoning_content": "first", "reasoning": "second"}, [("raw", "first"), ("raw", "second")]),
]


@pytest.mark.parametrize(("fields", "expected"), SPELLINGS)
def test_every_spelling_of_reasoning(tmp_path, fields, expected):
    message = {"role": "assistant", "content": "answer", **fields}
    found = read_one(tmp_path, {"messages": [USER, message]})
    assert thoughts(found) == expected
    hidden = [kind for kind, _ in expected if kind in ("encrypted", "redacted")]
    assert gaps(found) == hidden
    assert "Zm9v" not in repr(found.messages)
    if not isinstance(fields.get("content"), list):
        assert said(found, "text") == ["answer"]


CALLS = [
    (
        {
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1 }'}}
            ]
        },
        [("f", '{"a": 1 }', "c")],
    ),
    (
        {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"b": 1, "a": "é"}}}]},
        [("f", '{"a":"é","b":1}', "c")],
    ),
    (
        {
            "tool_calls": [
                {"id": "c", "type": "custom", "custom": {"name": "f", "input": "raw text"}}
            ]
        },
        [("f", "raw text", "c")],
    ),
    ({"tool_calls": [{"function": "f", "args": {"a": 1}}]}, [("f", '{"a":1}', None)]),
    ({"tool_calls": {"name": "f", "arguments": None}}, [("f", "null", None)]),
    ({"tool_calls": '[{"name": "f", "arguments": {}}]'}, [("f", "{}", None)]),
    ({"tool_calls": "f(1"}, [("tool", "f(1", None)]),
    ({"tool_calls": [7]}, [("tool", "7", None)]),
    ({"function_call": {"name": "f", "arguments": "{}"}}, [("f", "{}", None)]),
    (
        {"content": [{"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}]},
        [("f", '{"a":1}', "c")],
    ),
    (
        {"content": "x\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>"},
        [("f", '{"a":"1"}', None)],
    ),
    ({"content": "x\n<function=f><parameter=a>1</parameter>\n"}, [("f", '{"a":"1"}', None)]),
    (
        {"content": '<tool_call>\n{"name": "f", "arguments": {"a": {"b": 1}}}\n</tool_call>'},
        [("f", '{"a":{"b":1}}', None)],
    ),
    (
        {"content": "<tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>"},
        [("f", '{"a":"1"}', None)],
    ),
    (
        {"content": '<invoke name="f"><parameter name="a">1</parameter></invoke>'},
        [("f", '{"a":"1"}', None)],
    ),
    ({"content": "<tool_call> is a tag I know"}, []),
    ({"content": "text", "tool_calls": []}, []),
]


@pytest.mark.parametrize(("fields", "expected"), CALLS)
def test_every_shape_of_call(tmp_path, fields, expected):
    message = {"role": "assistant", "content": None, **fields}
    found = read_one(tmp_path, {"messages": [USER, message]})
    calls = [m.call for m in found.messages if m.call is not None]
    assert [(c.name, c.arguments, c.id) for c in calls] == expected
    if isinstance(fields.get("content"), str):
        assert said(found, "text") == [fields["content"]]


def test_roles_become_modules_and_results_find_their_calls(tmp_path):
    messages = [
        {"role": "system", "content": "Be good."},
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "image_url"}]},
        {"role": "assistant", "name": "planner", "content": "Go.", "tool_calls": [
            {"id": "c1", "function": {"name": "search", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "found"}]},
        {"role": "function", "name": "legacy", "content": "old"},
        {"role": "critic", "content": "No."},
        {"role": "assistant", "content": None, "refusal": "I cannot."},
    ]  # fmt: skip
    found = read_one(tmp_path, messages)
    assert [(m.id, m.module, m.channel, m.text) for m in found.messages] == [
        ("1.b1", "system", "brief", "Be good."),
        ("2.b1", "system", "brief", "Be brief."),
        ("3.b1", "user", "brief", "See"),
        ("4.t1", "planner", "text", "Go."),
        ("4.a1", "planner", "action", "{}"),
        ("5.o1", "tool search", "observation", "found"),
        ("6.o1", "tool legacy", "observation", "old"),
        ("7.t1", "critic", "text", "No."),
        ("8.t1", "agent", "text", "I cannot."),
    ]
    assert found.messages[5].answers == "c1"
    assert sorted(gaps(found)) == ["dropped", "replaced"]


@pytest.mark.parametrize(
    ("content", "module"),
    [
        ("EXECUTION RESULT of [terminal]:\nok", "tool terminal"),
        ("<tool_response>\nok\n</tool_response>", "tool f"),
        ("<function_results>ok</function_results>", "tool f"),
        ("Observation: ok", "tool f"),
        ("<returncode>0</returncode>", "tool f"),
    ],
)
def test_results_under_the_users_role_are_observations(tmp_path, content, module):
    call = {"role": "assistant", "content": "<function=f></function>"}
    result = {"role": "user", "content": content}
    found = read_one(tmp_path, [result, call, result, {"role": "user", "content": "Thanks."}])
    shown = [(m.module, m.channel) for m in found.messages if m.module not in ("agent",)]
    assert shown == [("user", "brief"), (module, "observation"), ("user", "brief")]


def test_request_with_response_and_further_choices(tmp_path):
    answers = [{"message": {"role": "assistant", "content": f"answer {k}"}} for k in range(3)]
    value = {
        "request": {"model": "m", "messages": [USER], "temperature": 0},
        "response": {"id": "chatcmpl-1", "choices": answers},
        "score": 0.3,
        "cost": 1,
    }
    found = read_one(tmp_path, value)
    assert (found.id, found.agent) == ("chatcmpl-1", "m")
    spoken = [(m.text, m.branch) for m in found.messages if m.channel == "text"]
    assert spoken == [("answer 0", None), ("answer 1", "choice 1"), ("answer 2", "choice 2")]
    assert found.labels == {"score": 0.3}
    assert found.metadata["cost"] == 1
    assert found.metadata["request"] == {"model": "m", "temperature": 0}


def test_labels_never_stay_in_metadata(tmp_path):
    value = {
        "id": "x",
        "messages": [USER],
        "label": 1,
        "metadata": {"set": "s", "is_malicious": True},
    }
    found = read_one(tmp_path, value)
    assert found.id == "x"
    assert found.labels == {"label": 1, "is_malicious": True}
    assert found.metadata == {"set": "s"}


def test_lines_objects_arrays_and_loose_messages(tmp_path):
    chat = [USER, {"role": "assistant", "content": "ok", "tool_calls": []}]
    lines = "\n".join(
        map(json.dumps, [{"id": "a", "messages": chat}, chat, {"id": "e", "messages": []}])
    )
    assert [t.id for t in read_all(tmp_path, lines)] == ["a", "log:2", "e"]
    loose = "\n".join(map(json.dumps, chat))
    assert [len(t.messages) for t in read_all(tmp_path, loose)] == [2]
    several = json.dumps([{"id": "a", "messages": chat}, {"id": "b", "messages": chat}])
    assert [t.id for t in read_all(tmp_path, several, "log.json")] == ["a", "b"]


def test_a_repeated_history_is_one_conversation_only_with_the_same_id(tmp_path):
    turns = [
        USER,
        {"role": "assistant", "content": "1"},
        USER,
        {"role": "assistant", "content": "2"},
    ]
    grown = [{"id": "a", "messages": turns[:n]} for n in (1, 2, 4)]
    other = [{"id": "b", "messages": turns[:2]}, {"id": "c", "messages": turns}]
    changed = {"id": "c", "messages": [{"role": "user", "content": "Else."}]}
    lines = "\n".join(map(json.dumps, [*grown, *other, changed]))
    found = read_all(tmp_path, lines)
    assert [(t.id, len(t.messages)) for t in found] == [("a", 4), ("b", 2), ("c", 4), ("c", 1)]


def test_broken_lines_are_refused_and_the_rest_is_read(tmp_path):
    a, b, c = (json.dumps({"id": name, "messages": [USER]}) for name in "abc")
    lines = [a, '{"id": ', b, '{"x": 1}', c, '{"id": "cut", "mess']
    results = read_all(tmp_path, "\n".join(lines))
    refusals = [r for r in results if isinstance(r, Refusal)]
    assert len(results) == 6
    assert [r.line for r in refusals] == [2, 4, 6]
    assert "keys x" in refusals[1].reason
    assert "still being written" in refusals[2].reason
    assert {r.format for r in refusals} == {"openai_chat"}
    assert [t.source.position for t in results if not isinstance(t, Refusal)] == [0, 1, 2]


def test_a_message_that_is_no_object_is_said_and_the_rest_read(tmp_path):
    found = read_one(tmp_path, {"messages": [USER, 7, {"role": "assistant", "content": 3.5}]})
    assert gaps(found) == ["broken"]
    assert found.coverage[0].where == "message 2"
    assert said(found, "text") == ["3.5"]


def test_keys_that_are_not_read_stand_in_coverage(tmp_path):
    message = {"role": "assistant", "content": "a", "monologue": "hm", "timestamp": "now"}
    found = read_one(tmp_path, {"messages": [USER, message]})
    assert [(g.kind, g.reason) for g in found.coverage] == [
        ("dropped", "keys of messages that are not read: monologue")
    ]


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "text", "{", "<think>", "a.b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "function", "name", "arguments", "id", "summary", "data"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
MESSAGES = st.dictionaries(
    st.sampled_from(
        ["role", "content", "id", "name", "tool_calls", "tool_call_id", "function_call",
         "reasoning", "reasoning_details", "thinking_blocks", "refusal", "error"]
    ),
    ODD | st.sampled_from(["assistant", "user", "tool", "system"]),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(MESSAGES | ODD, min_size=1, max_size=4), ODD)
def test_odd_types_never_crash(tmp_path, messages, extra):
    for name in ("openai_chat", "anthropic_messages"):
        value = {"messages": [USER, *messages], "system": extra, "response": extra, "id": extra}
        results = read_all(tmp_path, json.dumps(value), "log.json", format=name)
        assert not any(isinstance(r, Refusal) for r in results), results


def test_spoken_answers_are_text_and_unread_extras_are_counted(tmp_path):
    extras = {"compaction_blocks": [{"type": "compaction", "content": "so far"}]}
    answer = {
        "role": "assistant", "content": None, "audio": {"transcript": "it is four", "data": ""},
        "provider_specific_fields": extras,
    }  # fmt: skip
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "count"}, answer]}))
    (found,) = list(read(path, Options(format="openai_chat")))
    assert not isinstance(found, Refusal)
    assert [m.text for m in found.messages] == ["count", "it is four"]
    (gap,) = found.coverage
    assert "provider_specific_fields.compaction_blocks" in gap.reason
