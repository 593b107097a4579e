"""Translations, rotations, transpositions and anisotropic grids."""

from __future__ import annotations

import numpy as np
import pytest

from scatflow.arrays import namespace
from scatflow.spec import ArraySpec, Place
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.morlet import Morlet
from scatflow_wavelet.tight import Tight

FAMILIES = [Morlet(), Tight()]


def rotated(tree, L, turn):
    """Return for every path the position of the path with all orientations moved by ``turn`` steps of pi / L."""
    move = [tuple(n // L * L + (n % L + turn) % L for n in path) for path in tree.paths]
    return [tree.position[path] for path in move]


@pytest.mark.parametrize("family", FAMILIES)
def test_translation_by_the_stride_moves_the_result(bench, rng, family):
    data = rng.standard_normal((64, 48))
    operator = Scattering(dims=("y", "x"), J=3, L=4, filters=family)
    out = bench(operator, data, "periodic")
    moved = bench(operator, np.roll(data, (16, -8), (0, 1)), "periodic")
    np.testing.assert_allclose(moved, np.roll(out, (2, -1), (-2, -1)), atol=1e-14)


def test_translation_by_any_amount_without_subsampling(bench, rng):
    data = rng.standard_normal((2, 120))
    operator = Scattering(dims=("x",), J=3, Q=3, oversampling=3, stride=1)
    out = bench(operator, data, "periodic")
    np.testing.assert_allclose(bench(operator, np.roll(data, 7, -1), "periodic"), np.roll(out, 7, -1), atol=1e-14)


def test_averages_move_little_under_small_translations(bench):
    # |S x_c - S x| <= C |c| 2^-J |x|: slope -1 in the averaging scale for a smooth signal.
    t = np.arange(4096)
    data = np.cos(2 * np.pi * t / 40) * np.exp(-0.5 * ((t - 2048) / 300) ** 2)
    changes = []
    for J in (5, 6, 7, 8):
        operator = Scattering(dims=("x",), J=J, order=1, oversampling=3, stride=1, paths={"order": 1, "j1": 3})
        change = bench(operator, np.roll(data, 1), "periodic") - bench(operator, data, "periodic")
        changes.append(np.linalg.norm(change))
    slope = np.polyfit((5, 6, 7, 8), np.log2(changes), 1)[0]
    assert -1.2 < slope < -0.3 and changes[-1] < 0.02 * np.linalg.norm(data)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("L", [4, 6])
def test_quarter_turn_permutes_orientations(bench, rng, family, L):
    data = rng.standard_normal((48, 48))
    operator = Scattering(dims=("y", "x"), J=3, L=L, order=2, filters=family)
    tree = operator.paths_of(2)
    out = bench(operator, data, "periodic")
    # Turn by a quarter about sample (0, 0): x' = -y, y' = x, so that a wave vector at angle a goes to a + pi/2.
    turned = np.roll(np.flip(data.T, 1), 1, 1)
    expected = np.roll(np.flip(np.swapaxes(out, -2, -1), -1), 1, -1)
    np.testing.assert_allclose(bench(operator, turned, "periodic")[rotated(tree, L, L // 2)], expected, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_transposition_mirrors_orientations(bench, rng, family):
    L = 4
    data = rng.standard_normal((40, 56))
    operator = Scattering(dims=("y", "x"), J=2, L=L, filters=family)
    tree = operator.paths_of(2)
    # theta -> pi/2 - theta
    swapped = [tree.position[tuple(n // L * L + (L // 2 - n % L) % L for n in path)] for path in tree.paths]
    out = bench(operator, data)
    np.testing.assert_allclose(bench(operator, data.T)[swapped], np.swapaxes(out, -2, -1), atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_finer_axis_gives_the_numbers_of_the_isotropic_grid(bench, rng, family):
    """A band-limited periodic field sampled at dy = dx / 2 has the coefficients of the field sampled at dx."""
    n = 64
    k = np.fft.fftfreq(n, 1 / n)
    # Smooth enough that the periods of the finest filters, which only the coarse grid folds back, meet nothing.
    smooth = np.exp(-0.5 * (k[:, None] ** 2 + k[None, :] ** 2) / 4**2) * (np.abs(k[:, None]) < 24) * (np.abs(k[None, :]) < 24)
    spectrum = smooth * (rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n)))
    y, x = np.arange(2 * n) / 2, np.arange(n)
    waves_y = np.exp(2j * np.pi / n * np.outer(y, k))
    waves_x = np.exp(2j * np.pi / n * np.outer(k, x))
    fine = (waves_y @ spectrum @ waves_x).real
    coarse = fine[::2]
    operator = Scattering(dims=("y", "x"), J=3, L=4, oversampling=3, filters=family)
    expected = bench(operator, coarse, "periodic")
    got = bench(operator.replace(metric=(0.5, 1.0)), fine, "periodic")[:, ::2]
    paths = operator.paths_of(2).paths
    finest = np.array([bool(path) and path[0] < 4 for path in paths])
    order = np.array([len(path) for path in paths])
    for m, first in ((0, False), (1, False), (1, True), (2, False), (2, True)):
        part = (order == m) & (finest == first)
        # The finest Morlet octave meets its own periods at frequency 0: on the coarse grid a zero mean takes another
        # kappa (by 4 %), which a field of low frequencies shows most.
        limit = 0.1 if first and family == Morlet() else 1e-3
        assert np.linalg.norm(got[part] - expected[part]) < limit * np.linalg.norm(expected[part]), m


def test_items_do_not_see_each_other(bench, rng):
    data = rng.standard_normal((3, 5, 70))
    operator = Scattering(dims=("x",), J=4, Q=2)
    out = bench(operator, data)
    assert out.shape[:2] == (3, 5)
    np.testing.assert_allclose(out[1, 2], bench(operator, data[1, 2]), atol=1e-15)
    assert bench(operator, data[:0]).shape == (0, *out.shape[1:])


@pytest.mark.parametrize("shape", [(31, 32), (33, 47), (16, 16), (8, 200)])
@pytest.mark.parametrize("stride", [None, 1, 3, 7, 12])
def test_any_size_and_stride_samples_the_same_planes(bench, rng, shape, stride):
    data = rng.standard_normal(shape)
    operator = Scattering(dims=("y", "x"), J=2, L=2)
    step = 4 if stride is None else stride
    dense = bench(operator.replace(stride=1), data)
    out = bench(operator.replace(stride=stride), data)
    assert out.shape[1:] == tuple(-(-n // step) for n in shape)
    np.testing.assert_allclose(out, dense[:, ::step, ::step], atol=1e-13)


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize(
    ("dims", "n", "kw"),
    [
        (("x",), 2048, {"J": 4, "Q": (1,)}),
        (("x",), 2048, {"J": 4, "Q": (8, 1), "order": 1}),
        (("y", "x"), 144, {"J": 2, "L": 4}),
        (("y", "x"), 144, {"J": 2, "L": 8, "stride": 3}),
    ],
)
def test_a_block_with_the_tabulated_halo_gives_the_numbers_of_the_whole(bench, rng, dims, n, kw, tol):
    operator = Scattering(dims=dims, **kw)
    data = rng.standard_normal((n,) * len(dims))
    whole = bench(operator, data, "periodic")
    step = operator.step()
    low, high = n // 2, n // 2 + 4 * step
    start = (low - operator.depth(tol)["x"][0]) // 2**operator.J * 2**operator.J
    stop = start + -(-(high + operator.depth(tol)["x"][1] - start) // 2**operator.J) * 2**operator.J
    at = Place(dict.fromkeys(dims, start), dict.fromkeys(dims, stop), dict.fromkeys(dims, (low, high)), dict.fromkeys(dims, n))
    block = np.ascontiguousarray(data[(slice(start, stop),) * len(dims)])
    constants = operator.prepare(np, ArraySpec(dims, block.shape, "float64"), None)
    part = operator.apply(namespace(block), block, at=at, **constants)
    first = -(-low // step) - -(-start // step)
    got = part[(..., *(slice(first, first + 4),) * len(dims))]
    expected = whole[(..., *(slice(-(-low // step), -(-low // step) + 4),) * len(dims))]
    order = np.array([len(path) for path in operator.paths_of(len(dims)).paths])
    for m in range(operator.order + 1):
        scale = np.sqrt(np.mean(whole[order == m] ** 2))
        assert np.sqrt(np.mean((got - expected)[order == m] ** 2)) < tol * scale, m
