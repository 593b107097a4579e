"""The operator ``deform``: a signal on displaced positions, the group action that scattering is stable to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from scatflow.contract import Operator, Window, operator, param
from scatflow.errors import ChunkError, DimensionError, ParameterError
from scatflow.spec import ArraySpec, Cost, Place, itemsize
from scatflow_wavelet.displacement import Displacement, Family
from scatflow_wavelet.interpolation import TAPS, Kind, interpolate, interpolate_adjoint, reach, sharpening, shift
from scatflow_wavelet.labels import Metric, aspect_of, core_names, resolved_metric
from scatflow_wavelet.references import GROUP_INVARIANT_SCATTERING

Array = Any

#: Families whose displacement is not bounded by their parameters alone.
_UNBOUNDED = ("dilate", "rotate")
#: Samples of extension of trigonometric interpolation, which has no finite reach, on axes that are not periodic.
_ENDLESS = 32
#: Families that have a length of their own.
_SCALED = ("smooth_random", "time_warp")


@operator(
    "deform",
    version=1,
    signature="(z?,y?,x)->(z?,y?,x)",
    dtypes="fc",
    linear=True,
    differentiable=True,
    references=(GROUP_INVARIANT_SCATTERING,),
    aliases=("deformation", "translate", "dilate", "rotate", "time_warp", "shift", "zoom", "diffeomorphism"),
    equation=r"D_\tau x(u) = x(u - \tau(u))",
)
class Deform(Window):
    r"""Deformation of a signal or field: its values at displaced positions.

    .. math:: D_\tau x(u) = x(u - \tau(u))

    with a displacement of a named family. Lengths count in samples of the coarsest core axis, as those of wavelets do, and
    angles in index order from x towards y; v is the position from the center of the axis, or of the segment. The field is
    the same for all items of the other dims.

    Parameters
    ----------
    data : DataArray
        Float or complex.
    dims : tuple of str
        One to three core dims.
    family : {"translate", "dilate", "rotate", "smooth_random", "time_warp"}
        ``translate`` moves by ``size``; ``dilate``: tau = size v; ``rotate`` turns the last two core dims by ``size`` radians;
        ``smooth_random``: components with values in [-size, size], smooth over ``scale``; ``time_warp``:
        tau = size sin(2 pi v / scale), one core dim.
    size : float or tuple of float
        How far, or how much; ``translate`` takes one number per core dim in kernel order (y before x), or one for all.
    scale : float, optional
        Correlation length of ``smooth_random``, period of ``time_warp``.
    seed : int
        Seed of ``smooth_random``; its numbers are known by seed and position alone.
    interpolation : {"cubic", "linear", "spectral"}
        Cubic B-splines through the samples (error 1e-3 of the amplitude at 8 samples per wavelength, 5e-5 at 16), straight
        lines (8e-2, 2e-2), or the trigonometric polynomial through them: exact to rounding for ``translate``, to 1e-8 else,
        and without a finite reach.
    metric : {"space", "index"} or tuple of float
        Which geometry angles and lengths have: that of the coordinates, that of samples, or given relative steps.

    Returns
    -------
    DataArray
        Same labels, dtype and unit. ``deformation_gradient`` in its attributes is the largest spectral norm of the Jacobian of
        tau: in closed form (0; size; 2 sin(size / 2); 2 pi size / scale), for ``smooth_random`` over places four to a
        correlation length.

    Raises
    ------
    ParameterError
        The gradient is 1 or more, so that the deformation may fold; a scale is missing or has no meaning; as many sizes as
        core dims are needed.
    DimensionError
        ``rotate`` in one dim, ``time_warp`` in several; core dims of different units with ``metric="space"``.
    ChunkError
        A block has less margin than its samples are displaced.

    Examples
    --------
    >>> import numpy as np, scatflow as sf, xarray as xr
    >>> x = xr.DataArray(np.arange(6.0), dims="x")
    >>> sf.apply(Deform(family="translate", size=2.0, boundary="periodic"), x).values.round(6) + 0.0
    array([4., 5., 0., 1., 2., 3.])
    """

    family: Family = param("dilate", "The displacement field.")
    size: float | tuple[float, ...] = param(0.01, "How far (samples), how much (dilate) or by which angle (rotate, radian).")
    scale: float | None = param(None, "Correlation length or period, in samples of the coarsest core axis.", ge=2, unit="sample")
    seed: int = param(0, "Seed of smooth_random.", ge=0)
    interpolation: Kind = param("cubic", "How values between samples are found.")
    metric: Metric = param("space", 'Geometry: of the coordinates ("space"), of samples ("index"), or relative steps.')

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the lengths and relative steps of the core axes."""
        (spec,) = specs
        names = core_names(spec, self.dims)
        fields = {key: getattr(self, key) for key in Deform.model_fields}
        fields["dims"] = self.dims or names
        fields["metric"] = resolved_metric(spec, names, self.metric, self.sampling, self.name)
        bound = _BoundDeform(**fields, sizes=tuple(spec.sizes[dim] for dim in names))
        bound.check()
        return bound

    def displacement(self, ndim: int) -> Displacement:
        """Return the displacement field in so many core dims."""
        size = self.size if isinstance(self.size, tuple) else (self.size,) * (ndim if self.family == "translate" else 1)
        return Displacement(self.family, size, self.scale or 0.0, self.seed)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the input's labels, with how steep the displacement is."""
        (spec,) = specs
        bound = self.resolve(spec)
        assert isinstance(bound, _BoundDeform)
        return spec.with_attrs(deformation_gradient=bound.steepness())

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the displacement and the reach of the interpolation, per role and side."""
        around = reach(self.interpolation, tol)
        if around is None:
            raise ChunkError(f"{self.name}.interpolation", "trigonometric interpolation has no finite reach", got="spectral",
                             remedy='Use interpolation="cubic", or keep core dims in one chunk.')  # fmt: skip
        return self._widths(around)

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return the extension: none where an axis is periodic as it stands."""
        around = reach(self.interpolation, 1e-8)
        widths = self._widths(_ENDLESS if around is None else around)
        return {role: (0, 0) if _closed(at, role) else width for role, width in widths.items()}

    def _widths(self, around: int) -> dict[str, tuple[int, int]]:
        """Return how far before and after a sample its value is looked for."""
        roles = self.signature.bind(len(self.dims) if self.dims else len(self.signature.roles))
        ranges = self._ranges(len(roles))
        return {role: (around + math.ceil(high), around + math.ceil(-low)) for role, (low, high) in zip(roles, ranges, strict=True)}

    def _ranges(self, ndim: int) -> list[tuple[float, float]]:
        """Return the least and largest displacement in samples of each axis itself."""
        if self.family in _UNBOUNDED:
            raise ChunkError(f"{self.name}.family", "how far it displaces depends on the length of the data", got=self.family)
        aspect = aspect_of(self.metric, ndim, self.name)
        return [(low * a, high * a) for (low, high), a in zip(self.displacement(ndim).bounds((0.0,) * ndim), aspect, strict=True)]

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build the multipliers of one block shape."""
        real = block.dtype.replace("complex64", "float32").replace("complex128", "float64")
        factors = sharpening(self.interpolation, block.shape)
        return {f"axis{axis}": xp.asarray(factor.astype(real), device=device) for axis, factor in enumerate(factors)}

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Compute one extended block."""
        (x,) = blocks
        if self._rigid():
            return shift(xp, x, self._amounts(at))
        return interpolate(xp, x, self._positions(xp, at, x.device), self.interpolation, list(prepared.values()))

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, at: Place, **prepared: Array) -> tuple[Array, ...]:
        """Return the cotangent of one extended block: the adjoint, which spreads each value over where it came from."""
        (x,) = blocks
        if self._rigid():
            return (shift(xp, cotangent, [-amount for amount in self._amounts(at)]),)
        positions, core = self._positions(xp, at, x.device), x.shape[x.ndim - len(at.start) :]
        return (interpolate_adjoint(xp, cotangent, positions, core, self.interpolation, list(prepared.values())),)

    def _rigid(self) -> bool:
        return self.family == "translate" and self.interpolation == "spectral"

    def _amounts(self, at: Place) -> list[float]:
        aspect = aspect_of(self.metric, len(at.start), self.name)
        return [c * a for c, a in zip(self.displacement(len(at.start)).size, aspect, strict=True)]

    def _positions(self, xp: Any, at: Place, device: Any) -> list[Array]:
        """Return, per axis, where the samples of a block come from, in samples of the block (float64)."""
        roles = tuple(at.start)
        self._check_margin(at)
        aspect = aspect_of(self.metric, len(roles), self.name)
        index = [np.arange(at.start[role], at.stop[role], dtype=np.float64) for role in roles]
        centers = [(sum((at.span or at.core)[role]) - 1) / 2 for role in roles]
        places = [(i - center) / a for i, center, a in zip(index, centers, aspect, strict=True)]
        field = self.displacement(len(roles)).field(xp, places, device)
        here = [xp.asarray(i, device=device) for i in np.ix_(*(i - i[0] for i in index))]
        return [u - tau * a for u, tau, a in zip(here, field, aspect, strict=True)]

    def _check_margin(self, at: Place) -> None:
        """Refuse a block with less margin around what counts than that may be displaced."""
        for role, (before, after) in self._widths(1).items():
            given = at.core[role][0] - at.start[role], at.stop[role] - at.core[role][1]
            if not _closed(at, role) and (given[0] < before or given[1] < after):
                raise ChunkError(f"{self.name} block", f"samples are displaced beyond the halo along {role!r}",
                                 expected=f"at least {(before, after)} samples around the core", got=given,
                                 remedy="Give blocks the halo of depth(), or a smaller size.")  # fmt: skip

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare taps and transforms; results, products, indices and weights of one tap, and positions."""
        (spec,) = specs
        ndim = len(self.dims) if self.dims else 1
        count, core = math.prod(spec.shape), math.prod(spec.shape[len(spec.dims) - ndim :])
        finer = 2**ndim if self.interpolation == "spectral" else 1
        size = max(itemsize(spec.dtype), 4)
        flops = count * (2.0 * TAPS[self.interpolation] ** ndim + 10 * finer * math.log2(max(2, core * finer)))
        return Cost(flops, count * size * (4 + 5 * finer) + core * 8 * (6 + ndim * (3 + TAPS[self.interpolation])))

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield every family and interpolation, in one, two and three dims."""
        yield cls(dims=("x",), family="translate", size=2.3)
        yield cls(dims=("x",), family="time_warp", size=1.5, scale=30.0, boundary="reflect")
        yield cls(dims=("x",), size=0.02, interpolation="spectral")
        yield cls(dims=("y", "x"), family="smooth_random", size=1.0, scale=8.0, metric="index")
        yield cls(dims=("y", "x"), family="rotate", size=0.1, interpolation="linear")
        yield cls(dims=("z", "y", "x"), family="translate", size=(0.3, 0.0, -1.0), interpolation="linear")


