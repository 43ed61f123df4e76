"""The monitors for Sentinel: cotmon's suspicion, for Sentinel's own protocols to act on."""

# Inspect has an environment of its own.
# pyright: reportMissingImports=false
from __future__ import annotations

from functools import partial

from anyio.to_thread import run_sync
from inspect_ai.event import ModelEvent
from inspect_ai.log import transcript
from inspect_ai.model import ChatMessageAssistant
from inspect_ai.scorer import Reference
from inspect_sentinel import AfterGenerate, BeforeToolCall, Context, Monitor, Observation, monitor

from cotmon.errors import CotmonError
from cotmon.hosts._inspect_watching import decided, decided_call, thread_of, watcher_of
from cotmon.watching import Decision
from cotmon.watching.policy import MARK

RECENT = 1000
"""Events in which the generation behind a call is looked for."""


class NoScoreError(CotmonError):
    """A monitor gave no score. Sentinel ends the sample for it, or notes it where it observes."""


@monitor(name="monitor", portable=False)
def cotmon_monitor(config: str | None = None) -> Monitor:
    """Suspicion of every call before it runs, with the words and thoughts that led to it.

    Args:
        config: a `cotmon.toml`; None takes the project's. Sentinel's protocol decides what is
            done, not the modes in there.
    """
    watcher = watcher_of(config)

    async def before_tool_call(context: Context, step: BeforeToolCall) -> Observation | None:
        if watcher is None:
            return None
        heard = list(step.history or step.input or [])
        message = _made(step)
        thread = thread_of(step.conversation)
        judge = partial(decided_call, watcher, thread, heard, message, step.call)
        return observation(await run_sync(judge))

    return before_tool_call


@monitor(name="words", portable=False)
def cotmon_words(config: str | None = None) -> Monitor:
    """Suspicion of every generation as it is finished, whether or not it calls anything.

    Args:
        config: a `cotmon.toml`; None takes the project's.
    """
    watcher = watcher_of(config)

    async def after_generate(context: Context, step: AfterGenerate) -> Observation | None:
        if watcher is None or not step.output.choices:
            return None
        heard = list(step.history or step.input)
        thread = thread_of(step.conversation)
        judge = partial(decided, watcher, thread, heard, step.output.message)
        decisions = await run_sync(judge)
        return observation(max(decisions, key=lambda d: d.suspicion or 0.0))

    return after_generate


def _made(step: BeforeToolCall) -> ChatMessageAssistant:
    """The generation that makes the call: a step shows only what was sent before it.

    Raises:
        NoScoreError: it is nowhere; a call cannot be judged without what it came from.
    """
    for event in reversed(transcript().history.recent_events(RECENT)):
        if isinstance(event, ModelEvent) and event.output.choices:
            message = event.output.message
            if message.id == step.message_id:
                return message
    found = next((m for m in step.agent_messages or [] if m.id == step.message_id), None)
    if not isinstance(found, ChatMessageAssistant):
        raise NoScoreError(f"the message {step.message_id} that makes the call is not to be found")
    return found


def observation(decision: Decision) -> Observation | None:
    """What Sentinel hears of a decision; None where no monitor applies.

    Raises:
        NoScoreError: a score is missing, and with it the decision would be graver than without.
    """
    suspicion = decision.suspicion
    grave = decision.level != "allow" and (suspicion or 0.0) < MARK
    if decision.failures and (suspicion is None or grave):
        reasons = "; ".join(f"{name}: {why}" for name, why in decision.failures.items())
        raise NoScoreError(f"not scored: {reasons}")
    if suspicion is None:
        return None
    scores: dict[str, float] = {}
    for found in decision.evidence:
        scores[found.cue] = max(scores.get(found.cue, 0.0), found.suspicion or 0.0)
    lines = [
        f"{e.monitor} ({e.cue}), suspicion {e.suspicion or 0:.2f}: {e.reason or e.quote}"
        for e in decision.evidence
    ]
    cite = Reference(type="message", cite="[M]", id=decision.message)
    return Observation.score(
        {"suspicion": suspicion, **scores}, "\n".join(lines), references=[cite]
    )
