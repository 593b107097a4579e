"""Errors of averages: formulas, and coverage of the intervals (U8)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ellipk

from averages import Toy, fgn, swendsen_wang
from scatflow import apply
from scatflow.contract.autocorrelation import autocorrelation_time
from scatflow.contract.estimate import estimate, quantile

Floats = NDArray[np.float64]


def covered(result: Any, truth: float | Floats, level: float = 0.95) -> Floats:
    """Return the share of repeats (first axis) whose interval holds the truth, per statistic."""
    get = (lambda name: np.asarray(result[name])) if isinstance(result, xr.Dataset) else (lambda name: getattr(result, name))
    half = quantile(get("dof"), level) * get("se")
    return np.asarray((np.abs(get("mean") - truth) <= half).mean(axis=0))


def fgn_means(hurst: float) -> Floats:
    """Means of the toy's statistics under fractional Gaussian noise."""

    def modulus(variance: float) -> float:
        return math.sqrt(2 / math.pi * variance)

    haar = [modulus(step ** (2 * hurst) * (4 - 2 ** (2 * hurst))) / step for step in (1, 4)]
    return np.array([0.0, modulus(1.0), 2 ** (2 * hurst - 1) - 1, *haar])


def ising_bond(temperature: float) -> float:
    """Return the mean of the product of two neighbors on the infinite lattice (Onsager 1944)."""
    k = 1 / temperature
    kappa = 2 * math.sinh(2 * k) / math.cosh(2 * k) ** 2
    return float(0.5 / math.tanh(2 * k) * (1 + 2 / math.pi * (2 * math.tanh(2 * k) ** 2 - 1) * ellipk(kappa**2)))


# Formulas.


