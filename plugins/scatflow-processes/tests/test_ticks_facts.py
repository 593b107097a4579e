"""The intraday pattern and the Epps effect."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow import ops
from scatflow.errors import DimensionError, ParameterError
from scatflow_processes.asynchrony import epps_curve, trading_overlap
from scatflow_processes.bars import Collector, Ticks, time_grid
from scatflow_processes.intraday import runs_of, volatility_profile, without_profile
from scatflow_processes.sessions import Sessions

S = 10**9


def sessions(days: int, slots: int, rng: np.random.Generator, names: int = 2) -> tuple[xr.DataArray, np.ndarray]:
    """Gaussian returns under a U-shaped volatility."""
    shape = 1 + 2 * (np.linspace(-1, 1, slots) ** 2)
    values = rng.standard_normal((names, days, slots)) * shape
    coords = {"segment": ("time", np.repeat(np.arange(days), slots)), "session_bar": ("time", np.tile(np.arange(slots), days))}
    return xr.DataArray(values.reshape(names, -1), dims=("name", "time"), coords=coords, attrs={"units": "1"}), shape


def test_the_pattern_is_found_taken_out_and_kept(rng: np.random.Generator) -> None:
    data, shape = sessions(4000, 10, rng)
    found = ops.remove_intraday_pattern(data, dims="time")
    assert found["profile"].dims == ("name", "slot")
    # A standard deviation of n Gaussian values has the relative error 1 / sqrt(2 n).
    np.testing.assert_allclose(
        found["profile"], np.broadcast_to(shape / np.sqrt((shape**2).mean()), (2, 10)), rtol=4.5 / np.sqrt(8000)
    )
    np.testing.assert_allclose((found["returns"] ** 2).mean("time"), (data**2).mean("time"), rtol=1e-12)
    flat = found["returns"].values.reshape(2, 4000, 10)
    np.testing.assert_allclose((flat**2).mean(axis=1), np.broadcast_to((flat**2).mean(axis=(1, 2))[:, None], (2, 10)), rtol=1e-12)
    by_label = data / found["profile"].sel(slot=data["session_bar"])
    np.testing.assert_allclose(by_label, found["returns"], rtol=1e-12)


def test_a_profile_found_before_serves_other_days(rng: np.random.Generator) -> None:
    data, _ = sessions(40, 10, rng, names=1)
    profile = tuple(ops.remove_intraday_pattern(data, dims="time")["profile"].values[0])
    # A part that starts inside a session knows its slots by label.
    part = data.isel(time=slice(13, 57))
    found = ops.remove_intraday_pattern(part, dims="time", profile=profile)
    expected = ops.remove_intraday_pattern(data, dims="time")["returns"].isel(time=slice(13, 57))
    np.testing.assert_allclose(found["returns"], expected, rtol=1e-14)
    np.testing.assert_array_equal(found["profile"].values[0], profile)
    with pytest.raises(ParameterError, match="at least 10 factors"):
        ops.remove_intraday_pattern(data, dims="time", profile=profile[:9])
    for bad in ((0.0, 1.0), (1.0, float("nan"))):
        with pytest.raises(ParameterError, match="finite and > 0"):
            ops.remove_intraday_pattern(data, dims="time", profile=bad)


def test_what_has_no_slots_is_refused(rng: np.random.Generator) -> None:
    data, _ = sessions(3, 5, rng)
    segments_alone = ops.remove_intraday_pattern(data.drop_vars("session_bar"), dims="time")
    np.testing.assert_array_equal(segments_alone["profile"], ops.remove_intraday_pattern(data, dims="time")["profile"])
    plain = data.drop_vars(["session_bar", "segment"])
    np.testing.assert_array_equal(
        ops.remove_intraday_pattern(plain, dims="time", bars_per_session=5)["profile"], segments_alone["profile"]
    )
    holes = data.where(data["session_bar"] > 0)
    assert np.isfinite(ops.remove_intraday_pattern(holes, dims="time")["returns"]).sum() == 2 * 3 * 4
    assert np.isnan(ops.remove_intraday_pattern(holes, dims="time", skipna=False)["returns"]).all()
    with pytest.raises(DimensionError, match="neither slots nor segments"):
        ops.remove_intraday_pattern(data.drop_vars(["session_bar", "segment"]), dims="time")
    with pytest.raises(DimensionError, match="must increase within a session, first broken at sample 1"):
        ops.remove_intraday_pattern(data.assign_coords(session_bar=("time", [0, 0, 1, 2, 3] * 3)), dims="time")


def test_gaps_are_left_out_of_the_profile() -> None:
    x = np.array([2.0, np.nan, 2.0, 1.0, 0.0, np.nan])
    runs = runs_of([0, 1, 0, 1, 2, 3], walls=(2,))
    profile = volatility_profile(np, x, runs)
    mean = (4 + 4 + 1 + 0) / 4
    np.testing.assert_allclose(profile, [np.sqrt(4 / mean), np.sqrt(1 / mean), np.nan, np.nan])
    np.testing.assert_array_equal(np.isnan(without_profile(np, x, profile, runs)), [False, True, False, False, True, True])
    assert without_profile(np, x.astype("float32"), profile, runs).dtype == np.float32


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=1, unique=True).map(sorted), min_size=1, max_size=6))
def test_runs_cover_all_samples_once(days: list[list[int]]) -> None:
    slots = np.concatenate(days)
    walls = tuple(np.cumsum([len(day) for day in days])[:-1].tolist())
    runs = runs_of(slots, walls)
    again = np.concatenate([np.tile(np.arange(slot, slot + length), count) for _, length, slot, count in runs])
    assert [start for start, *_ in runs] == np.cumsum([0, *(length * count for _, length, _, count in runs)])[:-1].tolist()
    np.testing.assert_array_equal(again, slots)


def test_bad_slots() -> None:
    for bad in ([], [-1, 0], [[0, 1]], [0.0, 0.5], [0.0, np.nan]):
        with pytest.raises(ValueError, match="integers >= 0"):
            runs_of(bad)


def poisson_prices(rng: np.random.Generator, rho: float, rate: float, seconds: int, size: float) -> tuple:
    """Two Brownian log-prices of correlation rho, one step a second, seen at Poisson times; their bars."""
    moves = rng.standard_normal((2, seconds))
    moves[1] = rho * moves[0] + np.sqrt(1 - rho**2) * moves[1]
    logs = np.cumsum(moves, axis=1) * 1e-4
    seen = rng.random((2, seconds)) < rate
    at = np.flatnonzero(seen.T.ravel())
    times, names = at // 2, at % 2
    grid = time_grid(Sessions(np.array([0]), np.array([seconds * S])), size)
    collector = Collector(grid, 2)
    collector.add(Ticks(times * S, names, np.exp(logs[names, times]), np.ones(at.size)))
    return collector.bars()


def test_asynchronous_trades_hide_correlation_at_short_lengths(rng: np.random.Generator) -> None:
    """Previous ticks seen in every second with probability p = 1 - q: the exact correlation at a length of h seconds.

    A move of second s enters both returns where both names are seen in [s, h]; one before the bar only where neither was seen
    since. So cov = rho (sum_(j=1..h) (1 - q^j)^2 + (1 - q^h)^2 q^2 / (1 - q^2)), and the variance is h.
    """
    rho, rate = 0.8, 0.1
    bars = poisson_prices(rng, rho, rate, 400_000, 2.0)
    overlap = trading_overlap(bars.ticks)
    single = 1 - (1 - rate) ** 2
    np.testing.assert_allclose(overlap, [[single, single**2], [single**2, single]], atol=0.005)
    lengths = np.array([1, 5, 25, 100])
    curve = epps_curve(bars.returns, lengths)
    found = curve.correlation[:, 0, 1]
    q = 1 - rate
    inside = np.array([((1 - q ** np.arange(1, h + 1)) ** 2).sum() for h in 2 * lengths])
    before = (1 - q ** (2 * lengths)) ** 2 * q**2 / (1 - q**2)
    expected = rho * (inside + before) / (2 * lengths)
    errors = (1 - expected**2) / np.sqrt(200_000 / lengths)
    assert (np.abs(found - expected) < 4 * errors).all()
    assert (np.diff(found) > 0).all()
    np.testing.assert_allclose(np.diagonal(curve.correlation, axis1=1, axis2=2), 1, atol=1e-12)


def test_no_longer_bar_crosses_a_wall_and_gaps_are_left_out(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 23))
    x[1, 4] = np.nan
    segments = np.repeat([0, 1, 2], [7, 10, 6])
    curve = epps_curve(x, [3], segments)
    groups = [np.arange(a, a + 3) for a in (0, 3, 7, 10, 13, 17, 20)]
    sums = np.array([x[:, group].sum(axis=1) for group in groups]).T
    there = ~np.isnan(sums)
    for i in range(3):
        for j in range(3):
            both = there[i] & there[j]
            assert curve.bars[0, i, j] == both.sum()
            expected = np.corrcoef(sums[i, both], sums[j, both])[0, 1]
            assert curve.correlation[0, i, j] == pytest.approx(expected, abs=1e-12)


def test_bad_requests() -> None:
    x = np.ones((2, 8))
    assert np.isnan(epps_curve(x, [1]).correlation).all()  # nothing moves
    for seed in range(20):  # the second moves, but not where the first is known; whatever the rounding of its mean
        y = np.random.default_rng(seed).standard_normal((2, 60)) * 1e-3
        y[0, :40], y[1, 40:] = np.nan, 0.0
        correlation = epps_curve(y, [1]).correlation[0]
        assert np.isnan(correlation[0, 1])
        np.testing.assert_allclose(np.diagonal(correlation), 1.0)
    for lengths in ([], [0], [1.5]):
        with pytest.raises(ValueError, match="integers >= 1"):
            epps_curve(x, lengths)
    with pytest.raises(ValueError, match="no bar of 9 fits"):
        epps_curve(x, [9])
    with pytest.raises(ValueError, match=r"segments \(bars,\)"):
        epps_curve(x, [1], np.zeros(3))
    for ticks in (np.ones(3), -np.ones((2, 2)), np.ones((2, 0))):
        with pytest.raises(ValueError, match="numbers >= 0"):
            trading_overlap(ticks)
