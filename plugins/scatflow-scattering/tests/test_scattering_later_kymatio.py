"""What Kymatio's versions after release 0.3.0 change in one dim, by hand: formulas and nothing else, no window, tile or cache.

There is no later release to install. What is written here is held to 0.3.0 first, by folding filters as that does.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf

Real = np.ndarray[Any, np.dtype[np.float64]]


def gaussian(n: int, xi: float, sigma: float) -> Real:
    periods = min(math.ceil(1 + math.sqrt(-2 * sigma**2 * math.log(1e-7))), 5)
    frequency = (np.arange(n) + n * np.arange(1 - periods, periods)[:, None]) / n
    return np.asarray(np.exp(-((frequency - xi) ** 2) / (2 * sigma**2)).mean(axis=0))


def normalized(spectrum: Real) -> Real:
    return np.asarray(spectrum / np.abs(np.fft.ifft(spectrum)).sum())


def low_pass(n: int, T: float) -> Real:
    return normalized(gaussian(n, 0, 0.1 / T))


def wavelets(n: int, J: int, Q: int) -> Iterator[tuple[int, Real]]:
    """Yield (j, spectrum) of every wavelet."""
    xi = max(1 / (1 + 2 ** (3 / Q)), 0.35)
    sigma = xi * (1 - 2 ** (-1 / Q)) / (1 + 2 ** (-1 / Q)) / math.sqrt(2 * math.log(math.sqrt(2)))
    pairs = [(xi, sigma)]
    while pairs[-1][1] > 0.1 / 2**J * 2 ** (1 / Q):
        pairs.append((pairs[-1][0] / 2 ** (1 / Q), pairs[-1][1] / 2 ** (1 / Q)))
    pairs += [(pairs[-1][0] * (1 - q / Q), 0.1 / 2**J) for q in range(1, Q)]
    for xi, sigma in pairs:
        base, band = gaussian(n, 0, sigma), gaussian(n, xi, sigma)
        yield math.floor(-math.log2(min(xi + 5 * sigma, 0.5))) - 1, normalized(band - band[0] / base[0] * base)


def extended(x: Real, T: float) -> tuple[Real, int]:
    """Return the extended signal and how many samples were put before the first."""
    n = x.shape[-1]
    modulus = np.abs(np.fft.ifft(low_pass(n, T)))[: n // 2]
    reach = next((k + 1 for k in range(n // 2) if modulus[k:].sum() <= 1e-3), n // 2)
    length = 2 ** min(math.ceil(math.log2(n + 6 * reach)), math.floor(math.log2(3 * n - 2)))
    before = (length - n) // 2
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(before, length - n - before)], mode="reflect"), before


def decimated(spectrum: Any, factor: int) -> Any:
    """Return the plane of a spectrum at every so many samples."""
    return np.fft.ifft(spectrum.reshape(*spectrum.shape[:-1], factor, -1).mean(axis=-2))


def scattering(
    x: Real, J: int, Q: tuple[int, int], T: float, stride: int | None, fold: Callable[..., Any]
) -> dict[tuple[int, ...], Real]:
    """Return the coefficients by path; sums over planes where the stride is None."""
    whole, before = extended(x, T)
    n, size = whole.shape[-1], x.shape[-1]
    phi = low_pass(n, T)
    coarsest = 99 if stride is None else int(math.log2(stride))
    out: dict[tuple[int, ...], Real] = {}

    def at(level: int, spectrum: Real) -> Real:
        return np.asarray(fold(spectrum.reshape(2**level, -1), axis=0))

    def read(path: tuple[int, ...], plane: Real, level: int) -> None:
        if stride is None:
            out[path] = plane.sum(axis=-1)
            return
        smooth = decimated(np.fft.fft(plane) * at(level, phi), stride >> level).real
        first, last = -(-before // stride), -(-(before + size) // stride)
        out[path] = smooth[..., first:last]

    def down(path: tuple[int, ...], plane: Real, level: int, least: int) -> None:
        read(path, plane, level)
        for k, (j, psi) in enumerate(wavelets(n, J, Q[len(path)]) if len(path) < 2 else ()):
            if j > least:
                here = min(j, coarsest)
                below = np.abs(decimated(np.fft.fft(plane) * at(level, psi), 2 ** (here - level)))
                down((*path, k), below, here, j)

    down((), whole, 0, -1)
    return {path: out[path] for path in sorted(out, key=lambda path: (len(path), path))}


def released(J: int, Q: Any, N: int, T: float | None, data: Real) -> Real:
    """Return the release's coefficients."""
    package = pytest.importorskip("kymatio")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(package.Scattering1D(J=J, shape=N, Q=Q, T=T)(data))


