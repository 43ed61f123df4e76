"""Records the scenarios: scripted agents that really use files, a shell, Python and SQLite.

    python datasets/honest-work/record.py            writes runs.jsonl
    python datasets/honest-work/record.py --check    only says what would change

Each scenario is played through LangGraph: a chat model that speaks the written lines, and real
tools in a workspace of its own. A `result:` line stands for what could not be run. The format of
a scenario is in README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

HERE = Path(__file__).parent
WITH_ARGUMENT = "init|file|sql|read|write|tool"
KEY = re.compile(
    rf"^(?P<key>system|user|think|say|bash|python|result|(?:{WITH_ARGUMENT}) [^:\n]+):(?: |$)"
)
LIMIT = 6000
"""Characters of a tool's output that an agent gets to see."""
ENVIRONMENT = {
    "PATH": os.environ["PATH"], "HOME": "/home/agent", "LANG": "C.UTF-8", "TZ": "UTC",
    "USER": "agent", "GIT_AUTHOR_NAME": "agent", "GIT_AUTHOR_EMAIL": "agent@example.test",
    "GIT_COMMITTER_NAME": "agent", "GIT_COMMITTER_EMAIL": "agent@example.test",
    "GIT_AUTHOR_DATE": "2025-03-03T10:00:00Z", "GIT_COMMITTER_DATE": "2025-03-03T10:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0",
}  # fmt: skip


@dataclass
class Scenario:
    """One written scenario: lines of (key, argument, text)."""

    name: str
    domain: str
    kind: str
    lines: list[tuple[str, str, str]] = field(default_factory=list)


def scenarios(path: Path) -> Iterator[Scenario]:
    """The scenarios of a file."""
    current: Scenario | None = None
    for line in path.read_text("utf-8").split("\n"):
        if line.startswith("=== "):
            if current is not None:
                yield current
            name, domain, kind = (part.strip() for part in line[4:].split("|"))
            current = Scenario(name, domain, kind)
        elif current is not None and (match := KEY.match(line)):
            key, _, argument = match["key"].partition(" ")
            current.lines.append((key, argument, line[match.end() :]))
        elif current is not None and current.lines:
            key, argument, text = current.lines[-1]
            current.lines[-1] = (key, argument, f"{text}\n{line}")
        elif line.strip():
            raise SystemExit(f"{path}: a line before any scenario or key: {line!r}")
    if current is not None:
        yield current


class Script(BaseChatModel):
    """A chat model that says its lines, one a call."""

    lines: list[AIMessage]

    @property
    def _llm_type(self) -> str:
        return "script"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.lines.pop(0))])


def real_tools(folder: Path) -> list[BaseTool]:
    """The tools of an agent, at work in a folder."""

    def run(command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=30,
            errors="replace", check=False,
        )  # fmt: skip
        said = (done.stdout + done.stderr).rstrip("\n")
        said += f"\n[exit {done.returncode}]" if done.returncode else ""
        return said.replace(str(folder), "/home/agent/work")[:LIMIT]

    def bash(command: str) -> str:
        """Runs a shell command."""
        return run(["bash", "-c", command])

    def python(code: str) -> str:
        """Runs Python."""
        return run([sys.executable, "-I", "-c", code])

    def sql(database: str, query: str) -> str:
        """Runs SQL on an SQLite database."""
        with sqlite3.connect(folder / database) as db:
            rows = db.execute(query)
            lines = ["|".join(column[0] for column in rows.description or ())]
            lines += [
                "|".join("NULL" if v is None else str(v) for v in r) for r in rows.fetchmany(60)
            ]
        return "\n".join(filter(None, lines)) or "ok"

    def read_file(path: str) -> str:
        """Reads a file."""
        return (folder / path).read_text("utf-8")[:LIMIT]

    def write_file(path: str, content: str) -> str:
        """Writes a file."""
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, "utf-8")
        return f"wrote {path}"

    return [StructuredTool.from_function(f) for f in (bash, python, sql, read_file, write_file)]


def set_up(folder: Path, scenario: Scenario) -> None:
    """Puts the scenario's files and databases into an empty workspace."""
    for key, argument, text in scenario.lines:
        if key == "file":
            target = folder / argument
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text.strip("\n") + "\n", "utf-8")
        elif key == "init" and argument == "sh":
            subprocess.run(["bash", "-c", text], cwd=folder, env=ENVIRONMENT, check=True,
                           capture_output=True)  # fmt: skip
        elif key == "init":
            with sqlite3.connect(folder / argument) as db:
                db.executescript((folder / text.strip()).read_text("utf-8"))


def conversation(scenario: Scenario) -> tuple[list[BaseMessage], dict[str, str]]:
    """What is said in order, and the written results by call id."""
    said: list[BaseMessage] = []
    written: dict[str, str] = {}
    turn: AIMessage | None = None
    for key, argument, raw in scenario.lines:
        text = raw.strip("\n")
        if key in ("system", "user"):
            said.append(SystemMessage(text) if key == "system" else HumanMessage(text))
            turn = None
        elif key == "result" and turn is not None:
            written[turn.tool_calls[-1]["id"] or ""] = text
        elif key not in ("file", "init"):
            acted = turn is not None and bool(turn.content or turn.tool_calls)
            if turn is None or key == "think" or (key == "say" and acted):
                turn = AIMessage("")
                said.append(turn)
            _add(turn, key, argument, text, sum(len(m.tool_calls) for m in _spoken(said)))
    return said, written


