"""Anthropic's Messages form: content blocks, requests with their responses, JSON or JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cotmon.formats._chat_messages import write_conversation
from cotmon.formats._conversations import find_conversation
from cotmon.formats._file import LogFile
from cotmon.formats._joining import read_conversations
from cotmon.formats._records import sample
from cotmon.formats._shapes import string_of
from cotmon.records import Refusal, Transcript

_BLOCKS = frozenset({"thinking", "redacted_thinking", "tool_use", "server_tool_use", "tool_result"})
_CHAT = frozenset({"tool_calls", "tool_call_id", "function_call", "reasoning_content"})


class _Format:
    title = "an Anthropic Messages log"

    def sniff(self, file: LogFile) -> int:
        return max((_strength(value) for value in sample(file)), default=0)

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        return read_conversations(file, "anthropic_messages", write_conversation)


def _strength(value: Any) -> int:
    found = find_conversation(value)
    if found is None or any(isinstance(m, dict) and m.keys() & _CHAT for m in found.messages):
        return 0
    return 2 if has_blocks(found.messages) else 0


def has_blocks(messages: list[Any]) -> bool:
    """Whether some message holds blocks that only Anthropic's form has."""
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict) and string_of(block.get("type")) in _BLOCKS:
                return True
    return False


FORMAT = _Format()
