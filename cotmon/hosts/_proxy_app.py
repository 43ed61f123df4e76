"""The proxy as an ASGI application: forwards requests, and has answers of the model judged."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import httpx
import uvicorn
from starlette.requests import Request

from cotmon.errors import CotmonError, ModelError
from cotmon.hosts import _wire_chat, _wire_responses
from cotmon.hosts._again import Act, to_trusted, trusted_of
from cotmon.hosts._proxy_again import completion, streamed
from cotmon.hosts._proxy_answers import Flight, beating
from cotmon.hosts._proxy_forward import Upstream, kind_of, returned, sent
from cotmon.hosts._proxy_judging import Judging
from cotmon.hosts._proxy_reply import Reply, Send
from cotmon.hosts._wire import THREAD, Event, Judge, Shown, Wire, object_of
from cotmon.watching import Said, Watcher, Watching
from cotmon.watching.watcher import stored_name

Scope = dict[str, Any]
Again = Callable[[dict[str, Any], Act], Awaitable[bytes]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
SAID = 200
"""Paths that are remembered, so that each is named in the log once."""
CONNECT = 10.0
"""Seconds for a connection to the model server; its answers may take any time."""
_WIRES: dict[str, Wire] = {"chat": _wire_chat.WIRE, "responses": _wire_responses.WIRE}
_log = logging.getLogger(__name__)


class Proxy:
    """One proxy in front of one model server.

    Attributes:
        judging: None where cotmon is off; then everything is only forwarded.
        enforcing: whether any call may be refused; else every byte passes as it comes.
    """

    def __init__(self, upstream: str, watching: Watching, hold: float) -> None:
        """Opens the store; raises CotmonError where the URL, a monitor or the store is wrong."""
        self._upstream = Upstream(upstream)
        settings = watching.settings
        self.enforcing = settings.enforces
        self.judging: Judging | None = None
        if not settings.off:
            trusted = trusted_of(settings)
            self.judging = Judging(Watcher(watching, "proxy", can_pause=True), hold, trusted)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        self._client = httpx.AsyncClient(limits=limits)
        self._behind: set[asyncio.Task[None]] = set()
        self._said: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; whatever is under way for it ends when its client goes."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(Request(scope, receive), send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        if self._behind:
            await asyncio.wait(self._behind, timeout=CONNECT)
        await self._client.aclose()
        if self.judging is not None:
            await asyncio.to_thread(self.judging.close)
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, request: Request, send: Send) -> None:
        body = await request.body()
        work = asyncio.create_task(self._answer(request, body, Reply(send)))
        gone = asyncio.create_task(_gone(request))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            work.cancel()
            await asyncio.wait({work})
        if not work.cancelled():
            work.result()

    async def _answer(self, request: Request, body: bytes, reply: Reply) -> None:
        kind = kind_of(request.method, request.url.path)
        try:
            if kind == "unjudged" and self.enforcing:
                what = f"{request.method} {request.url.path}"
                await reply.fail(403, f"{what} is not forwarded: what it gives cannot be judged")
            elif kind not in _WIRES or self.judging is None:
                self._say(kind, request)
                await self._pass(request, body, reply)
            elif self.enforcing:
                await self._judge(self.judging, _WIRES[kind], request, body, reply)
            else:
                await self._overhear(self.judging, _WIRES[kind], request, body, reply)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            _log.warning("the model server failed: %s: %s", type(error).__name__, error)
            await reply.fail(502, "the model server did not answer")
        except CotmonError as error:
            _log.error("an answer could not be judged: %s", error)
            await reply.fail(502, "the answer cannot be passed on")

    async def _ask(self, request: Request, body: bytes, *, read: bool) -> httpx.Response:
        """The head of the server's answer; it must be closed."""
        scope = request.scope
        path = scope.get("raw_path") or scope["path"].encode()
        asked = httpx.Request(
            request.method,
            self._upstream.url(path.partition(b"?")[0], scope["query_string"]),
            headers=sent(scope["headers"], read=read),
            content=body,
            extensions={"timeout": {"connect": CONNECT}},
        )
        return await self._client.send(asked, stream=True)

    async def _pass(self, request: Request, body: bytes, reply: Reply) -> None:
        """Everything as it comes, compressed or not."""
        response = await self._ask(request, body, read=False)
        try:
            await reply.head(response.status_code, returned(response.headers.raw, read=False))
            async for data in response.aiter_raw():
                await reply.write(data)
            await reply.end()
        finally:
            await response.aclose()

    async def _overhear(
        self, judging: Judging, wire: Wire, request: Request, body: bytes, reply: Reply
    ) -> None:
        """Everything as it comes; what was said is judged behind the client's back."""
        asked = object_of(body) or {}
        beginning = asyncio.create_task(Flight.begin_behind(judging, wire, asked, _name(request)))
        reader, events, raw = wire.reader(asked, ""), list[Event](), bytearray()
        response, answer = None, b""
        try:
            response = await self._ask(request, body, read=True)
            await reply.head(response.status_code, returned(response.headers.raw, read=True))
            good, streams = response.status_code < 400, _streams(response)
            async for data in response.aiter_bytes():
                await reply.write(data)
                if good and streams:
                    events += _questions(judging, lambda d=data: reader.feed(d))
                elif good:
                    raw += data
            if good and streams:
                events += _questions(judging, reader.end)
            answer = bytes(raw)
        finally:  # a client may go as soon as it has what it wants, and that is judged too
            self._do(_listen(judging, beginning, events, answer))
            if response is not None:
                await response.aclose()
        await reply.end()

    async def _judge(
        self, judging: Judging, wire: Wire, request: Request, body: bytes, reply: Reply
    ) -> None:
        """Nothing that a client could act on before it is judged."""
        asked = object_of(body)
        if asked is None:
            await reply.fail(400, "the request is no JSON object")
            return
        flight = await Flight.begin(judging, wire, asked, _name(request))
        try:
            if (said := flight.waiting) is not None:
                await _again(flight, said, asked, reply)
                return
            if flight.body is not asked:
                body = json.dumps(flight.body).encode()
            response = await self._ask(request, body, read=True)
            try:
                if flight.is_held and response.status_code < 400:
                    await self._settle(flight, response, partial(self._again, request, body), reply)
                else:
                    await _judged(flight, response, reply)
            finally:
                await response.aclose()
        finally:
            flight.end()

    async def _settle(
        self, flight: Flight, response: httpx.Response, again: Again, reply: Reply
    ) -> None:
        """An answer that may be said again: nothing of it passes before one is chosen."""
        headers, streams = returned(response.headers.raw, read=True), _streams(response)

        async def settled() -> bytes:
            first = await response.aread()
            return await flight.settled(first, partial(again, flight.body), streams=streams)

        task = asyncio.create_task(settled())
        if streams:
            await reply.head(response.status_code, headers)
            async for beat in beating(task):
                await reply.write(beat)
            async for data in flight.repeated(task.result()):
                await reply.write(data)
            await reply.end()
        else:
            async for _ in beating(task):
                pass
            await reply.whole(response.status_code, headers, await flight.whole(task.result()))

    async def _again(self, request: Request, body: bytes, asked: dict[str, Any], act: Act) -> bytes:
        """What is said in place of an answer.

        Raises:
            ModelError: the server refused.
        """
        trusted = self.judging.trusted if self.judging is not None else None
        if act == "defer" and trusted is not None:
            url, headers, content = to_trusted(trusted, request.url.path, asked)
            timeout = httpx.Timeout(None, connect=CONNECT)
            response = await self._client.post(
                url, headers=headers, content=content, timeout=timeout
            )
        else:
            response = await self._ask(request, body, read=True)
        try:
            if response.status_code >= 400:
                raise ModelError(
                    f"nothing else could be said: the server gave {response.status_code}"
                )
            return await response.aread()
        finally:
            await response.aclose()

    def _say(self, kind: str, request: Request) -> None:
        """Says once for each path that its generations are not judged."""
        if kind == "unjudged" and self.judging is not None and request.url.path not in self._said:
            if len(self._said) < SAID:
                self._said.add(request.url.path)
            _log.warning("%s %r is forwarded unjudged", request.method, request.url.path)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Does it without anybody waiting."""
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)


def serve(proxy: Proxy, host: str, port: int) -> None:
    """Serves until it is told to stop."""
    config = uvicorn.Config(
        proxy, host=host, port=port, log_level="warning", lifespan="on", backlog=2048,
        server_header=False, timeout_graceful_shutdown=10,
    )  # fmt: skip
    uvicorn.Server(config).run()


async def _judged(flight: Flight, response: httpx.Response, reply: Reply) -> None:
    headers = returned(response.headers.raw, read=True)
    if response.status_code >= 400:
        await reply.whole(response.status_code, headers, await response.aread())
    elif _streams(response):
        await reply.head(response.status_code, headers)
        async for data in flight.stream(response):
            await reply.write(data)
        await reply.end()
    else:
        answer = await flight.whole(await response.aread())
        await reply.whole(response.status_code, headers, answer)


async def _again(flight: Flight, said: Said, asked: dict[str, Any], reply: Reply) -> None:
    """The generation that people are asked about, once they have answered."""
    answer = completion(said.chat, said.message or "", asked.get("model"))
    if asked.get("stream"):
        await reply.head(200, [(b"content-type", b"text/event-stream; charset=utf-8")])
        async for data in flight.repeated(streamed(answer)):
            await reply.write(data)
        await reply.end()
    else:
        found = await flight.whole(json.dumps(answer).encode())
        await reply.whole(200, [(b"content-type", b"application/json")], found)


async def _listen(
    judging: Judging, beginning: asyncio.Task[Flight], events: list[Event], raw: bytes
) -> None:
    try:
        flight = await beginning
        try:
            if raw:
                await flight.whole(raw)
            await flight.overheard(events)
        finally:
            flight.end()
    except Exception as error:  # noqa: BLE001 - the agent must not feel our faults
        judging.watcher.fault(error)


def _questions(judging: Judging, read: Callable[[], Iterator[Event]]) -> list[Event]:
    """What a reader asks and tells; never raises."""
    try:
        return [event for event in read() if isinstance(event, Judge | Shown)]
    except Exception as error:  # noqa: BLE001 - the agent must not feel our faults
        judging.watcher.fault(error)
        return []


async def _gone(request: Request) -> None:
    """Returns when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _streams(response: httpx.Response) -> bool:
    return response.headers.get("content-type", "").lower().startswith("text/event-stream")


def _name(request: Request) -> str | None:
    """The thread that the client names."""
    name = request.headers.get(THREAD)
    return None if name is None else stored_name(name)
