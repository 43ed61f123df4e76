"""One turn of a LangChain model: what viewers of its tokens are shown, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal
from uuid import uuid4

import msgspec
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import (
    LC_ID_PREFIX,
    AIMessage,
    AIMessageChunk,
    message_chunk_to_message,
)
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from cotmon.hosts._gate import unjudged
from cotmon.hosts._langchain_messages import calls_of, reasoning_of, said_of, text_of
from cotmon.records import Step
from cotmon.watching import Decision, Glimpse, Said, Watcher

_CALLS = {"tool_call", "tool_call_chunk", "invalid_tool_call", "non_standard"}
"""Types of content that are, or may be, a piece of a call."""
_OLD_CALLS = ("tool_calls", "function_call")


class Turn:
    """One turn, however often the model is asked for it.

    Args:
        watcher: what it is watched with.
        judge: gives a decision for every call of a generation.
        tools: names of the tools that the model is offered.
    """

    def __init__(
        self, watcher: Watcher, judge: Callable[[Said], Sequence[Decision]], tools: Sequence[str]
    ) -> None:  # fmt: skip
        self.watcher, self.tools = watcher, tools
        self._judge = judge
        self._whole: dict[str, AIMessage] = {}

    def show(self, whole: AIMessage) -> list[dict[str, Any]] | None:
        """The calls that viewers may see; None where that is all of them.

        What waits for a person is not shown: it may yet be refused. Nor is what is no JSON: it is
        not judged, and never runs.
        """
        held = self._held(whole)
        if not any(held) and not whole.invalid_tool_calls:
            return None
        self._whole[str(whole.id)] = whole
        return [
            {"name": c.name, "args": c.arguments, "id": c.id, "index": k}
            for k, (c, is_held) in enumerate(zip(calls_of(whole), held, strict=True))
            if not is_held
        ]

    def stop(self, whole: AIMessage, words: str) -> None:
        """Judges a generation that was ended for its words; calls it had begun are no calls.

        The agent gets plain words: the server keeps nothing of what was ended, so its own names of
        reasoning and response would be unknown to it in the next request.
        """
        self._whole[str(whole.id)] = AIMessage(content=words, id=whole.id)
        try:
            said = said_of(whole.model_copy(update={"tool_calls": []}))
            self._judge(msgspec.structs.replace(said, stopped=True))
        except Exception as error:  # noqa: BLE001 - nothing can run; it is judged as words
            self.watcher.fault(error)

    def shown(self, result: ChatResult, run_manager: Any) -> ChatResult:
        """An answer that came at once, as those may see it who watch tokens, if any do."""
        if not any(hasattr(h, "tap_output_iter") for h in getattr(run_manager, "handlers", ())):
            return result
        first, *others = result.generations
        whole = first.message
        if not isinstance(whole, AIMessage):
            return result
        info = {**(result.llm_output or {}), **(first.generation_info or {})}
        whole = whole.model_copy(
            update={
                "id": whole.id or f"{LC_ID_PREFIX}-{run_manager.run_id}-0",
                "response_metadata": {**info, **whole.response_metadata},
            }
        )
        first.message = whole
        calls = self.show(whole)
        if calls is None:
            return result
        less = _less(whole, str(whole.text), calls, whole.usage_metadata)
        shown = ChatGeneration(
            message=message_chunk_to_message(less.message), generation_info=first.generation_info
        )
        return ChatResult(generations=[shown, *others], llm_output=result.llm_output)

    def restored(self, message: Any) -> Any:
        """The message as the model said it."""
        whole = self._whole.pop(message.id, None)
        if whole is None:
            return message
        if message.response_metadata.get("output_version") != "v1":
            return whole
        metadata = {**whole.response_metadata, "output_version": "v1"}
        return whole.model_copy(
            update={"content": whole.content_blocks, "response_metadata": metadata}
        )

    def _held(self, whole: AIMessage) -> list[bool]:
        """For each call, whether it does not run at once; words alone are judged by the agent."""
        calls = calls_of(whole)
        if not calls:
            return []
        try:
            found = self._judge(said_of(whole))
            return [d.enforced and d.level in ("ask", "block") for d in found]
        except Exception as error:  # noqa: BLE001 - nothing is shown because watching failed
            self.watcher.fault(error)
            return [unjudged(self.watcher, call.name) == "refuse" for call in calls]


class Growing:
    """One streamed generation: words pass, and from the first piece of a call on all is held."""

    def __init__(self, turn: Turn, run_manager: Any) -> None:
        self._turn = turn
        self._glimpse = Glimpse(turn.watcher)
        self._told = run_manager is not None
        self._id = f"{LC_ID_PREFIX}-{run_manager.run_id if self._told else uuid4()}"
        self._words: dict[str, str] = {}
        self._passed = ""
        self._kept: list[ChatGenerationChunk] = []
        self._held: list[ChatGenerationChunk] = []
        self._holding = self._stopped = False

    def take(self, chunk: ChatGenerationChunk) -> list[Step]:
        """Takes in what was generated next; gives the steps that it finished. Cheap."""
        message = chunk.message
        if self._told or message.id is None:  # a name that is known before the message is whole
            message.id = self._id
        self._kept.append(chunk.model_copy(update={"message": message.model_copy()}))
        steps: list[Step] = []
        try:
            steps += self._grown("reasoning", reasoning_of(message))
            steps += self._grown("text", text_of(message))
            self._holding = self._holding or _may_call(message)
        except Exception as error:  # noqa: BLE001 - it is judged when it is whole
            self._turn.watcher.fault(error)
            self._holding = True
        return steps

    def forbids(self, steps: Sequence[Step]) -> bool:
        """Whether what was said so far is enough to end it; it may wait."""
        try:
            suspicion = self._glimpse.suspicion(steps)
            self._stopped = self._glimpse.forbids(suspicion, self._turn.tools)
        except Exception as error:  # noqa: BLE001 - it is judged when it is whole
            self._turn.watcher.fault(error)
        return self._stopped

    def passed(self, chunk: ChatGenerationChunk) -> list[ChatGenerationChunk]:
        """What viewers are shown at once."""
        if not self._holding:
            self._passed = self._words.get("text", "")
            return [chunk]
        self._held.append(chunk)
        return []

    def end(self) -> list[ChatGenerationChunk]:
        """What viewers are shown at last, now that all of it is judged; it may wait."""
        if not self._kept:
            return []
        whole = _whole(self._kept)
        if self._stopped:
            refusal = self._turn.watcher.settings.refusal
            self._turn.stop(whole, self._passed + refusal)
            return [_less(whole, refusal, [])]
        calls = self._turn.show(whole) if self._held else None
        if calls is not None:
            words = self._words.get("text", "")[len(self._passed) :]
            return [_less(whole, words, calls, _whole(self._held).usage_metadata)]
        return self._held if _is_last(self._kept[-1]) else [*self._held, _less(whole, "", [])]

    def _grown(self, channel: Literal["reasoning", "text"], more: str) -> list[Step]:
        if not more:
            return []
        self._words[channel] = self._words.get(channel, "") + more
        return self._glimpse.grow(channel, self._words[channel])


def _whole(chunks: Sequence[ChatGenerationChunk]) -> AIMessage:
    """The message that these chunks are."""
    (found,) = generate_from_stream(iter(chunks)).generations
    message: Any = found.message
    metadata = {**(found.generation_info or {}), **message.response_metadata}
    return message.model_copy(update={"response_metadata": metadata})


def _less(
    whole: AIMessage, text: str, calls: list[dict[str, Any]], usage: Any = None
) -> ChatGenerationChunk:
    """The last chunk of a message, with these words and calls; its content is of the same type."""
    blocks: list[Any] = [{"type": "text", "text": text}] if text else []
    message = AIMessageChunk(
        content=text if isinstance(whole.content, str) else blocks, id=whole.id,
        tool_call_chunks=[tool_call_chunk(**call) for call in calls],
        usage_metadata=usage, chunk_position="last",
    )  # fmt: skip
    return ChatGenerationChunk(message=message)


def _may_call(message: Any) -> bool:
    """Whether a chunk holds, or may hold, a piece of a call."""
    if message.tool_call_chunks or any(name in message.additional_kwargs for name in _OLD_CALLS):
        return True
    return any(block.get("type") in _CALLS for block in message.content_blocks)


def _is_last(chunk: ChatGenerationChunk) -> bool:
    return getattr(chunk.message, "chunk_position", None) == "last"
