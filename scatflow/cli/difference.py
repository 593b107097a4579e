"""What is different between two results: values block by block, and labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from scatflow.cli.show import groups


@dataclass(frozen=True)
class Difference:
    """Two arrays compared.

    Attributes
    ----------
    identical : bool
        All values are the same bytes.
    absolute, relative : float
        Largest difference, and largest difference over the first value; places where either is NaN do not count.
    nan : int
        Places where one is NaN and the other is not.
    labels : tuple of str
        What is different beside the values.
    """

    identical: bool = True
    absolute: float = 0.0
    relative: float = 0.0
    nan: int = 0
    labels: tuple[str, ...] = ()

    def within(self, rtol: float) -> bool:
        """Tell whether labels agree and every value does to a relative tolerance; 0 asks for the same bytes."""
        if self.labels:
            return False
        return self.identical if rtol == 0 else self.nan == 0 and self.relative <= rtol

    def __str__(self) -> str:
        facts = (
            [f"max |difference| {self.absolute:.3g}, max relative {self.relative:.3g}"]
            if not self.identical
            else ["identical bytes"]
        )
        if self.nan:
            facts.append(f"NaN in only one of them at {self.nan} places")
        return "; ".join([*facts, *self.labels])


def differences(before: xr.Dataset | xr.DataTree, after: xr.Dataset | xr.DataTree) -> dict[str, Difference]:
    """Compare all variables of two results."""
    old, new = _variables(before), _variables(after)
    found = {}
    for name in dict.fromkeys((*old, *new)):
        if name not in old or name not in new:
            found[name] = Difference(False, np.inf, np.inf, labels=(f"only in the {'first' if name in old else 'second'} run",))
        else:
            found[name] = compare(old[name], new[name])
    return found


def _variables(opened: xr.Dataset | xr.DataTree) -> dict[str, xr.DataArray]:
    return {
        "/".join(filter(None, (group, str(name)))): array
        for group, dataset in groups(opened).items()
        for name, array in dataset.data_vars.items()
    }


def compare(old: xr.DataArray, new: xr.DataArray) -> Difference:
    """Compare two arrays block by block, so that neither needs to fit memory."""
    labels = tuple(_labels(old, new))
    if old.dims != new.dims or old.shape != new.shape:
        return Difference(False, np.inf, np.inf, labels=labels)
    found = Difference(labels=labels)
    for box in _boxes(old):
        found = _joined(found, _block(np.asarray(old.isel(box).values), np.asarray(new.isel(box).values)))
    return found


def _boxes(array: xr.DataArray) -> Iterator[dict[Any, slice]]:
    sizes = array.chunks or tuple((n,) for n in array.shape)
    edges = [[0, *itertools.accumulate(lengths)] for lengths in sizes]
    spans = [[slice(a, b) for a, b in itertools.pairwise(ends)] for ends in edges]
    for part in itertools.product(*spans):
        yield dict(zip(array.dims, part, strict=True))


def _block(old: np.ndarray, new: np.ndarray) -> Difference:
    if old.dtype == new.dtype and old.tobytes() == new.tobytes():
        return Difference()
    kind = np.result_type(old, new, np.float64)
    a, b = old.astype(kind), new.astype(kind)
    missing = np.isnan(a), np.isnan(b)
    counted = ~(missing[0] | missing[1]) & (a != b)  # equal infinities have no difference
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gaps = np.abs(b[counted] - a[counted])
        relative = gaps / np.abs(a[counted])
    relative = np.where(np.isnan(relative), np.inf, relative)
    return Difference(
        False, float(gaps.max(initial=0.0)), float(relative.max(initial=0.0)), int(np.count_nonzero(missing[0] != missing[1]))
    )


def _joined(one: Difference, other: Difference) -> Difference:
    return replace(
        one,
        identical=one.identical and other.identical,
        absolute=max(one.absolute, other.absolute),
        relative=max(one.relative, other.relative),
        nan=one.nan + other.nan,
    )


def _labels(old: xr.DataArray, new: xr.DataArray) -> Iterator[str]:
    """Yield in words what differs of dims, sizes, dtype, attributes and coordinates."""
    if old.dims != new.dims or old.shape != new.shape:
        yield f"sizes {dict(old.sizes)} → {dict(new.sizes)}"
    if old.dtype != new.dtype:
        yield f"dtype {old.dtype} → {new.dtype}"
    yield from _attributes("", old.attrs, new.attrs)
    for name in sorted({*map(str, old.coords), *map(str, new.coords)}):
        if name not in old.coords or name not in new.coords:
            yield f"coordinate {name} only in the {'first' if name in old.coords else 'second'} run"
            continue
        one, other = old.coords[name].variable, new.coords[name].variable
        yield from _attributes(f" of {name}", one.attrs, other.attrs)
        if one.dims != other.dims or one.dtype != other.dtype or not one.equals(other):
            yield f"coordinate {name} differs"


def _attributes(of: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted({*old, *new}):
        if key != "scatflow" and str(old.get(key)) != str(new.get(key)):
            yield f"attribute {key}{of}: {old.get(key)!r} → {new.get(key)!r}"
