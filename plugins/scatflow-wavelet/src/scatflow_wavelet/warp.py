"""The operator ``warp``: a signal on positions displaced by an array, measured or computed by the caller."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Self

import numpy as np
import xarray as xr

from scatflow.arrays import extend, fold
from scatflow.contract import QUANTITY_ATTRS, Boundary, Operator, Whole, joined, operator, param
from scatflow.errors import DimensionError, DtypeError, ParameterError
from scatflow.spec import ArraySpec, Cost, itemsize
from scatflow_wavelet.interpolation import TAPS, interpolate, interpolate_adjoint, reach, sharpening
from scatflow_wavelet.labels import core_names
from scatflow_wavelet.references import GROUP_INVARIANT_SCATTERING

Array = Any

#: Item -> what an item's block and its displacement along each axis become.
Kernel = Callable[[Array, Sequence[Array]], Array]


@operator(
    "warp",
    version=1,
    signature="(z?,y?,x),(z?,y?,x)->(z?,y?,x)",
    inputs=("data", "displacement"),
    dtypes="fc",
    differentiable=True,
    references=(GROUP_INVARIANT_SCATTERING,),
    aliases=("remap", "map_coordinates", "registration", "displacement_field", "deform_by_field"),
    equation=r"D_\tau x(u) = x(u - \tau(u))",
)
class Warp(Whole):
    r"""Deformation of a signal or field by a displacement that is data.

    .. math:: D_\tau x(u) = x(u - \tau(u))

    Named displacements have the operator ``deform``, which knows how far they reach and how steep they are before anything
    is read.

    Parameters
    ----------
    data : DataArray
        Float or complex.
    displacement : DataArray
        tau in samples along each core dim, real. With several core dims it has a dim ``component`` whose coordinate names
        them; with one it needs none.
    dims : tuple of str
        One to three core dims, which both inputs have. Other dims are aligned by name.
    component : str
        Dim of the displacement that numbers its components.
    interpolation : {"cubic", "linear"}
        As in ``deform``. With straight lines the derivative by the displacement jumps at samples.
    boundary : {"reflect", "symmetric", "periodic", "zero"}
        Rule beyond the edges along all core dims.

    Returns
    -------
    DataArray
        Labels, dtype and unit of the data. NaN among the data spoils its neighbors with straight lines, its whole item with
        splines; among displacements it is an error.

    Raises
    ------
    DimensionError
        ``component`` is missing, does not name the core dims, or is a dim of the data.
    DtypeError
        The displacement is complex.
    ParameterError
        On evaluation: the largest spectral norm of the displacement's Jacobian, by central differences, is 1 or more.

    Examples
    --------
    >>> import numpy as np, scatflow as sf, xarray as xr
    >>> x, tau = xr.DataArray(np.arange(5.0), dims="x"), xr.DataArray(np.full(5, 0.5), dims="x")
    >>> sf.apply(Warp(interpolation="linear"), x, tau).values
    array([0.5, 0.5, 1.5, 2.5, 3.5])
    """

    component: str = param("component", "Dim of the displacement whose coordinate names the core dims.")
    interpolation: Literal["cubic", "linear"] = param("cubic", "How values between samples are found.")
    boundary: Boundary = param("reflect", "Rule beyond the edges.")

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with where the components are found and in which order."""
        data, tau = specs
        fields = {key: getattr(self, key) for key in Warp.model_fields}
        names = core_names(data, self.dims)
        fields["dims"] = self.dims or names
        outer = [dim for dim in dict.fromkeys((*data.dims, *tau.dims)) if dim not in names]
        axis = outer.index(self.component) - len(outer) if self.component in tau.dims else 0
        return _BoundWarp(**fields, order=self._order(data, tau, names), axis=axis)

    def _order(self, data: ArraySpec, tau: ArraySpec, names: tuple[str, ...]) -> tuple[int, ...]:
        """Return the position of each core dim's component; nothing for a single one without its dim."""
        subject = f"{self.name}.displacement"
        if tau.dtype.startswith("complex"):
            raise DtypeError(subject, "real numbers of samples are needed", got=tau.dtype)
        lacking = [dim for dim in names if dim not in tau.dims]
        if lacking or self.component in data.dims:
            raise DimensionError(subject, "has the core dims, and a dim of its own for components", got=tau.dims,
                                 expected=(self.component, *names), code="DimensionMissing")  # fmt: skip
        if self.component not in tau.dims and len(names) == 1:
            return ()
        coord = tau.coords.get(self.component)
        found = [] if coord is None else [str(word) for word in np.asarray(coord.values)]
        if sorted(found) != sorted(names):
            raise DimensionError(subject, f"the coordinate {self.component!r} names the core dims", expected=names, got=found,
                                 remedy=f'Assign it: .assign_coords({self.component}=["{names[0]}", ...]).', code="DimensionMissing")  # fmt: skip
        return tuple(found.index(dim) for dim in names)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the data's labels, with batch dims that the displacement adds."""
        data, tau = specs
        names = core_names(data, self.dims)
        self._order(data, tau, names)
        merged = joined([data, tau.without(self.component)], data.dtype, self.name)
        kept = {key: data.attrs[key] for key in QUANTITY_ATTRS if key in data.attrs}
        return merged.transpose([*(dim for dim in merged.dims if dim not in names), *names]).with_attrs(**kept)

    def located(self) -> tuple[tuple[int, ...], int]:
        """Return the position of each core axis's component, and the batch axis of components from the end (0: there is none)."""
        return (), 0

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block, item by item where items have displacements of their own."""
        x, components = self._ready(xp, *blocks)
        return self._each(xp, x, components, functools.partial(self._one, xp))

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the cotangent of the data, spread over where values came from, and that of the displacement, by the slopes."""
        x, components = self._ready(xp, *blocks)
        ndim = len(components)
        shape = tuple(np.broadcast_shapes(x.shape, components[0].shape))
        by_data = self._each(xp, xp.broadcast_to(cotangent, shape), components, functools.partial(self._spread, xp))
        slopes = [self._each(xp, x, components, functools.partial(self._one, xp, slope=axis)) for axis in range(ndim)]
        by_axis = [-_real_product(xp, cotangent, slope) for slope in slopes]
        order, axis = self.located()
        if not axis:
            return by_data, xp.astype(by_axis[0], blocks[1].dtype)
        where = axis - ndim
        ordered = [by_axis[order.index(k)] for k in range(ndim)]
        by_field = xp.stack(ordered, axis=where)
        return xp.expand_dims(by_data, axis=where), xp.astype(by_field, blocks[1].dtype)

    def _ready(self, xp: Any, x: Array, tau: Array) -> tuple[Array, list[Array]]:
        """Return the data without an axis of components, and the displacement along each core axis in double precision."""
        ndim = len(self.dims or ())
        wide = xp.astype(xp.real(tau) if xp.isdtype(tau.dtype, "complex floating") else tau, xp.float64)
        order, axis = self.located()
        if not axis:
            components = [wide]
        else:
            where = axis - ndim
            x = xp.squeeze(x, axis=where)
            components = [wide[(..., k, *(slice(None),) * (-where - 1))] for k in order]
        steepest = gradient_norm(xp, components)
        if not steepest < 1:
            raise ParameterError(f"{self.name}.displacement", "it is so steep that the deformation may fold, or not a number",
                                 expected="a gradient below 1", got=f"{steepest:.3g}", code="NotDiffeomorphic",
                                 remedy="Smooth it, or deform in several smaller steps.")  # fmt: skip
        return x, components

    def _each(self, xp: Any, x: Array, components: Sequence[Array], kernel: Kernel) -> Array:
        """Apply a kernel to all items at once where they share a displacement, else item by item."""
        ndim = len(components)
        core = components[0].shape[-ndim:]
        shape = tuple(np.broadcast_shapes(x.shape, components[0].shape))
        if math.prod(components[0].shape[:-ndim]) == 1:
            return xp.reshape(kernel(x, [xp.reshape(c, core) for c in components]), shape)
        out = xp.empty(shape, dtype=x.dtype, device=x.device)
        items, fields = xp.broadcast_to(x, shape), [xp.broadcast_to(c, shape) for c in components]
        for item in np.ndindex(*shape[: len(shape) - ndim]):
            where = (*item, ...)
            out[where] = kernel(items[where], [field[where] for field in fields])
        return out

    def _one(self, xp: Any, x: Array, components: Sequence[Array], slope: int | None = None) -> Array:
        """Return data (..., *core), or their slopes along an axis, at positions displaced by one field (*core) per axis."""
        widths = self._widths(xp, components)
        block = extend(xp, x, widths, [self.boundary] * len(components))
        sharpen = self._multipliers(xp, block, len(components))
        return interpolate(xp, block, _positions(xp, components, widths), self.interpolation, sharpen, slope)

    def _spread(self, xp: Any, cotangent: Array, components: Sequence[Array]) -> Array:
        """Apply the adjoint of :meth:`_one`."""
        widths = self._widths(xp, components)
        core = components[0].shape
        extended = tuple(n + before + after for n, (before, after) in zip(core, widths, strict=True))
        like = xp.zeros(extended, dtype=cotangent.dtype, device=cotangent.device)
        positions = _positions(xp, components, widths)
        spread = interpolate_adjoint(
            xp, cotangent, positions, extended, self.interpolation, self._multipliers(xp, like, len(components))
        )
        return fold(xp, spread, core, widths, [self.boundary] * len(components))

    def _widths(self, xp: Any, components: Sequence[Array]) -> list[tuple[int, int]]:
        """Return the extension per side: how far the field displaces and the interpolation reaches, nothing where periodic."""
        if self.boundary == "periodic":
            return [(0, 0)] * len(components)
        around = reach(self.interpolation, 1e-8)
        assert around is not None
        return [(around + math.ceil(float(xp.max(xp.abs(component)))),) * 2 for component in components]

    def _multipliers(self, xp: Any, block: Array, ndim: int) -> list[Array]:
        real = xp.float32 if block.dtype in (xp.float32, xp.complex64) else xp.float64
        shape = block.shape[block.ndim - ndim :]
        return [xp.asarray(factor, dtype=real, device=block.device) for factor in sharpening(self.interpolation, shape)]

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare taps and transforms; the Jacobian, or extended data, coefficients and products of what goes at once."""
        data, tau = specs
        ndim = len(self.dims) if self.dims else 1
        size, core = max(itemsize(data.dtype), 4), math.prod(tau.shape[len(tau.shape) - ndim :])
        count = max(math.prod(data.shape), math.prod(tau.shape))
        shared = math.prod(tau.shape) <= ndim * core
        flops = count * (2.0 * TAPS[self.interpolation] ** ndim + 10 * math.log2(max(2, core)))
        at_once = 12 * size * (math.prod(data.shape) if shared else core)
        return Cost(
            flops, 8 * math.prod(tau.shape) * (1 + 2 * ndim) + at_once + core * 8 * (4 + ndim * (4 + TAPS[self.interpolation]))
        )

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return noise, and a smooth displacement of up to a sample."""
        sizes = dict(zip(self.dims or ("x",), (24, 20, 9) if len(self.dims or ("x",)) > 1 else (60,), strict=False))
        coords = {dim: (dim, 0.5 * np.arange(n), {"units": "m"}) for dim, n in sizes.items()}
        waves = [np.sin(2 * np.pi * (np.arange(n) / n + rng.random())) for n in sizes.values()]
        field = math.prod(np.ix_(*waves)[1:], start=np.ix_(*waves)[0])
        attrs = {"units": "m s-1", "long_name": "velocity"}
        x = xr.DataArray(rng.standard_normal((3, *sizes.values())), dims=("item", *sizes), coords=coords, name="u", attrs=attrs)
        tau = xr.DataArray(np.stack([field] * len(sizes)), dims=("component", *sizes), coords={**coords, "component": list(sizes)})
        return x, tau if len(sizes) > 1 else tau.isel(component=0, drop=True)

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield small instances in one and two dims."""
        yield cls(dims=("x",))
        yield cls(dims=("x",), interpolation="linear", boundary="zero")
        yield cls(dims=("y", "x"), interpolation="linear", boundary="periodic")
        yield cls(dims=("y", "x"), boundary="symmetric")


class _BoundWarp(Warp):
    """The same with what only the binding knows: the components' positions, in the order of core axes, and their batch axis."""

    order: tuple[int, ...]
    axis: int

    def located(self) -> tuple[tuple[int, ...], int]:
        """Return the position of each core axis's component, and their batch axis from the end."""
        return self.order, self.axis


