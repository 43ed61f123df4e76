"""The middleware itself: both halves of every hook around one gate.

Interrupts are raised only where no `except` of ours stands around them, and each node may be run
again from its top on resume: what was decided and answered is looked up, never judged again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.messages import ToolMessage
from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp, GraphInterrupt
from langgraph.types import interrupt

from cotmon.hosts._langchain_again import trusted_model
from cotmon.hosts._langchain_gate import THREAD, Gate, inside
from cotmon.hosts._langchain_pauses import question
from cotmon.store import new_id
from cotmon.watching import Watcher, Watching


def made(watching: Watching) -> AgentMiddleware[Any, Any, Any]:
    """A middleware with these settings; one that does nothing where they say `off`."""
    if watching.settings.off:
        return _Off()
    trusted = trusted_model(watching.settings)
    return Cotmon(Watcher(watching, "langchain", can_pause=True), trusted)


class _Off(AgentMiddleware[Any, Any, Any]):
    @property
    def name(self) -> str:
        return "cotmon"


class _State(AgentState[Any]):
    cotmon_thread: NotRequired[Annotated[str, PrivateStateAttr]]


class Cotmon(AgentMiddleware[Any, Any, Any]):
    """Judges each answer of the model, and holds, refuses or lets through its calls.

    Attributes:
        watcher: what it watches with.

    Args:
        trusted: the model that speaks where a turn is deferred.
    """

    state_schema = _State

    def __init__(self, watcher: Watcher, trusted: Any = None) -> None:
        super().__init__()
        self.watcher = watcher
        self._gate = Gate(watcher, trusted)

    @property
    def name(self) -> str:
        """How its nodes are called in the graph."""
        return "cotmon"

    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Names the conversation, where a thread begins; a run without a thread is one alone."""
        return None if state.get(THREAD) else {THREAD: new_id()}

    async def abefore_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """As `before_agent`."""
        return self.before_agent(state, runtime)

    def wrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Takes in what the model is about to read."""
        self._gate.hear(get_config(), request)
        response = self._said(request, handler)
        self._gate.look_for_reasoning(request.model, response)
        return response

    def _said(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """What the model says, or what a protocol has said in its place."""
        turn = self._gate.retold(get_config(), request)
        if turn is None:
            return handler(self._gate.shown(get_config(), request))
        while turn.asks is not None:
            try:
                response = handler(turn.asks)
            except GraphBubbleUp:
                raise
            except Exception as error:
                if not turn.begun:
                    raise
                self._gate.give_up(turn, error)
            else:
                self._gate.take(turn, response)
        if turn.plain is not None:
            return turn.plain
        return turn.paid(handler(self._gate.shown(get_config(), turn.chosen())))

    async def awrap_model_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """As `wrap_model_call`; the event loop does not wait for it."""
        await asyncio.to_thread(self._gate.hear, get_config(), request)
        response = await self._asaid(request, handler)
        self._gate.look_for_reasoning(request.model, response)
        return response

    async def _asaid(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """As `_said`; the event loop does not wait for monitors."""
        turn = self._gate.retold(get_config(), request)
        if turn is None:
            return await handler(self._gate.shown(get_config(), request))
        while turn.asks is not None:
            try:
                response = await handler(turn.asks)
            except GraphBubbleUp:
                raise
            except Exception as error:
                if not turn.begun:
                    raise
                await asyncio.to_thread(self._gate.give_up, turn, error)
            else:
                await asyncio.to_thread(self._gate.take, turn, response)
        if turn.plain is not None:
            return turn.plain
        return turn.paid(await handler(self._gate.shown(get_config(), turn.chosen())))

    def after_model(self, state: Any, runtime: Any) -> None:
        """Judges the whole answer, and asks about its calls together."""
        asked = self._gate.judge(get_config(), state)
        while asked:
            self._gate.answer(asked, interrupt(question(asked)))
            asked = self._gate.waiting(asked)

    async def aafter_model(self, state: Any, runtime: Any) -> None:
        """As `after_model`; the event loop does not wait for it."""
        asked = await asyncio.to_thread(self._gate.judge, get_config(), state)
        while asked:
            said = interrupt(question(asked))
            await asyncio.to_thread(self._gate.answer, asked, said)
            asked = await asyncio.to_thread(self._gate.waiting, asked)

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Runs a call, or refuses it, or asks where nobody was asked yet."""
        checked = self._gate.check(get_config(), request)
        while checked.verdict == "ask":
            self._gate.answer(checked.asked, interrupt(question(checked.asked)))
            checked = self._gate.check(get_config(), request)
        if checked.verdict == "refuse":
            return self._refusal(request)
        try:
            with inside(checked):
                return handler(request)
        except GraphInterrupt:
            self._gate.paused(checked)
            raise

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """As `wrap_tool_call`; the event loop does not wait for it."""
        checked = await asyncio.to_thread(self._gate.check, get_config(), request)
        while checked.verdict == "ask":
            said = interrupt(question(checked.asked))
            await asyncio.to_thread(self._gate.answer, checked.asked, said)
            checked = await asyncio.to_thread(self._gate.check, get_config(), request)
        if checked.verdict == "refuse":
            return self._refusal(request)
        try:
            with inside(checked):
                return await handler(request)
        except GraphInterrupt:
            await asyncio.to_thread(self._gate.paused, checked)
            raise

    def _refusal(self, request: Any) -> ToolMessage:
        call = request.tool_call
        return ToolMessage(
            content=self.watcher.settings.refusal, tool_call_id=call["id"], name=call["name"],
            status="error",
        )  # fmt: skip