def series(rng: np.random.Generator, n: int) -> xr.DataArray:
    return xr.DataArray(rng.standard_normal((2, n)).cumsum(axis=-1), dims=("a", "t"))


def later(data: xr.DataArray, **kw: Any) -> xr.DataArray:
    return sf.ops.scattering(data, dims="t", filters="kymatio", **kw).transpose("a", "path", ...)


def distance(ours: Any, theirs: Any, order: xr.DataArray) -> float:
    """Return the largest relative L2 of an order."""
    assert ours.shape == theirs.shape
    parts = [(ours[:, order.values == m], theirs[:, order.values == m]) for m in np.unique(order)]
    return float(max(np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in parts))


@pytest.mark.parametrize(("J", "Q", "N"), [(5, 1, 500), (6, (8, 2), 1009), (4, (3, 1), 250)])
def test_they_differ_from_the_release_by_powers_of_two(rng, J, Q, N):
    """Release x 2^k1 for order 1 and x 2^(k1 + k2) for order 2, k being the exponents of the grids: min(j, log2 stride)."""
    data = series(rng, N)
    ours = later(data, J=J, Q=Q)
    k1, k2 = (np.clip(ours[name].values, 0, J) for name in ("j1", "j2"))
    factor = 2.0 ** (k1 + k2)
    assert set(factor) - {1.0}
    assert distance(ours.values, released(J, Q, N, None, data.values) * factor[:, None], ours.order) <= 1e-6


@pytest.mark.parametrize(("J", "Q", "N", "T", "stride"), [
    (5, (1, 1), 500, 32.0, 32), (6, (8, 2), 1009, 64.0, 64), (5, (4, 1), 701, 20.0, 2), (5, (8, 1), 301, 32.0, 1), (4, (2, 2), 99, 7.0, 4),
])  # fmt: skip
def test_they_are_their_formulas(rng, J, Q, N, T, stride):
    data = series(rng, N)
    ours = later(data, J=J, Q=Q, T=T, stride=stride)
    expected = np.stack(list(scattering(data.values, J, Q, T, stride, np.sum).values()), axis=1)
    assert distance(ours.values, expected, ours.order) <= 1e-12
    if stride == 2 ** int(math.log2(T)):
        mean = np.stack(list(scattering(data.values, J, Q, T, stride, np.mean).values()), axis=1)
        assert distance(mean, released(J, Q, N, T, data.values), ours.order) <= 1e-12


@pytest.mark.parametrize(("J", "Q", "N"), [(5, (1, 1), 500), (6, (8, 2), 1009)])
def test_global_averages_are_sums_of_planes(rng, J, Q, N):
    data = series(rng, N)
    ours = later(data, J=J, Q=Q, T="global")
    expected = np.stack(list(scattering(data.values, J, Q, 2**J, None, np.sum).values()), axis=1)
    assert ours.dims == ("a", "path") and distance(ours.values, expected, ours.order) <= 1e-12
    assert ours.attrs["long_name"] == "sums of scattering planes"
    constant = later(data * 0 + 1.0, J=J, Q=Q, T="global")
    np.testing.assert_allclose(constant.isel(path=0), extended(data.values, 2**J)[0].shape[-1])
