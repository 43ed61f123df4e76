"""Chat completions on the wire: what is said in them, and how refused calls are taken out.

Words pass as they come. From the first piece of a call on, everything is held until each choice
is finished and judged; where nothing is refused, the very bytes that were held go on. A refused
call is removed, and the neutral refusal stands once in its message as text; where no call is left,
the message ends with `finish_reason` "stop".
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cotmon.hosts._wire import (
    Event,
    Frame,
    FrameReader,
    Judge,
    Look,
    Refused,
    Shown,
    dicts,
    event,
    text,
)
from cotmon.watching import Said, ToolCall

_REASONING = ("reasoning_content", "reasoning", "thinking")
_LISTS = ("reasoning_details", "thinking_blocks")
_CALLED = ("tool_calls", "function_call")


class _Wire:
    """The format of `/chat/completions`."""

    def history(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """What the agent hears, as chat messages."""
        return dicts(body.get("messages"))

    def tools(self, body: dict[str, Any]) -> list[str]:
        """Names of the tools that it may call."""
        told = dicts(body.get("tools"))
        named = [t.get("function") or t.get("custom") or t for t in told]
        return [text(n.get("name")) for n in dicts(named) + dicts(body.get("functions"))]

    def generations(self, answer: dict[str, Any]) -> list[Said]:
        """What it says, one for each choice; nothing where this is no answer of a model."""
        return [said_of(_message(choice)) for choice in dicts(answer.get("choices"))]

    def without(
        self, answer: dict[str, Any], refused: Refused, refusal: str, *, plain: bool
    ) -> tuple[dict[str, Any], list[Shown]]:
        """The answer without the refused calls, and each choice as the client has it then."""
        changed = copy.deepcopy(answer)
        choices = dicts(changed.get("choices"))
        for choice, places in zip(choices, refused, strict=True):
            if places:
                _refuse(choice, places, refusal, plain)
        return changed, [Shown(k, _message(choice)) for k, choice in enumerate(choices)]

    def is_plain(self, body: dict[str, Any]) -> bool:
        """Whether the answer is free text; in a structured one plain text would not parse."""
        form = body.get("response_format")
        return not isinstance(form, dict) or form.get("type") in (None, "text")

    def reader(self, body: dict[str, Any], refusal: str) -> ChatReader:
        """A reader that holds calls back until they are judged."""
        return ChatReader(refusal, plain=self.is_plain(body))


WIRE = _Wire()


def said_of(message: dict[str, Any]) -> Said:
    """A chat message as a generation to be judged."""
    return Said(message=None, chat=message, calls=tuple(_calls(message)))


def _message(choice: dict[str, Any]) -> dict[str, Any]:
    message = choice.get("message")
    found = message if isinstance(message, dict) else {}
    return {**found, "role": "assistant"}


def _calls(message: dict[str, Any]) -> Iterator[ToolCall]:
    for k, call in enumerate(dicts(message.get("tool_calls"))):
        inner = call.get("function") or call.get("custom")
        held = inner if isinstance(inner, dict) else {}
        arguments = held.get("arguments", held.get("input", ""))
        written = arguments if isinstance(arguments, str) else json.dumps(arguments, sort_keys=True)
        yield ToolCall(text(call.get("id")) or f"call_{k}", text(held.get("name")), written)
    legacy = message.get("function_call")
    if isinstance(legacy, dict):
        yield ToolCall("function_call", text(legacy.get("name")), text(legacy.get("arguments")))


def _refuse(choice: dict[str, Any], places: frozenset[int], refusal: str, plain: bool) -> None:
    """Takes calls out of a whole choice."""
    message = choice["message"]
    calls = dicts(message.get("tool_calls"))
    kept = [call for k, call in enumerate(calls) if k not in places]
    legacy = "function_call" in message and len(calls) not in places
    if kept:
        message["tool_calls"] = kept
    else:
        message.pop("tool_calls", None)
    if not legacy:
        message.pop("function_call", None)
    if plain:
        said = message.get("content")
        message["content"] = f"{said}\n\n{refusal}" if said and isinstance(said, str) else refusal
    else:
        message["refusal"] = refusal
    if not kept and "function_call" not in message:
        choice["finish_reason"] = "stop"


@dataclass
class _Choice:
    """What one choice has said so far."""

    words: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[Any]] = field(default_factory=dict)
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    legacy: dict[str, str] | None = None
    finished: bool = False
    refused: frozenset[int] = frozenset()
    told: bool = False
    passed: dict[str, str] = field(default_factory=dict)

    def add(self, delta: dict[str, Any]) -> list[tuple[str, str]]:
        """Takes a delta in; gives the channels that grew, with all their text."""
        grown: list[tuple[str, str]] = []
        self.passed = dict(self.words)
        for key in (*_REASONING, "content", "refusal"):
            if new := text(delta.get(key)):
                self.words[key] = self.words.get(key, "") + new
                grown.append(("reasoning" if key in _REASONING else "text", self.words[key]))
        for key in _LISTS:
            self.lists.setdefault(key, []).extend(dicts(delta.get(key)))
        for call in dicts(delta.get("tool_calls")):
            self.finished = False  # also where it comes late
            self._call(call)
        if isinstance(legacy := delta.get("function_call"), dict):
            self.finished = False
            self.legacy = self.legacy or {"name": "", "arguments": ""}
            for key in self.legacy:
                self.legacy[key] += text(legacy.get(key))
        return grown

    def _call(self, piece: dict[str, Any]) -> None:
        place = piece["index"] = self._place(piece)
        call = self.calls.setdefault(place, {"id": "", "type": "function"})
        call["id"] = call["id"] or text(piece.get("id"))
        for kind, argument in (("function", "arguments"), ("custom", "input")):
            if isinstance(piece.get(kind), dict):
                held = call.setdefault(kind, {"name": "", argument: ""})
                for key in held:
                    held[key] += text(piece[kind].get(key))

    def _place(self, piece: dict[str, Any]) -> int:
        """The index of a call; servers that leave it out send each call's pieces in a row."""
        index = piece.get("index")
        if isinstance(index, int):
            return index
        last = max(self.calls, default=-1)
        known = next((k for k, c in self.calls.items() if c["id"] == piece.get("id")), None)
        return known if known is not None else last + 1 if piece.get("id") else max(last, 0)

    def message(self) -> dict[str, Any]:
        """All of it as a chat message."""
        found: dict[str, Any] = {"role": "assistant", "content": None, **self.words}
        found |= {key: items for key, items in self.lists.items() if items}
        if self.calls:
            found["tool_calls"] = [self.calls[k] for k in sorted(self.calls)]
        if self.legacy is not None:
            found["function_call"] = dict(self.legacy)
        return found

    @property
    def holds(self) -> bool:
        return bool(self.calls) or self.legacy is not None

    @property
    def kept(self) -> list[int]:
        """Indices of the calls that go on."""
        return [i for k, i in enumerate(sorted(self.calls)) if k not in self.refused]

    @property
    def legacy_kept(self) -> bool:
        return self.legacy is not None and len(self.calls) not in self.refused


