"""Averages of what is quadratic in the Fourier coefficients of whole periodic fields, of fields in memory and one axis at a time.

Modes are sorted into bins, such as shells of wave numbers. Of several fields the scatter between them gives the errors; of a single one
that between groups of modes: the coefficients of a homogeneous field are uncorrelated, so that each group is a sample of every shell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np

from scatflow.contract import Cells, Dims, Ref, Wire, operator, param, wire
from scatflow.contract.cells import cell_edges
from scatflow.contract.pooling import Layout
from scatflow.errors import ChunkError
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_arrays.pencils import AxisFourier, OverGrid, pooled_spectrum
from scatflow_processes import flow_spectra as kernels
from scatflow_processes.half_spectra import GROUPS, Window, binned, half_waves, shell_sums
from scatflow_processes.modes import twins
from scatflow_processes.operators.field_averages import InParts, with_parts
from scatflow_processes.operators.flow_vectors import COMPONENT, WithComponents, check_periodic, length_unit

Array = Any
Table = Mapping[str, Any]
#: Returns the half spectrum of a component, scaled so that the squares of all modes add up to the mean square.
Spectrum = Callable[[int], Array]
_BY_SAMPLE: dict[str, Literal["index", "uniform"]] = {COMPONENT: "index"}


class OfFourier(WithComponents, InParts):
    """Base of averages of sums over modes of whole periodic fields.

    The author writes :meth:`bins`, :meth:`planes` and the labels. Under ``nan="mask"`` fields with a gap are left out. Jobs with
    ``strategy="pencil"`` transform one axis at a time, in double precision, for fields larger than memory.
    """

    #: Number of planes.
    summed: ClassVar[int] = 1

    def bins(self, shape: Sequence[int], steps: Sequence[float], window: Window) -> tuple[Array, int]:
        """Return the bin of every mode (ndarray of int), or of those in a window of the half spectrum, and how many bins there are."""
        raise NotImplementedError

    def planes(self, xp: Any, spectrum: Spectrum, table: Table) -> Iterator[Array]:
        """Yield what is summed over the modes of each bin, one array after another, shape (..., r, *modes)."""
        raise NotImplementedError

    def constants(self, shape: Sequence[int], steps: Sequence[float], window: Window) -> dict[str, Any]:
        """Return what the planes need of each mode beside its wave numbers ``wave``; default nothing."""
        return {}

    # What follows from it.

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Raise ChunkError: every sample counts for every coefficient."""
        raise ChunkError(f"operator {self.name}", "Fourier coefficients have no finite reach",
                         remedy='Give memory for one whole field per task, or use strategy="pencil".')  # fmt: skip

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return no margins: fields are periodic."""
        return dict.fromkeys(at.core, (0, 0))

    def cells(self, at: Place) -> Cells:
        """Return as many cells as there are groups of modes, of a single field; else one."""
        edges: dict[str, tuple[int, ...]] = {role: (0, n) for role, n in at.size.items()}
        if self.units().cells:
            longest = max((role for role in at.size if role != COMPONENT), key=lambda role: at.size[role])
            edges[longest] = cell_edges(at.size[longest], 1, GROUPS)
        return Cells(at, edges)

    def groups(self, shape: Sequence[int]) -> int:
        """Return the number of groups of modes."""
        return min(GROUPS, max(shape)) if self.units().cells else 1

    def whole(self, spec: ArraySpec) -> Self:
        """Return the operator with its boundary named, where the axes are periodic."""
        axes = self.axes(spec)
        length_unit(axes, self.name)
        check_periodic(
            self, axes, "spectra need whole periods", " Of a part of a larger field take structure functions, or taper it first."
        )
        return self.replace(boundary="periodic") if self.boundary is None else self

    def table(self, xp: Any, shape: Sequence[int], steps: Sequence[float], window: Window, device: Any) -> dict[str, Any]:
        """Return all constants of the modes in a window of the half spectrum, or of all."""
        bin_of, count = self.bins(shape, steps, window)
        found = binned(bin_of, count, shape, self.groups(shape), window)
        low, high = (0, shape[-1] // 2 + 1) if window is None else window[-1]
        real = {
            "twice": twins(shape[-1])[low:high],
            "modes": np.tile(found.modes.T, (1, self.summed)),
            **self.constants(shape, steps, window),
        }
        ready = {name: xp.asarray(value, dtype=xp.float64, device=device) for name, value in real.items()}
        waves = half_waves(shape, steps, derivative=True, window=window)
        wave = [xp.asarray(each, dtype=xp.float64, device=device) for each in waves]
        return {"order": xp.asarray(found.order, device=device), "bounds": found.bounds, "wave": wave, **ready}

    def prepare(self, xp: Any, block: ArraySpec, device: Any, at: Place | None = None) -> dict[str, Any]:
        """Sort the modes of a block's grid, and tabulate wave numbers."""
        return self.table(xp, *box_of(at), None, device)

    def mode_sums(self, xp: Any, spectrum: Spectrum, table: Table) -> Array:
        """Return the sums over bins by groups: (..., r, groups, planes x bins)."""
        groups, statistics = table["modes"].shape
        found, count = [], statistics // self.summed
        for plane in self.planes(xp, spectrum, table):
            sums = shell_sums(xp, plane * table["twice"], len(table["wave"]), table["order"], table["bounds"])
            found.append(xp.matrix_transpose(xp.reshape(sums, (*sums.shape[:-1], count, groups))))
        return found[0] if len(found) == 1 else xp.concat(found, axis=-1)

    def weighed(self, xp: Any, sums: Array, modes: Array) -> tuple[Array, Array]:
        """Return what each group makes of the sums over whole bins, and its share of their modes; bins without modes weigh as one."""
        total = xp.sum(modes, axis=-2, keepdims=True)
        held = xp.where(total > 0, modes, xp.ones_like(modes))
        share = held / xp.sum(held, axis=-2, keepdims=True)
        return xp.where(share > 0, sums / xp.where(share > 0, share, xp.ones_like(share)), xp.zeros_like(sums)), share

    def observe(self, xp: Any, block: Array, at: Place, cells: Cells, valid: Array | None, **prepared: Any) -> tuple[Array, Array]:
        """Return the sums of every field by groups, and their weights."""
        ndim = len(at.core) - 1
        sums = self.mode_sums(xp, lambda number: kernels.transform(xp, block[..., number], ndim), prepared)
        values, share = self.weighed(xp, sums, prepared["modes"])
        return values, share * self._fields_weight(xp, block, valid, ndim)

    def _fields_weight(self, xp: Any, block: Array, valid: Array | None, ndim: int) -> Array:
        """Return the weight of every field, shape (..., r, 1, 1) or (1, 1): 0 where it has a gap that is masked."""
        if valid is None or self.nan != "mask":
            return xp.ones((1, 1), dtype=xp.float64, device=getattr(block, "device", None))
        axes = tuple(range(valid.ndim - ndim - 1, valid.ndim))
        return xp.astype(xp.all(valid, axis=axes), xp.float64)[..., None, None]

    def finalize(self, xp: Any, *state: Array) -> Mapping[str, Array]:
        """Turn rows into the published results; groups of modes are independent, and no neighbors as cells of a field are."""
        grid, *rest = state
        return super().finalize(xp, xp.zeros_like(grid), *rest)

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire]:
        """Wire transforms along one axis after another, sums over the modes of each task, and the average of fields."""
        ready = self.resolve(spec)
        names, (shape, steps) = ready.space(spec), box_of(at)
        found: Ref | Wire = ref
        for dim in reversed(names):
            found = wire(AxisFourier(dims=(dim,), dtype="float64" if found is ref else None), found)
        fields = ready.layout or ()
        sums = wire(ModeSums(of=ready, fields=fields, over=names, shape=shape, steps=steps), found)
        return ready.finished(spec, sums)

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return noise on a periodic box of unequal sides and steps."""
        import xarray as xr

        space = [dim for dim in self.dims or ("y", "x") if dim != COMPONENT]
        sizes = {"item": 4, **dict(zip(space, (6, 5, 8)[: len(space)], strict=True)), COMPONENT: len(space)}
        coords: dict[str, Any] = {COMPONENT: (COMPONENT, list(reversed(space)))}
        for number, dim in enumerate(space):
            step = 0.5 + 0.25 * number
            coords[dim] = (dim, np.arange(sizes[dim]) * step, {"units": "m", "period": sizes[dim] * step})
        return (
            xr.DataArray(rng.standard_normal(tuple(sizes.values())), dims=tuple(sizes), coords=coords, attrs={"units": "m s-1"}),
        )


def box_of(at: Place | None) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return samples and signed steps along the spatial axes of a block."""
    assert at is not None, "the engine gives it"
    roles = [role for role in at.core if role != COMPONENT]
    return tuple(at.size[role] for role in roles), tuple(at.step[role] for role in roles)


