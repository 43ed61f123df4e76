"""Answers of the model on their way to the client: judged before anything of them takes effect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from itertools import chain
from typing import Any

import httpx
import msgspec

from cotmon.errors import ModelError
from cotmon.hosts import _wire_chat
from cotmon.hosts._again import Act, Chosen, Turn, can_be_said_again, chosen_before, marked
from cotmon.hosts._proxy_judging import Judging, Looking, name_of
from cotmon.hosts._proxy_threads import Request, Taken, Talk
from cotmon.hosts._wire import Event, Judge, Look, Shown, Wire, object_of
from cotmon.hosts._wire_responses import answered
from cotmon.watching import Said

BEAT = 15.0
"""Seconds after which a stream that waits for a person says that it is alive."""
SOON = 0.01
"""Seconds after which it is looked again whether an answer was noted."""
_ALIVE = b": keep-alive\n\n"


class Flight:
    """One request to the model under way.

    Attributes:
        body: of the request, with a neutral result for calls that only the server knows of.
        is_held: whether its answer is held until a protocol lets it, or another one, go on.
    """

    def __init__(self, judging: Judging, wire: Wire, body: dict[str, Any], taken: Taken) -> None:
        self._judging, self._wire, self._taken = judging, wire, taken
        self.body = body
        able = can_be_said_again(judging.watcher.settings, body)
        self.is_held = able and judging.watcher.settings.enforces
        self._chosen = Chosen(again="yes" if able and not self.is_held else "no")
        if self.waiting is not None:
            self._chosen = chosen_before(self.waiting)
        self._talks: dict[int, tuple[Talk, asyncio.Task[None]]] = {}
        self._looking: dict[int, Looking] = {}
        self._talks[0] = (taken.talk, self._hear(taken))

    @classmethod
    async def begin(
        cls, judging: Judging, wire: Wire, body: dict[str, Any], name: str | None
    ) -> Flight:
        """Finds the conversation, and begins to hear what is new."""
        asked = _request(wire, body, name)
        taken = await judging.run(judging.threads.take, asked)
        if missing := judging.threads.missing(asked.before):
            body = answered(body, missing, judging.watcher.settings.refusal)
        return cls(judging, wire, body, taken)

    @classmethod
    async def begin_behind(
        cls, judging: Judging, wire: Wire, body: dict[str, Any], name: str | None
    ) -> Flight:
        """The same for one that nobody waits for: after the answer that it goes on from."""
        asked, threads = _request(wire, body, name), judging.threads
        threads.arrive(asked)
        try:
            while await judging.run(threads.is_early, asked):
                await asyncio.sleep(SOON)
            return await cls.begin(judging, wire, body, name)
        finally:
            threads.began(asked)

    @property
    def waiting(self) -> Said | None:
        """What was said already to the same request, and waits for a person."""
        return self._taken.talk.said if self._wire is _wire_chat.WIRE else None

    async def settled(
        self, first: bytes, say: Callable[[Act], Awaitable[bytes]], *, streams: bool
    ) -> bytes:
        """The answer that goes on; the turn is said again as long as its protocol wants it.

        Args:
            first: the whole answer, as the server sent it.
            say: has the turn said again.
            streams: whether answers are streams.
        """
        turn = Turn(self._wire, self.body, first, streams=streams)
        talk, hearing = self._talk(0)
        try:
            while (said := turn.judged(lambda s: name_of(talk, s))) is not None:
                await self._judging.weigh(talk, said, hearing, turn.outputs)
                if (act := turn.outputs.wants) is None:
                    break
                turn.add(act, await say(act))
        except Exception as error:  # noqa: BLE001 - the first answer is all there is
            self._judging.watcher.fault(error)
            turn.give_up()
        self._chosen = turn.chosen()
        return self._chosen.raw

    async def whole(self, raw: bytes) -> bytes:
        """An answer without the calls that must not go on; where there are none, as it is.

        Raises:
            ModelError: it cannot be read, so it cannot be judged.
        """
        answer = object_of(raw)
        if answer is None:
            raise ModelError("the model server's answer is no JSON object")
        saids = self._wire.generations(answer)
        refused = await asyncio.gather(*(self._refused(k, said) for k, said in enumerate(saids)))
        refusal, plain = self._refusal, self._wire.is_plain(self.body)
        changed, shown = self._wire.without(answer, refused, refusal, plain=plain)
        for one in shown:
            self._give(one)
        return json.dumps(changed).encode() if any(refused) else raw

    async def stream(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """A streamed answer; upstream is let go as soon as nothing more of it is wanted."""
        reader = self._wire.reader(self.body, self._refusal)
        try:
            async for data in response.aiter_bytes():
                for event in reader.feed(data):
                    async for out in self._answered(event, response):
                        yield out
                if reader.over:
                    return
            for event in reader.end():
                async for out in self._answered(event, response):
                    yield out
        finally:
            for looking in self._looking.values():
                looking.close()

    async def repeated(self, data: bytes) -> AsyncIterator[bytes]:
        """A stream that is all there, judged as it would be otherwise."""
        reader = self._wire.reader(self.body, self._refusal)
        for event in chain(reader.feed(data), reader.end()):
            async for out in self._answered(event, None):
                yield out

    async def overheard(self, events: Sequence[Event]) -> None:
        """Judges what has passed already, without any effect on it."""
        judged: list[Awaitable[frozenset[int]]] = []
        for event in events:
            if isinstance(event, Judge):
                judged.append(self._refused(event.choice, event.said))
            elif isinstance(event, Shown):
                self._give(event)
        await asyncio.gather(*judged)

    def end(self) -> None:
        """Lets a repeated request go on where this one was cut."""
        for talk, _ in self._talks.values():
            self._judging.threads.give(talk)
        self._talks.clear()

    @property
    def _refusal(self) -> str:
        return self._judging.watcher.settings.refusal

    def _hear(self, taken: Taken) -> asyncio.Task[None]:
        model = self.body.get("model")
        agent = model if isinstance(model, str) else None
        return asyncio.create_task(self._judging.hear(taken, agent))

    def _talk(self, choice: int) -> tuple[Talk, asyncio.Task[None]]:
        """The conversation of one of several answers: a fork for each but the first."""
        if choice not in self._talks:
            history = self._wire.history(self.body)
            taken = self._judging.threads.fork(self._taken.talk, history)
            self._talks[choice] = (taken.talk, self._hear(taken))
        return self._talks[choice]

    def _give(self, shown: Shown) -> None:
        talk, _ = self._talk(shown.choice)
        del self._talks[shown.choice]
        self._judging.threads.give(talk, shown)

    def _look(self, event: Look) -> None:
        looking = self._looking.get(event.choice)
        if looking is None:
            looking = Looking(self._judging, self._wire.tools(self.body))
            self._looking[event.choice] = looking
        looking.look(event)

    def _refused(
        self, choice: int, said: Said, *, stopped: bool = False
    ) -> Coroutine[Any, Any, frozenset[int]]:
        """It has its name now, whenever it is judged."""
        talk, hearing = self._talk(choice)
        said = marked(said, name_of(talk, said), self._chosen, self._judging.trusted)
        said = msgspec.structs.replace(said, stopped=stopped)
        return self._judging.refused(talk, said, hearing)

    async def _answered(
        self, event: Event, response: httpx.Response | None
    ) -> AsyncIterator[bytes]:
        """Bytes to pass on; questions of the reader are answered."""
        if isinstance(event, bytes):
            yield event
        elif isinstance(event, Look):
            self._look(event)
            if event.stop and response is not None:
                await response.aclose()  # before anything else: it is still generating
        elif isinstance(event, Shown):
            self._give(event)
        else:
            work = self._refused(event.choice, event.said, stopped=event.stopped)
            task = asyncio.create_task(work)
            async for beat in beating(task):
                yield beat
            event.refused = task.result()


def _request(wire: Wire, body: dict[str, Any], name: str | None) -> Request:
    kept = body.get("conversation")
    named = name or _text(kept.get("id") if isinstance(kept, dict) else kept)
    return Request(wire.history(body), named, _text(body.get("previous_response_id")))


async def beating(task: asyncio.Task[Any]) -> AsyncIterator[bytes]:
    """Says that a stream is alive until the task is done; ends it where the client goes."""
    try:
        while not (await asyncio.wait({task}, timeout=BEAT))[0]:
            yield _ALIVE
    finally:
        task.cancel()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
