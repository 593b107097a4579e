"""Results as tables of samples by features, for NumPy, pandas and scikit-learn, and weights of features back on labels (U27).

A table is a DataArray with dims ``sample`` and ``feature``: ``.values`` and ``.to_pandas()`` are what other libraries take,
and every label rides along as a coordinate. How to go back stands in one JSON attribute.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from scatflow.errors import DimensionError, DtypeError, ParameterError, near
from scatflow.labels import assemble

SAMPLE, FEATURE, VARIABLE = "sample", "feature", "variable"
#: Attribute that tells which dims a table was made of.
LAYOUT = "features"
#: Integer labels for which -1 stands for "not used"; numbers of bands (n1) and the order follow from them.
INDICES = re.compile(r"[jl]\d+")
_IMPLIED = re.compile(r"order|n\d+")

Labels = dict[str, tuple[tuple[str, ...], Any, Mapping[str, Any]]]


def features(
    data: xr.DataArray | xr.Dataset | xr.DataTree, sample: str | Sequence[str], variables: str | Sequence[str] | None = None
) -> xr.DataArray:
    """Return a table with one row per sample and one column per coefficient.

    Parameters
    ----------
    data : DataArray, Dataset or DataTree
        Real numbers. Of a Dataset with ``mean`` and ``se`` the mean is taken, of others and of a tree all variables.
    sample : str or sequence of str
        Dims whose items are samples; several are stacked in C order, the first one slowest. None (``()``) gives one
        row. All other dims are features: nothing is averaged here.
    variables : str or sequence of str, optional
        Variables of a Dataset (in a tree ``group/variable``) to take, in this order.

    Returns
    -------
    DataArray, shape (n_samples, n_features)
        Dims ``sample`` and ``feature``; columns run over the variables, then over the other dims in C order. The dtype
        is that of the data, of several variables the one that holds them all; Dask arrays stay lazy, with the chunks of
        the samples and all columns in one chunk. NaN and infinities are kept: ``.dropna("sample")`` removes them.
        ``feature`` holds names such as ``j1=0,l1=3,x=0.5``; the labels themselves lie on ``feature`` (``j1``,
        ``scale1``, ``x``, and ``variable`` where there are several), those of the samples, ``support_start`` and
        ``support_end`` among them, on ``sample``. Labels that depend on samples and features alike are left out.
        A single sample dim with a coordinate gives ``sample`` its values, so that dates index the rows.

    Raises
    ------
    DimensionError
        A variable lacks a sample dim, or a dim is called ``feature``.
    DtypeError
        The data are complex or no numbers.
    ParameterError
        There is no such variable.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> S = xr.DataArray(np.arange(6.0).reshape(3, 2), dims=("time", "path"), coords={"j1": ("path", [0, 1])})
    >>> F = features(S, "time")
    >>> F.shape, F.feature.values.tolist(), F.to_pandas().loc[2, "j1=1"].item()
    ((3, 2), ['j1=0', 'j1=1'], 5.0)
    """
    rows = (sample,) if isinstance(sample, str) else tuple(sample)
    arrays = _chosen(data, variables)
    for name, array in arrays.items():
        _check(name, array, rows)
    many = len(arrays) > 1
    tables = [_table(array, rows, name if many else "") for name, array in arrays.items()]
    found = tables[0] if not many else _joined(tables)
    layout = {
        "samples": _layout(next(iter(arrays.values())), rows),
        "variables": {name: _variable(array, rows) for name, array in arrays.items()},
    }
    units = {str(array.attrs.get("units")) for array in arrays.values()}
    record = {key: data.attrs[key] for key in ("scatflow",) if key in data.attrs}
    shared = {"units": units.pop()} if len(units) == 1 and units != {"None"} else {}
    return found.assign_attrs({**shared, **record, LAYOUT: json.dumps(layout)}).rename("features")


def unstack(table: xr.DataArray, weights: Any = None) -> Any:
    """Return a table, or numbers that belong to its columns, on the dims and labels that the columns came from.

    Parameters
    ----------
    table : DataArray
        From :func:`features`; it may hold a part of the rows and columns, in any order.
    weights : array_like, shape (..., n_features), optional
        Coefficients of a model, importances. Leading axes are dims ``output``, ``output_1`` and so on. Default the table
        itself, then also on its sample dims.

    Returns
    -------
    DataArray, Dataset or DataTree
        A Dataset where the columns come from several variables, a DataTree where these came from one or differ in size.
        Places without a column are NaN.

    Raises
    ------
    DimensionError
        The table does not come from :func:`features`, or the weights do not fit it.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> S = xr.DataArray(np.arange(12.0).reshape(3, 2, 2), dims=("time", "x", "path"), coords={"j1": ("path", [0, 1])})
    >>> F = features(S, "time")
    >>> bool((unstack(F) == S).all()), unstack(F, [1.0, 2.0, 3.0, 4.0]).sel(x=1).values.tolist()
    (True, [3.0, 4.0])
    """
    layout = _layout_of(table)
    if weights is None:
        return _unfolded(_restored(table, SAMPLE, layout["samples"]), layout)
    values = np.asarray(weights)
    if values.ndim == 0 or values.shape[-1] != table.sizes[FEATURE]:
        raise DimensionError("weights", "one number per feature is needed on the last axis", expected=f"(..., {table.sizes[FEATURE]})",
                             got=values.shape, code="DimensionCount")  # fmt: skip
    lead = ["output" if k == 0 else f"output_{k}" for k in range(values.ndim - 1)]
    columns = {name: coord for name, coord in table.coords.items() if coord.dims == (FEATURE,)}
    # Weights have neither the units nor, of a single variable, the name of what they weigh.
    bare = {name: {**own, "attrs": {}} for name, own in layout["variables"].items()}
    found = _unfolded(xr.DataArray(values, dims=(*lead, FEATURE), coords=columns), {"variables": bare})
    return found.rename("weights") if isinstance(found, xr.DataArray) else found


def _chosen(data: Any, variables: str | Sequence[str] | None) -> dict[str, xr.DataArray]:
    """Return the arrays that become columns, by name."""
    if isinstance(data, xr.DataArray):
        found = {str(data.name or ""): data}
    elif isinstance(data, xr.DataTree):
        nodes = [(node.path.strip("/"), node.to_dataset()) for node in data.subtree]
        found = {f"{path}/{name}".strip("/"): array for path, group in nodes for name, array in group.data_vars.items()}
    else:
        found = {str(name): array for name, array in data.data_vars.items()}
    if variables is None:
        variables = ("mean",) if {"mean", "se"} <= set(found) else tuple(found)
    names = (variables,) if isinstance(variables, str) else tuple(variables)
    for name in names:
        if name not in found:
            raise ParameterError("features.variables", "there is no such variable", expected=f"among {sorted(found)}", got=repr(name),
                                 remedy=near(name, found))  # fmt: skip
    if not names:
        raise ParameterError("features", "there is no variable to make columns of", got=sorted(found))
    return {name: found[name] for name in names}


def _check(name: str, array: xr.DataArray, rows: Sequence[str]) -> None:
    subject = f"features of {name!r}" if name else "features"
    for dim in rows:
        if dim not in array.dims:
            raise DimensionError(f"{subject}.sample", f"there is no dim {dim!r}", expected=f"dims among {array.dims}", got=tuple(rows),
                                 remedy=near(dim, map(str, array.dims)), code="DimensionMissing")  # fmt: skip
    if len(set(rows)) < len(rows):
        raise DimensionError(f"{subject}.sample", "each dim may be named once", got=tuple(rows), code="DimensionDuplicated")
    for dim, other in ((FEATURE, rows), (SAMPLE, [dim for dim in array.dims if dim not in rows])):
        if dim in array.dims and (dim == FEATURE or dim in other):
            raise DimensionError(
                subject, f"the dim {dim!r} is that of the table", got=array.dims, remedy=f'Rename it: .rename({dim}="...").'
            )
    if array.dtype.kind not in "fiub":
        raise DtypeError(subject, "real numbers are needed", got=str(array.dtype),
                         remedy="Take the modulus first: .scatflow.modulus()." if array.dtype.kind == "c" else None)  # fmt: skip


def _table(array: xr.DataArray, rows: Sequence[str], variable: str) -> xr.DataArray:
    """Return the table of one variable; its names begin with ``variable`` where it is not empty."""
    columns = [str(dim) for dim in array.dims if dim not in rows]
    ordered = array.transpose(*rows, *columns)
    if array.chunks is not None:
        ordered = ordered.chunk(dict.fromkeys(columns, -1))
    shape = tuple(int(np.prod([array.sizes[dim] for dim in dims], dtype=np.int64)) for dims in (rows, columns))
    samples, labels = _flat(array, rows), _flat(array, columns)
    dims = {SAMPLE: samples, FEATURE: labels}
    coords: dict[Hashable, Any] = {
        name: (dim, values, attrs) for dim, found in dims.items() for name, (_, values, attrs) in found.items()
    }
    coords |= {name: coord for name, coord in array.coords.items() if coord.ndim == 0 and name not in coords}
    single = samples.get(rows[0]) if len(rows) == 1 and rows[0] in array.indexes else None
    coords[SAMPLE] = (SAMPLE, np.arange(shape[0]), {}) if single is None else (SAMPLE, single[1], single[2])
    coords[FEATURE] = (FEATURE, _names(array, columns, variable, shape[1]))
    if variable:
        coords[VARIABLE] = (FEATURE, np.full(shape[1], variable))
    return xr.DataArray(ordered.data.reshape(shape), dims=(SAMPLE, FEATURE), coords=coords)


def _flat(array: xr.DataArray, dims: Sequence[str]) -> Labels:
    """Return the coordinates that lie on some of ``dims`` and on no other, flattened in C order: name -> dims, values, attributes.

    Dims without a coordinate have their positions.
    """
    sizes = tuple(array.sizes[dim] for dim in dims)
    found: Labels = {}
    known = array.coords.variables  # as arrays of their own they would take ten times as long
    coords = {str(name): coord for name, coord in known.items() if coord.dims and set(coord.dims) <= set(dims)}
    coords |= {dim: xr.Variable((dim,), np.arange(array.sizes[dim])) for dim in dims if dim not in known}
    for name, coord in coords.items():
        own = [dim for dim in dims if dim in coord.dims]
        values = coord.transpose(*own).values
        wide = values.reshape(tuple(size if dim in own else 1 for dim, size in zip(dims, sizes, strict=True)))
        found[name] = (tuple(own), np.broadcast_to(wide, sizes).reshape(-1), dict(coord.attrs))
    return found


def _names(array: xr.DataArray, columns: Sequence[str], variable: str, count: int) -> list[str]:
    """Return one name per column: labels of dims without coordinate, coordinates of the others; positions where these do not tell."""
    parts: list[list[str]] = [[] for _ in range(count)]
    for dim in columns:
        words = item_words(array, dim) if dim not in array.indexes else [f"{dim}={_plain(v)}" for v in array.indexes[dim]]
        # As many neighbors share a label of this dim as there are items of the later ones.
        inner = int(np.prod([array.sizes[later] for later in columns[columns.index(dim) + 1 :]], dtype=np.int64))
        for k in range(count):
            parts[k].append(words[k // inner % len(words)])
    names = [",".join(filter(None, part)) for part in parts]
    return [f"{variable}:{name}" if variable and name else name or variable or "value" for name in names]


def item_words(data: xr.DataArray | xr.Dataset, dim: str) -> list[str]:
    """Return a name for every item of a dim without a coordinate, from the whole numbers that lie on it.

    Examples
    --------
    >>> import xarray as xr
    >>> item_words(xr.Dataset(coords={"order": ("path", [0, 1]), "j1": ("path", [-1, 2])}), "path")
    ['order=0', 'j1=2']
    """
    size = data.sizes[dim]
    own = {
        str(name): coord.values
        for name, coord in data.coords.items()
        if coord.dims == (dim,) and coord.dtype.kind in "iu" and not _IMPLIED.fullmatch(str(name))
    }
    words = []
    for k in range(size):
        used = [f"{name}={int(v[k])}" for name, v in own.items() if not (INDICES.fullmatch(name) and v[k] < 0)]
        words.append(",".join(used) or ("order=0" if own and "order" in data.coords else f"{dim}={k}"))
    if len(set(words)) < size:
        words = [f"{word},{dim}={k}" for k, word in enumerate(words)]
    return words


def _plain(value: Any) -> str:
    """Return a coordinate value as a word: dates as short as they are exact, floats as they print."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).removesuffix("T00:00:00")
    return f"{float(value):.10g}" if isinstance(value, (float, np.floating)) else str(value)


