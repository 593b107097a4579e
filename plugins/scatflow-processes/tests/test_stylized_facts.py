"""Stylized facts on closed forms, simulated series and the S&P 500."""

from collections.abc import Callable

import numpy as np
import pytest

from scatflow_processes.sp500 import sp500_returns
from scatflow_processes.stylized_facts import (
    absolute_autocorrelation,
    hill,
    leverage,
    moments_by_horizon,
    zumbach,
)


@pytest.fixture(scope="module")
def market() -> np.ndarray:
    pytest.importorskip("arch")
    return sp500_returns().values


def garch(seed: int, asymmetry: float = 0.0, alpha: float = 0.08, beta: float = 0.88) -> np.ndarray:
    """Simulate 100 paths of 8000 steps of GARCH(1, 1), or GJR when ``asymmetry`` > 0, with unit variance."""
    noise = np.random.default_rng(seed).standard_normal((8300, 100))
    returns = np.empty(noise.shape)
    variance = np.ones(100)
    for t, z in enumerate(noise):
        returns[t] = np.sqrt(variance) * z
        gain = alpha + asymmetry * (z < 0)
        variance = 1 - alpha - beta - asymmetry / 2 + gain * returns[t] ** 2 + beta * variance
    return returns[300:].T


def test_leverage_of_the_market(market: np.ndarray) -> None:
    lags = [1, 2, 3, 4, 5]
    # Held numbers of U16; they are those of returns with their mean, which shifts every lag by one unit.
    assert leverage(market, lags, demean=False).round().tolist() == [-29, -22, -20, -26, -20]
    demeaned = leverage(market, lags)
    assert demeaned.round().tolist() == [-30, -23, -21, -27, -21]
    np.testing.assert_allclose(leverage(market, [1], "std", demean=False), -0.35, atol=0.005)
    # After a return volatility is up; before it, not.
    assert leverage(market, range(1, 21)).mean() < -10 < leverage(market, range(-20, 0)).mean()


def test_leverage_equals_its_definition() -> None:
    r = np.random.default_rng(0).standard_normal((2, 50)) + 0.3
    x = r - r.mean(axis=1, keepdims=True)
    moment = (x**2).mean(axis=1)
    lags = [0, 3, -3]
    pairs = [x * x**2, x[:, :-3] * x[:, 3:] ** 2, x[:, 3:] * x[:, :-3] ** 2]
    expected = np.stack([pair.mean(axis=1) for pair in pairs], axis=-1)
    np.testing.assert_allclose(leverage(r, lags), expected / moment[:, None] ** 2)
    np.testing.assert_allclose(leverage(r, lags, "std"), expected / moment[:, None] ** 1.5)
    np.testing.assert_allclose(leverage(100 * r, lags), leverage(r, lags) / 100)
    np.testing.assert_allclose(leverage(100 * r + 7, lags, "std"), leverage(r, lags, "std"))


def test_leverage_of_gjr_has_the_exact_size() -> None:
    # With s'^2 = w + (a + g 1[z < 0]) r^2 + b s^2 and r = s z: <r r'^2> = -2 g <s^3> / sqrt(2 pi).
    r = garch(seed=1, asymmetry=0.06, alpha=0.02, beta=0.9)
    cube = np.mean(np.abs(r) ** 3) / (2 * np.sqrt(2 / np.pi))
    expected = -2 * 0.06 * cube / np.sqrt(2 * np.pi) / np.mean(r * r) ** 2
    values = leverage(r, [1])[:, 0]
    assert abs(values.mean() - expected) < 4 * values.std() / 10
    assert expected < -0.04
    symmetric = leverage(garch(seed=2), [1])[:, 0]
    assert abs(symmetric.mean()) < 4 * symmetric.std() / 10


def test_absolute_autocorrelation(market: np.ndarray) -> None:
    for power in (0.5, 1.0, 2.0):
        result = absolute_autocorrelation(market, 50, power)
        assert result.lags.tolist() == list(range(1, 51))
        assert (result.values > result.band).all()
        y = np.abs(market - market.mean()) ** power
        y = y - y.mean()
        np.testing.assert_allclose(result.values[9], (y[:-10] * y[10:]).sum() / (y * y).sum())
    assert result.band == pytest.approx(1.959964 / np.sqrt(5030))


def test_white_noise_stays_in_its_band() -> None:
    noise = np.random.default_rng(3).standard_normal((20, 4000))
    result = absolute_autocorrelation(noise, 50, probability=0.95)
    assert result.values.shape == (20, 50)
    assert 0.93 < (np.abs(result.values) < result.band).mean() < 0.97


def test_garch_autocorrelation_of_squares() -> None:
    # Bollerslev (1986): rho(1) = a (1 - a b - b^2) / (1 - 2 a b - b^2), rho(k) = rho(1) (a + b)^(k - 1).
    a, b = 0.1, 0.6
    rho = absolute_autocorrelation(garch(5, alpha=a, beta=b), 3, power=2.0).values.mean(axis=0)
    first = a * (1 - a * b - b * b) / (1 - 2 * a * b - b * b)
    np.testing.assert_allclose(rho, first * (a + b) ** np.arange(3), atol=0.01)


