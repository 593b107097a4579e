"""The energy that the first orders of a scattering transform leave to deeper ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

import scatflow as sf
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.modulus import Modulus
from scatflow_wavelet.tight import Tight
from scatflow_wavelet.wavelet import Wavelet

#: Samples of all planes that are transformed together.
_SAMPLES = 1 << 22


def is_exact(phi: Any, items: xr.DataArray, dims: tuple[str, ...]) -> bool:
    """Tell whether the energy identity holds to rounding: tight, all paths, nothing decimated, whole periodic axes."""
    return (
        isinstance(phi, Scattering) and isinstance(phi.filters, Tight) and phi.tree == "all" and phi.paths is None
        and phi.oversampling >= phi.J and phi.stride == 1 and phi.T is None and _periodic(phi, items, dims)
    )  # fmt: skip


def _periodic(phi: Scattering, items: xr.DataArray, dims: tuple[str, ...]) -> bool:
    rule = phi.boundary if isinstance(phi.boundary, tuple) else (phi.boundary,)
    return set(rule) == {"periodic"} and all(items.sizes[dim] % 2**phi.J == 0 for dim in dims)


def residual_energy(phi: Scattering, items: xr.DataArray, dims: tuple[str, ...]) -> float:
    """Return the sum over paths of order m + 1 of ``|U[p] x|^2``, from wavelet transforms and moduli alone.

    Parameters
    ----------
    phi : Scattering
        Order m; its bank, with all paths and nothing decimated, whatever it says.
    items : DataArray, dims (item, *dims)
        Periodic signals.
    dims : tuple of str
        Core dims.
    """
    return _below(phi, items, dims, 1)


def _below(phi: Scattering, planes: xr.DataArray, dims: tuple[str, ...], order: int) -> float:
    """Walk depth-first over groups of planes of order ``order - 1``, so that memory does not grow with the tree."""
    per_order = (phi.Q, 1) if isinstance(phi.Q, int) else phi.Q
    voices = per_order[min(order, len(per_order)) - 1]
    transform = Wavelet(dims=dims, J=phi.J, Q=voices, L=phi.L, filters=phi.filters, metric=phi.metric, sampling=phi.sampling,
                        boundary="periodic", oversampling=phi.J, paths=({"order": 1},))  # fmt: skip
    bands = phi.J * transform.voices(len(dims), 1)
    group = max(1, _SAMPLES // (bands * math.prod(planes.sizes[dim] for dim in dims)))
    total = 0.0
    for first in range(0, planes.sizes["item"], group):
        part = sf.apply(Modulus(), sf.apply(transform, planes.isel(item=slice(first, first + group))))
        if order > phi.order:
            total += float(np.sum(part.values**2))
            continue
        deeper = part.transpose("item", "path", *dims)
        values = deeper.values.reshape(-1, *(planes.sizes[dim] for dim in dims))
        coords = {dim: planes.coords[dim] for dim in dims if dim in planes.coords}
        total += _below(phi, xr.DataArray(values, dims=("item", *dims), coords=coords), dims, order + 1)
    return total
