"""Users' tables of points as a scatflow source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from scatflow.arrays import prepared_cache
from scatflow.contract import Source, digest, param, source
from scatflow.spec import ArraySpec, Coord
from scatflow_processes.raster import Window, checked_window, rasterize
from scatflow_processes.sources import files
from scatflow_processes.sources.ensemble import Region, named_variable
from scatflow_processes.tables import read_frame

if TYPE_CHECKING:
    import pandas
    import xarray


@source("point_table", version=1)
class PointTable(Source):
    """Points of a table, counted in the cells of a grid, or their marks added up.

    Dims as named, with the centers of the cells for coordinates. The table is read whole; edges and errors are those of
    ``scatflow_processes.raster.rasterize``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "trees.csv")
    >>> _ = path.write_text("x,y\\n0.5,1.5\\n0.6,0.5\\n0.7,0.2\\n")
    >>> PointTable(path=str(path), start=(0.0, 0.0), stop=(2.0, 1.0), cells=(2, 1)).read({}).tolist()
    [[2.0], [1.0]]
    >>> folder.cleanup()
    """

    path: str = param(doc="Table: .csv, .csv.gz, .txt, .parquet or .pq, a row per point.")
    dims: tuple[str, ...] = param(("y", "x"), "Columns of coordinates, which name the dims.")
    start: tuple[float, ...] = param(doc="Lower edge of the window along each dim.")
    stop: tuple[float, ...] = param(doc="Upper edge of the window along each dim.")
    cells: tuple[int, ...] = param(doc="Cells along each dim.")
    unit: str = param("m", "Unit of the coordinates.")
    periodic: bool = param(False, "Whether the window repeats itself along every dim.")
    marks: str | None = param(None, "Column of what points carry, added up; default counts.")
    marks_unit: str = param("1", "Unit of the marks.")
    dtype: Literal["float32", "float64"] = param("float32", "Type of the result; sums are float64.", choices=("float32", "float64"))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in ("start", "stop", "cells"):
            if len(getattr(self, name)) != len(self.dims):
                raise ValueError(f"{name} needs one number per dim {self.dims}, got {getattr(self, name)}")
        if len(set(self.dims)) < len(self.dims):
            raise ValueError(f"dims must differ from each other, got {self.dims}")
        for dim, window in self._grid().items():
            checked_window(dim, window)
        return self

    def describe(self) -> ArraySpec:
        """Return the labelled field; the table is read, as its number of points is an attribute."""
        field = self._field()
        coords = {dim: Coord((dim,), field[dim].values, dict(field[dim].attrs)) for dim in self.dims}
        chunks = tuple((size,) for size in field.shape)
        return ArraySpec(self.dims, field.shape, self.dtype, chunks, coords, dict(field.attrs), str(field.name))

    def read(self, region: Region, variable: str | None = None) -> npt.NDArray[Any]:
        """Return counts or marks of ``region``."""
        field = self._field()
        named_variable(self, [str(field.name)], variable)
        return np.array(field.values[tuple(region.get(dim, slice(None)) for dim in self.dims)], dtype=self.dtype)

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the parameters and of the file's size and modification time."""
        return digest([*self.identity(), files.states(self, self.path)])

    def _grid(self) -> dict[str, Window]:
        edges = zip(self.dims, self.start, self.stop, self.cells, strict=True)
        return {dim: Window(start, stop, cells, self.unit, self.periodic) for dim, start, stop, cells in edges}

    def _field(self) -> xarray.DataArray:
        """Return the whole field, its number of points among the attributes; kept as long as the file does not change."""
        key = (*map(str, self.identity()), files.states(self, self.path))
        field: xarray.DataArray = prepared_cache().get(key, lambda: {"field": self._rasterized()})["field"]
        return field

    def _rasterized(self) -> xarray.DataArray:
        try:
            frame = read_frame(self.path)
            places = {dim: _column(frame, dim) for dim in self.dims}
            marks = None if self.marks is None else _column(frame, self.marks)
            field = rasterize(places, self._grid(), marks, self.marks_unit)
        except ValueError as error:
            raise files.invalid(self, self.path, error) from error
        return field.assign_attrs(points=len(frame))


def _column(frame: pandas.DataFrame, name: str) -> pandas.Series[Any]:
    """Return a column of a table."""
    if name not in frame:
        raise ValueError(f"the table must hold the columns that are named, got no {name!r} among {', '.join(map(str, frame))}")
    return frame[name]
