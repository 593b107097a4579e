"""Comparing labelled results: labels exactly, values to a tolerance relative to their root mean square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from dask.base import compute

from scatflow.arrays import asnumpy
from scatflow.labels import same_labels, spec_of
from scatflow.spec import ArraySpec
from scatflow.testing.case import rms
from scatflow.testing.check import Failure

#: Relative rms difference of results in double precision that differ in rounding alone.
ROUNDING = 1e-10
#: Relative rms difference of a result in single precision from the one in double.
SINGLE = 1e-4


def difference(found: Any, expected: Any) -> float:
    """Return the rms difference relative to the rms of what is expected; infinite where shapes or NaN differ.

    Where all that is expected vanishes the difference itself counts.
    """
    a, b = np.asarray(asnumpy(found)), np.asarray(asnumpy(expected))
    if a.shape != b.shape:
        return float("inf")
    if a.dtype.kind not in "fc":
        return 0.0 if bool(np.array_equal(a, b)) else float("inf")
    if not bool(np.array_equal(np.isnan(a), np.isnan(b))):
        return float("inf")
    special = ~np.isfinite(b) | ~np.isfinite(a)
    if not bool(np.array_equal(a[special], b[special], equal_nan=True)):
        return float("inf")
    scale = rms(b[~special])
    return rms(a[~special] - b[~special]) / (scale if scale > 0 else 1.0)


def compare_values(found: Mapping[str, Any], expected: Mapping[str, Any], tol: float, rule: str, remedy: str = "") -> None:
    """Raise Failure where results by name differ by more than a tolerance."""
    if set(found) != set(expected):
        raise Failure(f"{rule}: the results have other names", expected=sorted(expected), got=sorted(found))
    for name, values in expected.items():
        distance = difference(found[name], values)
        if not distance <= tol:
            shape = f" of shape {tuple(found[name].shape)}, not {tuple(values.shape)}" if found[name].shape != values.shape else ""
            raise Failure(f"{rule}{f' (result {name!r})' if name else ''}", expected=f"a relative rms difference of at most {tol:.1g}",
                          got=f"{distance:.2g}{shape}", remedy=remedy)  # fmt: skip


def compare_labelled(
    found: Mapping[str, xr.DataArray], expected: Mapping[str, xr.DataArray], tol: float, rule: str, remedy: str = ""
) -> None:
    """Raise Failure where labelled results by name differ in dims, dtype, coordinates, attributes or values."""
    if set(found) != set(expected):
        raise Failure(f"{rule}: the results have other names", expected=sorted(expected), got=sorted(found))
    for name, one in expected.items():
        if difference_of_labels := labels_differ(found[name], one):
            raise Failure(f"{rule}: labels of result {name!r} differ", got=difference_of_labels, remedy=remedy)
    compare_values({name: array.data for name, array in computed(found).items()},
                   {name: array.data for name, array in computed(expected).items()}, tol, rule, remedy)  # fmt: skip


def computed(results: Mapping[str, xr.DataArray], scheduler: str = "synchronous") -> dict[str, xr.DataArray]:
    """Return results in memory: lazy ones computed together, one task after the other unless another scheduler is named."""
    lazy = [name for name, array in results.items() if array.chunks is not None]
    values = compute(*(results[name].data for name in lazy), scheduler=scheduler)
    return {**results, **{name: results[name].copy(data=value) for name, value in zip(lazy, values, strict=True)}}


def labels_differ(found: xr.DataArray, expected: xr.DataArray) -> str:
    """Return what is different about the labels of two arrays, or an empty text."""
    a, b = _bare(found), _bare(expected)
    if same_labels(a, b):
        return ""
    for what in ("dims", "shape", "dtype", "name"):
        if getattr(a, what) != getattr(b, what):
            return f"{what} {getattr(a, what)} instead of {getattr(b, what)}"
    if set(a.coords) != set(b.coords):
        return f"coordinates {sorted(a.coords)} instead of {sorted(b.coords)}"
    for name in a.coords:
        if not same_labels(
            replace(a, attrs={}, coords={name: a.coords[name]}), replace(b, attrs={}, coords={name: b.coords[name]})
        ):
            return f"coordinate {name!r}"
    return f"attributes {dict(a.attrs)} instead of {dict(b.attrs)}"


def _bare(array: xr.DataArray) -> ArraySpec:
    """Return the labels without the record of how the array was made."""
    spec = spec_of(array)
    return replace(spec, attrs={key: value for key, value in spec.attrs.items() if key != "scatflow"}, chunks=None)
