"""The compiled kernels of numpy blocks against the array-API forms of the same sums."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow.arrays import asnumpy, namespace
from scatflow_wavelet import Bank, Gammatone, Grid, Morlet, Tight
from scatflow_wavelet.filtering import Runs, Tiled, filtered, multipliers, spread
from scatflow_wavelet.smoothing import averaged, low_pass, smooth
from scatflow_wavelet.spectrum import half_spectrum, whole_spectrum

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
HOST, STRICT = namespace(np.zeros(1)), namespace(strict.zeros(1))


def both(data: np.ndarray) -> list[tuple[object, object]]:
    return [(HOST, data), (STRICT, strict.asarray(data))]


def close(left: np.ndarray, right: np.ndarray, tolerance: float) -> None:
    np.testing.assert_allclose(left, right, rtol=0, atol=tolerance * np.abs(right).max(initial=1e-300))


@st.composite
def cases(draw):
    ndim = draw(st.sampled_from([1, 2, 3]))
    family = draw(st.sampled_from([Morlet(), Tight(), Gammatone()][: 4 - ndim]))
    aspect = (1.0, 1.5, draw(st.sampled_from([1.0, 2.0])))[-ndim:]
    bank = Bank(family, J=3, voices=6 if ndim == 3 else draw(st.integers(2, 4)), aspect=aspect)
    exponent, target = draw(st.sampled_from([(0, 0), (0, 1), (0, 3), (1, 2), (2, 2)]))
    shape = tuple(8 * draw(st.integers(2 - ndim // 3, 5 - ndim // 3 * 2)) >> exponent for _ in range(ndim))
    numbers = draw(st.lists(st.integers(0, len(bank.bands) - 1), min_size=1, max_size=4, unique=True))
    return bank, sorted(numbers), Grid(shape, 2**exponent), 2 ** (target - exponent)


@settings(max_examples=60, deadline=None)
@given(case=cases(), dtype=st.sampled_from(["float32", "float64"]), seed=st.integers(0, 2**32 - 1))
def test_bands_and_their_adjoint(case, dtype, seed):
    bank, numbers, grid, factor = case
    ndim, rng = len(grid.shape), np.random.default_rng(seed)
    data = rng.standard_normal((3, *grid.shape)).astype(dtype)
    sizes = tuple(n // factor for n in grid.shape)
    found = []
    for xp, block in both(data):
        bands = multipliers(bank, numbers, grid, factor, xp, dtype)
        assert isinstance(bands, Runs if xp is HOST else Tiled)
        spectrum = whole_spectrum(xp, half_spectrum(xp, block, ndim), grid.shape[-1], ndim)
        planes = filtered(xp, spectrum, bands, numbers[::-1], sizes)  # any order of those prepared
        total = xp.zeros_like(spectrum)
        spread(xp, planes, bands, numbers[::-1], total, factor)
        found.append([asnumpy(value) for value in (spectrum, planes, total)])
    expected = np.fft.fftn(data.astype("float64"), axes=range(-ndim, 0))
    close(found[0][0], expected, TOLERANCE[dtype])
    for mine, plain in zip(*found, strict=True):
        assert mine.dtype == plain.dtype == ("complex64" if dtype == "float32" else "complex128")
        close(mine, plain, TOLERANCE[dtype])


@settings(max_examples=60, deadline=None)
@given(
    ndim=st.sampled_from([1, 2, 3]), family=st.sampled_from([Morlet(), Tight(), Gammatone()]), exponent=st.integers(0, 3),
    octave=st.integers(0, 3), scale=st.sampled_from([2.0, 8.0, 20.0]), sizes=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3)),
    dtype=st.sampled_from(["float32", "float64"]), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_averages(ndim, family, exponent, octave, scale, sizes, dtype, seed):
    if ndim == 3 or (ndim == 2 and family.causal):
        family = Morlet()
    bank = Bank(family, J=3, voices=6 if ndim == 3 else 2, T=scale, aspect=(2.0, 1.0, 1.5)[-ndim:])
    grid = Grid(tuple(8 * n >> exponent for n in sizes[:ndim]), 2**exponent)
    planes = np.random.default_rng(seed).standard_normal((2, 3, *grid.shape)).astype(dtype)
    low = low_pass(bank, grid, 2**octave, HOST, dtype)
    mine = averaged(HOST, planes, lambda: half_spectrum(HOST, planes, ndim), low)
    plain = smooth(HOST, half_spectrum(HOST, planes, ndim), low)
    assert mine.shape == plain.shape == (2, 3, *low.target) and mine.dtype == dtype
    close(mine, plain, TOLERANCE[dtype])


def test_sums_replace_transforms_where_they_are_short():
    bank = Bank(Morlet(), J=4, voices=4, aspect=(1.0, 1.0))
    taps = low_pass(bank, Grid((96, 80)), 16, HOST, "float32").taps
    assert [(t.factor, t.weights.dtype) for t in taps] == [(16, np.float32)] * 2
    # 6.1 standard deviations of 0.4 T to either side.
    assert all(t.weights.size == 2 * int(6.07 * 0.4 * 16) + 1 == 1 - 2 * t.first for t in taps)
    assert sum(float(t.weights.sum()) for t in taps) == pytest.approx(2, abs=1e-6)
    assert low_pass(bank, Grid((96, 80)), 1, HOST, "float32").taps == ()  # every sample would need 77 products and more
    assert low_pass(bank, Grid((48, 40), 2), 1, HOST, "float32").taps == ()  # to a finer grid
    assert low_pass(bank, Grid((96, 80)), 16, STRICT, "float32").taps == ()
    tight = Bank(Tight(), J=4, voices=4, aspect=(1.0, 1.0))
    assert low_pass(tight, Grid((96, 80)), 16, HOST, "float32").taps == ()  # not a product of two


def test_long_averages_of_equal_samples_lose_nothing():
    # 20 000 products in single precision: summed one after the other they would be off by 1e-5 and more.
    bank = Bank(Morlet(), J=10, voices=1)
    low = low_pass(bank, Grid((1 << 15,)), 1 << 10, HOST, "float32")
    assert low.taps and low.taps[0].weights.size > 15_000
    planes = np.full((1, 1 << 15), 0.1, np.float32)
    np.testing.assert_allclose(averaged(HOST, planes, lambda: None, low), planes[0, 0], rtol=2e-7)


def test_a_gap_stays_within_reach_of_the_average():
    bank = Bank(Morlet(), J=2, voices=1, aspect=(1.0, 1.0))
    low = low_pass(bank, Grid((64, 64)), 4, HOST, "float32")
    planes = np.ones((1, 64, 64), np.float32)
    planes[0, 32, 32] = np.nan
    out = averaged(HOST, planes, lambda: None, low)
    far = np.abs(np.arange(16) - 8) * 4 > -low.taps[0].first + 4
    assert np.isnan(out[0, 8, 8]) and np.isfinite(out[0, far, :]).all() and np.isfinite(out[0, :, far]).all()


def test_kernels_compile_where_nothing_is_writable(tmp_path: Path):
    """A read-only installation without a home: compiled in memory, not refused."""
    code = (
        "import numba.core.caching as c\n"
        "assert c.CacheImpl._locator_classes; c.CacheImpl._locator_classes = []\n"
        "import numpy as np, scatflow_wavelet.compiled as k\n"
        "out = np.empty((1, 2, 4), complex); k.expand(np.ones((1, 2, 3), complex), np.array([0, 1]), out); print(out.real.sum())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)}, check=True
    )
    assert done.stdout.strip() == "8.0"
