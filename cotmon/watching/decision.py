"""Decisions on living steps: what is to be done, why, and whether it is enforced."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from cotmon.records import elsewhere

Again = Literal["yes", "no", "done"]
"""Whether the host can have a turn said again; `done`: a protocol has chosen this output."""
Act = Literal["defer", "resample"]
"""How something else is said in place of a turn."""
Level = Literal["allow", "flag", "ask", "block"]
LEVELS: tuple[Level, ...] = ("allow", "flag", "ask", "block")
"""From mild to severe."""


class ToolCall(msgspec.Struct, frozen=True):
    """A tool call that has not run yet.

    Attributes:
        id: of the call, unique within its message.
        name: of the tool.
        arguments: exactly what will run: the JSON text as the model wrote it, else canonical.
    """

    id: str
    name: str
    arguments: str

    @property
    def hash(self) -> str:
        """32 hex digits of what will run."""
        text = f"{self.name}\0{self.arguments}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One generation of the agent, before anything of it takes effect.

    Attributes:
        message: the host's own id of it; None where the host has none.
        chat: the same as an OpenAI-style chat message (role, content, reasoning_content,
            tool_calls), which is how it is stored and replayed.
        calls: its tool calls, in order.
        stopped: the host ended it for what it had said so far (see `Glimpse`); that is a block.
        again: whether it could be said again, or was chosen among several.
    """

    message: str | None
    chat: dict[str, object]
    calls: tuple[ToolCall, ...] = ()
    stopped: bool = False
    again: Again = "no"


class Evidence(msgspec.Struct, frozen=True):
    """One score behind a decision, for people; the agent never sees it (promise 5)."""

    monitor: str
    cue: str
    address: str
    value: float | None
    suspicion: float | None
    tail: float | None
    reason: str | None
    quote: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with one tool call, or with a generation that makes none.

    Attributes:
        key: 32 hex digits of run, thread, message, call and the hash of what will run.
        run, thread, message, call, tool, hash: what it is about; call is empty for words.
        step: address of the call, as in `M22.3`; empty for words, and where no step shows it.
        level: the decision.
        enforced: whether the host must act on it; else it is only observed.
        suspicion: the highest of the turn's own scores and the call's; None: nothing scored it.
        evidence: the strongest scores.
        failures: monitor → what went wrong, as far as it bore on the decision.
        because: in words, for people.
        act: with `block`, how something else is said in its place; empty: nothing is.
        latency_ms: from hearing the generation to the decision.
    """

    key: str
    run: str
    thread: str
    message: str
    call: str
    tool: str
    hash: str
    level: Level
    enforced: bool
    suspicion: float | None
    step: str = ""
    evidence: tuple[Evidence, ...] = ()
    failures: dict[str, str] = {}
    because: str = ""
    act: Act | Literal[""] = ""
    latency_ms: float = 0.0

    @property
    def parent(self) -> str | None:
        """The call as the parent of a sub-agent that it starts; see `Message`."""
        return elsewhere(self.thread, self.step) if self.step else None


def decision_key(run: str, thread: str, message: str, call: ToolCall | None) -> str:
    """The name under which a decision, and an approval of it, is kept."""
    what = ("", "") if call is None else (call.id, call.hash)
    text = "\0".join((run, thread, message, *what))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def severest(*levels: Level) -> Level:
    """The most severe of them."""
    return LEVELS[max((LEVELS.index(level) for level in levels), default=0)]
