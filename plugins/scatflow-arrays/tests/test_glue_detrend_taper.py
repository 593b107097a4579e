"""``detrend`` against least squares, ``taper`` against its formula."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.signal
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scatflow import apply
from scatflow.errors import DimensionError, ParameterError
from scatflow_arrays.detrend import Detrend
from scatflow_arrays.taper import Taper


def _least_squares(values: np.ndarray[Any, Any], sloped: tuple[bool, ...]) -> np.ndarray[Any, Any]:
    """Return one item minus its fit, by a dense solver on the valid samples."""
    grids = np.meshgrid(*(np.arange(n, dtype=float) for n in values.shape), indexing="ij")
    columns = [np.ones(values.shape), *(grid for grid, slope in zip(grids, sloped, strict=True) if slope)]
    matrix = np.stack([column.ravel() for column in columns], axis=1)
    valid = ~np.isnan(values.ravel())
    coefficients = np.linalg.lstsq(matrix[valid], values.ravel()[valid], rcond=None)[0]
    return values - (matrix @ coefficients).reshape(values.shape)


@pytest.mark.parametrize("kind", ["constant", "linear"])
def test_one_dim_agrees_with_scipy(field: xr.DataArray, run: Any, kind: Any) -> None:
    result = run(Detrend(dims="x", kind=kind), field, chunks={"time": 2, "y": 3})
    np.testing.assert_allclose(result, scipy.signal.detrend(field.values, type=kind), atol=2e-6)
    assert result.dtype == np.float32
    assert result.dims == field.dims
    assert result.attrs["units"] == "m s-1"


@pytest.mark.parametrize("kind", ["constant", "linear", {"y": "linear"}, {"x": "linear", "y": "constant"}])
def test_several_dims_are_fitted_jointly(field: xr.DataArray, run: Any, kind: Any) -> None:
    data = field.astype("float64")
    result = run(Detrend(dims=("x", "y"), kind=kind), data, chunks={"time": 4}, rtol=1e-12)
    sloped = (kind == "linear",) * 2 if isinstance(kind, str) else tuple(kind.get(d) == "linear" for d in ("y", "x"))
    for item, fitted in zip(data.values, result.values, strict=True):
        np.testing.assert_allclose(fitted, _least_squares(item, sloped), atol=1e-12)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 999), share=st.floats(0, 0.6), sloped=st.sampled_from([(True, True), (False, True)]))
def test_missing_samples_stay_out_of_the_fit(seed: int, share: float, sloped: tuple[bool, bool]) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, 5, 6)) + 100
    values[rng.random(values.shape) < share] = np.nan
    values[:, 0, 0] = values[:, 4, 5] = values[:, 0, 3] = 1.0
    data = xr.DataArray(values, dims=("t", "y", "x"))
    result = apply(Detrend(dims=("y", "x"), kind={d: "linear" for d, s in zip("yx", sloped, strict=True) if s}), data)
    for item, fitted in zip(values, result.values, strict=True):
        np.testing.assert_allclose(fitted, _least_squares(item, sloped), atol=1e-9)


def test_too_few_samples_leave_no_slope() -> None:
    data = xr.DataArray([[np.nan, 3.0, np.nan], [np.nan] * 3], dims=("a", "x"))
    np.testing.assert_array_equal(apply(Detrend(dims="x"), data), [[np.nan, 0.0, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(apply(Detrend(dims="x"), data[:1, 1:2]), [[0.0]])


def test_large_offset_in_single_precision() -> None:
    t = np.arange(1000, dtype="float32")
    wave = np.sin(t).astype("float32")
    data = xr.DataArray(1e4 + t + wave, dims="x")
    np.testing.assert_allclose(apply(Detrend(), data), scipy.signal.detrend(data.values.astype("float64")), atol=1e-5)


def test_segments_are_detrended_apart(run: Any) -> None:
    values = np.concatenate([np.arange(4.0), 50 - 3 * np.arange(5.0)])
    data = xr.DataArray(np.stack([values, values]), dims=("a", "t"), coords={"segment": ("t", [0] * 4 + [1] * 5)})
    np.testing.assert_allclose(run(Detrend(dims="t"), data, chunks={"a": 1}), np.zeros((2, 9)), atol=1e-12)


def test_complex_data_are_detrended() -> None:
    data = xr.DataArray(np.arange(5) * (1 + 2j) + 3j, dims="x")
    np.testing.assert_allclose(apply(Detrend(), data), np.zeros(5), atol=1e-13)


def test_bad_detrending(field: xr.DataArray) -> None:
    with pytest.raises(DimensionError, match="'z' is not a core dim"):
        apply(Detrend(dims="x", kind={"z": "linear"}), field)
    with pytest.raises(DimensionError, match="not uniformly spaced"):
        apply(Detrend(dims="x"), field.assign_coords(x=np.arange(8.0) ** 2))
    with pytest.raises(ParameterError):
        Detrend(dims="x", kind="quadratic")  # type: ignore[arg-type]


def _tukey(n: int, alpha: float) -> np.ndarray[Any, Any]:
    """Return the window from scipy's on a doubled grid, whose odd samples lie at (k + 1/2) / n."""
    return scipy.signal.windows.tukey(2 * n + 1, alpha)[1::2]


