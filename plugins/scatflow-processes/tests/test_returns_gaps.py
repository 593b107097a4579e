"""Statistics of names that are listed at different dates, have gaps, or trade in sessions, against direct loops."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow import Pipeline, ops
from scatflow.contract import Operator
from scatflow.errors import DataError, ParameterError
from scatflow.graph.bind import bind
from scatflow.labels import spec_of
from scatflow_processes.operators.return_tails import Hill, HorizonMoments
from scatflow_processes.operators.returns import AbsoluteAutocorrelation, Leverage, Zumbach
from scatflow_processes.stylized_facts import interval_factors

Row = list[float]
OPERATORS = [
    Leverage(lags=(-4, 0, 1, 3), details=True),
    Leverage(lags=tuple(range(-8, 9)), normalize="std", demean=False, details=True),
    AbsoluteAutocorrelation(max_lag=3, details=True),
    AbsoluteAutocorrelation(max_lag=18, powers=(1.5,), details=True),
    Zumbach(windows=(1, 4), details=True),
    Hill(extremes=(3, 5)),
    Hill(),
    HorizonMoments(horizons=(1, 2, 5)),
    HorizonMoments(horizons=(1, 2, 5), overlap=False),
]


def named(value: object) -> str | None:
    return value.name if isinstance(value, Operator) else None


def apply(operator: Operator, x: np.ndarray, walls: Sequence[int] = (), nan: str = "mask") -> Mapping[str, np.ndarray]:
    return operator.replace(nan=nan, walls=tuple(walls)).apply(np, x)


def pieces(row: np.ndarray, walls: Sequence[int]) -> list[Row]:
    """Return the segments of a series, from the first to the last sample of each."""
    edges = [0, *walls, row.size]
    found = []
    for a, b in itertools.pairwise(edges):
        there = np.flatnonzero(~np.isnan(row[a:b]))
        if there.size:
            found.append(row[a + there[0] : a + there[-1] + 1].tolist())
    return found


def pairs(segments: list[Row], lag: int) -> list[tuple[float, float]]:
    """Return (r(t), r(t + lag)) of every pair in a segment of which both are there."""
    return [
        (segment[t], segment[t + lag])
        for segment in segments
        for t in range(len(segment))
        if 0 <= t + lag < len(segment) and not np.isnan(segment[t]) and not np.isnan(segment[t + lag])
    ]


def there(segments: list[Row]) -> np.ndarray:
    return np.array([value for segment in segments for value in segment if not np.isnan(value)])


def shifted(segments: list[Row], shift: float) -> list[Row]:
    return [[value - shift for value in segment] for segment in segments]


def windows(segments: list[Row], width: int, step: int = 1) -> list[np.ndarray]:
    """Return the windows of successive samples without a gap; every ``step``-th from the start of a segment."""
    cut = [np.array(s[t : t + width]) for s in segments for t in range(0, len(s) - width + 1, step)]
    return [window for window in cut if not np.isnan(window).any()]


def loop_leverage(op: Leverage, segments: list[Row]) -> dict[str, Any]:
    x = there(segments)
    centered = shifted(segments, x.mean()) if op.demean else segments
    moment = np.mean(there(centered) ** 2) ** (1.5 if op.normalize == "std" else 2.0)
    found = [pairs(centered, lag) for lag in op.lags]
    values = [np.mean([a * b * b for a, b in each]) / moment if each else np.nan for each in found]
    spread = [1.959963984540054 * np.sqrt(sum((a * b * b) ** 2 for a, b in each)) / len(each) if each else np.nan for each in found]
    return {"leverage": values, "band": np.array(spread) / moment, "count": [len(each) for each in found]}


def loop_autocorrelation(op: AbsoluteAutocorrelation, segments: list[Row]) -> dict[str, Any]:
    x, lags = there(segments), range(1, op.max_lag + 1)
    rows = []
    for power in op.powers:
        modulus = [[abs(value - x.mean()) ** power for value in segment] for segment in segments]
        y = shifted(modulus, there(modulus).mean())
        found = [pairs(y, lag) for lag in lags]
        variance = np.mean(there(y) ** 2)
        rows.append([
            (1 - lag / x.size) * np.mean([a * b for a, b in each]) / variance if each else np.nan
            for lag, each in zip(lags, found, strict=True)
        ])  # fmt: skip
    count = [len(pairs(segments, lag)) for lag in lags]
    band = [1.959963984540054 * np.sqrt((1 - lag / x.size) / k) if k else np.nan for lag, k in zip(lags, count, strict=True)]
    return {"absolute_autocorrelation": rows, "band": band, "count": count}


def loop_zumbach(op: Zumbach, segments: list[Row]) -> dict[str, Any]:
    centered = shifted(segments, there(segments).mean())
    values, counts = [], []
    for width in op.windows:
        found = windows(centered, 2 * width)
        past, later = ([w[:width] for w in found], [w[width:] for w in found])
        trend = [[w.sum() ** 2 for w in side] for side in (past, later)]
        volatility = [[(w * w).sum() for w in side] for side in (past, later)]
        values.append(
            np.corrcoef(trend[0], volatility[1])[0, 1] - np.corrcoef(volatility[0], trend[1])[0, 1] if len(found) > 1 else np.nan
        )
        counts.append(len(found))
    return {"zumbach": values, "count": counts}


def loop_hill(op: Hill, segments: list[Row]) -> dict[str, Any]:
    x = there(segments)
    numbers = op.extremes or (max(1, x.size // 20),)
    results: dict[str, Any] = {name: [] for name in ("exponent", "low", "high", "threshold", "count")}
    for sign in (-1, 1):
        tail = np.sort((sign * x)[sign * x > 0])[::-1]
        enough = [k for k in numbers if k < tail.size]
        exponent = [1 / np.mean(np.log(tail[:k] / tail[k])) if k in enough else np.nan for k in numbers]
        low, high = interval_factors(numbers)
        row = (exponent, exponent * low, exponent * high, [tail[k] if k in enough else np.nan for k in numbers],
               [k if k in enough else 0 for k in numbers])  # fmt: skip
        for name, part in zip(results, row, strict=True):
            results[name].append(part)
    return results


def loop_moments(op: HorizonMoments, segments: list[Row]) -> dict[str, Any]:
    results: dict[str, Any] = {name: [] for name in ("std", "skewness", "kurtosis", "count")}
    for horizon in op.horizons:
        sums = np.array([window.sum() for window in windows(segments, horizon, 1 if op.overlap else horizon)])
        y = sums - sums.mean() if sums.size else sums
        std = np.sqrt(np.mean(y**2)) if sums.size else np.nan
        shape = [np.mean(y**power) / std**power if sums.size > 1 else np.nan for power in (3, 4)]
        for name, part in zip(results, (std, *shape, sums.size), strict=True):
            results[name].append(part)
    return results


LOOPS = {
    "leverage": loop_leverage,
    "absolute_autocorrelation": loop_autocorrelation,
    "zumbach": loop_zumbach,
    "hill": loop_hill,
    "horizon_moments": loop_moments,
}


def agree(found: Mapping[str, np.ndarray], expected: Mapping[str, Any], row: Any = ...) -> None:
    assert set(found) == set(expected)
    for name, values in found.items():
        np.testing.assert_allclose(values[row], np.asarray(expected[name]), rtol=1e-9, atol=1e-11, err_msg=name)


def panel(rng: np.random.Generator, n: int = 120) -> np.ndarray:
    """Names that are listed at different dates, three of them with gaps."""
    x = rng.standard_t(4, (6, n)) + 0.1
    x[1, :40] = np.nan
    x[2, 70:] = np.nan
    x[3, :15], x[3, 100:] = np.nan, np.nan
    x[4, rng.random(n) < 0.3] = np.nan
    x[5, 20:25], x[5, 60], x[5, :3] = np.nan, np.nan, np.nan
    x[4, 30] = x[4, 90] = 0.5  # a gap there is
    return x


@pytest.mark.parametrize("walls", [(), (60,), (20, 40, 60, 80, 100), (7, 50, 57, 80)], ids=str)
@pytest.mark.parametrize("operator", OPERATORS, ids=named)
def test_gaps_and_walls_are_left_out_as_by_loops(operator: Operator, walls: tuple[int, ...], rng: np.random.Generator) -> None:
    x = panel(rng)
    found = apply(operator, x, walls)
    for number, row in enumerate(x):
        agree(found, LOOPS[operator.name](operator, pieces(row, walls)), number)


@pytest.mark.parametrize("operator", OPERATORS, ids=named)
def test_a_name_in_a_panel_gives_the_numbers_of_its_own_span(operator: Operator, rng: np.random.Generator) -> None:
    x = panel(rng)[:4]
    for policy in ("propagate", "error", "mask"):
        found = apply(operator, x, nan=policy)
        for row, (start, stop) in enumerate(((0, 120), (40, 120), (0, 70), (15, 100))):
            agree(found, apply(operator, x[row, start:stop]), row)


@pytest.mark.parametrize("operator", OPERATORS, ids=named)
def test_a_gap_spoils_its_series_or_is_refused(operator: Operator, rng: np.random.Generator) -> None:
    x = panel(rng)
    found, masked = apply(operator, x, nan="propagate"), apply(operator, x)
    for name, values in found.items():
        if name == "count" or (name, operator.name) == ("band", "absolute_autocorrelation"):
            np.testing.assert_array_equal(values[:4], masked[name][:4])
        else:
            assert np.isnan(values[4:]).all()
            np.testing.assert_allclose(values[:4], masked[name][:4], rtol=1e-9, atol=1e-12)
    with pytest.raises(DataError, match=rf"{operator.name} input.*interior NaN.*first at \(0, \d+\).*nan='mask'"):
        apply(operator, x[4:], nan="error")
    # What lies before the first sample of a session is no gap: names that trade late in the day.
    late = np.where(np.arange(120) % 20 < 3, np.nan, panel(rng)[0])
    agree(apply(operator, late, range(20, 120, 20), "error"), apply(operator, late, range(20, 120, 20)))


def test_many_lags_have_the_stated_accuracy(rng: np.random.Generator) -> None:
    """Transforms round like the largest sum; of tails without a variance, too, few lags by sums are the same to that."""
    x = rng.standard_t(1.5, (3, 5000))
    y = x - x.mean(axis=1, keepdims=True)
    scale = np.sqrt((y**2).mean(axis=1) * (y**4).mean(axis=1)) / (y**2).mean(axis=1) ** 2
    for walls in ((), (1000, 2000, 3500)):
        many = apply(Leverage(lags=tuple(range(1, 101)), details=True), x, walls)["leverage"]
        few = apply(Leverage(lags=(1, 50, 100), details=True), x, walls)["leverage"]
        assert (np.abs(many[:, [0, 49, 99]] - few) < 1e-13 * scale[:, None]).all()


def test_the_band_of_leverage_is_that_of_random_signs(rng: np.random.Generator) -> None:
    volatility = np.exp(np.convolve(rng.standard_normal(2099), np.ones(100) / 10, "valid"))  # clusters of volatility
    moduli = np.abs(volatility * rng.standard_normal(2000))
    signed = moduli * rng.choice([-1.0, 1.0], (2000, 2000))
    found = apply(Leverage(lags=(-3, 0, 1, 20), demean=False, details=True), signed)
    np.testing.assert_allclose(found["band"], np.broadcast_to(found["band"][0], (2000, 4)), rtol=1e-9)  # moduli alone matter
    # The standard deviation of 2000 surrogates, whose kurtosis stays below 4 here, has a relative error below 0.02.
    np.testing.assert_allclose(found["leverage"].std(axis=0) * 1.959964, found["band"][0], rtol=0.08)
    inside = (np.abs(found["leverage"]) < found["band"]).mean(axis=0)
    assert ((inside > 0.93) & (inside < 0.97)).all()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_walls_and_holes(data: st.DataObject) -> None:
    n = data.draw(st.integers(20, 60))
    x = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))).standard_t(3, n)
    x[data.draw(st.lists(st.integers(0, n - 1), max_size=n // 2))] = np.nan
    walls = sorted(data.draw(st.sets(st.integers(1, n - 1), max_size=5)))
    operator = data.draw(st.sampled_from([op for op in OPERATORS if op.name != "hill"]))
    segments = pieces(x, walls)
    if there(segments).size < 5:
        return
    expected = LOOPS[operator.name](operator, segments)
    found = apply(operator, x, walls)
    np.testing.assert_array_equal(found["count"], expected["count"])
    enough = np.asarray(expected["count"]) > 4  # of two or three values some statistics are rounding
    for name, values in found.items():
        np.testing.assert_allclose(values[..., enough], np.asarray(expected[name])[..., enough], rtol=1e-7, atol=1e-9)


def sessions(rng: np.random.Generator, days: int, bars: int) -> xr.DataArray:
    values = rng.standard_t(5, (2, days * bars))
    coords = {"name": ["a", "b"], "segment": ("time", np.repeat(np.arange(days), bars))}
    return xr.DataArray(values, dims=("name", "time"), coords=coords, attrs={"units": "1"})


def test_sessions_are_pooled_pair_by_pair(rng: np.random.Generator) -> None:
    data = sessions(rng, 30, 40)
    by_day = data.values.reshape(2, 30, 40)
    x = by_day - by_day.mean(axis=(1, 2), keepdims=True)
    moment = (x**2).mean(axis=(1, 2))
    found = ops.leverage(data, dims="time", lags=(1, 7), details=True)
    for k, lag in enumerate((1, 7)):
        pooled = (x[..., :-lag] * x[..., lag:] ** 2).mean(axis=(1, 2)) / moment**2
        np.testing.assert_allclose(found["leverage"][:, k], pooled, rtol=1e-12)
        assert (found["count"][:, k] == 30 * (40 - lag)).all()
    day_sums = ops.horizon_moments(data, dims="time", horizons=(40,))
    np.testing.assert_allclose(day_sums["std"][:, 0], by_day.sum(axis=2).std(axis=1), rtol=1e-12)
    acf = ops.absolute_autocorrelation(data, dims="time", max_lag=39, powers=(1.0,), details=True)
    y = np.abs(x) - np.abs(x).mean(axis=(1, 2), keepdims=True)
    last = (1 - 39 / 1200) * (y[..., 0] * y[..., 39]).mean(axis=1) / (y**2).mean(axis=(1, 2))
    np.testing.assert_allclose(acf["absolute_autocorrelation"][:, 0, 38], last, rtol=1e-9)
    # Independent values stay in the band at all lags, those with few pairs too.
    assert 0.9 < float((np.abs(acf["absolute_autocorrelation"][:, 0]) < acf["band"]).mean()) <= 1
    np.testing.assert_allclose(acf["band"][0, 38], 1.959964 * np.sqrt((1 - 39 / 1200) / 30), rtol=1e-6)


def test_one_session_more_adds_its_pairs_alone(rng: np.random.Generator) -> None:
    """Two sessions together are the average of both by their pairs, when each has the mean and variance of both."""
    one = rng.permutation(np.repeat([-1.5, -1.0, 0.5, 2.0], 10))
    other = rng.permutation(one)
    parts = [apply(Leverage(lags=(1, 2), details=True), part)["leverage"] for part in (one, other)]
    both = apply(Leverage(lags=(1, 2), details=True), np.concatenate([one, other]), walls=(40,))["leverage"]
    np.testing.assert_allclose(both, (parts[0] + parts[1]) / 2, rtol=1e-12)


@pytest.mark.parametrize(
    ("operator", "match"),
    [
        (Leverage(lags=(20,)), "lags: out of range for the segments.*from -19 to 19"),
        (AbsoluteAutocorrelation(max_lag=20), "max_lag.*segments.*from 1 to 19"),
        (Zumbach(windows=(11,)), "windows.*segments.*from 1 to 10"),
        (HorizonMoments(horizons=(21,)), "horizons.*segments.*from 1 to 20"),
        (Hill(extremes=(100,)), "extremes"),
        (Leverage(lags=(1,), walls=(20, 40, 60)), "coordinate segment tells others"),
    ],
    ids=named,
)
def test_what_no_session_can_serve(operator: Operator, match: str, rng: np.random.Generator) -> None:
    data = sessions(rng, 5, 20)
    with pytest.raises(ParameterError, match=match):
        bind(operator.replace(dims=("time",)), spec_of(data))
    for walls in ((0,), (100,), (30, 30), (40, 30)):
        with pytest.raises(ParameterError, match=r"walls increase and lie inside the series.*from 1 to 99"):
            bind(Leverage(dims="time", lags=(1,), walls=walls), spec_of(data.drop_vars("segment")))


def test_walls_come_from_the_coordinate_or_are_given(rng: np.random.Generator) -> None:
    data = sessions(rng, 5, 21)
    plain = data.drop_vars("segment")
    for operator in (op.replace(dims=("time",)) for op in OPERATORS):
        wanted = getattr(ops, operator.name)(data, **_parameters(operator))
        given = getattr(ops, operator.name)(plain, **_parameters(operator), walls=(21, 42, 63, 84))
        other = getattr(ops, operator.name)(plain, **_parameters(operator))
        for name, values in wanted.items():
            np.testing.assert_array_equal(values, given[name])
        assert not wanted["count"].equals(other["count"]) or operator.name == "hill"


def _parameters(operator: Operator) -> dict[str, Any]:
    return {name: value for name, value in operator.parameters().items() if name not in ("walls", "dtype")}


def test_sentinels_are_missing_values(rng: np.random.Generator) -> None:
    x = panel(rng)
    for operator in OPERATORS:
        declared = apply(operator.replace(missing=999.99), np.where(np.isnan(x), 999.99, x))
        for name, values in apply(operator, x).items():
            np.testing.assert_array_equal(values, declared[name])


def test_a_panel_in_chunks_is_the_panel(rng: np.random.Generator) -> None:
    """Names are split among tasks as they come; labels of single precision and of the first gap are those of the whole."""
    data = xr.DataArray(panel(rng), dims=("name", "time"), coords={"name": list("abcdef")})
    for operator in OPERATORS:
        call = _parameters(operator.replace(dims=("time",), nan="mask"))
        whole, parts = getattr(ops, operator.name)(data, **call), getattr(ops, operator.name)(data.chunk(name=4), **call)
        single = getattr(ops, operator.name)(data.astype("float32"), **call)
        for name, values in whole.items():
            assert parts[name].chunks[0] == (4, 2)
            np.testing.assert_allclose(parts[name], values, rtol=1e-10, atol=1e-12)
            assert single[name].dtype == values.dtype
    with pytest.raises(DataError, match=r"first at \(4, \d+\)"):
        ops.leverage(data.chunk(name=4), dims="time", lags=(1,), nan="error").compute(scheduler="synchronous")


@pytest.mark.parametrize("operator", OPERATORS[:5], ids=named)
def test_a_statistic_alone_is_that_of_its_details(operator: Operator, rng: np.random.Generator) -> None:
    x = panel(rng)
    alone = operator.replace(details=False, nan="mask").apply(np, x)
    np.testing.assert_array_equal(alone, apply(operator, x)[operator.name])


def test_names_without_any_sample_are_nan_alone(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 50))
    x[1] = np.nan
    for operator in OPERATORS:
        for name, values in apply(operator, x, nan="error").items():
            if name == "count":
                assert (values[1] == 0).all()
                assert (values[[0, 2]] > 0).any()
            else:
                assert np.isnan(values[1]).all()
                assert not np.isnan(values[[0, 2]]).all()


def test_a_job_on_a_stored_panel_is_the_panel(tmp_path: Path, rng: np.random.Generator) -> None:
    data = xr.DataArray(panel(rng), dims=("asset", "time"), name="r", coords={"asset": np.array(list("ABCDEF"), dtype=object)})
    data = data.assign_coords(segment=("time", np.repeat([3, 4], 60)))
    data.chunk(asset=2).to_dataset().to_zarr(tmp_path / "r.zarr", consolidated=False)
    result = job(tmp_path / "r.zarr", "absolute_autocorrelation", max_lag=20, details=True).run(tmp_path / "out.zarr")
    expected = ops.absolute_autocorrelation(data, dims="time", max_lag=20, nan="mask", details=True)
    for name, values in expected.items():
        np.testing.assert_allclose(result[name], values, rtol=1e-12, atol=1e-14)
    assert result["asset"].values.tolist() == list("ABCDEF")


def test_twenty_years_of_5000_names_are_split_by_names(tmp_path: Path) -> None:
    """A task holds some names with all their days; what it needs beside them is what cost() declares."""
    zarr.create_group(tmp_path / "r.zarr")
    zarr.create_array(tmp_path / "r.zarr" / "r", shape=(5000, 5030), chunks=(50, 5030), dtype="float64",
                      dimension_names=("asset", "time"))  # fmt: skip
    for name in LOOPS:
        plan = job(tmp_path / "r.zarr", name).plan(memory="512 MiB")
        assert plan.tasks >= 20
        assert plan.max_projected_memory < 160 << 20
        assert "split over asset" in str(plan)


def job(path: Path, name: str, **parameters: Any) -> Pipeline:
    arguments = {"data": {"from_node": "r"}, "dims": ["time"], "nan": "mask", **parameters}
    return Pipeline({"process_graph": {
        "r": {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "r"}},
        "s": {"process_id": name, "arguments": arguments, "result": True},
    }})  # fmt: skip
