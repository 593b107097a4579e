"""``select``: samples by position or by label, along any dims, without reading anything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from scatflow.contract import Operator, Select, operator, param
from scatflow.errors import DimensionError, ParameterError, near
from scatflow.spec import ArraySpec
from scatflow_arrays.positions import Condition, Indexer, Positions, Steps, by_label, by_position


def _without_slices(value: Any) -> Any:
    """Accept Python slices in notebooks; JSON writes them as ``{"start": 0, "stop": 10, "step": 2}``."""
    if not isinstance(value, dict):
        return value
    return {
        key: Steps(start=item.start, stop=item.stop, step=1 if item.step is None else item.step)
        if isinstance(item, slice)
        else item
        for key, item in value.items()
    }


Indexers = Annotated[dict[str, Indexer], BeforeValidator(_without_slices)]


@operator(
    "select",
    version=1,
    signature="()->()",
    dtypes="fci",
    linear=True,
    aliases=("sel", "isel", "subset", "filter_labels"),
)
class Selection(Select):
    """Samples chosen by position or by label.

    .. math:: z_k = x_{p(k)}

    with the positions p of the chosen samples along each dim. Only these samples are read.

    Parameters
    ----------
    data : DataArray
        Any dims, any dtype.
    isel : dict of str to int, tuple of int, or range
        Dim -> positions: one (``3``, ``-1``; the dim is dropped and its coordinates stay as scalars), several in any
        order (``[0, 5, 2]``), or a range ``{"start": 0, "stop": 10, "step": 2}`` with Python's meaning (a Python
        ``slice`` is accepted, a negative step runs backwards).
    sel : dict of str to label, tuple of labels, range or nearest
        Coordinate -> condition, in the coordinate's own units (texts in ISO 8601 for times, seconds for durations):
        one label (``0.5``), several (``["u", "v"]``), a range with both ends included ``{"min": 0.1, "max": 2, "step":
        2}``, or the nearest label ``{"nearest": 0.5, "tolerance": 0.01}``. The key may be any one-dimensional
        coordinate: ``sel={"order": 2, "j1": [0, 1]}`` keeps the paths that meet both conditions. One exact or
        nearest label of a dim's own coordinate drops the dim.

    Returns
    -------
    DataArray
        Same dtype, unit, name and attributes; each coordinate at the chosen samples.

    Raises
    ------
    DimensionError
        No such dim, coordinate, position or label (the nearest ones are named), or nothing is selected.
    ParameterError
        Positions and labels for one dim, or a label of the wrong kind.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.spec import Coord
    >>> x = ArraySpec(("x",), (4,), "float32", coords={"x": Coord(("x",), np.array([0.0, 0.5, 1.0, 1.5]))})
    >>> Selection(sel={"x": {"min": 0.5, "max": 1.0}}).indexers(x)
    {'x': slice(1, 3, 1)}
    """

    isel: Indexers = param({}, "Dim -> position, positions, or a range of positions with start, stop, step.")
    sel: dict[str, Condition] = param(
        {}, "Coordinate -> label, labels, a range of labels with min, max, step, or the nearest with tolerance."
    )

    def resolve(self, *specs: ArraySpec) -> Selection:
        """Return the selection by position alone."""
        if not self.sel:
            return self
        spec = specs[0]
        found: dict[str, Positions] = {}
        for name, condition in self.sel.items():
            dim, positions = by_label(spec, name, condition)
            if dim in self.isel:
                raise ParameterError(
                    f"select.sel[{name!r}]",
                    f"dim {dim!r} is selected by position too",
                    got=self.isel[dim],
                    remedy="Name each dim in one of isel and sel.",
                )
            found[dim] = positions if dim not in found else _both(found[dim], positions, spec.sizes[dim], name)
        return type(self)(dtype=self.dtype, isel={**self.isel, **{dim: _written(item) for dim, item in found.items()}})

    def indexers(self, *specs: ArraySpec) -> Mapping[str, Positions]:
        """Return the positions along each selected dim, counted from the front."""
        if self.sel:
            return self.resolve(*specs).indexers(*specs)
        (spec,) = specs
        for dim in self.isel:
            if dim not in spec.dims:
                raise DimensionError(
                    "select.isel",
                    f"the input has no dim {dim!r}",
                    expected=f"dims among {spec.dims}",
                    got=dim,
                    remedy=near(dim, spec.dims),
                    code="DimensionMissing",
                )
        return {dim: by_position(dim, index, spec.sizes[dim]) for dim, index in self.isel.items()}

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield selections along the dim ``x``."""
        yield cls(isel={"x": Steps(start=0, step=2)})
        yield cls(isel={"x": (2, 0)})


def _both(first: Positions, second: Positions, size: int, name: str) -> Positions:
    """Return the positions that meet two conditions, in the order of the first."""
    chosen = set(_listed(second, size))
    kept = tuple(i for i in _listed(first, size) if i in chosen)
    if not kept:
        raise DimensionError(f"select.sel[{name!r}]", "no sample meets all conditions", code="SelectionEmpty")
    return kept


def _listed(positions: Positions, size: int) -> tuple[int, ...]:
    if isinstance(positions, slice):
        return tuple(range(*positions.indices(size)))
    return (positions,) if isinstance(positions, int) else positions


def _written(positions: Positions) -> Indexer:
    """Return positions as the parameter ``isel`` writes them."""
    if isinstance(positions, slice):
        return Steps(start=positions.start, stop=positions.stop, step=positions.step)
    return positions
