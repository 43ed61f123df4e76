"""What watches: monitors, settings and the store, shared by all agents of a process."""

from __future__ import annotations

import atexit
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from cotmon.content import find_monitors
from cotmon.engine import load_monitors, storable
from cotmon.engine.choice import choose, set_hash
from cotmon.engine.versions import versions
from cotmon.errors import StoreError, UnknownNameError, UsageError
from cotmon.models import Models
from cotmon.records import Outcome, View
from cotmon.store import Store, new_id, now, open_store
from cotmon.watching.conversation import Conversation
from cotmon.watching.decision import Decision, Said
from cotmon.watching.line import digest
from cotmon.watching.recorder import Recorder
from cotmon.watching.scorer import SharedScorer
from cotmon.watching.settings import Settings, Watching

if TYPE_CHECKING:
    from cotmon.watching.telemetry import Telemetry

_log = logging.getLogger(__name__)
KEPT = 2048
"""Conversations kept in memory; older ones are taken up again from the store."""
REMEMBERED = 2048
"""Texts that the encoder keeps in memory (about 5 MB): all that agents say at about one time."""
LONGEST = 200
"""Characters of a thread's name; a longer one is stored under its hash."""


class Watcher:
    """One watch over any number of agents.

    Attributes:
        host: name of the host, as `doctor` knows it.
        can_pause: whether a question to a person can hold the agent; else it becomes a block.
        settings, monitors, judging, store, recorder, scorer: what conversations share.
        faults: kind of fault → how often watching itself failed, in this process.
        clock: gives the ISO time that is written down.
    """

    def __init__(
        self,
        watching: Watching,
        host: str,
        *,
        can_pause: bool,
        clock: Callable[[], str] = now,
    ) -> None:
        self.host, self.can_pause, self.clock = host, can_pause, clock
        self.settings: Settings = watching.settings
        model = self.settings.model
        choice = choose(
            list(self.settings.monitors), [], judges=model is not None, set_name=self.settings.set
        )
        known = find_monitors()
        for name in self.settings.failures.keys() - known:
            raise UnknownNameError(name, "monitor ([watch.failures])", known)
        self.monitors = load_monitors(choice.folders, Models(model, REMEMBERED))
        self.judging = choice.judging(self.monitors)
        self.faults: Counter[str] = Counter()
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._unwritten: dict[str, Outcome] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._conversations: OrderedDict[str, Conversation] = OrderedDict()
        self._dropped = self._closed = False
        self.store: Store = open_store(watching.database)
        self.recorder = Recorder(self.store, self._note_lost)
        self.scorer = SharedScorer(self.monitors)
        self._telemetry = _telemetry_of(self.settings, host)
        self._set = set_hash(self.monitors, self.judging)
        self.run = self._start()
        atexit.register(self.close)  # what waits to be written would be lost with its thread

    def conversation(
        self, thread: str, agent: str | None = None, parent: str | None = None
    ) -> Conversation:
        """The conversation of this thread, begun or taken up where it was left.

        It never raises: where the store cannot be read, the conversation begins anew.

        Args:
            thread, agent: which.
            parent: what starts it, where it begins here (`Decision.parent`, `latest`).
        """
        name = stored_name(thread)
        with self._lock:
            if (found := self._conversations.get(name)) is not None:
                self._conversations.move_to_end(name)
                return found
            opening = self._opening.setdefault(name, threading.Lock())
        with opening:
            if (found := self._conversations.get(name)) is None:
                found = self._open(name, agent, parent)
            self._hold(name, found)
        return found

    def latest(self, thread: str) -> str | None:
        """`Conversation.latest` of a thread; None where it is not being watched here."""
        with self._lock:
            found = self._conversations.get(stored_name(thread))
        return None if found is None else found.latest

    def score(self, wanted: Mapping[int, Mapping[str, View]]) -> dict[str, Outcome]:
        """Scores together with all other agents of this process, and stores what came of it.

        What comes too late is stored too; it is known from then on.

        Args:
            wanted: monitor index → address → view.
        """
        settings = self.settings
        own = {
            k: on.timeout_ms / 1000
            for k in wanted
            if (on := settings.failures.get(self.monitors[k].name)) and on.timeout_ms is not None
        }
        found = self.scorer.score(wanted, settings.timeout_ms / 1000, own, self._keep)
        self._keep(found)
        return found

    def known(self, addresses: Collection[str]) -> Mapping[str, Outcome]:
        """Scores that are stored or about to be; the latter also where the store cannot be read."""
        with self._counting:
            found = {a: self._unwritten[a] for a in addresses if a in self._unwritten}
        missing = [a for a in addresses if a not in found]
        if not missing:
            return found
        try:
            with self.store.reading() as connection:
                return {**self.store.scores.known(connection, missing), **found}
        except Exception as error:  # noqa: BLE001 - what is not known is scored
            self.fault(error)
            return found

    def fault(self, error: BaseException) -> None:
        """Counts a failure of watching itself, here and in the store; each kind is logged once."""
        kind, reason = type(error).__name__, f"{type(error).__name__}: {error}"[:300]
        with self._counting:
            self.faults[kind] += 1
            first = self.faults[kind] == 1
        if first:
            _log.error("watching failed: %s", reason)
        watches, run, day = self.store.watches, self.run, self.clock()[:10]
        self.recorder.write(lambda c: watches.fault(c, run, day, kind, 1, reason))

    def tell(self, decisions: Sequence[Decision], said: Said) -> None:
        """Tells telemetry of decisions that were just taken; nothing where none is configured."""
        if self._telemetry is None:
            return
        try:
            self._telemetry.note(decisions, said)
        except Exception as error:  # noqa: BLE001 - the agent must not feel our faults
            self.fault(error)

    def ask(self, decision: Decision, arguments: str) -> str:
        """Puts a question to people and gives its token; it is on disk when this returns.

        Raises:
            StoreError: it could not be written down, so it must not be waited for.
        """
        row = {
            "token": decision.key, "decision": decision.key, "run": decision.run,
            "thread": decision.thread, "asked": self.clock(),
            "body": {"decision": msgspec.to_builtins(decision), "arguments": arguments},
        }  # fmt: skip
        watches = self.store.watches
        written = self.recorder.write(lambda c: watches.ask(c, row))
        try:
            written.result(self.settings.timeout_ms / 1000)
        except TimeoutError:
            raise StoreError("a question could not be written down in time") from None
        return decision.key

    def answer(self, token: str, *, approve: bool, who: str, why: str | None = None) -> None:
        """A person's answer to a question.

        Raises:
            UnknownNameError: no question has that token.
        """
        state = "approved" if approve else "rejected"
        with self.store.begin() as connection:
            self.store.watches.answer(connection, token, state, who, why, self.clock())

    def state(self, decision: Decision) -> str | None:
        """`pending`, `approved`, `rejected` or `spent`; None where nobody was asked."""
        with self.store.reading() as connection:
            found = self.store.watches.pause(connection, decision.key)
        return None if found is None else found["state"]

    def spend(self, decision: Decision) -> bool:
        """Takes the approval of a decision; True once only.

        Raises:
            StoreError: the store refused.
        """
        with self.store.begin() as connection:
            return self.store.watches.spend(connection, decision.key)

    def give_back(self, decision: Decision) -> None:
        """Makes a spent approval good again: the call itself paused, and will be run once more.

        Raises:
            StoreError: the store refused.
        """
        with self.store.begin() as connection:
            self.store.watches.give_back(connection, decision.key)

    def close(self) -> None:
        """Writes what waits and ends the threads; twice is once."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        self.scorer.close()
        runs, run = self.store.runs, self.run
        self.recorder.write(lambda c: runs.finish(c, run, self.clock()))
        self.recorder.close()
        self.store.close()
        if self._telemetry is not None:
            self._telemetry.close()

    def _keep(self, found: Mapping[str, Outcome]) -> None:
        """Stores outcomes; failures too, so that the stored run says why there is no score."""
        if not found:
            return
        scores = self.store.scores
        with self._counting:
            self._unwritten |= {a: outcome for a, outcome in found.items() if storable(outcome)}
        written = self.recorder.write(lambda c: scores.add(c, found))
        written.add_done_callback(lambda _: self._forget(found))

    def _forget(self, found: Mapping[str, Outcome]) -> None:
        """They are written down, or lost; then they are scored again when they are asked for."""
        with self._counting:
            for address in found:
                self._unwritten.pop(address, None)

    def _note_lost(self, connection: Any, count: int, reason: str) -> None:
        day = self.clock()[:10]
        self.store.watches.fault(connection, self.run, day, "lost writes", count, reason)

    def _start(self) -> str:
        """Notes the run that these conversations belong to."""
        name = new_id()
        body = msgspec.json.encode(self.judging.calibration, order="sorted")
        row = {
            "id": name, "key": name, "command": f"watched by {self.host}",
            "set_hash": self._set, "started": self.clock(),
            "transcript_threshold": self.judging.threshold, "versions": versions(),
        }  # fmt: skip
        known = (self._set, msgspec.json.decode(body)) if self.judging.calibration.cues else None
        with self.store.begin() as connection:
            self.store.runs.start(connection, row, [m.card for m in self.monitors], known)
        return name

    def _hold(self, name: str, conversation: Conversation) -> None:
        with self._lock:
            self._conversations[name] = conversation
            self._conversations.move_to_end(name)
            self._opening.pop(name, None)
            if len(self._conversations) > KEPT:
                self._conversations.popitem(last=False)
                self._dropped = True

    def _open(self, thread: str, agent: str | None, parent: str | None) -> Conversation:
        try:
            if (found := self._taken_up(thread, agent)) is not None:
                return found
        except Exception as error:  # noqa: BLE001 - the agent must not feel our faults
            self.fault(error)
        self._begin(thread, agent, parent)
        return Conversation(self, self.run, thread, agent, parent)

    def _taken_up(self, thread: str, agent: str | None) -> Conversation | None:
        """A stored conversation of the same thread and host goes on in the run it began in.

        Under other monitors it goes on in this run, with all that was said before.
        """
        watches = self.store.watches
        if self._dropped:
            self.recorder.flush()
        with self.store.reading() as connection:
            left = watches.left(connection, thread, self.host)
            if left is None:
                return None
            messages = watches.messages(connection, left.run, thread)
        same = left.set_hash == self._set
        if not same:
            self._begin(thread, agent, left.parent)
        found = Conversation(self, left.run if same else self.run, thread, agent, left.parent)
        found.restore(messages, left.ordinal, None if same else left.run, left.audits)
        return found

    def _begin(self, thread: str, agent: str | None, parent: str | None) -> None:
        row = {
            "run": self.run, "thread": thread, "host": self.host, "agent": agent,
            "parent": parent, "began": self.clock(),
        }  # fmt: skip
        watches = self.store.watches
        self.recorder.write(lambda c: watches.begin(c, row))


def stored_name(thread: str) -> str:
    """The name under which a conversation is stored."""
    return thread if len(thread) <= LONGEST and "\0" not in thread else digest(thread)


def _telemetry_of(settings: Settings, host: str) -> Telemetry | None:
    """Where decisions are told to; nothing of OpenTelemetry is imported unless it is asked for."""
    if not settings.telemetry:
        return None
    try:
        return import_module("cotmon.watching.telemetry").Telemetry(host)
    except ModuleNotFoundError as error:
        raise UsageError(f"[watch] telemetry: {error}; install cotmon[telemetry]") from error
