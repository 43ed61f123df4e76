"""What there is to decide on in a generation: its calls, with the scores that bear on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cotmon.engine import StepOutcome
from cotmon.records import Message, Step
from cotmon.watching.decision import ToolCall
from cotmon.watching.policy import OURS, Pairs


class Case(NamedTuple):
    """One call, or the words where nothing is called.

    Attributes:
        call: None for words.
        step: address of the call; empty for words, and where no step shows it.
        scores: that bear on it.
        lost: what else went wrong; see `Policy.decide`.
    """

    call: ToolCall | None
    step: str
    scores: Pairs
    lost: dict[str, str]


def cases_of(
    calls: Sequence[ToolCall],
    messages: Sequence[Message],
    steps: Sequence[Step],
    scores: Pairs,
    lost: Mapping[str, str],
) -> list[Case]:
    """The cases of one generation, in the order of its calls.

    A call that no step shows was seen by no monitor, and that counts as a failure.

    Args:
        calls: what it calls.
        messages, steps: what became of it in the transcript.
        scores: of all of it.
        lost: what went wrong for all of it.
    """
    words = [pair for pair in scores if _is_of_all(pair[0])]
    if not calls:
        return [Case(None, "", words, dict(lost))]
    addresses = {step.message_id: step.address for step in reversed(steps)}
    acts = [pair for pair in scores if not _is_of_all(pair[0])]
    found: list[Case] = []
    for call, place in zip(calls, _places(calls, messages), strict=True):
        unseen = {OURS: "no monitor was shown this call"} if place is None else {}
        own = [pair for pair in acts if pair[0].step.message_id == place]
        step = addresses.get(place or "", "")
        found.append(Case(call, step, [*words, *own], {**unseen, **lost}))
    return found


def _is_of_all(found: StepOutcome) -> bool:
    """Whether a score bears on every call of the turn: it is of the words, or of the whole turn."""
    return found.step.channel != "action" or found.monitor.whole_turn


def _places(calls: Sequence[ToolCall], messages: Sequence[Message]) -> list[str | None]:
    """The action message of every call, by id, else in order; each serves one call."""
    left = [m for m in messages if m.channel == "action" and m.call is not None]
    found: list[str | None] = []
    for call in calls:
        same = next(
            (m for m in left if m.call is not None and m.call.id in (call.id, None)), None
        )  # fmt: skip
        if same is not None:
            left.remove(same)
        found.append(None if same is None else same.id)
    return found
