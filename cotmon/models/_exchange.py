"""What a chat model is asked, what it answers, and the two ways in which it can fail."""

from __future__ import annotations

import hashlib

import msgspec

from cotmon.errors import ModelError

Message = dict[str, str]
"""`role` and `content`."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One request, without the model's name: the same question can be put to any model.

    Attributes:
        messages: what is said to the model, in order.
        max_tokens: where its answer is cut.
        top_logprobs: how many alternatives are asked for at each token; 0 for none.
        temperature: always 0, so that an answer repeats as far as the server lets it.
    """

    messages: list[Message]
    max_tokens: int
    top_logprobs: int = 0
    temperature: float = 0.0

    @property
    def key(self) -> str:
        """SHA-256 of all of it, as hexadecimal digits."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


class Reply(msgspec.Struct, frozen=True):
    """A whole answer; one that was cut is a failure, never a reply.

    Attributes:
        text: never blank.
        tokens: each with its alternatives and their natural log-probabilities (the token itself
            among them), or None where the server gave none.
    """

    text: str
    tokens: list[tuple[str, dict[str, float]]] | None = None


class ChatError(ModelError):
    """The model gave no answer; the message holds no key."""


class Transient(ChatError):
    """It may answer when it is asked again.

    Attributes:
        retry_after: seconds that the server asked to wait, where it said so.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Permanent(ChatError):
    """Asking again is of no use.

    Attributes:
        of_question: the question itself fails, here and later, so that the failure may be
            stored; False where a key, a name or an address is wrong and can be mended.
    """

    def __init__(self, reason: str, *, of_question: bool) -> None:
        super().__init__(reason)
        self.of_question = of_question
