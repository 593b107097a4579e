"""Absence and gaps (U4), and labels of axes (U1-U3), as users meet them in ``scattering`` and ``wavelet``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import DataError, ParameterError
from scatflow_scattering.scattering import Scattering

N = 320
KEYWORDS: dict[str, Any] = {"dims": "time", "J": 3}


def prices(items: int = 4, n: int = N, seed: int = 0, **coords: Any) -> xr.DataArray:
    values = np.random.default_rng(seed).standard_normal((items, n)) + 2.0
    return xr.DataArray(values, dims=("name", "time"), coords=coords, name="r")


def gaps() -> xr.DataArray:
    """Item 0 whole, 1 with a block of NaN, 2 absent, 3 listed late and delisted early with a gap between."""
    x = prices()
    x[1, 120:140] = np.nan
    x[2] = np.nan
    x[3, :64] = np.nan
    x[3, 280:] = np.nan
    x[3, 200] = np.nan
    return x


def reach(stride: int = 1) -> int:
    return Scattering(dims=("time",), J=3).depth(1e-4)["x"][0] // stride


# Policies


def test_propagated_nan_reach_as_far_as_the_filters() -> None:
    x = gaps()
    out = sf.ops.scattering(x, **KEYWORDS, stride=1)
    bad = np.isnan(out.values)
    assert (bad.all(axis=2) == bad.any(axis=2)).all()
    t, r = np.arange(N), reach()
    assert not bad[0].any() and bad[2].all()
    np.testing.assert_array_equal(bad[1, :, 0], (t >= 120 - r) & (t < 140 + r))
    np.testing.assert_array_equal(bad[3, :, 0], (t < 64) | (t >= 280) | ((t >= 200 - r) & (t <= 200 + r)))
    # What is left does not know what the gap held.
    other = x.copy()
    other[1, 120:140] = np.random.default_rng(1).standard_normal(20)
    filled = sf.ops.scattering(other, **KEYWORDS, stride=1)
    kept = ~bad[1, :, 0]
    assert float(np.abs(out[1] - filled[1])[kept].max()) < 1e-3
    np.testing.assert_allclose(out[0], sf.ops.scattering(prices(), **KEYWORDS, stride=1)[0], atol=1e-13)


@pytest.mark.parametrize("operator", ["scattering", "wavelet"])
def test_the_refusal_says_how_many_and_where(operator: str) -> None:
    with pytest.raises(DataError, match=r"21 interior NaN .*first at \(1, 120\)"):
        getattr(sf.ops, operator)(gaps(), **KEYWORDS, nan="error")
    with pytest.raises(DataError, match=r"1 interior NaN .*first at \(1, 200\)"):
        getattr(sf.ops, operator)(gaps()[2:], **KEYWORDS, nan="error")
    lazy = getattr(sf.ops, operator)(gaps().chunk(name=1), **KEYWORDS, nan="error")
    with pytest.raises(DataError, match="interior NaN"):
        lazy.compute(scheduler="sync")
    absent = gaps()[[0, 2]]
    assert np.isnan(getattr(sf.ops, operator)(absent, **KEYWORDS, nan="error")[1]).all()


@pytest.mark.parametrize("operator", ["scattering", "wavelet"])
def test_masks_report_the_share_of_the_window(operator: str) -> None:
    stride = 4
    out = getattr(sf.ops, operator)(gaps(), **KEYWORDS, stride=stride, nan="mask")
    assert set(out.data_vars) == {operator, "valid_fraction"} and out.valid_fraction.dims == ("name", "time")
    # The low-pass of one dim is a Gaussian of 8 / (2 pi 0.1) samples.
    t = np.arange(-200, N + 200)
    weights = np.exp(-0.5 * ((stride * np.arange(N // stride)[:, None] - t) / (8 / (0.2 * np.pi))) ** 2)
    valid = np.zeros((4, t.size))
    valid[:, 200:-200] = ~np.isnan(gaps().values)
    expected = valid @ weights.T / weights.sum(axis=1)
    inside = np.asarray(stride * np.arange(N // stride))
    expected[3, (inside < 64) | (inside >= 280)] = 0
    # Near ends the window counts as far as the extension goes, 5 averaging scales: all but 2e-3 of its weight.
    np.testing.assert_allclose(out.valid_fraction, expected, atol=1e-3)
    np.testing.assert_allclose(out.valid_fraction[:3, 15:-15], expected[:3, 15:-15], atol=1e-6)
    values = out[operator].transpose("name", "time", ...)
    bad = np.isnan(values).all("path")
    assert (bad == np.isnan(values).any("path")).all()
    assert bad[2].all() and not bad[0].any() and 0 < int(bad[1].sum()) < 20 // stride + 1
    assert (expected[1][bad[1].values] < 0.5).all() and (expected[1][~bad[1].values & (inside > 40) & (inside < 280)] >= 0.5).all()


@pytest.mark.parametrize("filters", ["morlet", "gammatone"])
@pytest.mark.parametrize("keywords", [{"stride": 1}, {"stride": 12}, {"T": 20.0}, {"boundary": "periodic"}])
def test_shares_in_parts_are_those_of_the_whole(filters: str, keywords: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are held for a part of the axis at a time; without a declared reach for all of it."""
    x = prices(2, n=600)
    x[0, 250:300] = np.nan
    keywords = {**KEYWORDS, "order": 0, "filters": filters, **keywords}

    def shares() -> list[Any]:
        masked = sf.ops.scattering(x, **keywords, nan="mask")
        return [masked.valid_fraction.values, sf.ops.scattering(prices(2, n=600), **keywords).valid_fraction.values]

    parts = shares()
    monkeypatch.setattr(Scattering, "coverage_reach", lambda self: {})
    for mine, whole in zip(parts, shares(), strict=True):
        np.testing.assert_allclose(mine, whole, atol=1e-7)  # results are in single precision


