"""The one watch behind Inspect's approver and Sentinel's monitors: same settings, same watch."""

# Inspect has an environment of its own.
# pyright: reportMissingImports=false
from __future__ import annotations

import threading
from typing import Any

import msgspec
from inspect_ai.solver._task_state import sample_state

from cotmon.hosts._contract import say_what_is_asked_instead
from cotmon.hosts._inspect_messages import alone, call_of, heard_of, said_of
from cotmon.hosts.inspect import HOST
from cotmon.watching import Decision, Said, Watcher, Watching, read_settings

_watchers: dict[bytes, Watcher] = {}
_lock = threading.Lock()


def watcher_of(config: str | None) -> Watcher | None:
    """The watch of a `cotmon.toml`; None where it is off.

    Raises:
        ContentError: the settings are wrong.
        UnknownNameError: a monitor does not exist.
    """
    watching: Watching = read_settings(config)
    if watching.settings.off:
        return None
    key = msgspec.json.encode((watching.settings, watching.database, str(watching.path)))
    with _lock:
        if key not in _watchers:
            say_what_is_asked_instead(HOST.card, watching.settings)
            _watchers[key] = Watcher(watching, "inspect", can_pause=True)
        return _watchers[key]


def thread_of(agent: str) -> str:
    """Names the conversation of one agent in the sample that is running here.

    Args:
        agent: what tells the sub-agents of a sample apart.
    """
    state = sample_state()
    return f"{state.uuid if state is not None else 'no sample'}/{agent}"


def decided(
    watcher: Watcher, thread: str, messages: list[Any], message: Any, parent: str | None = None
) -> list[Decision]:
    """Hears what came before a message, and judges it: the same decisions however often.

    Args:
        watcher, thread, messages, message: what is judged, and where.
        parent: the call that started the agent, where it is known; see `Watcher.conversation`.
    """
    conversation = watcher.conversation(thread, parent=parent)
    known = next((k for k, m in enumerate(messages) if m.id == message.id), len(messages))
    conversation.hear(heard_of(messages[:known]))
    return list(conversation.judge(said_of(message)))


def decided_call(
    watcher: Watcher, thread: str, messages: list[Any], message: Any, call: Any,
    parent: str | None = None,
) -> Decision:  # fmt: skip
    """The decision on one call, exactly as it will run.

    All calls of the message are judged with the first of them. A call that was changed since the
    model wrote it (another approver, a tool that spells arguments its own way) is judged anew.
    """
    wanted = call_of(call)
    for decision in decided(watcher, thread, messages, message, parent):
        if (decision.call, decision.hash) == (wanted.id, wanted.hash):
            return decision
    changed: Said = alone(message.id, call)
    return watcher.conversation(thread).judge(changed)[0]
