"""From labelled arrays to specs and back: dims, sampling, coordinates.

The only rules about coordinates live here: what counts as uniform, when an axis is by sample, where the
walls are, and in which order core dims are taken so that nobody's layout changes a result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

import numpy as np
import xarray as xr

from scatflow.errors import DimensionError, DtypeError, near
from scatflow.spec import ArraySpec, Axis, Coord

#: Relative deviation of a coordinate from uniform spacing that is still called uniform, in steps.
UNIFORM_TOLERANCE = 1e-6
#: Rounding of the coordinate's own dtype that is forgiven, in units in the last place.
UNIFORM_ULPS = 8
#: CF axes and the names the fields use for them, slowest first; decides which core dim is "last".
_AXIS_RANK = {
    "T": 0, "Z": 1, "Y": 2, "X": 3,
    "t": 0, "time": 0, "z": 1, "lev": 1, "level": 1, "depth": 1, "height": 1,
    "y": 2, "lat": 2, "latitude": 2, "row": 2, "x": 3, "lon": 3, "longitude": 3, "col": 3, "column": 3,
}  # fmt: skip

Sampling = Mapping[str, Literal["index", "uniform"]]


def spec_of(array: xr.DataArray) -> ArraySpec:
    """Describe a DataArray without touching its data (coordinates may be read)."""
    if len(set(array.dims)) != len(array.dims):
        raise DimensionError("array", "dims must be distinct", got=array.dims, remedy="Rename one of them.")
    # Of the variables: every coordinate as an array of its own would take ten times as long.
    coords = {
        str(name): Coord(tuple(map(str, variable.dims)), variable.data, dict(variable.attrs))
        for name, variable in array.coords.variables.items()
    }
    chunks = None if array.chunks is None else tuple(tuple(int(n) for n in sizes) for sizes in array.chunks)
    return ArraySpec(
        dims=tuple(map(str, array.dims)),
        shape=tuple(int(n) for n in array.shape),
        dtype=str(array.dtype),
        chunks=chunks,
        coords=coords,
        attrs=dict(array.attrs),
        name=None if array.name is None else str(array.name),
    )


def wrap(data: Any, spec: ArraySpec) -> xr.DataArray:
    """Label ``data`` as ``spec`` says."""
    coords = {name: (coord.dims, coord.values, dict(coord.attrs)) for name, coord in spec.coords.items()}
    array = xr.DataArray(data, dims=spec.dims, coords=coords, attrs=dict(spec.attrs))
    array.name = spec.name  # the constructor would take the name of a Dask array's task for the variable's
    return array


def core_dims(
    spec: ArraySpec, dims: Sequence[str] | None, counts: Sequence[int], subject: str, roles: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the core dims in the order in which kernels see them.

    It never depends on the order of ``dims``: CF axes (attribute ``axis``) and the usual names come as (z, y, x). Where
    some dim is none of these, dims that are called like a role take it, and the others the roles that are left: in that
    order where they all have one, else in the array's own.

    Parameters
    ----------
    spec : ArraySpec
        The input.
    dims : sequence of str or None
        What the caller asked for; None takes all dims when their number is admissible.
    counts : sequence of int
        Admissible numbers of core dims.
    subject : str
        Operator name for the error.
    roles : sequence of str, optional
        Names of the roles in the signature; the last ones count where there are more than dims.

    Raises
    ------
    DimensionError
        A dim is missing, misspelt, duplicated, or their number is not admissible.

    Examples
    --------
    >>> bands = ArraySpec(("lon", "lat", "path"), (8, 4, 3), "complex64")
    >>> core_dims(bands, ("path", "lon", "lat"), (2, 3), "inverse_wavelet", ("y", "x", "path"))
    ('lat', 'lon', 'path')
    """
    wanted = tuple(spec.dims if dims is None else dims)
    if len(set(wanted)) != len(wanted):
        raise DimensionError(f"{subject}.dims", "each dim may be named once", got=wanted, code="DimensionDuplicated")
    for dim in wanted:
        if dim not in spec.dims:
            raise DimensionError(
                f"{subject}.dims",
                f"the input has no dim {dim!r}",
                expected=f"dims among {spec.dims}",
                got=wanted,
                remedy=near(dim, spec.dims),
                code="DimensionMissing",
            )
    if len(wanted) not in counts:
        raise DimensionError(
            f"{subject}.dims",
            "wrong number of core dims",
            expected=" or ".join(map(str, counts)),
            got=wanted,
            remedy=_some_dims(spec, counts),
            code="DimensionCount",
        )
    return _kernel_order(spec, wanted, roles[-len(wanted) :] if wanted else ())


def _some_dims(spec: ArraySpec, counts: Sequence[int]) -> str | None:
    """Return a call with the largest admissible number of dims that the input has; None where it has too few."""
    count = max((count for count in counts if count <= len(spec.dims)), default=0)
    return f"Name the dims to transform, for example dims={spec.dims[-count:]!r}." if count else None


