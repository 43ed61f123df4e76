"""What Inspect finds of cotmon by its entry point: scorers, the approver, Sentinel's monitors."""

# Inspect has an environment of its own.
# pyright: reportMissingImports=false
from __future__ import annotations

import importlib
from importlib.util import find_spec

from cotmon.hosts._inspect_approver import cotmon_approver
from cotmon.report.inspect_scorers import cue_scorers, verdict_scorer

__all__ = ["cotmon_approver", "cue_scorers", "verdict_scorer"]

if find_spec("inspect_sentinel") is not None:
    importlib.import_module("cotmon.hosts._inspect_sentinel")