def test_long_axes_need_no_square_matrix() -> None:
    import tracemalloc

    n = 200_000
    x = xr.DataArray(np.zeros((1, n), "float32"), dims=("name", "time")).chunk(name=1)
    tracemalloc.start()
    try:
        out = sf.ops.scattering(x, **KEYWORDS, stride=2)
        assert tracemalloc.get_traced_memory()[1] < 40 * n  # one weight per output and input would be 80 GB
    finally:
        tracemalloc.stop()
    assert out.valid_fraction.sizes == {"time": n // 2} and float(out.valid_fraction[n // 4]) == 1


def test_the_least_fraction_is_chosen() -> None:
    strict, loose = (sf.ops.scattering(gaps()[1:2], **KEYWORDS, stride=1, nan="mask", min_valid=m) for m in (0.9, 0.0))
    assert np.isfinite(loose.scattering).all()
    lost = np.isnan(strict.scattering).any("path").values[0]
    full = sf.ops.scattering(prices()[:1], **KEYWORDS, stride=1, nan="mask").valid_fraction.values
    np.testing.assert_array_equal(lost, (strict.valid_fraction.values < np.float32(0.9) * full)[0])
    np.testing.assert_array_equal(strict.scattering.values[0, ~lost], loose.scattering.values[0, ~lost])


def test_masked_means_are_means_over_valid_samples() -> None:
    x = gaps()
    moments = sf.ops.scattering_moments(x, **KEYWORDS, nan="mask")
    np.testing.assert_allclose(moments["mean"].sel(path=moments.order == 0)[:, 0], x.mean("time"), rtol=1e-12)
    np.testing.assert_allclose(sf.ops.reduce(x, over="time", skipna=True), x.mean("time"), rtol=1e-12)
    pooled = sf.ops.scattering_moments(x, **KEYWORDS, nan="mask", over="name")
    spans = np.array([N, N - 20, 0, 215])  # items weigh by their valid samples
    expected = np.nansum(x.mean("time") * spans) / spans.sum()
    assert float(pooled["mean"][0]) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ParameterError, match="scattering_moments"):
        sf.ops.scattering(x, **KEYWORDS, T="global", nan="mask")


@pytest.mark.parametrize("policy", ["propagate", "mask"])
@pytest.mark.parametrize("chunks", [1, 3, (1, 1, 2), (2, 2)])
def test_lazy_equals_eager_whatever_the_chunks(policy: str, chunks: Any) -> None:
    # Of these, some have the gap in the last item of a chunk, some in the first, some alone.
    for operator in (sf.ops.scattering, sf.ops.wavelet):
        eager = operator(gaps(), **KEYWORDS, nan=policy)
        lazy = operator(gaps().chunk(name=chunks), **KEYWORDS, nan=policy)
        assert not isinstance(eager, xr.Dataset) or lazy.valid_fraction.chunks is not None
        xr.testing.assert_allclose(lazy.compute(scheduler="sync"), eager, rtol=1e-13, atol=1e-14)


def test_sentinels_are_gaps() -> None:
    x = gaps()
    declared = sf.ops.scattering(x.fillna(999.99), **KEYWORDS, missing=999.99)
    np.testing.assert_array_equal(declared, sf.ops.scattering(x, **KEYWORDS))


