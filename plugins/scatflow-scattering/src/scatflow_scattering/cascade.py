"""A long scattering transform wired from levels of a few octaves: the same result where the reach of all at once is too far.

The signal is extended once, to the grid that the whole transform would have, and periodic from then on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scatflow.contract import Boundary, Extension, Index, Pointwise, Ref, Select, Window, Wire, operator, param, wire
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_scattering.averages import low_passes
from scatflow_scattering.level import ScatteringLevel
from scatflow_scattering.levels import OCTAVES, Level, Sharpened, levels
from scatflow_scattering.tree import Path
from scatflow_wavelet.morlet import Morlet
from scatflow_wavelet.parameters import FilterBank
from scatflow_wavelet.smoothing import averaged
from scatflow_wavelet.spectrum import half_spectrum

if TYPE_CHECKING:
    from scatflow_scattering.scattering import Scattering

Array = Any


@operator("scattering_extension", version=1, signature="()->()", dtypes="f")
class ScatteringExtension(Select):
    """The signal on the periodic grid of a transform, beyond its ends by the boundary rules."""

    spans: dict[str, tuple[int, int]] = param(doc="First position and one past the last, per dim.")
    rules: dict[str, Boundary] = param(doc="Boundary rule per dim.")

    def indexers(self, *specs: ArraySpec) -> Mapping[str, Index]:
        """Return the extensions."""
        return {dim: Extension(*span, self.rules[dim]) for dim, span in self.spans.items()}


@operator("scattering_crop", version=1, signature="()->()", dtypes="f")
class ScatteringCrop(Select):
    """Results inside the signal, of those on its periodic grid."""

    samples: dict[str, tuple[int, int, int]] = param(doc="First, one past the last, and step, per dim.")

    def indexers(self, *specs: ArraySpec) -> Mapping[str, Index]:
        """Return the slices."""
        return {dim: slice(*parts) for dim, parts in self.samples.items()}


@operator("scattering_window", version=1, signature="(z?,y?,x)->(z?,y?,x)", linear=True, boundaries=("periodic",))
class ScatteringWindow(FilterBank, Window):
    """The last low-pass of averages that a Gaussian has smoothed and sampled."""

    exponent: int = param(doc="They lie on multiples of 2^exponent.", ge=0)
    blur: float = param(doc="Standard deviation of the Gaussian in samples of the signal.", gt=0)
    T: float | None = param(None, "Averaging scale in samples of the signal, default 2^J.")

    def averaging(self) -> float | None:
        """Return T, or None for 2^J."""
        return self.T

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare averages on multiples of 2^J."""
        (spec,) = specs
        for dim in self.core(spec):
            spec = spec.strided(dim, self._step)
        return spec

    @property
    def _step(self) -> int:
        return int(2 ** (self.J - self.exponent))

    def align(self) -> Mapping[str, int]:
        """Return where blocks start: on the grid of the result."""
        return dict.fromkeys(self.signature.roles, self._step)

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return none: the averages are periodic."""
        return dict.fromkeys(at.size, (0, 0))

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the reach of the low-pass in samples of the averages."""
        ndim = len(self.dims or self.signature.roles)
        reach = math.ceil(self.family().reach(self.bank(ndim).layout, 0, tol) / 2**self.exponent)
        return dict.fromkeys(self.signature.roles[-ndim:], (reach, reach))

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build the low-pass for one block shape."""
        low = Sharpened(self.bank(len(block.shape)), self.blur)
        return {"low": low_passes(low, (0,), block.shape, 2**self.J, xp, block.dtype, device, base=self.exponent)[0]}

    def apply(self, xp: Any, *blocks: Array, **prepared: Any) -> Array:
        """Average one block."""
        (block,), low = blocks, prepared["low"]
        return averaged(xp, block, lambda: half_spectrum(xp, block, len(low.target)), low)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops of a transform, and bytes of it."""
        size = math.prod(specs[0].shape)
        return Cost(5.0 * size * math.log2(max(2, size)), 4 * specs[0].nbytes)


@operator("scattering_paths", version=1, signature="(),()->()")
class ScatteringPaths(Pointwise):
    """Paths of several arrays, on the last dims of each, put together in the order of a transform."""

    axes: tuple[int, ...] = param(doc="How many of the last dims of every input count paths.")
    order: tuple[int, ...] = param(doc="For every path of the result, its place among those of the inputs.")
    dim: str = param("path", "Dim of the result.")

    def arity(self) -> int:
        """Return how many arrays are put together."""
        return len(self.axes)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the dims that the inputs share, and that of the paths."""
        first = specs[0].without(*specs[0].dims[len(specs[0].dims) - self.axes[0] :])
        return first.with_dim(self.dim, len(self.order))

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Put one region together."""
        flat = [xp.reshape(block, (*block.shape[: block.ndim - n], -1)) for block, n in zip(blocks, self.axes, strict=True)]
        return xp.take(xp.concat(flat, axis=-1), xp.asarray(self.order, device=blocks[0].device), axis=-1)


