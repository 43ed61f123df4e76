"""One request to a model and its answer: heard, and judged before the client has it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from cotmon.errors import ModelError
from cotmon.hosts import _wire_chat, _wire_responses
from cotmon.hosts._again import Act, Chosen, Turn, can_be_said_again, marked, to_trusted
from cotmon.hosts._gate import refused, unjudged, verdict
from cotmon.hosts._openai_threads import Threads, named, seed_of
from cotmon.hosts._wire import Judge, Look, Reader, Shown, Wire, object_of
from cotmon.models.chat import Endpoint
from cotmon.watching import Conversation, Glimpse, Said, Watcher

AT_ONCE = 64
"""Answers that are judged at the same time."""
_WIRES: tuple[tuple[str, Wire], ...] = (
    ("/chat/completions", _wire_chat.WIRE),
    ("/responses", _wire_responses.WIRE),
)
_NO_ANSWERS = ("input_tokens", "compact")


def wire_of(method: str, path: str) -> Wire | None:
    """The wire format of an endpoint that gives a model's answers; None for all others."""
    for name, wire in _WIRES:
        _, found, after = path.rstrip("/").rpartition(name)
        parts = [part for part in after.split("/") if part]
        if not found or parts[:1] in [[p] for p in _NO_ANSWERS]:
            continue
        stored = len(parts) == 1 or parts[1:] == ["cancel"]
        if (not parts and method == "POST") or stored:
            return wire
    return None


