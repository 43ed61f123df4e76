"""Inspect: an approver for its agents, monitors for Sentinel, scorers for its logs.

Inspect finds all three by its own entry point; `watch(task)` puts the approver into a task.
"""

# Inspect has an environment of its own.
# pyright: reportMissingImports=false
from __future__ import annotations

from importlib import import_module
from typing import Any

from cotmon.errors import UsageError
from cotmon.hosts._contract import HostCard, comes_from
from cotmon.watching import Watching

_CARD = HostCard(
    name="inspect",
    title="Inspect tasks (approver, Sentinel monitor, scorer)",
    needs=("inspect-ai",),
    reasoning="yes",
    text="depends",
    calls="yes",
    results="yes",
    pauses="yes",
    blocks="yes",
    survives="no",
    streams="no",
    notes=(
        "Inspect asks approvers about calls only: words without a call are judged by Sentinel's "
        "`cotmon/words`, or afterwards by the scorers.",
        "A question holds the sample while its process lives; the answer comes from "
        "`cotmon review --pending`, or from Inspect's display with `human = true`.",
        "An approver ends the chain of a policy when it lets a call run: with others after it, "
        "use `escalate = true`; `cotmon.watch(task)` keeps the approvers that a task has.",
        "Sentinel decides itself what a suspicion leads to: `threshold(…, reject_at = 0.5)`.",
        "An agent that is a tool, or is handed the task under its own prompt, is a conversation of "
        "its own; with the approver, its steps name the call that started it.",
    ),
)


class _Inspect:
    card = _CARD

    def fits(self, agent: object) -> bool:
        """Whether this is a task."""
        return comes_from(agent, "inspect_ai") and type(agent).__name__ == "Task"

    def attach(self, agent: Any, watching: Watching) -> Any:
        """The task, its calls approved by the watch."""
        try:
            module = import_module("cotmon.hosts._inspect_approver")
        except ModuleNotFoundError as error:
            raise UsageError(f"{error}; install cotmon[inspect]") from error
        return module.approved(agent, None if watching.path is None else str(watching.path))


HOST = _Inspect()
