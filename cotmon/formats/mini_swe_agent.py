"""mini-swe-agent: messages only; the command is a fence in the text, or a real tool call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from cotmon.errors import FormatError
from cotmon.formats._builder import Builder, Turn
from cotmon.formats._content import text_of
from cotmon.formats._file import LogFile
from cotmon.formats._shapes import object_of, objects_in, string_of
from cotmon.records import Provenance, Refusal, Source, Transcript

NAME = "mini_swe_agent"
TOOL = "bash"
_FENCE = re.compile(r"```(?:mswea_bash_command|bash|sh)[ \t]*\r?\n(.*?)\r?\n?```", re.DOTALL)
_RESULT = re.compile(r"\s*(?:<returncode>|<output>|<exception>|Observation:)")
_ADDED = "The user added a new task"
_MARKED = re.compile(r"\s*\**(?:THOUGHTS?|REASONING)\b", re.IGNORECASE)
_LABELS = ("exit_status", "submission", "score", "resolved")


class _Format:
    title = "a mini-swe-agent trajectory"

    def sniff(self, file: LogFile) -> int:
        document = file.document if file.kind == "json" else file.first
        if isinstance(document, list):
            return 3 if _is_bare(document) else 0
        if not isinstance(document, dict) or not isinstance(document.get("messages"), list):
            return 0
        info = object_of(document.get("info"))
        if str(document.get("trajectory_format", "")).startswith("mini-swe-agent"):
            return 3
        own = "mini_version" in info or {"model_stats", "exit_status"} <= info.keys()
        return 3 if own or _is_bare(document["messages"]) else 0

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        if file.kind == "json":
            yield self._one(file, file.document, 0, None)
            return
        for position, line in enumerate(file.lines()):
            if line.error is not None:
                reason = line.error.reason
                yield Refusal(file=file.name, reason=reason, line=line.number, format=NAME)
            else:
                yield self._one(file, line.value, position, line.number)

    def _one(self, file: LogFile, data: Any, position: int, line: int | None) -> Transcript:
        record = {"messages": data} if isinstance(data, list) else data
        if not isinstance(record, dict) or not isinstance(record.get("messages"), list):
            raise FormatError("a mini-swe-agent trajectory without messages", line=line)
        source = Source(file=file.name, format=NAME, position=position, keys={"line": line})
        own = string_of(record.get("instance_id")) or string_of(record.get("id"))
        place = file.stem if line is None else f"{file.stem}:{line}"
        builder = Builder(own or place, source)
        if line is None:
            builder.note(*file.notes)
        _describe(builder, record)
        writer = _Writer(builder)
        for message in record["messages"]:
            writer.write(message)
        return builder.finish()


def _is_bare(messages: list[Any]) -> bool:
    """Whether plain messages are this agent's: fenced commands, and results as the user's."""
    objects = objects_in(messages[:20])
    return any(
        asked.get("role") == "assistant"
        and told.get("role") == "user"
        and isinstance(asked.get("content"), str)
        and _FENCE.search(asked["content"]) is not None
        and str(told.get("content")).lstrip().startswith("<returncode>")
        for asked, told in pairwise(objects)
    )


def _describe(builder: Builder, record: dict[str, Any]) -> None:
    info = object_of(record.get("info"))
    builder.labels.update({k: info[k] for k in _LABELS if info.get(k) is not None})
    builder.metadata.update({k: v for k, v in info.items() if k not in builder.labels})
    builder.metadata.update(object_of(record.get("metadata")))
    if record.get("trajectory_format") is not None:
        builder.metadata["trajectory_format"] = record["trajectory_format"]
    name = object_of(object_of(info.get("config")).get("model")).get("model_name")
    builder.agent = string_of(name)


class _Writer:
    """Writes messages; a result is tied to the command that the message before it gave."""

    def __init__(self, builder: Builder) -> None:
        self._to = builder
        self._open: list[str] = []
        self._begun = False

    def write(self, message: Any) -> None:
        """One message."""
        if not isinstance(message, dict):
            self._to.gap("broken", "a message that is no object")
            return
        role, kind = message.get("role"), message.get("type")
        if role == "assistant" or message.get("object") == "response":
            self._said(message)
        elif kind == "function_call_output" or role == "tool":
            call = message.get("tool_call_id") or message.get("call_id")
            self._given(message, string_of(call))
        elif role in ("system", "developer"):
            self._brief("system", message)
        elif role == "exit":
            self._given(message, None, "system")
        else:
            self._told(message)

    def _brief(self, module: str, message: dict[str, Any]) -> None:
        text, dropped = text_of(message.get("content"))
        turn = self._to.turn(module, string_of(message.get("id")))
        turn.brief(text)
        if dropped:
            self._to.gap("dropped", "an image in a message", where=turn.id, count=len(dropped))

    def _told(self, message: dict[str, Any]) -> None:
        """Under the user's role: first the task, then results; a person may add a task.

        Several commands at once are refused by the agent's frame: the answer is to none of them.
        """
        text = text_of(message.get("content"))[0]
        if not self._begun or text.startswith(_ADDED):
            self._brief("user", message)
        else:
            call = self._open[0] if len(self._open) == 1 else None
            module = None if call or _RESULT.match(text) else "system"
            self._given(message, call, module)

    def _given(self, message: dict[str, Any], call: str | None, module: str | None = None) -> None:
        text, dropped = text_of(message.get("content") or message.get("output"))
        if call in self._open:
            self._open.remove(str(call))
        turn = self._to.turn(module or self._to.tool_of(call), string_of(message.get("id")))
        turn.observation(text, answers=call)
        if dropped:
            self._to.gap("dropped", "an image in a result", where=turn.id, count=len(dropped))

    def _said(self, message: dict[str, Any]) -> None:
        self._begun, self._open = True, []
        turn = self._to.turn("agent", string_of(message.get("id")))
        answers = _answers(message)
        for answer in answers:
            self._to.agent = self._to.agent or string_of(answer.get("model"))
        _think(turn, [message, *answers])
        items = (item.get("content") for item in _items(message, "message"))
        text = text_of([message.get("content"), *items])[0]
        calls = _calls(message)
        self._text(turn, text, fenced=not calls)
        for answer in answers:
            more = text_of(answer.get("content"))[0]
            if more.strip() and more.strip() not in text:
                turn.text(more)
        for name, asked, call in calls:
            self._open.append(call or f"{turn.id} {len(self._open) + 1}")
            turn.action(name, asked, self._open[-1])

    def _text(self, turn: Turn, text: str, *, fenced: bool) -> None:
        """Thought, command and what follows, as slices of the text."""
        at = 0
        for fence in _FENCE.finditer(text) if fenced else ():
            _say(turn, text[at : fence.start()])
            self._open.append(f"{turn.id} {TOOL} {len(self._open) + 1}")
            turn.action(TOOL, fence[1], self._open[-1])
            at = fence.end()
        _say(turn, text[at:])


def _say(turn: Turn, text: str) -> None:
    if not text.strip():
        return
    if _MARKED.match(text):
        turn.reasoning(text, "inline")
    else:
        turn.text(text)


def _answers(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of the model's answer as it came, each with the model's name."""
    response = object_of(object_of(message.get("extra")).get("response"))
    found = [object_of(c.get("message")) for c in objects_in(response.get("choices"))]
    found.append({"output": objects_in(response.get("output"))})
    return [{**answer, "model": response.get("model")} for answer in found]


