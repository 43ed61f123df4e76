"""A node of a graph with a door: what goes in is heard, what comes out is judged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.errors import GraphInterrupt
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt

from cotmon.hosts._langchain_pauses import Answer, answers, question
from cotmon.hosts._langgraph_gate import Gate, Turn
from cotmon.hosts._langgraph_outer import inside, noting
from cotmon.hosts._langgraph_state import MESSAGES, joined, refusals, without


class Node(Runnable[Any, Any]):
    """In the place of a node's own runnable; adds nothing to the trace.

    Attributes:
        bound: the node's own runnable.

    Args:
        hears: whether it is given the state.
        speaks: whether what it gives is judged; what a graph gives was judged within it.
    """

    def __init__(
        self, bound: Runnable[Any, Any], gate: Gate, *, hears: bool = True, speaks: bool = True
    ) -> None:
        self.bound, self.gate = bound, gate
        self._hears, self._speaks = hears, speaks
        self.name = getattr(bound, "name", None)

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        self._enter(input, config)
        output = self.bound.invoke(input, config, **kwargs)
        self._leave(output, config)
        return output

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        await asyncio.to_thread(self._enter, input, config)
        output = await self.bound.ainvoke(input, config, **kwargs)
        await asyncio.to_thread(self._leave, output, config)
        return output

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
        self._enter(input, config)
        yield from self._told(self.bound.stream(input, config, **kwargs), config)

    def transform(self, input: Iterator[Any], config: Any = None, **kwargs: Any) -> Iterator[Any]:
        yield from self._told(self.bound.transform(input, config, **kwargs), config)

    async def astream(self, input: Any, config: Any = None, **kwargs: Any) -> AsyncIterator[Any]:
        await asyncio.to_thread(self._enter, input, config)
        async for part in self._atold(self.bound.astream(input, config, **kwargs), config):
            yield part

    async def atransform(
        self, input: AsyncIterator[Any], config: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        async for part in self._atold(self.bound.atransform(input, config, **kwargs), config):
            yield part

    def _told(self, parts: Iterator[Any], config: Mapping[str, Any]) -> Iterator[Any]:
        output = None
        for part in parts:
            output = _sum(output, part)
            yield part
        self._leave(output, config)

    async def _atold(
        self, parts: AsyncIterator[Any], config: Mapping[str, Any]
    ) -> AsyncIterator[Any]:
        output = None
        async for part in parts:
            output = _sum(output, part)
            yield part
        await asyncio.to_thread(self._leave, output, config)

    def _enter(self, input: Any, config: Mapping[str, Any]) -> None:
        if self._hears:
            self.gate.enter(input, config)

    def _leave(self, output: Any, config: Mapping[str, Any]) -> None:
        if self._speaks:
            self.gate.leave(output, config)


class ToolDoor(Node):
    """A node that runs tools: no call passes before it is judged, asked about where it must be.

    All questions of one node are one interrupt, before anything of it has run; the node is run
    again from here when it goes on, and nothing is judged twice.
    """

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        turn = self._turn(input, config)
        if turn is not None and turn.interrupts:
            self.gate.note(turn, _answered(turn))
        refused = self._refused(turn)
        if turn is None or not refused:
            return self._run(turn, input, config, kwargs)
        output = None
        if len(refused) < len(turn.calls.calls):
            output = self._run(turn, without(input, turn.calls, refused), config, kwargs)
        return self._join(input, output, turn, refused)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        turn = await asyncio.to_thread(self._turn, input, config)
        if turn is not None and turn.interrupts:
            await asyncio.to_thread(self.gate.note, turn, _answered(turn))
        refused = await asyncio.to_thread(self._refused, turn)
        if turn is None or not refused:
            return await self._arun(turn, input, config, kwargs)
        output = None
        if len(refused) < len(turn.calls.calls):
            output = await self._arun(turn, without(input, turn.calls, refused), config, kwargs)
        return self._join(input, output, turn, refused)

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
        yield self.invoke(input, config, **kwargs)

    async def astream(self, input: Any, config: Any = None, **kwargs: Any) -> AsyncIterator[Any]:
        yield await self.ainvoke(input, config, **kwargs)

    def _turn(self, input: Any, config: Any) -> Turn | None:
        key = self.bound._messages_key if isinstance(self.bound, ToolNode) else MESSAGES
        return self.gate.turn(input, config, key, lambda: self._state(input, config))

    def _state(self, input: Any, config: Any) -> object:
        """The state where only calls were sent, as the node itself would read it."""
        if isinstance(self.bound, ToolNode):
            return self.bound._extract_state(input, config)
        return {}

    def _refused(self, turn: Turn | None) -> set[int]:
        return set() if turn is None else self.gate.refused(turn)

    def _run(self, turn: Turn | None, input: Any, config: Any, kwargs: dict[str, Any]) -> Any:
        if turn is None:
            return self.bound.invoke(input, config, **kwargs)
        try:
            with inside(turn.outer):
                return self.bound.invoke(input, noting(config, turn.outer), **kwargs)
        except GraphInterrupt:
            self.gate.paused(turn)
            raise

    async def _arun(
        self, turn: Turn | None, input: Any, config: Any, kwargs: dict[str, Any]
    ) -> Any:
        if turn is None:
            return await self.bound.ainvoke(input, config, **kwargs)
        try:
            with inside(turn.outer):
                return await self.bound.ainvoke(input, noting(config, turn.outer), **kwargs)
        except GraphInterrupt:
            await asyncio.to_thread(self.gate.paused, turn)
            raise

    def _join(self, input: Any, output: Any, turn: Turn, refused: set[int]) -> Any:
        text = self.gate.watcher.settings.refusal
        return joined(input, output, turn.calls, refusals(turn.calls, refused, text))


def _sum(output: Any, part: Any) -> Any:
    """Parts of a stream together, where they can be added; else the last, as LangGraph has it."""
    try:
        return part if output is None else output + part
    except TypeError:
        return part


def _answered(turn: Turn) -> list[Answer]:
    """Pauses until a person has answered; what is not understood is asked again."""
    while (found := answers(interrupt(question(turn.asked)), len(turn.asked))) is None:
        pass
    return found
