"""Which conversation a request belongs to: by its header, else by what it goes on from.

A chat completion carries its whole history. A request goes on with a conversation if its history
begins with all that was said in it. Two agents that begin alike part as soon as they are answered
differently, and a request that goes on from an earlier place of a conversation begins a new one,
so nothing is ever mixed. The name of a thread begins with a hash of what stands before the first
answer; that is how it is found again after a restart.
"""

from __future__ import annotations

import secrets
import threading
from asyncio import Lock
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from cotmon.formats import BRANCH
from cotmon.hosts._wire import Shown
from cotmon.hosts._wire_chat import said_of
from cotmon.hosts._wire_keys import START, Chat, after, chained, key_of, refused_key
from cotmon.watching import Said, Watcher

KEPT = 2048
"""Conversations kept in memory; older ones are found again in the store."""
CANDIDATES = 64
"""Stored conversations of one beginning that are compared with a request."""

RETRIED = timedelta(hours=1)
"""So long after a question to a person the same request gets the same generation again."""


@dataclass(eq=False)
class Talk:
    """One conversation, as its client tells it.

    Attributes:
        thread: its name in the store.
        told: keys of its messages so far, as the client has them.
        end: the name of the last of them.
        said: a generation that was not delivered yet, because a person was asked about it.
        turn: held while something of it is heard or judged.
        head: where it is registered, while no request goes on with it.
    """

    thread: str
    told: list[str] = field(default_factory=list)
    end: str = START
    said: Said | None = None
    turn: Lock = field(default_factory=Lock)
    head: str | None = None

    def tell(self, keys: Iterable[str]) -> str:
        """Takes in what the client has now, and gives the name of the last of it."""
        for key in keys:
            self.told.append(key)
            self.end = after(self.end, key)
        return self.end


@dataclass(frozen=True)
class _Kept:
    """An answer that a server keeps: where it stands, and the calls of it that were refused."""

    talk: Talk
    end: str
    refused: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Taken:
    """A request's place: its conversation, and what is new in it, each with its name."""

    talk: Talk
    new: list[tuple[str, Chat]]


class Request:
    """One request, told by what it goes on from; two are never the same.

    Attributes:
        history: its messages.
        name: of the thread, where the client gives one.
        before: the server's name of the answer that it goes on from, which is not repeated.
        chain: a name for every beginning of the history.
    """

    def __init__(self, history: Sequence[Chat], name: str | None, before: str | None) -> None:
        self.history, self.name, self.before = history, name, before
        self.chain = chained([key_of(message) for message in history])


