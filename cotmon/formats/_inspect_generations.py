"""The model events of one Inspect sample, and which of them the main line holds."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable
from typing import Any

from cotmon.formats._inspect_content import pieces_of
from cotmon.formats._inspect_sample import Event, Reader, Sample
from cotmon.formats._inspect_scopes import Scope, walk

_OVERSEER = re.compile(
    r"(?<!un)trusted|monitor|grad(?:er|ing)|judge|scor(?:er|ing)|critic|overs(?:eer|ight)|\Auser",
    re.IGNORECASE,
)
"""Model roles that serve the protocol, not the task (`untrusted` is the watched agent)."""


class Generation:
    """One model event that gave an output."""

    def __init__(self, event: Event, scope: Scope, choices: list[dict[str, Any]]) -> None:
        self.event, self.scope, self.choices = event, scope, choices
        self.message = choices[0]
        self.role = event.role if isinstance(event.role, str) else None
        self.model = str(event.model)
        self.compacted = False
        self.place: int | None = None
        """Position in the main line, where the output stands there."""

    @property
    def overseer(self) -> bool:
        """Whether a model of the protocol spoke: a monitor, a trusted model, a scorer."""
        return self.scope.scoring or (self.role is not None and bool(_OVERSEER.search(self.role)))


def _names_of(message: dict[str, Any]) -> frozenset[Hashable]:
    """What a message can be known again by: its id and its content.

    The content without reasoning, which histories often leave out, unless there is no other.
    """
    names: set[Hashable] = set()
    if isinstance(message.get("id"), str):
        names.add(message["id"])
    pieces = pieces_of(message)
    pieces = [p for p in pieces if p.kind in ("text", "call")] or pieces
    content = tuple((p.text.strip(), p.name) for p in pieces if p.text.strip())
    if content:
        names.add((str(message.get("role")), str(message.get("tool_call_id")), content))
    return frozenset(names)


def name_of(message: dict[str, Any]) -> Hashable:
    """The id, else the content: two messages with ids are two messages."""
    if isinstance(message.get("id"), str):
        return message["id"]
    return next(iter(_names_of(message)), None)


class Names:
    """`_names_of`, once a message."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[dict[str, Any], frozenset[Hashable]]] = {}

    def __call__(self, message: dict[str, Any]) -> frozenset[Hashable]:
        """The names; the message is kept, so that its address stays its own."""
        known = self._known.get(id(message))
        if known is None:
            known = self._known[id(message)] = (message, _names_of(message))
        return known[1]


Item = Generation | tuple[Event, Scope]


def collect(sample: Sample, reader: Reader) -> list[Item]:
    """Generations and tool events in order, those of failed attempts first."""
    items: list[Item] = []
    root = Scope("root", "", None)
    runs: list[tuple[list[Event], Scope]] = []
    for k, retry in enumerate(reader.list(sample.error_retries), 1):
        events = reader.retry_events(retry)
        runs.append((events, Scope("attempt", f"attempt {k}", root)))
    runs.append((reader.events(sample.events), root))
    if sample.transcript is not None:
        runs.append((reader.events(sample.transcript.events), root))
    for events, scope in runs:
        for event, home in walk(events, reader, scope):
            if event.event == "tool":
                items.append((event, home))
            elif event.event == "compaction":
                _compacted(items, home)
            elif choices := _choices(event, reader):
                items.append(Generation(event, home, choices))
    return items


def _compacted(items: list[Item], home: Scope) -> None:
    for item in reversed(items):
        if isinstance(item, Generation) and item.scope.sub is home.sub and not item.overseer:
            item.compacted = True
            return


def _choices(event: Event, reader: Reader) -> list[dict[str, Any]]:
    output = reader.value(event.output, "output")
    choices = output.get("choices") if isinstance(output, dict) else None
    if not isinstance(choices, list):
        return []
    found = [c.get("message") for c in choices if isinstance(c, dict)]
    return [m for m in found if isinstance(m, dict) and pieces_of(m)]


def last_words(main: list[dict[str, Any]], sample: Sample, reader: Reader, names: Names) -> None:
    """Adds the output to the main line where no event tells of it and the history lacks it."""
    event = Event(event="model", output=sample.output)
    known = {n for m in main for n in names(m)}
    for message in _choices(event, reader)[:1]:
        if not names(message) & known:
            main.append(message)


def match(
    main: list[dict[str, Any]], generations: list[Generation], names: Names
) -> dict[int, Generation]:
    """Ties generations to messages of the main line, each message once, in order."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for k in range(len(main) - 1, -1, -1):
        if main[k].get("role") in ("assistant", None):
            for name in names(main[k]):
                places[name].append(k)
    found: dict[int, Generation] = {}
    for by_id in (True, False):
        for generation in generations:
            scope = generation.scope
            if generation.place is None and not scope.attempt and not scope.scoring:
                _place(generation, places, found, by_id, names)
    return found


def _place(
    generation: Generation, places: dict[Hashable, list[int]],
    found: dict[int, Generation], by_id: bool, names: Names,
) -> None:  # fmt: skip
    for message in generation.choices:
        for name in names(message):
            if isinstance(name, str) != by_id:
                continue
            open_places = places[name]
            while open_places and open_places[-1] in found:
                open_places.pop()
            if open_places:
                generation.place = open_places.pop()
                generation.message = message
                found[generation.place] = generation
                return
