"""SWE-agent: `.traj` documents, old and new."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from cotmon.errors import FormatError
from cotmon.formats._builder import Builder, Turn
from cotmon.formats._content import text_of
from cotmon.formats._file import LogFile
from cotmon.formats._shapes import object_of, objects_in, string_of
from cotmon.records import Refusal, Source, Transcript

NAME = "swe_agent"
TOOL = "shell"
"""The tool's name where the source holds only a command line."""
_MAIN = frozenset({"main", "primary", "agent", ""})
_LABELS = ("exit_status", "submission", "score", "resolved", "summarizer")
_LOOKED_AT = 100
"""Entries with the same action that are compared with one step."""
_MARKUP = re.compile(
    r"```[^\n`]*|</?(?:function|parameter|command|discussion|thought|tool_call|action)\b[^>\n]{0,200}>"
)
"""What stands around an action in a response: fences and the tags of the parsers."""


class _Format:
    title = "a SWE-agent trajectory"

    def sniff(self, file: LogFile) -> int:
        return max((_strength(value) for value in file.sample), default=0)

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        if file.kind == "json":
            yield self._one(file, file.document, 0, None)
            return
        for position, line in enumerate(file.lines()):
            if line.error is None and isinstance(line.value, dict):
                yield self._one(file, line.value, position, line.number)
            else:
                reason = line.error.reason if line.error else "a line that is no trajectory"
                yield Refusal(file=file.name, reason=reason, line=line.number, format=NAME)

    def _one(self, file: LogFile, data: Any, position: int, line: int | None) -> Transcript:
        if not isinstance(data, dict):
            raise FormatError("a SWE-agent trajectory is one object, this is none")
        source = Source(file=file.name, format=NAME, position=position, keys={"line": line})
        info = object_of(data.get("info"))
        builder = Builder(string_of(data.get("instance_id")) or file.stem, source)
        if line is None:
            builder.note(*file.notes)
        builder.labels.update({k: info[k] for k in _LABELS if info.get(k) is not None})
        builder.metadata.update({k: v for k, v in info.items() if k not in builder.labels})
        if data.get("environment") is not None:
            builder.metadata["environment"] = data["environment"]
        for attempt, branch in _attempts(data):
            writer = _Writer(builder, branch)
            writer.write(objects_in(attempt.get("history")), objects_in(attempt.get("trajectory")))
        endings = [object_of(a.get("info")) for a in objects_in(data.get("attempts"))]
        if endings:
            builder.labels["attempts"] = [{k: e.get(k) for k in _LABELS if k in e} for e in endings]
        return builder.finish()


