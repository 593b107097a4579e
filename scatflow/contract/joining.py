"""Labels of a result that several labelled inputs share.

Inputs meet by dim name. Nothing is reindexed: samples that carry different labels are an error, because an inner
join would shorten a result without a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scatflow.errors import DimensionError
from scatflow.spec import ArraySpec, Coord

#: Attributes that describe one quantity and are wrong for another one computed from it.
QUANTITY_ATTRS = (
    "units",
    "long_name",
    "standard_name",
    "cell_methods",
    "valid_min",
    "valid_max",
    "valid_range",
    "actual_range",
    "flag_values",
    "flag_masks",
    "flag_meanings",
    "ancillary_variables",
)


def joined(specs: Sequence[ArraySpec], dtype: str, subject: str) -> ArraySpec:
    """Return the labels of a result of several inputs.

    Parameters
    ----------
    specs : sequence of ArraySpec
        The array inputs, at least one.
    dtype : str
        Dtype of the result.
    subject : str
        Operator name for errors.

    Returns
    -------
    ArraySpec
        Dims of the first input, then those that later inputs add; coordinates and attributes that do not
        contradict each other; no attribute of the inputs' quantity (:data:`QUANTITY_ATTRS`).

    Raises
    ------
    DimensionError
        Two inputs differ in length or labels along a dim.

    Examples
    --------
    >>> a = ArraySpec(("time", "x"), (3, 4), "float64")
    >>> b = ArraySpec(("x", "y"), (4, 2), "float64")
    >>> joined([a, b], "float64", "add").sizes
    {'time': 3, 'x': 4, 'y': 2}
    """
    sizes = _common_sizes(specs, subject)
    for dim in sizes:
        _check_labels(dim, [spec.coords[dim] for spec in specs if dim in spec.dims and dim in spec.coords], subject)
    return ArraySpec(
        dims=tuple(sizes),
        shape=tuple(sizes.values()),
        dtype=dtype,
        coords=_shared_coords(specs),
        attrs=shared_attrs([spec.attrs for spec in specs]),
        name=specs[0].name,
    )


def _common_sizes(specs: Sequence[ArraySpec], subject: str) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for spec in specs:
        for dim, size in spec.sizes.items():
            if sizes.setdefault(dim, size) != size:
                raise DimensionError(
                    f"{subject} inputs",
                    f"lengths differ along {dim!r}",
                    expected=sizes[dim],
                    got=size,
                    remedy=f"Select the common samples of {dim!r} first, or rename the dim of one input.",
                    code="DimensionMismatch",
                )
    return sizes


def _check_labels(dim: str, coords: Sequence[Coord], subject: str) -> None:
    import numpy as np

    for other in coords[1:]:
        first, second = np.asarray(coords[0].values), np.asarray(other.values)
        if _equal(first, second):
            continue
        where = int(np.flatnonzero(first != second)[0]) if first.dtype.kind == second.dtype.kind else 0
        raise DimensionError(
            f"{subject} inputs",
            f"labels differ along {dim!r}, first at index {where}",
            expected=f"{first[where]}",
            got=f"{second[where]}",
            remedy=f"Select the common labels first (select, sel={{{dim!r}: [...]}}), or rename the dim of one input.",
            code="LabelMismatch",
        )


def _equal(first: Any, second: Any) -> bool:
    import numpy as np  # describing costs no arrays where nothing is compared

    if first is second:
        return True
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape:
        return False
    numeric = first.dtype.kind in "fc" and second.dtype.kind in "fc"
    return bool(np.array_equal(first, second, equal_nan=numeric))


def _shared_coords(specs: Sequence[ArraySpec]) -> dict[str, Coord]:
    """Return the coordinates of all inputs; auxiliary ones that contradict each other are left out."""
    merged: dict[str, Coord] = {}
    conflicting: set[str] = set()
    for spec in specs:
        for name, coord in spec.coords.items():
            known = merged.setdefault(name, coord)
            if known.dims != coord.dims or not _agree(known.values, coord.values):
                conflicting.add(name)
    return {name: coord for name, coord in merged.items() if name not in conflicting}


def _agree(first: Any, second: Any) -> bool:
    """Tell whether auxiliary labels are the same; chunked ones are, where they are made by the same task."""
    if hasattr(first, "dask") or hasattr(second, "dask"):
        return first is second or getattr(first, "name", None) == getattr(second, "name", 0)
    return _equal(first, second)


def shared_attrs(attrs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the attributes that no input contradicts, without those of the inputs' own quantity.

    Examples
    --------
    >>> shared_attrs([{"units": "m", "source": "A", "run": 1}, {"source": "B", "run": 1}])
    {'run': 1}
    """
    merged: dict[str, Any] = {}
    dropped = set(QUANTITY_ATTRS)
    for mapping in attrs:
        for key, value in mapping.items():
            if not _same_attr(merged.setdefault(key, value), value):
                dropped.add(key)
    return {key: value for key, value in merged.items() if key not in dropped}


def _same_attr(first: Any, second: Any) -> bool:
    import numpy as np

    try:
        return bool(np.array_equal(first, second))
    except (TypeError, ValueError):
        return first is second
