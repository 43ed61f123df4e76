"""A turn of a LangChain model that a protocol has said again, before anybody sees any of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any
from uuid import uuid4

import msgspec
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import LC_ID_PREFIX, AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.constants import TAG_NOSTREAM

from cotmon.errors import UsageError
from cotmon.hosts._again import TRUSTED, trusted_of
from cotmon.hosts._langchain_messages import said_of
from cotmon.watching import Decision, Outputs, Said, Settings

UNTOLD = (
    "a turn of %s cannot be said again (%s): what the protocol would defer is asked of a person; "
    "give create_agent a chat model"
)
"""What is said of a model that is no chat model."""
_SAID = "_cotmon_said"
Judge = Callable[[Said, Outputs | None], Sequence[Decision]]


class Retold:
    """One turn, while its outputs come.

    Args:
        request: of the agent to its model.
        judge: gives decisions on an output.
        trusted: who speaks where the turn is deferred.

    Attributes:
        asks: the request to make next, unseen by viewers; None once an output goes on.
        plain: a response that goes on as it came, for it could not be judged.
    """

    def __init__(self, request: Any, judge: Judge, trusted: Any) -> None:
        self._request, self._judge, self._trusted = request, judge, trusted
        self._outputs = Outputs()
        self._messages: list[Any] = []
        self._chosen: Any = None
        self.plain: Any = None
        self.asks: Any = request.override(model=_hushed(request.model))

    @property
    def begun(self) -> bool:
        """Whether the model has answered: what fails from then on is not the agent's to know."""
        return bool(self._messages)

    def take(self, response: Any) -> None:
        """Judges what was said, and knows then what is to be asked next."""
        message = next((m for m in reversed(response.result) if isinstance(m, AIMessage)), None)
        if message is None:
            raise ValueError("the model gave no message")
        if self._outputs.wants == "defer":
            self._go_on(message, TRUSTED, "done")
            return
        k = len(self._messages)
        first = self._messages[0].id if k else message.id or f"{LC_ID_PREFIX}-{uuid4()}"
        message = message.model_copy(update={"id": f"{first}~{k}" if k else first})
        self._messages.append(message)
        said = said_of(message)
        if k or said.calls:
            self._judge(said, self._outputs)
        if self._outputs.wants == "defer":
            self.asks = self._request.override(model=_hushed(self._trusted))
        elif self._outputs.wants is None:
            self._choose()

    def give_up(self, response: Any) -> None:
        """Nothing else could be said: the first output goes on, as one that is alone."""
        if self.begun:
            self._go_on(self._messages[0], "~first", "no")
        else:
            self.plain, self.asks = response, None

    def chosen(self) -> Any:
        """The request by which the agent, and viewers, are given the output that goes on."""
        unpaid = self._chosen.model_copy(update={"usage_metadata": None})  # it was counted before
        return self._request.override(model=_saying(self._request.model, unpaid))

    def paid(self, response: Any) -> Any:
        """The response to that, with what the output has cost."""
        for message in response.result:
            if message.id == self._chosen.id:
                message.usage_metadata = self._chosen.usage_metadata
        return response

    def _choose(self) -> None:
        k, last = self._outputs.chosen, len(self._messages) - 1
        if k == last:
            self._chosen, self.asks = self._messages[k], None
        else:
            self._go_on(self._messages[k], "~chosen", "done")

    def _go_on(self, message: Any, mark: str, again: Any) -> None:
        """Under a name of its own: under its first one it was decided to be abandoned."""
        self._chosen = message.model_copy(update={"id": f"{self._messages[0].id}{mark}"})
        self.asks = None
        said = said_of(self._chosen)
        named = {"name": self._trusted.model_name} if mark == TRUSTED else {}
        said = msgspec.structs.replace(said, chat=said.chat | named, again=again)
        self._judge(said, None)


def trusted_model(settings: Settings) -> Any:
    """The trusted model of `defer-to-trusted`; None where no protocol asks one.

    Raises:
        UsageError: it needs `langchain-openai`, which is not installed.
        ModelError: it is named wrongly.
    """
    found = trusted_of(settings)
    if found is None:
        return None
    try:
        kind = import_module("langchain_openai").ChatOpenAI
    except ModuleNotFoundError as error:
        raise UsageError(f"{error}: a trusted model needs pip install langchain-openai") from error
    key = found.key or "none"
    return kind(model=found.name, base_url=str(found.url), api_key=key)


def _hushed(model: Any) -> Any:
    """A copy that LangGraph shows no viewer of tokens, and that LangChain's cache does not answer.

    Raises:
        TypeError: it is no chat model.
    """
    if not isinstance(model, BaseChatModel):
        raise TypeError("it is no BaseChatModel")
    tags = [*(model.tags or ()), TAG_NOSTREAM]
    return model.model_copy(update={"tags": tags, "cache": False})


def _saying(model: Any, message: Any) -> Any:
    """A copy that says this, whatever it is asked."""
    copied = model.model_copy(update={"cache": False})
    object.__setattr__(copied, "__class__", _class_of(type(model)))
    vars(copied)[_SAID] = message
    return copied


def _generate(self: Any, *args: Any, **rest: Any) -> ChatResult:
    message = vars(self)[_SAID].model_copy()
    return ChatResult(generations=[ChatGeneration(message=message)])


@cache
def _class_of(kind: Any) -> Any:
    """A class of the same name that streams nothing and asks no server."""
    plain = {name: getattr(BaseChatModel, name) for name in ("_stream", "_astream", "_agenerate")}
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return type(kind)(kind.__name__, (kind,), {**named, **plain, "_generate": _generate})
