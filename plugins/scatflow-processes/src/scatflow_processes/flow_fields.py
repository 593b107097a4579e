"""Users' own velocity fields: a file or store with components u, v and perhaps w on a grid in physical units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scatflow.errors import DimensionError, StoreError
from scatflow.labels import axis_of, spec_of

if TYPE_CHECKING:
    import xarray as xr

AXES = ("z", "y", "x")


def open_velocity(
    path: str | Path,
    components: Sequence[str] = ("u", "v"),
    *,
    rename: Mapping[str, str] | None = None,
    chunks: Any = None,
) -> xr.Dataset:
    """Open a velocity field and check that derivatives and scales of it will have a meaning.

    Parameters
    ----------
    path : path
        NetCDF or HDF5 file, or zarr store, as for `scatflow.open_source`; files without chunks are best converted first, with
        ``scatflow data convert``.
    components : sequence of str
        Variables that hold the velocity along x, y and, if there are three, z, in this order.
    rename : mapping, optional
        Old dim or coordinate name -> new name, so that the dims of space are called x, y and z.
    chunks : optional
        Lengths of blocks by dim; default those stored.

    Returns
    -------
    Dataset
        Lazy ``u``, ``v`` (and ``w``), as `scatflow.open_source` gives each, which pipelines can record.

    Raises
    ------
    DimensionError
        If a dim of space is missing, has no coordinate, one without ``units``, in other units than the others or not uniformly
        spaced; the message names the coordinate.
    StoreError
        If there is no such file or variable, or components differ in dims, in sizes or in ``units``, or have none.

    Examples
    --------
    >>> import tempfile
    >>> from scatflow_processes.flow_forced import Forced
    >>> from scatflow_processes.snapshots import stream
    >>> run = Forced(size=32, nu=1e-2, k_forcing=4, snapshots=2, spin_up=0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     flow = open_velocity(stream(f"{folder}/run.zarr", run))
    ...     print(list(flow), flow.u.dims)
    ['u', 'v'] ('realization', 'time', 'y', 'x')
    """
    import xarray as xr

    from scatflow import open_source

    if not 2 <= len(components) <= 3:
        raise StoreError(
            f"velocity of {str(path)!r}", "has two components or three", got=tuple(components), code="VariableRequired"
        )
    names = dict(zip("uvw", components, strict=False))
    parts = {name: open_source(path, variable, rename=rename, chunks=chunks) for name, variable in names.items()}
    space = AXES[-len(parts) :]
    for name, part in parts.items():
        _check_space(part, space, f"{names[name]!r} of {str(path)!r}")
    _check_alike(parts, names, f"velocity of {str(path)!r}")
    return xr.Dataset(parts)


def _check_space(part: xr.DataArray, space: Sequence[str], subject: str) -> None:
    """Refuse a component whose grid in space is not uniform in one unit of length."""
    spec, units = spec_of(part), {}
    for dim in space:
        if dim not in spec.dims:
            raise DimensionError(subject, f"has no dim {dim!r}", expected=f"{', '.join(space)} among its dims", got=spec.dims,
                                 remedy=f"Name the dim that it is: rename={{OLD: {dim!r}}}.", code="DimensionMissing")  # fmt: skip
        coordinate = f"coordinate {dim!r} of {subject}"
        if dim not in spec.coords:
            raise DimensionError(coordinate, "is missing: derivatives and wave numbers need positions in a unit of length",
                                 remedy=f"Store one: dataset[{dim!r}] = ({dim!r}, positions, {{'units': 'm'}}).", code="CoordinateMissing")  # fmt: skip
        units[dim] = axis_of(spec, dim).unit
        if not units[dim]:
            raise DimensionError(coordinate, "has no units: derivatives and wave numbers would have none",
                                 expected="an attribute units, such as 'm'",
                                 remedy=f"Store it: dataset[{dim!r}].attrs['units'] = 'm'.", code="UnitsMissing")  # fmt: skip
    if len(set(units.values())) > 1:
        raise DimensionError(f"coordinates of {subject}", "must be in one unit of length", got=units, code="UnitsDiffer",
                             remedy="Convert the positions before they are stored.")  # fmt: skip


def _check_alike(parts: Mapping[str, xr.DataArray], names: Mapping[str, str], subject: str) -> None:
    """Refuse components that are not one vector field."""
    for rule, found in (
        ("components must have the same dims and sizes", {names[name]: dict(part.sizes) for name, part in parts.items()}),
        ("components must have the same units", {names[name]: part.attrs.get("units") for name, part in parts.items()}),
    ):
        first, *others = found.values()
        if any(other != first for other in others):
            raise StoreError(subject, rule, got=found, code="StoreShared",
                             remedy="Interpolate or convert them before they are stored.")  # fmt: skip
        if "units" in rule and not first:
            raise StoreError(subject, "components have no units", expected="an attribute units, such as 'm/s'", code="UnitsMissing",
                             remedy=f"Store it: dataset[{next(iter(found))!r}].attrs['units'] = 'm/s'.")  # fmt: skip
