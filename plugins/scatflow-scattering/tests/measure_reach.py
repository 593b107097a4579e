"""Measure how far scattering sees, for the table in scatflow_wavelet.reach. Run by hand; prints reach / 2^J.

White noise is replaced by other noise beyond a distance R of one output sample (in the largest coordinate); the
reach at a tolerance is the least R for which the rms change of the coefficients of no order exceeds that share of
their rms. For causal filters R counts into the past, and the noise is replaced everywhere else.
``python measure_reach.py NDIM VOICES J ORDER [gammatone]``.
"""

from __future__ import annotations

import functools
import sys

import numpy as np

from scatflow.arrays import namespace
from scatflow.spec import ArraySpec, Place
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.family import WaveletFamily
from scatflow_wavelet.gammatone import Gammatone
from scatflow_wavelet.morlet import Morlet
from scatflow_wavelet.wavelet import Wavelet

TOLERANCES = [10.0**-k for k in range(1, 10)]
#: Log2 of the periodic signal's length over 2^J, by number of dims: it has to hold the longest distance to either side.
OCTAVES = {1: 6, 2: 5, 3: 4}


def changes(
    ndim: int, voices: int, J: int, order: int, distances: np.ndarray, repeats: int = 3, family: WaveletFamily | None = None
) -> np.ndarray:
    """Return the relative change per (order, distance); order -1 stands for the wavelet transform."""
    dims = ("z", "y", "x")[-ndim:]
    family = family or Morlet()
    # The table of causal filters is that of equally many bands in all orders.
    count = {"L": voices} if ndim > 1 else {"Q": (voices, voices if family.causal else 1)}
    size = 2 ** (J + OCTAVES[ndim])
    if order < 0:
        operator = Wavelet(dims=dims, J=J, stride=2**J, boundary="periodic", filters=family, **count)
    else:
        operator = Scattering(dims=dims, J=J, order=order, boundary="periodic", filters=family, **count)
    rng = np.random.default_rng(J)
    base = rng.standard_normal((repeats, *(size,) * ndim))
    other = rng.standard_normal(base.shape)
    center = size // 2
    far = np.abs(np.arange(size) - center)
    if family.causal:
        far = (center - np.arange(size)) % size
    apart = functools.reduce(np.maximum, np.ix_(*(far,) * ndim))
    roles = dims
    full = dict.fromkeys(roles, size)
    at = Place(dict.fromkeys(roles, 0), full, dict.fromkeys(roles, (0, size)), full, periodic=dict.fromkeys(roles, True))
    xp = namespace(base)
    constants = operator.prepare(xp, ArraySpec(roles, (size,) * ndim, "float64"), None)
    blocks = (base, *(np.where(apart <= r, base, other) for r in distances))  # one after the other: volumes are large
    place = (..., *(center // 2**J,) * ndim)
    out = np.stack([operator.apply(xp, block, at=at, **constants)[place] for block in blocks])
    if order < 0:
        groups = [[k] for k in range(out.shape[-1])]
    else:
        lengths = np.array([len(path) for path in operator.paths_of(ndim).paths])
        groups = [np.flatnonzero(lengths == m).tolist() for m in range(lengths.max() + 1)]
    rms = [np.sqrt(np.mean(np.abs(out[0][:, g]) ** 2)) for g in groups]
    return np.array([np.sqrt(np.mean(np.abs(out[1:][..., g] - out[0][..., g]) ** 2, axis=(1, 2))) / n
                     for g, n in zip(groups, rms, strict=True)])  # fmt: skip


def main(ndim: int, voices: int, J: int, order: int, family: WaveletFamily) -> None:
    """Print one line of the table per order."""
    unit = 2.0**J / 4
    longest = 33 if ndim > 1 else 185 if family.causal else 113
    distances = np.unique(np.rint(np.arange(2, longest, 2 if ndim > 1 else 3) * unit)).astype(int)
    distances = distances[distances < 2 ** (J + OCTAVES[ndim] - (0 if family.causal else 1))]
    found = changes(ndim, voices, J, order, distances, 60 if family.causal else 3, family)
    worst = np.maximum.accumulate(found, axis=0) if order >= 0 else found.max(axis=0, keepdims=True)
    for m, row in enumerate(worst):
        # From the far side, so that a dip of the noise does not count as the reach.
        row = np.maximum.accumulate(row[::-1])[::-1]
        logs = np.interp(np.log10(TOLERANCES)[::-1], np.log10(np.maximum(row, 1e-17))[::-1], distances[::-1])[::-1]
        print(ndim, voices, J, m if order >= 0 else -1, [round(float(r) / 2**J, 2) for r in logs], flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]), Gammatone() if sys.argv[5:] == ["gammatone"] else Morlet())
