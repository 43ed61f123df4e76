"""A chat as it grows: each message to module messages, exactly as a finished log would be read."""

from __future__ import annotations

from typing import Any

from cotmon.formats._builder import Builder
from cotmon.formats._chat_messages import ChatWriter
from cotmon.records import Message, Source, Transcript

BRANCH = "cotmon_branch"
"""Key of a stored message that was said again: the name of its abandoned line."""


class ChatStream:
    """One living conversation of OpenAI-style messages."""

    def __init__(self, transcript_id: str, source: Source, agent: str | None = None) -> None:
        self._builder = Builder(transcript_id, source, agent)
        self._writer = ChatWriter(self._builder)
        self._given = 0

    def add(self, message: dict[str, Any]) -> list[Message]:
        """The module messages that this chat message adds; none where it is empty."""
        said = {key: value for key, value in message.items() if key != BRANCH}
        self._writer.add(said, message.get(BRANCH))
        new = self._builder.since(self._given)
        self._given += len(new)
        return new

    def transcript(self) -> Transcript:
        """Everything, once nothing more is added."""
        self._writer.close()
        return self._builder.finish()
