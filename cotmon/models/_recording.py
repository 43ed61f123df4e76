"""Replies kept in a file, for tests and for showing without a model.

Each line is `{"request": <key of the question>, "reply": {"text": …, "tokens": …}}`.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import msgspec

from cotmon.errors import ModelError
from cotmon.models._endpoint import Endpoint
from cotmon.models._exchange import Permanent, Question, Reply


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    request: str
    reply: Reply


class Recording:
    """Answers from a file; asks a model, and notes its answer, only where one is behind it."""

    def __init__(self, path: Path, behind: Endpoint | None = None) -> None:
        """Reads the file.

        Raises:
            ModelError: it is missing and no model is behind it, or a line is no reply.
        """
        self._path, self._behind, self._lock = path, behind, threading.Lock()
        content = _read(path, needed=behind is None)
        self._replies = _parse(path, content)
        digest = hashlib.sha256(content).hexdigest()[:16]
        self.identity = behind.identity if behind is not None else f"recorded {digest}"

    def answer(self, question: Question) -> Reply:
        """The recorded reply, else that of the model behind.

        Raises:
            Permanent: there is none, and no model to ask.
            Transient: the model behind failed.
        """
        key = question.key
        if key in self._replies:
            return self._replies[key]
        if self._behind is None:
            raise Permanent(f"{self._path} holds no reply to {key[:12]}…", of_question=True)
        reply = self._behind.answer(question)
        with self._lock, self._path.open("ab") as file:
            file.write(msgspec.json.encode(_Line(key, reply)) + b"\n")
            self._replies[key] = reply
        return reply


def _read(path: Path, *, needed: bool) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if not needed:
            return b""
        raise ModelError(f"{path}: no such file of recorded replies") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None


def _parse(path: Path, content: bytes) -> dict[str, Reply]:
    replies: dict[str, Reply] = {}
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            known = msgspec.json.decode(line, type=_Line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ModelError(f"{path}:{number}: no recorded reply: {error}") from None
        replies[known.request] = known.reply
    return replies
