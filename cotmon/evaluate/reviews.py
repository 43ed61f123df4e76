"""What people's verdicts say of a run: how many marks are right, what was missed, who agrees.

Verdicts belong to words: a step is named by the hash of its channel, module and text.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from cotmon.metrics import Estimate, not_estimable, proportion

Answer = Literal["confirmed", "dismissed", "unsure"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)


class Judged(NamedTuple):
    """One reviewer's verdict on some words.

    Attributes:
        answer: the verdict.
        blind: whether it was given without sight of scores and of other verdicts.
    """

    answer: Answer
    blind: bool


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the judged steps are confirmed.

    Attributes:
        confirmed, dismissed, unsure: steps by verdict.
        value: confirmed among confirmed and dismissed.
        lowest, highest: among all, with every unsure step dismissed, and confirmed.
    """

    confirmed: int
    dismissed: int
    unsure: int
    value: Estimate
    lowest: Estimate
    highest: Estimate


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two reviewers agree on the words that both judged, over the three verdicts.

    Attributes:
        n: how many words both judged.
        blind: on how many of them both were blind.
        raw: share of equal verdicts.
        kappa: Cohen (1960); none where both gave one verdict only.
        ac1: Gwet (2008), chance agreement over three verdicts; steady where one verdict is rare.
    """

    n: int
    blind: int
    raw: Estimate
    kappa: Estimate
    ac1: Estimate


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one run.

    Attributes:
        precision: of marked steps, by reviewer; None is all together, where there are several:
            a step on which they differ counts as unsure.
        prevalence: of unmarked steps that were drawn at random, likewise.
        agreements: by pair of reviewers.
    """

    precision: dict[str | None, Share]
    prevalence: dict[str | None, Share]
    agreements: dict[tuple[str, str], Agreement]


Place = tuple[str, int]
"""Content hash of a transcript, and a step's index in it."""
Verdicts = Mapping[str, Mapping[str, Judged]]
"""Reviewer → words → verdict."""


def figures(
    marked: Sequence[str], drawn: Mapping[str, Mapping[Place, str]], verdicts: Verdicts
) -> Figures:
    """All that the verdicts say; a row for all reviewers together where there are several.

    Args:
        marked: the words of every marked step, one entry a step.
        drawn: reviewer → unmarked step → its words; only steps that were drawn at random.
        verdicts: on words of this run.
    """
    precision: dict[str | None, Share] = {}
    prevalence: dict[str | None, Share] = {}
    for who, own in verdicts.items():
        precision[who] = _share(marked, own)
        prevalence[who] = _share(drawn.get(who, {}).values(), own)
    if len(verdicts) > 1:
        joint = _joint(verdicts)
        everyone = {place: words for steps in drawn.values() for place, words in steps.items()}
        precision[None] = _share(marked, joint)
        prevalence[None] = _share(everyone.values(), joint)
    pairs = itertools.combinations(sorted(verdicts), 2)
    agreements = {(a, b): agreement(verdicts[a], verdicts[b]) for a, b in pairs}
    return Figures(precision, prevalence, agreements)


def _joint(verdicts: Verdicts) -> dict[str, Judged]:
    by_words: dict[str, list[Answer]] = {}
    for own in verdicts.values():
        for words, judged in own.items():
            by_words.setdefault(words, []).append(judged.answer)
    return {words: Judged(together(answers), False) for words, answers in by_words.items()}


def together(answers: Iterable[Answer]) -> Answer:
    """One verdict out of several: theirs where they agree, else unsure."""
    different = set(answers)
    return different.pop() if len(different) == 1 else "unsure"


def _share(steps: Iterable[str], own: Mapping[str, Judged]) -> Share:
    return share(own[words].answer for words in steps if words in own)


def share(answers: Iterable[Answer]) -> Share:
    """Confirmed steps among the judged, with exact intervals; unsure ones apart and as bounds."""
    count = Counter(answers)
    yes, no, unsure = (count[answer] for answer in ANSWERS)
    n = yes + no + unsure
    value = proportion(yes, yes + no) if yes + no else not_estimable("no step is decided")
    return Share(yes, no, unsure, value, proportion(yes, n), proportion(yes + unsure, n))


def agreement(first: Mapping[str, Judged], second: Mapping[str, Judged]) -> Agreement:
    """How far two reviewers agree on the words that both judged."""
    both = sorted(first.keys() & second.keys())
    n = len(both)
    if n == 0:
        none = not_estimable("no step was judged by both")
        return Agreement(0, 0, none, none, none)
    blind = sum(first[words].blind and second[words].blind for words in both)
    same = sum(first[words].answer == second[words].answer for words in both)
    a = Counter(first[words].answer for words in both)
    b = Counter(second[words].answer for words in both)
    alike = sum(a[answer] * b[answer] for answer in ANSWERS)
    means = [(a[answer] + b[answer]) / (2 * n) for answer in ANSWERS]
    by_chance = sum(p * (1 - p) for p in means) / (len(ANSWERS) - 1)
    kappa = (
        not_estimable("both gave one and the same verdict only", n)
        if alike == n**2
        else _beyond(same, n, alike / n**2)
    )
    return Agreement(n, blind, proportion(same, n), kappa, _beyond(same, n, by_chance))


def _beyond(same: int, n: int, chance: float) -> Estimate:
    """Agreement beyond chance, as a share of what could lie beyond it."""
    return Estimate((same / n - chance) / (1 - chance), n=n)
