"""Fires a canary through an installed host, to see that it holds what its card promises.

A host's canary is an agent of the real framework with a fake model, which asks for two calls in one
turn: `canary_allowed` and `canary_blocked`. It is run unwatched, observed and enforced, the last
two under a rule that objects to the second call; a process of its own keeps it from the project's
settings, from the store and from the network.

A host's canary is the function `canary` of `cotmon.hosts._canary_NAME`, or of the `HOST` of a
stranger: it takes the settings (None: unwatched) and runs the agent to its end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import msgspec

from cotmon.hosts._contract import HOSTS
from cotmon.watching import Watching, read_settings

ALLOWED, BLOCKED = "canary_allowed", "canary_blocked"
SONG = "yellow canary"
"""What the rule objects to; it stands in the arguments of the second call."""
CALLS = ((ALLOWED, '{"text": "quiet"}'), (BLOCKED, f'{{"text": "{SONG}"}}'))
REASON = "Both are asked for, so I call both."
SECONDS = 120.0
_MONITOR = """kind = "rules"
summary = "objects to the canary"
misses = "everything else"
cues = ["scheming"]
view = "step"
channels = ["action"]
[threshold]
value = 0.5
"""
_RULES = f"""[[rule]]
name = "canary"
detector = "phrases"
[[rule.parameters.group]]
reason = "it is the canary"
value = 0.9
own = false
guards = []
phrases = ["{SONG}"]
"""
_SETTINGS = """[store]
url = "sqlite:///{mode}.db"
[watch]
mode = "{mode}"
monitors = ["scheming/canary"]
block = 0.5
"""
_FOREIGN = ("COTMON_", "LANGSMITH_", "LANGCHAIN_", "OTEL_", "OPENAI_", "INSPECT_")


class CanaryResult(msgspec.Struct, frozen=True):
    """What an agent did.

    Attributes:
        ran: names of the tools that really ran, in order.
        told: all that its model was told, as text; observing must not change it.
        shown: what was seen by who watched its tokens, if the host has such viewers.
    """

    ran: tuple[str, ...]
    told: tuple[str, ...]
    shown: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """One thing that must hold, and whether it does."""

    holds: bool
    what: str


class NoCanaryError(Exception):
    """The canary could not be run; the message says why."""


Canary = Callable[[Watching | None], CanaryResult]


def fire(name: str) -> list[Finding]:
    """What holds of an installed host.

    Raises:
        NoCanaryError: it could not be run.
        UnknownNameError: there is no such host.
    """
    if find_spec(_own(name)) is None and not hasattr(HOSTS.load(name), "canary"):
        raise NoCanaryError(f"the host {name} brings no canary")
    with tempfile.TemporaryDirectory(prefix="cotmon-canary-", ignore_cleanup_errors=True) as folder:
        _prepare(Path(folder))
        found = _results(name, folder)
    return list(_judged(*found))


def _own(name: str) -> str:
    return f"cotmon.hosts._canary_{name}"


def _prepare(folder: Path) -> None:
    monitor = folder / "monitors" / "scheming" / "canary"
    monitor.mkdir(parents=True)
    (monitor / "monitor.toml").write_text(_MONITOR)
    (monitor / "rules.toml").write_text(_RULES)
    for mode in ("observe", "enforce"):
        (folder / f"{mode}.toml").write_text(_SETTINGS.format(mode=mode))


def _results(name: str, folder: str) -> tuple[CanaryResult, CanaryResult, CanaryResult]:
    """What the agent did unwatched, observed and enforced, in a process of its own."""
    kept = {
        k: v for k, v in os.environ.items()
        if not k.startswith(_FOREIGN) and not k.lower().endswith("_proxy")
    }  # fmt: skip
    here = {"COTMON_CONTENT": folder, "XDG_DATA_HOME": folder}
    command = [sys.executable, "-P", "-m", __spec__.name if __spec__ else __name__, name]
    try:
        done = subprocess.run(
            command, cwd=folder, env=kept | here, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise NoCanaryError(f"it did not end in {SECONDS:.0f} seconds") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise NoCanaryError(said[-1])
    return msgspec.json.decode(
        (Path(folder) / "results.json").read_bytes(),
        type=tuple[CanaryResult, CanaryResult, CanaryResult],
    )


def _judged(
    bare: CanaryResult, observed: CanaryResult, enforced: CanaryResult
) -> Iterator[Finding]:
    if sorted(set(bare.ran)) != [ALLOWED, BLOCKED]:
        raise NoCanaryError(f"unwatched, the agent ran {_listed(bare.ran)}: it shows nothing")
    same = observed == bare
    yield Finding(same, "observing changes nothing" if same else _changed(bare, observed))
    held = BLOCKED not in enforced.ran
    yield Finding(held, "the blocked tool did not run" if held else "the blocked tool RAN")
    if bare.shown:
        hidden = not any(BLOCKED in text for text in enforced.shown)
        said = "the blocked call was not shown" if hidden else "the blocked call was SHOWN"
        yield Finding(hidden, said)
    wanted = tuple(name for name in bare.ran if name != BLOCKED)
    ran = tuple(name for name in enforced.ran if name != BLOCKED) == wanted
    said = f"the allowed tool ran {enforced.ran.count(ALLOWED)} of {len(wanted)} times"
    yield Finding(ran, "the allowed tool ran" if ran else said)
    quiet = not any("scheming" in text or "it is the canary" in text for text in enforced.told)
    yield Finding(quiet, "the agent is not told why" if quiet else "the agent is told why")


def _changed(bare: CanaryResult, observed: CanaryResult) -> str:
    if bare.ran != observed.ran:
        return f"observing changes what runs: {_listed(observed.ran)}, not {_listed(bare.ran)}"
    return "observing changes what the model is told"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"


def _child(name: str) -> None:
    """Runs the canary three times; what the framework prints is not our answer."""
    own = _own(name)
    place = import_module(own) if find_spec(own) is not None else HOSTS.load(name)
    canary: Canary = place.canary
    found = (
        canary(None), canary(read_settings("observe.toml")), canary(read_settings("enforce.toml"))
    )  # fmt: skip
    Path("results.json").write_bytes(msgspec.json.encode(found))


if __name__ == "__main__":
    _child(sys.argv[1])
