"""The place where every request of a client passes: a transport around its HTTP client.

SDK 3 speaks through httpx2, SDK 2 through httpx; both look alike, so the classes are made for
whichever the client holds, and neither is imported here.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache, partial
from types import ModuleType
from typing import Any

from cotmon.errors import ModelError
from cotmon.hosts._again import Act
from cotmon.hosts._openai_exchange import Desk, Exchange, wire_of
from cotmon.hosts._wire import Event, Judge, Look, Reader, Shown

Work = Callable[[], None]
"""What must be done before the next bytes pass; it may wait."""
_GONE = (b"content-length", b"content-encoding", b"transfer-encoding")


class Tap:
    """Watches what goes through an HTTP client; it becomes a transport of either library.

    Attributes:
        http: the library; inner: the client that sends; desk: what judges.
    """

    http: ModuleType
    inner: Any
    desk: Desk

    def exchange(self, request: Any, body: bytes) -> Exchange | None:
        """What is to be watched of a request."""
        url = request.url
        query = url.query.decode("ascii", "replace")
        return self.desk.exchange(request.method, url.path, query, request.headers, body)

    def sent(self, request: Any, exchange: Exchange | None) -> Any:
        """The request to send."""
        if exchange is None or exchange.body is None:
            return request
        headers = [(k, v) for k, v in request.headers.raw if k.lower() not in _GONE]
        return self.http.Request(
            request.method, request.url, headers=headers, content=exchange.body,
            extensions=request.extensions,
        )  # fmt: skip

    def again(self, request: Any, exchange: Exchange, act: Act) -> Any:
        """The request by which the turn is said again."""
        if act == "resample":
            return self.sent(request, exchange)
        url, headers, content = exchange.to_trusted()
        return self.http.Request(
            "POST", url, headers=headers, content=content, extensions=request.extensions
        )

    def answer(self, response: Any, **body: Any) -> Any:
        """A response with the same head and another body, no longer compressed."""
        headers = [(k, v) for k, v in response.headers.raw if k.lower() not in _GONE]
        return self.http.Response(
            response.status_code, headers=headers, extensions=response.extensions, **body
        )


class SyncTap(Tap):
    """The synchronous one."""

    def handle_request(self, request: Any) -> Any:
        """Sends a request and gives the answer as the agent may have it."""
        body = request.read() if _is_asked(request) else b""
        exchange = self.exchange(request, body)
        response = self.inner.send(self.sent(request, exchange), stream=True)
        if exchange is None or not response.is_success:
            return response
        if exchange.streams and not exchange.is_held:
            return self.streamed(response, response, exchange)
        try:
            content = response.read()
        finally:
            response.close()
        if exchange.is_held:
            content = self._settled(request, exchange, content)
        if exchange.streams:
            return self.streamed(response, self.http.Response(200, content=content), exchange)
        return self.answer(response, content=judged(exchange, content))

    def streamed(self, response: Any, source: Any, exchange: Exchange) -> Any:
        """A response with the judged stream of a source."""
        kind = _made(SyncBody, self.http.SyncByteStream)
        return self.answer(response, stream=kind(source, exchange))

    def _settled(self, request: Any, exchange: Exchange, content: bytes) -> bytes:
        """The answer that goes on; the turn is said again as long as its protocol wants it."""
        turn = exchange.turn(content)
        while (act := exchange.wants(turn)) is not None:
            try:
                response = self.inner.send(self.again(request, exchange, act))
                turn.add(act, said(response))
            except Exception as error:  # noqa: BLE001 - the first answer is all there is
                exchange.give_up(turn, error)
        return exchange.goes_on(turn)

    def close(self) -> None:
        """Closes the client that sends, and ends the watch."""
        self.inner.close()
        self.desk.close()


class AsyncTap(Tap):
    """The asynchronous one; what may wait does so on other threads."""

    async def handle_async_request(self, request: Any) -> Any:
        """Sends a request and gives the answer as the agent may have it."""
        body = await request.aread() if _is_asked(request) else b""
        exchange = self.exchange(request, body)
        response = await self.inner.send(self.sent(request, exchange), stream=True)
        if exchange is None or not response.is_success:
            return response
        if exchange.streams and not exchange.is_held:
            return self.streamed(response, response, exchange)
        try:
            content = await response.aread()
        finally:
            await response.aclose()
        if exchange.is_held:
            content = await self._settled(request, exchange, content)
        if exchange.streams:
            return self.streamed(response, self.http.Response(200, content=content), exchange)
        content = await aside(self.desk, partial(judged, exchange, content))
        return self.answer(response, content=content)

    def streamed(self, response: Any, source: Any, exchange: Exchange) -> Any:
        """A response with the judged stream of a source."""
        kind = _made(AsyncBody, self.http.AsyncByteStream)
        return self.answer(response, stream=kind(source, exchange))

    async def _settled(self, request: Any, exchange: Exchange, content: bytes) -> bytes:
        """The answer that goes on; the turn is said again as long as its protocol wants it."""
        turn = exchange.turn(content)
        while (act := await aside(self.desk, partial(exchange.wants, turn))) is not None:
            try:
                response = await self.inner.send(self.again(request, exchange, act))
                turn.add(act, said(response))
            except Exception as error:  # noqa: BLE001 - the first answer is all there is
                exchange.give_up(turn, error)
        return exchange.goes_on(turn)

    async def aclose(self) -> None:
        """Closes the client that sends, and ends the watch."""
        await self.inner.aclose()
        await asyncio.to_thread(self.desk.close)


class Body:
    """A streamed answer on its way: bytes for the agent, and work that must be done in between."""

    def __init__(self, response: Any, exchange: Exchange) -> None:
        self.response, self.exchange = response, exchange
        self.reader: Reader = exchange.reader()
        self._enforcing = exchange.desk.enforcing
        self._late = b""
        self._broken = self._over = False

    @property
    def unwanted(self) -> bool:
        """Whether what still comes from upstream is of no use; then it is to be closed."""
        return self.reader.over and self._enforcing

    def fed(self, data: bytes) -> Iterator[bytes | Work]:
        """What comes of these bytes; under observe they pass first, as they are."""
        if not self._enforcing:
            self._late = data
            yield data
            self._late = b""
        yield from self._steps(self.reader.feed(data))

    def ended(self) -> Iterator[bytes | Work]:
        """What comes of the end, once."""
        if self._over:
            return
        self._over = True
        late, self._late = self._late, b""
        yield from self._steps(self.reader.feed(late))
        yield from self._steps(self.reader.end())

    def left(self) -> None:
        """Judges what was said before the agent went away."""
        for step in self.ended():
            if not isinstance(step, bytes):
                step()

    def _steps(self, events: Iterator[Event]) -> Iterator[bytes | Work]:
        if self._broken:
            return
        try:
            for event in events:
                if isinstance(event, bytes):
                    if self._enforcing:
                        yield event
                elif (work := self._work(event)) is not None:
                    yield work
        except Exception as error:
            self._broken = True
            self.exchange.desk.watcher.fault(error)
            if self._enforcing:
                raise

    def _work(self, event: Judge | Look | Shown) -> Work | None:
        if isinstance(event, Judge):
            return partial(self.exchange.judge, event)
        if isinstance(event, Look):
            return self.exchange.look(event) if self._enforcing else None
        self.exchange.note(event)
        return None


class SyncBody(Body):
    """The synchronous one."""

    def __iter__(self) -> Iterator[bytes]:
        for data in self.response.iter_bytes():
            yield from self._passed(self.fed(data))
            if self.unwanted:
                return
        yield from self._passed(self.ended())

    def close(self) -> None:
        """Ends the generation upstream; what was said of it so far is judged."""
        self.response.close()
        self.left()

    def _passed(self, steps: Iterator[bytes | Work]) -> Iterator[bytes]:
        for step in steps:
            if self.unwanted:
                self.response.close()
            if isinstance(step, bytes):
                yield step
            else:
                step()


class AsyncBody(Body):
    """The asynchronous one; work is done on other threads."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self.response.aiter_bytes():
            async for passed in self._passed(self.fed(data)):
                yield passed
            if self.unwanted:
                return
        async for passed in self._passed(self.ended()):
            yield passed

    async def aclose(self) -> None:
        """Ends the generation upstream; what was said of it so far is judged."""
        await self.response.aclose()
        await asyncio.shield(aside(self.exchange.desk, self.left))

    async def _passed(self, steps: Iterator[bytes | Work]) -> AsyncIterator[bytes]:
        for step in steps:
            if self.unwanted:
                await self.response.aclose()
            if isinstance(step, bytes):
                yield step
            else:
                await aside(self.exchange.desk, step)


