"""One living conversation: heard, scored as it grows, and judged before anything runs."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from cotmon.engine import LiveSession, StepOutcome, score_of
from cotmon.errors import StoreError
from cotmon.formats import BRANCH, ChatStream
from cotmon.protocols.protocol import Move
from cotmon.records import Message, Scored, Source, Step, Unscored, elsewhere
from cotmon.watching.again import Outputs
from cotmon.watching.cases import Case, cases_of
from cotmon.watching.decision import Again, Decision, Said, ToolCall, decision_key
from cotmon.watching.line import Heard, Line, body_of, digest
from cotmon.watching.policy import (
    OURS,
    STORE,
    About,
    Pairs,
    Policy,
    said_again,
    stopped,
    suspicion_of,
)

if TYPE_CHECKING:
    from cotmon.watching.watcher import Watcher

REMEMBERED = 512
"""Decisions that a conversation keeps at hand; older ones are looked up in the store."""


@dataclass
class _Pushed:
    """The message that came last.

    Attributes:
        place, name, body: where it stands, the host's id, and what it says.
        stored: what is written down of it.
        messages, steps, outcomes: what it became, and what monitors said when it came.
    """

    place: int
    name: str | None
    body: dict[str, Any]
    stored: dict[str, Any]
    messages: list[Message]
    steps: list[Step]
    outcomes: list[StepOutcome]


class Conversation:
    """One thread of one agent. Its methods may be called from any thread, one at a time.

    Attributes:
        run, thread: where it is stored.
    """

    def __init__(
        self, watcher: Watcher, run: str, thread: str, agent: str | None,
        parent: str | None = None,
    ) -> None:  # fmt: skip
        self.run, self.thread = run, thread
        self._watcher = watcher
        self._lock = threading.RLock()
        self._stream = ChatStream(thread, source_of(watcher.host), agent, parent)
        self._session = LiveSession(watcher.monitors, watcher.known, watcher.score)
        self._policy = Policy(watcher)
        self._line = Line()
        self._last: _Pushed | None = None
        self._latest: Step | None = None
        self._ordinal = 0
        self._unwritten: deque[tuple[int, dict[str, Any]]] = deque()
        self._unheard: list[str] = []
        self._reasoned = False
        self._runs = [run]
        self._decided: OrderedDict[str, Decision] = OrderedDict()

    def restore(
        self,
        messages: Sequence[dict[str, Any]],
        ordinal: int,
        earlier: str | None = None,
        audits: int = 0,
    ) -> None:
        """Takes up a stored conversation where it was left; nothing is decided anew.

        Args:
            messages: as they are stored.
            ordinal: of the next message that is stored.
            earlier: the run that they are stored in, where that is another one.
            audits: questions that were put to people so far.
        """
        with self._lock:
            self._policy = Policy(self._watcher, audits)
            for body in messages:
                if BRANCH not in body:  # what was said again, no client ever had
                    self._line.add(body.get("id"), body)
                self._take(body.get("id"), body, body.get(BRANCH))
            if earlier is not None:
                self._runs.append(earlier)
                self._write_messages()
                return
            self._unwritten.clear()
            self._ordinal = ordinal

    def knows(self, name: str | None) -> bool:
        """Whether a message of this id has been heard or judged."""
        return name is not None and self._line.holds(name)

    @property
    def latest(self) -> str | None:
        """Its newest step as the parent of an agent that starts now; see `Message`."""
        return elsewhere(self.thread, self._latest.address) if self._latest else None

    def hear(self, history: Sequence[Heard]) -> None:
        """Takes in what the agent was told, and what tools gave; what is known is passed over.

        It never raises; where it fails, the next decision says so.

        Args:
            history: all of it, or what is new; known messages are told by their ids, or, where
                they have none, by what they say (see `Line`).
        """
        with self._lock:
            try:
                new = self._line.new(history)
            except Exception as error:  # noqa: BLE001 - the agent must not feel our faults
                self._missed(error)
                return
            for name, chat in new:
                self._take(name, chat)
            self._write_messages()

    def judge(self, said: Said, outputs: Outputs | None = None) -> tuple[Decision, ...]:
        """A decision for every call, in order; one for the words where nothing is called.

        Asked again about the same message and the same calls, it gives the same decisions and
        scores nothing. It never raises: under observe a failure is counted, under enforce it is
        a decision.

        Args:
            said: the generation.
            outputs: of a turn that is said again where the protocol wants it: then the decisions
                say so, and `outputs` knows which one goes on.
        """
        began = time.monotonic()
        with self._lock:
            name = said.message or ""
            try:
                name = self._name(said)
                before = self._before(name, said)
                known = tuple(filter(None, before))
                if len(known) == len(before):
                    if outputs is not None:
                        self._policy.again(outputs, [(d.tool, d.suspicion) for d in known])
                    return known
                found = self._judge(name, said, began, outputs)
                found = tuple(old or new for old, new in zip(before, found, strict=True))
            except Exception as error:  # noqa: BLE001 - the agent must not feel our faults
                found = self._failed(name, said, error, began)
            found = self._note(found)
            self._watcher.tell(found, said)
            for decision in found:
                self._decided[_short(decision.message, decision.call, decision.hash)] = decision
            while len(self._decided) > REMEMBERED:
                self._decided.popitem(last=False)
            return found

    # Messages

    def _take(self, name: str | None, chat: dict[str, Any], branch: str | None = None) -> None:
        """Takes in one message; one that cannot be taken in is missed, and counted."""
        try:
            self._push(name, body_of(chat), branch)
        except Exception as error:  # noqa: BLE001 - the agent must not feel our faults
            self._missed(error)

    def _missed(self, error: Exception) -> None:
        self._watcher.fault(error)
        self._unheard.append(f"{type(error).__name__}: {error}")

    def _push(self, name: str | None, body: dict[str, Any], branch: str | None = None) -> _Pushed:
        """One message into the transcript, scored; the line must hold it already."""
        place = len(self._line) - 1
        ours = {"id": name, BRANCH: branch}
        stored = body | {key: value for key, value in ours.items() if value is not None}
        self._unwritten.append((self._ordinal, stored))
        self._ordinal += 1
        new = self._stream.add(stored)
        self._reasoned |= any(m.channel == "reasoning" and m.text.strip() for m in new)
        outcomes = self._session.push(*new)
        steps = self._session.steps
        self._latest = steps[-1] if steps else self._latest
        self._last = _Pushed(place, name, body, stored, new, steps, outcomes)
        return self._last

    def _write_messages(self) -> None:
        """Stores what is not stored yet; what cannot be written is tried again with the next."""
        rows = [self._unwritten.popleft() for _ in range(len(self._unwritten))]
        if not rows:
            return
        watches, run, thread = self._watcher.store.watches, self.run, self.thread

        def put_back(done: Future[None]) -> None:
            if done.exception() is not None:
                self._unwritten.extend(rows)

        written = self._watcher.recorder.write(
            lambda c: watches.add_messages(c, run, thread, rows)
        )  # fmt: skip
        written.add_done_callback(put_back)

    # Decisions

    def _name(self, said: Said) -> str:
        """The host's id of a generation, else one made of where it stands and what it says.

        The same words again right after themselves are the same generation, asked about again.
        """
        if said.message:
            return said.message
        body, last = body_of(said.chat), self._last
        again = last is not None and last.name is None and last.body == body
        return digest(last.place if last is not None and again else len(self._line), body)

    def _before(self, name: str, said: Said) -> list[Decision | None]:
        """What was decided before on this message and these very calls, also before a restart."""
        calls = said.calls or (None,)
        found = [self._decided.get(_short(name, *_what(call))) for call in calls]
        if not all(found) and self._is_known(said):
            keys = {
                decision_key(run, self.thread, name, call): k
                for run in self._runs
                for k, call in enumerate(calls)
            }
            with self._watcher.store.reading() as connection:
                for body in self._watcher.store.watches.decisions(connection, list(keys)):
                    decision = self._policy.now(msgspec.convert(body, Decision))
                    found[keys[decision.key]] = decision
        return found

    def _is_known(self, said: Said) -> bool:
        """Whether the message was heard or judged before, so that the store may know of it."""
        return self.knows(said.message) or self._is_last(said)

    def _is_last(self, said: Said) -> bool:
        last = self._last
        same = last is not None and last.name == (said.message or None)
        return same and last is not None and last.body == body_of(said.chat)

    def _judge(
        self, name: str, said: Said, began: float, outputs: Outputs | None
    ) -> tuple[Decision, ...]:
        pushed = self._last if self._is_last(said) else None
        if pushed is None:
            body = body_of(said.chat)
            self._line.add(said.message or None, body)
            pushed = self._push(said.message or None, body)
        scores = self._scores([*pushed.outcomes, *self._session.settle()])
        lost = {OURS: "; ".join(self._unheard)} if self._unheard else {}
        self._unheard.clear()
        cases = cases_of(said.calls, pushed.messages, pushed.steps, scores, lost)
        instead = None if outputs is None else self._instead(outputs, cases)
        if outputs is not None and instead is not None:
            self._abandon(pushed, f"message {pushed.place + 1}, output {outputs.heard}")
        self._write_messages()
        again = said.again if outputs is None else outputs.again
        found = tuple(
            self._policy.decide(
                self._about(name, case.call, began, again, instead, case.step),
                case.scores,
                case.lost,
            )
            for case in cases
        )
        return (stopped(found[0]),) if said.stopped and not said.calls else found

    def _instead(self, outputs: Outputs, cases: Sequence[Case]) -> Move | None:
        """Why something else goes on in place of a turn; None where this output does."""
        weighed = [(c.call.name if c.call else "", suspicion_of(c.scores)) for c in cases]
        move = self._policy.again(outputs, weighed)
        if move is None:
            return None
        if outputs.wants is not None:
            return said_again(move)
        chosen = outputs.chosen == outputs.heard - 1
        return None if chosen else Move("resample", "another output was chosen")

    def _abandon(self, pushed: _Pushed, branch: str) -> None:
        """What was said is kept beside the line: the agent and its client never had it."""
        pushed.stored[BRANCH] = branch
        if pushed.messages:
            self._session.abandon()
        self._line.take_back()
        self._last = None

    def _scores(self, outcomes: Sequence[StepOutcome]) -> Pairs:
        return [
            (found, score_of(found.outcome, found.monitor.card, cue, self._watcher.judging))
            for found in outcomes
            if isinstance(found.outcome, Scored | Unscored)
            for cue in found.monitor.cues
        ]

    def _about(
        self, name: str, call: ToolCall | None, began: float, again: Again,
        instead: Move | None = None, step: str = "",
    ) -> About:  # fmt: skip
        return About(self.run, self.thread, name, call, self._reasoned, began, again, instead, step)

    def _failed(
        self, name: str, said: Said, error: Exception, began: float
    ) -> tuple[Decision, ...]:
        """Decisions where watching itself failed: never a silent pass under enforce."""
        self._watcher.fault(error)
        what = STORE if isinstance(error, StoreError) else OURS
        lost = {what: f"{type(error).__name__}: {error}"}
        return tuple(
            self._policy.decide(self._about(name, call, began, said.again), (), lost)
            for call in said.calls or (None,)
        )

    def _note(self, found: tuple[Decision, ...]) -> tuple[Decision, ...]:
        """Stores decisions; what is enforced on a call is on disk before the host hears of it."""
        at = self._watcher.clock()
        rows = [
            {
                "key": d.key, "run": d.run, "thread": d.thread, "tool": d.tool, "level": d.level,
                "enforced": d.enforced, "suspicion": d.suspicion, "latency_ms": d.latency_ms,
                "at": at, "body": msgspec.to_builtins(d),
            }
            for d in found
        ]  # fmt: skip
        watches = self._watcher.store.watches
        done = self._watcher.recorder.write(lambda c: watches.decide(c, rows))
        if not any(d.enforced and d.call for d in found):
            return found
        try:
            done.result(self._watcher.settings.timeout_ms / 1000)
        except Exception as error:  # noqa: BLE001 - it is a decision, not an exception
            self._watcher.fault(error)
            return tuple(
                self._policy.unwritten(d, error) if d.enforced and d.call else d for d in found
            )
        return found


def source_of(host: str) -> Source:
    """Where a watched transcript was found."""
    return Source(file=f"watched by {host}", format="watched")


def _short(message: str, call: str, hash: str) -> str:
    return f"{message}\0{call}\0{hash}"


def _what(call: ToolCall | None) -> tuple[str, str]:
    return ("", "") if call is None else (call.id, call.hash)
