"""cotmon: a monitor for chains of thought and for cognitive emulations.

The names below are imported when they are first used, so that `import cotmon` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cotmon.formats import read
    from cotmon.hosts import watch
    from cotmon.records import Message, Outcome, Refusal, Step, Transcript
    from cotmon.segmentation import steps_of

_HOMES = {
    "Message": "cotmon.records",
    "Outcome": "cotmon.records",
    "Refusal": "cotmon.records",
    "Step": "cotmon.records",
    "Transcript": "cotmon.records",
    "read": "cotmon.formats",
    "steps_of": "cotmon.segmentation",
    "watch": "cotmon.hosts",
}
__all__ = ["Message", "Outcome", "Refusal", "Step", "Transcript", "read", "steps_of", "watch"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cotmon' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
