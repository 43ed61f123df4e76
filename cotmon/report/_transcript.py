"""The whole transcript as nested blocks: runs, turns, messages, steps. Nothing is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from markupsafe import Markup

from cotmon.records import UNREADABLE, Message, Result, StepResult
from cotmon.report._findings import Word, word
from cotmon.report._visible import marked
from cotmon.report._words import PROVENANCE, Link, anchor, count, link, telling, titled_spans

LONG = 2000
"""Characters of a step that stand open; the rest is folded, if it is worth a fold."""
SLACK = 400
AROUND = 2
OPENING = 5
SHORTEST_FOLD = 4
DEEPEST = 4


@dataclass(slots=True)
class Item:
    """A step in its message; `step` is None for a message that has none.

    Attributes:
        message: the message it was cut from.
        step: the step with its scores.
        depth: 0 for the main agent, one more for each sub-agent above.
        partner: the other end of a tool call: answer of an action, call of an observation.
    """

    message: Message
    step: StepResult | None
    depth: int
    partner: Link | None = None

    @property
    def loud(self) -> bool:
        """Whether it and its neighbours stay open."""
        return self.step is not None and self.step.marked


@dataclass(frozen=True, slots=True)
class Row:
    """A step as it is printed."""

    link: Link | None
    marked: bool
    suspicion: str | None
    unscored: list[str]
    words: list[Word]
    text: Markup
    rest: Markup | None
    rest_size: str
    rest_open: bool


@dataclass(slots=True)
class Piece:
    """A message, or the part of it that lies in this run."""

    message: Message
    provenance: str | None
    unreadable: bool
    partner: Link | None
    continued: bool
    rows: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Block:
    """A turn, or the part of it that lies in this run."""

    label: str | None
    turn: str
    depth: int
    parent: str | None
    branch: str | None
    pieces: list[Piece] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring blocks that stand open, or are folded under a summary."""

    folded: bool
    summary: str
    blocks: list[Block]


def runs(result: Result) -> Iterator[Run]:
    """Every step of the transcript once, in order, quiet stretches folded."""
    items = _items(result)
    last: Message | None = None
    for folded, places in _stretches(items):
        stretch = [items[place] for place in places]
        yield Run(folded, _summary(stretch), _blocks(stretch, last))
        last = stretch[-1].message


def _items(result: Result) -> list[Item]:
    steps: dict[str, list[StepResult]] = {}
    for step in result.steps:
        steps.setdefault(step.step.message_id, []).append(step)
    started, depths = result.transcript.parent, dict[str, int]()
    calls: dict[str, list[Item]] = {}
    items: list[Item] = []
    for message in result.transcript.messages:
        inner = message.parent is not None and message.parent != started
        depth = depths.get(message.parent or "", 0) + 1 if inner else 0
        depths[message.id] = depth
        cut = [Item(message, step, depth) for step in steps.pop(message.id, [])]
        cut = cut or [Item(message, None, depth)]
        items += cut
        _join(cut, calls)
    return items


def _join(cut: list[Item], calls: dict[str, list[Item]]) -> None:
    """Link a call and its answer; where a source uses an id twice, the nearest earlier call."""
    message = cut[0].message
    if message.call is not None and message.call.id is not None:
        calls[message.call.id] = cut
    elif message.answers is not None and message.answers in calls:
        call = calls[message.answers]
        if call[0].step is None or cut[0].step is None:
            return
        asked, answered = link(call[0].step.step), link(cut[0].step.step)
        for item in call:
            item.partner = item.partner or answered
        for item in cut:
            item.partner = asked


def _stretches(items: list[Item]) -> Iterator[tuple[bool, list[int]]]:
    opened = [place < OPENING for place in range(len(items))]
    for place, item in enumerate(items):
        if item.loud:
            for near in range(max(place - AROUND, 0), min(place + AROUND + 1, len(items))):
                opened[near] = True
    for is_open, places in groupby(range(len(items)), key=opened.__getitem__):
        stretch = list(places)
        yield not is_open and len(stretch) >= SHORTEST_FOLD, stretch


def _summary(stretch: list[Item]) -> str:
    kinds = {"quiet": 0, "unscored": 0, "unread": 0, "empty": 0}
    for item in stretch:
        kinds[_kind(item)] += 1
    parts = [
        count(kinds["quiet"], "quiet step") if kinds["quiet"] else "",
        count(kinds["unscored"], "unscored step") if kinds["unscored"] else "",
        f"{count(kinds['unread'], 'step')} no monitor reads" if kinds["unread"] else "",
        count(kinds["empty"], "message without text", "messages without text")
        if kinds["empty"]
        else "",
    ]
    return " · ".join(part for part in parts if part)


def _kind(item: Item) -> str:
    if item.step is None:
        return "empty"
    if any(score.status == "unscored" for score in item.step.scores):
        return "unscored"
    return "quiet" if item.step.scores else "unread"


def _blocks(stretch: list[Item], last: Message | None) -> list[Block]:
    blocks: list[Block] = []
    previous = None
    for item in stretch:
        message = item.message
        if previous is None or previous.turn != message.turn or previous.parent != message.parent:
            blocks.append(_block(item))
        if previous is not message:
            blocks[-1].pieces.append(_piece(item, continued=message is last))
        if item.step is not None or message.text:
            blocks[-1].pieces[-1].rows.append(_row(item))
        previous = message
    return blocks


def _block(item: Item) -> Block:
    message = item.message
    label = item.step.step.address.partition(".")[0] if item.step is not None else None
    return Block(label, message.turn, min(item.depth, DEEPEST), message.parent, message.branch)


def _piece(item: Item, *, continued: bool) -> Piece:
    message = item.message
    provenance = None if message.provenance is None else PROVENANCE[message.provenance]
    unreadable = message.provenance in UNREADABLE
    return Piece(message, provenance, unreadable, item.partner, continued)


def _row(item: Item) -> Row:
    step = item.step
    text = item.message.text if step is None else step.step.text
    scores = telling(step) if step is not None and step.marked else []
    spans = titled_spans(scores)
    cut = LONG if len(text) > LONG + SLACK else len(text)
    return Row(
        link=None if step is None else link(step.step),
        marked=step is not None and step.marked,
        suspicion=None if step is None or step.suspicion is None else f"{step.suspicion:.2f}",
        unscored=[] if step is None else _unscored(step),
        words=[word(score) for score in scores],
        text=marked(text, spans, 0, cut),
        rest=marked(text, spans, cut) if cut < len(text) else None,
        rest_size=f"{len(text) - cut:,}",
        rest_open=any(span.end > cut for span, _ in spans),
    )


def _unscored(step: StepResult) -> list[str]:
    return [
        f"{score.monitor}: {score.reason or 'no reason given'}"
        for score in step.scores
        if score.status == "unscored"
    ]


def message_anchors(result: Result) -> dict[str, Link]:
    """For each message with steps, its first step: where `cites` and parents lead."""
    found: dict[str, Link] = {}
    for step in result.steps:
        found.setdefault(step.step.message_id, Link(anchor(step.step), f"[{step.step.address}]"))
    return found
