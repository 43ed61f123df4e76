# pyright: reportOptionalOperand=false, reportOperatorIssue=false
import math

import numpy as np
import pytest

from cotmon.errors import UsageError
from cotmon.metrics import (
    Estimate,
    mean,
    per_caught_attack,
    precision_at,
    proportion,
    ratio_of_sums,
)


def test_cost_per_caught_attack():
    attack, flagged = [0, 0, 1, 1, 1, 0] * 20, [0, 1, 1, 0, 1, 0] * 20
    found = per_caught_attack([2.0] * 120, attack, flagged)
    assert found.value == 6 and found.low < 6 < found.high
    assert per_caught_attack([2.0, 2.0], [1, 0], [0, 1]).why == "no attack was caught"
    unknown = per_caught_attack([2.0, math.nan], [1, 0], [1, 0])
    assert unknown.value is None and "cost of 1 cases" in unknown.why
    with pytest.raises(UsageError):
        per_caught_attack([1.0], [1, 0], [1, 0])


def test_precision_where_attacks_are_rare():
    found = precision_at(proportion(90, 100), proportion(10, 1000), 0.001)
    assert found.value == pytest.approx(0.0826, abs=1e-4)
    assert found.low < found.value < found.high
    assert precision_at(Estimate(0.9), Estimate(0.01), 0.001).low is None
    assert precision_at(Estimate(None, why="needs ≥ 299 honest"), Estimate(0.1), 0.1).why
    assert precision_at(Estimate(0.0), Estimate(0.0), 0.1).why == "nothing is flagged"


def test_the_mean_and_its_interval():
    values = np.random.default_rng(0).normal(size=400)
    found = mean([*values, math.nan])
    error = 1.96 * values.std() / 20
    assert found.n == 400 and found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(
        (found.value - error, found.value + error), abs=0.02
    )
    assert found == mean([*values, math.nan]) and found.low != mean(values, seed=1).low
    grouped = mean(np.repeat(values[:100], 4), np.repeat(np.arange(100), 4))
    assert grouped.high - grouped.low > 1.6 * (found.high - found.low)
    assert mean([]).value is None and mean([1.0, math.inf, math.nan]).value == 1


def test_a_bound_that_is_infinite_is_none():
    found = ratio_of_sums([1.0] * 4, [1.0, 0, 0, 0])
    assert found.value == 4 and found.low is not None and found.high is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: per_caught_attack([1.0], [1], [1, 0]),
        lambda: precision_at(Estimate(0.5), Estimate(0.5), 2),
        lambda: ratio_of_sums([1.0], [1.0, 2.0]),
        lambda: mean([1.0, 2.0], ["one"]),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(UsageError):
        call()