def _joined(tables: Sequence[xr.DataArray]) -> xr.DataArray:
    """Return tables of the same samples side by side; labels that one of them lacks are -1, NaN, NaT or empty there."""
    for other in tables[1:]:
        if not tables[0].indexes[SAMPLE].equals(other.indexes[SAMPLE]):
            raise DimensionError("features.sample", "the variables have other samples",
                                 expected=f"{tables[0].sizes[SAMPLE]} equal labels", got=f"{other.sizes[SAMPLE]} samples",
                                 remedy="Select what they share first.", code="LabelsDiffer")  # fmt: skip
    kinds = {str(name): coord for table in tables for name, coord in table.coords.items() if coord.dims == (FEATURE,)}
    dtype = np.result_type(*(table.dtype for table in tables))
    ready = []
    for table in tables:
        lacking = {
            name: (FEATURE, np.full(table.sizes[FEATURE], _absent(coord.dtype)), dict(coord.attrs))
            for name, coord in kinds.items()
            if name not in table.coords
        }
        ready.append(table.astype(dtype).assign_coords(lacking))
    joined = xr.concat(ready, FEATURE, coords="minimal", compat="override", join="override", combine_attrs="drop_conflicts")
    return joined if joined.chunks is None else joined.chunk({FEATURE: -1})