def _attempts(data: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    """What is to be written, in order, and its branch.

    An agent that tries again keeps all its attempts and repeats the chosen one beside them;
    while it runs, the latest one is the main line.
    """
    attempts = objects_in(data.get("attempts"))
    chosen = object_of(data.get("info")).get("best_attempt_idx")
    if "trajectory" in data or "history" in data:
        same = (k for k, a in enumerate(attempts) if a.get("trajectory") == data.get("trajectory"))
        main = chosen if isinstance(chosen, int) else next(same, -1)
    else:
        main = len(attempts) - 1
    if not 0 <= main < len(attempts):
        attempts.append(data)
        main = len(attempts) - 1
    for k, attempt in enumerate(attempts):
        yield attempt, None if k == main else f"attempt {k + 1}"


def _strength(value: Any) -> int:
    if not isinstance(value, dict):
        return 0
    if "trajectory" not in value and "history" not in value:
        tried = objects_in(value.get("attempts"))[:2]
        return max(
            (_strength(attempt) for attempt in tried if "attempts" not in attempt), default=0
        )
    steps = objects_in(value.get("trajectory"))[:5]
    if any({"action", "observation"} <= step.keys() for step in steps):
        return 3
    history = objects_in(value.get("history"))[:10]
    if any("agent" in e and {"thought", "message_type", "is_demo"} & e.keys() for e in history):
        return 3
    return 2 if {"trajectory", "history", "info"} <= value.keys() and not steps else 0


def _string(value: Any) -> str:
    return value if isinstance(value, str) else text_of(value)[0]


class _Writer:
    """Writes steps, and what only the history holds.

    The trajectory leads: it also holds attempts that were asked again, which the history
    leaves out. An entry of the history that a step repeats gives it its tool calls and its
    thinking; one that no step repeats is written where it stands.
    """

    def __init__(self, builder: Builder, branch: str | None = None) -> None:
        self._to = builder
        self._branch = branch
        self._sampled = 0
        self._calls: list[str] = []
        self._seen = ""
        self._begun = False
        self._demos = 0

    def write(self, history: list[dict[str, Any]], steps: list[dict[str, Any]]) -> None:
        """Everything in order, each thing once."""
        if not history and steps:
            history = objects_in(steps[0].get("query") or steps[0].get("messages"))
        at, turns = 0, _Turns(history)
        for step in steps:
            found = turns.find(step, at)
            if found is None and not self._begun:
                found = next((i for i in range(at, len(history)) if _is_turn(history[i])), at)
                at = self._entries(history, at, found)
                found = None
            if found is not None:
                at = self._entries(history, at, found) + 1
            self._step(step, history[found] if found is not None else {})
        self._entries(history, at, len(history))
        if self._demos:
            reason = "demonstrations put before the task; they are not this agent's"
            self._to.gap("dropped", reason, where="history", count=self._demos)
        if self._sampled:
            reason = (
                "further outputs that were sampled for a step and not taken stand in extra_info"
            )
            self._to.gap("dropped", reason, where="trajectory", count=self._sampled)

    def _turn(self, module: str) -> Turn:
        return self._to.turn(module, branch=self._branch)

    def _entries(self, history: list[dict[str, Any]], start: int, end: int) -> int:
        for entry in history[start:end]:
            self._entry(entry)
        return end

    def _entry(self, entry: dict[str, Any]) -> None:
        """An entry of the history that no step repeats."""
        role, text = entry.get("role"), _string(entry.get("content"))
        if entry.get("is_demo"):
            self._demos += 1
        elif role == "assistant":
            self._step({**entry, "response": text}, entry)
        elif role == "system":
            self._turn("system").brief(text)
        elif self._begun or role == "tool":
            if not self._seen or self._seen not in text:
                self._observe(text, entry)
        else:
            self._turn("user").brief(text)

    def _step(self, step: dict[str, Any], entry: dict[str, Any]) -> None:
        self._begun = True
        self._sampled += bool(step.get("extra_info"))
        agent = str(entry.get("agent") or "")
        turn = self._turn("agent" if agent in _MAIN else f"sub-agent {agent}")
        for block in objects_in(step.get("thinking_blocks") or entry.get("thinking_blocks")):
            _think(turn, block)
        thought, action = self._thought(step, entry), _string(step.get("action"))
        response = _string(step.get("response") or step.get("output"))
        if thought.strip():
            turn.reasoning(thought, "inline")
        calls = objects_in(step.get("tool_calls") or entry.get("tool_calls"))
        for rest in _rest(response, thought, action):
            turn.text(rest)
        self._calls = [self._call(turn, call) for call in calls]
        if not calls and action.strip():
            self._calls = [f"{turn.id} {TOOL}"]
            turn.action(TOOL, action, self._calls[0])
        self._seen = ""
        if "observation" in step:
            self._observe(_string(step["observation"]), step)
            self._seen = _string(step["observation"]).strip() or text_of(entry.get("content"))[0]

    def _thought(self, step: dict[str, Any], entry: dict[str, Any]) -> str:
        """The longer telling, where step and history differ (some glue the action to one)."""
        both = {_string(v.get("thought")).strip(): _string(v.get("thought")) for v in (entry, step)}
        longest = max(both.values(), key=len)
        if len(both) > 1 and "" not in both:
            self._to.gap("dropped", "a shorter telling of the same thought", where="history")
        return longest

    def _call(self, turn: Turn, call: dict[str, Any]) -> str:
        asked = object_of(call.get("function")) or call
        own = string_of(call.get("id")) or f"{turn.id} {asked.get('name')}"
        turn.action(str(asked.get("name") or TOOL), asked.get("arguments") or {}, own)
        return own

    def _observe(self, text: str, entry: dict[str, Any]) -> None:
        ids = entry.get("tool_call_ids")
        known = [i for i in ids if i in self._calls] if isinstance(ids, list) else []
        call = next(iter([*known, *self._calls]), None)
        self._turn(self._to.tool_of(call)).observation(text, answers=call)


class _Turns:
    """The agent's entries of a history, by what a step that repeats one has in common with it."""

    def __init__(self, history: list[dict[str, Any]]) -> None:
        self._history = history
        self._places: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for at, entry in enumerate(history):
            if _is_turn(entry):
                for key in ("action", "content"):
                    self._places[key, _string(entry.get(key)).strip()].append(at)

    def find(self, step: dict[str, Any], start: int) -> int | None:
        """Place of the first entry from `start` on that the step repeats, or None."""
        found: list[int] = []
        for key, own in (("action", "action"), ("content", "response")):
            places = self._places.get((key, _string(step.get(own)).strip()), [])
            first = bisect_left(places, start)
            near = places[first : first + _LOOKED_AT]
            found.extend(next(([p] for p in near if _repeats(self._history[p], step)), []))
        return min(found, default=None)


def _is_turn(entry: dict[str, Any]) -> bool:
    return entry.get("role") == "assistant" and not entry.get("is_demo")


def _repeats(entry: dict[str, Any], step: dict[str, Any]) -> bool:
    """Whether this entry of the history is the step once more."""
    if not _is_turn(entry):
        return False
    if "action" in entry and "action" in step:
        same = _string(entry["action"]).strip() == _string(step["action"]).strip()
        stated = sorted((_string(v.get("thought")).strip() for v in (entry, step)), key=len)
        return same and stated[1].startswith(stated[0])
    return _string(entry.get("content")).strip() == _string(step.get("response")).strip()


def _think(turn: Turn, block: dict[str, Any]) -> None:
    """A block of the model's own thinking, beside the thought it states."""
    text = _string(block.get("thinking") or block.get("text"))
    if text:
        turn.reasoning(text)
    elif "redacted" in str(block.get("type")):
        turn.hidden("redacted", "thinking was redacted by the provider")
    elif block.get("signature"):
        turn.hidden("encrypted", "thinking is kept only in its signature")


def _rest(response: str, thought: str, action: str) -> Iterator[str]:
    """What the response says besides the thought and the action, which it repeats."""
    pieces = [response]
    for part in (thought.strip(), action.strip()):
        pieces = [p for piece in pieces for p in (piece.split(part, 1) if part else [piece])]
    for piece in pieces:
        if _MARKUP.sub("", piece).strip():
            yield piece.strip()


FORMAT = _Format()
