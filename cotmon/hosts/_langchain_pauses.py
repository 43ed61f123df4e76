"""Questions and answers in the payload of LangChain's HumanInTheLoopMiddleware."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from cotmon.text.display import escaped
from cotmon.watching import Decision
from cotmon.watching.policy import MARK

_log = logging.getLogger(__name__)


class Asked(NamedTuple):
    """A call that waits for a person, with exactly what would run."""

    decision: Decision
    arguments: str


class Answer(NamedTuple):
    """What a person said about one call."""

    approve: bool
    who: str
    why: str | None


def question(asked: Sequence[Asked]) -> dict[str, Any]:
    """The value of an interrupt: one action request a call, and what may be answered."""
    return {
        "action_requests": [
            {
                "name": one.decision.tool,
                "args": json.loads(one.arguments),
                "description": _described(one.decision),
                "token": one.decision.key,
            }
            for one in asked
        ],
        "review_configs": [
            {"action_name": one.decision.tool, "allowed_decisions": ["approve", "reject"]}
            for one in asked
        ],
    }


def answers(said: object, count: int) -> list[Answer] | None:
    """One answer a call, by position; None where that is not what was said.

    `who` and `message` (why) of a decision are kept where a review screen gives them.
    """
    decisions = said.get("decisions") if isinstance(said, dict) else None
    if not isinstance(decisions, list) or len(decisions) != count:
        return _not_understood(f"{count} decisions were asked for")
    found: list[Answer] = []
    for one in decisions:
        kind = one.get("type") if isinstance(one, dict) else None
        if kind not in ("approve", "reject"):
            return _not_understood(f"a decision is approve or reject, not {kind!r}")
        who, why = one.get("who"), one.get("message")
        found.append(
            Answer(
                kind == "approve",
                who if isinstance(who, str) and who else "unnamed, by the agent's interrupt",
                why if isinstance(why, str) else None,
            )
        )
    return found


def _not_understood(reason: str) -> None:
    _log.warning("an answer to an interrupt was not understood, so it is asked again: %s", reason)


def _described(decision: Decision) -> str:
    """The evidence, for the person who decides; text of the agent is shown escaped."""
    shown = "nothing" if decision.suspicion is None else f"{decision.suspicion:.2f}"
    lines = [f"cotmon asks: {decision.because}. Suspicion {shown}."]
    marked = [one for one in decision.evidence if (one.suspicion or 0) >= MARK]
    for one in marked or decision.evidence[:1]:
        value = "" if one.value is None else f" {one.value:.2f}"
        reason = f": {escaped(one.reason)}" if one.reason else ""
        lines.append(f"- {one.monitor} ({one.cue}){value}{reason} | {escaped(one.quote)}")
    lines += [f"- {name} gave no score: {why}" for name, why in decision.failures.items()]
    return "\n".join(lines)