class ChatReader(FrameReader):
    """Reads one streamed answer; see the module."""

    def __init__(self, refusal: str, *, plain: bool) -> None:
        super().__init__(refusal, plain=plain)
        self._choices: dict[int, _Choice] = {}
        self._latest: dict[str, Any] = {}

    def _take(self, frame: Frame) -> Iterator[Event]:
        if self._ended:
            return
        if frame.done:
            yield from self._cut()
        if frame.data is None:
            yield from self._pass(frame)
            return
        choices = dicts(frame.data.get("choices"))
        self._latest = frame.data if choices else self._latest
        ended: list[int] = []
        for piece in choices:
            index = _index(piece)
            choice = self._choices.setdefault(index, _Choice())
            for channel, words in choice.add(_delta(piece)):
                look = Look(index, "reasoning" if channel == "reasoning" else "text", words)
                yield look
                if look.stop:
                    yield from self._stop(index)
                    return
            if piece.get("finish_reason") and not choice.finished:
                ended.append(index)
        yield from self._judge(ended)
        yield from self._pass(frame)

    def _judge(self, ended: list[int]) -> Iterator[Event]:
        for index in ended:
            choice = self._choices[index]
            choice.finished = True
            asked = Judge(index, said_of(choice.message()))
            yield asked
            choice.refused = asked.refused
            yield Shown(index, self._shown(choice))

    def _pass(self, frame: Frame) -> Iterator[bytes]:
        """Holds a frame, or lets it go with all that were held before it."""
        self._held.append(frame)
        if any(c.holds and not c.finished for c in self._choices.values()):
            return
        held, self._held = self._held, []
        clean = not any(c.refused for c in self._choices.values())
        for one in held:
            if clean or one.data is None:
                yield one.raw
            else:
                yield from self._rewritten(one.data)

    def _cut(self) -> Iterator[Event]:
        """All choices are finished, whether the server said so or not."""
        self._ended = True
        yield from self._judge([k for k, c in self._choices.items() if not c.finished])
        held, self._held = self._held, []
        for frame in held:
            yield from self._pass(frame)
        for k, choice in self._choices.items():
            if choice.refused and not choice.told:
                yield from self._closed(k, choice.words)

    def _stop(self, index: int) -> Iterator[Event]:
        """Ends the whole answer: the neutral refusal in place of all that was not passed yet."""
        self.over = self._ended = True
        open_ = {k: c for k, c in self._choices.items() if not c.finished}
        for k, choice in open_.items():
            choice.refused, choice.told = frozenset(range(len(choice.calls) + 1)), True
            words = {k: v for k, v in choice.message().items() if k not in _CALLED}
            asked = Judge(k, said_of(words), stopped=k == index)
            yield asked
            message = {"role": "assistant", **choice.passed}
            _refuse({"message": message}, choice.refused, self._refusal, self._plain)
            yield Shown(k, message)
        for frame in self._held:
            yield from self._rewritten(frame.data or {})
        for k, choice in open_.items():
            yield from self._closed(k, choice.passed)
        yield b"data: [DONE]\n\n"

    def _closed(self, index: int, words: dict[str, str]) -> Iterator[bytes]:
        for delta, reason in ((self._refusing({}, words), None), ({}, "stop")):
            yield event({**self._latest, "choices": [_piece(index, delta, reason)]})

    def _refusing(self, delta: dict[str, Any], words: dict[str, str]) -> dict[str, Any]:
        """A delta with the neutral refusal after its own words, where these were said in all."""
        key = "content" if self._plain else "refusal"
        said = f"\n\n{self._refusal}" if words.get(key) else self._refusal
        return {**delta, key: text(delta.get(key)) + said}

    def _shown(self, choice: _Choice) -> dict[str, Any]:
        whole = {"message": choice.message(), "finish_reason": None}
        if choice.refused:
            _refuse(whole, choice.refused, self._refusal, self._plain)
        return whole["message"]

    def _rewritten(self, data: dict[str, Any]) -> Iterator[bytes]:
        """A frame without the pieces of refused calls."""
        pieces: list[dict[str, Any]] = []
        for piece in dicts(data.get("choices")):
            choice = self._choices[_index(piece)]
            kept = _without(piece, choice) if choice.refused else piece
            if kept is None:
                continue
            if choice.refused and piece.get("finish_reason") and not choice.told:
                choice.told = True
                kept["delta"] = self._refusing(kept["delta"], choice.words)
            pieces.append(kept)
        if pieces or not data.get("choices"):
            yield event({**data, "choices": pieces})


