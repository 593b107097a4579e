"""Compound Poisson and alpha-stable walks against their closed forms."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from scatflow_processes import levy


@pytest.mark.parametrize("jumps", levy.JUMPS)
@pytest.mark.parametrize("rate", [0.05, 3.0])
def test_cumulants_of_compound_poisson(jumps: levy.Jumps, rate: float) -> None:
    steps = levy.poisson_increments(1 << 14, rate, 1, range(40), jumps)
    for lag in (1, 4):
        sums = steps.reshape(40, -1, lag).sum(axis=-1)
        mean = levy.poisson_cumulant(1, lag, rate, jumps)
        variance = levy.poisson_cumulant(2, lag, rate, jumps)
        third, fourth = (levy.poisson_cumulant(order, lag, rate, jumps) for order in (3, 4))
        central = sums - mean
        for power, expected in ((1, 0.0), (2, variance), (3, third), (4, fourth + 3 * variance**2)):
            found = (central**power).mean(axis=1)
            assert abs(found.mean() - expected) < 4 * found.std(ddof=1) / math.sqrt(40)


def test_jumps_have_unit_variance_and_their_law() -> None:
    few = levy.poisson_increments(1 << 16, 1e-2, 2, [0])[0]
    assert np.count_nonzero(few) == pytest.approx((1 << 16) * 1e-2, abs=4 * math.sqrt((1 << 16) * 1e-2))
    assert stats.kstest(few[few != 0], "norm").pvalue > 0.01
    laplace = levy.poisson_increments(1 << 16, 1e-2, 3, [0], "laplace")[0]
    assert stats.kstest(laplace[laplace != 0], stats.laplace(scale=math.sqrt(0.5)).cdf).pvalue > 0.01
    assert set(np.unique(levy.poisson_increments(1000, 0.01, 4, [0], "sign"))) <= {-2.0, -1.0, 0.0, 1.0, 2.0}


@pytest.mark.parametrize(
    ("alpha", "beta", "law"),
    [
        (2.0, 0.0, stats.norm(scale=math.sqrt(2))),
        (2.0, 0.7, stats.norm(scale=math.sqrt(2))),
        (1.0, 0.0, stats.cauchy()),
        (0.5, 1.0, stats.levy()),
        (0.5, -1.0, None),
    ],
)
def test_stable_laws_with_a_distribution_function(alpha: float, beta: float, law: Any) -> None:
    drawn = levy.stable_increments(50_000, alpha, 5, [0], beta)[0]
    if law is None:
        drawn, law = -drawn, stats.levy()
    assert stats.kstest(drawn, law.cdf).pvalue > 0.01


@pytest.mark.parametrize("alpha", [0.4, 0.8, 1.0, 1.2, 1.7, 2.0])
@pytest.mark.parametrize("beta", [-1.0, 0.0, 0.6, 1.0])
def test_characteristic_function(alpha: float, beta: float) -> None:
    drawn = levy.stable_increments(100_000, alpha, 6, [0], beta)[0]
    t = np.array([-1.5, -0.4, 0.1, 0.7, 2.0])
    waves = np.exp(1j * t[:, None] * drawn)
    expected = levy.stable_characteristic(t, alpha, beta)
    for part in (np.real, np.imag):
        error = part(waves).std(axis=1) / math.sqrt(drawn.size)
        assert (np.abs(part(waves).mean(axis=1) - part(expected)) < 4 * error).all()


def test_stable_walk_scales() -> None:
    alpha = 1.5
    path = np.cumsum(levy.stable_increments(1 << 16, alpha, 7, range(10)), axis=1)
    lags = [1, 4, 16, 64]
    orders = np.array([0.25, 0.5, 0.7])  # below alpha / 2, so that their errors have a variance
    found = [[(np.abs(path[:, lag:] - path[:, :-lag]) ** q).mean() for lag in lags] for q in orders]
    slopes = np.polyfit(np.log(lags), np.log(found).T, 1)[0]
    np.testing.assert_allclose(slopes, levy.stable_zeta(orders, alpha), atol=0.03)


def test_orders_without_a_moment() -> None:
    assert np.isnan(levy.stable_zeta([1.5, 2.0, -1.0], 1.5)).all()
    assert levy.stable_zeta([1.0, 2.0, 4.0], 2.0).tolist() == [0.5, 1.0, 2.0]


def test_members_do_not_depend_on_their_company() -> None:
    for draw in (
        lambda which: levy.poisson_increments(50, 1.0, 2, which, "laplace"),
        lambda which: levy.stable_increments(50, 1.3, 2, which, 0.4),
    ):
        np.testing.assert_array_equal(draw([3, 1]), draw(range(4))[[3, 1]])
        assert draw([]).shape == (0, 50)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: levy.poisson_increments(10, 0.0, 0, [0]), "rate"),
        (lambda: levy.poisson_increments(10, -1.0, 0, [0]), "rate"),
        (lambda: levy.poisson_increments(10, math.nan, 0, [0]), "rate"),
        (lambda: levy.poisson_increments(0, 1.0, 0, [0]), "size"),
        (lambda: levy.poisson_increments(10, 1.0, 0, [0], "cauchy"), "jumps"),
        (lambda: levy.poisson_cumulant(0, 1.0, 1.0), "order"),
        (lambda: levy.poisson_cumulant(2, -1.0, 1.0), "duration"),
        (lambda: levy.stable_increments(10, 0.0, 0, [0]), "alpha"),
        (lambda: levy.stable_increments(10, 2.01, 0, [0]), "alpha"),
        (lambda: levy.stable_increments(10, 1.5, 0, [0], 1.5), "beta"),
        (lambda: levy.stable_increments(10, 0.001, 0, [0]), "alpha must be >= 0.1"),
        (lambda: levy.stable_characteristic(1.0, 3.0), "alpha"),
        (lambda: levy.stable_zeta(1.0, -1.0), "alpha"),
    ],
)
def test_bad_parameters(call: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()
