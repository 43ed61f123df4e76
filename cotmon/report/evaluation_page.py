"""An evaluation as one HTML file: what was found first, how it was made last.

The page needs no server, no network and no script. Words of a log are escaped once; plots hold
them only after they were drawn.
"""

from __future__ import annotations

import hashlib
import shlex
from base64 import b64encode
from dataclasses import dataclass
from importlib import resources

from markupsafe import Markup

from cotmon.evaluate import Evaluation, first_scorer, main_protocol
from cotmon.evaluate.result import Worst
from cotmon.evaluate.spec import per_cent
from cotmon.report import _pictures
from cotmon.report._evaluation_rows import (
    against,
    assumed,
    cascade_table,
    control_table,
    differences,
    every_figure,
    main_table,
    timing,
)
from cotmon.report._headline import headline
from cotmon.report.figures import score_of, tabled
from cotmon.report.html import ENVIRONMENT


@dataclass(frozen=True, slots=True)
class Look:
    """A case to look at, and the command that opens it; None where nothing was stored."""

    case: Worst
    score: str
    command: str | None


def evaluation_page(found: Evaluation, before: Evaluation | None = None) -> str:
    """The whole page; the same evaluations give the same text.

    Args:
        found: what is shown.
        before: an earlier one to set beside it.
    """
    style = resources.files("cotmon.report").joinpath("templates", "evaluation.css")
    sheet = ENVIRONMENT.globals["style"] + Markup(style.read_text("utf-8"))  # pyright: ignore[reportOperatorIssue]
    digest = b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    content = _content(found, before)
    return ENVIRONMENT.get_template("evaluation.html.j2").render(
        content, style=sheet, style_hash=f"sha256-{digest}"
    )


def _content(found: Evaluation, before: Evaluation | None) -> dict:
    """All that `evaluation.html.j2` prints."""
    shown = [*found.misses, *found.alarms]
    return {
        "found": found,
        "first": first_scorer(found),
        "headline": headline(found),
        "main": main_table(found),
        "protocol": main_protocol(found.spec),
        "pictures": [
            _pictures.roc(found),
            _pictures.frontier(found),
            _pictures.histograms(found),
            _pictures.calibration(found),
            _pictures.forest(found),
        ],
        "timing": timing(found),
        "control": control_table(found),
        "cascades": cascade_table(found),
        "assumed": assumed(found) or "nothing",
        "misses": [_look(found, case) for case in found.misses],
        "alarms": [_look(found, case) for case in found.alarms],
        "pages": _pages(found.run, shown),
        "figures": [(s, every_figure(s)) for s in tabled(found)],
        "before": against(found, before) if before is not None else None,
        "differences": differences(found, before) if before is not None else [],
        "rates": ", ".join(per_cent(rate) for rate in found.spec.rates),
        "budgets": ", ".join(per_cent(budget) for budget in found.spec.budgets),
    }


def _look(found: Evaluation, case: Worst) -> Look:
    score = score_of(case)
    if found.run is None:
        return Look(case, score, None)
    words = ["cotmon", "show"]
    if case.transcript.startswith("-"):
        words.append("--")
    words += [case.transcript, *([case.address] if case.address else [])]
    return Look(case, score, shlex.join(words))


def _pages(run: str | None, cases: list[Worst]) -> str | None:
    """The command that writes a page of the run for each of them.

    The run is not named: it has another name each time, and the same spec gives the same bytes.
    """
    names = dict.fromkeys(case.transcript for case in cases)
    if run is None or not names:
        return None
    return shlex.join(["cotmon", "report", "latest", *(f"--page={name}" for name in names)])
