"""Codex rollouts: what items and events both tell is told once; ciphertext is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from cotmon.formats import Options, read, recognise
from cotmon.formats._file import LogFile
from cotmon.records import Transcript

LOGS = {
    "codex__jnarowski__rollout-2025-09-24T20-12-23-01997ea4-a70d-7da3-8c20-c736db82a7c5.jsonl": (
        1520,
        16,
    ),
    "codex__jnarowski__rollout-2025-09-25T08-02-05-0199812e-64f0-7f73-91fc-095dda01c36e.jsonl": (
        4350,
        57,
    ),
}


def _read(path: Path) -> Transcript:
    (found,) = list(read(path, Options(format="codex")))
    assert isinstance(found, Transcript), found
    return found


def _write(folder: Path, *lines: object, end: str = "") -> Transcript:
    path = folder / "rollout.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n" + end, encoding="utf-8")
    assert recognise(LogFile(path))[0] == "codex"
    return _read(path)


def _item(kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": "t", "type": "response_item", "payload": {"type": kind, **payload}}


def _event(kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": "t", "type": "event_msg", "payload": {"type": kind, **payload}}


def _asked(text: str) -> dict[str, Any]:
    return _item("message", role="user", content=[{"type": "input_text", "text": text}])


def _said(found: Transcript) -> list[tuple[str, str, str | None, str]]:
    return [(m.module, m.channel, m.provenance, m.text) for m in found.messages]


@pytest.mark.parametrize("name", LOGS)
def test_genuine_logs_give_each_thought_once_and_all_calls(shared: Path, name: str) -> None:
    path = shared / "logs" / name
    found = _read(path)
    raw = [json.loads(line)["payload"] for line in path.read_text(encoding="utf-8").splitlines()]
    items = [p for p in raw if p.get("type") == "reasoning"]
    thoughts = [part["text"] for p in items for part in p["summary"]]
    reasoning = [m for m in found.messages if m.channel == "reasoning"]
    chars, calls = LOGS[name]
    assert [m.text for m in reasoning if m.provenance == "summary"] == thoughts
    assert sum(map(len, {t.strip() for t in thoughts})) == chars
    assert sum(m.provenance == "encrypted" for m in reasoning) == len(items)
    assert sum(g.kind == "encrypted" for g in found.coverage) == len(items)
    ids = [p["call_id"] for p in raw if p.get("type") == "function_call"]
    assert [m.call.id for m in found.messages if m.call] == ids
    assert len(ids) == calls
    assert [m.answers for m in found.messages if m.channel == "observation"] == ids
    asked = [m for m in found.messages if m.module == "user"]
    assert len(asked) == sum(p.get("type") == "user_message" for p in raw)
    assert found.access == "summary"


def test_items_and_events_are_told_once_in_the_turn_that_came_first(tmp_path: Path) -> None:
    summary = [{"type": "summary_text", "text": "Plan"}]
    output = json.dumps({"output": "a.py\n", "metadata": {"exit_code": 0}})
    found = _write(
        tmp_path,
        {"type": "session_meta", "payload": {"id": "sess", "instructions": "Rules", "cwd": "/x"}},
        _asked("<environment_context>here</environment_context>"),
        _asked("Fix it"),
        _event("user_message", message="Fix it"),
        {"type": "turn_context", "payload": {"model": "gpt-x", "approval_policy": "never"}},
        _event("agent_reasoning", text="Plan"),
        _event("agent_reasoning_raw_content", text="the raw"),
        _event("token_count", info=None),
        _item("reasoning", summary=summary, content=[{"type": "reasoning_text", "text": "the raw"}],
              encrypted_content="gAAA"),
        _item("function_call", name="shell", arguments='{"command": ["ls"]}', call_id="c1"),
        _item("function_call_output", call_id="c1", output=output),
        _item("custom_tool_call", name="apply_patch", input="*** Begin", call_id="c2"),
        _item("custom_tool_call_output", call_id="c2", output={"content": "ok", "success": True}),
        _item("local_shell_call", call_id="c3", action={"type": "exec", "command": ["pwd"]}),
        _item("web_search_call", action={"type": "search", "query": "q"}),
        _item("reasoning", summary=[], encrypted_content="gBBB"),
        _event("agent_message", message="Done"),
        _item("message", role="assistant", content=[{"type": "output_text", "text": "Done"}]),
        _event("agent_reasoning", text="Plan"),
        _event("some_news", text="x"),
    )  # fmt: skip
    assert _said(found) == [
        ("system", "brief", None, "Rules"),
        ("system", "brief", None, "<environment_context>here</environment_context>"),
        ("user", "brief", None, "Fix it"),
        ("agent", "reasoning", "summary", "Plan"),
        ("agent", "reasoning", "raw", "the raw"),
        ("agent", "reasoning", "encrypted", ""),
        ("agent", "action", None, '{"command": ["ls"]}'),
        ("tool shell", "observation", None, "a.py\n"),
        ("agent", "action", None, "*** Begin"),
        ("tool apply_patch", "observation", None, "ok"),
        ("agent", "action", None, '{"command":["pwd"],"type":"exec"}'),
        ("agent", "action", None, '{"query":"q","type":"search"}'),
        ("agent", "reasoning", "encrypted", ""),
        ("agent", "text", None, "Done"),
        ("agent", "reasoning", "summary", "Plan"),
    ]
    assert [m.call.name for m in found.messages if m.call] == [
        "shell", "apply_patch", "local_shell", "web_search",
    ]  # fmt: skip
    assert (found.id, found.agent, found.metadata["cwd"]) == ("sess", "gpt-x", "/x")
    assert [(g.kind, g.count) for g in found.coverage] == [
        ("encrypted", 1), ("encrypted", 1), ("dropped", 1), ("dropped", 2),
    ]  # fmt: skip
    sealed = [m.turn for m in found.messages if m.channel == "reasoning"][:3]
    assert len(set(sealed[1:])) == 1, "ciphertext belongs to the turn of its text"


def test_broken_and_unfinished_lines_are_said(tmp_path: Path) -> None:
    found = _write(tmp_path, _asked("a"), "{nope", "[1]", {"x": 1}, _asked("b"), end='{"timest')
    assert [m.text for m in found.messages] == ["a", "b"]
    assert [(g.kind, g.line) for g in found.coverage] == [
        ("broken", 2), ("broken", 3), ("broken", 4), ("cut", 6),
    ]  # fmt: skip


def test_what_was_rolled_back_is_a_branch_and_compaction_an_observation(tmp_path: Path) -> None:
    answer = _item("message", role="assistant", content=[{"type": "output_text", "text": "left"}])
    found = _write(
        tmp_path, _asked("a"), _asked("go left"), answer,
        _event("thread_rolled_back", num_turns=1), _asked("go right"),
        {"type": "compacted", "payload": {"message": "so far", "replacement_history": []}},
    )  # fmt: skip
    assert [(m.text, m.branch is not None) for m in found.messages] == [
        ("a", False), ("go left", True), ("left", True), ("go right", False), ("so far", False),
    ]  # fmt: skip
    assert found.messages[-1].module == "compaction"


def test_older_rollouts_and_the_exec_stream_are_read(tmp_path: Path) -> None:
    bare = [
        line["payload"] for line in (_asked("hi"), _item("reasoning", summary=[{"text": "Hm"}]))
    ]
    head = {"id": "old", "timestamp": "t", "instructions": None}
    call = {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c"}
    older = _write(tmp_path, head, *bare, call, {"record_type": "state"})
    assert (older.id, [m.channel for m in older.messages]) == (
        "old",
        ["brief", "reasoning", "action"],
    )
    command = {"id": "i1", "type": "command_execution", "command": "ls"}
    stream = _write(
        tmp_path,
        {"type": "thread.started", "thread_id": "th"},
        {"type": "item.completed", "item": {"id": "i0", "type": "reasoning", "text": "Hm"}},
        {"type": "item.started", "item": command},
        {
            "type": "item.completed",
            "item": {**command, "aggregated_output": "a.py", "exit_code": 0},
        },
        {"type": "item.completed", "item": {"id": "i2", "type": "agent_message", "text": "Done"}},
    )
    assert (stream.id, _said(stream)) == ("th", [
        ("agent", "reasoning", "summary", "Hm"), ("agent", "action", None, "ls"),
        ("tool shell", "observation", None, "a.py"), ("agent", "text", None, "Done"),
    ])  # fmt: skip
    document = tmp_path / "rollout.json"
    document.write_text(
        json.dumps({"session": {"id": "first"}, "items": [*bare, call]}), encoding="utf-8"
    )
    assert recognise(LogFile(document))[0] == "codex"
    assert [m.channel for m in _read(document).messages] == ["brief", "reasoning", "action"]


def test_agents_of_one_session_hear_each_other(tmp_path: Path) -> None:
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": "p", "agent_nickname": "wren"}}}
    meta = {"id": "w", "source": spawned, "history_base": {"thread_id": "p"}}
    words = {"type": "input_text", "text": "count the nests"}
    sealed = {"type": "encrypted_content", "encrypted_content": "c1ph3r"}
    found = _write(
        tmp_path,
        {"type": "session_meta", "payload": meta},
        _item("agent_message", author="/root", recipient="/root/wren", content=[words, sealed]),
        _item("message", role="assistant", content=[{"type": "output_text", "text": "four"}]),
    )
    assert [(m.module, m.channel, m.text, m.to) for m in found.messages] == [
        ("agent /root", "observation", "count the nests", "/root/wren"),
        ("sub-agent wren", "text", "four", None),
    ]
    assert [g.kind for g in found.coverage] == ["missing", "encrypted"]


def test_a_search_without_an_id_is_told_once(tmp_path: Path) -> None:
    search, opened = {"type": "search", "query": "owls"}, {"type": "open_page", "url": "http://o"}
    found = _write(
        tmp_path,
        _item("web_search_call", action=search),
        _event("web_search_begin", call_id="w1"),
        _event("web_search_end", call_id="w1", query="owls", action=search),
        _event("web_search_end", call_id="w2", query="http://o", action=opened),
    )
    assert [json.loads(m.text) for m in found.messages] == [search, opened]


def test_calls_keep_their_namespace_and_outputs_without_text_are_not_lost(tmp_path: Path) -> None:
    call = {"name": "find", "namespace": "mcp__maps", "arguments": "{}", "call_id": "f"}
    found = _write(
        tmp_path,
        _item("function_call", **call),
        _item("tool_search_call", call_id="t", arguments={"query": "maps"}),
        _item("tool_search_output", call_id="t", tools=[{"name": "route"}]),
        _item("image_generation_call", id="i", revised_prompt="an owl", result="aW1n"),
    )
    assert [(m.call.name, m.text) for m in found.messages if m.call] == [
        ("mcp__maps.find", "{}"), ("tool_search", '{"query":"maps"}'),
        ("image_generation", "an owl"),
    ]  # fmt: skip
    assert [m.text for m in found.messages if m.channel == "observation"] == ['[{"name":"route"}]']
    assert [g.reason for g in found.coverage] == ["an image that was generated"]


def test_a_sealed_summary_is_counted_once_however_often_it_is_kept(tmp_path: Path) -> None:
    kept = {"type": "compaction", "encrypted_content": "c1ph3r"}
    found = _write(
        tmp_path,
        {"type": "compacted", "payload": {"message": "", "replacement_history": [kept]}},
        _item("context_compaction", encrypted_content="c1ph3r"),
        _item("compaction_trigger"),
    )
    assert [(m.module, m.provenance) for m in found.messages] == [("compaction", "encrypted")]