def test_holes_in_fields() -> None:
    field = xr.DataArray(np.random.default_rng(3).standard_normal((3, 48, 64)), dims=("t", "y", "x"))
    field[1, 10:14, 20:30] = np.nan
    field[2] = np.nan
    keywords: dict[str, Any] = {"dims": ("y", "x"), "J": 2, "L": 2, "boundary": "periodic"}
    r = Scattering(dims=("y", "x"), J=2, L=2).depth(1e-4)
    bad = np.isnan(sf.ops.scattering(field, **keywords, stride=1)).transpose("t", "y", "x", "path")
    expected = np.zeros((48, 64), bool)
    expected[max(0, 10 - r["y"][0]) : 14 + r["y"][1], max(0, 20 - r["x"][0]) : 30 + r["x"][1]] = True
    assert not bad[0].any() and bad[2].all()
    np.testing.assert_array_equal(bad[1, :, :, 0], expected)
    masked = sf.ops.scattering(field, **keywords, nan="mask")
    assert float(masked.valid_fraction[0].min()) > 1 - 1e-6 and (masked.valid_fraction[2] == 0).all()
    lazy = sf.ops.scattering(field.chunk(t=1), **keywords, nan="mask").compute(scheduler="sync")
    xr.testing.assert_allclose(lazy, masked, rtol=1e-13, atol=1e-14)


# Absence: the span is the signal


@pytest.mark.parametrize("operator", ["scattering", "wavelet"])
@pytest.mark.parametrize("policy", ["propagate", "error", "mask"])
def test_the_span_is_the_signal(operator: str, policy: str) -> None:
    x = prices(2, time=("time", 0.25 * np.arange(N), {"units": "s"}))
    gone = x.copy()
    gone[0, :64] = np.nan
    gone[0, 281:] = np.nan
    out = getattr(sf.ops, operator)(gone, **KEYWORDS, nan=policy)
    alone = getattr(sf.ops, operator)(x[:1, 64:281], **KEYWORDS, nan=policy)
    values, cut = (v[operator] if policy == "mask" else v for v in (out, alone))
    inside = values.sel(time=slice(16.0, 70.2))
    np.testing.assert_allclose(inside[0], cut[0], atol=1e-12)
    np.testing.assert_array_equal(inside.time, cut.time)
    assert np.isnan(values[0].where((values.time < 16) | (values.time > 70.2), drop=True)).all()
    np.testing.assert_allclose(values[1], (getattr(sf.ops, operator)(x, **KEYWORDS))[1], atol=1e-12)


def test_any_first_day_serves_where_nothing_is_subsampled() -> None:
    # Planes lie on absolute multiples of 2^j, and extensions reach to a multiple of 2^J: neither counts on the finest grid
    # with an extension beyond the reach.
    x = prices(1)
    gone = x.copy()
    gone[0, :77] = np.nan
    keywords = {**KEYWORDS, "stride": 1, "oversampling": 3, "pad": 20.0}
    out, alone = sf.ops.scattering(gone, **keywords), sf.ops.scattering(x[:, 77:], **keywords)
    np.testing.assert_allclose(out[:, 77:], alone, atol=1e-10)


# Axes


def test_datetimes_are_seconds() -> None:
    start = np.datetime64("2001-01-01T00:00:00", "ns")
    when = start + (np.arange(N) * 50).astype("m8[ms]")
    out = sf.ops.scattering(prices(time=when), **KEYWORDS)
    seconds = sf.ops.scattering(prices(time=("time", 0.05 * np.arange(N), {"units": "s"})), **KEYWORDS)
    np.testing.assert_allclose(out.xi1, seconds.xi1, rtol=1e-9)
    assert out.xi1.attrs["units"] == "1/s" and out.scale1.attrs["units"] == "s"
    assert float(out.xi1[1]) == pytest.approx(0.35 / 0.05)
    np.testing.assert_array_equal(out.time, when[::8])
    assert out.support_end.dtype.kind == "M"


