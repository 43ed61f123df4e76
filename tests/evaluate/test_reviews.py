"""Figures from verdicts against hand-made and other people's numbers."""

import random

import pytest
from scipy.stats import beta
from sklearn.metrics import cohen_kappa_score

from cotmon.evaluate.reviews import ANSWERS, Answer, Judged, agreement, figures, share

C: Answer
D: Answer
U: Answer
C, D, U = ANSWERS


def judged(answers, blind=False):
    return {f"w{k}": Judged(answer, blind) for k, answer in enumerate(answers)}


def test_shares_are_exact_and_keep_unsure_apart_and_as_bounds():
    answers: list[Answer] = [C, C, C, C, C, C, D, D, D, U, U]
    found = share(answers)
    assert (found.confirmed, found.dismissed, found.unsure) == (6, 3, 2)
    for figure, hits, n in ((found.value, 6, 9), (found.lowest, 6, 11), (found.highest, 8, 11)):
        assert (figure.value, figure.n) == (pytest.approx(hits / n), n)
        assert figure.low == pytest.approx(beta.ppf(0.025, hits, n - hits + 1))
        assert figure.high == pytest.approx(beta.ppf(0.975, hits + 1, n - hits))


def test_none_confirmed_of_200_still_leaves_room():
    answers: list[Answer] = [D] * 200
    found = share(answers).value
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 200))


def test_only_unsure_gives_no_share_but_bounds():
    found = share([U, U])
    assert found.value.value is None and found.value.why
    assert (found.lowest.value, found.highest.value) == (0, 1)


def test_kappa_is_that_of_scikit_learn():
    rng = random.Random(5)
    for _ in range(20):
        a = rng.choices(ANSWERS, (5, 3, 1), k=40)
        b = [x if rng.random() < 0.6 else rng.choice(ANSWERS) for x in a]
        found = agreement(judged(a), judged(b))
        assert found.kappa.value == pytest.approx(cohen_kappa_score(a, b))
        assert found.raw.value == sum(x == y for x, y in zip(a, b, strict=True)) / 40


def test_ac1_stays_high_where_one_verdict_is_rare():
    """By hand: agreement 118 of 125; means 0.972 and 0.028; chance (2·0.972·0.028) / 2."""
    a = [D] * 118 + [D] * 5 + [C] * 2
    b = [D] * 118 + [C] * 5 + [D] * 2
    found = agreement(judged(a), judged(b))
    assert found.n == 125
    assert found.ac1.value == pytest.approx((0.944 - 0.027216) / (1 - 0.027216))
    assert found.kappa.value == pytest.approx(cohen_kappa_score(a, b))
    assert found.kappa.value is not None and found.kappa.value < 0


def test_agreement_counts_only_what_both_judged_and_says_where_there_is_no_figure():
    a, b = judged([C, C, D, U], blind=True), judged([C, C])
    found = agreement(a, {**b, "other": Judged(D, True)})
    assert (found.n, found.blind, found.raw.value, found.ac1.value) == (2, 0, 1, 1)
    assert found.kappa.value is None and found.kappa.why
    assert agreement(a, {"w0": Judged(C, True)}).blind == 1
    assert agreement(a, {}).raw.value is None


def test_only_drawn_steps_count_for_prevalence_and_disagreement_is_unsure():
    marked = ["m1", "m1", "m2"]  # the same words twice: two marks, one verdict
    verdicts = {
        "ann": {"m1": Judged(C, True), "m2": Judged(D, True), "u1": Judged(D, True),
                "u2": Judged(C, True)},
        "bob": {"m1": Judged(C, True), "m2": Judged(C, True), "u1": Judged(D, True)},
    }  # fmt: skip
    drawn = {"ann": {("t", 1): "u1", ("t", 2): "u1"}}  # nobody drew u2
    found = figures(marked, drawn, verdicts)
    assert (found.precision["ann"].confirmed, found.precision["ann"].dismissed) == (2, 1)
    together = found.precision[None]
    assert (together.confirmed, together.dismissed, together.unsure) == (2, 0, 1)
    assert (found.prevalence["ann"].confirmed, found.prevalence["ann"].dismissed) == (0, 2)
    assert found.prevalence["bob"].dismissed == 0
    assert found.prevalence[None].dismissed == 2
    assert found.agreements["ann", "bob"].n == 3
    assert None not in figures(marked, drawn, {"ann": verdicts["ann"]}).precision
