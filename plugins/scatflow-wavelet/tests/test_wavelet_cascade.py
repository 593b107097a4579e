"""The fast cascade of low-pass, bands and decimation by two gives what ``wavelet`` gives at octave sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

import scatflow as sf


def frequencies(shape):
    axes = [2 * np.pi * np.fft.fftfreq(n) for n in shape]
    return np.meshgrid(*axes, indexing="ij")


def low(radius):
    """The low-pass l(r): 1 up to pi/4, 0 from pi/2, a cosine of the logarithm between."""
    with np.errstate(divide="ignore"):
        return np.cos(0.5 * np.pi * np.clip(np.log2(4 * radius / np.pi), 0, 1)) * (radius < np.pi / 2)


def angular(shape, q, L):
    """sqrt(2) A_q(a), on Nyquist lines the root mean square over the signs of those frequencies."""
    constant = 2.0 ** (L - 1) * math.factorial(L - 1) / math.sqrt(L * math.factorial(2 * L - 2))
    wy, wx = frequencies(shape)
    squares = np.zeros(shape)
    for sy, sx in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        y, x = (np.where(np.isclose(abs(w), np.pi), s * abs(w), w) for w, s in ((wy, sy), (wx, sx)))
        squares += 2 * constant**2 * np.maximum(np.cos(np.arctan2(y, x) - np.pi * q / L), 0) ** (2 * L - 2) / 4
    return np.sqrt(squares)


def cascade(x, J, L):
    """Return the bands of every octave and the last low-pass: products on grids that shrink by two per axis."""
    octaves = []
    for _ in range(J):
        spectrum, (wy, wx) = np.fft.fft2(x), frequencies(x.shape)
        g = low(np.hypot(wy, wx))
        octaves.append(np.stack([np.fft.ifft2(spectrum * np.sqrt(1 - g**2) * angular(x.shape, q, L)) for q in range(L)]))
        x = np.fft.ifft2(spectrum * g).real[::2, ::2]
    return octaves, x


@pytest.mark.parametrize(("shape", "J", "L"), [((64, 64), 3, 4), ((32, 32), 3, 4), ((64, 128), 4, 3), ((96, 48), 2, 8)])
def test_cascade_is_the_decimated_transform(shape, J, L):
    x = np.random.default_rng(11).standard_normal(shape)
    octaves, rest = cascade(x, J, L)
    kw = {"dims": ("y", "x"), "J": J, "L": L, "filters": "tight", "boundary": "periodic"}
    data = xr.DataArray(x, dims=("y", "x"))
    tree = sf.ops.wavelet(data, stride="octave", oversampling=0, **kw)
    full = sf.ops.wavelet(data, **kw).transpose("path", ...)
    for j, expected in enumerate(octaves):
        found = _values(tree, f"j{j}")
        assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()
        np.testing.assert_allclose(found, full[1 + j * L : 1 + (j + 1) * L, :: 2**j, :: 2**j], atol=1e-13)
    np.testing.assert_allclose(_values(tree, "low")[0], rest, atol=1e-12 * np.abs(rest).max())
    # Sums of squares, times the samples that one stands for, add up to that of the field.
    parts = [4**j * np.sum(np.abs(_values(tree, f"j{j}")) ** 2) for j in range(J)]
    assert sum(parts) + 4**J * np.sum(np.abs(_values(tree, "low")) ** 2) == pytest.approx(np.sum(x**2), rel=1e-12)


@pytest.mark.parametrize("Q", [1, 2, 8])
def test_octaves_of_one_dim_are_samples_of_the_transform(Q):
    # A voice of the low-pass lies beyond its critical rate, so octave j keeps samples 2^(j-1) apart.
    x = xr.DataArray(np.random.default_rng(12).standard_normal(256), dims="x")
    kw = {"dims": "x", "J": 4, "Q": Q, "filters": "tight", "boundary": "periodic"}
    tree, full = sf.ops.wavelet(x, stride="octave", **kw), sf.ops.wavelet(x, **kw).transpose("path", "x").values
    total = 0.0
    for j in range(4):
        step = 2 ** max(0, j - 1)
        np.testing.assert_allclose(_values(tree, f"j{j}"), full[1 + j * Q : 1 + (j + 1) * Q, ::step], atol=1e-13)
        total += step * np.sum(np.abs(_values(tree, f"j{j}")) ** 2)
    total += 8 * np.sum(np.abs(_values(tree, "low")) ** 2)
    assert total == pytest.approx(float((x**2).sum()), rel=1e-12)


def _values(tree, name):
    (array,) = tree[name].dataset.data_vars.values()
    return array.transpose("path", ...).values
