"""A fake chat model of LangChain, and the tools of the canary."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from pydantic import Field

from cotmon.hosts._canary import ALLOWED, BLOCKED, CALLS, REASON


class Singer(BaseChatModel):
    """A model that asks for both calls, and then is done."""

    told: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "canary"

    def bind_tools(self, tools: Sequence[Any], **rest: Any) -> Singer:
        """Itself: it knows its tools."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **rest: Any,
    ) -> ChatResult:
        self.told += [f"{m.type}: {m.text}" for m in messages]
        first = not any(m.type == "ai" for m in messages)
        return ChatResult(generations=[ChatGeneration(message=singing() if first else done())])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **rest: Any,
    ) -> Iterator[ChatGenerationChunk]:
        """One chunk for the words and one for the calls."""
        (song,) = self._generate(messages).generations
        yield ChatGenerationChunk(message=AIMessageChunk(content=song.message.content))
        calls = [
            tool_call_chunk(name=c["name"], args=json.dumps(c["args"]), id=c["id"], index=k)
            for k, c in enumerate(getattr(song.message, "tool_calls", ()))
        ]
        if calls:
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=calls))


def singing() -> AIMessage:
    """The turn that asks for both calls."""
    content: list[Any] = [
        {"type": "reasoning", "reasoning": REASON},
        {"type": "text", "text": "Singing."},
    ]
    calls = [
        {"name": name, "args": json.loads(arguments), "id": f"call_{k}", "type": "tool_call"}
        for k, (name, arguments) in enumerate(CALLS)
    ]
    return AIMessage(content=content, tool_calls=calls)


def done() -> AIMessage:
    """The turn that ends."""
    return AIMessage(content="Done.")


def singers(ran: list[str]) -> list[Any]:
    """The two tools, which note that they ran."""

    def make(name: str) -> Callable[[str], str]:
        def sing(text: str) -> str:
            """Sings."""
            ran.append(name)
            return "done"

        sing.__name__ = name
        return sing

    return [tool(make(name)) for name in (ALLOWED, BLOCKED)]
