"""Norms: the energy identity of tight banks, shares of white noise, contraction."""

from __future__ import annotations

import numpy as np
import pytest

from scatflow.arrays import namespace
from scatflow_scattering.scattering import Scattering
from scatflow_scattering.walk import filters, walk
from scatflow_wavelet.morlet import Morlet
from scatflow_wavelet.tight import Tight


def planes(operator, data, ndim):
    """Return the energy of U per order, all planes at full resolution."""
    xp = namespace(data)
    tree = operator.paths_of(ndim)
    bands = filters(tree, data.shape[-ndim:], xp, "float64")
    energy = np.zeros(operator.order + 1)
    for node in walk(xp, data, tree, bands):
        assert node.exponent == 0
        energy[len(node.path)] += np.sum(node.plane**2)
    return energy


def shares(operator, data, out, ndim):
    tree = operator.paths_of(ndim)
    order = np.array([len(path) for path in tree.paths])
    squares = np.sum(np.moveaxis(out, -1 - ndim, 0) ** 2, axis=tuple(range(1, out.ndim)))
    return np.array([squares[order == m].sum() for m in range(operator.order + 1)]) / np.sum(data**2)


@pytest.mark.parametrize(
    ("dims", "shape", "kw"),
    [
        (("x",), (3, 128), {"J": 5, "order": 2}),
        (("x",), (3, 96), {"J": 5, "Q": (4, 2), "order": 2}),
        (("y", "x"), (2, 32, 40), {"J": 3, "L": 3, "order": 2}),
        (("y", "x"), (2, 24, 32), {"J": 3, "L": 2, "order": 1}),
    ],
)
def test_energy_identity_of_tight_banks(bench, rng, dims, shape, kw):
    # |x|^2 = sum over |p| <= m of |S[p]|^2 + sum over |p| = m + 1 of |U[p]|^2, from |W x| = |x| alone.
    data = rng.standard_normal(shape)
    operator = Scattering(dims=dims, filters=Tight(), tree="all", oversampling=kw["J"], stride=1, **kw)
    out = bench(operator, data, "periodic")
    deeper = operator.replace(order=operator.order + 1, stride=None)
    residual = planes(deeper, data, len(dims))[-1]
    total = shares(operator, data, out, len(dims)).sum() + residual / np.sum(data**2)
    assert total == pytest.approx(1, abs=1e-10)


def test_white_noise_shares(bench, rng):
    data = rng.standard_normal((4, 256))
    operator = Scattering(dims=("x",), J=8, Q=1, order=4, filters=Tight(), tree="all", oversampling=8, stride=1)
    out = bench(operator, data, "periodic")
    cumulative = np.cumsum(shares(operator, data, out, 1))
    np.testing.assert_allclose(cumulative, [0.012, 0.788, 0.962, 0.9951, 0.99951], atol=0.02)
    assert (np.abs(cumulative[2:] - [0.962, 0.9951, 0.99951]) < [6e-3, 1.5e-3, 3e-4]).all()


@pytest.mark.parametrize(
    ("family", "bound"),
    [(Tight(), 1.0), (Morlet(contractive=True), 1.0), (Morlet(), 1.06)],
)
@pytest.mark.parametrize(("dims", "shape", "kw"), [(("x",), (128,), {"Q": (4, 1)}), (("y", "x"), (32, 24), {"L": 8})])
def test_distances_do_not_grow(bench, rng, family, bound, dims, shape, kw):
    # For a bank with frame bound b: |S x - S y|^2 <= max(b, b^(m+1)) |x - y|^2 at full resolution.
    operator = Scattering(dims=dims, J=2, order=2, filters=family, oversampling=2, stride=1, **kw)
    near = rng.standard_normal(shape)
    smooth = np.cumsum(rng.standard_normal(shape), axis=-1) / 8
    for x, y in [
        (near, near + 1e-3 * rng.standard_normal(shape)),
        (near, rng.standard_normal(shape)),
        (smooth, np.roll(smooth, 1, -1)),
        (smooth, 0 * smooth),
        (smooth, -smooth),
    ]:
        ratio = np.linalg.norm(bench(operator, x, "periodic") - bench(operator, y, "periodic")) / np.linalg.norm(x - y)
        assert ratio <= bound ** (0.5 * (operator.order + 1)) + 1e-10
