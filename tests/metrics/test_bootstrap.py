# pyright: reportOptionalOperand=false, reportOperatorIssue=false
import numpy as np
import pytest

from cotmon.errors import UsageError
from cotmon.metrics import auroc, bootstrap, flags, threshold_at
from cotmon.metrics.draws import group_draws, owners

RATES = (0.05, 0.3)


def slow(scores, attack, weights):
    """AUROC, TPR and FPR by writing each case out as often as it was drawn."""
    rows = np.repeat(np.arange(len(scores)), weights)
    rows = rows[~np.isnan(scores[rows])]
    drawn, labels = scores[rows], attack[rows]
    if labels.all() or not labels.any():
        return [np.nan] * (1 + 2 * len(RATES))
    thresholds = [threshold_at(drawn[~labels], rate) for rate in RATES]
    tpr = [flags(drawn[labels], t).mean() for t in thresholds]
    fpr = [flags(drawn[~labels], t).mean() for t in thresholds]
    return [auroc(drawn, labels).value, *tpr, *fpr]


def sample(seed, n=70, monitors=3, groups=12):
    rng = np.random.default_rng(seed)
    attack = rng.random(n) < 0.4
    scores = np.round(rng.random((n, monitors)) + 0.4 * attack[:, None], 1)
    scores[rng.random(scores.shape) < 0.1] = np.nan
    scores[~attack & (rng.random(n) < 0.05), 0] = np.inf  # an unscored honest case, at its worst
    return scores, attack, rng.integers(0, groups, n)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("groups", [4, 12])
def test_every_draw_is_that_of_a_slow_reference(seed, groups):
    scores, attack, names = sample(seed, groups=groups)
    found = bootstrap(scores, attack, names, rates=RATES, draws=40, seed=seed)
    owner, n_groups = owners(names)
    weights = np.concatenate(list(group_draws(n_groups, 40, len(attack), seed)), axis=1)
    for monitor in range(3):
        for draw in range(41):
            figures = [found.auroc, *found.tpr.values(), *found.fpr.values()]
            mine = [f.points[monitor] if draw == 0 else f.draws[draw - 1, monitor] for f in figures]
            expected = slow(scores[:, monitor], attack, weights[owner, draw])
            assert mine == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_draws_do_not_depend_on_order_or_on_other_monitors_or_on_blocks(monkeypatch):
    scores, attack, names = sample(9)
    whole = bootstrap(scores, attack, names, rates=RATES, draws=30, seed=5)
    order = np.random.default_rng(0).permutation(len(attack))
    monkeypatch.setattr("cotmon.metrics.draws.BLOCK_CELLS", 7 * len(attack))
    mixed = bootstrap(
        scores[order][:, [1]], attack[order], names[order], rates=RATES, draws=30, seed=5
    )
    assert np.array_equal(mixed.auroc.draws[:, 0], whole.auroc.draws[:, 1])
    assert np.array_equal(mixed.tpr[0.3].draws[:, 0], whole.tpr[0.3].draws[:, 1])
    other = bootstrap(scores, attack, names, rates=RATES, draws=30, seed=6)
    assert not np.array_equal(other.auroc.draws, whole.auroc.draws)


def test_draws_without_a_class_are_counted_and_never_a_number():
    # The attacks sit in 2 of 6 groups: (2/3)^6 = 9 % of the draws hold none.
    names = np.repeat(["a", "b", "c", "d", "e", "f"], 4)
    attack = np.isin(names, ["a", "b"])
    scores = (np.arange(24) % 5 / 5 + attack * 0.3)[:, None]
    found = bootstrap(scores, attack, names, draws=400).auroc
    estimate = found.estimate(0)
    absent = int(np.isnan(found.draws).sum())
    assert 10 < absent < 80
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert f"{absent} of 400 draws held only one class" in estimate.method


