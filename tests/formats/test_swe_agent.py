"""SWE-agent trajectories: every thought once, demonstrations out, nothing lost."""

import json
from pathlib import Path

import pytest

from cotmon.formats import Options, read
from cotmon.records import Message, Transcript

LOGS = {
    "swe-agent-traj__SWE-agent__function_calling_simple.traj": (904, 5),
    "swe-agent-traj__SWE-agent__i_got_id_demo.traj": (8748, 21),
    "swe-agent-traj__SWE-agent__katy.traj": (3972, 18),
    # The table counts 17: 11 actions, and the 6 ids that they share, once more.
    "swe-agent-traj__SWE-agent__marshmallow-code__marshmallow-1867.traj": (2375, 11),
    "swe-agent-traj__SWE-agent__pydicom__pydicom-1458.traj": (3278, 12),
}


def _read(path: Path) -> Transcript:
    (found,) = list(read(path, Options(format="swe_agent")))
    assert isinstance(found, Transcript), found
    return found


def _write(folder: Path, **document: object) -> Transcript:
    path = folder / "run.traj"
    path.write_text(json.dumps(document), encoding="utf-8")
    return _read(path)


def _of(found: Transcript, channel: str) -> list[Message]:
    return [m for m in found.messages if m.channel == channel]


def _thoughts(value: object) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_thoughts, value))
    if not isinstance(value, dict):
        return set()
    inner = set().union(*map(_thoughts, value.values()))
    thought = value.get("thought")
    return inner | (
        {thought.strip()} if isinstance(thought, str) and not value.get("is_demo") else set()
    )


@pytest.mark.parametrize("name", LOGS)
def test_genuine_logs_give_every_thought_and_call_once(shared: Path, name: str) -> None:
    found = _read(shared / "logs" / name)
    raw = json.loads((shared / "logs" / name).read_text(encoding="utf-8"))
    told = [m.text.strip() for m in _of(found, "reasoning")]
    lost = {t for t in _thoughts(raw) - {""} if not any(t in text for text in told)}
    assert not lost
    chars, calls = LOGS[name]
    shorter = {t for t in _thoughts(raw) - set(told)}
    assert sum(map(len, set(told) | shorter)) == chars
    assert sum(g.reason.startswith("a shorter") for g in found.coverage) == len(shorter - {""})
    assert len(_of(found, "action")) == calls
    steps = raw.get("trajectory") or []
    given = {m.text for m in _of(found, "observation")}
    assert {s["observation"] for s in steps} - {""} <= given
    assert all(m.answers for m in _of(found, "observation"))


def test_the_response_repeats_thought_and_action_but_its_rest_is_kept(tmp_path: Path) -> None:
    step = {
        "thought": "Look first.\n", "action": "ls -a\n", "observation": "a.py",
        "response": "Look first.\n\n```\nls -a\n```\nThen I hide the file.", "state": "{}",
    }  # fmt: skip
    found = _write(
        tmp_path, trajectory=[step], history=[], info={"exit_status": "submitted", "score": 1}
    )
    assert [(m.channel, m.text, m.provenance) for m in found.messages] == [
        ("reasoning", "Look first.\n", "inline"),
        ("text", "```\nThen I hide the file.", None),
        ("action", "ls -a\n", None),
        ("observation", "a.py", None),
    ]
    assert found.labels == {"exit_status": "submitted", "score": 1}
    assert found.messages[3].answers == found.messages[2].call.id  # pyright: ignore[reportOptionalMemberAccess]


def test_history_gives_briefs_calls_and_thinking_but_no_demonstrations(tmp_path: Path) -> None:
    step = {
        "thought": "Open it.",
        "action": "open a.py",
        "observation": "text",
        "response": "Open it.",
    }
    retried = {
        "thought": "Bad try.",
        "action": "opn",
        "observation": "",
        "response": "Bad try.\nopn",
    }
    call = {"id": "c1", "function": {"name": "open", "arguments": '{"path": "a.py"}'}}
    blocks = [{"type": "thinking", "thinking": "deep"}, {"type": "redacted_thinking", "data": "x"}]
    history = [
        {"role": "system", "content": "Rules", "agent": "main"},
        {"role": "user", "content": "a demo", "agent": "main", "is_demo": True},
        {"role": "assistant", "content": "demo", "thought": "demo", "action": "d", "is_demo": True},
        {"role": "user", "content": "Task", "agent": "main"},
        {"role": "assistant", "content": "Open it.", "thought": "Open it.", "action": "open a.py",
         "agent": "main", "tool_calls": [call], "thinking_blocks": blocks},
        {"role": "tool", "content": "OBSERVATION: text (cwd /)", "tool_call_ids": ["c1"]},
        {"role": "assistant", "content": "Only here", "thought": "Only here", "action": "pwd"},
    ]  # fmt: skip
    found = _write(tmp_path, trajectory=[retried, step], history=history)
    assert [(m.channel, m.text) for m in found.messages] == [
        ("brief", "Rules"), ("brief", "Task"),
        ("reasoning", "Bad try."), ("action", "opn"),
        ("reasoning", "deep"), ("reasoning", ""), ("reasoning", "Open it."),
        ("action", '{"path": "a.py"}'), ("observation", "text"),
        ("reasoning", "Only here"), ("action", "pwd"),
    ]  # fmt: skip
    assert [(g.kind, g.count) for g in found.coverage] == [("redacted", 1), ("dropped", 2)]
    assert found.messages[8].answers == "c1"


def test_attempts_that_were_not_chosen_are_branches(tmp_path: Path) -> None:
    def attempt(thought: str) -> dict[str, object]:
        step = {"thought": thought, "action": "ls", "observation": "x", "response": "", "state": {}}
        return {"trajectory": [step], "history": [], "info": {"exit_status": thought}}

    first, second = attempt("try it"), attempt("try again")
    chosen = {**second, "info": {"best_attempt_idx": 1}}
    found = _write(tmp_path, attempts=[first, second], **chosen)
    assert [(m.text, m.branch) for m in _of(found, "reasoning")] == [
        ("try it", "attempt 1"), ("try again", None),
    ]  # fmt: skip
    assert found.labels["attempts"] == [{"exit_status": "try it"}, {"exit_status": "try again"}]
    running = _write(tmp_path, attempts=[first, second])
    assert [m.branch for m in _of(running, "reasoning")] == ["attempt 1", None]
