"""Solid harmonic scattering against full-size filters written from the formulas, against closed forms, and its labels."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import scipy.special
import xarray as xr

import scatflow as sf
from scatflow_scattering.harmonic_bank import reach
from scatflow_scattering.solid_harmonics import SolidHarmonic, harmonics, scaling

DIMS = ("z", "y", "x")
POWERS = (0.5, 1.0, 2.0)


def constant(degree: int) -> float:
    """C_l (2 pi)^(3/2), of the integral that makes sqrt(sum_m |psi_lm|^2) integrate to 1 over space."""
    norm = 2 ** ((degree + 1) / 2) * math.gamma((degree + 3) / 2)
    return math.sqrt(math.pi / 2) / norm * math.sqrt(4 * math.pi / (2 * degree + 1))


@functools.cache
def naive_filter(shape: tuple[int, ...], j: int, degree: int, m: int, sigma0: float, steps: tuple[float, ...], periods: int) -> Any:
    total = np.zeros(shape, complex)
    for shift in itertools.product(range(-periods, periods + 1), repeat=3):
        axes = [2 * np.pi * (np.fft.fftfreq(n) + p) / step for n, p, step in zip(shape, shift, steps, strict=True)]
        z, y, x = np.meshgrid(*axes, indexing="ij")
        r = np.sqrt(z**2 + y**2 + x**2) * sigma0 * 2.0**j
        harmonic = scipy.special.sph_harm_y(degree, m, np.arctan2(np.hypot(y, x), z), np.arctan2(y, x))
        total += constant(degree) * (-1j) ** degree * r**degree * np.exp(-(r**2) / 2) * harmonic
    return total


def naive(
    x: Any,
    J: int,
    L: int,
    powers: Sequence[float] = POWERS,
    a: int | None = 1,
    sigma0: float = 1.0,
    step: Sequence[float] = (1, 1, 1),
) -> Any:
    """Means by our definition with oversampling a, or sums by the peer's where a is None."""
    e = [0 if a is None else max(0, j - a) for j in range(J + 1)]

    def modulus(plane: Any, j: int, degree: int, exponent: int, factor: int) -> Any:
        steps = tuple(s * 2**exponent for s in step)
        periods = 0 if a is None else 1 + (sigma0 < 1)
        total = 0.0
        for m in range(-degree, degree + 1):
            psi = naive_filter(plane.shape[-3:], j, degree, m, sigma0, steps, periods)
            total = total + np.abs(np.fft.ifftn(np.fft.fftn(plane, axes=(-3, -2, -1)) * psi, axes=(-3, -2, -1))) ** 2
        return np.sqrt(total)[..., ::factor, ::factor, ::factor]

    first = {(j, degree): modulus(x, j, degree, 0, 2 ** e[j]) for j in range(J + 1) for degree in range(L + 1)}
    planes = list(first.values())
    for j1, j2 in itertools.combinations(range(J + 1), 2):
        planes += [modulus(first[j1, degree], j2, degree, e[j1], 2 ** (e[j2] - e[j1])) for degree in range(L + 1)]
    average = np.sum if a is None else np.mean
    return np.stack([average(plane**q, axis=(-3, -2, -1)) for plane in planes for q in powers], axis=-1)


def distance(a: Any, b: Any) -> float:
    return float(np.linalg.norm(np.asarray(a) - b) / np.linalg.norm(b))


def volumes(values: Any) -> xr.DataArray:
    return xr.DataArray(values, dims=("t", *DIMS)[4 - values.ndim :])


