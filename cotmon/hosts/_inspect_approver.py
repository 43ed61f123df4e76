"""The approver: a call of an Inspect agent runs only if the watch lets it."""

# Inspect has an environment of its own.
# pyright: reportMissingImports=false
from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
from anyio.to_thread import run_sync
from inspect_ai import Task, task_with
from inspect_ai.approval import (
    Approval,
    ApprovalPolicy,
    Approver,
    approver,
    auto_approver,
    human_approver,
)
from inspect_ai.model import ChatMessage, ChatMessageAssistant
from inspect_ai.tool import ToolCall, ToolCallView

from cotmon.errors import CotmonError
from cotmon.hosts._gate import unjudged, verdict
from cotmon.hosts._inspect_messages import call_of
from cotmon.hosts._inspect_watching import decided_call, thread_of, watcher_of
from cotmon.watching import Decision, Watcher

POLL = 0.5
"""Seconds between two looks for a person's answer."""
_within: ContextVar[str | None] = ContextVar("cotmon_inspect_within", default=None)
"""The call that runs here, as the parent of agents that it starts: Inspect runs each call in a task
of its own, and its approvers in the same one."""


@approver(name="approver")
def cotmon_approver(
    config: str | None = None,
    human: bool = False,
    escalate: bool = False,
    inner: Approver | None = None,
) -> Approver:
    """Judges every call before it runs; `inspect eval … --approval cotmon/approver`.

    A question to a person holds the sample until `cotmon review --pending` answers it.

    Args:
        config: a `cotmon.toml`; None takes the project's.
        human: asks in Inspect's own display instead, and writes the answer down.
        escalate: hands what may run on to the next approver of the policy, which must be there.
        inner: another approver that is asked first; what it lets through is judged.
    """
    watcher = watcher_of(config)
    asked = human_approver(["approve", "reject", "terminate"]) if human else None
    passed = Approval(decision="escalate" if escalate else "approve")

    async def approve(
        message: str, call: ToolCall, view: ToolCallView, history: list[ChatMessage]
    ) -> Approval:
        found = await inner(message, call, view, history) if inner is not None else passed
        if watcher is None or found.decision not in ("approve", "modify", passed.decision):
            return found
        call = found.modified or call
        try:
            decision = await _decision(watcher, call, history)
        except Exception as error:  # noqa: BLE001 - the sample must not end for our faults
            watcher.fault(error)
            runs = unjudged(watcher, call.function) == "run"
            return found if runs else _refusal(watcher)
        said = partial(asked, message, call, view, history) if asked is not None else None
        if (stopped := await _acted(watcher, decision, call, said)) is not None:
            return stopped
        _within.set(decision.parent)
        return found

    return approve


def approved(task: Task, config: str | None) -> Task:
    """The task, its calls judged; approvers that it has are asked first, as they were."""
    had = task.approval or [ApprovalPolicy(auto_approver(), "*")]
    policies = [
        ApprovalPolicy(cotmon_approver(config, inner=policy.approver), policy.tools)
        for policy in had
    ]
    return task_with(task, approval=policies)


def _refusal(watcher: Watcher) -> Approval:
    """The agent reads these words as its tool's error, and nothing else."""
    return Approval(decision="reject", explanation=watcher.settings.refusal)


async def _decision(watcher: Watcher, call: ToolCall, history: list[ChatMessage]) -> Decision:
    message = next((m for m in reversed(history) if _makes(m, call)), None)
    if message is None:
        raise CotmonError(f"no message of the history makes the call {call.id!r}")
    thread = thread_of(history[0].id or "")  # a sub-agent's history begins otherwise
    judge = partial(decided_call, watcher, thread, history, message, call, _within.get())
    return await run_sync(judge)


def _makes(message: ChatMessage, call: ToolCall) -> bool:
    if not isinstance(message, ChatMessageAssistant):
        return False
    return any(made.id == call.id for made in message.tool_calls or ())


async def _acted(
    watcher: Watcher, decision: Decision, call: ToolCall, asked: Any
) -> Approval | None:
    """What the gate makes of a decision; None lets the call run."""
    found = await run_sync(verdict, watcher, decision)
    if found == "ask":
        try:
            await run_sync(watcher.ask, decision, call_of(call).arguments)
        except Exception as error:  # noqa: BLE001 - what cannot be asked is refused
            watcher.fault(error)
            return _refusal(watcher)
        if asked is not None and (ended := await _answer(watcher, decision, asked)) is not None:
            return ended
    while found == "ask":
        found = await run_sync(verdict, watcher, decision)
        if found == "ask":
            await anyio.sleep(POLL)
    return None if found == "run" else _refusal(watcher)


async def _answer(watcher: Watcher, decision: Decision, asked: Any) -> Approval | None:
    """Asks in Inspect's own display and writes the answer down; an Approval is the last word."""
    answer = await asked()
    note = partial(
        watcher.answer, decision.key, approve=answer.decision == "approve",
        who="Inspect's display", why=answer.explanation,
    )  # fmt: skip
    try:
        await run_sync(note)
    except Exception as error:  # noqa: BLE001 - what is not written down is not approved
        watcher.fault(error)
        return answer if answer.decision == "terminate" else _refusal(watcher)
    return answer if answer.decision == "terminate" else None