def _without(piece: dict[str, Any], choice: _Choice) -> dict[str, Any] | None:
    """A piece of a choice without refused calls; None where nothing is left of it."""
    piece, delta = {k: v for k, v in piece.items() if k != "message"}, _delta(piece)
    rest = {k: v for k, v in delta.items() if k not in _CALLED}
    kept = choice.kept
    calls = [
        {**call, "index": kept.index(call["index"])}
        for call in dicts(delta.get("tool_calls"))
        if call["index"] in kept
    ]
    if calls:
        rest["tool_calls"] = calls
    if "function_call" in delta and choice.legacy_kept:
        rest["function_call"] = delta["function_call"]
    if not rest and delta and not piece.get("finish_reason"):
        return None
    over = piece.get("finish_reason") and not kept and not choice.legacy_kept
    return {**piece, "delta": rest} | ({"finish_reason": "stop"} if over else {})


def _index(piece: dict[str, Any]) -> int:
    index = piece.get("index")
    return index if isinstance(index, int) else 0


def _delta(piece: dict[str, Any]) -> dict[str, Any]:
    """What is new; a few servers send a whole message in its place, which clients take as well."""
    delta = piece.get("delta")
    told = delta if isinstance(delta, dict) else piece.get("message")
    return told if isinstance(told, dict) else {}


def _piece(index: int, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": reason, "logprobs": None}
