"""Labels turned into positions along one dim: the rules of ``select``, on coordinates alone.

Everything here runs when the graph is built and sees coordinates, never data. A coordinate that is asked for is read
then, however it is stored: which samples there are decides the shape of everything that follows.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from scatflow.errors import DimensionError, ParameterError, near
from scatflow.spec import ArraySpec, Coord

#: A label as JSON can write it; times are ISO 8601 texts, durations numbers of seconds.
Label = bool | int | float | str
Positions = int | tuple[int, ...] | slice

_STRICT = ConfigDict(frozen=True, strict=True, extra="forbid")


class Steps(BaseModel):
    """A range of positions as in Python: from ``start``, before ``stop``, every ``step``-th."""

    model_config = _STRICT
    start: int | None = None
    stop: int | None = None
    step: int = 1


class Between(BaseModel):
    """All labels from ``min`` to ``max``, both included, whichever way the coordinate runs; every ``step``-th."""

    model_config = _STRICT
    min: Label | None = None
    max: Label | None = None
    step: int = Field(1, ge=1)


class Nearest(BaseModel):
    """The label(s) nearest to the value(s), refused beyond ``tolerance`` (coordinate units, seconds for times)."""

    model_config = _STRICT
    nearest: Label | tuple[Label, ...]
    tolerance: float | None = Field(None, ge=0)


Indexer = int | tuple[int, ...] | Steps
Condition = Label | tuple[Label, ...] | Between | Nearest


def by_position(dim: str, index: Indexer, size: int) -> Positions:
    """Return positions along ``dim``, counted from the front.

    Parameters
    ----------
    dim : str
        For errors.
    index : int, tuple of int or Steps
        One position (the dim is dropped), several, or a range; negative ones count from the end.
    size : int
        Length of the dim.

    Returns
    -------
    int, tuple of int or slice

    Raises
    ------
    DimensionError
        A position lies outside the axis, or nothing is selected.

    Examples
    --------
    >>> by_position("x", -1, 5), by_position("x", (0, 3), 5), by_position("x", Steps(start=1, step=2), 5)
    (4, (0, 3), slice(1, 5, 2))
    """
    if isinstance(index, Steps):
        return _range(dim, index, size)
    wanted = (index,) if isinstance(index, int) else index
    outside = [i for i in wanted if not -size <= i < size]
    if outside:
        raise DimensionError(
            f"select.isel[{dim!r}]",
            "position outside the axis",
            expected=f"{-size} to {size - 1}",
            got=outside[0],
            code="SelectionInvalid",
        )
    found = tuple(i % size for i in wanted)
    if not found:
        raise _nothing("isel", dim, f"positions 0 to {size - 1}", wanted)
    return found[0] if isinstance(index, int) else found


def _range(dim: str, index: Steps, size: int) -> Positions:
    if index.step == 0:
        raise ParameterError(f"select.isel[{dim!r}].step", "a step is not 0", expected="1, 2, ... or -1, -2, ...", got=0)
    chosen = range(*slice(index.start, index.stop, index.step).indices(size))
    if not chosen:
        raise _nothing("isel", dim, f"positions 0 to {size - 1}", index.model_dump())
    # Backwards needs positions one by one: the engine's slices go forwards.
    return slice(chosen.start, chosen.stop, chosen.step) if index.step > 0 else tuple(chosen)


def _nothing(how: str, dim: str, expected: str, got: Any) -> DimensionError:
    return DimensionError(
        f"select.{how}[{dim!r}]",
        "nothing is selected",
        expected=f"something among {expected}",
        got=got,
        code="SelectionEmpty",
    )


def by_label(spec: ArraySpec, name: str, condition: Condition) -> tuple[str, Positions]:
    """Return the dim that a coordinate lies on and the positions whose labels meet a condition.

    Parameters
    ----------
    spec : ArraySpec
        The input; only its coordinates are read.
    name : str
        A dim with a coordinate, or any one-dimensional coordinate.
    condition : label, tuple of labels, Between or Nearest
        A single label of a dim's own coordinate, exact or nearest, gives one position (the dim is dropped). On any
        other coordinate labels need not be unique, so all samples that carry one of them are kept.

    Returns
    -------
    (str, int or tuple of int or slice)

    Raises
    ------
    DimensionError
        There is no such coordinate, no such label (near ones are named), or nothing is selected.

    Examples
    --------
    >>> path = {"order": Coord(("path",), np.array([0, 1, 1, 2]))}
    >>> by_label(ArraySpec(("path",), (4,), "float32", coords=path), "order", 1)
    ('path', slice(1, 3, 1))
    """
    coord = _coordinate(spec, name)
    values = _comparable(np.asarray(coord.values), name)
    own = coord.dims[0] == name
    if isinstance(condition, Between):
        found = np.flatnonzero(_between(values, condition, name))[:: condition.step]
    elif isinstance(condition, Nearest):
        found = _nearest(values, condition, name)
    elif own:
        wanted = condition if isinstance(condition, tuple) else (condition,)
        found = np.asarray([_exact(values, label, name) for label in wanted], dtype=np.int64)
    else:
        found = np.flatnonzero(_among(values, condition, name))
    if not found.size:
        raise _nothing("sel", name, _extent(values), condition.model_dump() if isinstance(condition, BaseModel) else condition)
    single = condition.nearest if isinstance(condition, Nearest) else condition
    if own and not isinstance(single, (tuple, Between)):
        return coord.dims[0], int(found[0])
    return coord.dims[0], compact(found)


def compact(found: npt.NDArray[np.int64]) -> Positions:
    """Return positions as a slice where they are evenly spaced and increase, else as a tuple.

    Examples
    --------
    >>> compact(np.array([2, 4, 6])), compact(np.array([3, 1]))
    (slice(2, 7, 2), (3, 1))
    """
    steps = np.diff(found)
    if found.size == 1:
        return slice(int(found[0]), int(found[0]) + 1, 1)
    if (steps == steps[0]).all() and steps[0] > 0:
        return slice(int(found[0]), int(found[-1]) + 1, int(steps[0]))
    return tuple(found.tolist())


def _coordinate(spec: ArraySpec, name: str) -> Coord:
    coord = spec.coords.get(name)
    if coord is None:
        remedy = f"Select positions: isel={{{name!r}: ...}}." if name in spec.dims else near(name, spec.coords)
        raise DimensionError(
            f"select.sel[{name!r}]",
            "the input has no such coordinate",
            expected=f"one of {sorted(spec.coords)}",
            got=name,
            remedy=remedy,
            code="CoordinateMissing",
        )
    if len(coord.dims) != 1:
        raise DimensionError(
            f"select.sel[{name!r}]",
            "only one-dimensional coordinates select",
            got=f"dims {coord.dims}",
            code="CoordinateNotOneDimensional",
        )
    return coord


def _comparable(values: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Return coordinate values of a kind that labels can be compared with; texts as fixed-width text."""
    if values.dtype.kind in "biufmMU":
        return values
    if all(isinstance(value, str) for value in values.tolist()):
        return values.astype(str)
    raise DimensionError(
        f"select.sel[{name!r}]",
        "its labels are neither numbers, texts nor times",
        got=f"dtype {values.dtype}",
        remedy="Select positions with isel.",
        code="CoordinateNotComparable",
    )


