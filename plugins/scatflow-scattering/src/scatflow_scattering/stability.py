"""What makes scattering stable: wavelets hardly move under deformations, and nearly commute with them.

The lemma behind theorem 2.12 of Mallat (2012), "Group invariant scattering", as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

import scatflow as sf
from scatflow.errors import ParameterError
from scatflow.labels import spec_of
from scatflow_scattering.finding import Finding
from scatflow_scattering.linear import Linear, commutator_norm
from scatflow_scattering.probe import gabor
from scatflow_scattering.representation import Dims, columns, deformed, dims_of, family_of, flat, gradient_of, norms
from scatflow_wavelet import Grid
from scatflow_wavelet.deform import Deform
from scatflow_wavelet.displacement import Family
from scatflow_wavelet.family import wave
from scatflow_wavelet.wavelet import Wavelet

#: Largest ratio to the gradient that counts as stable.
CONSTANT = 10.0
#: Log2 of the longest axis on which a report takes the norm of a commutator, by number of core dims.
LARGEST = {1: 9, 2: 6, 3: 4}


def commutator(
    wavelet: Wavelet, like: xr.DataArray, *, dims: Dims = None, family: Family = "dilate", size: float = 0.02,
    scales: Sequence[int] | None = None, constant: float = CONSTANT, iterations: int = 12, seed: int = 0, **parameters: Any,
) -> Finding:  # fmt: skip
    """Return ``|W D - D W| / |grad tau|``, the largest over J, by power iteration.

    The lemma behind stability: wavelets commute with deformations up to a constant times the gradient, whatever J.

    Parameters
    ----------
    wavelet : Wavelet
        W; its boundary is periodic and its stride 1 here, and it is not decimated.
    like : DataArray
        Gives lengths (multiples of 2^J) and labels of the signals, which live in the middle of them, below half the Nyquist
        frequency.
    dims
        As for :func:`contraction`.
    family, size, **parameters
        Parameters of the operator ``deform``.
    scales : sequence of int, optional
        Values of J; default the operator's own and the two below.
    constant : float
        Largest ratio allowed.
    iterations, seed : int
        Of the power iteration.
    """
    core = dims_of(wavelet, like, dims)
    one = like.isel({dim: 0 for dim in like.dims if dim not in core}, drop=True)
    deform = Deform(**{"family": family, "size": size, "interpolation": "spectral", "boundary": "periodic", **parameters})
    moved = Linear.of(deform, one, core)
    gradient = gradient_of(sf.apply(deform.replace(dims=core), 0.0 * one))
    chosen = range(max(1, wavelet.J - 2), wavelet.J + 1) if scales is None else scales
    found = {
        J: commutator_norm(_whole(w, one, core), moved, tuple(one.sizes[dim] for dim in core), iterations, seed) / gradient
        for J, w in family_of(wavelet, chosen).items()
    }
    details = {"J": tuple(map(float, found)), "ratio": tuple(found.values())}
    return Finding("commutator", f"largest |W D - D W| / |grad tau| over J, {family}", max(found.values()), 0.0, constant, details)


def wavelet_stability(
    wavelet: Wavelet, like: xr.DataArray, *, dims: Dims = None, family: Family = "dilate", size: float = 0.02,
    constant: float = CONSTANT, **parameters: Any,
) -> Finding:  # fmt: skip
    """Return ``|psi - D psi| / (|psi| |grad tau|)``, the largest over bands that end before the Nyquist frequency.

    Bands that the sampling cuts off, with more than a hundredth of their maximum at the Nyquist frequency, are no dilates of
    the others; they are among the details.
    ``details["waves"]`` are the same ratios of waves of the bands' frequencies that all have one envelope, the atoms of a
    windowed Fourier transform: those grow with frequency.

    Parameters
    ----------
    wavelet : Wavelet
        The bank.
    like : DataArray
        Gives lengths and labels.
    dims, family, size, constant, **parameters
        As for :func:`commutator`.
    """
    core = dims_of(wavelet, like, dims)
    one = like.isel({dim: 0 for dim in like.dims if dim not in core}, drop=True)
    dirac = 0.0 * one.transpose(*core)
    dirac[{dim: one.sizes[dim] // 2 for dim in core}] = 1.0
    bands = sf.apply(wavelet.replace(dims=core, boundary="periodic", stride=1, paths=({"order": 1},)), dirac)
    shape = tuple(one.sizes[dim] for dim in core)
    ready = wavelet.replace(dims=core).resolve(spec_of(dirac)).bank(len(core))
    closed = np.array([_at_nyquist(psi) < 0.01 * np.abs(psi).max() for psi in ready.psi(Grid(shape))])
    if not closed.any():
        raise ParameterError(
            "wavelet_stability", "every band is cut off by the sampling", got=f"J={wavelet.J}", remedy="Use a larger J."
        )
    waves = xr.concat([gabor(dirac, core, band.xi, wave(band, len(core)).tolist()) for band in ready.bands], "path")
    ratios = {}
    for name, atoms in {"bands": bands, "waves": waves}.items():
        moved = deformed(atoms, core, family, size, **parameters)
        ratios[name] = norms(flat(moved - atoms, core)) / norms(flat(atoms, core)) / gradient_of(moved)
    details = {"xi": tuple(float(band.xi) for band in ready.bands), **{key: columns(value) for key, value in ratios.items()}}
    return Finding("wavelet_stability", f"largest |psi - D psi| / (|psi| |grad tau|), {family}", float(ratios["bands"][closed].max()), 0.0, constant,
                   details)  # fmt: skip


def cropped(wavelet: Wavelet, signals: xr.DataArray, dims: Dims) -> tuple[Wavelet, xr.DataArray]:
    """Return what a commutator is measured on in a minute: the longest powers of two within limits, scales that fit."""
    core = dims_of(wavelet, signals, dims)
    sizes = {dim: 2 ** min(int(math.log2(signals.sizes[dim])), LARGEST[len(core)]) for dim in core}
    part = signals.isel({dim: slice(0, n) for dim, n in sizes.items()})
    fitting = max(1, int(math.log2(min(sizes.values()))) - 3)
    return wavelet.replace(dims=core, J=min(wavelet.J, fitting)), part


def _whole(wavelet: Wavelet, like: xr.DataArray, core: tuple[str, ...]) -> Linear:
    return Linear.of(wavelet.replace(boundary="periodic", stride=1, paths=None, oversampling=wavelet.J), like, core)


def _at_nyquist(psi: np.ndarray) -> float:
    """Return the largest modulus of a multiplier on the Nyquist frequencies of its axes."""
    return max(float(np.abs(np.take(psi, n // 2, axis)).max()) for axis, n in enumerate(psi.shape))
