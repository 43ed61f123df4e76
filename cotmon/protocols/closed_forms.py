"""How long an attacker gets away with it, in formulas.

Rates are for one attempt: `caught`, a person is asked and finds it; `landed`, it runs and works;
else it goes by without effect and the attacker may try again. A catch ends the deployment.
"""

from __future__ import annotations

import math
from collections.abc import Iterable


def repeated_attempts(caught: float, landed: float, attempts: float = math.inf) -> float:
    """The chance that an attack lands in up to m attempts: s/(c+s) · [1 − (1−c−s)^m].

    Geometric sum over attempts that neither are caught nor land; one minus it is safety.
    """
    ends = caught + landed
    if ends == 0:
        return 0.0
    return landed / ends * (1 - _none_of(ends, attempts))


def phased_attempts(phases: Iterable[tuple[float, float, float]]) -> float:
    """`repeated_attempts` through phases of (attempts, caught, landed), one after another."""
    lost, open_still = 0.0, 1.0
    for attempts, caught, landed in phases:
        lost += open_still * repeated_attempts(caught, landed, attempts)
        open_still *= _none_of(caught + landed, attempts)
    return lost


def _none_of(chance: float, times: float) -> float:
    return (1 - chance) ** times if chance < 1 else float(times == 0)