def _kernel_order(spec: ArraySpec, dims: Sequence[str], roles: Sequence[str]) -> tuple[str, ...]:
    ranks = [_rank(spec, dim) for dim in dims]
    if None not in ranks and len(set(ranks)) == len(ranks):
        return tuple(dim for _, dim in sorted(zip(cast("list[int]", ranks), dims, strict=True)))
    others = [dim for dim in dims if dim not in roles]
    # Beside a dim that is no axis of space, such as `path`, the others come in the order that they have without it.
    left = iter(_kernel_order(spec, others, ()) if len(others) < len(dims) else sorted(others, key=spec.dims.index))
    return tuple(role if role in dims else next(left) for role in roles) if roles else tuple(left)


def _rank(spec: ArraySpec, dim: str) -> int | None:
    coord = spec.coords.get(dim)
    axis = None if coord is None else coord.attrs.get("axis")
    return _AXIS_RANK.get(str(axis)) if axis is not None else _AXIS_RANK.get(dim.lower())


def axis_of(spec: ArraySpec, dim: str, sampling: Sampling | None = None) -> Axis:
    """Return how ``dim`` is sampled, from its coordinate (U1).

    Raises
    ------
    DimensionError
        The coordinate is neither uniform nor declared to be by sample; the text names the worst deviation,
        the tolerance and both remedies.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> x = xr.DataArray(np.zeros(4), dims="x", coords={"x": ("x", [0.0, 0.5, 1.0, 1.5], {"units": "m"})})
    >>> axis = axis_of(spec_of(x), "x")
    >>> axis.step, axis.unit, axis.kind
    (0.5, 'm', 'uniform')
    """
    size = spec.sizes[dim]
    if size == 0:
        raise DimensionError(f"core dim {dim!r}", "has length 0", expected="at least 1 sample", code="DimensionEmpty")
    walls = _walls(spec, dim)
    coord = spec.coords.get(dim)
    declared = (sampling or {}).get(dim)
    if coord is None:
        return Axis(dim, size, walls=walls)
    if declared == "index" or (declared is None and coord.attrs.get("sampling") == "index"):
        return Axis(dim, size, unit=str(coord.attrs.get("sampling_step", "")), walls=walls)
    values, unit = _numbers(np.asarray(coord.values), dim)
    unit = unit or str(coord.attrs.get("units", ""))
    if size == 1:
        return Axis(dim, size, unit=unit, kind="uniform", walls=walls)
    step = _uniform_step(values, np.asarray(coord.values).dtype, dim)
    # A slice of a periodic box keeps the attribute but is no longer the whole period, so the length is checked.
    period = coord.attrs.get("period")
    periodic = period is not None and abs(float(period) - size * abs(step)) <= 0.5 * abs(step)
    return Axis(dim, size, step, unit, "uniform", periodic, walls)


def _walls(spec: ArraySpec, dim: str) -> tuple[int, ...]:
    coord = spec.coords.get("segment")
    if coord is None or coord.dims != (dim,):
        return ()
    values = np.asarray(coord.values)
    return tuple(int(i) + 1 for i in np.flatnonzero(values[1:] != values[:-1]))


def _numbers(values: np.ndarray, dim: str) -> tuple[np.ndarray, str]:
    """Return coordinate values as float64 from the first one, and the unit if the dtype fixes it."""
    if values.dtype.kind in "mM":
        return (values - values[0]) / np.timedelta64(1, "ns") * 1e-9, "s"
    if values.dtype.kind not in "iuf":
        raise DimensionError(
            f"coordinate {dim!r}",
            "a core dim needs numeric or datetime coordinates",
            got=f"dtype {values.dtype}",
            remedy=f'Drop the coordinate or treat the axis as by sample: sampling={{"{dim}": "index"}}.',
            code="CoordinateNotNumeric",
        )
    return values.astype("float64"), ""


def _uniform_step(values: np.ndarray, dtype: np.dtype[Any], dim: str) -> float:
    step = float(values[-1] - values[0]) / (values.size - 1)
    fit = values[0] + step * np.arange(values.size)
    worst = int(np.argmax(np.abs(values - fit)))
    deviation = float(abs(values[worst] - fit[worst]))
    rounding = UNIFORM_ULPS * float(np.spacing(np.abs(values).max().astype(dtype))) if dtype.kind == "f" else 0.0
    tolerance = max(UNIFORM_TOLERANCE * abs(step), rounding)
    if step != 0 and math.isfinite(deviation) and deviation <= tolerance:
        return step
    differences = np.diff(values)
    monotonic = bool((differences > 0).all() or (differences < 0).all())
    what = "not uniformly spaced" if monotonic else "not monotonic"
    if not np.isfinite(values).all():
        what = "not complete (NaN or NaT)"
    elif step == 0 and not differences.any():
        what = "the same everywhere"
    raise DimensionError(
        f"coordinate {dim!r}",
        f"{what}: worst deviation {deviation:.3g} at index {worst}",
        expected=f"at most {tolerance:.3g} (1e-6 of a step or {UNIFORM_ULPS} ulp)",
        remedy=(
            f'Interpolate to a uniform grid, or declare the axis by sample with sampling={{"{dim}": "index"}} '
            f'(or the attribute sampling="index" on the coordinate).'
        ),
        code="CoordinateNotUniform",
    )


