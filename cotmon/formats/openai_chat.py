"""OpenAI-style chat: messages with roles, as JSON or JSON lines, with or without responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cotmon.formats._chat_messages import write_conversation
from cotmon.formats._conversations import find_conversation
from cotmon.formats._file import LogFile
from cotmon.formats._joining import read_conversations
from cotmon.formats._records import sample
from cotmon.formats._spellings import SPELLINGS
from cotmon.formats.anthropic_messages import has_blocks
from cotmon.records import Refusal, Transcript

_TYPICAL = SPELLINGS | {"tool_calls", "tool_call_id", "function_call"}


class _Format:
    title = "an OpenAI-style chat"

    def sniff(self, file: LogFile) -> int:
        return max((_strength(value) for value in sample(file)), default=0)

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        return read_conversations(file, "openai_chat", write_conversation)


def _strength(value: Any) -> int:
    found = find_conversation(value)
    if found is None:
        return 0
    messages = [m for m in found.messages[:50] if isinstance(m, dict)]
    if any(m.keys() & _TYPICAL or m.get("role") in ("tool", "function") for m in messages):
        return 2
    if has_blocks(messages):
        return 1
    return 2 if messages and isinstance(value, dict) else 1


FORMAT = _Format()