def test_independent_units_of_equal_weight_give_the_textbook_error() -> None:
    x = np.random.default_rng(0).standard_normal((3, 20, 4))
    result = estimate(x, covariance=True)
    np.testing.assert_allclose(result.mean, x.mean(1), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(result.var, x.var(1, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(result.se, x.std(1, ddof=1) / math.sqrt(20), rtol=1e-12)
    np.testing.assert_allclose(result.n_eff, 20, rtol=1e-12)
    assert (result.count == 20).all()
    assert (result.dof == 19).all()
    for k in range(3):
        np.testing.assert_allclose(result.covariance[k], np.cov(x[k].T), rtol=1e-11, atol=1e-14)


def test_interval_is_students() -> None:
    low, high = estimate(np.array([[1.0], [2.0], [3.0]])).interval(0.95)
    assert (low[0], high[0]) == pytest.approx((2 - 4.302652729911 / math.sqrt(3), 2 + 4.302652729911 / math.sqrt(3)))


def test_units_without_weight_do_not_matter_and_weights_scale_freely() -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((30, 2)), rng.random(30)
    padded = np.concatenate([x, np.full((3, 2), np.nan)])
    base = estimate(x, w)
    other = estimate(padded, np.concatenate([5 * w, np.zeros(3)]))
    for name in ("mean", "var", "se", "n_eff", "count", "dof"):
        np.testing.assert_allclose(getattr(other, name), getattr(base, name), rtol=1e-12)


def test_weighted_error_is_the_delete_one_jackknife() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((9, 1)), rng.random(9) + 0.1
    mean = np.average(x[:, 0], weights=w)
    without = np.array([np.average(np.delete(x[:, 0], i), weights=np.delete(w, i)) for i in range(9)])
    assert estimate(x, w).se[0] == pytest.approx(math.sqrt(8 / 9 * ((without - mean) ** 2).sum()), rel=1e-12)


def test_a_function_of_means_gets_the_jackknife_of_the_function() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((40, 2)) + 4

    def ratio(xp: Any, means: Any) -> Any:
        return means[..., :1] / means[..., 1:]

    result = estimate(x, derive=ratio)
    whole = x.mean(0)
    without = np.array([np.delete(x, i, 0).mean(0) for i in range(40)])
    gap = whole[0] / whole[1] - without[:, 0] / without[:, 1]
    assert result.mean[0] == pytest.approx(whole[0] / whole[1])
    assert result.se[0] == pytest.approx(math.sqrt(39 / 40 * (gap**2).sum()), rel=1e-10)
    linear = estimate(x, derive=lambda xp, means: 2 * means)
    for name, factor in {"mean": 2, "var": 4, "se": 2, "n_eff": 1}.items():
        np.testing.assert_allclose(getattr(linear, name), factor * getattr(estimate(x), name), rtol=1e-10)


def test_complex_statistics() -> None:
    rng = np.random.default_rng(4)
    z = rng.standard_normal((50, 3)) + 1j * rng.standard_normal((50, 3))
    result = estimate(z, covariance=True)
    np.testing.assert_allclose(result.mean, z.mean(0), rtol=1e-12)
    np.testing.assert_allclose(result.var, (np.abs(z - z.mean(0)) ** 2).sum(0) / 49, rtol=1e-12)
    np.testing.assert_allclose(result.covariance, np.cov(z.T), rtol=1e-10, atol=1e-12)
    assert estimate(z, ordered=True).se.shape == estimate(z[:48], grid=(6, 8)).se.shape == (3,)


@pytest.mark.parametrize("units", [0, 1])
def test_too_few_units_have_no_error(units: int) -> None:
    for keywords in ({}, {"ordered": True}, {"grid": (units,)}):
        result = estimate(np.ones((units, 2)), **keywords)  # type: ignore[arg-type]
        assert np.isnan(result.se).all()
        assert np.isnan(result.n_eff).all()
        assert (result.count == units).all()


def test_constant_data_have_no_error_and_no_warning() -> None:
    result = estimate(np.full((30, 1), 3.0), ordered=True)
    assert result.mean[0] == 3.0
    assert result.se[0] == 0.0


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_integrated_time_of_an_autoregression(phi: float) -> None:
    """tau = (1 + phi) / (2 (1 - phi)); gaps of a third of the samples only add noise."""
    rng = np.random.default_rng(5)
    x = np.zeros((40, 4000, 1))
    noise = rng.standard_normal(x.shape)
    for t in range(1, 4000):
        x[:, t] = phi * x[:, t - 1] + noise[:, t]
    valid = (rng.random(x.shape) < 0.67).astype(float)
    truth = 0.5 * (1 + phi) / (1 - phi)
    assert autocorrelation_time(np, x).mean() == pytest.approx(truth, rel=0.1)
    assert autocorrelation_time(np, x * valid, valid).mean() == pytest.approx(truth, rel=0.1)


def test_cells_of_a_white_field_match_the_theory() -> None:
    """64 independent cells: n_eff near 64 (up to the residual correction, which only adds to the error)."""
    x = np.random.default_rng(6).standard_normal((400, 64, 1))
    result = estimate(x, grid=(8, 8))
    assert 0.95 < np.sqrt((result.se**2).mean()) * 8 < 1.15
    assert (result.count == 64).all()


# Coverage (U8): nominal 95 % Student intervals, 200 repeats; the bounds are the requirement's own.


def assert_covers(result: Any, truth: float | Floats, statistics: slice = slice(None)) -> None:
    share = covered(result, truth)[statistics]
    assert ((share >= 0.90) & (share <= 0.98)).all(), share.round(3)


def white_means() -> Floats:
    return np.array([0, math.sqrt(2 / math.pi), 0, 2 / math.sqrt(math.pi), 4 * math.sqrt(8) / 16 * math.sqrt(2 / math.pi)])


@pytest.mark.parametrize(("shape", "dims"), [((4096,), ("x",)), ((128, 128), ("y", "x"))])
def test_coverage_white_noise_cells(shape: tuple[int, ...], dims: tuple[str, ...]) -> None:
    """Periodic, because mirrored edges bias increments near them by more than the error of so large a field."""
    x = np.random.default_rng(10).standard_normal((200, *shape))
    assert_covers(apply(Toy(dims=dims, boundary="periodic"), xr.DataArray(x, dims=("repeat", *dims))), white_means())


def test_coverage_white_noise_realizations() -> None:
    x = np.random.default_rng(11).standard_normal((200, 12, 256))
    result = apply(
        Toy(dims=("x",), over=("realization",), boundary="periodic"), xr.DataArray(x, dims=("repeat", "realization", "x"))
    )
    assert_covers(result, white_means())


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_coverage_ordered_snapshots(phi: float) -> None:
    """An autoregression in time of white fields: 1 + 2 sum rho = 19 snapshots in 600 at phi = 0.9."""
    rng = np.random.default_rng(12)
    x = rng.standard_normal((200, 600, 4))
    for t in range(1, 600):
        x[:, t] = phi * x[:, t - 1] + math.sqrt(1 - phi**2) * x[:, t]
    result = apply(Toy(dims=("x",), over="time"), xr.DataArray(x, dims=("repeat", "time", "x"))).isel(path=slice(0, 2))
    assert_covers(result, white_means()[:2])
    assert result["n_eff"][:, 0].mean() == pytest.approx(600 * (1 - phi) / (1 + phi), rel=0.3)


def test_coverage_fgn_cells_and_realizations() -> None:
    """H = 0.7. The raw mean has long memory, so its cells are correlated at all distances: only realizations serve it."""
    rng = np.random.default_rng(13)
    x = fgn(200, 8192, 0.7, rng)
    cells = apply(Toy(dims=("x",)), xr.DataArray(x, dims=("repeat", "x")))
    assert_covers(cells, fgn_means(0.7), slice(3, 5))
    many = fgn(200 * 16, 512, 0.7, rng).reshape(200, 16, 512)
    pooled = apply(Toy(dims=("x",), over="realization"), xr.DataArray(many, dims=("repeat", "realization", "x")))
    assert_covers(pooled, fgn_means(0.7))


def test_coverage_ising_cells() -> None:
    """T = 2.5, correlation length 6 sites, 128 x 128: magnetization and bond energy of single configurations."""
    spins = swendsen_wang(128, 2.5, (10, 20), 3, np.random.default_rng(14)).astype(np.float64)
    x = xr.DataArray(spins.reshape(200, 128, 128), dims=("repeat", "y", "x"))
    result = apply(Toy(dims=("y", "x"), boundary="periodic"), x)
    truth = np.array([0.0, 1.0, ising_bond(2.5), 1 - ising_bond(2.5), math.nan])
    assert_covers(result.isel(path=[0, 2, 3]), truth[[0, 2, 3]])


def test_coverage_ising_realizations() -> None:
    """Side 32, eight configurations each, of different chains; the bond energy differs from the infinite lattice's."""
    spins = swendsen_wang(32, 2.5, (80, 20), 3, np.random.default_rng(15)).astype(np.float64)
    grouped = np.swapaxes(spins.reshape(10, 8, 20, 32, 32), 1, 2).reshape(200, 8, 32, 32)
    x = xr.DataArray(grouped, dims=("repeat", "realization", "y", "x"))
    result = apply(Toy(dims=("y", "x"), over="realization", boundary="periodic"), x)
    grand = float((spins * np.roll(spins, 1, axis=-1)).mean())
    assert_covers(result.isel(path=[0, 2]), np.array([0.0, grand]))
