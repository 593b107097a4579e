"""The operators of the stylized facts: same numbers as the functions, labels, strict array API, refusals."""

import warnings
from collections.abc import Mapping

import array_api_strict
import numpy as np
import pytest
import xarray as xr

from scatflow import blocks
from scatflow.contract import Operator
from scatflow.errors import ParameterError
from scatflow.graph.bind import bind
from scatflow.labels import spec_of
from scatflow_processes import plugin
from scatflow_processes.operators.return_tails import Hill, HorizonMoments
from scatflow_processes.operators.returns import AbsoluteAutocorrelation, Leverage, Zumbach
from scatflow_processes.stylized_facts import (
    absolute_autocorrelation,
    hill,
    leverage,
    moments_by_horizon,
    zumbach,
)

OPERATORS = [Leverage, AbsoluteAutocorrelation, Zumbach, Hill, HorizonMoments]
RETURNS = np.random.default_rng(0).standard_t(4, (3, 200)) * 0.01


def series(values: np.ndarray = RETURNS, **attrs: str) -> xr.DataArray:
    days = np.datetime64("2001-01-01") + np.arange(values.shape[-1])
    time = xr.Variable("time", days.astype("datetime64[ns]"), {"sampling": "index", "sampling_step": "trading_day"})
    coords = {"name": ["a", "b", "c"], "time": time}
    return xr.DataArray(values, dims=("name", "time"), coords=coords, attrs={"units": "1", **attrs})


def evaluate(operator: Operator, array: xr.DataArray) -> Mapping[str, np.ndarray]:
    call = bind(operator, spec_of(array))
    results = blocks.evaluate(call.kernel, [array.data])
    for name, spec in call.outputs.items():
        assert results[name].shape == spec.shape
        assert str(results[name].dtype) == spec.dtype == ("int64" if name == "count" else "float64")
    return results


def test_operators_are_the_functions() -> None:
    array = series()
    lags, windows, horizons, extremes = (-3, 0, 1, 7), (1, 5), (1, 4, 9), (5, 20)
    found = evaluate(Leverage(dims="time", lags=lags, normalize="std"), array)[""]
    np.testing.assert_array_equal(found, leverage(RETURNS, lags, "std"))
    found = evaluate(AbsoluteAutocorrelation(dims="time", max_lag=5, powers=(0.5, 2.0)), array)[""]
    for row, power in enumerate((0.5, 2.0)):
        np.testing.assert_array_equal(found[:, row], absolute_autocorrelation(RETURNS, 5, power).values)
    found = evaluate(Zumbach(dims="time", windows=windows), array)[""]
    np.testing.assert_array_equal(found, zumbach(RETURNS, windows))
    tails = evaluate(Hill(dims="time", extremes=extremes), array)
    for row, tail in enumerate(("lower", "upper")):
        expected = hill(RETURNS, tail, extremes)._asdict()
        for name in ("exponent", "low", "high", "threshold"):
            np.testing.assert_array_equal(tails[name][:, row], expected[name])
    moments = evaluate(HorizonMoments(dims="time", horizons=horizons, overlap=False), array)
    wanted = moments_by_horizon(RETURNS, horizons, overlap=False)._asdict()
    for name in ("std", "skewness", "kurtosis"):
        np.testing.assert_array_equal(moments[name], wanted[name])


