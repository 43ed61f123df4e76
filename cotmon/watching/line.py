"""The line of a conversation: which messages of a history are known, and which are new."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from cotmon.formats import BRANCH

Heard = tuple[str | None, dict[str, Any]]
"""The host's own id of a message, and the message in the shape of an OpenAI-style chat."""
MARK = 16
"""Bytes of a mark: a hash of what a message says."""


class Line:
    """Messages in order: told apart by their ids, else by what they say.

    What clients leave out when they send a message back (reasoning, names, empty fields) does not
    make it another one. A history may be whole, cut at its front, or hold only what is new.
    Of each message its id and 16 bytes are kept.
    """

    def __init__(self) -> None:
        self._marks = bytearray()
        self._names: list[str | None] = []
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str | None, chat: dict[str, Any]) -> None:
        """Notes a message at the end."""
        self._insert(len(self), (name, _mark(chat)))

    def take_back(self) -> None:
        """Forgets the message at the end: it was said, and something else took its place."""
        del self._marks[-MARK:]
        if (name := self._names.pop()) is not None:
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
        marks = [(name, self._mark(name, chat)) for name, chat in history]
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

    def _mark(self, name: str | None, chat: dict[str, Any]) -> bytes:
        """The mark that it is known by, so that a long history with ids is not read anew."""
        place = self._places.get(name) if name is not None else None
        return _mark(chat) if place is None else self._mark_at(place)

    def _mark_at(self, place: int) -> bytes:
        return bytes(self._marks[place * MARK : (place + 1) * MARK])

    def _insert(self, place: int, mark: tuple[str | None, bytes]) -> None:
        self._marks[place * MARK : place * MARK] = mark[1]
        self._names.insert(place, mark[0])
        for k in range(place, len(self._names)):
            if (name := self._names[k]) is not None:
                self._places[name] = k

    def _name(self, place: int, name: str | None) -> None:
        """Notes the id that a host gave to a message after it was said."""
        if name is not None and self._names[place] is None:
            self._names[place] = name
            self._places[name] = place

    def _start(self, marks: Sequence[tuple[str | None, bytes]]) -> int:
        """Where to look from: the front, or where the longest known end of the line begins."""
        if not marks or not len(self) or self._same(0, marks[0]):
            return 0
        for size in range(min(len(marks), len(self)), 0, -1):
            first = len(self) - size
            if all(self._same(first + k, marks[k]) for k in range(size)):
                return first
        return len(self)

    def _find(self, mark: tuple[str | None, bytes], at: int) -> int | None:
        name, words = mark
        if name is not None and name in self._places:
            return self._places[name]
        start = at * MARK
        while (found := self._marks.find(words, start)) >= 0:
            place, rest = divmod(found, MARK)
            if not rest and self._same(place, mark):
                return place
            start = found + 1
        return None

    def _same(self, place: int, mark: tuple[str | None, bytes]) -> bool:
        """Equal ids; where one has none, equal words."""
        known = self._names[place]
        if known is not None and mark[0] is not None:
            return known == mark[0]
        return self._mark_at(place) == mark[1]


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
    """`MARK` bytes of who says what, and of the calls in it."""
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
