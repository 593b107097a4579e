"""Structure functions of velocity fields: moments, flatness and histograms of increments in one pass over the data."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from scatflow.contract import Average, Cells, Dims, Ref, Wire, operator, param, stack, wire
from scatflow.contract.cells import CELLS_PER_AXIS, cell_edges
from scatflow.contract.estimate import Derive
from scatflow.errors import ParameterError, near
from scatflow.spec import ArraySpec, Axis, Coord, Cost, Place
from scatflow_arrays.arithmetic import Add
from scatflow_arrays.quantity import unit_of
from scatflow_processes import flow_increments as kernels
from scatflow_processes.operators.field_averages import InParts
from scatflow_processes.operators.flow_vectors import COMPONENT, VectorField, length_unit, log_spaced
from scatflow_processes.operators.increment_lines import IncrementLines
from scatflow_processes.references_flows import FRISCH, LOCAL_STRUCTURE

Array = Any
Means = tuple[Array, Array]
#: What a statistic is, as numbers of the coordinate ``quantity``, and the directions of increments, as those of ``direction``.
QUANTITIES = ("absolute_moment", "signed_moment", "flatness", "probability")
DIRECTIONS = ("longitudinal", "transverse")


@dataclass(frozen=True)
class Entry:
    """One published statistic: its labels, and which observed means it is made of (for flatness the fourth moment and the second)."""

    quantity: int
    direction: int
    lag: int
    made_of: tuple[int, ...]
    order: float = math.nan
    low: float = math.nan
    high: float = math.nan


@operator(
    "structure_functions",
    version=1,
    signature="(z?,y,x,component)->(path)",
    boundaries=("reflect", "periodic"),
    references=(LOCAL_STRUCTURE, FRISCH.part("chapter 8")),
    aliases=("increment_moments", "flatness", "increment_histogram", "S_p", "intermittency"),
    equation=r"S_p(r) = \langle |\delta u(r)|^p \rangle, \quad \delta u_\parallel = (u(x + r e) - u(x)) \cdot e",
)
class StructureFunctions(VectorField, InParts):
    r"""Moments of longitudinal and transverse velocity increments, with flatness, histograms and errors.

    .. math:: S_p(r) = \langle |\delta u(x, r)|^p \rangle, \qquad F(r) = \langle \delta u^4 \rangle / \langle \delta u^2 \rangle^2

    over all pairs of samples that lie r apart along the dims ``along``; of Gaussian increments F is 3. Fields are read once (with
    ``strategy="pencil"``, which has room for any separation, once for each of these dims): what is kept are a few numbers per statistic and cell. Along periodic dims pairs go on at the other end; along others
    pairs that would leave the field, or cross a wall between segments, are left out, and nothing beyond it is assumed.

    Parameters
    ----------
    data : DataArray
        Real, with the spatial dims and ``component``.
    dims : tuple of str
        The two or three spatial dims; ``component`` is added.
    separations : tuple of int, optional
        In samples; default 1, 2, 3, 4, 6, 8, 11, ... (two per octave) up to a quarter of the shortest dim along which they lie.
    orders : tuple of float
        Exponents p > 0, whole or not.
    along : str or tuple of str, optional
        Dims along which separations lie, over which is averaged; default all spatial ones. They need one spacing.
    directions : {"both", "longitudinal", "transverse"}
        Components along the separation, or those across it, over which is averaged.
    flatness : bool
        Whether to add F.
    edges : tuple of float
        Increasing edges in the data's unit of bins for histograms of increments; none by default.
    eta : float, optional
        A length in the coordinate's unit by which r is labelled too, as ``r_eta``.
    over : tuple of str, optional
        Dims averaged, such as time and realizations.

    Returns
    -------
    Dataset
        ``mean, var, se, n_eff, count, dof, valid_fraction`` along ``path``, double precision, with labels

        - ``quantity``: absolute_moment (S_p), signed_moment (of longitudinal increments for odd p from 3, negative at p = 3 in turbulence),
          flatness, or probability (the share of increments with low <= increment < high, which add up to 1: the first bin begins
          at -inf and the last ends at inf);
        - ``direction``, ``r`` (coordinate units), ``lag`` (samples), ``order`` (NaN where there is none), ``low`` and ``high``.

        Moments have the data's unit to the power p. ``valid_fraction`` counts pairs, with ``flatness`` those of all statistics together. Errors come from the dims averaged, else from
        cells of the field at least as wide as the largest separation.

    Raises
    ------
    ParameterError
        Separations or orders out of range, edges that do not increase, dims of different spacing in ``along``, or it is not known
        where components point.
    DimensionError
        There is no dim ``component``, or coordinates differ in unit.

    Notes
    -----
    NaN: ``propagate`` makes the average of a field with a gap NaN, ``error`` refuses, ``mask`` leaves out pairs with a gap.

    Examples
    --------
    >>> import numpy as np, scatflow as sf, xarray as xr
    >>> box = xr.Dataset(coords={dim: (dim, np.arange(16.0), {"units": "m"}) for dim in ("y", "x")})
    >>> flow = box.assign(u=2 * box.x + 0 * box.y, v=0 * box.x * box.y).to_dataarray("component")
    >>> S = sf.ops.structure_functions(flow, dims=("y", "x"), along="x", orders=(2.0,), flatness=False, directions="longitudinal")
    >>> S.r.values.tolist(), S["mean"].values.tolist()  # of a pure strain (2 r)^2
    ([1.0, 2.0, 3.0, 4.0], [4.0, 16.0, 36.0, 64.0])
    """

    separations: tuple[int, ...] | None = param(
        None, "Separations in samples, at least 1; default two per octave up to a quarter of the box."
    )
    orders: tuple[float, ...] = param((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0), "Exponents p, above 0 and at most 20.")
    along: Dims | None = param(None, "Dims along which separations lie; default all spatial ones.")
    directions: Literal["both", "longitudinal", "transverse"] = param(
        "both", "Components along the separation, across it, or both."
    )
    flatness: bool = param(True, "Add the flatness of increments.")
    edges: tuple[float, ...] = param((), "Increasing edges in the data's unit of the bins of histograms.", unit="data")
    eta: float | None = param(
        None,
        "A length in the coordinate's unit, such as Kolmogorov's: adds the coordinate r_eta = r / eta.",
        gt=0,
        unit="coordinate",
    )

    def resolve(self, *specs: Any) -> Self:
        """Return the operator with dims, directions of components, separations and pooled dims filled in."""
        (spec,) = specs
        ready = super().resolve(spec)
        axes = ready.axes(spec)
        length_unit(axes, self.name)
        chosen = ready._chosen_axes(axes)
        lags = ready.separations or log_spaced(max(1, min(axis.size for axis in chosen) // 4))
        ready = ready.replace(along=tuple(axis.dim for axis in chosen), separations=lags)
        ready._check(chosen)
        return Average.resolve(ready, spec)

    def _chosen_axes(self, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        """Return the axes along which separations lie, which have one spacing."""
        names = [axis.dim for axis in axes]
        if self.along == ():
            raise ParameterError(f"{self.name}.along", "at least one spatial core dim", expected=names, got=self.along)
        for dim in self.along or ():
            if dim not in names:
                raise ParameterError(
                    f"{self.name}.along", f"{dim!r} is no spatial core dim", expected=names, got=self.along, remedy=near(dim, names)
                )
        chosen = tuple(axis for axis in axes if self.along is None or axis.dim in self.along)
        first = abs(chosen[0].step)
        for axis in chosen[1:]:
            if abs(abs(axis.step) - first) > 1e-6 * first:
                raise ParameterError(f"{self.name}.along", f"coordinates {chosen[0].dim!r} and {axis.dim!r} differ in spacing", expected="one spacing",
                                     got=f"{first:g} and {abs(axis.step):g}", remedy=f"Take one at a time: along={chosen[-1].dim!r}.", code="SpacingsDiffer")  # fmt: skip
        return chosen

    def _check(self, axes: tuple[Axis, ...]) -> None:
        """Refuse separations without pairs, and orders and edges that mean nothing."""
        lags = self.separations or ()
        most = min(max(stop - start for start, stop in axis.spans()) - 1 for axis in axes)
        if not all(1 <= lag <= most for lag in lags) or len(set(lags)) != len(lags):
            raise ParameterError(f"{self.name}.separations", "different whole numbers of samples for which there are pairs", got=lags,
                                 expected=f"from 1 to {most}")  # fmt: skip
        if not all(0 < order <= 20 for order in self.orders) or not (self.orders or self.flatness or self.edges):
            raise ParameterError(f"{self.name}.orders", "exponents above 0 and at most 20", got=self.orders)
        if not all(math.isfinite(edge) for edge in self.edges) or any(a >= b for a, b in itertools.pairwise(self.edges)):
            raise ParameterError(f"{self.name}.edges", "finite edges that increase", got=self.edges)

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the largest separation ahead of a sample, along the dims where separations lie."""
        lag, dims = max(self.separations or (1,)), self.dims or ()
        roles = self.signature.bind(len(dims) or len(self.signature.roles))
        reached = [role for role, dim in zip(roles, dims, strict=False) if dim in (self.along or ())]
        return {role: (0, lag if role in reached else 0) for role in roles}

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return no margins: pairs stay in the field, or go on at its other end."""
        return dict.fromkeys(at.core, (0, 0))

    def cell_width(self, at: Place) -> Mapping[str, int]:
        """Return the largest separation per spatial axis, and all components."""
        wide = max(self.separations or (1,))
        return {role: at.size[role] if role == COMPONENT else 2 * math.ceil(wide / 2) for role in at.core}

    def cells(self, at: Place) -> Cells:
        """Return the cells of the field, as many per spatial axis as fields without components have."""
        if not self.units().cells:
            return super().cells(at)
        most, widths = CELLS_PER_AXIS.get(len(at.core) - 1, 2), self.cell_width(at)
        return Cells(at, {role: cell_edges(at.size[role], widths[role], most, max(1, widths[role] // 2)) for role in at.core})

    # What is observed, in which order, and what is published of it.

    def _moments(self) -> tuple[float, ...]:
        """Return the orders of absolute moments that are observed."""
        return tuple(dict.fromkeys((*self.orders, *((2.0, 4.0) if self.flatness else ()))))

    def _signed(self, direction: int) -> tuple[float, ...]:
        """Return the orders of signed moments: odd ones from 3; the first vanishes, and so do transverse ones by symmetry."""
        return tuple(order for order in self.orders if order % 2 == 1 and order > 1) if direction == 0 else ()

    def _sides(self) -> tuple[int, ...]:
        return tuple(number for number, word in enumerate(DIRECTIONS) if self.directions in ("both", word))

    def entries(self) -> list[Entry]:
        """Return the published statistics of an operator that met labels, in order."""
        found, first = [], 0
        for lag, side in itertools.product(self.separations or (), self._sides()):
            moments, signed = self._moments(), self._signed(side)
            found += [Entry(0, side, lag, (first + moments.index(order),), order) for order in self.orders]
            found += [Entry(1, side, lag, (first + len(moments) + n,), order) for n, order in enumerate(signed)]
            if self.flatness:
                found.append(Entry(2, side, lag, (first + moments.index(4.0), first + moments.index(2.0))))
            bins = list(itertools.pairwise((-math.inf, *self.edges, math.inf))) if self.edges else []
            first += len(moments) + len(signed)
            found += [Entry(3, side, lag, (first + n,), low=low, high=high) for n, (low, high) in enumerate(bins)]
            first += len(bins)
        return found

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of the statistics."""
        entries, axes = self.entries(), self.axes(spec)
        length, unit = length_unit(axes, self.name), unit_of(spec)
        step = abs(next(axis.step for axis in axes if axis.dim in (self.along or ())))
        r = np.array([entry.lag * step for entry in entries])
        columns: dict[str, tuple[Any, dict[str, Any]]] = {
            "quantity": (
                np.array([entry.quantity for entry in entries], dtype=np.int8),
                _flags("statistic of increments", QUANTITIES),
            ),
            "direction": (
                np.array([entry.direction for entry in entries], dtype=np.int8),
                _flags("component of increments", DIRECTIONS),
            ),
            "r": (r, {"units": length or "1", "long_name": "separation"}),
            "lag": (np.array([entry.lag for entry in entries]), {"units": "1", "long_name": "separation in samples"}),
            "order": (np.array([entry.order for entry in entries]), {"units": "1", "long_name": "exponent of moments"}),
        }
        if self.edges:
            for name, values in (("low", [entry.low for entry in entries]), ("high", [entry.high for entry in entries])):
                columns[name] = (np.array(values), {"long_name": f"{name}er edge of the bin", **({"units": unit} if unit else {})})
        if self.eta is not None:
            columns["r_eta"] = (r / self.eta, {"units": "1", "long_name": "separation over eta", "eta": self.eta})
        coords = {name: Coord(("path",), values, attrs) for name, (values, attrs) in columns.items()}
        named = {"along": list(self.along or ()), **({"increment_units": unit} if unit else {})}
        result = kept.with_dim("path", len(entries), coords)
        return result.with_attrs(units=None, standard_name=None, long_name="statistics of velocity increments", **named)

    def derive(self) -> Derive | None:
        """Return what is published of the observed means: themselves, and quotients for flatness."""
        entries = self.entries()
        upper, lower = ([entry.made_of[place] for entry in entries] for place in (0, -1))
        quotient = [len(entry.made_of) > 1 for entry in entries]

        def published(xp: Any, means: Array) -> Array:
            device = getattr(means, "device", None)
            first, second = (xp.take(means, xp.asarray(places, device=device), axis=-1) for places in (upper, lower))
            ratio = xp.asarray(quotient, device=device)
            usable = xp.where(second > 0, second, xp.nan * second)
            return xp.where(ratio, first / xp.where(ratio, usable * usable, xp.ones_like(second)), first)

        return published

    def observe(self, xp: Any, block: Array, at: Place, cells: Cells, valid: Array | None, **prepared: Any) -> tuple[Array, Array]:
        """Return the means of powers and shares of increments over cells, and their weights."""
        flat = Cells(at, {role: edges for role, edges in cells.edges.items() if role != COMPONENT})
        if not math.prod(block.shape):
            count = 1 + max(place for entry in self.entries() for place in entry.made_of)
            empty = xp.zeros((*block.shape[: block.ndim - len(at.core)], cells.count, count), dtype=xp.float64, device=block.device)
            return empty, empty
        found: list[Means] = []
        for lag, side in itertools.product(self.separations or (), self._sides()):
            parts = [self._of_pair(xp, block, flat, valid, lag, side, axis, number) for axis, number in self._pairs(side)]
            found += [_pooled(xp, same) for same in zip(*parts, strict=True)]
        return stack(xp, found)

    def _pairs(self, side: int) -> list[tuple[int, int]]:
        """Return (spatial axis, component) of the increments of one direction."""
        numbers, dims = self.numbers(), self.dims or ()
        axes = [axis for axis, dim in enumerate(dims[:-1]) if dim in (self.along or ())]
        return [(axis, number) for axis in axes for number in numbers if (number == numbers[axis]) == (side == 0)]

    def _of_pair(
        self, xp: Any, block: Array, flat: Cells, valid: Array | None, lag: int, side: int, axis: int, number: int
    ) -> list[Means]:
        """Return the means for one separation, axis and component."""
        at, ndim = flat.at, len(flat.edges)
        role, where = list(flat.edges)[axis], axis - ndim
        field = xp.astype(block[..., number], xp.float64)
        delta = kernels.increments(xp, field, where, lag)
        counted = self._counted(xp, flat, valid, lag, axis, number, tuple(field.shape), getattr(block, "device", None))
        if at.step.get(role, 1.0) < 0:  # the sample ahead lies behind in coordinate space
            delta = -delta
        modulus = xp.abs(delta)
        planes = [kernels.power(modulus, order) for order in self._moments()]
        found = [flat.means(xp, plane, valid=counted) for plane in planes]
        known = dict(zip(self._moments(), planes, strict=True))
        found += [flat.means(xp, xp.where(delta < 0, -known[order], known[order]), valid=counted) for order in self._signed(side)]
        if self.edges:
            below = [flat.means(xp, xp.astype(delta < edge, xp.float64), valid=counted) for edge in self.edges]
            weight = below[0][1]
            total = xp.ones_like(below[0][0])
            found += [(share, weight) for share in kernels.shares([value for value, _ in below], total)]
        return found

    def _counted(
        self, xp: Any, flat: Cells, valid: Array | None, lag: int, axis: int, number: int, shape: tuple[int, ...], device: Any
    ) -> Array | None:
        """Return which pairs count: inside the field, between walls, and without gaps; None where all do."""
        at, role, where = flat.at, list(flat.edges)[axis], axis - len(flat.edges)
        found = None
        if valid is not None:
            found = valid[..., number] & xp.roll(valid[..., number], -lag, axis=where)
        if not at.periodic.get(role, False):
            end = at.span.get(role, (0, at.size[role]))[1]
            line = kernels.inside(xp, at.start[role], shape[where], lag, end, device)
            line = xp.reshape(line, (-1,) + (1,) * (len(flat.edges) - axis - 1))
            found = xp.broadcast_to(line, shape[len(shape) - len(flat.edges) :]) if found is None else found & line
        return found

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire]:
        """Wire sums over lines along each axis in turn, their sum, and the average of fields."""
        ready = self.resolve(spec)
        whole = ready.cells(at)
        grid: dict[str, Any] = {
            "fields": ready.layout or (),
            "sizes": (whole.count, 1 + max(place for entry in ready.entries() for place in entry.made_of)),
            "steps": tuple(step for role, step in at.step.items() if role != COMPONENT),
            "periodic": tuple(periodic for role, periodic in at.periodic.items() if role != COMPONENT),
            "share": 1 / len(ready.along or ()),
        }
        space, found = ready.space(spec), []
        for dim in ready.along or ():
            rest = tuple(other for other in space if other != dim)
            lines = IncrementLines(of=ready.replace(along=(dim,)), over=rest, dims=(dim, COMPONENT), sampling=self.sampling, **grid)
            found.append(wire(lines, ref))
        total = found[0]
        for other in found[1:]:
            total = wire(Add(), total, other)
        return ready.finished(spec, total, whole.grid if ready.units().cells else ())

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare the powers of every increment, and some planes of one component in double precision."""
        (spec,) = specs
        ndim = len(self.dims or self.signature.roles) - 1
        count = math.prod(spec.shape) // max(1, spec.shape[-1])
        each = 3 * len(self._moments()) + 2 * len(self.edges)
        flops = 2.0 * count * each * len(self.separations or (1,)) * ndim * ndim
        return Cost(flops, 8 * count * (len(self._moments()) + 6))

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield both directions, real orders, histograms, and errors from cells and realizations."""
        yield cls(dims=("y", "x"), components=("x", "y"), separations=(1, 2), orders=(2.0, 3.0), over=("item",))
        yield cls(dims=("z", "y", "x"), components=("z", "y", "x"), boundary="periodic", orders=(0.5, 1.0), separations=(1, 3),
                  directions="longitudinal", flatness=False, edges=(-1.0, 0.0, 1.0), eta=0.5)  # fmt: skip
        yield cls(dims=("y", "x"), components=("y", "x"), along=("x",), directions="transverse", orders=(2.0,))

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return noise with coordinates of one spacing."""
        import xarray as xr

        space = [dim for dim in self.dims or ("y", "x") if dim != COMPONENT]
        sizes = {"item": 4, **dict(zip(space, (11, 13, 10)[: len(space)], strict=True)), COMPONENT: len(space)}
        coords = {dim: (dim, np.arange(sizes[dim]) * 0.5, {"units": "m"}) for dim in space}
        return (
            xr.DataArray(rng.standard_normal(tuple(sizes.values())), dims=tuple(sizes), coords=coords, attrs={"units": "m s-1"}),
        )


def _flags(title: str, words: tuple[str, ...]) -> dict[str, Any]:
    return {"long_name": title, "flag_values": list(range(len(words))), "flag_meanings": " ".join(words)}


def _pooled(xp: Any, same: tuple[Means, ...]) -> Means:
    """Return the mean of one statistic over axes and components, by weight."""
    weight = sum((weight for _, weight in same[1:]), same[0][1])
    total = sum((value * part for value, part in same[1:]), same[0][0] * same[0][1])
    return total / xp.where(weight > 0, weight, xp.ones_like(weight)), weight / len(same)