class Desk:
    """What all exchanges of one client share.

    Attributes:
        enforcing: whether anything may be refused; else every answer passes as it is.
        trusted: who speaks where a turn is deferred; None where none is.
    """

    def __init__(self, watcher: Watcher, trusted: Endpoint | None) -> None:
        self.watcher, self.trusted = watcher, trusted
        self.threads = Threads()
        self.pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="cotmon-judge")
        self.enforcing = watcher.settings.enforces
        self._closed = False

    def exchange(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Exchange | None:
        """What is to be watched of a request; None where no model answers it."""
        wire = wire_of(method, path)
        if wire is None:
            return None
        try:
            return Exchange(self, wire, path, query, headers, body)
        except Exception as error:
            self.watcher.fault(error)
            if self.enforcing:
                raise
            return None

    def close(self) -> None:
        """Writes what waits and ends the threads; nothing more is watched."""
        if self._closed:
            return
        self._closed = True
        self.pool.shutdown()
        self.watcher.close()


class Exchange:
    """One request and its answer.

    Attributes:
        body: of the request to send, where it must be another one.
        streams: whether the answer was asked for as a stream.
        is_held: whether its answer is held until a protocol lets it, or another one, go on.
        desk: what it shares with others.
    """

    def __init__(
        self, desk: Desk, wire: Wire, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> None:  # fmt: skip
        self.desk, self._wire = desk, wire
        asked = object_of(body) or {}
        self._refusal = desk.watcher.settings.refusal
        self._asked = asked
        self._plain = wire.is_plain(asked)
        self._tools = wire.tools(asked)
        self.streams = bool(asked.get("stream")) or "stream=true" in query.lower()
        able = can_be_said_again(desk.watcher.settings, asked)
        self.is_held = able and desk.enforcing
        self._path = path
        self._chosen = Chosen(again="yes" if able and not desk.enforcing else "no")
        self._glimpses: dict[int, Glimpse] = {}
        self._said: dict[int, str] = {}
        self._place(path, headers)
        self.body = self._completed()
        self._heard: Future[Conversation] = desk.pool.submit(self._hear)

    def reader(self) -> Reader:
        """A reader of the streamed answer."""
        return self._wire.reader(self._asked, self._refusal)

    def look(self, look: Look) -> Callable[[], None] | None:
        """What is to be done before these words pass, where they finish a step; it may wait."""
        if not self._tools:
            return None  # nothing can be called, and words are flagged at most
        if look.choice not in self._glimpses:
            self._glimpses[look.choice] = Glimpse(self.desk.watcher)
        glimpse = self._glimpses[look.choice]
        steps = glimpse.grow(look.channel, look.text)

        def answer() -> None:
            look.stop = glimpse.forbids(glimpse.suspicion(steps), self._tools)

        return answer if steps else None

    def turn(self, answer: bytes) -> Turn:
        """The turn that begins with this answer."""
        return Turn(self._wire, self._asked, answer, streams=self.streams)

    def wants(self, turn: Turn) -> Act | None:
        """How the turn is to be said again, by its newest answer; None where one goes on."""
        try:
            if (said := turn.judged(self._name)) is not None:
                self._heard.result().judge(said, turn.outputs)
                return turn.outputs.wants
        except Exception as error:  # noqa: BLE001 - the first one is judged as one that is alone
            self.give_up(turn, error)
        return None

    def give_up(self, turn: Turn, error: Exception) -> None:
        """Nothing else could be said."""
        self.desk.watcher.fault(error)
        turn.give_up()

    def goes_on(self, turn: Turn) -> bytes:
        """The answer that the client has, once it is judged."""
        self._chosen = turn.chosen()
        return self._chosen.raw

    def to_trusted(self) -> tuple[str, dict[str, str], bytes]:
        """The same question to the trusted model: URL, headers, body."""
        assert self.desk.trusted is not None
        return to_trusted(self.desk.trusted, self._path, self._asked)

    def judge(self, event: Judge) -> None:
        """Answers which calls of a generation are refused."""
        said = msgspec.structs.replace(event.said, stopped=event.stopped)
        event.refused = self._judged(event.choice, said)

    def note(self, event: Shown) -> None:
        """Remembers an answer as the client has it, so that it is known when it is repeated."""
        kept_as = _conversation(self._asked)
        said = self._said[event.choice]
        self.desk.threads.answered(self._last, self._thread, said, event, kept_as)

    def whole(self, answer: bytes) -> bytes:
        """A whole answer as the client may have it.

        Raises:
            ModelError: it cannot be read, so it cannot be judged.
        """
        found = object_of(answer)
        if found is None:
            raise ModelError("the model server's answer is no JSON object")
        if isinstance(found.get("id"), str):
            self.desk.threads.asked(found["id"], self._last, self._thread)
        refused = [self._judged(k, s) for k, s in enumerate(self._wire.generations(found))]
        changed, shown = self._wire.without(found, refused, self._refusal, plain=self._plain)
        for one in shown:
            self.note(one)
        return json.dumps(changed).encode() if any(refused) else answer

    def _place(self, path: str, headers: Mapping[str, str]) -> None:
        """Finds the thread, and ids for the messages of the request."""
        threads, asked = self.desk.threads, self._asked
        self._history = self._wire.history(asked)
        stored = _stored_id(path)
        previous = asked.get("previous_response_id")
        before = previous if isinstance(previous, str) else _conversation(asked)
        self._before = stored or before
        kept = threads.kept(self._before, asked=stored is not None)
        seed = kept.end if kept else self._before or seed_of(asked)
        self._ids = threads.chain(self._history, seed)
        self._last = self._ids[-1] if self._ids else seed
        name = named(asked, headers) or (kept.thread if kept and stored else None)
        ids = [kept.end, *self._ids] if kept else self._ids or [seed]
        self._thread = name or threads.thread(self._history, ids, seed)

    def _completed(self) -> bytes | None:
        """The request with a neutral result for each call that only the server knows of."""
        kept = self.desk.threads.kept(self._before) if self._asked else None
        if kept is None or not kept.refused:
            return None
        body = _wire_responses.answered(self._asked, kept.refused, self._refusal)
        return json.dumps(body).encode()

    def _hear(self) -> Conversation:
        conversation = self.desk.watcher.conversation(self._thread)
        conversation.hear(list(zip(self._ids, self._history, strict=True)))
        return conversation

    def _name(self, said: Said) -> str:
        return self.desk.threads.chain([said.chat], self._last)[0]

    def _judged(self, choice: int, said: Said) -> frozenset[int]:
        """Positions of the calls that are refused."""
        said = marked(said, self._name(said), self._chosen, self.desk.trusted)
        self._said[choice] = said.message or ""
        watcher = self.desk.watcher
        try:
            conversation = self._heard.result()
        except Exception as error:  # noqa: BLE001 - the agent must not feel it under observe
            watcher.fault(error)
            return refused([unjudged(watcher, call.name) for call in said.calls])
        decisions = conversation.judge(said)
        if not said.calls:
            return frozenset()
        return refused([verdict(watcher, decision) for decision in decisions])


def _conversation(asked: Mapping[str, Any]) -> str | None:
    """The conversation that the server keeps, in the Responses format."""
    found = asked.get("conversation")
    found = found.get("id") if isinstance(found, dict) else found
    return found if isinstance(found, str) else None


def _stored_id(path: str) -> str | None:
    """The id of a stored answer that is asked for."""
    last = path.removesuffix("/cancel").rstrip("/").rpartition("/")[2]
    return None if last in ("completions", "responses") else last