def test_what_cannot_be_estimated_says_why():
    attack = np.r_[np.zeros(60, bool), np.ones(6, bool)]
    scores = np.stack([np.linspace(0, 1, 66), np.full(66, np.nan), np.zeros(66)], axis=1)
    found = bootstrap(scores, attack, list(range(66)), draws=50)
    assert found.tpr[0.01].estimate(0).why == "needs ≥ 299 honest"
    assert found.tpr[0.05].estimate(0).value == 1
    assert found.auroc.estimate(1).value is None and "no scored" in found.auroc.estimate(1).why
    assert found.auroc.difference(0, 1).value is None
    constant = found.tpr[0.05].estimate(2)
    assert constant.value == 0 and "60 of 60 honest cases share the highest" in constant.why
    alone = bootstrap(scores, attack, ["one"] * 66, draws=50).auroc.estimate(0)
    assert alone.value == 1 and alone.low is None and "one group" in alone.why
    nothing = bootstrap(np.zeros((0, 2)), [], [], draws=5)
    assert nothing.auroc.estimate(1).value is None


def test_arrays_that_do_not_fit_are_refused():
    for scores, groups in (([[0.1], [0.2]], [1]), ([0.1, 0.2], [1, 2]), ([["x"], [0.2]], [1, 2])):
        with pytest.raises(UsageError):
            bootstrap(scores, [True, False], groups)


def test_paired_intervals_are_narrower_and_cluster_intervals_wider():
    rng = np.random.default_rng(2)
    attack = np.repeat(np.arange(80) % 2 == 0, 6)
    scenario = np.repeat(np.arange(80), 6)
    common = np.repeat(rng.normal(size=80), 6) + attack
    scores = common[:, None] + 0.3 * rng.normal(size=(480, 2))
    clustered = bootstrap(scores, attack, scenario, draws=300)
    single = bootstrap(scores, attack, np.arange(480), draws=300)

    def width(estimate):
        return estimate.high - estimate.low

    assert width(clustered.auroc.estimate(0)) > 1.5 * width(single.auroc.estimate(0))
    assert width(clustered.auroc.difference(0, 1)) < 0.5 * width(clustered.auroc.estimate(0))


def test_the_interval_covers_when_cases_come_in_groups():
    rng, covered = np.random.default_rng(4), 0
    truth = 0.7602499389065233  # total spread 1 in each class, one unit apart: Φ(1 / √2)
    attack = np.repeat(np.arange(60) % 2 == 0, 4)
    for seed in range(120):
        scores = np.sqrt(0.5) * (np.repeat(rng.normal(size=60), 4) + rng.normal(size=240)) + attack
        found = bootstrap(
            scores[:, None], attack, np.repeat(np.arange(60), 4), draws=200, seed=seed
        )
        estimate = found.auroc.estimate(0)
        covered += estimate.low <= truth <= estimate.high
    assert 0.87 < covered / 120 <= 0.99


def test_draws_that_are_all_alike_prove_nothing():
    """Two attacks of two that are caught are no evidence for a rate near 1."""
    rng = np.random.default_rng(0)
    attack = np.arange(402) >= 400
    scores = np.where(attack, 1.0, rng.random(402) / 2)[:, None]
    found = bootstrap(scores, attack, list(range(402)), rates=(0.05,), draws=100)
    caught = found.tpr[0.05].estimate(0)
    assert (caught.value, caught.high) == (1.0, 1.0)
    assert caught.low == pytest.approx(0.025 ** (1 / 2))  # Clopper-Pearson, 2 of 2
    assert "alike" in caught.method
    assert found.auroc.estimate(0).low is None
    both = np.concatenate([scores, np.full((402, 1), 0.5)], axis=1)
    paired = bootstrap(both, attack, list(range(402)), rates=(0.05,), draws=100).auroc
    difference = paired.difference(0, 1)
    assert difference.value == 0.5 and difference.low is None and "alike" in difference.why


def test_groups_that_are_all_alike_count_as_groups():
    attack = np.arange(460) >= 400
    groups = [f"h{k}" for k in range(400)] + [f"a{k % 3}" for k in range(60)]
    scores = np.where(attack, 1.0, np.arange(460) / 1000)[:, None]
    caught = bootstrap(scores, attack, groups, rates=(0.05,), draws=100).tpr[0.05].estimate(0)
    assert caught.low == pytest.approx(0.025 ** (1 / 3))  # three groups, not sixty cases
