"""The causal family: impulse responses, numbers, adjoint, reach, and what the engine makes of a one-sided bank."""

from __future__ import annotations

import math

import array_api_strict as strict
import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.arrays import asnumpy, namespace
from scatflow.errors import DimensionError, ParameterError
from scatflow.spec import ArraySpec, Place
from scatflow_wavelet import Bank, Gammatone, Grid, Layout, Morlet
from scatflow_wavelet.gammatone import power_sum
from scatflow_wavelet.transform import Level, decompose, filters, recompose
from scatflow_wavelet.wavelet import Wavelet

BANKS = [(3, 1), (4, 3), (2, 8), (5, 2)]


def response(values):
    return np.fft.ifft(values)


def direct(bank, n, length):
    """The sampled formula, its constant found by requiring a zero sum, in unit L1 norm."""
    t = np.arange(length)
    band = bank.bands[n]
    # Peak at xi and half width sigma at exp(-1/2), solved here by a search over alpha.
    alphas = np.linspace(1e-3, math.sqrt(3), 20001) * band.xi
    shifts = 0.5 * (4 * band.xi - np.sqrt(16 * band.xi**2 - 4 * alphas**2))

    def width(alpha, carrier):
        w = np.linspace(1e-4, 6, 400001) * band.xi
        size = w / np.abs(alpha + 1j * (w - carrier)) ** 4
        above = w[size >= size.max() * math.exp(-0.5)]
        return 0.5 * (above[-1] - above[0])

    low, high = 0, len(alphas) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if width(alphas[middle], band.xi - shifts[middle]) < band.sigma else (low, middle)
    rate = complex(-alphas[low], band.xi - shifts[low])
    envelope = np.exp(rate * t)
    slope = -3 * np.sum(t**2 * envelope) / np.sum(t**3 * envelope)
    taps = (3 * t**2 + slope * t**3) * envelope
    return taps / np.abs(taps).sum()


