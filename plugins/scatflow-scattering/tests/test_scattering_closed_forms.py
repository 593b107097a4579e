"""Signals whose coefficients are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.layout import Grid
from scatflow_wavelet.morlet import Morlet
from scatflow_wavelet.tight import Tight

FAMILIES = [Morlet(), Tight()]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rule", ["reflect", "periodic", "symmetric"])
@pytest.mark.parametrize("T", [None, "global"])
def test_constant(bench, family, rule, T):
    # Wavelets have no mean, the low-pass has mean one: order 0 is the constant, all else vanishes.
    for dims, shape in ((("x",), (61,)), (("y", "x"), (37, 22))):
        out = bench(Scattering(dims=dims, J=3, L=4, filters=family, T=T), np.full(shape, -3.25), rule)
        moved = np.moveaxis(out, -1 - (0 if T else len(dims)), 0)
        np.testing.assert_allclose(moved[0], -3.25, rtol=1e-13)
        assert np.abs(moved[1:]).max() < 1e-13


@pytest.mark.parametrize("family", FAMILIES)
def test_cosine_in_one_dim(bench, family):
    # U1 of A cos(w t + c) is (A / 2) |psi(w) e^{iwt} + psi(-w) e^{-iwt}|: constant where psi(-w) vanishes.
    n, k, amplitude = 512, 64, 1.7
    operator = Scattering(dims=("x",), J=5, Q=4, order=1, filters=family)
    wave = amplitude * np.cos(2 * np.pi * k / n * np.arange(n) + 0.4)
    out = bench(operator, wave, "periodic")
    bank = Bank(family, 5, 4)
    gains = np.array([bank.band_multiplier(m, Grid((n,)))[[k, -k]] for m in range(len(bank.bands))])
    analytic = np.abs(gains[:, 1]) < 1e-6
    assert analytic.sum() >= 8
    expected = 0.5 * amplitude * gains[analytic, 0]
    np.testing.assert_allclose(out[1:][analytic], np.broadcast_to(expected[:, None], (analytic.sum(), 16)), atol=1e-5)
    assert out[1:].max(axis=1).argmax() == np.argmin([abs(band.xi - 2 * np.pi * k / n) for band in bank.bands])


def test_cosine_in_two_dims_peaks_at_its_scale_and_direction(bench):
    ny, nx = 64, 96
    y, x = np.mgrid[:ny, :nx]
    for j, l in ((1, 0), (1, 2), (2, 1), (2, 3)):  # noqa: E741
        xi, theta = 0.75 * np.pi * 2.0**-j, np.pi * l / 4
        ky, kx = np.rint(xi * np.sin(theta) * ny / 2 / np.pi), np.rint(xi * np.cos(theta) * nx / 2 / np.pi)
        wave = np.cos(2 * np.pi * (ky * y / ny + kx * x / nx))
        operator = Scattering(dims=("y", "x"), J=4, L=4, order=1)
        out = bench(operator, wave, "periodic")[1:].mean(axis=(1, 2))
        assert out.argmax() == j * 4 + l
        assert out.max() == pytest.approx(0.5, rel=0.06)  # half the amplitude times a gain near 1


def test_amplitude_modulation_in_order_two(bench):
    # x = (1 + cos(w_m t)) cos(w_c t): the second order peaks at the band of w_m; its share of the first is half of
    # psi_2(w_m) times the depth of modulation that the first band lets through.
    n, fm, fc = 8192, 44, 2048
    t = 2 * np.pi / n * np.arange(n)
    operator = Scattering(dims=("x",), J=8, Q=(8, 1), order=2, oversampling=3)
    out = bench(operator, (1 + np.cos(fm * t)) * np.cos(fc * t), "periodic").mean(-1)
    tree = operator.paths_of(1)
    top = max((path for path in tree.paths if len(path) == 1), key=lambda path: out[tree.position[path]])
    second = {path[1]: out[k] for k, path in enumerate(tree.paths) if len(path) == 2 and path[:1] == top}
    one = tree.banks[0].band_multiplier(top[0], Grid((n,)))
    depth = 0.5 * (one[fc + fm] + one[fc - fm]) / one[fc]
    expected = {m: 0.5 * depth * tree.banks[1].band_multiplier(m, Grid((n,)))[fm] for m in second}
    best = max(second, key=second.get)
    assert best == max(expected, key=expected.get)
    assert second[best] / out[tree.position[top]] == pytest.approx(expected[best], rel=0.05)


@pytest.mark.parametrize("family", FAMILIES)
def test_dirac(bench, family):
    # U1 of a Dirac is |psi| itself; its average over everything is the L1 norm of the wavelet over the size.
    n = 48
    data = np.zeros((n, n))
    data[5, 40] = 2.0
    operator = Scattering(dims=("y", "x"), J=2, L=4, order=1, T="global", oversampling=2, filters=family)
    out = bench(operator, data, "periodic")
    bank = Bank(family, 2, 4, None, (1.0, 1.0))
    norms = [np.abs(np.fft.ifft2(bank.band_multiplier(m, Grid((n, n))))).sum() for m in range(8)]
    np.testing.assert_allclose(out, [2 / n**2, *(2 * norm / n**2 for norm in norms)], rtol=1e-12)


def test_dirac_of_the_unit_norm_bank(bench):
    # One-dimensional Morlet wavelets have unit L1 norm.
    data = np.zeros(1024)
    data[400] = 1.0
    out = bench(Scattering(dims=("x",), J=4, Q=2, order=1, T="global", oversampling=4), data, "periodic")
    np.testing.assert_allclose(out * 1024, 1, rtol=1e-10)


def test_gaussian_white_noise(bench, rng):
    # E U1 = sqrt(pi/4 E|z|^2) for circular z, and E|x * psi|^2 = (1/d) sum |psi|^2 for unit white noise.
    n, count = 96, 30
    data = rng.standard_normal((count, n, n))
    operator = Scattering(dims=("y", "x"), J=3, L=4, order=1, T="global", oversampling=3)
    out = bench(operator, data, "periodic")
    bank = Bank(Morlet(), 3, 4, None, (1.0, 1.0))
    for m, mean in enumerate(out.mean(axis=0)[1:]):
        values = bank.band_multiplier(m, Grid((n, n)))
        mirrored = np.roll(np.flip(values), 1, (0, 1))
        if np.sum(values * mirrored) / np.sum(values**2) < 1e-3:  # circular: psi and its mirror do not overlap
            assert mean == pytest.approx(np.sqrt(np.pi / 4 * np.mean(values**2)), rel=0.01)
    assert abs(out[:, 0].mean()) < 5 / (n * np.sqrt(count))


def test_homogeneous_of_degree_one(bench, rng):
    data = rng.standard_normal((40, 33))
    operator = Scattering(dims=("y", "x"), J=2, L=3, stride=5)
    out = bench(operator, data)
    np.testing.assert_allclose(bench(operator, 1e-30 * data), 1e-30 * out, rtol=1e-9)
    order = np.array([len(path) for path in operator.paths_of(2).paths])
    sign = np.where(order == 0, -1.0, 1.0)[:, None, None]
    np.testing.assert_allclose(bench(operator, -data), sign * out, atol=1e-15)


def test_global_mean_is_the_mean_of_the_local_averages(bench, rng):
    data = rng.standard_normal((64, 64))
    operator = Scattering(dims=("y", "x"), J=3, L=4, stride=1, oversampling=3)
    local = bench(operator, data, "periodic").mean(axis=(-2, -1))
    np.testing.assert_allclose(bench(operator.replace(T="global", stride=None), data, "periodic"), local, rtol=1e-10)
    # Beyond the edges nothing counts: the mean is over the core, whatever the extension holds.
    reflect = bench(operator.replace(T="global", stride=None), data)
    assert reflect[0] == pytest.approx(data.mean(), rel=1e-12)
