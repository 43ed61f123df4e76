"""Answers of the model on their way to the client: judged before anything of them takes effect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from itertools import chain
from typing import Any

import httpx

from cotmon.errors import ModelError
from cotmon.hosts import _wire_chat
from cotmon.hosts._proxy_judging import Judging, Looking, named
from cotmon.hosts._proxy_threads import Taken, Talk
from cotmon.hosts._wire import Event, Judge, Look, Shown, Wire, object_of
from cotmon.hosts._wire_responses import answered
from cotmon.watching import Said

BEAT = 15.0
"""Seconds after which a stream that waits for a person says that it is alive."""
_ALIVE = b": keep-alive\n\n"


class Flight:
    """One request to the model under way.

    Attributes:
        body: of the request, with a neutral result for calls that only the server knows of.
    """

    def __init__(self, judging: Judging, wire: Wire, body: dict[str, Any], taken: Taken) -> None:
        self._judging, self._wire, self._taken = judging, wire, taken
        self.body = body
        self._talks: dict[int, tuple[Talk, asyncio.Task[None]]] = {}
        self._looking: dict[int, Looking] = {}
        self._talks[0] = (taken.talk, self._hear(taken))

    @classmethod
    async def begin(
        cls, judging: Judging, wire: Wire, body: dict[str, Any], name: str | None
    ) -> Flight:
        """Finds the conversation, and begins to hear what is new."""
        kept = body.get("conversation")
        named = name or _text(kept.get("id") if isinstance(kept, dict) else kept)
        history, before = wire.history(body), _text(body.get("previous_response_id"))
        taken = await judging.run(judging.threads.take, history, named, before)
        if missing := judging.threads.missing(before):
            body = answered(body, missing, judging.watcher.settings.refusal)
        return cls(judging, wire, body, taken)

    @property
    def waiting(self) -> Said | None:
        """What was said already to the same request, and waits for a person."""
        return self._taken.talk.said if self._wire is _wire_chat.WIRE else None

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
        return self._judging.refused(talk, named(talk, said, stopped=stopped), hearing)

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
            try:
                while not (await asyncio.wait({task}, timeout=BEAT))[0]:
                    yield _ALIVE
                event.refused = task.result()
            finally:
                task.cancel()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
