"""What protocols are worth, in formulas: to check simulations against and to reason with.

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


def upfront_auditing(audited: float, rest: float, rate: float, works: float) -> float:
    """The chance that an attack lands under upfront auditing: (1−p)^A · [1 − (1−qp)^B].

    Greenblatt et al. 2312.06942 §2: A cases audited first, B run, attempt rate p, success q.
    """
    return phased_attempts([(audited, rate, 0.0), (rest, 0.0, works * rate)])


def best_attack_rate(audited: float, rest: float, works: float) -> float:
    """The attacker's best p under upfront auditing, about ln(1 + qB/A) / (qB), at most 1.

    The maximum of exp(−Ap) · [1 − exp(−qBp)], to which the exact chance tends for small p.
    """
    landing = works * rest
    if landing == 0:
        return 0.0
    return 1.0 if audited == 0 else min(1.0, math.log1p(landing / audited) / landing)


def trusted_monitoring_rates(
    flagged: float, detected: float, missed_works: float
) -> tuple[float, float]:
    """(caught, landed) of an attempt: TPR · P(audit detects), (1 − TPR) · P(a missed one works).

    2312.06942 §2. `flagged` is the true positive rate at the audit threshold.
    """
    return flagged * detected, (1 - flagged) * missed_works


def band_landed(below: float, banded: float, works: float, band_works: float = 0.0) -> float:
    """The chance that an attempt lands with a band below the audits: P(s<t_d)·r + P(band)·r_band.

    2312.06942 §2. `band_works` is 0 for deferral, where the attack does not run at all.
    """
    return below * works + banded * band_works


def band_usefulness(
    below: float, banded: float, success: float, band_success: float, audited_success: float
) -> float:
    """F0(t_d)·u_U + [F0(t_a) − F0(t_d)]·u_band + (1 − F0(t_a))·u_audited (2312.06942 §2).

    `below` and `banded` are shares of honest cases; the rest is audited.
    """
    audited = 1 - below - banded
    return below * success + banded * band_success + audited * audited_success


def rescaled_usefulness(success: float, trusted: float, untrusted: float) -> float:
    """Success on the scale where the trusted model alone is 0 and the untrusted alone is 1."""
    return (success - trusted) / (untrusted - trusted)


def resampled_attack(attack_rate: float, samples: int) -> float:
    """a^k: an attack runs only if all k outputs attack, where the monitor ranks attacks last."""
    return attack_rate**samples


def _none_of(chance: float, times: float) -> float:
    return (1 - chance) ** times if chance < 1 else float(times == 0)