def _items(message: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Items of one type of a Responses answer."""
    return [item for item in objects_in(message.get("output")) if item.get("type") == kind]


def _calls(message: dict[str, Any]) -> list[tuple[str, Any, str | None]]:
    """Real tool calls: name, arguments, id."""
    found: list[tuple[str, Any, str | None]] = []
    for call in objects_in(message.get("tool_calls")):
        asked = object_of(call.get("function")) or call
        found.append((str(asked.get("name")), asked.get("arguments"), string_of(call.get("id"))))
    for item in _items(message, "function_call"):
        call = string_of(item.get("call_id"))
        found.append((str(item.get("name")), item.get("arguments"), call))
    return found


Thought = tuple[Provenance, str]


def _think(turn: Turn, messages: list[dict[str, Any]]) -> None:
    """The model's own reasoning, each text once: providers and proxies repeat it."""
    told: list[str] = []
    sealed: set[str] = set()
    for message in messages:
        for provenance, text in _thoughts(message):
            if provenance in ("encrypted", "redacted"):
                if text not in sealed:
                    turn.hidden(provenance, "the provider sealed this piece of reasoning")
                sealed.add(text)
            elif text.strip() and not any(text.strip() in known for known in told):
                turn.reasoning(text, provenance)
                told.append(text)


def _thoughts(message: dict[str, Any]) -> Iterator[Thought]:
    for key in ("reasoning_content", "reasoning", "thinking"):
        if isinstance(message.get(key), str):
            yield "raw", message[key]
    for key in ("reasoning_details", "thinking_blocks"):
        for block in objects_in(message.get(key)):
            yield from _thought(block)
    for item in _items(message, "reasoning"):
        yield from _reasoning_item(item)
    more = object_of(message.get("provider_specific_fields"))
    yield from _thoughts(more) if more else ()


def _thought(block: dict[str, Any]) -> Iterator[Thought]:
    kind = str(block.get("type"))
    if isinstance(block.get("summary"), str):
        yield "summary", block["summary"]
    for key in ("text", "thinking"):
        if isinstance(block.get(key), str):
            yield "raw", block[key]
    if isinstance(block.get("data"), str) and block["data"]:
        yield ("redacted" if "redacted" in kind else "encrypted"), block["data"]


def _reasoning_item(item: dict[str, Any]) -> Iterator[Thought]:
    for key, provenance in (("content", "raw"), ("summary", "summary")):
        for part in objects_in(item.get(key)):
            if isinstance(part.get("text"), str):
                yield provenance, part["text"]  # pyright: ignore[reportReturnType]
    if isinstance(item.get("encrypted_content"), str):
        yield "encrypted", item["encrypted_content"]


FORMAT = _Format()
