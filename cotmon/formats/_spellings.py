"""Every way a chat message spells reasoning, each text once.

OpenAI-compatible servers write `reasoning_content`, `reasoning` or `thinking`; OpenRouter adds
`reasoning_details[]` and LiteLLM `thinking_blocks[]`, which repeat the same text in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from cotmon.formats._builder import Turn
from cotmon.formats._decoding import canonical
from cotmon.records import Provenance

_STRINGS = (
    "reasoning_content", "reasoning", "thinking", "thought", "thoughts", "reasoning_text",
    "chain_of_thought", "cot", "scratchpad",
)  # fmt: skip
_LISTS = ("reasoning_details", "thinking_blocks")
WRAPPINGS = ("provider_specific_fields", "additional_kwargs", "model_extra")
_TEXTS = ("text", "thinking", "reasoning", "reasoning_content", "content")
_CIPHERS = ("encrypted_content", "data")
_SETTINGS = frozenset({
    *_TEXTS, "summary", "type", "id", "index", "format", "effort", "signature", "status",
})  # fmt: skip
SPELLINGS = frozenset({*_STRINGS, *_LISTS, "reasoning_summary"})

REASONING_TYPES = frozenset({
    "thinking", "reasoning", "redacted_thinking", "reasoning_text", "summary_text",
    "reasoning.text", "reasoning.summary", "reasoning.encrypted", "thought",
})  # fmt: skip


Text = tuple[str, Provenance]
Hidden = dict[str, Literal["encrypted", "redacted"]]


class Thinker:
    """Writes the reasoning of one message into its turn, no text twice."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._said: list[str] = []
        self._hidden: Hidden = {}

    def fields(self, message: dict[str, Any]) -> None:
        """The reasoning that stands beside the content."""
        hidden: Hidden = {}
        spellings: list[list[Text]] = []
        for place in (message, *(message.get(w) for w in WRAPPINGS)):
            if isinstance(place, dict):
                spellings += [list(_texts(hidden, place.get(k), "raw")) for k in _LISTS + _STRINGS]
                spellings.append(list(_texts(hidden, place.get("reasoning_summary"), "summary")))
        for text, provenance in _distinct(spellings):
            self._said.append(_squeezed(text))
            self._turn.reasoning(text, provenance)
        self._said = ["".join(self._said), *self._said]
        self._hide(hidden)

    def block(self, value: Any) -> bool:
        """A reasoning part of the content, or a reasoning item; whether it held anything."""
        hidden: Hidden = {}
        texts = list(_texts(hidden, value, "raw"))
        for text, provenance in texts:
            self._say(text, provenance)
        self._hide(hidden)
        return bool(texts or hidden)

    def tagged(self, text: str) -> None:
        """What stood between think tags."""
        self._say(text, "inline")

    def _say(self, text: str, provenance: Provenance) -> None:
        if not _is_said(self._said, text):
            self._turn.reasoning(text, provenance)

    def _hide(self, hidden: Hidden) -> None:
        for cipher, kind in hidden.items():
            if cipher not in self._hidden:
                self._turn.hidden(kind, f"{kind} reasoning; only the provider can read it")
        self._hidden |= hidden


def _texts(hidden: Hidden, value: Any, provenance: Provenance) -> Iterator[Text]:
    if isinstance(value, str):
        if value.strip():
            yield value, provenance
    elif isinstance(value, list):
        for item in value:
            yield from _texts(hidden, item, provenance)
    elif isinstance(value, dict):
        yield from _block(hidden, value, provenance)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value), provenance


def _block(hidden: Hidden, block: dict[str, Any], provenance: Provenance) -> Iterator[Text]:
    kind = str(block.get("type", ""))
    if "summary" in kind:
        provenance = "summary"
    texts: list[Text] = list(_texts(hidden, block.get("summary"), "summary"))
    full = [pair for key in _TEXTS for pair in _texts(hidden, block.get(key), provenance)]
    texts += full
    ciphers = [block[k] for k in _CIPHERS if isinstance(block.get(k), str) and block[k]]
    if full and provenance == "raw":
        ciphers = []  # the same reasoning again, for the provider's own use
    signed = isinstance(block.get("signature"), str) and block["signature"]
    if not texts and not ciphers and ("redacted" in kind or "encrypted" in kind):
        ciphers = [f"{kind} {len(hidden)}"]
    elif not texts and not ciphers and signed:
        ciphers = [block["signature"]]
    for cipher in ciphers:
        hidden.setdefault(cipher, "redacted" if "redacted" in kind else "encrypted")
    if not texts and not ciphers and not block.keys() <= _SETTINGS:
        texts = [(canonical(block), provenance)]
    yield from dict.fromkeys(texts)


def _distinct(spellings: list[list[Text]]) -> list[Text]:
    """Leaves out what a longer spelling already says; white space makes no difference.

    Of equally long ones the first wins: lists come first, for they say what is a summary.
    """
    lengths = [sum(len(_squeezed(text)) for text, _ in texts) for texts in spellings]
    kept: list[str] = []
    chosen: dict[int, list[Text]] = {}
    for k in sorted(range(len(spellings)), key=lambda k: -lengths[k]):
        new = [pair for pair in spellings[k] if not _is_said(kept, pair[0])]
        if not new:
            continue
        kept.append("".join(_squeezed(text) for text, _ in spellings[k]))
        chosen[k] = new
    return [pair for k in sorted(chosen) for pair in chosen[k]]


def _is_said(kept: list[str], text: str) -> bool:
    squeezed = _squeezed(text)
    return any(squeezed in said for said in kept)


def _squeezed(text: str) -> str:
    return "".join(text.split())