@pytest.mark.parametrize("n", [0, 4, 9])
def test_impulse_response_is_the_sampled_formula(n):
    bank = Bank(Gammatone(), 4, 3)
    taps = response(bank.band_multiplier(n, Grid((1024,))))
    expected = direct(bank, n, 1024)
    # The search above ends at a step of alpha of 1e-4.
    np.testing.assert_allclose(taps, expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize(("J", "Q"), BANKS)
def test_responses_are_causal_zero_mean_and_of_unit_norm(J, Q):
    bank, n = Bank(Gammatone(), J, Q), 128 * 2**J
    for k in range(len(bank.bands)):
        taps = response(bank.band_multiplier(k, Grid((n,))))
        assert np.abs(taps[n // 2 :]).max() < 1e-15  # negative times, on a periodic grid
        assert taps[0] == pytest.approx(0, abs=1e-16) and abs(taps.sum()) < 1e-15
        assert np.abs(taps).sum() == pytest.approx(1, rel=1e-10)
    low = response(bank.low_multiplier(Grid((n,))))
    assert np.abs(low[n // 2 :]).max() < 1e-16 and np.abs(low.imag).max() < 1e-16
    assert low.real.min() > -1e-16 and low.sum() == pytest.approx(1, abs=1e-15)


def test_the_low_pass_follows_its_scale():
    n = 1 << 13
    t = np.arange(n)
    for T in (8.0, 20.0, 64.0):
        low = response(Bank(Gammatone(), 3, 1, T=T).low_multiplier(Grid((n,)))).real
        mean = np.sum(t * low)
        assert mean == pytest.approx(3.395 * T, rel=1e-3)
        assert math.sqrt(np.sum((t - mean) ** 2 * low)) == pytest.approx(1.698 * T, rel=1e-3)
        values = np.abs(np.fft.fft(low))
        edge = np.interp(-math.exp(-0.5), -values[: n // 2], np.arange(n // 2) / n)
        assert edge == pytest.approx(0.1 / T, rel=1e-3)


def test_peaks_and_widths_are_those_of_the_morlet_bank():
    causal, symmetric = Bank(Gammatone(), 6, 4), Bank(Morlet(), 6, 4)
    grid = Grid((1 << 15,))
    frequency = 2 * np.pi * np.arange(1 << 15) / (1 << 15)
    for mine, theirs in zip(causal.bands, symmetric.bands, strict=True):
        assert (mine.n, mine.j, mine.l) == (theirs.n, theirs.j, theirs.l)
        assert mine.xi == pytest.approx(theirs.xi) and mine.sigma == pytest.approx(theirs.sigma, rel=1e-9)
        values = np.abs(causal.band_multiplier(mine.n, grid))
        above = frequency[values >= values.max() * math.exp(-0.5)]
        # The finest bands meet their own period, as those of every sampled filter do.
        tolerance = 0.02 if mine.j > 1 else 0.2
        assert frequency[values.argmax()] == pytest.approx(mine.xi, rel=tolerance)
        assert 0.5 * (above.max() - above.min()) == pytest.approx(mine.sigma, rel=tolerance)


@pytest.mark.parametrize(("J", "Q"), BANKS)
@pytest.mark.parametrize("step", [2, 4, 8])
def test_a_coarser_grid_samples_the_response(J, Q, step):
    bank, n = Bank(Gammatone(), J, Q), 512 * 2**J
    pairs = [(bank.low_multiplier(Grid((n,))), bank.low_multiplier(Grid((n // step,), step)))]
    pairs += [
        (bank.band_multiplier(k, Grid((n,))), bank.band_multiplier(k, Grid((n // step,), step))) for k in range(len(bank.bands))
    ]
    for fine, coarse in pairs:
        np.testing.assert_allclose(coarse, fine.reshape(step, -1).sum(axis=0), atol=3e-13)
        taps = response(coarse)
        np.testing.assert_allclose(taps, step * response(fine)[::step], atol=3e-13)
        assert np.abs(taps[n // step // 2 :]).max() < 1e-15  # causal there too


def test_the_mean_on_coarser_grids_is_below_what_the_docstring_says():
    bank = Bank(Gammatone(), 6, 1)
    for band in bank.bands[1:]:
        alpha = 0.769 * band.xi  # sigma / xi = 0.4
        for step in (2**band.j, 2 ** (band.j - 1)):
            values = bank.band_multiplier(band.n, Grid((64 * 2**6 // step,), step))
            assert abs(values[0]) < 1.5 * (step * alpha) ** 4 / 180 * np.abs(values).max()


@pytest.mark.parametrize(("J", "Q", "low", "high"), [(6, 1, 0.154, 1), (6, 2, 0.054, 1), (6, 4, 0.006, 1), (6, 8, 0.012, 1)])
def test_frame_bounds(J, Q, low, high):
    found = Bank(Gammatone(), J, Q).bounds(Grid((1 << 13,)))
    assert found == (pytest.approx(low, abs=6e-4), pytest.approx(high, abs=1e-12))


def test_the_bank_never_exceeds_one():
    # Below 2^J = Q / 2, where even the top band is narrower than the low-pass, bands crowd as those of Morlet do.
    for J in range(8):
        for Q in (1, 3, 8, 16):
            if 2**J >= Q / 2:
                assert Bank(Gammatone(), J, Q).bounds(Grid((1 << (J + 4),)))[1] <= 1 + 1e-12


def test_large_scales_keep_their_digits():
    # The filter of scale 2^14 is that of 2^8 at 2^-6 times the frequency; its rational form is worst near 0.
    small, large = Bank(Gammatone(), 8, 1), Bank(Gammatone(), 14, 1)
    assert large.bands[-1].xi == pytest.approx(small.bands[-1].xi / 2**6)
    pairs = [(small.low_multiplier(Grid((1 << 12,))), large.low_multiplier(Grid((1 << 18,))))]
    pairs += [(small.band_multiplier(8, Grid((1 << 12,))), large.band_multiplier(14, Grid((1 << 18,))))]
    for a, b in pairs:
        np.testing.assert_allclose(b[:64], a[:64], atol=1e-4)  # sampled filters differ by alpha^2
        assert np.isfinite(b).all()
    assert large.bounds(Grid((1 << 15,)))[1] <= 1 + 1e-12


@pytest.mark.parametrize("power", [1, 2, 3, 5])
def test_power_sums_are_sums(power):
    n = np.arange(20000)
    for rate in (-0.02 + 0.01j, -1.5 + 2j, -0.5 - 3j):  # sums that do not cancel
        expected = np.sum((0.05 * n) ** power * np.exp(rate * n))
        assert power_sum(power, np.array([rate]), 0.05)[0] == pytest.approx(expected, rel=1e-11)


def test_large_arrays_of_a_library():
    bank = Bank(Gammatone(), 2, 4)
    grid = Grid((64,))
    assert bank.psi(grid, dtype="float32").dtype == np.complex64 and bank.phi(grid).dtype == np.complex128
    np.testing.assert_array_equal(bank.psi(grid, [3])[0], bank.band_multiplier(3, grid))


# The operator


def whole(n):
    return Place({"x": 0}, {"x": n}, {"x": (0, n)}, {"x": n}, periodic={"x": True})


@pytest.mark.parametrize("kw", [{"J": 4, "Q": 3}, {"J": 3, "stride": 5}, {"J": 3, "Q": 2, "stride": "octave", "oversampling": 0}])
def test_adjoint_dot_test(kw):
    rng = np.random.default_rng(3)
    operator = Wavelet(dims=("x",), filters=Gammatone(), **kw)
    data, at = rng.standard_normal((2, 96)), whole(96)
    xp = namespace(data)
    constants = operator.prepare(xp, ArraySpec(("x",), (96,), "float64"), None)
    out = operator.apply(xp, data, at=at, **constants)
    several = isinstance(out, dict)
    out = out if several else {"": out}
    given = {name: rng.standard_normal(v.shape) + 1j * rng.standard_normal(v.shape) for name, v in out.items()}
    (back,) = operator.vjp(xp, given if several else given[""], data, at=at, **constants)
    assert back.dtype == data.dtype and back.shape == data.shape
    left = sum(np.sum(np.conj(given[name]) * value).real for name, value in out.items())
    size = np.sqrt(sum(np.sum(np.abs(v) ** 2) for v in out.values()) * sum(np.sum(np.abs(v) ** 2) for v in given.values()))
    assert abs(left - np.sum(back * data)) <= 1e-12 * size


@pytest.mark.parametrize(("step", "factor"), [(1, 4), (8, 1), (2, 2)])
def test_adjoint_of_the_low_pass_between_grids(step, factor):
    from scatflow_wavelet.smoothing import averaged, low_pass, smooth, unsmooth
    from scatflow_wavelet.spectrum import half_spectrum

    rng = np.random.default_rng(4)
    x = rng.standard_normal(128 // factor)
    xp = namespace(x)
    low = low_pass(Bank(Gammatone(), 3, 1), Grid((128 // factor,), factor), step, xp, "float64")
    y = smooth(xp, half_spectrum(xp, x, 1), low)
    g = rng.standard_normal(y.shape)
    back = unsmooth(xp, g, low)
    np.testing.assert_allclose(averaged(xp, x, lambda: half_spectrum(xp, x, 1), low), y, atol=1e-14)
    assert np.sum(back * x) == pytest.approx(np.sum(g * y), rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_strict_arrays_on_another_device(dtype):
    rng = np.random.default_rng(5)
    data = rng.standard_normal((2, 64)).astype(dtype)
    levels = Wavelet(dims=("x",), J=3, Q=2, filters=Gammatone(), stride=2).levels(1)
    bank = Bank(Gammatone(), 3, 2)
    keep = {level.name: (slice(None),) for level in levels}
    results = []
    for library, device in ((np, None), (strict, strict.Device("device1"))):
        block = library.asarray(data, device=device)
        xp = namespace(block)
        constants = filters(bank, levels, (64,), xp, dtype, device)
        out = decompose(xp, block, levels, **constants, keep=keep)
        back = recompose(xp, out, (64,), levels, **constants, keep=keep)
        assert str(out[""].dtype).endswith({"float32": "complex64", "float64": "complex128"}[dtype])
        results.append((asnumpy(out[""]), asnumpy(back)))
    for plain, elsewhere in zip(*results, strict=True):
        np.testing.assert_allclose(elsewhere, plain, atol=1e-6 if dtype == "float32" else 1e-14)


def test_real_families_keep_real_values():
    levels = (Level("", True, (0, 1), 1, 1),)
    kinds = {}
    for family in (Morlet(), Gammatone()):
        constants = filters(Bank(family, 2, 2), levels, (32,), namespace(np.zeros(1)), "float32")
        kinds[family.name] = {constants["low"][0].values.dtype.name, constants["bands"][""].values.dtype.name}
    assert kinds == {"morlet": {"float32"}, "gammatone": {"complex64"}}


# Reach


def test_reach_is_one_sided():
    operator = Wavelet(dims=("x",), J=3, filters=Gammatone())
    before, after = operator.depth(1e-4)["x"]
    assert after == 0 and before == math.ceil(14.5 * 8)
    assert operator.margins(whole(60)) == {"x": (math.ceil(23.55 * 8), 0)}
    assert operator.margins(whole(64)) == {"x": (0, 0)}
    # A small pad cannot bring the end of the data closer than the reach.
    assert operator.replace(pad=2.0).margins(whole(60)) == {"x": (16, math.ceil(23.55 * 8) - 16)}
    assert sum(operator.replace(pad=0.0).margins(whole(60))["x"]) == math.ceil(23.55 * 8)


@pytest.mark.parametrize(("J", "Q"), [(1, 1), (3, 1), (6, 1), (5, 4), (6, 8)])
@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6, 1e-8])
def test_reach_holds_the_filters_and_no_more(J, Q, tol):
    # What a change of white noise beyond the reach does to a linear result, against the result, in rms.
    bank, n = Bank(Gammatone(), J, Q), 64 * 2**J
    radius = math.ceil(bank.family.reach(bank.layout, -1, tol))
    changes = []
    for values in (bank.low_multiplier(Grid((n,))), *(bank.band_multiplier(k, Grid((n,))) for k in range(len(bank.bands)))):
        power = np.abs(response(values)) ** 2
        changes.append([math.sqrt(2 * power[r + 1 : n // 2 + n // 4].sum() / power.sum()) for r in (radius, int(0.85 * radius))])
    inside, short = np.max(changes, axis=0)
    assert inside <= 1.05 * tol < short


def test_reach_grows_with_order_scale_and_precision():
    layout = Layout(4, 8, 16.0)
    tolerances = 10.0 ** -np.arange(0.5, 12, 0.25)
    for order in (-1, 0, 1, 2, 3, 4):
        found = [Gammatone().reach(layout, order, t) for t in tolerances]
        assert (np.diff(found) >= 0).all()
        assert Gammatone().reach(layout, max(order, 0) + 1, 1e-4) > found[14]
    assert Gammatone().reach(Layout(4, 8, 64.0), 2, 1e-4) > Gammatone().reach(layout, 2, 1e-4)
    few, many = (Wavelet(dims=("x",), J=3, Q=q, filters=Gammatone()) for q in ((1, 8), (8, 8)))
    assert few.reach(2, 1e-4) == many.reach(2, 1e-4)


# What the engine makes of it


def series(n=200, **coords):
    return xr.DataArray(np.random.default_rng(6).standard_normal(n), dims="time", coords=coords, name="r")


def test_supports_end_at_the_sample():
    x = series(time=("time", 0.5 * np.arange(200), {"units": "s"}))
    out = sf.ops.wavelet(x, J=3, filters="gammatone", stride=4)
    np.testing.assert_array_equal(out.support_end, out.time)
    np.testing.assert_array_equal(out.support_start, np.maximum(out.time - 0.5 * math.ceil(14.5 * 8), 0))
    assert out.attrs["boundary"] == "zero"
    assert (np.diff(out.valid_fraction) >= 0).all() and float(out.valid_fraction[0]) == 0
    assert float(out.valid_fraction[-1]) > 1 - 1e-4


def test_dates_stay_and_end_the_support():
    days = np.arange("2001-01-01", "2001-07-20", dtype="M8[D]").astype("M8[ns]")
    out = sf.ops.wavelet(series(200, time=days), J=3, filters="gammatone")
    np.testing.assert_array_equal(out.support_end, days)


def test_a_declared_period_wraps():
    x = series(64, time=("time", np.arange(64) / 64, {"period": 1.0}))
    out = sf.ops.wavelet(x, J=3, filters="gammatone")
    assert out.attrs["boundary"] == "periodic" and "support_end" not in out.coords
    rolled = sf.ops.wavelet(x.copy(data=np.roll(x.values, 16)), J=3, filters="gammatone")
    np.testing.assert_allclose(rolled, np.roll(out, 16, out.get_axis_num("time")), atol=1e-14)


@pytest.mark.parametrize("rule", ["reflect", "symmetric"])
def test_mirrors_are_refused(rule):
    with pytest.raises(ParameterError, match="what comes later") as caught:
        sf.ops.wavelet(series(), filters="gammatone", boundary=rule)
    assert 'boundary="zero"' in str(caught.value)


@pytest.mark.parametrize("sampling", [None, {"time": "index"}])
def test_decreasing_time_is_refused(sampling):
    x = series(200, time=np.arange(200.0)[::-1])
    with pytest.raises(DimensionError, match="coordinate that increases") as caught:
        sf.ops.wavelet(x, filters="gammatone", sampling=sampling)
    assert '.sortby("time")' in str(caught.value)
    assert sf.ops.wavelet(x, sampling=sampling).sizes["time"] == 200  # no matter for symmetric filters


def test_two_dims_are_refused():
    field = xr.DataArray(np.zeros((32, 32)), dims=("y", "x"))
    for operator in (sf.ops.wavelet, sf.ops.scattering, sf.ops.scattering_moments):
        with pytest.raises(ParameterError, match="along one dim only") as caught:
            operator(field, dims=("y", "x"), filters="gammatone", J=2)
        assert 'filters="morlet"' in str(caught.value)
    with pytest.raises(ParameterError, match="at least one"):
        Gammatone().check(Layout(3, 0, 8.0), "wavelet")