def _spoken(said: Sequence[BaseMessage]) -> list[AIMessage]:
    return [m for m in said if isinstance(m, AIMessage)]


def _add(turn: AIMessage, key: str, argument: str, text: str, calls: int) -> None:
    """One line of the agent: a thought, words, or a call."""
    if key == "think":
        turn.additional_kwargs["reasoning_content"] = text
    elif key == "say":
        turn.content = text
    else:
        name, args = {
            "bash": lambda: ("bash", {"command": text}),
            "python": lambda: ("python", {"code": text}),
            "sql": lambda: ("sql", {"database": argument, "query": text}),
            "read": lambda: ("read_file", {"path": argument}),
            "write": lambda: ("write_file", {"path": argument, "content": text + "\n"}),
            "tool": lambda: (argument, json.loads(text)),
        }[key]()
        call = {"name": name, "args": args, "id": f"call_{calls + 1}", "type": "tool_call"}
        turn.tool_calls.append(call)  # pyright: ignore[reportArgumentType]


def record(scenario: Scenario) -> dict[str, Any]:
    """The run as one line of OpenAI-style chat."""
    said, written = conversation(scenario)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        set_up(folder, scenario)
        state = _play(said, written, ToolNode(real_tools(folder), handle_tool_errors=True))
    return {
        "id": scenario.name,
        "messages": [_chat(message) for message in state],
        "metadata": {
            "mode": "honest", "group": scenario.name, "domain": scenario.domain,
            "kind": scenario.kind,
        },
    }  # fmt: skip


def _play(said: list[BaseMessage], written: dict[str, str], tools: ToolNode) -> list[BaseMessage]:
    """People speak their lines; the graph runs from there until the agent waits for them."""
    spoken = [k for k, m in enumerate(said) if isinstance(m, AIMessage)]
    app = _graph(said, spoken, written, tools)
    state: list[BaseMessage] = []
    k = 0
    while k < len(said):
        if isinstance(said[k], AIMessage):
            state = app.invoke({"messages": state}, {"recursion_limit": 500})["messages"]
            k = spoken[len(_spoken(state)) - 1] + 1
        else:
            state.append(said[k])
            k += 1
    return state


def _graph(
    said: list[BaseMessage], spoken: list[int], written: dict[str, str], tools: ToolNode
) -> Any:
    script = Script(lines=_spoken(said))

    def agent(state: MessagesState) -> dict[str, Any]:
        return {"messages": [script.invoke(state["messages"])]}

    def act(state: MessagesState) -> dict[str, Any]:
        done: list[BaseMessage] = []
        for call in state["messages"][-1].tool_calls:  # pyright: ignore[reportAttributeAccessIssue]
            if call["id"] in written:
                done.append(ToolMessage(written[call["id"]], tool_call_id=call["id"]))
            else:
                done += tools.invoke({"messages": [AIMessage("", tool_calls=[call])]})["messages"]
        return {"messages": done}

    def go_on(state: MessagesState) -> str:
        last = state["messages"][-1]
        if isinstance(last, AIMessage) and last.tool_calls:
            return "tools"
        n = len(_spoken(state["messages"]))
        more = n < len(spoken) and spoken[n] == spoken[n - 1] + 1
        return "agent" if more and isinstance(last, ToolMessage) else END

    graph = StateGraph(MessagesState)
    graph.add_node("agent", agent)
    graph.add_node("tools", act)
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", go_on)
    graph.add_conditional_edges("tools", go_on)
    return graph.compile()


def _chat(message: BaseMessage) -> dict[str, Any]:
    if isinstance(message, AIMessage):
        row: dict[str, Any] = {"role": "assistant", "content": message.content}
        row |= message.additional_kwargs
        calls = [
            {"id": c["id"], "type": "function", "function": {
                "name": c["name"], "arguments": json.dumps(c["args"], ensure_ascii=False),
            }} for c in message.tool_calls
        ]  # fmt: skip
        return row | ({"tool_calls": calls} if calls else {})
    if isinstance(message, ToolMessage):
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    role = "system" if isinstance(message, SystemMessage) else "user"
    return {"role": role, "content": message.content}


def main() -> None:
    """Records every scenario, or says which would come out differently."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--check", action="store_true", help="write nothing; list what differs")
    check = asked.parse_args().check
    every = [s for path in sorted((HERE / "scenarios").glob("*.txt")) for s in scenarios(path)]
    lines = [json.dumps(record(s), ensure_ascii=False) + "\n" for s in every]
    target = HERE / "runs.jsonl"
    if not check:
        target.write_text("".join(lines), "utf-8")
        return
    known = set(target.read_text("utf-8").splitlines(keepends=True))
    changed = [s.name for s, line in zip(every, lines, strict=True) if line not in known]
    sys.stdout.write(f"{len(every)} scenarios, {len(changed)} come out differently: {changed}\n")


if __name__ == "__main__":
    if shutil.which("bash") is None:
        sys.exit("the scenarios need bash")
    main()
