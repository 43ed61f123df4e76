"""Control-style evaluation: who was right about whom, how sure we are, and at what cost.

cases = cases_of({"mine": scores}, attack, groups)
found = evaluate(cases, Spec(draws=1000))
"""

from cotmon.evaluate.cases import Cases, StepLine, cases_of
from cotmon.evaluate.collect import Collector
from cotmon.evaluate.evaluation import (
    evaluate,
    first_scorer,
    main_protocol,
    main_scorers,
)
from cotmon.evaluate.labels import Label, dataset_rows, read_labels
from cotmon.evaluate.recorded import Recorded, read_recorded
from cotmon.evaluate.result import Evaluation
from cotmon.evaluate.spec import Spec
from cotmon.evaluate.truth import Truth

__all__ = [
    "Cases",
    "Collector",
    "Evaluation",
    "Label",
    "Recorded",
    "Spec",
    "StepLine",
    "Truth",
    "cases_of",
    "dataset_rows",
    "evaluate",
    "first_scorer",
    "main_protocol",
    "main_scorers",
    "read_labels",
    "read_recorded",
]