def _label(label: Label, values: npt.NDArray[Any], name: str, end: bool = False) -> Any:
    """Return a label in the coordinate's own kind; ``end`` takes the last instant of a time such as "2001-03"."""
    kind = values.dtype.kind
    text = kind in "UM"
    if text != isinstance(label, str) or (kind == "b") != isinstance(label, bool):
        wanted = {"U": "a text", "M": "an ISO 8601 time as text", "m": "a number of seconds", "b": "true or false"}
        raise ParameterError(
            f"select.sel[{name!r}]", "a label of the wrong kind", expected=wanted.get(kind, "a number"), got=repr(label)
        )
    if kind == "M":
        return _instant(str(label), values.dtype, name, end)
    if kind == "m":
        return np.timedelta64(round(float(label) * 1e9), "ns")
    # A label such as 0.1 must match the float32 that stands for it.
    return values.dtype.type(label) if kind == "f" else label


def _instant(label: str, dtype: np.dtype[Any], name: str, end: bool) -> Any:
    try:
        stated = np.datetime64(label)
    except ValueError:
        raise ParameterError(
            f"select.sel[{name!r}]",
            "not an ISO 8601 time",
            expected="for example 2001-03-15 or 2001-03-15T12:00",
            got=repr(label),
        ) from None
    unit: Literal["ns"] = "ns"
    last = (stated + 1).astype(f"M8[{unit}]") - np.timedelta64(1, unit)
    return last if end else stated.astype(dtype)


