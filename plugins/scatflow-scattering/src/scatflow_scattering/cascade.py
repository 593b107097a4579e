"""A long scattering transform wired from levels of a few octaves: the same result where the reach of all at once is too far.

The signal is extended once, to the grid that the whole transform would have, and periodic from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scatflow.contract import Ref, Wire, wire
from scatflow.spec import ArraySpec, Place
from scatflow_arrays.periodic import PeriodicCrop, PeriodicExtension
from scatflow_scattering.between import ScatteringPaths, ScatteringWindow
from scatflow_scattering.level import ScatteringLevel
from scatflow_scattering.parameters import TreeParameters
from scatflow_scattering.tree import Path
from scatflow_wavelet.morlet import Morlet
from scatflow_wavelet.schedule import OCTAVES, Level, levels

if TYPE_CHECKING:
    from scatflow_scattering.scattering import Scattering


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
    if not (can_be_cut(transform, spec) and _has_windows(transform)):
        return None
    names = tuple(transform.dims or ())
    banks = [transform.bank(len(names), k) for k in range(1, max(1, transform.order) + 1)]
    found = levels(banks, transform.J, transform.oversampling, OCTAVES[len(names)])
    if len(found) == 1:
        return None
    extension = PeriodicExtension.of(names, transform.boundary, at)
    signal = wire(extension, ref)
    shared: dict[str, Any] = {name: getattr(transform, name) for name in ("dims", "J", "Q", "L", "filters", "metric", "T", "dtype")}
    passed: dict[str, Any] = {"nan": transform.nan, "boundary": "periodic"}
    more: dict[str, Any] = {"order": transform.order, "oversampling": transform.oversampling, **passed}

    def smoothed(level: Level, averages: Wire) -> Wire:
        if level.last:
            return averages
        return wire(ScatteringWindow(exponent=level.window_exponent, blur=level.window_blur, **passed, **shared), averages)

    def make(level: Level, above: int) -> ScatteringLevel:
        return ScatteringLevel(level=level, above=above, **shared, **more)

    pieces = list(walked(found, signal, make, smoothed))
    paths = [path for _, _, some in pieces for path in some]
    tree = transform.paths_of(len(names))
    place = {path: k for k, path in enumerate(paths)}
    order = tuple(place[path] for path in tree.paths)
    grid, step = 2**transform.J, transform.conventions().step
    crop = PeriodicCrop(samples={dim: extension.inside(dim, spec.sizes[dim], step, grid) for dim in names})
    return wire(ScatteringPaths(axes=tuple(axes for _, axes, _ in pieces), order=order), *(wire(crop, one) for one, _, _ in pieces))


def can_be_cut(transform: TreeParameters, spec: ArraySpec) -> bool:
    """Tell whether levels have the planes of a transform: Gaussian low-passes, increasing octaves, no gaps to fill."""
    ndim = len(transform.dims or ())
    free = not any(dim == "part" or dim.startswith("planes") for dim in spec.dims)  # names of dims between levels
    plain = (
        free and transform.paths is None and transform.tree == "increasing" and transform.oversampling >= 1 and transform.order > 0
    )
    return (
        plain and ndim in OCTAVES and isinstance(transform.filters, Morlet)
        and not spec.dtype.startswith("complex") and set(transform.aspect(ndim)) == {1.0}
    )  # fmt: skip


def _has_windows(transform: Scattering) -> bool:
    """Tell whether the results are averages over a window of the planes, on multiples of 2^J."""
    plain = transform.normalize is None and transform.T not in (0, "global") and transform.conventions().grid == 2**transform.J
    return plain and transform.nan != "mask" and transform.missing is None


def walked(
    found: tuple[Level, ...], signal: Wire, make: Callable[[Level, int], ScatteringLevel], behind: Callable[[Level, Wire], Wire]
) -> Iterator[tuple[Wire, int, tuple[Path, ...]]]:
    """Yield what becomes of averages, how many dims count their paths, and these, level by level.

    Parameters
    ----------
    found : tuple of Level
        The levels.
    signal : Wire
        The signal on its periodic grid.
    make : callable
        Returns the operator of a level for planes to which so many wavelets led, its dims named.
    behind : callable
        Returns what becomes of the result ``average`` of a level.
    """
    waiting = [_Planes(signal, ((),))]
    for level in found:
        following = []
        for planes in waiting:
            one = make(level, planes.above)
            results, ndim = wire(one, planes.source), len(one.dims or ())
            paths = _joined(planes.paths, one.averaged(ndim))
            if paths:
                yield behind(level, results["average"]), planes.axes + 1, paths
            for name, below in one.passed(ndim).items():
                following.append(_Planes(results[name], _joined(planes.paths, below), planes.axes + (name != "field")))
        waiting = following


def _joined(above: tuple[Path, ...], below: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple((*one, *other) for one in above for other in below)
