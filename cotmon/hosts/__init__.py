"""Living agents: one file a host, found by its name.

`watch(agent)` finds the host that fits, attaches the monitors and gives the agent back.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from cotmon.errors import UsageError
from cotmon.hosts._contract import HOSTS, Host, HostCard, say_what_is_asked_instead
from cotmon.watching import read_settings

__all__ = ["HOSTS", "Host", "HostCard", "watch"]

_log = logging.getLogger(__name__)


def watch(agent: Any, config: str | os.PathLike[str] | None = None) -> Any:
    """The agent, watched: every step is scored, every tool call judged before it runs.

    Args:
        agent: of any host; see `cotmon list hosts`.
        config: a `cotmon.toml`; None takes the project's. Without `mode = "enforce"` in it, the
            agent is only observed.

    Raises:
        UsageError: no host fits, or it cannot be watched as asked.
        ContentError: the settings are wrong.
    """
    watching = read_settings(config)
    missing: list[str] = []
    for name in HOSTS.names():
        try:
            host: Host = HOSTS.load(name)
        except ModuleNotFoundError as error:  # its framework may just not be installed
            missing.append(f"; {name} cannot be loaded: {error}")
            continue
        if host.fits(agent):
            if watching.settings.off:
                _log.warning("cotmon is off: this agent is not watched")
                return agent
            say_what_is_asked_instead(host.card, watching.settings)
            return host.attach(agent, watching)
    kind = f"{type(agent).__module__}.{type(agent).__qualname__}"
    hosts = ", ".join(HOSTS.names())
    raise UsageError(f"no host fits a {kind}; hosts are: {hosts}{''.join(missing)}")