def gradient_norm(xp: Any, components: Sequence[Array]) -> float:
    """Return the largest spectral norm of the Jacobian of a displacement, by central differences (one-sided at edges).

    Parameters
    ----------
    xp : module
        Array namespace.
    components : sequence of array of float64, shape (..., *core)
        One per core axis, in samples.

    Examples
    --------
    >>> import numpy as np
    >>> gradient_norm(np, [0.25 * np.arange(8.0)])
    0.25
    """
    ndim = len(components)
    rows = [xp.stack([_differences(xp, c, axis) for axis in range(-ndim, 0)], axis=-1) for c in components]
    jacobian = xp.stack(rows, axis=-2)
    if not bool(xp.all(xp.isfinite(jacobian))):
        return math.nan
    return float(xp.max(xp.linalg.svdvals(jacobian))) if math.prod(jacobian.shape) else 0.0


def _differences(xp: Any, values: Array, axis: int) -> Array:
    n = values.shape[axis]
    if n == 1:
        return xp.zeros_like(values)

    def part(start: int, stop: int) -> Array:
        return values[(..., slice(start, stop), *(slice(None),) * (-axis - 1))]

    inner = (part(2, n) - part(0, n - 2)) / 2
    return xp.concat([part(1, 2) - part(0, 1), inner, part(n - 1, n) - part(n - 2, n - 1)], axis=axis)


def _positions(xp: Any, components: Sequence[Array], widths: Sequence[tuple[int, int]]) -> list[Array]:
    """Return where samples come from, in samples of the extended block."""
    core = components[0].shape
    here = np.ix_(*(np.arange(n, dtype=np.float64) + before for n, (before, _) in zip(core, widths, strict=True)))
    return [xp.asarray(u, device=c.device) - c for u, c in zip(here, components, strict=True)]


def _real_product(xp: Any, a: Array, b: Array) -> Array:
    if not xp.isdtype(b.dtype, "complex floating"):
        return a * b
    return xp.real(a) * xp.real(b) + xp.imag(a) * xp.imag(b)