@pytest.mark.parametrize("how", ["parameter", "attribute"])
def test_dates_by_sample_are_kept(how: str) -> None:
    days = np.arange("2001-01-01", "2003-01-01", dtype="M8[D]")
    days = days[np.is_busday(days)][:N].astype("M8[ns]")
    x = prices(time=days)
    keywords: dict[str, Any] = {"sampling": {"time": "index"}} if how == "parameter" else {}
    if how == "attribute":
        x.time.attrs.update(sampling="index", sampling_step="trading_day")
    out = sf.ops.scattering(x, **KEYWORDS, **keywords)
    np.testing.assert_array_equal(out.time, days[::8])
    np.testing.assert_array_equal(out.support_end, days[np.minimum(8 * np.arange(N // 8) + reach(), N - 1)])
    assert float(out.xi1[1]) == pytest.approx(0.35)
    assert out.xi1.attrs["units"] == ("1" if how == "parameter" else "1/trading_day")
    np.testing.assert_array_equal(out, sf.ops.scattering(prices(), **KEYWORDS))


@pytest.mark.parametrize("operator", ["scattering", "wavelet"])
def test_walls_separate_sessions(operator: str) -> None:
    x = prices()
    walled = x.assign_coords(segment=("time", np.repeat(["morning", "evening"], [136, N - 136])))
    out = getattr(sf.ops, operator)(walled, **KEYWORDS)
    cut = 136 // 8 if operator == "scattering" else 136
    first, second = (getattr(sf.ops, operator)(part, **KEYWORDS) for part in (x[:, :136], x[:, 136:]))
    np.testing.assert_allclose(out[:, :cut], first, atol=1e-12)
    np.testing.assert_allclose(out[:, cut:], second, atol=1e-12)
    np.testing.assert_allclose(out.valid_fraction, np.r_[first.valid_fraction, second.valid_fraction], atol=1e-12)
    whole = sf.ops.scattering(walled, **KEYWORDS, T="global")
    parts = [sf.ops.scattering(part, **KEYWORDS, T="global") for part in (x[:, :136], x[:, 136:])]
    np.testing.assert_allclose(whole, (136 * parts[0] + (N - 136) * parts[1]) / N, atol=1e-12)


def test_single_precision_coordinates_are_uniform() -> None:
    narrow = (1000 + 0.1 * np.arange(N)).astype("float32")
    out = sf.ops.scattering(prices(time=narrow), **KEYWORDS)
    assert float(out.xi1[1]) == pytest.approx(3.5, rel=1e-4)


def test_angles_follow_the_coordinates() -> None:
    # Crests along the falling diagonal in coordinate space: the wave vector points at 45 degrees.
    n = 64
    y, x = np.arange(n) * 0.5, np.arange(n) * 0.5
    wave = np.cos(2 * np.pi * 0.25 * (y[:, None] + x[None, :]))
    up = xr.DataArray(wave, dims=("y", "x"), coords={"y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"})})
    for field in (up, up[::-1], up[:, ::-1], up[::-1, ::-1], up.transpose("x", "y")):
        out = sf.ops.scattering(field, dims=("y", "x"), J=3, L=4, order=1, T="global")
        strongest = out[1 + int(np.argmax(out.values[1:]))]
        assert float(strongest.theta1) == 45
        np.testing.assert_allclose(out.scale1[1:] * out.xi1[1:], 1)
        assert out.scale1.attrs["units"] == "m" and out.xi1.attrs["units"] == "1/m"


def test_a_declared_period_is_the_boundary() -> None:
    x = prices(time=("time", np.arange(N) * 0.5, {"period": 160.0}))
    out = sf.ops.scattering(x, **KEYWORDS)
    assert out.attrs["boundary"] == "periodic"
    np.testing.assert_array_equal(out, sf.ops.scattering(prices(), **KEYWORDS, boundary="periodic"))
    part = sf.ops.scattering(x[:, :160], **KEYWORDS)
    assert part.attrs["boundary"] == "reflect"
    assert sf.ops.scattering(x, **KEYWORDS, boundary="zero").attrs["boundary"] == "zero"


def test_a_gap_reaches_round_a_periodic_axis(rng: np.random.Generator) -> None:
    """Filters of a periodic signal see both ends at once: results at one end are NaN where a gap at the other is in reach."""
    x = rng.standard_normal(512)
    x[500] = np.nan
    found = sf.ops.scattering(xr.DataArray(x, dims="x"), J=3, boundary="periodic", sampling={"x": "index"}, stride=1, order=1)
    reach = 48  # 5.9 * 2^3 at 1e-4 by the table of order 1 with one band per octave, rounded
    lost = np.isnan(found.transpose(..., "x").values[0])
    spoiled = np.flatnonzero(lost)
    assert spoiled.max() == 511 and lost[0] and not lost[reach + 12 : 440].any()
    moved = sf.ops.scattering(
        xr.DataArray(np.roll(x, -256), dims="x"), J=3, boundary="periodic", sampling={"x": "index"}, stride=1, order=1
    )
    np.testing.assert_array_equal(
        np.isnan(np.roll(moved.transpose(..., "x").values, 256, axis=-1)), np.isnan(found.transpose(..., "x").values)
    )