def _between(values: npt.NDArray[Any], condition: Between, name: str) -> npt.NDArray[np.bool_]:
    inside = np.ones(values.shape, dtype=bool)
    if condition.min is not None:
        inside &= values >= _label(condition.min, values, name)
    if condition.max is not None:
        inside &= values <= _label(condition.max, values, name, end=True)
    return inside


def _among(values: npt.NDArray[Any], condition: Label | tuple[Label, ...], name: str) -> npt.NDArray[np.bool_]:
    wanted = condition if isinstance(condition, tuple) else (condition,)
    inside = np.zeros(values.shape, dtype=bool)
    for label in wanted:
        inside |= values == _label(label, values, name)
    return inside


def _exact(values: npt.NDArray[Any], label: Label, name: str) -> int:
    matches = np.flatnonzero(values == _label(label, values, name))
    if matches.size == 1:
        return int(matches[0])
    if matches.size > 1:
        raise DimensionError(
            f"select.sel[{name!r}]",
            f"the label occurs {matches.size} times",
            got=repr(label),
            remedy="Select positions with isel.",
            code="LabelNotUnique",
        )
    if values.dtype.kind == "U":
        remedy = near(str(label), values.tolist())
    else:
        distance = _distance(values, label, name)
        around = [_shown(values[i]) for i in sorted(np.argsort(distance, kind="stable")[:2].tolist())]
        remedy = f"The nearest labels are {' and '.join(map(repr, around))}; or sel={{{name!r}: {{'nearest': {label!r}}}}}."
    raise DimensionError(
        f"select.sel[{name!r}]",
        "no such label",
        expected=_extent(values),
        got=repr(label),
        remedy=remedy,
        code="LabelMissing",
    )


def _nearest(values: npt.NDArray[Any], condition: Nearest, name: str) -> npt.NDArray[np.int64]:
    if values.dtype.kind in "bU":
        raise ParameterError(f"select.sel[{name!r}]", "texts and truth values have no nearest one", got=condition.nearest)
    wanted = condition.nearest if isinstance(condition.nearest, tuple) else (condition.nearest,)
    found = []
    for label in wanted:
        distance = _distance(values, label, name)
        best = int(np.argmin(distance))
        if condition.tolerance is not None and distance[best] > condition.tolerance:
            raise DimensionError(
                f"select.sel[{name!r}]",
                "no label within the tolerance",
                expected=f"within {condition.tolerance} of {label!r}",
                got=f"nearest is {_shown(values[best])!r}",
                code="LabelMissing",
            )
        found.append(best)
    return np.asarray(found, dtype=np.int64)


def _distance(values: npt.NDArray[Any], label: Label, name: str) -> npt.NDArray[np.float64]:
    """Return how far each label is away, in coordinate units (seconds for times and durations)."""
    stated = _label(label, values, name)
    if values.dtype.kind in "mM":
        return np.asarray(np.abs((values - stated) / np.timedelta64(1, "s")), dtype=np.float64)
    # Unsigned and boolean labels cannot be subtracted as they are.
    return np.asarray(np.abs(values.astype("float64") - float(stated)), dtype=np.float64)


def _shown(value: Any) -> Any:
    """Return a label as a person would write it: float32 0.2, not 0.20000000298."""
    return float(str(value)) if value.dtype.kind == "f" else str(value) if value.dtype.kind in "mMU" else value.item()


def _extent(values: npt.NDArray[Any]) -> str:
    if values.dtype.kind == "U" or values.size == 0:
        return f"labels such as {values[:5].tolist()}"
    return f"labels from {_shown(values.min())} to {_shown(values.max())}"
