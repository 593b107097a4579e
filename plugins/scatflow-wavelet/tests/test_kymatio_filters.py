"""Kymatio's filters by themselves: the formulas' properties, and the release's arrays."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scatflow_wavelet import Bank, Grid, Kymatio, Kymatio03, Morlet
from scatflow_wavelet import kymatio_plane as plane
from scatflow_wavelet import kymatio_time as time
from scatflow_wavelet.kymatio_profile import KymatioProfile
from scatflow_wavelet.profile import Profile

SQUARE = (1.0, 1.0)


def peer(name, **kw):
    package = pytest.importorskip("kymatio")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(package, name)(**kw)


@pytest.mark.parametrize(("J", "Q", "N"), [(5, 1, 500), (6, (8, 2), 1009), (3, 12, 300), (0, 4, 37)])
def test_filters_in_one_dim_are_the_release_s(J, Q, N):
    theirs = peer("Scattering1D", J=J, Q=Q, shape=N)
    n = theirs.phi_f["levels"][0].size
    assert time.padded(N, 2**J) == n
    for voices, filters in zip(theirs.Q, (theirs.psi1_f, theirs.psi2_f), strict=True):
        bank = Bank(Kymatio03(), J, voices)
        assert [band.j for band in bank.bands] == [psi["j"] for psi in filters]
        for band, psi in zip(bank.bands, filters, strict=True):
            assert math.isclose(band.xi, 2 * math.pi * psi["xi"], rel_tol=1e-12) and math.isclose(
                band.sigma, 2 * math.pi * psi["sigma"], rel_tol=1e-12
            )
            for level, expected in enumerate(psi["levels"]):
                np.testing.assert_allclose(bank.band_multiplier(band.n, Grid((n >> level,), 2**level)), expected, atol=1e-14)
    for level, expected in enumerate(theirs.phi_f["levels"]):
        np.testing.assert_allclose(bank.low_multiplier(Grid((n >> level,), 2**level)), expected, atol=1e-14)


@pytest.mark.parametrize(("J", "L", "shape"), [(3, 8, (61, 50)), (3, 5, (41, 33)), (1, 8, (20, 21)), (2, 16, (17, 18))])
def test_filters_in_two_dims_are_the_release_s(J, L, shape):
    """To the last digits of single precision: 5e-7 of the largest value."""
    theirs = peer("Scattering2D", J=J, L=L, shape=shape)
    bank = Bank(Kymatio(), J, L, aspect=SQUARE)
    whole = theirs.phi["levels"][0].shape
    assert whole == tuple(n + sum(KymatioProfile(J, 2.0**J, None, 1).margins(n, 2)) for n in shape)
    pairs = [(lambda grid, n=n: bank.band_multiplier(n, grid), psi) for n, psi in enumerate(theirs.psi)]
    for multiplier, filters in [*pairs, (bank.low_multiplier, theirs.phi)]:
        for level, expected in enumerate(filters["levels"]):
            found = multiplier(Grid(tuple(n >> level for n in whole), 2**level))
            np.testing.assert_allclose(found, expected, atol=5e-7 * np.abs(expected).max())


def test_the_constant_in_the_place_of_pi_shows():
    """The mean of the low-pass is pi / 3.1415; with pi it would be 1 to the digits of single precision."""
    bank = Bank(Kymatio(), 3, 8, aspect=SQUARE)
    assert bank.low_multiplier(Grid((80, 72)))[0, 0] == pytest.approx(math.pi / 3.1415, abs=2e-7)
    assert abs(math.pi / 3.1415 - 1) > 2.9e-5


@settings(max_examples=40, deadline=None)
@given(n=st.integers(64, 3000), xi=st.floats(0.02, 0.45), relative=st.floats(0.02, 0.5))
def test_a_wavelet_has_no_mean_and_unit_norm(n, xi, relative):
    assume(n * relative * xi >= 0.1)  # 2^J <= n and sigma >= 0.1 / 2^J
    spectrum = time.wavelet(n, xi, relative * xi)
    assert abs(spectrum[0]) < 1e-14
    assert np.abs(np.fft.ifft(spectrum)).sum() == pytest.approx(1.0, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 5000), T=st.floats(1.0, 300.0))
def test_the_extended_length(n, T):
    length = time.padded(n, T)
    assert length & (length - 1) == 0 and n <= length <= max(1, 3 * n - 2)
    before, after = KymatioProfile(3, T, None, 1).margins(n, 1)
    assert before + n + after == length and 0 <= after - before <= 1
    assert length >= min(n + 6 * time.support(n, T), (3 * n - 2) / 2)


@given(n=st.integers(8, 500), J=st.integers(0, 3))
def test_samples_in_two_dims(n, J):
    profile = KymatioProfile(J, 2.0**J, None, 1)
    before, after = profile.margins(n, 2)
    assert (before + n + after) % 2**J == 0 and 0 <= after - before <= 1
    found = profile.samples(n, 2)
    assert len(found) == n // 2**J and found.start == math.ceil((n % 2**J) / 2)
    assert all((k + before) % 2**J == 0 and 0 <= k < n for k in found)


@given(n=st.integers(8, 2000), T=st.floats(1.0, 8.0))
def test_samples_in_one_dim(n, T):
    profile = KymatioProfile(3, T, None, 1)
    before, _ = profile.margins(n, 1)
    assert profile.step == 2 ** math.floor(math.log2(T))
    assert list(profile.samples(n, 1)) == [k for k in range(n) if (k + before) % profile.step == 0]


def test_folding_by_sums_and_by_means():
    fine = Bank(Kymatio(), 4, 2)
    for level in range(4):
        grid = Grid((1024 >> level,), 2**level)
        released = Bank(Kymatio03(), 4, 2)
        np.testing.assert_allclose(released.band_multiplier(3, grid) * 2**level, fine.band_multiplier(3, grid), atol=1e-15)
        np.testing.assert_allclose(released.low_multiplier(grid) * 2**level, fine.low_multiplier(grid), atol=1e-15)
    assert fine.low_multiplier(Grid((128,), 8))[0] == pytest.approx(1.0, abs=1e-12)


def test_in_two_dims_both_fold_alike():
    for family in (Kymatio(), Kymatio03()):
        grid = Grid((20, 18), 4)
        np.testing.assert_array_equal(Bank(family, 3, 4, aspect=SQUARE).band_multiplier(9, grid),
                                      plane.cropped(plane.wavelet((80, 72), 4, 2, 1), 2))  # fmt: skip


@given(rows=st.integers(1, 6), columns=st.integers(1, 6), level=st.integers(0, 3))
def test_cropping_is_zeroing_and_adding_up(rows, columns, level):
    shape = (rows << 3, columns << 3)
    values = np.random.default_rng(rows).standard_normal(shape).astype(np.float32)
    masked = values.copy()
    for axis, n in enumerate(shape):
        first, count = int(n * 2.0 ** -(level + 1)), int(n * (1 - 2.0**-level))
        np.moveaxis(masked, axis, 0)[first : first + count] = 0
    folds = masked.reshape(2**level, shape[0] >> level, 2**level, shape[1] >> level)
    np.testing.assert_array_equal(plane.cropped(values, level), folds.sum(axis=(0, 2)))


def test_families_without_a_profile_keep_our_own():
    assert type(Morlet().conventions(3, 8.0, None, 1)) is Profile
    assert Profile(3, 8.0, 12, 2).samples(50, 2) == range(0, 50, 12) and Profile(3, 8.0, 12, 2).grid == 4
    assert (Profile(3, 8.0, None, 2).finer, Profile(3, 8.0, None, 2).coarsest) == (2, None)
    assert Profile(3, 8.0, None, 2).margins(50, 2) is None
