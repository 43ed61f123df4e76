"""Which conversation a request goes on with: by a name it carries, else by what came before.

A conversation with a model grows by requests that repeat all of it. Each message gets an id that is
a hash of all messages up to it, so the request that begins with what is known goes on with the
thread that it is known from, and nothing is heard twice. A request that goes on from an earlier
place than the thread has come to (another agent with the same beginning, a branch) is a thread of
its own.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cotmon.hosts._wire import THREAD, Shown
from cotmon.hosts._wire_keys import START, after, key_of

NAMES = ("cotmon_thread", "thread_id", "conversation_id", "session_id")
"""Keys of a request's metadata that name a conversation."""
KEPT = 100_000
"""Ends of conversations that are remembered, a hash each."""


@dataclass(frozen=True)
class Kept:
    """What the server keeps under a name of its own.

    Attributes:
        end: id of the last message.
        thread: of it.
        refused: calls without an answer that the client never had.
    """

    end: str
    thread: str
    refused: tuple[dict[str, Any], ...] = ()


class Threads:
    """The conversations of one client; its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: OrderedDict[str, str] = OrderedDict()
        self._ends_of: dict[str, set[str]] = {}
        self._aliases: OrderedDict[str, str] = OrderedDict()
        self._begun: Counter[str] = Counter()
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def chain(self, history: Sequence[dict[str, Any]], seed: str) -> list[str]:
        """An id for each message, of it and all before it.

        Where an answer was changed on its way to the client, what the client repeats has the id
        of what the agent said.
        """
        ids: list[str] = []
        before = seed
        for message in history:
            before = after(before, key_of(message))
            before = self._aliases.get(before, before)
            ids.append(before)
        return ids

    def thread(self, history: Sequence[dict[str, Any]], ids: Sequence[str], seed: str) -> str:
        """The thread that this request goes on with; its end is now the end of the request."""
        with self._lock:
            found = next((self._ends[i] for i in reversed(ids) if i in self._ends), None)
            if found is None:
                found = self._begin(history, ids, seed)
            elif ids[-1] not in self._ends:
                for end in self._ends_of.pop(found, ()):
                    self._ends.pop(end, None)
            self._end(ids[-1] if ids else seed, found)
            return found

    def asked(self, key: str, before: str, thread: str) -> None:
        """The server has a name for an answer, perhaps before there is one."""
        with self._lock:
            if f"?{key}" not in self._kept:
                self._keep(self._kept, f"?{key}", Kept(before, thread))

    def kept(self, key: str | None, *, asked: bool = False) -> Kept | None:
        """What the server keeps under this name: the answer, or what was `asked` for it."""
        return self._kept.get(f"?{key}" if asked else key) if key is not None else None

    def answered(
        self, before: str, thread: str, said: str, shown: Shown, kept_as: str | None = None
    ) -> None:
        """A generation is one of the ends of a thread.

        Args:
            before: id of the last message of the request.
            thread: of the request.
            said: id of the generation.
            shown: the message as the client has it.
            kept_as: the server's name of the whole conversation.
        """
        with self._lock:
            if self._ends.pop(before, None) is not None:
                self._ends_of[thread].discard(before)
            self._end(said, thread)
            if (other := after(before, key_of(shown.chat))) != said:
                self._keep(self._aliases, other, said)
            for key in {shown.key, kept_as} - {None}:
                self._keep(self._kept, key, Kept(said, thread, shown.refused))

    def _begin(self, history: Sequence[dict[str, Any]], ids: Sequence[str], seed: str) -> str:
        """A new thread, named after what stands before the first answer."""
        roles = [message.get("role") for message in history]
        opening = roles.index("assistant") if "assistant" in roles else len(roles)
        name = ids[opening - 1] if opening else after(START, seed)
        self._begun[name] += 1
        count = self._begun[name]
        return name if count == 1 else f"{name}-{count}"

    def _end(self, message: str, thread: str) -> None:
        self._ends[message] = thread
        self._ends_of.setdefault(thread, set()).add(message)
        if len(self._ends) > KEPT:
            oldest, of = self._ends.popitem(last=False)
            ends = self._ends_of.get(of, set())
            ends.discard(oldest)
            if not ends:
                self._ends_of.pop(of, None)

    def _keep(self, where: OrderedDict[str, Any], key: Any, value: Any) -> None:
        where[key] = value
        if len(where) > KEPT:
            where.popitem(last=False)


def named(body: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """The thread that a request names itself: by its header, else in its metadata."""
    if name := headers.get(THREAD):
        return name
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        return next((str(metadata[key]) for key in NAMES if metadata.get(key)), None)
    return None


def seed_of(body: Mapping[str, Any]) -> str:
    """What tells agents of one beginning apart: the request's `user`, where it has one."""
    user = body.get("user") or body.get("safety_identifier") or body.get("prompt_cache_key")
    return user if isinstance(user, str) else ""
