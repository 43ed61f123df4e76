"""Claude Code sessions: split messages, the tree, sub-agents, sealed thinking, broken lines."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cotmon.formats import Options, read, recognise
from cotmon.formats._file import LogFile
from cotmon.records import Message, Refusal, Transcript

LOGS = {
    "claude-code-json__simonw__sample_session.json": (121, 12),
    "claude-code__daaain__edge_cases.jsonl": (0, 3),
    "claude-code__daaain__representative_messages.jsonl": (0, 2),
    "claude-code__daaain__todowrite_examples.jsonl": (0, 3),
    "claude-code__jnarowski__full-session-askuserquestion.jsonl": (0, 3),
    "claude-code__jnarowski__full-session-four.jsonl": (0, 27),
    "claude-code__jnarowski__full-session-two.jsonl": (0, 10),
}


def _read(path: Path) -> list[Transcript]:
    found = list(read(path, Options(format="claude_code")))
    assert all(isinstance(one, Transcript) for one in found), found
    return [one for one in found if isinstance(one, Transcript)]


def _write(folder: Path, *lines: object, end: str = "") -> list[Transcript]:
    path = folder / "session.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n" + end, encoding="utf-8")
    return _read(path)


def _line(kind: str, uuid: str, parent: str | None, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": kind, "content": content}
    if "id" in more:
        message |= {"id": more.pop("id"), "model": "claude-x"}
    base = {"type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": "s1"}
    return {**base, "message": message, **more}


def _call(own: str, name: str = "Bash", **asked: object) -> dict[str, object]:
    return {"type": "tool_use", "id": own, "name": name, "input": asked}


def _result(own: str, content: object) -> list[dict[str, object]]:
    return [{"type": "tool_result", "tool_use_id": own, "content": content}]


def _all(found: Iterable[Transcript]) -> list[Message]:
    return [m for one in found for m in one.messages]


def _blocks(value: object, kind: str) -> list[dict[str, Any]]:
    values = (
        value
        if isinstance(value, list)
        else list(value.values())
        if isinstance(value, dict)
        else []
    )
    own = [value] if isinstance(value, dict) and value.get("type") == kind else []
    return [*own, *(b for v in values for b in _blocks(v, kind))]


@pytest.mark.parametrize("name", LOGS)
def test_genuine_logs_give_all_reasoning_calls_and_results(shared: Path, name: str) -> None:
    path = shared / "logs" / name
    assert recognise(LogFile(path))[0] == "claude_code"
    messages, text = _all(_read(path)), path.read_text(encoding="utf-8")
    raw = (
        [json.loads(text)]
        if path.suffix == ".json"
        else [json.loads(li) for li in text.splitlines() if li]
    )
    chars, calls = LOGS[name]
    thoughts = {b["thinking"].strip() for b in _blocks(raw, "thinking")}
    assert {m.text.strip() for m in messages if m.channel == "reasoning"} == thoughts
    assert sum(map(len, thoughts)) == chars
    ids = {b["id"] for b in _blocks(raw, "tool_use")}
    made = [m.call.id for m in messages if m.call is not None]
    assert sorted(filter(None, made)) == sorted(ids)
    assert len(made) == calls
    unread = {"tool_edge_002"} if "edge_cases" in name else set()  # filed under a misspelt key
    given = {
        b["tool_use_id"]
        for b in _blocks(raw, "tool_result")
        if "image" not in str(b["content"])[:30]
    }
    assert {m.answers for m in messages if m.answers} == given - unread


def test_genuine_odd_lines_are_said_and_passed_over(shared: Path) -> None:
    first, second = _read(shared / "logs" / "claude-code__daaain__edge_cases.jsonl")
    assert (first.id, second.id) == ("edge_cases", "todowrite_session")
    assert [(g.kind, g.line) for g in first.coverage] == [
        ("broken", n) for n in (10, 11, 13, 14, 15, 16)
    ]


def test_a_message_split_over_lines_is_one_turn_without_repeats(tmp_path: Path) -> None:
    thought = {"type": "thinking", "thinking": "plan", "signature": "sig"}
    sealed = {"type": "thinking", "thinking": "", "signature": "sig2"}
    redacted = {"type": "redacted_thinking", "data": "x"}
    output = [{"type": "text", "text": "out"}, {"type": "image"}]
    (found,) = _write(
        tmp_path,
        {"type": "summary", "summary": "A talk", "leafUuid": "x"},
        {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}},
        _line("user", "u1", None, "Do it <system-reminder>be good</system-reminder>"),
        _line("assistant", "a1", "u1", [thought, sealed], id="m1"),
        _line("assistant", "a2", "a1", [thought, {"type": "text", "text": "Now"}], id="m1"),
        _line("assistant", "a3", "a2", [redacted, _call("c1", b=1, a=2)], id="m1"),
        _line("user", "u2", "a3", _result("c1", output), toolUseResult={"stdout": "out"}),
        _line("user", "u3", "u2", "Caveat: local", isMeta=True),
        _line("user", "u4", "u3", "<local-command-stdout>x</local-command-stdout>"),
    )  # fmt: skip
    assert [(m.id, m.module, m.channel, m.provenance, m.text) for m in found.messages] == [
        ("u1.b1", "user", "brief", None, "Do it "),
        ("u1.o1", "system", "observation", None, "<system-reminder>be good</system-reminder>"),
        ("m1.r1", "agent", "reasoning", "raw", "plan"),
        ("m1.r2", "agent", "reasoning", "encrypted", ""),
        ("m1.t1", "agent", "text", None, "Now"),
        ("m1.r3", "agent", "reasoning", "redacted", ""),
        ("m1.a1", "agent", "action", None, '{"a":2,"b":1}'),
        ("u2.o1", "tool Bash", "observation", None, "out"),
        ("u3.o1", "system", "observation", None, "Caveat: local"),
        ("u4.o1", "system", "observation", None, "<local-command-stdout>x</local-command-stdout>"),
    ]
    assert (found.id, found.agent, found.access) == ("s1", "claude-x", "raw")
    assert [g.kind for g in found.coverage] == ["encrypted", "redacted", "dropped"]


def test_a_rewound_line_is_a_branch_and_parallel_results_are_not(tmp_path: Path) -> None:
    (found,) = _write(
        tmp_path,
        _line("user", "u1", None, "first"),
        _line("assistant", "a1", "u1", [_call("c1")], id="m1"),
        _line("assistant", "a2", "a1", [_call("c2")], id="m1"),
        _line("user", "r1", "a1", _result("c1", "one")),
        _line("user", "r2", "a2", _result("c2", "two")),
        _line("assistant", "a3", "r2", [{"type": "text", "text": "done"}], id="m2"),
        _line("user", "old", "a3", "go left"),
        _line("assistant", "a4", "old", [{"type": "text", "text": "left"}], id="m3"),
        _line("assistant", "a6", "new", [{"type": "text", "text": "right"}], id="m4"),
        _line("user", "new", "a3", "go right"),
    )
    assert [(m.text, m.branch) for m in found.messages if m.channel != "action"] == [
        ("first", None), ("one", None), ("two", None), ("done", None),
        ("go left", "old"), ("left", "old"), ("go right", None), ("right", None),
    ]  # fmt: skip
    assert {m.branch for m in found.messages if m.channel == "action"} == {None}


def test_sub_agents_have_their_own_module_parent_and_brief(tmp_path: Path) -> None:
    side = {"isSidechain": True}
    spied = {"type": "thinking", "thinking": "I spy"}
    text = [{"type": "text", "text": "within"}]
    within = {"message": _line("assistant", "p1", None, text, id="n2")}
    (found,) = _write(
        tmp_path,
        _line("user", "u1", None, "first"),
        _line("assistant", "a1", "u1", [
            _call("c1", "Task", prompt="look", subagent_type="Explore"),
            _call("c2", "Task", prompt="see", subagent_type="Explore")], id="m1"),
        _line("user", "s1", None, "see", **side),
        _line("user", "t1", None, "look", **side),
        _line("assistant", "s2", "s1", [spied, _call("d1")], id="n1", **side),
        _line("user", "s3", "s2", _result("d1", "seen"), **side),
        {"type": "progress", "sessionId": "s1", "parentToolUseID": "c1", "data": within},
    )  # fmt: skip
    told = [(m.module, m.to, m.channel, m.text, m.parent) for m in found.messages[3:]]
    assert told == [
        ("agent", "sub-agent Explore", "brief", "see", "m1.a2"),
        ("agent", "sub-agent Explore 2", "brief", "look", "m1.a1"),
        ("sub-agent Explore", None, "reasoning", "I spy", "m1.a2"),
        ("sub-agent Explore", None, "action", "{}", "m1.a2"),
        ("tool Bash", None, "observation", "seen", "m1.a2"),
        ("sub-agent Explore 2", None, "text", "within", "m1.a1"),
    ]


def test_a_file_of_side_lines_only_is_the_sub_agents_own(tmp_path: Path) -> None:
    side = {"isSidechain": True, "agentId": "ab12"}
    (found,) = _write(
        tmp_path,
        _line("user", "s1", None, "look", **side),
        _line("assistant", "s2", "s1", [{"type": "thinking", "thinking": "hm"}], id="n1", **side),
    )
    assert (found.id, found.source.keys) == ("ab12", {"session": "s1", "agent": "ab12"})
    assert [(m.module, m.channel) for m in found.messages] == [
        ("agent", "brief"), ("sub-agent ab12", "reasoning"),
    ]  # fmt: skip


def test_broken_lines_and_an_unfinished_last_line_are_said(tmp_path: Path) -> None:
    good = _line("user", "u1", None, "first")
    (found,) = _write(tmp_path, "7", good, '{"type": "user", "mes', "[]", end='{"type": "assis')
    assert [(g.kind, g.line) for g in found.coverage] == [
        ("broken", 1), ("broken", 3), ("broken", 4), ("cut", 5),
    ]  # fmt: skip
    assert [m.text for m in found.messages] == ["first"]


def test_sessions_part_and_copied_history_is_told_once(tmp_path: Path) -> None:
    copied = {**_line("user", "u1", None, "first"), "sessionId": "s2"}
    went_on = {**_line("user", "u2", "u1", "second"), "sessionId": "s2"}
    found = _write(tmp_path, _line("user", "u1", None, "first"), copied, went_on)
    assert [(one.id, [m.text for m in one.messages]) for one in found] == [
        ("s1", ["first"]), ("s2", ["second"]),
    ]  # fmt: skip


def test_the_sdks_stream_is_read_and_a_file_without_messages_refused(tmp_path: Path) -> None:
    said = {"role": "assistant", "id": "m1", "content": [_call("c1", "Task", prompt="p")]}
    inner = {"role": "assistant", "id": "m2", "content": [{"type": "text", "text": "inside"}]}
    (found,) = _write(
        tmp_path,
        {"type": "system", "subtype": "init", "session_id": "s9", "cwd": "/x"},
        {"type": "assistant", "session_id": "s9", "parent_tool_use_id": None, "message": said},
        {"type": "assistant", "session_id": "s9", "parent_tool_use_id": "c1", "message": inner},
        {"type": "result", "subtype": "success", "is_error": False, "session_id": "s9"},
    )
    assert found.id == "s9"
    assert [(m.id, m.module, m.parent) for m in found.messages] == [
        ("m1.a1", "agent", None), ("m2.t1", "sub-agent", "m1.a1"),
    ]  # fmt: skip
    path = tmp_path / "empty.jsonl"
    path.write_text('{"type": "summary", "summary": "x", "leafUuid": "y"}\n' * 2, encoding="utf-8")
    (refused,) = read(path)
    assert isinstance(refused, Refusal)
    assert "without a message" in refused.reason


def _attached(uuid: str, parent: str, **held: object) -> dict[str, Any]:
    line = {"type": "attachment", "uuid": uuid, "parentUuid": parent}
    return {**line, "attachment": held}


def test_what_the_client_puts_before_the_agent_is_observed(tmp_path: Path) -> None:
    file = {"type": "text", "file": {"filePath": "/w/notes.md", "content": "buy salt"}}
    (found,) = _write(
        tmp_path,
        _line("user", "u", None, "go"),
        _attached("a", "u", type="hook_additional_context", content=["mind the gap"]),
        _attached("b", "a", type="file", filename="/w/notes.md", content=file),
        _attached("c", "b", type="edited_text_file", filename="x.py", snippet="1 x = 2"),
        _attached("d", "c", type="date_marker", weekday=3),
        _line("assistant", "e", "d", [{"type": "text", "text": "well"}]),
    )
    seen = [(m.module, m.text) for m in found.messages if m.channel == "observation"]
    assert seen == [("system", "mind the gap"), ("system", "buy salt"), ("system", "1 x = 2")]
    assert [g.reason for g in found.coverage] == [
        "attachment date_marker: holds no message of the agent"
    ]


def test_only_what_a_person_typed_is_the_users(tmp_path: Path) -> None:
    picture = {"type": "image", "source": {"type": "base64", "data": "aa"}}
    words = [{"type": "text", "text": "like this"}, picture]
    queued = "queued_command"
    (found,) = _write(
        tmp_path,
        _line("user", "u", None, "go", origin={"kind": "human"}),
        {"type": "queue-operation", "operation": "enqueue", "content": "left first"},
        {"type": "queue-operation", "operation": "remove", "content": "left first"},
        {"type": "queue-operation", "operation": "enqueue", "content": "like this"},
        {"type": "queue-operation", "operation": "popAll", "content": "never mind"},
        _attached("a", "u", type=queued, prompt=words, commandMode="prompt"),
        _attached("b", "a", type=queued, prompt="job done", commandMode="task-notification"),
        _attached("c", "b", type=queued, prompt="I am a peer", origin={"kind": "peer"}),
        _line("user", "d", "c", "it ended", origin={"kind": "task-notification"}),
        _line("user", "e", "d", "<teammate-message from='x'>hi</teammate-message>"),
        _line("assistant", "f", "e", [{"type": "text", "text": "well"}]),
    )
    assert [m.text for m in found.messages if m.channel == "brief"] == [
        "go", "left first", "like this",
    ]  # fmt: skip
    assert [m.text for m in found.messages if m.channel == "observation"] == [
        "job done", "I am a peer", "it ended", "<teammate-message from='x'>hi</teammate-message>",
    ]  # fmt: skip
    assert [g.reason for g in found.coverage] == ["an image in a queued prompt"]
