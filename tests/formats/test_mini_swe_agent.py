"""mini-swe-agent: fenced commands are calls, the next user message is their result."""

import json
import re
from pathlib import Path

import pytest

from cotmon.formats import Options, read, recognise
from cotmon.formats._file import LogFile
from cotmon.records import Message, Transcript

LOGS = {
    "mini-swe-agent__SWE-agent__github_issue.traj.json": (0, 10),
    "mini-swe-agent__SWE-agent__local.traj.json": (0, 2),
    "mini-swe-agent__gruckion__astropy__astropy-12907.traj.json": (304, 20),
    "mini-swe-agent__gruckion__sympy__sympy-20916.traj.json": (0, 52),
    "mini-swe-agent__gruckion__sympy__sympy-23534.traj.json": (1376, 21),
}
FENCE = "```bash\n{}\n```"


def _read(path: Path) -> Transcript:
    (found,) = list(read(path, Options(format="mini_swe_agent")))
    assert isinstance(found, Transcript), found
    return found


def _write(folder: Path, document: object) -> Transcript:
    path = folder / "run.traj.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return _read(path)


def _of(found: Transcript, channel: str) -> list[Message]:
    return [m for m in found.messages if m.channel == channel]


def _channels(value: object) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_channels, value))
    if not isinstance(value, dict):
        return set()
    inner = set().union(*map(_channels, value.values()))
    own = [
        value.get("reasoning"),
        value.get("text") if value.get("type") == "reasoning.text" else None,
    ]
    return inner | {text.strip() for text in own if isinstance(text, str)}


@pytest.mark.parametrize("name", LOGS)
def test_genuine_logs_give_all_reasoning_and_all_commands(shared: Path, name: str) -> None:
    path = shared / "logs" / name
    assert recognise(LogFile(path))[0] == "mini_swe_agent"
    found, raw = _read(path), json.loads(path.read_text(encoding="utf-8"))
    chars, calls = LOGS[name]
    native = {m.text.strip() for m in _of(found, "reasoning") if m.provenance == "raw"}
    assert native == _channels(raw)
    assert sum(map(len, native)) == chars
    messages = raw["messages"] if isinstance(raw, dict) else raw
    texts = [m["content"] for m in messages if m["role"] == "assistant"]
    fences = [
        f
        for t in texts
        for f in re.findall(r"```(?:bash|mswea_bash_command)\n(.*?)\n```", t, re.DOTALL)
    ]
    assert [m.text for m in _of(found, "action")] == fences
    assert len(fences) == calls
    said = "".join(m.text for m in found.messages if m.module == "agent" and m.provenance != "raw")
    assert sum(map(len, texts)) - len(said) <= 40 * len(fences), (
        "more than the fences' marks is lost"
    )


def test_thought_command_result_and_the_sealed_details(tmp_path: Path) -> None:
    details = [
        {"type": "reasoning.text", "text": "secret plan"},
        {"type": "reasoning.encrypted", "data": "AAAA"},
    ]
    answer = {
        "role": "assistant",
        "content": "x",
        "reasoning": "secret plan",
        "reasoning_details": details,
    }
    messages = [
        {"role": "system", "content": "Rules"},
        {"role": "user", "content": "Task"},
        {"role": "assistant", "content": "THOUGHT: go\n\n" + FENCE.format("ls") + "\nx",
         "extra": {"response": {"model": "m-1", "choices": [{"message": answer}]}}},
        {"role": "user", "content": "<returncode>0</returncode>"},
        {"role": "assistant", "content": FENCE.format("a") + FENCE.format("b")},
        {"role": "user", "content": "Please give EXACTLY ONE action"},
        {"role": "user", "content": "The user added a new task: more"},
        {"role": "exit", "content": "done"},
    ]  # fmt: skip
    found = _write(
        tmp_path, {"messages": messages, "info": {"exit_status": "Submitted", "mini_version": "1"}}
    )
    assert [(m.module, m.channel, m.provenance, m.text) for m in found.messages] == [
        ("system", "brief", None, "Rules"),
        ("user", "brief", None, "Task"),
        ("agent", "reasoning", "raw", "secret plan"),
        ("agent", "reasoning", "encrypted", ""),
        ("agent", "reasoning", "inline", "THOUGHT: go\n\n"),
        ("agent", "action", None, "ls"),
        ("agent", "text", None, "\nx"),
        ("tool bash", "observation", None, "<returncode>0</returncode>"),
        ("agent", "action", None, "a"),
        ("agent", "action", None, "b"),
        ("system", "observation", None, "Please give EXACTLY ONE action"),
        ("user", "brief", None, "The user added a new task: more"),
        ("system", "observation", None, "done"),
    ]
    assert found.messages[7].answers == found.messages[5].call.id  # pyright: ignore[reportOptionalMemberAccess]
    assert (found.agent, found.labels) == ("m-1", {"exit_status": "Submitted"})
    assert [g.kind for g in found.coverage] == ["encrypted"]


def test_newer_versions_call_tools(tmp_path: Path) -> None:
    call = {"id": "c1", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}
    items = [
        {"type": "reasoning", "summary": [{"text": "short"}], "encrypted_content": "x"},
        {"type": "message", "content": [{"type": "output_text", "text": "hello"}]},
        {"type": "function_call", "name": "bash", "arguments": "{}", "call_id": "c2"},
    ]  # fmt: skip
    messages = [
        {"role": "user", "content": "Task"},
        {"role": "assistant", "content": "Look.", "tool_calls": [call], "reasoning_content": "why"},
        {"role": "tool", "tool_call_id": "c1", "content": "a.py"},
        {"object": "response", "output": items},
        {"type": "function_call_output", "call_id": "c2", "output": "b.py"},
    ]
    found = _write(tmp_path, {"messages": messages, "trajectory_format": "mini-swe-agent-1.1"})
    assert [(m.channel, m.provenance, m.text, m.answers) for m in found.messages] == [
        ("brief", None, "Task", None),
        ("reasoning", "raw", "why", None),
        ("text", None, "Look.", None),
        ("action", None, '{"command": "ls"}', None),
        ("observation", None, "a.py", "c1"),
        ("reasoning", "summary", "short", None),
        ("reasoning", "encrypted", "", None),
        ("text", None, "hello", None),
        ("action", None, "{}", None),
        ("observation", None, "b.py", "c2"),
    ]
