"""Responses on the wire: what is said in them, and how refused calls are taken out.

Words pass as they come. From the first call that the client would run on, everything is held until
the answer is complete and judged; where nothing is refused, the very bytes that were held go on. In
place of a refused call stands a message with the neutral refusal.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from cotmon.hosts._responses_items import (
    call_of,
    chats_of,
    generation,
    is_run_by_client,
    refusal_item,
    refusal_output,
)
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
from cotmon.watching import Said

_THOUGHT = ("response.reasoning_text.delta", "response.reasoning_summary_text.delta")
_SAID = ("response.output_text.delta", "response.refusal.delta")
_LAST = ("response.completed", "response.incomplete", "response.failed")
_ARGUMENTS = ("response.function_call_arguments.", "response.custom_tool_call_input.")
Item = dict[str, Any]


class _Wire:
    """The format of `/responses`."""

    def history(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """What the agent hears, as chat messages."""
        told = body.get("instructions")
        first = [{"role": "system", "content": told}] if isinstance(told, str) and told else []
        asked = body.get("input")
        if isinstance(asked, str):
            return [*first, {"role": "user", "content": asked}]
        return [*first, *chats_of(dicts(asked))]

    def tools(self, body: dict[str, Any]) -> list[str]:
        """Names of the tools that it may call."""
        return [text(t.get("name")) or text(t.get("type")) for t in dicts(body.get("tools"))]

    def generations(self, answer: dict[str, Any]) -> list[Said]:
        """What it says; nothing where this is no answer of a model, or not yet."""
        items = dicts(answer.get("output"))
        return [said_of(items)] if items else []

    def without(
        self, answer: dict[str, Any], refused: Refused, refusal: str, *, plain: bool
    ) -> tuple[dict[str, Any], list[Shown]]:
        """The answer without the refused calls, and as the client has it then."""
        items = dicts(answer.get("output"))
        if not items:
            return answer, []
        gone = _gone(items, refused[0])
        kept = [item for _, item in _kept(items, gone, refusal, plain=plain)]
        key = text(answer.get("id")) or None
        shown = Shown(0, generation(kept), key, tuple(items[k] for k in gone))
        return copy.copy(answer) | {"output": kept if gone else items}, [shown]

    def is_plain(self, body: dict[str, Any]) -> bool:
        """Whether the answer is free text; in a structured one plain text would not parse."""
        asked = body.get("text")
        form = asked.get("format") if isinstance(asked, dict) else None
        return not isinstance(form, dict) or form.get("type") in (None, "text")

    def reader(self, body: dict[str, Any], refusal: str) -> ResponsesReader:
        """A reader that holds calls back until they are judged."""
        return ResponsesReader(refusal, plain=self.is_plain(body))


WIRE = _Wire()


def said_of(items: Sequence[Item]) -> Said:
    """Output items as a generation to be judged; what the server ran itself cannot be refused."""
    calls = tuple(call_of(i) for i in items if is_run_by_client(i))
    return Said(message=None, chat=generation(items), calls=calls)


def answered(body: dict[str, Any], missing: Sequence[Item], refusal: str) -> dict[str, Any]:
    """A request that also answers the calls which only the server knows of."""
    asked = body.get("input")
    items = [{"role": "user", "content": asked}] if isinstance(asked, str) else list(asked or [])
    return body | {"input": [*(refusal_output(item, refusal) for item in missing), *items]}


def _gone(items: Sequence[Item], refused: frozenset[int]) -> list[int]:
    """Places of the refused calls among all items."""
    runnable = [k for k, item in enumerate(items) if is_run_by_client(item)]
    return [place for k, place in enumerate(runnable) if k in refused]


def _kept(
    items: Sequence[Item], gone: Sequence[int], refusal: str, *, plain: bool
) -> list[tuple[int | None, Item]]:
    """What is left, with the old place of each; the refusal, once, has none."""
    kept: list[tuple[int | None, Item]] = []
    for k, item in enumerate(items):
        if k not in gone:
            kept.append((k, item))
        elif k == gone[0]:
            kept.append((None, refusal_item(item, refusal, plain=plain)))
    return kept


class ResponsesReader(FrameReader):
    """Reads one streamed answer; see the module."""

    def __init__(self, refusal: str, *, plain: bool) -> None:
        super().__init__(refusal, plain=plain)
        self._response: Item = {}
        self._items: dict[int, Item] = {}
        self._done: set[int] = set()
        self._words: dict[str, str] = {"reasoning": "", "text": ""}
        self._part: tuple[Any, ...] = ()
        self._passed: dict[int, str] = {}
        self._holding = False
        self._count = 0

    def _take(self, frame: Frame) -> Iterator[Event]:
        data = frame.data
        if self._ended and not frame.done:
            return
        if data is None:
            yield from self._pass(frame)
            return
        kind, place = text(data.get("type")), data.get("output_index")
        if kind == "response.created" and isinstance(data.get("response"), dict):
            self._response = data["response"]
        item = data.get("item")
        self._holding |= kind.startswith(_ARGUMENTS)
        if isinstance(item, dict):
            place = place if isinstance(place, int) else len(self._items)
            self._items[place] = item
            self._holding |= is_run_by_client(item)
            if kind == "response.output_item.done":
                self._done.add(place)
        if kind in _THOUGHT or kind in _SAID:
            look = self._look(kind in _THOUGHT, data)
            yield look
            if look.stop:
                yield from self._stop()
                return
            if isinstance(place, int):
                self._passed[place] = self._passed.get(place, "") + text(data.get("delta"))
        if kind in _LAST:
            yield from self._finish(frame)
        else:
            yield from self._pass(frame)

    def _cut(self) -> Iterator[Event]:
        if self._items or self._held:
            yield from self._finish(None)

    def _look(self, thought: bool, data: Item) -> Look:
        channel = "reasoning" if thought else "text"
        part = (data.get("item_id"), data.get("summary_index"), data.get("content_index"))
        gap = "\n\n" if part != self._part and self._words[channel] else ""
        self._part = part
        self._words[channel] += gap + text(data.get("delta"))
        return Look(0, channel, self._words[channel])

    def _pass(self, frame: Frame) -> Iterator[bytes]:
        if self._holding:
            self._held.append(frame)
        else:
            self._count += 1 if frame.data is not None else 0
            yield frame.raw

    def _finish(self, last: Frame | None) -> Iterator[Event]:
        """Judges the whole answer and lets go what was held of it."""
        self._ended = True
        told = last.data if last is not None and last.data is not None else {}
        response = told.get("response")
        response = response if isinstance(response, dict) else self._response
        items = dicts(response.get("output"))
        if len(items) < len(self._items):
            items = [self._items[k] for k in sorted(self._items)]
        asked = Judge(0, said_of(items))
        yield asked
        gone = _gone(items, asked.refused)
        kept = _kept(items, gone, self._refusal, plain=self._plain)
        key = text(response.get("id")) or None
        yield Shown(0, generation([i for _, i in kept]), key, tuple(items[k] for k in gone))
        held, self._held, self._holding = self._held, [], False
        if not gone:
            yield from (frame.raw for frame in [*held, *([last] if last else [])])
            return
        yield from self._rewritten(held, kept, gone)
        if told:
            output = [item for _, item in kept]
            yield self._event(told | {"response": {**response, "output": output}})

    def _rewritten(
        self, held: Sequence[Frame], kept: Sequence[tuple[int | None, Item]], gone: Sequence[int]
    ) -> Iterator[bytes]:
        """What was held, with the refusal in place of the first refused call, no other left."""
        refusal = next((new, item) for new, (old, item) in enumerate(kept) if old is None)
        places = {old: new for new, (old, _) in enumerate(kept) if old is not None}
        told = False
        for frame in held:
            if frame.data is None:
                continue
            place = frame.data.get("output_index")
            if place in gone:
                if not told:
                    told = True
                    yield from self._told(*refusal)
                continue
            moved = {"output_index": places.get(place, place)} if isinstance(place, int) else {}
            yield self._event(frame.data | moved)

    def _stop(self) -> Iterator[Event]:
        """Ends the answer: the neutral refusal in place of all that was not passed yet."""
        self.over = self._ended = True
        spoken = [i for k, i in self._all_said().items() if not is_run_by_client(i)]
        yield Judge(0, said_of(spoken), stopped=True)
        output: list[Item] = []
        for k, item in sorted(self._items.items()):
            if is_run_by_client(item):
                break  # held from here on
            if k not in self._done:
                item = _filled(item, self._passed.get(k, ""))
                yield self._event(
                    {"type": "response.output_item.done", "output_index": k, "item": item}
                )
            output.append(item)
        refusal = refusal_item(self._response, self._refusal, plain=self._plain)
        yield from self._told(len(output), refusal)
        output.append(refusal)
        yield Shown(0, generation(output), text(self._response.get("id")) or None)
        response = {**self._response, "status": "completed", "output": output}
        yield self._event({"type": "response.completed", "response": response})

    def _all_said(self) -> dict[int, Item]:
        """The items so far; one that is open, with the words that were heard of it last."""
        open_ = [k for k in sorted(self._items) if k not in self._done]
        said = dict(self._items)
        for k in open_:
            kind = "reasoning" if said[k].get("type") == "reasoning" else "text"
            before = self._passed.get(k, "")
            heard = self._words[kind]
            start = heard.rfind(before) if before else len(heard) - len(heard.split("\n\n")[-1])
            said[k] = _filled(said[k], heard[max(start, 0) :])
        return said

    def _told(self, place: int, item: Item) -> Iterator[bytes]:
        """The events by which a message comes."""
        part = item["content"][0]
        key = "text" if "text" in part else "refusal"
        empty = {**part, key: ""}
        where = {"output_index": place, "item_id": item["id"], "content_index": 0}
        kind = "response.output_text" if key == "text" else "response.refusal"
        opened = {**item, "status": "in_progress", "content": []}
        words = {"logprobs": []} if key == "text" else {}
        for data in (
            {"type": "response.output_item.added", "output_index": place, "item": opened},
            {"type": "response.content_part.added", **where, "part": empty},
            {"type": f"{kind}.delta", **where, "delta": part[key], **words},
            {"type": f"{kind}.done", **where, key: part[key], **words},
            {"type": "response.content_part.done", **where, "part": part},
            {"type": "response.output_item.done", "output_index": place, "item": item},
        ):
            yield self._event(data)

    def _event(self, data: Item) -> bytes:
        numbered = data | {"sequence_number": self._count}
        self._count += 1
        return event(numbered, text(data.get("type")))


def _filled(item: Item, words: str) -> Item:
    """An item that was ended early, with the words that were said of it."""
    if item.get("type") == "reasoning":
        key, kind = (
            ("content", "reasoning_text") if item.get("content") else ("summary", "summary_text")
        )
        return {**item, key: [{"type": kind, "text": words}] if words else []}
    part = {"type": "output_text", "text": words, "annotations": [], "logprobs": []}
    return {**item, "status": "completed", "content": [part] if words else []}
