"""From scores to decisions: thresholds, budgets, and what a missing score leads to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from cotmon.engine import StepOutcome
from cotmon.protocols.protocol import Cut, Move, State
from cotmon.protocols.trusted_monitoring import TrustedMonitoring
from cotmon.records import Score
from cotmon.watching.again import WHO, Outputs, act_of, deferral
from cotmon.watching.decision import (
    Again,
    Decision,
    Evidence,
    Level,
    ToolCall,
    decision_key,
    severest,
)
from cotmon.watching.settings import OnFailure, ToolPolicy

if TYPE_CHECKING:
    from cotmon.watching.watcher import Watcher

Pairs = Sequence[tuple[StepOutcome, Score]]
OURS = "cotmon"
"""Stands for watching itself among the monitors that failed."""
STORE = "store"
"""Stands for the database among them."""
MARK = 0.5
"""Suspicion from which a step is marked."""
EVIDENCE = 3
"""Scores that a decision names."""
QUOTE = 300


@dataclass(frozen=True)
class About:
    """What a decision is about.

    Attributes:
        run, thread, message, call, step: see `Decision`.
        reasoned: whether the host has shown any reasoning so far.
        began: on the monotonic clock, when the generation was handed over.
        again: whether the host can have the turn said again.
        instead: why something else is said in its place.
    """

    run: str
    thread: str
    message: str
    call: ToolCall | None
    reasoned: bool
    began: float
    again: Again
    instead: Move | None = None
    step: str = ""


class Policy:
    """The decisions of one conversation.

    Args:
        watcher: for its settings, and whether its host can pause.
        audits: questions that were put to people before.
    """

    def __init__(self, watcher: Watcher, audits: int = 0) -> None:
        self._watcher = watcher
        self._state = State(audits=audits)

    def decide(self, about: About, found: Pairs, lost: dict[str, str]) -> Decision:
        """The decision on one call, or on words.

        Args:
            about: what it is about.
            found: scores of the turn and of the call.
            lost: what else went wrong, by `OURS` or `STORE`; it counts as missing scores do.
        """
        failures = {s.monitor: s.reason or "" for _, s in found if s.status == "unscored"} | lost
        numbers = [(o, s) for o, s in found if s.suspicion is not None]
        numbers.sort(key=lambda pair: (-(pair[1].suspicion or 0), -(pair[1].value or 0)))
        suspicion = numbers[0][1].suspicion if numbers else None
        call, policy = about.call, self._of(about.call)
        level, move = self._level(about, policy, suspicion or 0.0)
        reasons = [move.because] if level != "allow" else []
        for name, reason in failures.items():
            level = severest(level, self._on_failure(name, reason, call))
            reasons.append(_failure_in_words(name))
        if call is not None and not about.reasoned:
            on = self._watcher.settings.on_missing_reasoning
            level = severest(level, "allow" if on == "note" else self._possible(on))
            reasons.append("the host shows no reasoning")
        return Decision(
            key=decision_key(about.run, about.thread, about.message, call), run=about.run,
            thread=about.thread, message=about.message, call=call.id if call else "",
            tool=call.name if call else "", hash=call.hash if call else "", level=level,
            enforced=policy.mode == "enforce" or about.instead is not None, suspicion=suspicion,
            step=about.step,
            evidence=tuple(_evidence(o, s) for o, s in numbers[:EVIDENCE]), failures=failures,
            because="; ".join(reasons), act=(act_of(move) or "") if level == "block" else "",
            latency_ms=round((time.monotonic() - about.began) * 1000, 3),
        )  # fmt: skip

    def again(self, outputs: Outputs, weighed: Sequence[tuple[str, float | None]]) -> Move | None:
        """What the protocol wants of a turn; None where it has no say in it.

        Args:
            outputs: of the turn so far; this one is noted in it.
            weighed: tool and suspicion of every call; of a turn without calls, of its words.
        """
        settings = self._watcher.settings
        enforced = [(name, s) for name, s in weighed if settings.tool(name).mode == "enforce"]
        first = outputs.heard == 0
        if first and not enforced:
            return None
        tool, worst = max(enforced or weighed, key=lambda one: one[1] or 0.0)
        if first and settings.tool(tool).blocks(worst or 0.0):
            return None
        if first:
            worst = worst or 0.0  # what a missing score leads to is not for the protocol to say
        return outputs.move(deferral(settings, tool), worst)

    def now(self, stored: Decision) -> Decision:
        """A decision of an earlier process, enforced where calls of that tool are enforced now."""
        if not stored.call:
            return stored
        enforced = self._watcher.settings.tool(stored.tool).mode == "enforce"
        return msgspec.structs.replace(stored, enforced=enforced)

    def unwritten(self, decision: Decision, error: BaseException) -> Decision:
        """The same decision, where it could not be written down."""
        level = self._on_failure(STORE, "", ToolCall(decision.call, decision.tool, ""))
        return msgspec.structs.replace(
            decision, level=severest(decision.level, level),
            failures=decision.failures | {STORE: str(error)},
            because="; ".join(filter(None, (decision.because, _failure_in_words(STORE)))),
        )  # fmt: skip

    def _of(self, call: ToolCall | None) -> ToolPolicy:
        settings = self._watcher.settings
        return ToolPolicy(mode=settings.mode) if call is None else settings.tool(call.name)

    def _level(self, about: About, policy: ToolPolicy, suspicion: float) -> tuple[Level, Move]:
        """Trusted monitoring on the turn's highest suspicion; words are flagged at most."""
        if about.instead is not None:
            return "block", about.instead
        marked: Level = "flag" if suspicion >= MARK else "allow"
        let = Move("allow", "reaches the threshold")
        if about.call is None or policy.ask is None:
            return marked, let
        if policy.blocks(suspicion):
            return "block", Move("stop", "reaches the threshold for blocking")
        settings = self._watcher.settings
        protocol = None if about.again == "done" else deferral(settings, about.call.name)
        cut = Cut(policy.ask)
        if protocol is not None and about.again == "no":  # what would be said again is asked about
            cut = Cut(min(policy.ask, settings.defer))
        self._state, move = TrustedMonitoring(cut, settings.audits).step(
            self._state, suspicion, 0.0
        )
        if move.act == "audit":
            return self._possible("ask"), move
        if move.act == "stop":
            return "block", move
        if protocol is not None:
            _, move = protocol.step(State(), suspicion, 0.0)
            if act_of(move) is not None:
                return "block", said_again(move)
        return marked, let

    def _on_failure(self, name: str, reason: str, call: ToolCall | None) -> Level:
        """What was chosen for it, else: ask a person. Of words nothing more than a flag is made."""
        if call is None:
            return "flag"
        settings = self._watcher.settings
        if name == STORE:  # a question that cannot be written down cannot be asked
            chosen = settings.on_store_error
            return chosen if chosen in ("allow", "flag") else "block"
        on = settings.failures.get(name)
        chosen = (on.on_timeout if "timeout" in reason else on.on_error) if on else None
        return self._possible(chosen or "ask")

    def _possible(self, level: OnFailure) -> Level:
        """What is asked of a person is blocked where the host cannot pause."""
        return "block" if level == "ask" and not self._watcher.can_pause else level


def suspicion_of(found: Pairs) -> float | None:
    """The highest of these scores; None where there is none."""
    return max((s.suspicion for _, s in found if s.suspicion is not None), default=None)


def stopped(found: Decision) -> Decision:
    """The decision on words that were ended because every call would have been blocked."""
    because = "ended while it was generated: every call that it could make would be blocked"
    return msgspec.structs.replace(found, level="block", enforced=True, because=because)


def said_again(move: Move) -> Move:
    """The same, with what happens in words; as it is where nothing is said again."""
    act = act_of(move)
    return move if act is None else replace(move, because=f"{move.because}; {WHO[act]}")


def _failure_in_words(name: str) -> str:
    if name == STORE:
        return "it could not be written down"
    return "watching failed" if name == OURS else f"{name} gave no score"


def _evidence(found: StepOutcome, score: Score) -> Evidence:
    return Evidence(
        monitor=score.monitor, cue=score.cue, address=found.step.address, value=score.value,
        suspicion=score.suspicion, tail=score.tail, reason=score.reason,
        quote=found.step.text[:QUOTE],
    )  # fmt: skip
