"""Where two results meet: an inner join on labels, dim by dim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from scatflow.accessor.features import INDICES, item_words
from scatflow.errors import DimensionError, ParameterError

#: How items of dims without coordinates of their own meet: by all labels, by whole numbers, or by physical labels.
On = Literal["labels", "index", "scale"]
#: Relative difference of physical labels that are the same: they are computed from coordinates, which may be float32.
SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Meeting:
    """Two datasets on their common labels; the items that only one of them has, in words."""

    a: xr.Dataset
    b: xr.Dataset
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def meet(a: xr.Dataset, b: xr.Dataset, dims: Sequence[str], on: On) -> Meeting:
    """Return both datasets on the labels that they share, in the order of the first.

    Parameters
    ----------
    a, b : Dataset
        Variables with the same dims.
    dims : sequence of str
        Dims to join on.
    on : {"labels", "index", "scale"}
        Items of dims without coordinates of their own (``path``) meet where their whole-number labels agree; these must
        then mean the same scales and angles (``"labels"``) or need not (``"index"``). Under ``"scale"`` they meet where
        ``xi``, ``sigma`` and ``theta`` agree to 1e-6, whatever their numbers.

    Raises
    ------
    DimensionError
        Nothing meets, labels do not tell items apart, or equal numbers mean other scales.
    """
    words: dict[str, list[str]] = {"a": [], "b": []}
    for dim in dims:
        left, right = _pairs(a, b, dim, on)
        if left.size == 0:
            raise DimensionError("compare", f"no item of dim {dim!r} has the same labels in both", expected="common labels",
                                 got=f"{_some(a, dim)} in a, {_some(b, dim)} in b", code="NothingShared",
                                 remedy='Scales may meet where numbers do not: on="scale".' if on != "scale" and dim not in a.coords else None)  # fmt: skip
        for key, data, kept in (("a", a, left), ("b", b, right)):
            lost = np.setdiff1d(np.arange(data.sizes[dim]), kept)
            words[key] += [_words(data, dim)[k] for k in lost]
        twin = f"{dim}_2"
        a, b = (_taken(data, dim, twin, kept) for data, kept in ((a, left), (b, right)))
        if on != "index" and dim not in a.indexes:
            _check_physical(a, b, dim)
    return Meeting(a, b, tuple(words["a"]), tuple(words["b"]))


def shared_coords(a: xr.Dataset, b: xr.Dataset) -> dict[str, Any]:
    """Return the coordinates that both share; those that differ are kept as ``NAME_a`` and ``NAME_b``."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys((*a.coords, *b.coords)):
        if name not in a.coords or name not in b.coords:
            found[str(name)] = (a if name in a.coords else b).coords[name].variable
        elif _close(a.coords[name], b.coords[name]):
            found[str(name)] = a.coords[name].variable
        else:
            found |= {f"{name}_a": a.coords[name].variable, f"{name}_b": b.coords[name].variable}
    return found


def _taken(data: xr.Dataset, dim: str, twin: str, kept: np.ndarray) -> xr.Dataset:
    return data.isel({dim: kept} | ({twin: kept} if twin in data.dims else {}))


def _pairs(a: xr.Dataset, b: xr.Dataset, dim: str, on: On) -> tuple[np.ndarray, np.ndarray]:
    """Return positions in both of the items that meet."""
    if dim in a.indexes and dim in b.indexes:
        one, other = a.indexes[dim], b.indexes[dim]
        if not (one.is_unique and other.is_unique):
            raise DimensionError(f"compare: coordinate {dim!r}", "has the same value twice", code="LabelsAmbiguous")
        found = other.get_indexer(one)
        return np.flatnonzero(found >= 0), found[found >= 0]
    keys_a, keys_b = _keys(a, b, dim, on)
    if keys_a is None or keys_b is None:
        if a.sizes[dim] != b.sizes[dim]:
            raise DimensionError(
                f"compare: dim {dim!r}", "has no labels, and another length", expected=a.sizes[dim], got=b.sizes[dim]
            )
        return np.arange(a.sizes[dim]), np.arange(a.sizes[dim])
    places = {key: k for k, key in enumerate(keys_b)}
    if len(places) < len(keys_b) or len(set(keys_a)) < len(keys_a):
        raise DimensionError(
            f"compare: dim {dim!r}", "labels do not tell its items apart", got=_some(a, dim), code="LabelsAmbiguous"
        )
    pairs = [(k, places[key]) for k, key in enumerate(keys_a) if key in places]
    return np.array([k for k, _ in pairs], dtype=np.intp), np.array([k for _, k in pairs], dtype=np.intp)