@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-12), ("float32", 1e-6)])
@pytest.mark.parametrize(("shape", "a", "sigma0"), [
    ((16, 16, 16), 1, 1.0), ((16, 20, 24), 1, 1.0), ((8, 12, 16), 0, 1.0), ((12, 16, 8), 2, 1.0), ((8, 12, 8), 0, 0.5), ((8, 16, 12), 1, 1.7),
    ((16, 16, 16), None, 1.0), ((16, 20, 24), None, 1.0), ((9, 10, 15), None, 1.3),
])  # fmt: skip
def test_numbers_are_those_of_full_size_filters(rng, shape, a, sigma0, dtype, limit):
    x = rng.standard_normal((2, *shape))
    filters = SolidHarmonic(sigma0=sigma0, profile="kymatio" if a is None else "scatflow")
    found = sf.ops.harmonic_scattering(
        volumes(x.astype(dtype)), dims=DIMS, J=2, L=3, oversampling=1 if a is None else a, filters=filters
    )
    assert found.dtype == dtype and found.dims == ("t", "path")
    expected = naive(x, 2, 3, a=a, sigma0=sigma0)
    assert distance(found, expected) < limit
    np.testing.assert_allclose(found, expected, rtol=10 * limit)


def test_filters_are_isotropic_in_space(rng):
    x = rng.standard_normal((16, 32, 16))
    field = xr.DataArray(x, dims=DIMS, coords={"z": np.arange(16) * 0.5, "y": np.arange(32) * 0.25, "x": np.arange(16) * -0.5})
    found = sf.ops.harmonic_scattering(field, J=1, L=2)
    assert distance(found, naive(x, 1, 2, step=(1, 0.5, 1))) < 1e-12
    by_sample = sf.ops.harmonic_scattering(field, J=1, L=2, metric="index")
    assert distance(by_sample, naive(x, 1, 2)) < 1e-12


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4, 7, 12, 16])
def test_polynomials_obey_the_addition_theorem_and_are_harmonic(rng, degree):
    w = rng.standard_normal((3, 40))
    found = harmonics(degree)
    assert len(found) == 2 * degree + 1
    squares = sum(sum(c * w[0] ** a * w[1] ** b * w[2] ** d for (a, b, d), c in p.items()) ** 2 for p in found)
    np.testing.assert_allclose(squares, (2 * degree + 1) / (4 * np.pi) * (w**2).sum(axis=0) ** degree, rtol=1e-10)
    assert scaling(degree) == pytest.approx(constant(degree), rel=1e-12)
    for polynomial in found:
        laplacian: dict[tuple[int, ...], float] = {}
        for power, c in polynomial.items():
            for axis in range(3):
                lower = tuple(n - 2 * (k == axis) for k, n in enumerate(power))
                laplacian[lower] = laplacian.get(lower, 0.0) + c * power[axis] * (power[axis] - 1)
        size = max(abs(c) for c in polynomial.values()) * max(1, degree) ** 2
        assert all(abs(c) < 1e-12 * size for c in laplacian.values())


@pytest.mark.parametrize("degree", [0, 1, 3, 8, 16])
@pytest.mark.parametrize("least", [1e-5, 1e-10, 1e-19])
def test_what_is_cut_off_is_that_small(degree, least):
    def relative(r: float) -> float:
        peak = math.sqrt(degree)
        return math.exp(degree * math.log(r / peak if degree else 1.0) - (r**2 - peak**2) / 2)

    assert relative(reach(degree, least)) == pytest.approx(least, rel=1e-6)


# Closed forms.


def gaussian(shape: Sequence[int], center: Sequence[float], sigma: float) -> Any:
    axes = [np.exp(-((np.arange(n) - c) ** 2) / (2 * sigma**2)) for n, c in zip(shape, center, strict=True)]
    return np.einsum("i,j,k->ijk", *axes)


def closed_form(mass: float, k: float, sigma: float, degree: int, q: float) -> float:
    """Integral of (mass k^l c_l sigma^-3 (r / sigma)^l exp(-r^2 / (2 sigma^2)))^q, with c_l such that it is 1 for all that 1."""
    c = 1 / (4 * np.pi * 2 ** ((degree + 1) / 2) * math.gamma((degree + 3) / 2))
    moment = 0.5 * (2 / q) ** ((degree * q + 3) / 2) * math.gamma((degree * q + 3) / 2)
    return float((mass * k**degree * c * sigma**-3) ** q * sigma**3 * 4 * np.pi * moment)


