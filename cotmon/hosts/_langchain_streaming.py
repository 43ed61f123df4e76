"""A chat model that is judged while it generates, and shows no call before it was judged.

The agent gets a copy of its model whose class derives from the model's own, so that whatever asks
for its type, its profile or its tools finds what it knows. Words pass to whoever watches tokens
(`stream_mode="messages"`, `astream_events`) as they come; a generation whose calls could only be
blocked is ended upstream; calls that do not run at once are shown to no viewer of tokens. The
agent itself gets the message as the model said it, and answers a refused call by its result.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing
from functools import cache
from typing import Any

from langchain_core.language_models import BaseChatModel

from cotmon.hosts._langchain_growing import Growing, Turn

_TURN = "_cotmon_turn"


def watched(model: Any, turn: Turn) -> Any:
    """A copy of a model that generates one turn under watch.

    LangChain's cache is left out: it would keep what viewers were shown, and give it unjudged.

    Raises:
        TypeError: it is no chat model, or its class allows no copy that behaves otherwise.
    """
    if not isinstance(model, BaseChatModel):
        raise TypeError("it is no BaseChatModel")
    copied: Any = model.model_copy(update={"cache": False})
    object.__setattr__(copied, "__class__", _class_of(type(model)))
    vars(copied)[_TURN] = turn
    return copied


@cache
def _class_of(kind: Any) -> Any:
    """A class of the same name that watches what this one really does.

    LangChain decides how to call a model by the methods that its class defines.
    """
    own = [p for name, p in _PARTS if getattr(kind, name) is not getattr(BaseChatModel, name)]
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return type(kind)(kind.__name__, (_Whole, *own, kind), named)


class _Whole:
    """Gives the agent the whole message, also where viewers were shown less."""

    __slots__ = ()
    _stream_chat_model_events = None  # events are then made of what `_stream` gives
    _astream_chat_model_events = None

    def invoke(self: Any, *args: Any, **rest: Any) -> Any:
        turn: Turn = vars(self)[_TURN]
        inner: Any = super()
        return turn.restored(inner.invoke(*args, **rest))

    async def ainvoke(self: Any, *args: Any, **rest: Any) -> Any:
        turn: Turn = vars(self)[_TURN]
        inner: Any = super()
        return turn.restored(await inner.ainvoke(*args, **rest))


class _Streams:
    __slots__ = ()

    def _stream(
        self: Any, messages: Any, stop: Any = None, run_manager: Any = None, **rest: Any
    ) -> Iterator[Any]:
        """The inner model is given no manager: it would tell it of tokens that are held."""
        growing = Growing(vars(self)[_TURN], run_manager)
        inner: Any = super()
        with closing(_each(inner._stream(messages, stop=stop, **rest))) as chunks:
            for chunk in chunks:
                steps = growing.take(chunk)
                if steps and growing.forbids(steps):
                    break
                for shown in growing.passed(chunk):
                    if run_manager is not None:
                        run_manager.on_llm_new_token(shown.text, chunk=shown)
                    yield shown
        for shown in growing.end():
            if run_manager is not None:
                run_manager.on_llm_new_token(shown.text, chunk=shown)
            yield shown


class _StreamsAsync:
    __slots__ = ()

    async def _astream(
        self: Any, messages: Any, stop: Any = None, run_manager: Any = None, **rest: Any
    ) -> AsyncIterator[Any]:
        """As `_stream`; the event loop does not wait for monitors."""
        growing = Growing(vars(self)[_TURN], run_manager)
        inner: Any = super()
        async with aclosing(_each_async(inner._astream(messages, stop=stop, **rest))) as chunks:
            async for chunk in chunks:
                steps = growing.take(chunk)
                if steps and await asyncio.to_thread(growing.forbids, steps):
                    break
                for shown in growing.passed(chunk):
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(shown.text, chunk=shown)
                    yield shown
        for shown in await asyncio.to_thread(growing.end):
            if run_manager is not None:
                await run_manager.on_llm_new_token(shown.text, chunk=shown)
            yield shown


class _Generates:
    __slots__ = ()

    def _generate(
        self: Any, messages: Any, stop: Any = None, run_manager: Any = None, **rest: Any
    ) -> Any:
        inner: Any = super()
        result = inner._generate(messages, stop=stop, run_manager=run_manager, **rest)
        return vars(self)[_TURN].shown(result, run_manager)


class _GeneratesAsync:
    __slots__ = ()

    async def _agenerate(
        self: Any, messages: Any, stop: Any = None, run_manager: Any = None, **rest: Any
    ) -> Any:
        inner: Any = super()
        result = await inner._agenerate(messages, stop=stop, run_manager=run_manager, **rest)
        return await asyncio.to_thread(vars(self)[_TURN].shown, result, run_manager)


_PARTS: tuple[tuple[str, type], ...] = (
    ("_stream", _Streams),
    ("_astream", _StreamsAsync),
    ("_generate", _Generates),
    ("_agenerate", _GeneratesAsync),
)
"""What watches a method, where a class defines it."""


def _each(chunks: Any) -> Generator[Any]:
    """All of them, from what can be closed."""
    yield from chunks


async def _each_async(chunks: Any) -> AsyncGenerator[Any]:
    """As `_each`; here nothing is closed by itself."""
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        if hasattr(chunks, "aclose"):
            await chunks.aclose()
