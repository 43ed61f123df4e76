"""What a graph that is started inside another knows of the node that started it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager


class Outer(NamedTuple):
    """A node that runs tools.

    Attributes:
        thread: the conversation that its calls belong to.
        space: where the node runs, as LangGraph names it.
        calls: id of a call → the call as the parent of a graph that it starts.
        parent: the call that runs here; where it is not known which of several, the newest step.
    """

    thread: str
    space: str
    calls: Mapping[str, str]
    parent: str | None

    def starts(self, own: str) -> bool:
        """Whether the node itself started the graph there; LangGraph counts from the second on."""
        inner = own.removeprefix(self.space)
        return own.startswith(self.space) and (not inner or inner.removeprefix("|").isdigit())


_within: ContextVar[Outer | None] = ContextVar("cotmon_langgraph_within", default=None)


def around() -> Outer | None:
    """The node that runs here."""
    return _within.get()


@contextmanager
def inside(outer: Outer | None) -> Iterator[None]:
    """While a node runs tools: graphs that are started by them know where they belong."""
    token = _within.set(outer)
    try:
        yield
    finally:
        _within.reset(token)


def noting(config: Any, outer: Outer | None) -> Any:
    """The configuration of a node whose tools tell which call each of them runs."""
    callbacks = config.get("callbacks")
    if outer is None or len(outer.calls) < 2 or not isinstance(callbacks, BaseCallbackManager):
        return config
    own = callbacks.copy()
    own.add_handler(_Running(), inherit=False)
    return {**config, "callbacks": own}


class _Running(BaseCallbackHandler):
    """Notes which call a tool runs, in the context that it runs in: each has its own."""

    run_inline = True

    def on_tool_start(self, *_: Any, tool_call_id: str | None = None, **__: Any) -> None:
        outer = _within.get()
        if outer is not None and (call := outer.calls.get(tool_call_id or "")):
            _within.set(outer._replace(parent=call))
