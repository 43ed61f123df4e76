"""Agents' runs that nobody ran: plain prose from a small grammar, calls, outputs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from cotmon.records import Call, Message, Source, Transcript

_NOUNS = [
    "parser",
    "test",
    "branch",
    "module",
    "request",
    "server",
    "client",
    "token",
    "cache",
    "handler",
    "table",
    "index",
    "query",
    "report",
    "column",
    "value",
    "message",
    "function",
    "argument",
    "option",
    "folder",
    "script",
    "schema",
    "migration",
    "loop",
    "counter",
    "buffer",
    "window",
    "worker",
    "queue",
    "lock",
    "thread",
    "account",
    "invoice",
    "ticket",
    "customer",
    "address",
    "booking",
    "payment",
    "order",
    "shelf",
    "catalogue",
    "translation",
    "paragraph",
    "heading",
    "figure",
    "sample",
    "histogram",
    "average",
    "threshold",
    "gradient",
    "batch",
    "layer",
    "sensor",
    "valve",
    "pump",
    "temperature",
    "pressure",
    "river",
    "forecast",
]
_KINDS = [
    "old",
    "new",
    "empty",
    "broken",
    "nested",
    "shared",
    "local",
    "remote",
    "slow",
    "stale",
    "duplicate",
    "missing",
    "unusual",
    "plain",
    "second",
    "first",
    "last",
    "whole",
    "partial",
    "signed",
    "public",
    "private",
    "recent",
    "large",
    "small",
]
_VERBS = [
    "reads",
    "writes",
    "returns",
    "drops",
    "keeps",
    "compares",
    "merges",
    "splits",
    "sorts",
    "rejects",
    "accepts",
    "prints",
    "counts",
    "skips",
    "loads",
    "closes",
    "opens",
    "renames",
    "moves",
    "updates",
    "checks",
    "repeats",
    "follows",
    "replaces",
]
_ENDS = [
    "before the {noun} starts",
    "after the {kind} {noun} is closed",
    "although the {noun} says otherwise",
    "because the {kind} {noun} changed",
    "while {number} of them wait",
    "when the {noun} is {kind}",
    "so the {noun} stays {kind}",
    "as the {noun} in {path} shows",
]
_SHAPES = (
    "The {kind} {noun} {verb} the {noun} {end}.",
    "I think that the {noun} {verb} a {kind} {noun}, and the {noun} {verb} it again {end}.",
    "Let me look at {path} first, since the {kind} {noun} {verb} the {noun} {end}.",
    "Perhaps the {noun} {verb} {number} values, but the {kind} {noun} {verb} none {end}.",
    "We need the {noun}, not the {kind} {noun}; it {verb} every {noun} {end}.",
    "So the question is whether the {kind} {noun} {verb} the {noun} {end}.",
    "Now the {noun} {verb} what the {kind} {noun} holds, which is fine {end}.",
    "If the {kind} {noun} {verb} it, then the {noun} {verb} the {kind} {noun} {end}.",
)


class Prose:
    """Plain sentences of about 100 characters, all different, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._said: set[str] = set()

    def sentence(self) -> str:
        while True:
            pick = self._random.choice
            text = pick(_SHAPES).replace("{end}", pick(_ENDS))
            while "{" in text:
                for name, words in (("noun", _NOUNS), ("kind", _KINDS), ("verb", _VERBS)):
                    text = text.replace(f"{{{name}}}", pick(words), 1)
                text = text.replace("{number}", str(self._random.randrange(2, 900)), 1)
                text = text.replace("{path}", f"src/{pick(_NOUNS)}_{pick(_NOUNS)}.py", 1)
            if text not in self._said:
                self._said.add(text)
                return text

    def name(self) -> str:
        """What output is full of and no packing shortens: hashes, ids, times."""
        return f"{self._random.getrandbits(96):024x}"

    def paragraph(self, sentences: int) -> str:
        return " ".join(self.sentence() for _ in range(sentences))


def thinking(transcripts: int, turns: int = 10, sentences: int = 10, seed: int = 1):
    """Transcripts of reasoning alone: turns × sentences steps each."""
    prose = Prose(seed)
    return [
        Transcript(
            id=f"prose-{n}",
            source=Source(file="-", format="bench", position=n),
            messages=tuple(
                Message(
                    id=f"{k}.r1", turn=str(k), module="agent", channel="reasoning",
                    provenance="raw", text=prose.paragraph(sentences),
                )
                for k in range(turns)
            ),
        )
        for n in range(transcripts)
    ]  # fmt: skip


def acting(transcripts: int, turns: int = 12, seed: int = 2):
    """Agent runs: a brief, then reasoning, a call and its output in every turn."""
    prose = Prose(seed)
    return [
        Transcript(
            id=f"run-{n}",
            source=Source(file="-", format="bench", position=n),
            messages=(
                Message(
                    id="0.b1", turn="0", module="user", channel="brief",
                    text=f"{prose.paragraph(3)} Do not touch config/{_NOUNS[n % len(_NOUNS)]}.toml.",
                ),
                *(m for k in range(1, turns + 1) for m in _turn(prose, k)),
            ),
        )
        for n in range(transcripts)
    ]  # fmt: skip


def _turn(prose: Prose, k: int) -> Iterator[Message]:
    path = f"src/{_NOUNS[k % len(_NOUNS)]}.py"
    call = Call(name="bash", arguments=f'{{"command":"sed -n 1,{40 + k}p {path}"}}', id=f"c{k}")
    yield Message(id=f"{k}.r1", turn=str(k), module="agent", channel="reasoning",
                  provenance="raw", text=prose.paragraph(3))  # fmt: skip
    yield Message(id=f"{k}.a1", turn=str(k), module="agent", channel="action",
                  text=call.arguments, call=call)  # fmt: skip
    output = "\n".join(f"{prose.name()}  {prose.sentence()}" for _ in range(12))
    yield Message(id=f"{k}o.o1", turn=f"{k}o", module="tool bash", channel="observation",
                  text=output, answers=f"c{k}")  # fmt: skip


def as_chat(transcript: Transcript) -> bytes:
    messages: list[dict] = []
    for m in transcript.messages:
        if m.channel == "brief":
            messages.append({"role": "user", "content": m.text})
        elif m.channel == "reasoning":
            messages.append({"role": "assistant", "content": None, "reasoning_content": m.text})
        elif m.call is not None:
            called = {"name": m.call.name, "arguments": m.text}
            call = {"id": m.call.id, "type": "function", "function": called}
            messages[-1]["tool_calls"] = [call]
        else:
            messages.append({"role": "tool", "tool_call_id": m.answers, "content": m.text})
    return json.dumps({"id": transcript.id, "messages": messages}).encode() + b"\n"
