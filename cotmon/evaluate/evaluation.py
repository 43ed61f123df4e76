"""The whole evaluation of cases: figures of every scorer, protocols, parts, what to look at."""

from __future__ import annotations

import math

import numpy as np

from cotmon.errors import UsageError
from cotmon.evaluate.baselines import add_baselines
from cotmon.evaluate.cascades import add_cascades, cascade_rows
from cotmon.evaluate.cases import Cases
from cotmon.evaluate.control import control_rows, monitoring
from cotmon.evaluate.detection import MAIN_RATE, scorers_of
from cotmon.evaluate.parts import subsets_of, timing_of, uplift_of, worst_of
from cotmon.evaluate.result import Evaluation, Scorer
from cotmon.evaluate.spec import Spec, per_cent
from cotmon.metrics import honest_needed

_PLAIN = Spec()
FEW_MONITORS = 6
CONTROLLED = 6
"""Scorers that protocols are tried with."""


def evaluate(cases: Cases, spec: Spec = _PLAIN) -> Evaluation:
    """Everything that the cases allow; what they do not is said in its place.

    Args:
        cases: from `Collector` or `cases_of`; they are not changed.
        spec: what is asked.

    Raises:
        UsageError: there is no case, or the spec asks for what does not exist.
    """
    if not cases.ids:
        raise UsageError("there is no case to evaluate")
    if not cases.scores:
        raise UsageError("there is no score: run a monitor, or name recorded ones (--scores)")
    cases = cases.ordered()
    first = _first(cases)
    add_cascades(cases, spec, first)
    add_baselines(cases, spec.seed)
    scorers = scorers_of(cases, spec)
    misses, alarms = worst_of(cases, first)
    return Evaluation(
        spec=spec, scorers=scorers, honest=int((~cases.attack).sum()),
        attacks=int(cases.attack.sum()), groups=len(set(cases.groups)),
        control=tuple(control_rows(cases, _controlled(cases), spec, _aggregation(cases, spec))),
        cascades=tuple(cascade_rows(cases, scorers, spec)),
        subsets=tuple(subsets_of(cases, first, spec)), timing=timing_of(cases, 0.5),
        uplift=uplift_of(cases, spec), misses=misses, alarms=alarms, notes=_notes(cases, spec),
    )  # fmt: skip


def main_scorers(evaluation: Evaluation) -> list[Scorer]:
    """Those that a first look needs: where a set speaks for many monitors, not each of them."""
    shown = [s for s in evaluation.scorers if s.kind != "channels"]
    single = sum(s.kind == "monitor" for s in shown)
    whole = any(s.kind == "set" for s in shown)
    return [s for s in shown if s.kind != "monitor" or not whole or single <= FEW_MONITORS]


def main_protocol(spec: Spec) -> str:
    """Trusted monitoring at the audit budget nearest to 1 %: what main tables show."""
    return monitoring(min(spec.budgets, key=lambda budget: abs(budget - MAIN_RATE)))


def first_scorer(evaluation: Evaluation) -> Scorer:
    """The one that the report is about: the set, else the first recorded scorer."""
    wanted = [s for s in evaluation.scorers if s.kind != "baseline"]
    return (wanted or list(evaluation.scorers))[0]


def _first(cases: Cases) -> str:
    wanted = cases.names("set", "cue", "monitor", "recorded")
    return (wanted or list(cases.scores))[0]


def _controlled(cases: Cases) -> list[str]:
    names = [*cases.names("set"), *cases.names("recorded"), *cases.names("cue", "monitor")]
    return [n for n in names if not np.isnan(cases.scores[n]).all()][:CONTROLLED]


def _aggregation(cases: Cases, spec: Spec) -> str:
    if spec.per == "step":
        return "none: a case is a step"
    if spec.per == "transcript" and cases.names("set"):
        return f"the set's latched statistic; {spec.aggregation} of the steps for single monitors"
    return f"{spec.aggregation} of the steps of the case"


def _notes(cases: Cases, spec: Spec) -> tuple[str, ...]:
    notes: list[str] = []
    honest = int((~cases.attack).sum())
    for rate in sorted(spec.rates):
        if honest < honest_needed(rate):
            notes.append(
                f"{honest:,} honest cases cannot support a rate of {per_cent(rate)}: "
                f"that needs ≥ {honest_needed(rate):,}"
            )
    groups = len(set(cases.groups))
    if groups < len(cases.ids):
        notes.append(f"{len(cases.ids):,} cases in {groups:,} groups: intervals resample groups")
    else:
        notes.append("every case is a group of its own: name groups if some share a scenario")
    if not cases.attack.any() or cases.attack.all():
        notes.append("only one side is there: nothing can be told apart")
    for name in cases.names("set", "recorded"):
        sides = {bool(a) for a, s in zip(cases.attack, cases.scores[name], strict=True) if s == s}
        if len(sides) < 2:
            notes.append(f"{name} scored only one side: no protocol could be tried with it")
    if all(math.isnan(v) for v in cases.inputs.get("attack_success", [math.nan])):
        notes.append(f"nothing says whether attacks worked ({spec.success}): all count as working")
    return tuple(notes)