class Threads:
    """All conversations of one proxy. Its methods may be called from any thread."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._lock = threading.Lock()
        self._talks: OrderedDict[str, Talk] = OrderedDict()
        self._heads: dict[str, list[Talk]] = {}
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._arrived: list[Request] = []

    def take(self, request: Request) -> Taken:
        """The conversation that it goes on with; nobody else's until it is given back."""
        history, chain = request.history, request.chain
        keys = [key_of(message) for message in history]
        if request.name is not None:
            return self._going_on(self._named(request.name, history), history, keys)
        if request.before is not None:
            return self._going_on(self._kept_by_server(request.before), history, keys)
        start = _start(history, chain)
        talk = self._at(chain) or self._stored(start, history, chain)
        return self._going_on(talk or self._new(start), history, keys)

    def arrive(self, request: Request) -> None:
        """Notes a request that nobody waits for, in the order in which they come."""
        with self._lock:
            self._arrived.append(request)

    def is_early(self, request: Request) -> bool:
        """Whether it goes on from an answer that is not noted yet, so that `take` would miss it.

        A client that is only observed has its answer before it is noted, and may ask again.
        """
        with self._lock:
            before = self._arrived[: self._arrived.index(request)]
            talks = [talk for talk in self._talks.values() if talk.head is None]
            names = {talk.thread for talk in talks} | {one.name for one in before}
            ends = {talk.end for talk in talks} | {one.chain[-1] for one in before}
            known = [k for k, one in enumerate(request.chain) if one in self._heads]
            kept = request.before in self._kept
        if request.name is not None:
            return request.name in names
        if request.before is not None:
            return bool(ends) and not kept
        answered = zip(request.chain, request.history, strict=False)
        return any(
            one in ends and message.get("role") == "assistant"
            for one, message in list(answered)[max(known, default=0) :]
        )

    def began(self, request: Request) -> None:
        """It was taken, or given up."""
        with self._lock:
            self._arrived.remove(request)

    def fork(self, talk: Talk, history: Sequence[Chat]) -> Taken:
        """A conversation of the same history, for another answer to the same request."""
        start = talk.thread.partition(".")[0] + "."
        return self._going_on(self._new(start), history, [key_of(m) for m in history])

    def missing(self, before: str | None) -> tuple[dict[str, Any], ...]:
        """The calls that the server waits for and the client never had."""
        kept = self._kept.get(before) if before is not None else None
        return kept.refused if kept is not None else ()

    def give(self, talk: Talk, shown: Shown | None = None) -> None:
        """Lets a request go on with it: one that has heard all of it and what was shown."""
        with self._lock:
            if shown is not None:
                talk.tell([key_of(shown.chat)])
                talk.said = None
            if shown is not None and shown.key is not None:
                self._kept[shown.key] = _Kept(talk, talk.end, shown.refused)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            talk.head = talk.end
            self._heads.setdefault(talk.head, []).append(talk)

    def _going_on(self, talk: Talk, history: Sequence[Chat], keys: Sequence[str]) -> Taken:
        """Passes over what was heard, in order; a client may have left out old messages."""
        with self._lock:
            self._lift(talk)
            at, new = 0, list[tuple[str, Chat]]()
            for message, key in zip(history, keys, strict=True):
                place = next((k for k in range(at, len(talk.told)) if talk.told[k] == key), None)
                if place is None:
                    new.append((talk.tell([key]), message))
                at = len(talk.told) if place is None else place + 1
            if new:
                talk.said = None
        return Taken(talk, new)

    def _kept_by_server(self, before: str) -> Talk:
        """The conversation of an answer; a new one where it is not known, or has gone on."""
        kept = self._kept.get(before)
        if kept is not None and kept.talk.end == kept.end:
            return kept.talk
        return self._new(after(START, before) + ".")

    def _at(self, chain: Sequence[str]) -> Talk | None:
        """The conversation that has come farthest of those this history begins with."""
        with self._lock:
            for head in reversed(chain):
                if talks := self._heads.get(head):
                    talk = talks[-1]
                    self._lift(talk)
                    self._talks.move_to_end(talk.thread)
                    return talk
        return None

    def _lift(self, talk: Talk) -> None:
        if talk.head is None:
            return
        talks = self._heads[talk.head]
        talks.remove(talk)
        if not talks:
            del self._heads[talk.head]
        talk.head = None

    def _new(self, start: str) -> Talk:
        return self._keep(Talk(start + secrets.token_hex(6)))

    def _keep(self, talk: Talk) -> Talk:
        with self._lock:
            known = self._talks.setdefault(talk.thread, talk)
            self._talks.move_to_end(known.thread)
            if len(self._talks) > KEPT:
                _, old = self._talks.popitem(last=False)
                self._lift(old)
        return known

    def _named(self, name: str, history: Sequence[Chat]) -> Talk:
        with self._lock:
            known = self._talks.get(name)
        if known is not None:
            return known
        watches, host = self._watcher.store.watches, self._watcher.host
        try:
            with self._watcher.store.reading() as connection:
                run = watches.newest(connection, name, host)
                if run is not None:
                    return self._keep(self._restored(connection, run, name, history))
        except Exception as error:  # noqa: BLE001 - what is not found begins anew
            self._watcher.fault(error)
        return self._keep(Talk(name))

    def _stored(self, start: str, history: Sequence[Chat], chain: Sequence[str]) -> Talk | None:
        """A conversation of an earlier process, or one long quiet, that this goes on from."""
        try:
            with self._watcher.store.reading() as connection:
                for run, thread in self._candidates(connection, start, history):
                    talk = self._restored(connection, run, thread, history)
                    if talk.told and talk.end in chain:
                        return self._keep(talk)
        except Exception as error:  # noqa: BLE001 - what is not found begins anew
            self._watcher.fault(error)
        return None

    def _candidates(
        self, connection: Connection, start: str, history: Sequence[Chat]
    ) -> list[tuple[str, str]]:
        """(run, thread) of what is not in memory and began like this."""
        watches = self._watcher.store.watches
        if any(message.get("role") == "assistant" for message in history):
            found = watches.beginning(connection, start, self._watcher.host, CANDIDATES)
        else:  # only a first answer that a person was asked about can be there already
            found = watches.asked(connection, start, _recent())
        return [(run, thread) for run, thread in found if thread not in self._talks]

    def _restored(
        self, connection: Connection, run: str, thread: str, history: Sequence[Chat]
    ) -> Talk:
        """A stored conversation in the client's words.

        Where calls were refused, the store holds what the agent said and the client what it got.
        A last generation that a person was asked about was never delivered.
        """
        watches = self._watcher.store.watches
        stored = [m for m in watches.messages(connection, run, thread) if BRANCH not in m]
        refusal = self._watcher.settings.refusal
        told = [key_of(message) for message in stored]
        for k, (message, given) in enumerate(zip(stored, history, strict=False)):
            if message.get("role") == "assistant" and refused_key(message, given, refusal):
                told[k] = key_of(given)
        waits = (run, thread) in watches.asked(connection, thread, _recent())
        if waits and len(stored) == len(history) + 1 and stored[-1].get("role") == "assistant":
            said = msgspec.structs.replace(said_of(stored[-1]), message=stored[-1].get("id"))
            talk = Talk(thread, said=said)
            talk.tell(told[:-1])
            return talk
        talk = Talk(thread)
        talk.tell(told)
        return talk


def _recent() -> str:
    return (datetime.now(UTC) - RETRIED).isoformat()


def _start(history: Sequence[Chat], chain: Sequence[str]) -> str:
    """How the names of threads begin that begin with this."""
    first = next((k for k, m in enumerate(history) if m.get("role") == "assistant"), len(history))
    return chain[first] + "."
