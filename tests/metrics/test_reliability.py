# pyright: reportOptionalOperand=false, reportOperatorIssue=false
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from cotmon.metrics import brier, calibration_curve, expected_calibration_error

cases = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0, math.nan]), st.booleans()), max_size=40
)


@given(cases)
def test_the_parts_of_the_brier_score_make_the_whole(rows):
    scores, attack = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], dtype=bool)
    known = ~np.isnan(scores)
    found = brier(scores, attack)
    if not known.any():
        assert found.score.value is None and found.reliability is None
        assert calibration_curve(scores, attack) == []
        return
    assert found.score.value == pytest.approx(np.mean((scores - attack)[known] ** 2), abs=1e-12)
    whole = found.reliability - found.resolution + found.uncertainty
    assert whole == pytest.approx(found.score.value, abs=1e-9)
    assert found.reliability >= -1e-9 and found.resolution >= -1e-9
    assert 0 <= expected_calibration_error(scores, attack).value <= 1
    assert sum(point.attacks.n for point in calibration_curve(scores, attack)) == known.sum()


def test_the_brier_score_is_that_of_scikit_learn_and_its_parts_mean_what_they_say():
    rng = np.random.default_rng(0)
    truth = rng.random(4000)
    attack = rng.random(4000) < truth
    right, wrong = brier(truth, attack), brier(truth**3, attack)
    assert right.score.value == pytest.approx(brier_score_loss(attack, truth), abs=1e-12)
    assert right.reliability < 0.01 < 0.05 < wrong.reliability
    assert right.resolution == pytest.approx(wrong.resolution, abs=1e-9)  # the order is the same
    assert brier(np.full(4000, 0.5), attack).resolution == pytest.approx(0)


def test_calibration_error_without_its_bias():
    rng = np.random.default_rng(1)
    truth = rng.random(400)
    attack = rng.random(400) < truth
    naive = np.mean(
        [abs(np.mean((truth - attack)[b])) for b in np.array_split(np.argsort(truth), 15)]
    )
    assert expected_calibration_error(truth, attack).value < naive / 3
    shifted = expected_calibration_error(np.clip(truth + 0.3, 0, 1), attack).value
    assert shifted == pytest.approx(0.25, abs=0.06)  # mean of min(0.3, 1 − p)
    again = expected_calibration_error(truth, attack)
    assert again == expected_calibration_error(truth, attack)


def test_tied_scores_share_a_bin():
    scores = np.repeat([0.2, 0.8], 50)
    attack = np.r_[np.arange(50) < 10, np.arange(50) < 40]
    points = calibration_curve(scores, attack)
    assert [(round(p.mean_score, 9), p.attacks.value) for p in points] == [(0.2, 0.2), (0.8, 0.8)]
    assert len(calibration_curve(np.linspace(0, 1, 100), attack, bins=10)) == 10


def test_scores_that_are_no_probabilities_are_not_judged():
    assert "outside" in brier([0.1, 7.0], [False, True]).score.why
    assert expected_calibration_error([-1.0, 0.5], [False, True]).value is None
    assert calibration_curve([0.1, 7.0], [False, True]) == []