def said(response: Any) -> bytes:
    """What was said again.

    Raises:
        ModelError: the server refused.
    """
    if not response.is_success:
        raise ModelError(f"nothing else could be said: {response.url} gave {response.status_code}")
    return response.content


def aside(desk: Desk, work: Callable[[], Any]) -> Awaitable[Any]:
    """The result of work done on another thread."""
    return asyncio.get_running_loop().run_in_executor(desk.pool, work)


def judged(exchange: Exchange, content: bytes) -> bytes:
    """A whole answer as the agent may have it; under observe always as it came."""
    try:
        changed = exchange.whole(content)
    except Exception as error:
        exchange.desk.watcher.fault(error)
        if exchange.desk.enforcing:
            raise
        return content
    return changed if exchange.desk.enforcing else content


def attached(inner: Any, desk: Desk) -> Any:
    """A client like this one, of the same library, whose every request is watched."""
    http = importlib.import_module(library(inner))
    sync = isinstance(inner, http.Client)
    base = http.BaseTransport if sync else http.AsyncBaseTransport
    tap = _made(SyncTap if sync else AsyncTap, base)()
    tap.http, tap.inner, tap.desk = http, inner, desk
    kind = http.Client if sync else http.AsyncClient
    return kind(
        transport=tap, headers=inner.headers, cookies=inner.cookies, params=inner.params,
        timeout=inner.timeout, follow_redirects=inner.follow_redirects, trust_env=False,
    )  # fmt: skip


def library(client: Any) -> str:
    """The HTTP library that a client comes from: httpx2 or httpx."""
    names = [t.__module__.partition(".")[0] for t in type(client).__mro__]
    return next((name for name in ("httpx2", "httpx") if name in names), names[0])


@cache
def _made(kind: type, base: type) -> Any:
    return type(kind.__name__, (kind, base), {})


def _is_asked(request: Any) -> bool:
    """Whether a model answers this; other bodies may be streams that can be read only once."""
    return wire_of(request.method, request.url.path) is not None
