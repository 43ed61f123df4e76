"""How to watch: the `[watch]` table of `cotmon.toml`, and what COTMON_MODE says over it."""

from __future__ import annotations

import logging
import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from cotmon.content import PROJECT_FILE, convert, load_toml, project_file, store_url
from cotmon.errors import UsageError
from cotmon.protocols.protocol import Cut

Mode = Literal["off", "observe", "enforce"]
MODES: tuple[Mode, ...] = ("off", "observe", "enforce")
Protocol = Literal["trusted-monitoring", "defer-to-trusted", "defer-to-resample"]
OnFailure = Literal["allow", "flag", "ask", "block"]
Threshold = Annotated[float, msgspec.Meta(ge=0)]
"""A suspicion from which something is done; above 1 it never is."""
Milliseconds = Annotated[int, msgspec.Meta(ge=1)]
_log = logging.getLogger(__name__)


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a missing score leads to, under enforce only.

    Attributes:
        on_error, on_timeout: for a tool call. None asks a person where the host can pause,
            else blocks; words are flagged.
        timeout_ms: how long the agent waits for this monitor.
    """

    on_error: OnFailure | None = None
    on_timeout: OnFailure | None = None
    timeout_ms: Milliseconds | None = None


class ToolPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[watch.tools."GLOB"]`.

    Attributes:
        mode: of calls of these tools; None takes the mode of `[watch]`.
        ask: suspicion from which a person is asked; None takes that of `[watch]`.
        block: suspicion from which a call is blocked.
    """

    mode: Mode | None = None
    ask: Threshold | None = None
    block: Threshold | None = None

    def asks(self, suspicion: float) -> bool:
        """Whether a call of this suspicion is asked about."""
        return self.ask is not None and Cut(self.ask).reached(suspicion, 0.0)

    def blocks(self, suspicion: float) -> bool:
        """Whether a call of this suspicion is blocked at once."""
        return self.block is not None and Cut(self.block).reached(suspicion, 0.0)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[watch]`.

    Attributes:
        mode: `observe` until a person writes `enforce`.
        set: which monitors.
        monitors: named one by one, in place of the set.
        model: for judges: URL#name.
        ask: suspicion from which a person is asked about a call (trusted monitoring: an audit);
            0.5 is where a step is marked.
        block: suspicion from which a call is blocked at once; above 1: never.
        audits: most questions that one conversation may put to people; past them its calls are
            blocked.
        protocol: what else may happen to a turn that is suspicious and not yet asked about: a
            trusted model speaks in its place, or the same model is asked again.
        defer: suspicion from which it does.
        samples: `defer-to-resample`: how often the model is asked again.
        trusted: `defer-to-trusted`: who speaks: URL#name.
        timeout_ms: how long the agent waits for all monitors together.
        on_store_error: as `Failure.on_error`, when nothing can be written down.
        on_missing_reasoning: when the host shows no reasoning at all.
        refusal: what the agent reads in place of a result that it does not get.
        tools: glob of tool names → policy; the longest glob that fits wins.
        failures: monitor name → what its missing score leads to.
        tool_nodes: nodes of a LangGraph graph that run tools without being a ToolNode.
        telemetry: tells decisions to OpenTelemetry; where to, the OTEL_* variables say.
    """

    mode: Mode = "observe"
    set: str = "default"
    monitors: tuple[str, ...] = ()
    model: str | None = None
    ask: Threshold = 0.5
    block: Threshold = 1.01
    audits: Annotated[int, msgspec.Meta(ge=0)] | None = None
    protocol: Protocol = "trusted-monitoring"
    defer: Threshold = 0.5
    samples: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3
    trusted: str | None = None
    timeout_ms: Milliseconds = 10_000
    on_store_error: OnFailure | None = None
    on_missing_reasoning: Literal["note", "flag", "ask", "block"] = "note"
    refusal: str = "This call was not carried out."
    tools: dict[str, ToolPolicy] = {}
    failures: dict[str, Failure] = {}
    tool_nodes: tuple[str, ...] = ()
    telemetry: bool = False

    def __post_init__(self) -> None:
        if self.protocol == "trusted-monitoring":
            return
        if self.protocol == "defer-to-trusted" and self.trusted is None:
            raise ValueError('protocol "defer-to-trusted" needs trusted = "URL#name"')
        if self.ask <= self.defer:
            raise ValueError(
                f'protocol "{self.protocol}" needs ask ({self.ask}) above defer ({self.defer}): '
                "from ask on a person is asked; above 1 nobody is"
            )

    @property
    def enforces(self) -> bool:
        """Whether calls of any tool are enforced."""
        return "enforce" in {self.mode, *(tool.mode for tool in self.tools.values())}

    @property
    def off(self) -> bool:
        """Whether nothing is watched: an enforced tool is, also where all else is off."""
        return self.mode == "off" and not self.enforces

    def tool(self, name: str) -> ToolPolicy:
        """The policy of a tool, with every gap filled from `[watch]`."""
        fits = [glob for glob in self.tools if fnmatchcase(name, glob)]
        found = self.tools[max(fits, key=len)] if fits else ToolPolicy()
        return ToolPolicy(
            mode=found.mode or self.mode,
            ask=self.ask if found.ask is None else found.ask,
            block=self.block if found.block is None else found.block,
        )


class Watching(msgspec.Struct, frozen=True, kw_only=True):
    """What was read.

    Attributes:
        settings: in force.
        database: URL of the store; None takes the user's own.
        path: the file; None where there is none.
    """

    settings: Settings
    database: str | None
    path: Path | None


def read_settings(config: str | os.PathLike[str] | None = None) -> Watching:
    """The settings of a `cotmon.toml`, else of the project, else the defaults.

    `COTMON_MODE` wins over the mode of the file and of every tool, and says so in the log.

    Raises:
        ContentError: the file is wrong.
        UsageError: COTMON_MODE is no mode.
    """
    path = Path(config) if config is not None else project_file()
    tables: dict[str, Any] = load_toml(path) if path is not None else {}
    settings = convert(tables.get("watch", {}), Settings, path or Path(PROJECT_FILE))
    url = store_url(path, tables) if path is not None else None
    return Watching(settings=_overridden(settings), database=url, path=path)


def _overridden(settings: Settings) -> Settings:
    asked = os.environ.get("COTMON_MODE")
    if not asked:
        return settings
    mode = next((m for m in MODES if m == asked.lower()), None)
    if mode is None:
        raise UsageError(f"COTMON_MODE is {asked!r}; it is one of {', '.join(MODES)}")
    _log.warning("COTMON_MODE=%s overrides the mode of the settings", mode)
    tools = {glob: msgspec.structs.replace(t, mode=None) for glob, t in settings.tools.items()}
    return msgspec.structs.replace(settings, mode=mode, tools=tools)
