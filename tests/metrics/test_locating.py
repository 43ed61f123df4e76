# pyright: reportOptionalOperand=false, reportOperatorIssue=false
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotmon.errors import UsageError
from cotmon.metrics import (
    first_marked,
    first_marks,
    lead,
    leads,
    localisation_accuracy,
    points_at_bad,
)

NAN = math.nan


def test_first_mark_and_lead():
    assert first_marked([0.1, NAN, 0.7, 0.9], 0.7) == 2
    assert first_marked([0.1, NAN], 0.7) is None and first_marked([], 0.7) is None
    bad = [False, False, True, True]
    assert lead([0.9, 0, 0, 0], bad, 0.5) == 2
    assert lead([0, 0, 0.9, 0], bad, 0.5) == 0
    assert lead([0, 0, NAN, 0.9], bad, 0.5) == -1
    assert lead([0, 0, 0, 0], bad, 0.5) is None
    with pytest.raises(UsageError):
        lead([0.1], [False], 0.5)


def test_leads_over_transcripts():
    transcripts = [[0.9, 0, 0], [0, 0.9, 0], [0, 0, 0.9], [0, 0, 0], [0.9, 0.9, 0.9]]
    bad = [[0, 1, 0]] * 4 + [[0, 0, 0]]
    found = leads(transcripts, bad, 0.5)
    assert found.steps == (1, 0, -1, None)
    assert (found.marked.value, found.in_time.value) == (0.75, 0.5)
    assert found.median.value == 0 and found.median.low is None and found.median.why
    assert leads([], [], 0.5).median.value is None
    assert first_marks(transcripts, 0.5).value == 0.5
    with pytest.raises(UsageError):
        leads(transcripts, bad[:2], 0.5)


def test_the_median_has_its_interval_from_order_statistics():
    found = first_marks([[0] * k + [1] for k in range(20)], 0.5)
    assert (found.value, found.low, found.high) == (9.5, 5, 14)  # the 6th and the 15th of 20
    assert first_marks([[0] * k + [1] for k in range(6)], 0.5).low == 0


steps = st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), min_size=1, max_size=6)


@given(steps, st.integers(1, 4))
def test_pointing_is_the_chance_over_all_ways_to_break_ties(rows, top):
    scores, bad = [r[0] for r in rows], [r[1] for r in rows]
    hits = []
    for order in itertools.permutations(range(len(rows))):
        ranked = sorted(order, key=lambda k: -scores[k])
        hits.append(any(bad[k] for k in ranked[:top]))
    assert points_at_bad(scores, bad, top) == pytest.approx(np.mean(hits))


def test_localisation_accuracy():
    transcripts = [[0.1, 0.9], [0.9, 0.1], [0.5, 0.5], [NAN, 0.2], [0.3, 0.4]]
    bad = [[0, 1], [0, 1], [0, 1], [1, 0], [0, 0]]
    found = localisation_accuracy(transcripts, bad)
    assert found.value == pytest.approx((1 + 0 + 0.5 + 0) / 4) and found.n == 4
    assert 0 <= found.low < found.value < found.high <= 1
    assert localisation_accuracy(transcripts, bad, top=2).value == pytest.approx(0.75)
    one = localisation_accuracy(transcripts, bad, groups=["g"] * 5)
    assert one.low is None and "one group" in one.why
    assert localisation_accuracy([[0.1]], [[0]]).value is None
    with pytest.raises(UsageError):
        localisation_accuracy(transcripts, bad, top=0)
    with pytest.raises(UsageError):
        localisation_accuracy(transcripts, bad, groups=["g"])