def test_zumbach_of_the_market(market: np.ndarray) -> None:
    values = zumbach(market, [1, 5, 10, 20])
    assert values[0] == pytest.approx(0.0, abs=1e-12)
    assert (values[1:] > 0).all()
    np.testing.assert_allclose(zumbach(market[::-1], [1, 5, 10, 20]), -values, atol=1e-12)


def test_zumbach_sign() -> None:
    reversible = np.random.default_rng(6).standard_normal((10, 20_000))
    values = zumbach(reversible, [5, 10])
    assert (np.abs(values.mean(axis=0)) < 4 * values.std(axis=0) / np.sqrt(10)).all()
    # Volatility driven by the square of the past trend: the effect by construction.
    noise = np.random.default_rng(7).standard_normal(50_000)
    returns = np.zeros(noise.size)
    for t in range(5, noise.size):
        returns[t] = np.sqrt(0.5 + 0.1 * returns[t - 5 : t].sum() ** 2) * noise[t]
    assert zumbach(returns, [5])[0] > 0.1


def test_hill_on_pareto() -> None:
    rng = np.random.default_rng(8)
    exponent = 3.0
    sample = (rng.pareto(exponent, (400, 2000)) + 1) * rng.choice([-1, 1], (400, 2000))
    for tail in ("lower", "upper"):
        result = hill(sample, tail, count=[50, 100])
        assert result.exponent.shape == (400, 2)
        covered = ((result.low < exponent) & (exponent < result.high)).mean(axis=0)
        assert ((covered > 0.91) & (covered < 0.99)).all()
        assert 1 / (1 / result.exponent).mean() == pytest.approx(exponent, rel=0.03)


def test_hill_of_student_and_of_the_market(market: np.ndarray) -> None:
    student = np.random.default_rng(9).standard_t(3, 200_000)
    assert hill(student, "upper", count=500).exponent[0] == pytest.approx(3.0, rel=0.15)
    for tail in ("lower", "upper"):
        result = hill(market, tail, count=100)
        assert 2 < result.low[0] < 3.2 < result.high[0] < 4.5
    plot = hill(market, "lower", count=range(10, 400))
    assert plot.exponent.shape == plot.extremes.shape == (390,)
    assert (np.diff(plot.threshold) <= 0).all()


def test_hill_equals_its_definition() -> None:
    result = hill([-8.0, -4.0, -2.0, -1.0, 3.0], "lower", count=2)
    assert 1 / result.exponent[0] == pytest.approx((np.log(8 / 2) + np.log(4 / 2)) / 2)
    assert result.threshold[0] == 2.0
    assert hill([-8.0, -4.0, -2.0, -1.0, 3.0]).extremes.tolist() == [1]


def test_moments_of_known_laws() -> None:
    rng = np.random.default_rng(10)
    gauss = moments_by_horizon(rng.standard_normal(400_000), [1, 4], overlap=False)
    np.testing.assert_allclose(gauss.kurtosis, 3.0, atol=0.05)
    np.testing.assert_allclose(gauss.std, [1.0, 2.0], rtol=0.01)
    # Sums of h exponentials: skewness 2 / sqrt h, kurtosis 3 + 6 / h.
    sums = moments_by_horizon(rng.exponential(size=400_000), [1, 4])
    np.testing.assert_allclose(sums.skewness, [2.0, 1.0], rtol=0.05)
    np.testing.assert_allclose(sums.kurtosis, [9.0, 4.5], rtol=0.1)
    assert sums.samples.tolist() == [400_000, 399_997]
    assert gauss.samples.tolist() == [400_000, 100_000]


def test_moments_of_the_market(market: np.ndarray) -> None:
    result = moments_by_horizon(market, [1, 5, 20, 60])
    np.testing.assert_allclose(result.skewness[0], -0.2046, atol=5e-4)
    np.testing.assert_allclose(result.kurtosis[0], 11.17, atol=5e-3)
    assert (np.diff(result.kurtosis) < 0).all()
    assert (result.kurtosis > 3).all()


X = np.random.default_rng(0).standard_normal(100)


@pytest.mark.parametrize(
    "call",
    [
        lambda: leverage([1.0, np.nan, 2.0], [1]),
        lambda: leverage(X, [100]),
        lambda: leverage(X, [1.5]),
        lambda: leverage(X, []),
        lambda: leverage(X, [1], "var"),
        lambda: leverage(np.full(10, 0.1), [1]),
        lambda: absolute_autocorrelation(X, 100),
        lambda: absolute_autocorrelation(X, 5, power=0.0),
        lambda: absolute_autocorrelation(X, 5, probability=1.0),
        lambda: absolute_autocorrelation([1.0, -1.0, 1.0, -1.0], 1),
        lambda: zumbach(X, [0]),
        lambda: zumbach(X, [50]),
        lambda: hill(X, "left"),
        lambda: hill(X, "upper", count=0),
        lambda: hill(X, "upper", count=99),
        lambda: hill(np.ones(10), "upper", count=3),
        lambda: moments_by_horizon(X, [51]),
        lambda: moments_by_horizon(X, []),
        lambda: moments_by_horizon(np.ones(10), [1]),
    ],
)
def test_bad_input(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"must|tail"):
        call()
