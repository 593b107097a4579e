"""The kernel against a plain evaluation of the definition: filters in space, direct sums, no transforms."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.morlet import constant_q

Lattice = tuple[np.ndarray, ...]
Filter = Callable[[Lattice], np.ndarray]

#: Distance, in samples, from which every filter of the cases below is negligible, by number of core dims.
FAR = {1: 250, 2: 60}


def lattice(widths: tuple[int, ...]) -> Lattice:
    return tuple(np.meshgrid(*(np.arange(-w, w + 1.0) for w in widths), indexing="ij", sparse=True))


def without_mean(envelope: Filter, wave: Filter, reach: tuple[int, ...]) -> Filter:
    """Return envelope * (wave - kappa), with kappa such that the sum over all integers is zero."""
    everywhere = lattice(reach)
    kappa = np.sum(envelope(everywhere) * wave(everywhere)) / np.sum(envelope(everywhere))
    return lambda u: envelope(u) * (wave(u) - kappa)


def morlet_2d(j: int, theta: float, L: int, aspect: tuple[float, float]) -> Filter:
    """W1: slanted Gaussian of width 0.8 2^j, wave 3 pi / 4 2^-j; lengths in samples of the coarsest axis."""
    sigma, xi, slant = 0.8 * 2**j, 0.75 * np.pi * 2.0**-j, 4 / L

    def split(u: Lattice) -> tuple[np.ndarray, np.ndarray]:
        y, x = u[0] / aspect[0], u[1] / aspect[1]
        return x * np.cos(theta) + y * np.sin(theta), -x * np.sin(theta) + y * np.cos(theta)

    def envelope(u: Lattice) -> np.ndarray:
        along, across = split(u)
        density = slant / (2 * np.pi * sigma**2) / (aspect[0] * aspect[1])
        return density * np.exp(-(along**2 + slant**2 * across**2) / (2 * sigma**2))

    def wave(u: Lattice) -> np.ndarray:
        return np.exp(1j * xi * split(u)[0])

    return without_mean(envelope, wave, tuple(int(10 * sigma * max(1, 1 / slant) * a) for a in aspect))


def morlet_1d(xi: float, sigma: float) -> Filter:
    """W2: Gaussian of bandwidth sigma around xi cycles per sample, unit sum of moduli."""
    raw = without_mean(
        lambda u: np.exp(-2 * (np.pi * sigma * u[0]) ** 2), lambda u: np.exp(2j * np.pi * xi * u[0]), (int(2 / sigma),)
    )
    norm = np.abs(raw(lattice((int(2 / sigma),)))).sum()
    return lambda u: raw(u) / norm


def low_pass(width: float, aspect: tuple[float, ...]) -> Filter:
    def raw(u: Lattice) -> np.ndarray:
        return np.exp(-sum((x / a) ** 2 for x, a in zip(u, aspect, strict=True)) / (2 * width**2))

    mass = raw(lattice(tuple(int(10 * width * a) for a in aspect))).sum()
    return lambda u: raw(u) / mass


def matrix(f: Filter, rows: list[np.ndarray], columns: list[np.ndarray], period: tuple[int, ...]) -> np.ndarray:
    """Return f(row - column), summed over periodic copies, rows and columns being grids of positions."""
    copies = [range(-(FAR[len(period)] // p + 2), FAR[len(period)] // p + 3) for p in period]
    around = np.meshgrid(*(np.arange(float(p)) for p in period), indexing="ij", sparse=True)
    kernel = sum(f(tuple(u + s * p for u, s, p in zip(around, shift, period, strict=True))) for shift in itertools.product(*copies))
    apart = [(r[:, None] - c[None, :]) % p for r, c, p in zip(rows, columns, period, strict=True)]
    if len(period) == 2:
        apart = [apart[0][:, None, :, None], apart[1][None, :, None, :]]
    size = [int(np.prod([len(axis) for axis in axes])) for axes in (rows, columns)]
    return np.asarray(kernel)[tuple(apart)].reshape(size)


def brute(operator: Any, block: Any, bands: list[tuple[int, Filter]], phi: Filter) -> np.ndarray:
    """Evaluate the definition on an extended periodic block: paths in order of (order, n1, n2, ...)."""
    start = [block.at.start[role] for role in block.at.size]
    period = tuple(block.data.shape[-len(start) :])
    items = block.data.reshape(-1, int(np.prod(period)))

    def grid(step: int) -> list[np.ndarray]:
        return [np.arange(a, a + n, step) for a, n in zip(start, period, strict=True)]

    stride = operator.step()
    target = [np.asarray(block.at.samples(role, stride)) for role in block.at.size]
    found = {(): (items, 1)}
    for _ in range(operator.order):
        for path, (plane, step) in list(found.items()):
            for n, (j, psi) in enumerate(bands):
                if (*path, n) in found or len(path) == operator.order or (path and bands[path[-1]][0] >= j):
                    continue
                finer = 2 ** max(0, j - operator.oversampling)
                weights = matrix(psi, grid(finer), grid(step), period) * step ** len(period)
                found[*path, n] = (np.abs(plane @ weights.T), finer)
    rows = []
    for path in sorted(found, key=lambda path: (len(path), path)):
        plane, step = found[path]
        rows.append(plane @ (matrix(phi, target, grid(step), period) * step ** len(period)).T)
    shape = (*block.data.shape[: -len(period)], len(rows), *(len(axis) for axis in target))
    return np.stack(rows, axis=1).reshape(shape)


CASES_2D = [
    # J, L, order, oversampling, stride, T, shape, aspect
    (2, 4, 2, 1, None, None, (12, 9), (1.0, 1.0)),
    (2, 3, 2, 0, None, None, (8, 11), (1.0, 1.0)),
    (2, 4, 2, 0, 1, None, (7, 8), (1.0, 1.0)),
    (2, 4, 2, 1, 3, None, (10, 8), (1.0, 1.0)),
    (2, 4, 1, 2, 6, 3.0, (9, 8), (1.0, 1.0)),
    (3, 2, 3, 1, 4, None, (9, 8), (1.0, 1.0)),
    (2, 3, 2, 1, 2, None, (10, 5), (2.0, 1.0)),
    (2, 4, 0, 1, None, None, (5, 6), (1.0, 1.0)),
]


@pytest.mark.parametrize(("J", "L", "order", "a", "stride", "T", "shape", "aspect"), CASES_2D)
def test_kernel_equals_direct_sums_in_two_dims(bench, rng, J, L, order, a, stride, T, shape, aspect):
    metric = "space" if aspect == (1.0, 1.0) else tuple(1 / x for x in aspect)
    operator = Scattering(dims=("y", "x"), J=J, L=L, order=order, oversampling=a, stride=stride, T=T, pad=1, metric=metric)
    data = rng.standard_normal((2, *shape))
    block = bench.block(operator, data)
    bands = [(j, morlet_2d(j, np.pi * q / L, L, aspect)) for j in range(J) for q in range(L)]
    phi = low_pass(0.4 * (2**J if T is None else T), aspect)
    expected = brute(operator, block, bands, phi)
    bench.holds(operator, data, expected)


CASES_1D = [
    # J, Q, order, oversampling, stride, T, length
    (3, 1, 2, 1, None, None, 20),
    (3, 1, 3, 0, None, None, 33),
    (4, 4, 1, 1, 1, None, 31),
    (3, 2, 1, 1, 5, 6.0, 27),
    (4, 1, 2, 0, 12, None, 50),
]


@pytest.mark.parametrize(("J", "Q", "order", "a", "stride", "T", "length"), CASES_1D)
def test_kernel_equals_direct_sums_in_one_dim(bench, rng, J, Q, order, a, stride, T, length):
    operator = Scattering(dims=("x",), J=J, Q=(Q,), order=order, oversampling=a, stride=stride, T=T, pad=1)
    data = rng.standard_normal((3, length))
    block = bench.block(operator, data)
    bands = [(n // Q, morlet_1d(xi, sigma)) for n, (xi, sigma) in enumerate(constant_q(J, Q))]
    phi = low_pass((2**J if T is None else T) / (0.2 * np.pi), (1.0,))
    expected = brute(operator, block, bands, phi)
    got = operator.apply(block.xp, block.data, at=block.at, **block.constants)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_several_band_counts_per_order(bench, rng):
    operator = Scattering(dims=("x",), J=4, Q=(4, 1), order=2)
    tree = operator.paths_of(1)
    assert len(tree.banks[0].bands) == len(constant_q(4, 4)) and len(tree.banks[1].bands) == len(constant_q(4, 1))
    out = bench(operator, rng.standard_normal(64))
    second = [path for path in tree.paths if len(path) == 2]
    assert out.shape == (len(tree.paths), 4) and all(b > a // 4 for a, b in second)
