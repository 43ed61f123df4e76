"""The first thing read: what was found in one sentence, and what cannot be said."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from cotmon.evaluate import Evaluation, first_scorer, main_scorers
from cotmon.evaluate.result import Scorer
from cotmon.evaluate.spec import per_cent
from cotmon.metrics import Estimate
from cotmon.report._visible import named
from cotmon.report.figures import MAIN, lacking, number, rated, rival

_AGAINST = {
    "beats": "beats the best baseline, %s, in AUROC (%s against %s)",
    "not shown": "is not shown to beat the best baseline, %s, in AUROC (%s against %s)",
    "below": "is worse than the best baseline, %s, in AUROC (%s against %s)",
}
_OTHERS = (
    ("beats", "Also better than it"),
    ("not shown", "Not shown to be better"),
    ("below", "Worse than it"),
    ("not estimable", "Not estimable"),
)


@dataclass(frozen=True, slots=True)
class Headline:
    """One scorer is the page's subject; the others follow.

    Attributes:
        good: whether it beats the best baseline.
        sentence: what was found.
        others: (words, names) of the other scorers by how they stand.
        unsaid: what cannot be said, and why.
    """

    good: bool
    sentence: Markup
    others: list[tuple[str, Markup]]
    unsaid: list[str]


def headline(found: Evaluation) -> Headline:
    """In words."""
    first = first_scorer(found)
    standing = first.comparison.standing if first.comparison is not None else None
    sentence = Markup("%s %s%s.") % (named(first.name), _standing(found, first), _caught(first))
    others = [
        (words, Markup(", ").join(named(name) for name in names))
        for word, words in _OTHERS
        if (names := [s.name for s in main_scorers(found)
                      if s is not first and s.comparison and s.comparison.standing == word])
    ]  # fmt: skip
    return Headline(standing == "beats", sentence, others, list(_unsaid(found, first)))


def _standing(found: Evaluation, first: Scorer) -> Markup:
    against = rival(found)
    if first.kind == "baseline":
        return Markup("is a baseline, and nothing was held against it")
    compared = first.comparison
    if against is None or compared is None or compared.standing not in _AGAINST:
        why = compared.auroc.why if compared is not None else None
        return Markup("could not be held against a baseline (%s)") % (why or "there is none")
    numbers = number(first.main.auroc), number(against.main.auroc)
    return Markup(_AGAINST[compared.standing]) % (named(against.name), *numbers)


def _caught(first: Scorer) -> str:
    caught = first.main.tpr.get(MAIN[0], Estimate(None))
    if caught.value is None:
        return "; how many attacks it catches at 1 % false alarms cannot be said"
    return f"; at 1 % false alarms it catches {rated(caught)} of attacks"


def _unsaid(found: Evaluation, first: Scorer) -> dict[str, None]:
    """Sentences, each once."""
    said: dict[str, None] = {}
    if (auroc := first.main.auroc).value is None:
        said[f"How well it tells attacks from honest cases: {auroc.why or 'unknown'}."] = None
    for rate, caught in first.main.tpr.items():
        if caught.value is None or caught.why:
            why = caught.why or "unknown"
            said[f"Detection at {per_cent(rate)} false alarms: {why}."] = None
    missing = first.unscored_honest + first.unscored_attack
    if missing:
        said[
            f"{missing:,} cases have no score for a part or all of them; held against it, "
            f"AUROC is {number(first.pessimistic.auroc)}."
        ] = None
    said |= _unsaid_control(found)
    if found.timing is None:
        said["When and where an attack is noticed: no bad step is labelled."] = None
    if found.uplift is None:
        said["What reading reasoning adds to reading actions: no scores by channel."] = None
    said["How it does on other agents, tasks and attacks than these."] = None
    return said


def _unsaid_control(found: Evaluation) -> dict[str, None]:
    if not found.control:
        return {"What protocols are worth: that takes honest and attack cases.": None}
    return {
        f"{what.capitalize()} of protocols: {lacking(figure.why or 'unknown')}.": None
        for row in found.control
        for what, figure in (("safety", row.safety), ("usefulness", row.usefulness))
        if figure.value is None
    }  # fmt: skip