@pytest.mark.parametrize(("kind", "alpha", "effective"), [("hann", 0.5, 1.0), ("tukey", 0.3, 0.3), ("tukey", 1.0, 1.0)])
def test_windows(field: xr.DataArray, run: Any, kind: Any, alpha: float, effective: float) -> None:
    result = run(Taper(dims=("y", "x"), kind=kind, alpha=alpha), field, chunks={"time": 2})
    window = np.outer(_tukey(5, effective), _tukey(8, effective))
    np.testing.assert_allclose(result, field.values * window, rtol=2e-6, atol=1e-7)
    assert result.dtype == np.float32
    assert result.attrs["taper_variance_factor"] == pytest.approx((window**2).mean(), rel=1e-13)
    assert result.attrs["units"] == "m s-1"


@pytest.mark.parametrize("n", [3, 4, 17, 1000])
def test_hann_keeps_exactly_three_eighths_of_the_variance(n: int) -> None:
    result = apply(Taper(), xr.DataArray(np.ones(n), dims="x"))
    assert result.attrs["taper_variance_factor"] == pytest.approx(3 / 8, rel=1e-13)
    assert result.attrs["taper"] == "hann"


def test_variance_factor_is_the_lost_share_of_variance() -> None:
    rng = np.random.default_rng(0)
    noise = xr.DataArray(rng.normal(size=(400, 64)), dims=("a", "x"))
    result = apply(Taper(dims="x", kind="tukey", alpha=0.5), noise)
    error = 5 * math.sqrt(2 / noise.size)
    assert (result**2).mean().item() / result.attrs["taper_variance_factor"] == pytest.approx(1, abs=error)


def test_every_record_has_its_own_ends() -> None:
    data = xr.DataArray(np.ones((2, 7)), dims=("a", "t"), coords={"segment": ("t", [0, 0, 0, 1, 1, 1, 1])})
    result = apply(Taper(dims="t"), data)
    np.testing.assert_allclose(result[0], np.concatenate([_tukey(3, 1.0), _tukey(4, 1.0)]), atol=1e-15)
    absent = xr.DataArray([[np.nan, 1.0, 1.0, 1.0, np.nan], [1.0] * 5, [np.nan] * 5], dims=("a", "t"))
    result = apply(Taper(dims="t"), absent)
    np.testing.assert_allclose(result[0, 1:4], _tukey(3, 1.0), atol=1e-15)
    np.testing.assert_allclose(result[1], _tukey(5, 1.0), atol=1e-15)
    assert np.isnan(result[2]).all()


def test_alpha_is_checked() -> None:
    for alpha in (0.0, 1.5):
        with pytest.raises(ParameterError):
            Taper(dims="x", kind="tukey", alpha=alpha)
