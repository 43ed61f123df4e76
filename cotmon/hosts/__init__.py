"""Living agents: one file a host, found by its name.

`watch(agent)` finds the host that fits, attaches the monitors and gives the agent back.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from cotmon.errors import UsageError
from cotmon.hosts._contract import HOSTS, Host, HostCard
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
    for name in HOSTS.names():
        host = _loaded(name)
        if host is not None and host.fits(agent):
            if watching.settings.mode == "off":
                _log.warning("cotmon is off: this agent is not watched")
                return agent
            return host.attach(agent, watching)
    kind = f"{type(agent).__module__}.{type(agent).__qualname__}"
    raise UsageError(f"no host fits a {kind}; hosts are: {', '.join(HOSTS.names())}")


def _loaded(name: str) -> Host | None:
    """A host; None where its framework is not installed, so that no agent of it can be here."""
    try:
        return HOSTS.load(name)
    except ModuleNotFoundError as error:
        _log.debug("host %s is passed over: %s", name, error)
        return None
