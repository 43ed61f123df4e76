"""A chat as it grows: each message to module messages, exactly as the whole would be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cotmon.formats._builder import Builder
from cotmon.formats._chat_messages import ChatWriter
from cotmon.records import Message, Source, Transcript

BRANCH = "cotmon_branch"
"""Key of a stored message that was said again: the name of its abandoned line."""


class ChatStream:
    """One living conversation of OpenAI-style messages; what it has given it keeps no more.

    Args:
        transcript_id, source, agent: see `Transcript`.
        parent: the step of another transcript that started it; see `Message`.
    """

    def __init__(
        self, transcript_id: str, source: Source, agent: str | None = None,
        parent: str | None = None,
    ) -> None:  # fmt: skip
        self._builder = Builder(transcript_id, source, agent, parent)
        self._writer = ChatWriter(self._builder)

    def add(self, message: dict[str, Any]) -> list[Message]:
        """The module messages that this chat message adds, a turn; none where it is empty."""
        _add(self._writer, message)
        return self._builder.take()


def transcript_of_chat(
    transcript_id: str, source: Source, agent: str | None, parent: str | None,
    messages: Iterable[Any],
) -> Transcript:  # fmt: skip
    """The transcript of a conversation whose messages a `ChatStream` would be given."""
    builder = Builder(transcript_id, source, agent, parent)
    writer = ChatWriter(builder)
    for message in messages:
        _add(writer, message)
    writer.close()
    return builder.finish()


def _add(writer: ChatWriter, message: dict[str, Any]) -> None:
    said = {key: value for key, value in message.items() if key != BRANCH}
    writer.add(said, message.get(BRANCH))
