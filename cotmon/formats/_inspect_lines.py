"""The lines of one Inspect sample: main line, branches, sub-agents; the protocol's calls apart.

`messages` of a sample is only the last state of the history. What was resampled, rolled back,
trimmed, or said by sub-agents stands only in model events, and so do the calls of monitors and
graders, which are nobody's reasoning that is watched.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from functools import cached_property
from typing import Any

from cotmon.formats._builder import Builder
from cotmon.formats._inspect_content import call_ids, lost_of, merged, pieces_of, plain, write
from cotmon.formats._inspect_generations import (
    Generation,
    Names,
    collect,
    last_words,
    match,
    name_of,
)
from cotmon.formats._inspect_sample import Event, Reader, Sample
from cotmon.formats._inspect_scopes import Scope


class Lines:
    """Writes one sample into a builder.

    Attributes:
        protocol_texts: system texts by which a control protocol instructs a model; they say
            whether the run is an attack, so they are no messages.
    """

    def __init__(self, sample: Sample, reader: Reader, builder: Builder, protocol: bool) -> None:
        self._reader, self._builder, self._protocol = reader, builder, protocol
        self._names = Names()
        self._main = reader.messages(sample.messages, sample.message_refs)
        self._items = collect(sample, reader)
        self._generations = [i for i in self._items if isinstance(i, Generation)]
        if not self._generations:
            last_words(self._main, sample, reader, self._names)
        self._place_of = match(self._main, self._generations, self._names)
        self._roles, self._models, self._agents = self._who()
        self._at = 0
        self._answered = {str(m.get("tool_call_id")) for m in self._main if m.get("role") == "tool"}
        self._calls = {c for m in self._main for c in call_ids(m)}
        self._main_names = {n for m in self._main for n in self._names(m)}
        self._seen: dict[Hashable, set[Hashable]] = defaultdict(set)
        self._waiting: dict[Hashable, list[tuple[Event, Scope]]] = defaultdict(list)
        self._off: dict[Hashable, set[int]] = {}
        self._branch_of: dict[Hashable, str | None] = {}
        self._protocols: Counter[str] = Counter()
        self._branches = 0
        self._begun: set[Hashable] = set()
        self.protocol_texts: list[str] = []

    def write(self) -> None:
        """Adds all messages in the order in which they arose."""
        for item in self._items:
            if not isinstance(item, Generation):
                event, scope = item
                self._waiting[self._actor(scope)].append((event, scope))
            elif item.place is not None:
                self._on_line(item)
            else:
                self._apart(item)
        self._advance(len(self._main))
        for actor in list(self._waiting):
            self._flush(actor)
        if self._protocols:
            names = ", ".join(sorted(self._protocols))
            count = sum(self._protocols.values())
            self._builder.gap(
                "dropped",
                f"{count} calls of the protocol's own models ({names}) are not the agent's",
                count=count,
            )

    @property
    def model(self) -> str | None:
        """The model on the main line."""
        return min(self._models, default=None)

    def _who(self) -> tuple[set[str | None], set[str], set[str]]:
        """Roles, models and outermost agent spans of the main line."""
        on_line = [g for g in self._generations if g.place is not None and g.scope.sub is None]
        mine = [g for g in on_line if not g.overseer] or on_line
        if not mine:
            mine = [g for g in self._generations if not g.overseer and g.scope.sub is None][:1]
        names = {g.scope.agent.name for g in mine if g.scope.agent}
        return {g.role for g in mine}, {g.model for g in mine}, names

    # -- who speaks ------------------------------------------------------------------------

    def _actor(self, scope: Scope) -> Hashable:
        if scope.sub is not None:
            return id(scope.sub)
        agent = scope.agent
        if agent is not None and self._agents and agent.name not in self._agents:
            return agent.name
        return None

    def _actor_of(self, generation: Generation) -> Hashable:
        actor, role = self._actor(generation.scope), generation.role
        apart = generation.place is None and role is not None and role not in self._roles
        return f"role {role}" if actor is None and apart else actor

    @cached_property
    def _by_actor(self) -> defaultdict[Hashable, list[Generation]]:
        """The generations of each actor, in order."""
        groups: defaultdict[Hashable, list[Generation]] = defaultdict(list)
        for generation in self._generations:
            groups[self._actor_of(generation)].append(generation)
        return groups

    def _module(self, generation: Generation | None, scope: Scope) -> str:
        role = generation.role if generation else None
        if generation is not None and generation.overseer:
            return f"{role or scope.name} model"
        if scope.sub is not None:
            return f"sub-agent {scope.sub.name}"
        if self._actor(scope) is not None and scope.agent is not None:
            return f"sub-agent {scope.agent.name}"
        return "agent" if role in self._roles or role is None else f"sub-agent {role}"

    def _parent(self, scope: Scope) -> str | None:
        call = scope.sub.opened_by if scope.sub is not None else None
        return self._builder.calls.get(call) if call is not None else None

    def _on_line(self, generation: Generation) -> None:
        actor = self._actor(generation.scope)
        self._flush(actor)
        if actor not in self._begun and not generation.overseer:
            # Only the first call's history is decoded: later ones repeat it.
            self._begun.add(actor)
            asked = [m for m in self._history(generation) if m.get("role") in ("system", "user")]
            scope = generation.scope
            module = self._module(generation, scope)
            self._asked(asked, actor, module, self._parent(scope), None)
        self._advance((generation.place or 0) + 1)

    # -- the main line ---------------------------------------------------------------------

    def _advance(self, end: int) -> None:
        while self._at < end:
            self._at += 1
            self._main_message(self._at - 1)

    def _main_message(self, place: int) -> None:
        message, generation = self._main[place], self._place_of.get(place)
        if message.get("role") not in ("assistant", None):
            self._heard(message)
            return
        pieces = pieces_of(message)
        if generation is None:
            given = message.get("source") == "input" and bool(self._generations)
            module = "assistant (given)" if given else "agent"
            turn = self._builder.turn(module, message.get("id"))
            write(self._builder, turn, pieces, given=given)
            return
        scope = generation.scope
        turn = self._builder.turn(
            self._module(generation, scope), message.get("id"), parent=self._parent(scope)
        )
        write(self._builder, turn, merged(pieces_of(generation.message), pieces))
        self._others(generation)

    def _others(self, generation: Generation) -> None:
        """The other choices of one call."""
        module, parent = self._module(generation, generation.scope), self._parent(generation.scope)
        for k, message in enumerate(generation.choices, 1):
            if message is not generation.message:
                turn = self._builder.turn(
                    module, message.get("id"), parent=parent, branch=f"choice {k}"
                )
                write(self._builder, turn, pieces_of(message))

    def _heard(
        self, message: dict[str, Any], parent: str | None = None, branch: str | None = None,
        to: str | None = None,
    ) -> None:  # fmt: skip
        """A message to the agent: system, user or tool."""
        role, builder = str(message.get("role")), self._builder
        call = message.get("tool_call_id")
        if role != "tool" and not call:
            turn = builder.turn(role, message.get("id"), to=to, parent=parent, branch=branch)
            write(builder, turn, pieces_of(message), given=True)
            return
        call = str(call) if isinstance(call, str | int) else None
        tool = builder.tool_of(call)
        if tool == "tool" and message.get("function"):
            tool = f"tool {message['function']}"
        turn = builder.turn(tool, message.get("id"), parent=parent, branch=branch)
        content = plain(message.get("content"))
        turn.observation(content, call)
        problem = plain(message.get("error")) or plain(message.get("tool_error"))
        if problem and problem not in content:
            turn.observation(problem, call)
        for kind in lost_of(message.get("content")):
            builder.gap("dropped", f"a tool's {kind} is no text", where=turn.id)

    # -- apart from the main line ----------------------------------------------------------

    def _apart(self, generation: Generation) -> None:
        module = self._module_apart(generation)
        if module is None:
            self._protocols[f"{generation.role or generation.scope.name}: {generation.model}"] += 1
            return
        actor = self._actor_of(generation)
        if actor is None and module != "agent":
            actor = module
        self._flush(actor)
        history = self._history(generation)
        if actor is None:
            self._follow(history)
        branch = self._branch(generation, actor)
        parent = self._parent(generation.scope)
        self._branch_of[name_of(generation.message)] = branch
        self._asked(history, actor, module, parent, generation.scope.branch)
        seen = self._seen[actor]
        message = generation.message
        if isinstance(message.get("id"), str) and message["id"] in seen:
            return
        seen |= self._names(message)
        turn = self._builder.turn(module, message.get("id"), parent=parent, branch=branch)
        write(self._builder, turn, pieces_of(message))
        self._others(generation)

    def _asked(
        self, history: list[dict[str, Any]], actor: Hashable, module: str, parent: str | None,
        branch: str | None,
    ) -> None:  # fmt: skip
        """What a call was given and nothing before has told."""
        seen = self._seen[actor]
        for message in history:
            name = name_of(message)
            branch = self._branch_of.get(name, branch)
            if (
                name is None
                or name in seen
                or name in self._main_names
                or self._has_answer(message, seen)
            ):
                continue
            seen.add(name)
            if message.get("role") == "system" and self._protocol:
                self.protocol_texts.append(plain(message.get("content")))
            elif message.get("role") == "system":
                self._heard(message, parent, to=module)
            elif message.get("role") == "assistant":
                turn = self._builder.turn("assistant (given)", parent=parent, branch=branch)
                write(self._builder, turn, pieces_of(message), given=True)
            else:
                self._heard(message, parent, branch, to=module)

    def _module_apart(self, generation: Generation) -> str | None:
        """Who says what is not on the main line; None for the protocol's own models."""
        if generation.overseer:
            return None
        module = self._module(generation, generation.scope)
        if module != "agent" or not self._main or self._of_line(generation):
            return module
        if self._protocol or generation.model not in self._models:
            return None
        return f"sub-agent {generation.scope.name or 'aside'}"

    def _of_line(self, generation: Generation) -> bool:
        """Whether its input shares talk with the main line, or the line was built on it."""
        known = self._main_names | self._seen[None]
        talk = [m for m in self._history(generation) if m.get("role") != "system"]
        if not talk or any(self._names(m) & known for m in talk):
            return True
        return bool(self._place_of) and not self._is_off(generation, None)

    def _history(self, generation: Generation) -> list[dict[str, Any]]:
        return self._reader.messages(generation.event.input, generation.event.input_refs)

    def _follow(self, history: list[dict[str, Any]]) -> None:
        """Main messages that this call had already been given come before it."""
        given = {n for m in history for n in self._names(m)}
        while self._at < len(self._main):
            message = self._main[self._at]
            if message.get("role") == "assistant" and self._at in self._place_of:
                return
            if not self._names(message) & given:
                return
            self._advance(self._at + 1)

    def _branch(self, generation: Generation, actor: Hashable) -> str | None:
        """None for what the line was built on, and for its last word."""
        if generation.scope.branch is not None:
            return generation.scope.branch
        if not self._is_off(generation, actor):
            return None
        branch = self._branch_after(self._history(generation))
        if branch is None:
            self._branches += 1
            branch = f"resampled {self._branches}"
        return branch

    def _is_off(self, generation: Generation, actor: Hashable) -> bool:
        if actor not in self._off:
            self._off[actor] = self._abandoned(actor)
        return id(generation) in self._off[actor]

    def _branch_after(self, history: list[dict[str, Any]]) -> str | None:
        """The branch on which the last output of a history stands."""
        for message in reversed(history):
            if message.get("role") == "assistant":
                return self._branch_of.get(name_of(message))
        return None

    def _abandoned(self, actor: Hashable) -> set[int]:
        """Generations on which nothing that lasted was built, by address.

        Backwards, because what refers to an output comes after it. What stood before a
        compaction was not abandoned: the summary rests on it.
        """
        mine = [g for g in self._by_actor[actor] if g.place is not None or not g.overseer]
        built_on: set[Hashable] = set()
        off: set[int] = set()
        for generation in reversed(mine):
            names = self._names(generation.message)
            lasting = generation.place is not None or generation.compacted or not names
            last = generation is mine[-1] and self._extends(generation, mine)
            if lasting or last or names & built_on:
                for message in self._history(generation):
                    if message.get("role") == "assistant":
                        built_on |= self._names(message)
            else:
                off.add(id(generation))
        return off

    def _extends(self, generation: Generation, mine: list[Generation]) -> bool:
        """Whether the last call was given the last thing that its line said."""
        placed = [g for g in mine if g.place is not None]
        if not placed:
            return True
        latest = self._names(max(placed, key=lambda g: g.place or 0).message)
        return any(self._names(m) & latest for m in self._history(generation))

    # -- tool events -----------------------------------------------------------------------

    def _has_answer(self, message: dict[str, Any], seen: set[Hashable]) -> bool:
        answer = ("answer", str(message.get("tool_call_id")))
        return message.get("role") == "tool" and answer in seen

    def _flush(self, actor: Hashable) -> None:
        """Results of tools that no history holds, before their caller speaks again."""
        for event, scope in self._waiting.pop(actor, []):
            call = str(event.id)
            if call in self._answered or scope.scoring:
                continue
            parent, branch = self._parent(scope), scope.branch
            if call not in self._builder.calls and call not in self._calls:
                turn = self._builder.turn(self._module(None, scope), parent=parent, branch=branch)
                arguments = self._reader.value(event.arguments, "arguments")
                turn.action(str(event.function), arguments, call)
            result = self._reader.value(event.result, "result")
            error = self._reader.value(event.error, "error")
            message = {
                "role": "tool", "id": event.message_id, "content": result, "error": error,
                "tool_call_id": call, "function": str(event.function),
            }  # fmt: skip
            self._seen[actor].add(("answer", call))
            if plain(result) or plain(error):
                self._heard(message, parent, branch)