@operator("mode_sums", version=1, signature="(component)->(part,group,statistic)", dtypes="c")
class ModeSums(OverGrid):
    """Sums over the modes of a half spectrum by bins and groups, and the numbers of modes. Not in the catalog: see OfFourier."""

    of: OfFourier = param(doc="The average.")
    fields: Layout = param(doc="Its pooled and core dims: name, length, kind.")
    shape: tuple[int, ...] = param(doc="Samples along every axis of space, in the order of `over`.")
    steps: tuple[float, ...] = param(doc="Signed distance of samples along every axis.")
    dims: Dims | None = param((COMPONENT,), "The dim of components.")
    sampling: dict[str, Literal["index", "uniform"]] | None = param(_BY_SAMPLE, "That dim has no spacing.")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare sums and numbers of modes."""
        bare = specs[0].without(*(self.over or ()), COMPONENT)
        groups, size = self._sizes()
        return with_parts(bare, groups, size)

    def _sizes(self) -> tuple[int, int]:
        """Return the number of groups and of statistics."""
        of = self.of.laid_out(self.fields)
        _, count = of.bins(self.shape, self.steps, [(0, 1)] * len(self.shape))
        return of.groups(self.shape), count * of.summed

    def chunk(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> tuple[Array, ...]:
        """Return the sums over the modes of one block."""
        block, window = pooled_spectrum(xp, blocks[0], at, self.axes, core=1)
        of, device = self.of.laid_out(self.fields), getattr(block, "device", None)
        table = of.table(xp, self.shape, self.steps, window, device)
        sums = of.mode_sums(xp, lambda number: block[..., number] / math.prod(self.shape), table)
        return (xp.stack([sums, xp.broadcast_to(table["modes"], sums.shape)], axis=-3),)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare sorting of the modes, and their squares and products in double precision."""
        size = math.prod(specs[0].shape)
        return Cost(100.0 * size, 160 * size // max(1, specs[0].shape[-1]) + 48 * size)