@pytest.mark.parametrize("cls", OPERATORS, ids=lambda cls: cls.name)
def test_dim_order_and_precision_do_not_matter(cls: type[Operator]) -> None:
    for operator in cls.examples():
        one = evaluate(operator.replace(dims=("time",)), series())
        other = evaluate(operator.replace(dims=("time",)), series().transpose("time", "name"))
        single = evaluate(operator.replace(dims=("time",)), series().astype("float32"))
        for name, values in one.items():
            np.testing.assert_array_equal(values, other[name])
            np.testing.assert_allclose(single[name], values, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cls", OPERATORS, ids=lambda cls: cls.name)
def test_kernels_need_only_the_array_standard(cls: type[Operator]) -> None:
    for operator in cls.examples():
        bound = bind(operator.replace(dims=("time",)), spec_of(series())).operator
        host = bound.apply(np, RETURNS)
        strict = bound.apply(array_api_strict, array_api_strict.asarray(RETURNS))
        for name, values in (host if isinstance(host, Mapping) else {"": host}).items():
            other = strict[name] if isinstance(strict, Mapping) else strict
            np.testing.assert_allclose(np.asarray(other), values, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("cls", OPERATORS, ids=lambda cls: cls.name)
def test_series_without_a_result_are_nan_and_leave_the_others_alone(cls: type[Operator]) -> None:
    values = RETURNS.copy()
    values[0] = 0.1
    values[1, 7] = np.nan
    for operator in cls.examples():
        if operator.nan == "error":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = evaluate(operator.replace(dims=("time",)), series(values))
        clean = evaluate(operator.replace(dims=("time",)), series())
        for name, result in found.items():
            np.testing.assert_allclose(result[2], clean[name][2], rtol=1e-11, atol=1e-14)
            if name == "count" or (name, cls) == ("band", AbsoluteAutocorrelation):
                continue
            if name not in ("std", "threshold"):
                constant_is_zero = getattr(operator, "demean", True)  # its mean square is a number where the mean stays
                assert np.isnan(result[0]).all() == constant_is_zero
            assert np.isnan(result[1]).all() == (operator.nan == "propagate")


def test_long_lags_by_transform_are_the_sums() -> None:
    x = np.random.default_rng(1).standard_normal(50_000)
    found = absolute_autocorrelation(x, 100).values
    y = np.abs(x - x.mean())
    y -= y.mean()
    expected = [(y[:-lag] * y[lag:]).sum() / (y * y).sum() for lag in (1, 50, 100)]
    np.testing.assert_allclose(found[[0, 49, 99]], expected, atol=1e-12)


def test_labels() -> None:
    spec = spec_of(series(long_name="returns", input="increments"))
    outputs = bind(Leverage(dims="time", lags=(-1, 1), details=True), spec).outputs
    assert set(outputs) == {"leverage", "band", "count"}
    result = outputs["leverage"]
    assert result.dims == outputs["count"].dims == ("name", "lag")
    assert result.coords["lag"].values.tolist() == [-1, 1]
    assert "name" in result.coords
    assert "time" not in result.coords
    assert dict(result.attrs) == {"units": "1"}
    assert dict(outputs["count"].attrs) == {"units": "1", "long_name": "number of pairs"}
    outputs = bind(AbsoluteAutocorrelation(dims="time", max_lag=4, details=True), spec).outputs
    assert outputs["absolute_autocorrelation"].dims == ("name", "power", "lag")
    assert outputs["band"].dims == outputs["count"].dims == ("name", "lag")
    assert outputs["band"].attrs["probability"] == 0.95
    tails = bind(Hill(dims="time"), spec).outputs
    assert tails["exponent"].dims == tails["count"].dims == ("name", "tail", "extremes")
    assert tails["exponent"].coords["extremes"].values.tolist() == [10]
    assert tails["exponent"].coords["tail"].values.dtype == np.int8
    assert tails["threshold"].attrs["units"] == "1"
    moments = bind(HorizonMoments(dims="time"), spec_of(series(units="percent"))).outputs
    assert [moments[name].attrs["units"] for name in ("std", "skewness", "kurtosis", "count")] == ["percent", "1", "1", "1"]
    (alone,) = bind(Leverage(dims="time"), spec_of(series(units="percent"))).outputs.values()
    assert alone.name == "leverage"
    assert alone.attrs["units"] == "(percent)-1"
    (alone,) = bind(AbsoluteAutocorrelation(dims="time", max_lag=4), spec).outputs.values()
    assert alone.attrs["white_noise_band"] == pytest.approx(1.959964 / np.sqrt(spec.shape[-1]), rel=1e-6)


@pytest.mark.parametrize(
    ("operator", "match"),
    [
        (Leverage(lags=(200,)), "lags"),
        (Leverage(lags=()), "lags"),
        (AbsoluteAutocorrelation(max_lag=200), "max_lag"),
        (AbsoluteAutocorrelation(powers=(0.0,)), "powers"),
        (Zumbach(windows=(100,)), "windows"),
        (Hill(extremes=(0,)), "extremes"),
        (Hill(extremes=(200,)), "extremes"),
        (HorizonMoments(horizons=(101,)), "horizons"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_parameters_that_the_series_cannot_serve(operator: Operator, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        bind(operator.replace(dims=("time",)), spec_of(series()))


def test_paths_are_refused() -> None:
    with pytest.raises(ParameterError, match="increments"):
        bind(Leverage(dims="time"), spec_of(series(input="path")))


def test_plugin_names_importable_operators() -> None:
    for name, target in plugin.scatflow_operators().items():
        module, _, attribute = target.partition(":")
        found = getattr(__import__(module, fromlist=[attribute]), attribute)
        assert issubclass(found, Operator)
        assert found.name == name
        assert found.references or name in ("vector2", "vector3")  # put together, nothing computed