@dataclass(frozen=True)
class _Planes:
    """Planes that a level goes on with: where they are, the paths to them, and how many dims count these."""

    source: Ref | Wire
    paths: tuple[Path, ...]
    axes: int = 0

    @property
    def above(self) -> int:
        return len(self.paths[0])


def cascade(transform: Scattering, ref: Ref, spec: ArraySpec, at: Place) -> Wire | None:
    """Return a windowed transform as levels, or None where it is too short for them or not of a kind that can be cut.

    Parameters
    ----------
    transform : Scattering
        Bound to labels, its boundary rules named.
    ref : Ref
        The signal.
    spec : ArraySpec
        Its labels, in kernel order.
    at : Place
        The extended signal.
    """
    if not _can_be_cut(transform, spec):
        return None
    names = tuple(transform.dims or ())
    banks = [transform.bank(len(names), k) for k in range(1, max(1, transform.order) + 1)]
    found = levels(banks, transform.J, transform.oversampling, OCTAVES[len(names)])
    if len(found) == 1:
        return None
    spans = {dim: (at.start[role], at.stop[role]) for dim, role in zip(names, at.start, strict=True)}
    rules: dict[str, Any] = dict(zip(names, transform.boundary or (), strict=True))
    signal = wire(ScatteringExtension(spans=spans, rules=rules), ref)
    shared: dict[str, Any] = {name: getattr(transform, name) for name in ("dims", "J", "Q", "L", "filters", "metric", "T", "dtype")}
    pieces = list(_averages(transform, found, signal, shared))
    paths = [path for _, _, some in pieces for path in some]
    tree = transform.paths_of(len(names))
    place = {path: k for k, path in enumerate(paths)}
    order = tuple(place[path] for path in tree.paths)
    crop = ScatteringCrop(samples=_inside(transform, spec, spans))
    return wire(ScatteringPaths(axes=tuple(axes for _, axes, _ in pieces), order=order), *(wire(crop, one) for one, _, _ in pieces))


def _can_be_cut(transform: Scattering, spec: ArraySpec) -> bool:
    """Tell whether levels have the numbers of the transform: planes without gaps, Gaussian low-passes, increasing octaves."""
    ndim = len(transform.dims or ())
    plain = transform.paths is None and transform.tree == "increasing" and transform.normalize is None and transform.T != "global"
    whole = (
        transform.T != 0
        and transform.conventions().grid == 2**transform.J
        and transform.nan != "mask"
        and transform.missing is None
    )
    return (
        plain and whole and ndim in OCTAVES and transform.oversampling >= 1 and isinstance(transform.filters, Morlet)
        and not spec.dtype.startswith("complex") and set(transform.aspect(ndim)) == {1.0}
    )  # fmt: skip


def _averages(
    transform: Scattering, found: tuple[Level, ...], signal: Wire, shared: Mapping[str, Any]
) -> Iterator[tuple[Wire, int, tuple[Path, ...]]]:
    """Yield averages on multiples of 2^J of the periodic grid, how many dims count their paths, and these, level by level."""
    waiting = [_Planes(signal, ((),))]
    more: dict[str, Any] = {
        "order": transform.order,
        "oversampling": transform.oversampling,
        "nan": transform.nan,
        "boundary": "periodic",
    }
    for level in found:
        following = []
        for planes in waiting:
            one = ScatteringLevel(level=level, above=planes.above, **shared, **more)
            results = wire(one, planes.source)
            ndim = len(transform.dims or ())
            averages = results["average"]
            if not level.last:
                window = ScatteringWindow(
                    exponent=level.window_exponent, blur=level.window_blur, boundary="periodic", nan=transform.nan, **shared
                )
                averages = wire(window, averages)
            paths = _joined(planes.paths, one.averaged(ndim))
            if paths:
                yield averages, planes.axes + 1, paths
            for name, below in one.passed(ndim).items():
                following.append(_Planes(results[name], _joined(planes.paths, below), planes.axes + (name != "field")))
        waiting = following


def _joined(above: tuple[Path, ...], below: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple((*one, *other) for one in above for other in below)


def _inside(transform: Scattering, spec: ArraySpec, spans: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int, int]]:
    """Return where the results of the signal lie among those on multiples of 2^J of its periodic grid."""
    grid, step = 2**transform.J, transform.conventions().step
    found = {}
    for dim, (start, _) in spans.items():
        first, count = -start // grid, -(-spec.sizes[dim] // step)
        found[dim] = (first, first + (count - 1) * (step // grid) + 1, step // grid)
    return found


__all__ = ["cascade"]