def _absent(dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "mM":
        return np.array("NaT", dtype=dtype)
    return {"i": -1, "u": 0, "b": False, "f": np.nan, "c": np.nan}.get(dtype.kind, "")


def _layout(array: xr.DataArray, dims: Sequence[str]) -> dict[str, Any]:
    """Return what is needed to go back to ``dims``: which have coordinates of their own, and which labels lie on which."""
    labels = {name: list(own) for name, (own, _, _) in _flat(array, dims).items() if name not in dims}
    return {"dims": list(dims), "indexed": [dim for dim in dims if dim in array.coords], "labels": labels}


def _variable(array: xr.DataArray, rows: Sequence[str]) -> dict[str, Any]:
    """Return what is needed to go back to a variable."""
    columns = [str(dim) for dim in array.dims if dim not in rows]
    words = {str(key): array.attrs[key] for key in ("units", "long_name") if key in array.attrs}
    return {**_layout(array, columns), "order": [str(dim) for dim in array.dims], "attrs": words}


def _layout_of(table: xr.DataArray) -> dict[str, Any]:
    if FEATURE not in table.dims or LAYOUT not in table.attrs:
        raise DimensionError("unstack", "the table is not one of features()", got=table.dims,
                             remedy="Keep attributes in arithmetic: xr.set_options(keep_attrs=True).", code="DimensionMissing")  # fmt: skip
    layout: dict[str, Any] = json.loads(table.attrs[LAYOUT])
    return layout


def _unfolded(table: xr.DataArray, layout: Mapping[str, Any]) -> Any:
    """Return the columns on the dims of their variables."""
    names, parts = list(layout["variables"]), {}
    for name in names:
        part = table if len(names) == 1 else table.isel({FEATURE: np.flatnonzero(table.coords[VARIABLE].values == name)})
        if part.sizes[FEATURE]:
            own = layout["variables"][name]
            found = _restored(part.drop_vars(VARIABLE, errors="ignore"), FEATURE, own)
            lead = [dim for dim in found.dims if dim not in own["order"]]
            found = found.transpose(*lead, *(dim for dim in own["order"] if dim in found.dims))
            parts[name] = found.drop_attrs(deep=False).assign_attrs(own["attrs"]).rename(name or None)
    if len(names) == 1:
        return parts[names[0]]
    if not any("/" in name for name in names):
        return assemble(parts)
    groups: dict[str, dict[str, xr.DataArray]] = {}
    for name, part in parts.items():
        group, _, own = name.rpartition("/")
        groups.setdefault(f"/{group}", {})[own] = part.rename(own)
    return xr.DataTree.from_dict({group: xr.Dataset(found) for group, found in groups.items()})


def _restored(table: xr.DataArray, dim: str, layout: Mapping[str, Any]) -> xr.DataArray:
    """Return a table with ``dim`` replaced by the dims that it was made of, and their labels where they belong."""
    labels = {str(name): coord.variable for name, coord in table.coords.items() if coord.dims == (dim,)}
    bare = table.drop_vars(list(labels))
    if not layout["dims"]:
        return bare.isel({dim: 0})
    found = _spread(bare, dim, {own: labels[own] for own in layout["dims"]})
    for name, dims in layout["labels"].items():
        label = xr.DataArray(labels[name])
        found = found.assign_coords({name: _spread(label, dim, {own: labels[own] for own in dims}).variable})
    return found.drop_vars([own for own in layout["dims"] if own not in layout["indexed"]])


def _spread(array: xr.DataArray, dim: str, labels: Mapping[str, xr.Variable]) -> xr.DataArray:
    """Return an array with ``dim`` spread over the items of other dims; of several entries for one place the first counts."""
    known = {own: pd.factorize(values.values, use_na_sentinel=False) for own, values in labels.items()}
    shape = tuple(len(items) for _, items in known.values())
    flat = np.ravel_multi_index([codes for codes, _ in known.values()], shape)
    places, first = np.unique(flat, return_index=True)
    lookup = np.full(shape, -1)
    lookup.reshape(-1)[places] = first
    coords = {own: (own, items, labels[own].attrs) for own, (_, items) in known.items()}
    index = xr.DataArray(lookup, dims=list(known), coords=coords)
    found = array.isel({dim: index})
    return found if (lookup >= 0).all() else found.where(index >= 0)
