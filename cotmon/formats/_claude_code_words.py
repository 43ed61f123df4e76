"""Words that Claude Code's client puts before the agent: notices, attachments, queued prompts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cotmon.formats._claude_code_tree import Event
from cotmon.formats._content import text_of
from cotmon.formats._shapes import object_of, string_of

_NOTICE = re.compile(
    r"\s*(?:<(?:local-command-(?:stdout|stderr|caveat)|bash-(?:stdout|stderr)|task-notification"
    r"|user-prompt-submit-hook|session-start-hook|post-tool-use-hook|ide_\w+|teammate-message"
    r"|cross-session-message)\b"
    r"|Caveat: The messages below were generated|\[Request interrupted by user"
    r"|\[SYSTEM NOTIFICATION"
    r"|(?:\w+ )?hook (?:feedback|additional context|success|blocking error)\b)",
    re.IGNORECASE,
)
"""How text that the client put under the user's role begins."""
_REMINDER = re.compile(r"<system-reminder>.*?(?:</system-reminder>\s*|\Z)", re.DOTALL)
_PEOPLE = frozenset({"human", "slash-command", "prompt", "bash"})
"""Kinds of origin, or modes of a queued command, in which a person typed."""
_WORDS = (
    "content", "text", "snippet", "planContent", "blockingError", "message", "messages", "memories",
    "skills", "file", "addedBlocks", "addedLines", "files", "diagnostics",
)  # fmt: skip
"""Where attachments keep the words that the agent is given."""


def is_notice(text: str, origin: Any = None) -> bool:
    """Whether the client or another agent speaks under the user's role.

    Args:
        text: how it begins decides in older versions.
        origin: of newer versions: `{"kind": "human"}`, `task-notification`, `peer` …
    """
    kind = string_of(object_of(origin).get("kind"))
    return _NOTICE.match(text) is not None or (kind is not None and kind not in _PEOPLE)


def cut(text: str) -> Iterator[tuple[str, bool]]:
    """Slices of a user's text, and whether the client added them as a reminder."""
    at = 0
    for found in _REMINDER.finditer(text):
        if text[at : found.start()].strip():
            yield text[at : found.start()], False
        yield found.group(), True
        at = found.end()
    if text[at:].strip():
        yield text[at:], False


def words_of(attachment: dict[str, Any]) -> list[str]:
    """The texts of an attachment that the agent is given; none for what only the client needs."""
    return [text for text in _words({k: attachment.get(k) for k in _WORDS}) if text.strip()]


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
    elif isinstance(value, dict):
        for key in _WORDS:
            yield from _words(value.get(key))


def queued(events: list[Event]) -> dict[int, str]:
    """Line of a queue operation → a prompt that no message and no attachment holds.

    What is typed while the agent works reaches it between two calls, and some versions tell
    so nowhere else. What the user took back to edit (`popAll`) did not reach it.
    """
    told = {text for event in events if event.kind != "queue-operation" for text in _asked(event)}
    found: dict[int, str] = {}
    for wanted in ("popAll", "remove", "enqueue"):
        for event in events:
            text = text_of(event.data.get("content"))[0].strip()
            if event.kind != "queue-operation" or event.data.get("operation") != wanted:
                continue
            if text and text not in told and not text.startswith("/"):
                told.add(text)
                if wanted != "popAll":
                    found[event.line] = text
    return found


def _asked(event: Event) -> Iterator[str]:
    if event.kind == "user":
        yield from (str(block.get("text") or "").strip() for block in event.blocks)
        yield text_of([b for b in event.blocks if b.get("type") == "text"])[0].strip()
    prompt = object_of(event.data.get("attachment")).get("prompt")
    if prompt:
        yield text_of(prompt)[0].strip()