def check_dtype(spec: ArraySpec, kinds: str, cast: str | None, subject: str) -> str:
    """Return the dtype in which the operator computes.

    ``kinds`` holds ``f`` (float32, float64), ``c`` (complex64, complex128) and ``i`` (integers, bool), as operators declare.

    Raises
    ------
    DtypeError
        The dtype is refused: object, integer or bool without an explicit ``dtype=``, complex where real is needed, anything
        else where integers are.
    """
    dtype = np.dtype(spec.dtype)
    if dtype.kind in "iub" and "i" not in kinds and cast is None:
        raise DtypeError(
            f"{subject} input",
            "integers and booleans are not converted silently",
            expected="float32, float64",
            got=str(dtype),
            remedy='Pass dtype="float32" (or "float64"), or convert with .astype.',
        )
    if dtype.kind in "fc" and kinds == "i":
        raise DtypeError(f"{subject} input", "whole numbers are needed", expected="int64 or another integer", got=str(dtype),
                         remedy='Round and convert: .round().astype("int64").')  # fmt: skip
    if dtype.kind == "c" and "c" not in kinds:
        raise DtypeError(f"{subject} input", "real data are needed", expected="float32, float64", got=str(dtype),
                         remedy="Take the real part, the imaginary part or the modulus first.")  # fmt: skip
    if dtype.kind not in "fciub" or dtype.name in ("float16", "longdouble", "clongdouble"):
        raise DtypeError(f"{subject} input", "dtype is not supported", expected="float32, float64", got=str(dtype),
                         remedy='Convert with .astype("float32").')  # fmt: skip
    if cast is None:
        return dtype.name
    if dtype.kind == "c":
        return {"float32": "complex64", "float64": "complex128"}[cast]
    return cast


def label_coord(values: Any, dim: str = "path", **attrs: Any) -> Coord:
    """Return a one-dimensional coordinate on ``dim``; the short form operators use for their labels."""
    return Coord((dim,), np.asarray(values), attrs)


def rename(spec: ArraySpec, name: str | None) -> ArraySpec:
    """Return the spec under another variable name."""
    return replace(spec, name=name)


def assemble(results: Mapping[str, xr.DataArray], attrs: Mapping[str, Any] | None = None) -> Any:
    """Return one DataArray, a Dataset of named results, or a DataTree where their labels differ; ``attrs`` are for the latter."""
    if list(results) == [""]:
        return results[""]
    if not _share_labels(results):
        groups = {f"/{name}": xr.Dataset({str(result.name): result}) for name, result in results.items()}
        return xr.DataTree.from_dict({"/": xr.Dataset(attrs=attrs), **groups})
    return xr.Dataset({name: result.rename(name) for name, result in results.items()}, attrs=attrs)


def _share_labels(results: Mapping[str, xr.DataArray]) -> bool:
    """Tell whether dims of one name have one length, and coordinates of one name the same values, in all results."""
    sizes: dict[Any, int] = {}
    coords: dict[Any, xr.DataArray] = {}
    for result in results.values():
        if any(sizes.setdefault(dim, size) != size for dim, size in result.sizes.items()):
            return False
        for name, coord in result.coords.items():
            first = coords.setdefault(name, coord)
            if first.dims != coord.dims or not _same(first.variable.data, coord.variable.data):
                return False
    return True


def same_labels(a: ArraySpec, b: ArraySpec) -> bool:
    """Tell whether two arrays agree in everything but their values and chunks."""
    if (a.dims, a.shape, a.dtype, a.name) != (b.dims, b.shape, b.dtype, b.name) or set(a.coords) != set(b.coords):
        return False
    pairs = [(a.coords[name], b.coords[name]) for name in a.coords]
    return _same_attrs(a.attrs, b.attrs) and all(
        one.dims == other.dims and _same(one.values, other.values) and _same_attrs(one.attrs, other.attrs) for one, other in pairs
    )


def _same_attrs(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return set(a) == set(b) and all(_same(a[name], b[name]) for name in a)


def _same(a: Any, b: Any) -> bool:
    """Compare values, arrays or not; absent values are equal. Lazy ones are told by their graph: nothing is computed."""
    if hasattr(a, "__dask_graph__") or hasattr(b, "__dask_graph__"):
        return type(a) is type(b) and bool(a.name == b.name)
    if not (hasattr(a, "dtype") or hasattr(b, "dtype")):
        return type(a) is type(b) and bool(a == b)
    one, other = np.asarray(a), np.asarray(b)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fcmM"))
