"""Chat models: trusted models that are asked a question in words.

`URL#name` is a model at an OpenAI-compatible endpoint (`http://host:8000/v1#name`);
`recorded:FILE` gives replies that were kept in a file, and `recorded:FILE@URL#name` asks the
model only what the file does not hold, and adds its replies.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Protocol

import httpx
import stamina

from cotmon.errors import ModelError
from cotmon.models._endpoint import Endpoint
from cotmon.models._exchange import ChatError, Message, Permanent, Question, Reply, Transient
from cotmon.models._recording import Recording

__all__ = [
    "ChatError", "ChatModel", "Endpoint", "Permanent", "Reply", "Transient", "endpoint_of",
    "open_chat",
]  # fmt: skip

KEYS = ("COTMON_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the key; the first that is set wins."""
GIVE_UP = 8
"""Questions in a row that failed as often as they may, after which no more are asked."""
_RECORDED = re.compile(r"recorded:(?P<file>.+?)(?:@(?P<model>https?://.+))?", re.DOTALL)


class _Source(Protocol):
    @property
    def identity(self) -> str: ...
    def answer(self, question: Question) -> Reply: ...


class ChatModel:
    """A chat model that many threads may ask at once.

    Attributes:
        identity: what stands behind its answers; no key, no path.
        limit: how many requests run at once; further callers wait for their turn.
    """

    def __init__(
        self, source: _Source, *, limit: int = 8, attempts: int = 5, wait: float = 1.0
    ) -> None:
        """Wraps a source of answers.

        Args:
            source: gives one answer, or fails.
            limit: how many requests run at once.
            attempts: how often a transient failure is met in all.
            wait: seconds before the first repetition; doubles (with jitter) up to 30.
        """
        self.identity, self.limit = source.identity, limit
        self._source = source
        self._failed = 0
        self._turns = threading.BoundedSemaphore(limit)
        self._retry = stamina.RetryingCaller(
            attempts=attempts, timeout=None, wait_initial=wait, wait_jitter=wait, wait_max=30.0
        )

    def ask(self, messages: list[Message], *, max_tokens: int, top_logprobs: int = 0) -> Reply:
        """The model's whole answer.

        A caller keeps its turn while it waits to repeat, so that a busy server is left alone.

        Raises:
            Transient: it failed as often as it may.
            Permanent: it refused, or its answer is of no use; not repeated.
        """
        question = Question(messages=messages, max_tokens=max_tokens, top_logprobs=top_logprobs)
        with self._turns:
            if self._failed >= GIVE_UP:
                raise Transient("the model did not answer before; it was not asked again this time")
            try:
                reply = self._retry(_again, lambda: self._source.answer(question))
            except Transient:
                self._failed += 1
                raise
            self._failed = 0
            return reply


def _again(error: Exception) -> bool | float:
    if not isinstance(error, Transient):
        return False
    return True if error.retry_after is None else error.retry_after


def open_chat(spec: str) -> ChatModel:
    """The chat model that a spec names; nothing is asked yet.

    Raises:
        ModelError: it is no spec, the key cannot be sent, or the file cannot be read.
    """
    if (match := _RECORDED.fullmatch(spec)) is None:
        return ChatModel(endpoint_of(spec))
    behind = endpoint_of(match["model"]) if match["model"] else None
    return ChatModel(Recording(Path(match["file"]), behind))


def endpoint_of(spec: str) -> Endpoint:
    """The endpoint that `URL#name` names, with the key of the environment; nothing is asked yet.

    Raises:
        ModelError: it is no URL or no name, or the key cannot be sent.
    """
    address, _, name = spec.partition("#")
    try:
        url = httpx.URL(address)
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        raise ModelError("the model's address is no URL") from None
    if url.scheme not in ("http", "https") or not url.host or (url.port or 0) > 65535:
        raise ModelError("name a model as URL#name, such as http://localhost:8000/v1#name")
    if url.userinfo or url.query:
        raise ModelError(f"the model's URL may hold no user, password or query; set {KEYS[0]}")
    if not name.strip():
        raise ModelError("the model's name is missing; name it as URL#name")
    return Endpoint(url=url, name=name, key=_key())


def _key() -> str | None:
    variable = next((v for v in KEYS if os.environ.get(v, "").strip()), None)
    if variable is None:
        return None
    key = os.environ[variable].strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ModelError(f"{variable} holds characters that a key cannot have")
    return key
