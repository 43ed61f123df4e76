"""What the hooks of the middleware do, without any of its interrupts. Nothing here raises."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import msgspec

from cotmon.hosts._again import protocol_act
from cotmon.hosts._gate import Verdict, unjudged, verdict
from cotmon.hosts._langchain_again import UNTOLD, Retold
from cotmon.hosts._langchain_messages import (
    DEAF,
    altered,
    calls_of,
    can_pause,
    canonical,
    chat_of,
    drops_reasoning,
    said_of,
)
from cotmon.hosts._langchain_pauses import Asked, answers
from cotmon.hosts._langchain_streaming import Turn, watched
from cotmon.watching import Conversation, Decision, Outputs, Said, ToolCall, Watcher

_log = logging.getLogger(__name__)
THREAD = "cotmon_thread"
"""Key of the agent's state that names the conversation: other agents, and other processes that
forgot this one, may use the same thread id."""
UNSHOWN = (
    "the stream of a %s cannot be watched (%s), so whoever watches its tokens sees calls before "
    "they are judged; give create_agent a chat model itself, or put cotmon proxy in front of the "
    "model"
)
_AI = ("ai", "AIMessageChunk")


class Place(NamedTuple):
    """Where in the world of graphs a hook runs.

    Attributes:
        thread: the conversation.
        agent: its name.
        pauses: whether an interrupt can be resumed.
        parent: the call that started a sub-agent, where it is known.
    """

    thread: str
    agent: str | None
    pauses: bool
    parent: str | None = None


class Checked(NamedTuple):
    """What is to happen to a call.

    Attributes:
        verdict: run, refuse or ask.
        asked: the decision as a question; empty where there is no decision.
        thread: where a sub-agent that it starts belongs; the names of its threads begin with it.
        parent: the call as that sub-agent's steps name it.
    """

    verdict: Verdict
    asked: tuple[Asked, ...] = ()
    thread: str = ""
    parent: str | None = None


_within: ContextVar[Checked | None] = ContextVar("cotmon_within", default=None)


@contextmanager
def inside(checked: Checked) -> Iterator[None]:
    """While a tool runs: agents started by it know what started them."""
    token = _within.set(checked)
    try:
        yield
    finally:
        _within.reset(token)


class Gate:
    """Hears, judges and checks for one middleware."""

    def __init__(self, watcher: Watcher, trusted: Any) -> None:
        self._watcher, self._trusted = watcher, trusted
        self._said: set[str] = set()

    def place(self, config: Mapping[str, Any], state: Mapping[str, Any]) -> Place:
        """Where this hook runs; a graph within a graph has a conversation of its own."""
        settings, metadata = config.get("configurable", {}), config.get("metadata") or {}
        outer = _within.get()
        named = settings.get("thread_id")
        thread, parent = str(named) if named is not None else "", None
        own = str(metadata.get("langgraph_checkpoint_ns", "")).rpartition("|")[0]
        if own and outer is not None:
            thread, parent = outer.thread, outer.parent
        return Place(
            "/".join(part for part in (thread, own or state.get(THREAD, "")) if part),
            metadata.get("lc_agent_name"),
            can_pause(config),
            parent,
        )

    def hear(self, config: Mapping[str, Any], request: Any) -> None:
        """Takes in what the model is about to read."""
        try:
            conversation = self._conversation(self.place(config, request.state))
            heard = [(m.id, m) for m in request.messages]
            if (system := request.system_message) is not None:
                heard.insert(0, (_name_of(system), system))
            new = [(name, chat_of(m)) for name, m in heard if not conversation.knows(name)]
            conversation.hear(new)
        except Exception as error:  # noqa: BLE001 - the agent must not feel our faults
            self._watcher.fault(error)

    def shown(self, config: Mapping[str, Any], request: Any) -> Any:
        """The request, with a model that shows viewers of its tokens what was judged.

        A decision that was taken there is known to `judge`. Under observe all is shown.
        """
        if not self._watcher.settings.enforces or not request.tools:
            return request
        try:
            self._note_pauses(self.place(config, request.state))
        except Exception as error:  # noqa: BLE001 - then judging fails too, and shows no call
            self._watcher.fault(error)

        def judge(said: Said) -> Sequence[Decision]:
            return self._conversation(self.place(config, request.state)).judge(said)

        turn = Turn(self._watcher, judge, [_tool_name(tool) for tool in request.tools])
        try:
            return request.override(model=watched(request.model, turn))
        except Exception as error:  # noqa: BLE001 - the agent goes on; no tool runs unjudged
            self._say("streams", UNSHOWN % (type(request.model).__name__, error))
            return request

    def retold(self, config: Mapping[str, Any], request: Any) -> Retold | None:
        """The turn, where a protocol may have it said again."""
        settings = self._watcher.settings
        if protocol_act(settings) is None or not settings.enforces or not request.tools:
            return None

        def judge(said: Said, outputs: Outputs | None) -> Sequence[Decision]:
            return self._conversation(self.place(config, request.state)).judge(said, outputs)

        try:
            self._note_pauses(self.place(config, request.state))
            return Retold(request, judge, self._trusted)
        except Exception as error:  # noqa: BLE001 - what would be said again is asked about
            self._say("again", UNTOLD % (type(request.model).__name__, error))
            return None

    def take(self, turn: Retold, response: Any) -> None:
        """Takes in an output of a turn that may be said again."""
        try:
            turn.take(response)
        except Exception as error:  # noqa: BLE001 - it is judged as one that is alone
            self.give_up(turn, error, response)

    def give_up(self, turn: Retold, error: Exception, response: Any = None) -> None:
        """Nothing else could be said in place of a turn."""
        self._watcher.fault(error)
        turn.give_up(response)

    def judge(self, config: Mapping[str, Any], state: Mapping[str, Any]) -> list[Asked]:
        """Judges the newest answer; gives the calls that wait for a person, if any still does.

        Where judging itself fails, nobody is asked, and `check` refuses what must be enforced.
        """
        try:
            place = self.place(config, state)
            self._note_pauses(place)
            messages = state["messages"]
            last = max((k for k, m in enumerate(messages) if m.type in _AI), default=None)
            if last is None:
                return []
            found = self._conversation(place).judge(self._alone(messages[last]))
            done = {m.tool_call_id for m in messages[last + 1 :] if m.type == "tool"}
            asked = [
                Asked(decision, call.arguments)
                for decision, call in zip(found, calls_of(messages[last]), strict=False)
                if decision.enforced and decision.level == "ask" and call.id not in done
            ]
            if not asked or not place.pauses:
                return []
            for one in asked:
                self._watcher.ask(*one)
        except Exception as error:  # noqa: BLE001 - see above
            self._watcher.fault(error)
            return []
        return self.waiting(asked)

    def waiting(self, asked: Sequence[Asked]) -> list[Asked]:
        """All of them while any is unanswered: answers come by position."""
        try:
            states = [self._watcher.state(one.decision) for one in asked]
        except Exception as error:  # noqa: BLE001 - no answer is no approval
            self._watcher.fault(error)
            return []
        return list(asked) if "pending" in states else []

    def answer(self, asked: Sequence[Asked], said: object) -> None:
        """Notes what a person said; what cannot be read or written down leaves all unanswered.

        A question that was answered from elsewhere in the meantime keeps that answer.
        """
        found = answers(said, len(asked))
        try:
            for one, given in zip(asked, found or (), strict=False):
                self._watcher.answer(
                    one.decision.key, approve=given.approve, who=given.who, why=given.why
                )
        except Exception as error:  # noqa: BLE001 - it is asked again
            self._watcher.fault(error)

    def check(self, config: Mapping[str, Any], request: Any) -> Checked:
        """What is to happen to a call now, and takes its approval if there is one."""
        called = request.tool_call
        try:
            place = self.place(config, request.state)
            self._note_pauses(place)
            return self._check(place, request)
        except Exception as error:  # noqa: BLE001 - nothing runs because watching failed
            self._watcher.fault(error)
            return Checked(unjudged(self._watcher, called["name"]))

    def paused(self, checked: Checked) -> None:
        """The call itself paused: it will be run again as the same call, by the same approval."""
        try:
            for one in checked.asked:
                self._watcher.give_back(one.decision)
        except Exception as error:  # noqa: BLE001 - then it is refused when it comes back
            self._watcher.fault(error)

    def look_for_reasoning(self, model: object, response: object) -> None:
        """Says once that the model class drops the reasoning, and what to do."""
        if "reasoning" in self._said or not drops_reasoning(model):
            return
        try:
            said = [m for m in getattr(response, "result", ()) if m.type in _AI]
            if any(not chat_of(message)["reasoning_content"] for message in said):
                self._say("reasoning", DEAF % type(model).__name__)
        except Exception as error:  # noqa: BLE001 - the agent must not feel our faults
            self._watcher.fault(error)

    def _check(self, place: Place, request: Any) -> Checked:
        called = request.tool_call
        message = _speaker(request.state, called)
        run = ToolCall(called["id"] or "", called["name"], canonical(called["args"]))
        conversation = self._conversation(place)
        k = _ordinal(message, called["id"], run)
        said = altered(run, message) if k is None else self._alone(message)
        decision = conversation.judge(said)[k or 0]
        found = verdict(self._watcher, decision)
        if found == "ask":
            if place.pauses:
                self._watcher.ask(decision, run.arguments)
            else:
                found = "refuse"
        return Checked(found, (Asked(decision, run.arguments),), place.thread, decision.parent)

    def _alone(self, message: Any) -> Said:
        """A generation that is not being said again; under observe it could have been."""
        settings = self._watcher.settings
        could = protocol_act(settings) is not None and not settings.enforces
        return msgspec.structs.replace(said_of(message), again="yes" if could else "no")

    def _conversation(self, place: Place) -> Conversation:
        return self._watcher.conversation(place.thread, place.agent, place.parent)

    def _note_pauses(self, place: Place) -> None:
        self._watcher.can_pause = place.pauses
        if not place.pauses and self._watcher.settings.enforces:
            self._say(
                "pauses",
                "this agent has no checkpointer, so it cannot wait for a person: what would be "
                "asked is blocked; give create_agent a checkpointer",
            )

    def _say(self, name: str, text: str) -> None:
        if name not in self._said:
            self._said.add(name)
            _log.warning("%s", text)


def _name_of(system: Any) -> str:
    """A system message is not in the state and has no id: its content is its name."""
    text = canonical(system.content)
    return f"system-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _tool_name(tool: Any) -> str:
    """How the model calls a tool; one that its provider runs is known by its type."""
    if not isinstance(tool, dict):
        return tool.name
    return tool.get("name") or tool.get("function", {}).get("name") or tool.get("type", "")


def _speaker(state: Mapping[str, Any], called: Mapping[str, Any]) -> Any:
    """The newest message that makes a call of this id."""
    for message in reversed(state["messages"]):
        if message.type in _AI and any(c["id"] == called["id"] for c in message.tool_calls):
            return message
    return None


def _ordinal(message: Any, call_id: str | None, run: ToolCall) -> int | None:
    """Which of a message's calls this is; None where it is not as the model wrote it."""
    for k, call in enumerate(calls_of(message) if message is not None else ()):
        if call.hash == run.hash and call_id in (call.id, None):
            return k
    return None