class _BoundDeform(Deform):
    """The same with the lengths of the core axes, which only the binding knows."""

    sizes: tuple[int, ...]

    def extent(self) -> tuple[float, ...]:
        """Return the lengths of the core axes in samples of the coarsest."""
        aspect = aspect_of(self.metric, len(self.sizes), self.name)
        return tuple((n - 1) / a for n, a in zip(self.sizes, aspect, strict=True))

    def steepness(self) -> float:
        """Return the largest spectral norm of the Jacobian of the displacement."""
        return self.displacement(len(self.sizes)).steepness(self.extent())

    def check(self) -> None:
        """Raise where the parameters have no meaning, for this number of dims, or let the signal fold."""
        ndim, name = len(self.sizes), self.name
        given = len(self.size) if isinstance(self.size, tuple) else ndim
        if given != ndim or (isinstance(self.size, tuple) and self.family != "translate" and ndim > 1):
            raise ParameterError(f"{name}.size", "one number, or for translate one per core dim", expected=ndim, got=self.size)
        if (self.scale is None) == (self.family in _SCALED):
            raise ParameterError(f"{name}.scale", f"{' and '.join(_SCALED)} need a length, other families have none",
                                 expected="a number of samples" if self.family in _SCALED else None, got=self.scale)  # fmt: skip
        counts: Mapping[str, Sequence[int]] = {"rotate": (2, 3), "time_warp": (1,)}
        if ndim not in counts.get(self.family, (ndim,)):
            raise DimensionError(f"{name}.dims", f"wrong number of core dims for {self.family}", got=self.dims, code="DimensionCount",
                                 expected=" or ".join(map(str, counts[self.family])))  # fmt: skip
        steepness = self.steepness()
        if not steepness < 1:
            raise ParameterError(f"{name}.size", "the displacement is so steep that the deformation may fold",
                                 expected="a gradient below 1", got=f"{steepness:.3g}",
                                 remedy="Lower size, raise scale, or deform in several smaller steps.", code="NotDiffeomorphic")  # fmt: skip

    def _ranges(self, ndim: int) -> list[tuple[float, float]]:
        aspect = aspect_of(self.metric, ndim, self.name)
        return [(low * a, high * a) for (low, high), a in zip(self.displacement(ndim).bounds(self.extent()), aspect, strict=True)]


def _closed(at: Place, role: str) -> bool:
    """Tell whether a block is a whole periodic axis, which goes on at its other end."""
    return at.periodic.get(role, False) and (at.start[role], at.stop[role]) == (0, at.size[role]) == at.core[role]
