"""From a decision to what a host does: run the call, refuse it, or wait for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cotmon.watching import Decision, Watcher

Verdict = Literal["run", "refuse", "ask"]


def unjudged(watcher: Watcher, tool: str) -> Verdict:
    """What is to happen to a call on which there is no decision: watching itself failed.

    What was chosen for failures is no excuse here, also not `on_store_error`: that is in decisions.
    """
    return "refuse" if watcher.settings.tool(tool).mode == "enforce" else "run"


def verdict(watcher: Watcher, decision: Decision) -> Verdict:
    """What is to happen to a call now.

    An approval is spent here, so the same call runs once. Where the store cannot be read, nothing
    that needs an approval runs.
    """
    if not decision.enforced or decision.level in ("allow", "flag"):
        return "run"
    if decision.level == "block":
        return "refuse"
    try:
        state = watcher.state(decision)
        if state == "approved":
            return "run" if watcher.spend(decision) else "refuse"
    except Exception as error:  # noqa: BLE001 - no answer is no approval
        watcher.fault(error)
        return "refuse"
    return "refuse" if state in ("rejected", "spent") else "ask"


def refused(found: Sequence[Verdict]) -> frozenset[int]:
    """Positions of the calls that do not run, of calls in order."""
    return frozenset(k for k, one in enumerate(found) if one != "run")
