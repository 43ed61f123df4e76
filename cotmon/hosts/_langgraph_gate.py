"""What watching does at the door of every node, without any of its interrupts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage

from cotmon.hosts._gate import unjudged, verdict
from cotmon.hosts._langchain_messages import (
    altered,
    calls_of,
    can_pause,
    canonical,
    chat_of,
    said_of,
)
from cotmon.hosts._langchain_pauses import Answer, Asked
from cotmon.hosts._langgraph_outer import Outer, around
from cotmon.hosts._langgraph_state import Calls, calls_in, messages_of, said_in, unanswered
from cotmon.watching import Conversation, Decision, ToolCall, Watcher
from cotmon.watching.line import digest

RUN = "__cotmon_run"
"""Names a run without a thread, in its configuration; names so begun stay out of metadata."""
REMEMBERED = 4096
"""Threads whose beginning is kept in mind; of others it is read from their history."""
_HERE = ", by the agent's interrupt"


class _Seen(NamedTuple):
    """One call at the door; no decision where watching itself failed."""

    decision: Decision | None
    arguments: str
    refuse: bool


@dataclass
class Turn:
    """What is to happen to the calls that a node is about to carry out.

    Attributes:
        calls, seen: all of them, in one order.
        outer: what graphs that they start are told of them.
        asked: those that wait, or waited, for a person; always the same ones in the same order
            when the node is run again, because answers come by position.
        interrupts: whether the graph is to be interrupted: somebody has to answer, or answered
            here before, and the graph counts interrupts by their order.
    """

    calls: Calls
    seen: Sequence[_Seen]
    outer: Outer | None = None
    asked: Sequence[Asked] = ()
    interrupts: bool = False


class Gate:
    """Hears, judges and checks for one graph and the graphs within it."""

    def __init__(self, watcher: Watcher, agent: str | None) -> None:
        self.watcher = watcher
        self._agent = agent
        self._began: OrderedDict[str, str] = OrderedDict()

    def enter(self, given: object, config: Mapping[str, Any]) -> None:
        """Takes in what a node is given; judges a generation that had no name before."""
        try:
            messages = messages_of(given)
            conversation = self._conversation(config, messages)
            last = unanswered(messages)
            if last is None or conversation.knows(messages[last].id):
                self._hear(conversation, messages)
                return
            self._hear(conversation, messages[:last])
            conversation.judge(said_of(messages[last]))
        except Exception as error:  # noqa: BLE001 - the agent must not feel our faults
            self.watcher.fault(error)

    def leave(self, output: object, config: Mapping[str, Any]) -> None:
        """Judges what a node says, before anything of it takes effect."""
        try:
            conversation = self._conversation(config)
            for message in said_in(output):
                if not isinstance(message, AIMessage):
                    return
                named_later = message.id is None and message.tool_calls
                if not named_later and not conversation.knows(message.id):
                    conversation.judge(said_of(message))
        except Exception as error:  # noqa: BLE001 - see above
            self.watcher.fault(error)

    def turn(
        self, given: object, config: Mapping[str, Any], key: str, read: Callable[[], object]
    ) -> Turn | None:
        """What is to happen to the calls that a node is given; None where it is given none.

        Raises:
            Exception: under enforce only: the calls cannot even be found, so none can be refused.
        """
        try:
            calls = calls_in(given, key, read)
        except Exception as error:
            self.watcher.fault(error)
            if self.watcher.settings.enforces:
                raise
            return None
        if not calls.calls:
            return None
        try:
            said = [] if calls.message is None else [calls.message]
            conversation = self._conversation(config, [*calls.before, *said])
            self._hear(conversation, calls.before)
            seen = [self._seen(conversation, calls, call) for call in calls.calls]
            found = Turn(calls, seen, _outer(conversation, config, seen))
        except Exception as error:  # noqa: BLE001 - under enforce nothing passes unjudged
            self.watcher.fault(error)
            verdicts = [unjudged(self.watcher, call["name"]) for call in calls.calls]
            return Turn(calls, [_Seen(None, "", refuse=one != "run") for one in verdicts])
        try:
            self._ask(found, can_pause(config))
        except Exception as error:  # noqa: BLE001 - what nobody can be asked about is refused
            self.watcher.fault(error)
        return found

    def note(self, turn: Turn, answers: Sequence[Answer]) -> None:
        """Notes what a person said; an answer from elsewhere that came first stays."""
        try:
            for one, given in zip(turn.asked, answers, strict=True):
                who = given.who if given.who.endswith(_HERE) else given.who + _HERE
                key = one.decision.key
                self.watcher.answer(key, approve=given.approve, who=who, why=given.why)
        except Exception as error:  # noqa: BLE001 - what is not noted is not approved
            self.watcher.fault(error)

    def refused(self, turn: Turn) -> set[int]:
        """Which calls are not carried out, by place; approvals of the others are spent."""
        return {
            k
            for k, one in enumerate(turn.seen)
            if one.refuse
            or (one.decision is not None and verdict(self.watcher, one.decision) != "run")
        }

    def paused(self, turn: Turn) -> None:
        """A tool itself paused: its node will be run again, by the same approval."""
        try:
            for one in turn.asked:
                self.watcher.give_back(one.decision)
        except Exception as error:  # noqa: BLE001 - then it is refused when it comes back
            self.watcher.fault(error)

    def _conversation(
        self, config: Mapping[str, Any], messages: Sequence[BaseMessage] | None = None
    ) -> Conversation:
        """A thread has one; a graph within a graph has one of its own, named after where it is."""
        self.watcher.can_pause = can_pause(config)
        settings = config.get("configurable", {})
        own = _space(config).rpartition("|")[0]
        if messages is not None and not own and "thread_id" in settings:
            fresh = config.get("metadata", {}).get("langgraph_step") == 1
            self._begin(str(settings["thread_id"]), messages, fresh)
        parent = self._parent(settings, own) if own else None
        return self.watcher.conversation(self._name(settings, own), self._agent, parent)

    def _name(self, settings: Mapping[str, Any], own: str) -> str:
        """Thread, first message and place: a checkpointer may have forgotten a thread's name."""
        if own and (outer := around()):
            return f"{outer.thread}/{own}"
        if "thread_id" not in settings:
            return "/".join(part for part in (settings.get(RUN), own) if part)
        thread = str(settings["thread_id"])
        return "/".join(part for part in (thread, self._began.get(thread), own) if part)

    def _parent(self, settings: Mapping[str, Any], own: str) -> str | None:
        """What started a graph within a graph: a call, else the newest step of that around it."""
        outer = around()
        if outer is not None and outer.starts(own):
            return outer.parent
        newest = self.watcher.latest(self._name(settings, own.rpartition("|")[0]))
        return newest or (outer.parent if outer is not None else None)

    def _begin(self, thread: str, messages: Sequence[BaseMessage], fresh: bool) -> None:
        """Tells a thread that begins from one that goes on, though its first messages are cut."""
        if thread in self._began and not fresh:
            return
        first = messages[0] if messages else None
        self._began[thread] = (first.id or digest(chat_of(first))) if first is not None else ""
        self._began.move_to_end(thread)
        while len(self._began) > REMEMBERED:
            self._began.popitem(last=False)

    def _hear(self, conversation: Conversation, messages: Sequence[BaseMessage]) -> None:
        conversation.hear([(m.id, chat_of(m)) for m in messages if not conversation.knows(m.id)])

    def _seen(self, conversation: Conversation, calls: Calls, called: Mapping[str, Any]) -> _Seen:
        """The decision on a call: that of its generation, or its own where it was altered since."""
        run = ToolCall(called["id"] or "", called["name"], canonical(called["args"]))
        if calls.message is not None:
            found = conversation.judge(said_of(calls.message))
            for decision, call in zip(found, calls_of(calls.message), strict=False):
                same = called["id"] in (call.id, None)
                if same and decision.hash == run.hash:
                    return _Seen(decision, run.arguments, refuse=False)
        decision = conversation.judge(altered(run, calls.message))[0]
        return _Seen(decision, run.arguments, refuse=False)

    def _ask(self, turn: Turn, pauses: bool) -> None:
        """Puts questions to people, all of a node together; where nobody can wait, refuses."""
        asked = [
            Asked(one.decision, one.arguments)
            for one in turn.seen
            if one.decision is not None and one.decision.enforced and one.decision.level == "ask"
        ]
        if not asked or not pauses:
            return
        for one in asked:
            self.watcher.ask(*one)
        watches = self.watcher.store.watches
        with self.watcher.store.reading() as connection:
            rows = [watches.pause(connection, one.decision.key) or {} for one in asked]
        turn.asked = asked
        turn.interrupts = any(
            row.get("state") == "pending" or str(row.get("who")).endswith(_HERE) for row in rows
        )


def _space(config: Mapping[str, Any]) -> str:
    """Where a node runs: its graph's place, and its own."""
    return str(config.get("configurable", {}).get("checkpoint_ns", ""))


def _outer(conversation: Conversation, config: Mapping[str, Any], seen: Sequence[_Seen]) -> Outer:
    decisions = [one.decision for one in seen if one.decision is not None]
    calls = {one.call: one.parent for one in decisions if one.parent is not None}
    parent = next(iter(calls.values())) if len(seen) == len(calls) == 1 else conversation.latest
    return Outer(conversation.thread, _space(config), calls, parent)
