"""The line of a conversation: which messages of a history are known, and which are new."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from cotmon.formats import BRANCH

Heard = tuple[str | None, dict[str, Any]]
"""The host's own id of a message, and the message in the shape of an OpenAI-style chat."""


class Line:
    """Messages in order: told apart by their ids, else by what they say.

    What clients leave out when they send a message back (reasoning, names, empty fields) does not
    make it another one. A history may be whole, cut at its front, or hold only what is new.
    """

    def __init__(self) -> None:
        self._marks: list[tuple[str | None, bytes]] = []
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, name: str | None, chat: dict[str, Any]) -> None:
        """Notes a message at the end."""
        if name is not None:
            self._places[name] = len(self._marks)
        self._marks.append((name, _mark(chat)))

    def take_back(self) -> None:
        """Forgets the message at the end: it was said, and something else took its place."""
        name, _ = self._marks.pop()
        if name is not None:
            del self._places[name]

    def holds(self, name: str) -> bool:
        """Whether a message of this id is known."""
        return name in self._places

    def new(self, history: Sequence[Heard]) -> list[Heard]:
        """The messages of a history that were not known, in order; they are from now on.

        Each takes its place after the one before it in the history, so that a history in which
        something was changed is known as a whole the next time.
        """
        if all(name is not None and name in self._places for name, _ in history):
            return []
        marks = [(name, _mark(chat)) for name, chat in history]
        at = self._start(marks)
        found: list[Heard] = []
        for mark, heard in zip(marks, history, strict=True):
            place = self._find(mark, at)
            if place is None:
                place = at
                found.append(heard)
                self._insert(place, mark)
            else:
                self._name(place, mark[0])
            at = place + 1
        return found

    def _insert(self, place: int, mark: tuple[str | None, bytes]) -> None:
        self._marks.insert(place, mark)
        for k in range(place, len(self._marks)):
            if (name := self._marks[k][0]) is not None:
                self._places[name] = k

    def _name(self, place: int, name: str | None) -> None:
        """Notes the id that a host gave to a message after it was said."""
        if name is not None and self._marks[place][0] is None:
            self._marks[place] = (name, self._marks[place][1])
            self._places[name] = place

    def _start(self, marks: Sequence[tuple[str | None, bytes]]) -> int:
        """Where to look from: the front, or where the longest known end of the line begins."""
        if not marks or not self._marks or self._same(0, marks[0]):
            return 0
        for size in range(min(len(marks), len(self._marks)), 0, -1):
            first = len(self._marks) - size
            if all(self._same(first + k, marks[k]) for k in range(size)):
                return first
        return len(self._marks)

    def _find(self, mark: tuple[str | None, bytes], at: int) -> int | None:
        if mark[0] is not None and mark[0] in self._places:
            return self._places[mark[0]]
        return next((k for k in range(at, len(self._marks)) if self._same(k, mark)), None)

    def _same(self, place: int, mark: tuple[str | None, bytes]) -> bool:
        """Equal ids; where one has none, equal words."""
        known = self._marks[place]
        if known[0] is not None and mark[0] is not None:
            return known[0] == mark[0]
        return known[1] == mark[1]


def body_of(chat: dict[str, Any]) -> dict[str, Any]:
    """A message as it is stored and read: plain JSON, without its id and without empty fields."""
    ours = ("id", BRANCH)
    kept = {k: v for k, v in chat.items() if k not in ours and v not in (None, "", [])}
    body: dict[str, Any] = json.loads(json.dumps(kept, default=str))
    return body


def digest(*parts: Any) -> str:
    """32 hex digits of plain values."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _mark(chat: dict[str, Any]) -> bytes:
    """16 bytes of who says what, and of the calls in it."""
    calls = chat.get("tool_calls")
    named = [_call(call) for call in calls] if isinstance(calls, list) else calls or []
    said = (str(chat.get("role")), _plain(chat.get("content")), named, chat.get("tool_call_id"))
    return bytes.fromhex(digest(*said, chat.get("function_call")))


def _plain(content: Any) -> Any:
    """Text, also where it stands in parts."""
    if not isinstance(content, list):
        return content or ""
    texts = [p.get("text") if isinstance(p, dict) else p for p in content]
    said = [text for text in texts if isinstance(text, str)]
    return "".join(said) if len(said) == len(content) else content


def _call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return call
    return [call.get("id"), function.get("name"), function.get("arguments")]