@pytest.mark.parametrize("sigma", [2.0, 3.0])
def test_a_gaussian_gives_powers_of_the_ratio_of_widths(sigma):
    """U[j, l] of a Gaussian is the harmonic of the joint width, times (sigma_j / joint)^l (Eickenberg et al. 2018)."""
    n = 64
    x = gaussian((n, n, n), (31.3, 32.0, 30.6), sigma)
    found = sf.ops.harmonic_scattering(volumes(x), J=1, L=3, filters=SolidHarmonic(sigma0=2.0))
    for value, order, j1, j2, degree, q in zip(
        found.values, *(found[name].values for name in ("order", "j1", "j2", "l", "q")), strict=True
    ):
        if order == 2 and degree:
            continue
        widths = [2 * 2.0**j for j in (j1, j2)[:order]]
        joint = math.sqrt(sigma**2 + sum(w**2 for w in widths))
        expected = closed_form(x.sum(), widths[0] / joint, joint, degree, q) / n**3
        # U^q is smooth, and its sum an integral to all digits, unless r^(l q) has a kink at the center; roots have
        # tails that reach the edges.
        limit = 2e-3 if (degree * q) % 2 else 1e-4 if q < 1 else 1e-8
        assert value == pytest.approx(expected, rel=limit), (order, j1, j2, degree, q)


@pytest.mark.parametrize("profile", ["scatflow", "kymatio"])
def test_energies_of_order_one_follow_from_the_spectrum(rng, profile):
    """Parseval and the addition theorem: sum_m |psi_lm|^2 = constant_l^2 (2 l + 1) / (4 pi) r^(2 l) exp(-r^2)."""
    shape = (16, 20, 24)
    x = rng.standard_normal(shape)
    found = sf.ops.harmonic_scattering(
        volumes(x), J=2, L=3, order=1, powers=(2.0,), filters=SolidHarmonic(sigma0=2.5, profile=profile)
    )
    w = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in shape), indexing="ij")
    norm = x.size if profile == "kymatio" else x.size**2
    for value, j, degree in zip(found.values, found.j1.values, found.l.values, strict=True):
        r2 = sum(v**2 for v in w) * (2.5 * 2.0**j) ** 2
        energy = constant(degree) ** 2 * (2 * degree + 1) / (4 * np.pi) * r2**degree * np.exp(-r2)
        assert value == pytest.approx((np.abs(np.fft.fftn(x)) ** 2 * energy).sum() / norm, rel=1e-9)


def test_a_constant_has_its_value_at_degree_zero_and_nothing_above():
    found = sf.ops.harmonic_scattering(volumes(np.full((8, 12, 16), -3.0)), J=2, L=2)
    expected = np.where(found.l == 0, 3.0**found.q, 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-6)  # roots of rounding errors


# Labels.


def test_paths_are_labelled_in_the_units_of_the_coordinates():
    axis = xr.DataArray(np.arange(16) * 0.5, dims="x", attrs={"units": "m"})
    x = xr.DataArray(np.ones((16, 16, 16)), dims=DIMS, coords={d: (d, axis.values, axis.attrs) for d in DIMS}, name="rho",
                     attrs={"units": "kg m-3"})  # fmt: skip
    found = sf.ops.harmonic_scattering(x, J=2, L=1, powers=(1.0, 2.0), filters=SolidHarmonic(sigma0=1.5))
    rows = list(zip(*(found[name].values.tolist() for name in ("order", "j1", "j2", "l", "q")), strict=True))
    scales = [(1, 0, -1), (1, 1, -1), (1, 2, -1), (2, 0, 1), (2, 0, 2), (2, 1, 2)]
    assert rows == [(*scale, degree, q) for scale in scales for degree in (0, 1) for q in (1.0, 2.0)]
    np.testing.assert_allclose(found.width1, 0.75 * 2.0**found.j1)
    np.testing.assert_array_equal(found.width2, np.where(found.j2 < 0, np.nan, 0.75 * 2.0**found.j2))
    np.testing.assert_allclose(found.xi1, np.sqrt(found.l) / (2 * np.pi * found.width1))
    assert found.width1.units == "m" and found.xi1.units == "1/m"
    assert "units" not in found.attrs and found.long_name == "solid harmonic scattering of rho"
    assert sf.ops.harmonic_scattering(x, J=1, powers=(1.0,)).units == "kg m-3"
