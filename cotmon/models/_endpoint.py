"""One request to an OpenAI-compatible endpoint, bounded in time and in size.

A read timeout bounds the wait for the next byte, not the whole: a server that drips can hold
a caller for hours, in the headers too. So requests run on an event loop in a thread of its own,
where `asyncio.timeout` ends them wherever they are; callers need know nothing of it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache

import httpx
import msgspec

from cotmon.models._exchange import Permanent, Question, Reply, Transient
from cotmon.text.display import escaped

LARGEST = 8 * 2**20
"""Longest answer that is read (bytes)."""
LONGEST_WAIT = 60.0
"""What `Retry-After` may ask for (seconds)."""
_WORDS = 200
_OF_QUESTION = frozenset({400, 413, 422})
_BUSY = frozenset({408, 425, 429})

# Retries are announced where an application listens, not on everybody's standard error.
logging.getLogger("stamina").propagate = False  # each retry would be a line on stderr


class _Alternative(msgspec.Struct):
    token: str
    logprob: float


class _Token(_Alternative):
    top_logprobs: list[_Alternative] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")


class _Answer(msgspec.Struct):
    choices: list[_Choice]


@dataclass(frozen=True)
class Endpoint:
    """A model behind a URL.

    Attributes:
        url: up to `/v1`; `/chat/completions` is added.
        name: of the model, as the server knows it.
        key: sent as a bearer token; None for none. Never shown.
        timeout: seconds for one request as a whole.
    """

    url: httpx.URL
    name: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 120.0

    @property
    def identity(self) -> str:
        """The model's name and the server's, and what is asked of every model."""
        return f"{self.name} at {self.url.netloc.decode('ascii')}, temperature 0"

    def answer(self, question: Question) -> Reply:
        """Asks once.

        Raises:
            Transient: no answer now: busy, broken, slow or silent server, or half an answer.
            Permanent: refused, cut, filtered, or far too long.
        """
        request = {"model": self.name, **msgspec.to_builtins(question)}
        if question.top_logprobs:
            request["logprobs"] = True
        else:
            del request["top_logprobs"]
        waiting = asyncio.run_coroutine_threadsafe(
            self._post(msgspec.json.encode(request)), _loop()
        )
        try:
            status, headers, body = waiting.result()
        except TimeoutError:
            raise Transient(f"no whole answer within {self.timeout:g} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise Transient(f"{type(error).__name__}: {self._words(str(error))}") from None
        self._check(status, headers, body)
        return self._reply(body)

    async def _post(self, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        url = self.url.copy_with(raw_path=self.url.raw_path.rstrip(b"/") + b"/chat/completions")
        # A client for each request: nothing is shared, so nothing stale is ever used again.
        async with (
            asyncio.timeout(self.timeout),
            httpx.AsyncClient(verify=_tls(), timeout=None) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            return response.status_code, response.headers, await _bounded(response)

    def _check(self, status: int, headers: httpx.Headers, body: bytes) -> None:
        if status == 200:
            return
        said = f"status {status}: {self._words(body.decode('utf-8', 'replace'))}"
        if status in _BUSY or status >= 500:
            raise Transient(said, _seconds(headers.get("Retry-After", "")))
        raise Permanent(said, of_question=status in _OF_QUESTION)

    def _reply(self, body: bytes) -> Reply:
        try:
            choice = msgspec.json.decode(body, type=_Answer).choices[0]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, IndexError):
            words = self._words(body.decode("utf-8", "replace"))
            raise Transient(f"not the JSON of an answer: {words or 'nothing at all'}") from None
        if choice.finish_reason == "length":
            raise Permanent("the answer was cut at its longest length", of_question=True)
        if choice.finish_reason == "content_filter" or choice.message.refusal:
            words = self._words(choice.message.refusal or "filtered by the server")
            raise Permanent(f"the model refused: {words}", of_question=True)
        text = choice.message.content or ""
        if not text.strip():
            raise Transient("the answer is empty")
        return Reply(text, _tokens(choice.logprobs))

    def _words(self, text: str) -> str:
        """The server's words, safe to show: without the key, on one line, escaped, short."""
        if self.key is not None:
            text = text.replace(self.key, "(key)")
        short = " ".join(text[: 4 * _WORDS].split())
        return escaped(short if len(short) <= _WORDS else short[:_WORDS] + " …")


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST:
            raise Permanent(f"the answer is longer than {LARGEST:,} bytes", of_question=False)
    return bytes(body)


def _tokens(raw: msgspec.Raw) -> list[tuple[str, dict[str, float]]] | None:
    """Log-probabilities, where they came: status 200 does not prove that they did."""
    try:
        found = msgspec.json.decode(raw, type=_Logprobs | None)
    except (msgspec.MsgspecError, RecursionError):
        return None
    if found is None or not found.content:
        return None
    return [
        (t.token, {a.token: a.logprob for a in (*reversed(t.top_logprobs or ()), t)})
        for t in found.content
    ]


def _seconds(retry_after: str) -> float | None:
    """Both forms of `Retry-After` (RFC 9110 §10.2.3), bounded; None where it says nothing."""
    if retry_after.isascii() and retry_after.isdecimal():
        return min(float(retry_after[:9]), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError, OSError):
        return None
    return min(max(wait, 0.0), LONGEST_WAIT)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="cotmon chat", daemon=True).start()
    return loop
