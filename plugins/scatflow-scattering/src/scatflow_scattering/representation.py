"""Any map from labelled signals to labelled numbers, seen as a map between vectors with norms.

A representation is an operator value or a function of one DataArray that returns a DataArray, a Dataset or a DataTree. Its
norm is that of functions: a sample that stands for several, as behind a stride or an average, counts that often.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

import scatflow as sf
from scatflow.contract import Core, Operator, Reduce, Window
from scatflow.errors import DimensionError, ParameterError
from scatflow.labels import core_dims, spec_of
from scatflow_scattering.harmonic_scattering import HarmonicScattering
from scatflow_scattering.harmonic_symmetries import is_homogeneous, stretch
from scatflow_scattering.parameters import TreeParameters
from scatflow_wavelet import Grid
from scatflow_wavelet.deform import Deform
from scatflow_wavelet.displacement import Family
from scatflow_wavelet.parameters import BankParameters

Representation = Operator | Callable[[xr.DataArray], Any]
Dims = str | tuple[str, ...] | None


def name_of(phi: Representation) -> str:
    """Return what a representation is called in a report."""
    return phi.name if isinstance(phi, Operator) else getattr(phi, "__name__", type(phi).__name__)


def dims_of(phi: Representation, signals: xr.DataArray, dims: Dims) -> tuple[str, ...]:
    """Return the core dims of signals, as named, as the operator has them, or all.

    Raises
    ------
    DimensionError
        A dim is missing, or there are more than three.
    """
    if dims is None and isinstance(phi, Core):
        dims = phi.dims
    wanted = (dims,) if isinstance(dims, str) else dims
    return core_dims(spec_of(signals), wanted, (1, 2, 3), "properties", ("z", "y", "x"))


def features(phi: Representation, signals: xr.DataArray, dims: tuple[str, ...]) -> np.ndarray:
    """Return a vector per item, whose Euclidean norm is the norm of its representation.

    Parameters
    ----------
    phi : Operator or callable
        The representation.
    signals : DataArray
        Items along all dims but ``dims``.
    dims : tuple of str
        Core dims.

    Returns
    -------
    ndarray, shape (items, features), float64 or complex128
        A result that keeps a core dim in fewer samples is scaled by the root of how many each stands for; averages over a
        core dim (of windows and reductions) by the root of its length.

    Raises
    ------
    DimensionError
        A result lacks a dim of the items: representations may not pool them.
    """
    batch = [str(dim) for dim in signals.dims if dim not in dims]
    parts = []
    for array in _arrays(_applied(phi, signals, dims)):
        lost = [dim for dim in batch if dim not in array.dims]
        if lost:
            raise DimensionError(
                name_of(phi), "items have to stay apart", got=array.dims, expected=(*batch, "..."), code="DimensionMissing"
            )
        rest = [dim for dim in array.dims if dim not in batch]
        values = array.transpose(*batch, *rest).values
        wide = values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
        parts.append(wide.reshape(math.prod(signals.sizes[dim] for dim in batch), -1) * math.sqrt(_cell(phi, signals, array, dims)))
    return np.concatenate(parts, axis=1)


def norms(vectors: np.ndarray) -> np.ndarray:
    """Return the norm of every item."""
    return np.asarray(np.linalg.norm(vectors, axis=1))


def flat(signals: xr.DataArray, dims: tuple[str, ...]) -> np.ndarray:
    """Return the signals themselves as vectors."""
    batch = [dim for dim in signals.dims if dim not in dims]
    return np.asarray(signals.transpose(*batch, *dims).values).reshape(-1, math.prod(signals.sizes[dim] for dim in dims))


def frame_bound(phi: Representation, signals: xr.DataArray, dims: tuple[str, ...]) -> float:
    """Return the largest factor by which the bank of an operator can stretch a squared distance; 1 for what has no bank.

    With b the upper frame bound, the wavelet transform has b and a scattering transform of order m the larger of b and
    b^(m+1). Of solid harmonic scattering it is :func:`~scatflow_scattering.harmonic_symmetries.stretch`.

    Raises
    ------
    ParameterError
        Solid harmonic scattering with other powers than 1, or sums for means: those bound no distance.
    """
    if isinstance(phi, HarmonicScattering):
        if not is_homogeneous(phi):
            raise ParameterError(f"{phi.name}.powers", "means of moduli themselves bound distances", expected=(1.0,), got=phi.powers,
                                 remedy='Ask for powers=(1.0,) and filters="solid-harmonic", or give a bound.')  # fmt: skip
        return stretch(phi)
    if not isinstance(phi, BankParameters):
        return 1.0
    spec = spec_of(signals.transpose(..., *dims))
    ready = phi.replace(dims=dims).resolve(spec)
    order = ready.order if isinstance(ready, TreeParameters) else 0
    grid = Grid(tuple(signals.sizes[dim] for dim in dims))
    largest = max(ready.bank(len(dims), k).bounds(grid)[1] for k in range(1, max(order, 1) + 1))
    return max(largest, largest ** (order + 1))


def stacked(signals: xr.DataArray, core: tuple[str, ...]) -> xr.DataArray:
    """Return signals in double precision with one dim ``item`` before the core dims; the labels of the core stay."""
    batch = [dim for dim in signals.dims if dim not in core]
    coords = {dim: signals.coords[dim] for dim in core if dim in signals.coords}
    values = signals.transpose(*batch, *core).values
    wide = values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
    return xr.DataArray(wide.reshape(-1, *(signals.sizes[dim] for dim in core)), dims=("item", *core), coords=coords)


def deformed(signals: xr.DataArray, core: tuple[str, ...], family: Family, size: float, **parameters: Any) -> xr.DataArray:
    """Return signals deformed by trigonometric interpolation, unless another is named; translations are periodic."""
    chosen = {"interpolation": "spectral", **({"boundary": "periodic"} if family == "translate" else {}), **parameters}
    moved: xr.DataArray = sf.apply(Deform(dims=core, family=family, size=size, **chosen), signals)
    return moved


def family_of(phi: Any, scales: Sequence[int]) -> dict[int, Any]:
    """Return J -> representation, growing."""
    if isinstance(phi, Mapping):
        return dict(sorted(phi.items()))
    if not hasattr(phi, "J"):
        raise ParameterError(name_of(phi), "has no scale J", expected="an operator with J, or a mapping from J to representations")
    return {J: phi.replace(J=J) for J in scales}


def gradient_of(moved: xr.DataArray) -> float:
    """Return how steep the displacement of a result of ``deform`` is; ParameterError where it is flat."""
    gradient = float(moved.attrs["deformation_gradient"])
    if not gradient:
        raise ParameterError("deformation", "the displacement has no gradient to compare with", got="a translation, or size 0",
                             remedy="Ask for invariance or translation, or name another family.")  # fmt: skip
    return gradient


def columns(values: np.ndarray) -> tuple[float, ...]:
    """Return numbers as a finding keeps them."""
    return tuple(float(value) for value in values)


def _applied(phi: Representation, signals: xr.DataArray, dims: tuple[str, ...]) -> Any:
    if not isinstance(phi, Operator):
        return phi(signals)
    return sf.apply(phi.replace(dims=dims) if isinstance(phi, Core) else phi, signals)


def _arrays(result: Any) -> Iterator[xr.DataArray]:
    if isinstance(result, xr.DataArray):
        yield result
    elif isinstance(result, xr.Dataset):
        yield from result.data_vars.values()
    elif isinstance(result, xr.DataTree):
        for node in result.leaves:
            yield from node.to_dataset().data_vars.values()
    else:
        raise ParameterError("representation", "returns labelled arrays", expected="DataArray, Dataset or DataTree",
                             got=type(result).__name__)  # fmt: skip


def _cell(phi: Representation, signals: xr.DataArray, result: xr.DataArray, dims: tuple[str, ...]) -> float:
    """Return how many samples of a signal one number of a result stands for."""
    volume = 1.0
    for dim in dims:
        if dim in result.dims:
            volume *= signals.sizes[dim] / result.sizes[dim]
        elif isinstance(phi, (Window, Reduce)):
            volume *= signals.sizes[dim]
    return volume
