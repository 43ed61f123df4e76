"""Benign references: how rare a score is among honest agents, and what follows for thresholds.

`reference` answers "how rare", `fit` builds references from honest runs and divides a set's budget,
`files` keeps them, `check` asks whether another source keeps the rate. The last of these and `fit`
are imported by name: what only judges need not load statistics.
"""

from cotmon.calibration.files import (
    Calibrated,
    MonitorReference,
    SetReference,
    binding,
    find_calibration,
    write_monitor_reference,
    write_set_reference,
)
from cotmon.calibration.reference import (
    DIGITS,
    UNCALIBRATED,
    Calibration,
    CueReference,
    Curve,
    Stratum,
    Tails,
    tails_of,
)

__all__ = [
    "DIGITS",
    "UNCALIBRATED",
    "Calibrated",
    "Calibration",
    "CueReference",
    "Curve",
    "MonitorReference",
    "SetReference",
    "Stratum",
    "Tails",
    "binding",
    "find_calibration",
    "tails_of",
    "write_monitor_reference",
    "write_set_reference",
]
