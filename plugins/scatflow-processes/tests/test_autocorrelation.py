"""Autocorrelation times and errors on processes whose answer is known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from scatflow_processes.autocorrelation import autocovariance, average, integrated_time


def autoregression(rho: float, n: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(n + 200)
    return np.asarray(lfilter([1.0], [1.0, -rho], noise))[200:]


@pytest.mark.parametrize("max_lag", [3, 700])
def test_autocovariance_equals_its_definition(max_lag: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 1000))
    y = x - x.mean(axis=-1, keepdims=True)
    expected = [(y[:, : 1000 - k] * y[:, k:]).sum(-1) / 1000 for k in range(max_lag + 1)]
    np.testing.assert_allclose(autocovariance(x, max_lag), np.stack(expected, -1), atol=1e-13)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_integrated_time_of_autoregression(rho: float) -> None:
    exact = 0.5 * (1 + rho) / (1 - rho)
    assert integrated_time(autoregression(rho, 60_000, 1)) == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_integrated_time_equals_its_definition(rho: float) -> None:
    n = 400
    x = autoregression(rho, n, 3) + 5.0
    y = x - x.mean()
    correlation = [(y[: n - k] @ y[k:]) / (y @ y) for k in range(n)]
    sums = 0.5 + np.cumsum(correlation[1:])
    window = next(m for m in range(1, n) if m >= 5 * sums[m - 1])
    assert integrated_time(x) == pytest.approx(max(0.5, sums[window - 1] * (1 + (2 * window + 1) / n)), rel=1e-9)


def test_errors_cover() -> None:
    results = [average(autoregression(0.8, 2000, seed)) for seed in range(100)]
    inside = np.mean([abs(result.mean) < 1.96 * result.error for result in results])
    assert 0.87 <= inside <= 0.99


def test_constant_series_has_no_error() -> None:
    assert average(np.full(50, 0.1)).error == pytest.approx(0.0, abs=1e-15)
    assert integrated_time(np.full(50, 0.1)) == 0.5


@pytest.mark.parametrize(
    "call",
    [
        lambda: autocovariance([1.0, np.nan], 1),
        lambda: autocovariance([1.0, 2.0], 2),
        lambda: autocovariance(np.array(["a"]), 0),
        lambda: autocovariance(1.0, 0),
        lambda: integrated_time(np.ones((3, 9))),
        lambda: integrated_time([1.0, 2.0]),
    ],
)
def test_bad_input(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must"):
        call()
