"""What every host must say of itself, and do.

A host is a file in this folder that defines `HOST`. It says what it can see of a living agent and
what it can enforce, so that `watch` and `doctor` never promise more.
"""

from __future__ import annotations

import logging
from typing import Any, Literal, Protocol

import msgspec

from cotmon.plugins import Folder
from cotmon.watching import Settings, Watching

_log = logging.getLogger(__name__)
HOSTS = Folder("cotmon.hosts", "HOST", "host")

Sees = Literal["yes", "no", "depends"]


class HostCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a host can see and enforce.

    Attributes:
        name: of its file.
        title: for people.
        needs: distributions that must be installed; the extra of this name brings them.
        reasoning, text, calls, results: what it shows before anything takes effect.
        pauses: whether a question to a person can hold a call and go on later.
        blocks: whether one call can be refused while the others run.
        survives: whether a pause survives a restart of the process.
        streams: whether words are judged while they are generated.
        again: whether something else can be said in place of a turn (`[watch] protocol`).
        notes: what a user must know, in sentences.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    reasoning: Sees
    text: Sees
    calls: Sees
    results: Sees
    pauses: Sees
    blocks: Sees
    survives: Sees
    streams: Sees
    again: Sees = "no"
    notes: tuple[str, ...] = ()


class Host(Protocol):
    """One kind of living agent.

    Attributes:
        card: what it can see and enforce.
    """

    card: HostCard

    def fits(self, agent: object) -> bool:
        """Whether this is an agent of this host; decided without importing the framework."""
        ...

    def attach(self, agent: Any, watching: Watching) -> Any:
        """The watched agent, to be used in place of the agent.

        Raises:
            UsageError: it cannot be watched as asked; the message says what to do.
        """
        ...


def say_what_is_asked_instead(card: HostCard, settings: Settings) -> None:
    """Logs that a protocol wants of this host what it cannot do."""
    if settings.protocol != "trusted-monitoring" and card.again == "no":
        _log.warning(
            "%s: nothing can be said in place of a turn here: what protocol %r would defer is "
            "asked of a person, or blocked where nobody can be asked", card.name, settings.protocol,
        )  # fmt: skip


def comes_from(agent: object, package: str) -> bool:
    """Whether the type of an object, or one it derives from, is defined in a package."""
    return any(t.__module__.partition(".")[0] == package for t in type(agent).__mro__)
