"""Runs a monitor's own cases through the engine."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from cotmon.content import Case
from cotmon.engine.monitor import Monitor
from cotmon.engine.session import Session
from cotmon.protocols import suspicion
from cotmon.records import LETTER, Call, Message, Scored, Unscored


class CaseResult(NamedTuple):
    """How one case went.

    Attributes:
        value: the judged message's highest score; None where nothing was scored.
        ok: whether it is as the case expects: `flag` reaches the threshold, `quiet` does not,
            `todo` (a known miss) still fails to.
        problem: why not, for a person.
    """

    case: Case
    value: float | None
    suspicion: float | None
    ok: bool
    problem: str | None


def run_case(monitor: Monitor, case: Case) -> CaseResult:
    """Pushes the case's messages; the last one is judged."""
    session = Session([monitor])
    messages = [_message(k, case) for k in range(len(case.messages()))]
    outcomes = [o for message in messages for o in session.push(message)] + session.close()
    judged = [o.outcome for o in outcomes if o.step.message_id == messages[-1].id]
    failed = [o for o in judged if isinstance(o, Unscored)]
    values = [o.value for o in judged if isinstance(o, Scored)]
    value = max(values, default=None)
    if failed:
        return CaseResult(case, value, None, False, f"unscored: {failed[0].reason}")
    top = suspicion(value, monitor.card.threshold) if value is not None else None
    reached = value is not None and value >= monitor.card.threshold
    problem = _problem(case, reached, value)
    return CaseResult(case, value, top, problem is None, problem)


def _problem(case: Case, reached: bool, value: float | None) -> str | None:
    if case.expect == "quiet" and reached:
        return f"must be quiet, scored {value}"
    if case.expect == "flag" and not reached:
        return f"must be flagged, scored {value}"
    if case.expect == "todo" and reached:
        return "is a known miss that now passes: expect flag instead"
    return None


def _message(k: int, case: Case) -> Message:
    """All agent messages of a case in a row share a turn, as one generation does."""
    steps = case.messages()
    turn = 1
    for a, b in itertools.pairwise(steps[: k + 1]):
        turn += a.module != b.module or "observation" in (a.channel, b.channel)
    step = steps[k]
    number = sum(s.channel == step.channel for s in steps[: k + 1])
    call = None
    if step.channel == "action":
        call = Call(name=step.tool or "tool", arguments=step.text, id=f"c{k}")
    module = step.module
    if step.channel == "brief" and module == "agent":
        module = "user"
    if step.channel == "observation" and module == "agent":
        module = f"tool {step.tool or ''}".strip()
    return Message(
        id=f"{turn}.{LETTER[step.channel]}{number}",
        turn=str(turn),
        module=module,
        channel=step.channel,
        text=step.text,
        call=call,
    )