def _keys(a: xr.Dataset, b: xr.Dataset, dim: str, on: On) -> tuple[list[Any] | None, list[Any] | None]:
    """Return one key per item of both; None where there are no labels."""
    kinds = "f" if on == "scale" else "iubUS"
    columns: tuple[list[Any], list[Any]] = ([], [])
    for name in dict.fromkeys((*_on(a, dim), *_on(b, dim))):
        values = [data.coords[name].values if name in data.coords else None for data in (a, b)]
        known = next(value for value in values if value is not None)
        if name == "order" or known.dtype.kind in kinds:
            # A result of lower order has no labels of the later wavelets: they are not used.
            one, other = (_unused(str(name), data.sizes[dim], known) if value is None else value
                          for data, value in zip((a, b), values, strict=True))  # fmt: skip
            if one is not None and other is not None:
                for column, codes in zip(columns, _coded(one, other), strict=True):
                    column.append(codes.tolist())
    if not columns[0]:
        return None, None
    return list(zip(*columns[0], strict=True)), list(zip(*columns[1], strict=True))


def _on(data: xr.Dataset, dim: str) -> list[Any]:
    return [name for name, coord in data.coords.items() if coord.dims == (dim,)]


def _unused(name: str, size: int, like: np.ndarray) -> np.ndarray | None:
    if like.dtype.kind == "f":
        return np.full(size, np.nan)
    return np.full(size, -1) if INDICES.fullmatch(name) else None


def _coded(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values as numbers that are equal where the values are, real ones to a relative 1e-6 (NaN is a value)."""
    joined = np.concatenate([one, other])
    if joined.dtype.kind != "f":
        return one, other
    order = np.argsort(joined)
    ascending = joined[order]
    apart = ~np.isclose(ascending[1:], ascending[:-1], rtol=SAME, atol=0.0, equal_nan=True)
    codes = np.empty(joined.size, dtype=np.int64)
    codes[order] = np.concatenate([[0], np.cumsum(apart)])
    return codes[: one.size], codes[one.size :]


def _check_physical(a: xr.Dataset, b: xr.Dataset, dim: str) -> None:
    """Refuse equal numbers that stand for other scales or angles."""
    for name in _on(a, dim):
        if name not in b.coords or a.coords[name].dtype.kind != "f" or name == dim:
            continue
        one, other = a.coords[name], b.coords[name]
        units = [str(coord.attrs.get("units", "1")) for coord in (one, other)]
        wrong = ~np.isclose(one.values, other.values, rtol=SAME, atol=0.0, equal_nan=True)
        if wrong.any() or units[0] != units[1]:
            k = int(np.argmax(wrong))
            raise ParameterError(
                "compare", f"equal labels mean another {name}",
                got=f"at {_words(a, dim)[k]}: {name} = {one.values[k]:.6g} {units[0]} in a, {other.values[k]:.6g} {units[1]} in b",
                remedy='Compare equal scales with on="scale", or equal numbers of samples with on="index".', code="LabelsDiffer",
            )  # fmt: skip


def _close(one: xr.DataArray, other: xr.DataArray) -> bool:
    if one.dims != other.dims or one.shape != other.shape:
        return False
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        return bool(np.isclose(one.values, other.values, rtol=SAME, atol=0.0, equal_nan=True).all())
    return bool(np.array_equal(one.values, other.values))


def _words(data: xr.Dataset, dim: str) -> list[str]:
    if dim in data.indexes:
        return [f"{dim}={value}" for value in data.indexes[dim]]
    return item_words(data, dim)


def _some(data: xr.Dataset, dim: str) -> str:
    words = _words(data, dim)
    return ", ".join(words[:3]) + (f" … ({len(words)} in all)" if len(words) > 3 else "")
