"""Long scattering moments wired from levels of a few octaves, each of which averages its own paths over tiles of the domain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scatflow.contract import Ref, Wire, wire
from scatflow.spec import ArraySpec, Place
from scatflow_arrays.periodic import PeriodicCrop, PeriodicExtension
from scatflow_scattering.between import ScatteringPaths
from scatflow_scattering.cascade import can_be_cut, walked
from scatflow_scattering.level import ScatteringLevel
from scatflow_scattering.moments_level import ScatteringMomentsLevel
from scatflow_scattering.moments_rows import ROW, ScatteringAverage, ScatteringDense, ScatteringRows
from scatflow_scattering.tiles import SIZE, tile_exponent
from scatflow_wavelet.schedule import OCTAVES, Level, levels

if TYPE_CHECKING:
    from scatflow_scattering.moments import ScatteringMoments

#: Octaves of the last level, at least: it has no low-pass of its own, whose reach would make a short one useless.
_LAST = 1


def moments_cascade(moments: ScatteringMoments, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire] | None:
    """Return moments as levels, or None where there are too few octaves or the planes cannot be cut.

    Parameters
    ----------
    moments : ScatteringMoments
        Its core dims and boundary rules named.
    ref : Ref
        The signal.
    spec : ArraySpec
        Its labels, in kernel order.
    at : Place
        The extended signal.
    """
    names = tuple(moments.dims or ())
    if not can_be_cut(moments, spec) or moments.missing is not None or not math.prod(spec.shape):
        return None
    banks = [moments.bank(len(names), k) for k in range(1, max(1, moments.order) + 1)]
    found = levels(banks, moments.J, moments.oversampling, OCTAVES[len(names)], _LAST)
    if len(found) == 1:
        return None
    bound = moments.resolve(spec)
    assert bound.layout is not None
    extension = PeriodicExtension.of(names, moments.boundary, at)
    signal = wire(ScatteringDense(), wire(extension, ref))
    parts = _Parts(bound, spec, extension)
    pieces = list(walked(found, signal, parts.level, parts.rows))
    place = {path: k for k, path in enumerate(path for _, _, some in pieces for path in some)}
    statistics = [*moments.paths_of(len(names)).paths, *(SIZE,) * moments.extra()]
    join = ScatteringPaths(
        axes=tuple(axes for _, axes, _ in pieces), order=tuple(place[path] for path in statistics), dim="planes", behind=1
    )
    sums = wire(join, *(one for one, _, _ in pieces))
    average = wire(ScatteringAverage(dims=(ROW, "planes"), moments=moments, layout=bound.layout), sums)
    return {name: average[name] for name in bound.output(spec)}


class _Parts:
    """Operators of the levels of some moments, bound to labels."""

    def __init__(self, moments: ScatteringMoments, spec: ArraySpec, extension: PeriodicExtension) -> None:
        self.moments, self.extension = moments, extension
        self.names = tuple(moments.dims or ())
        self.sizes = {dim: spec.sizes[dim] for dim in self.names}

    def tile(self, level: Level) -> int:
        """Return the exponent of the tiles of a level."""
        return tile_exponent(level.high, self.moments.J, len(self.names))

    def level(self, level: Level, above: int) -> ScatteringLevel:
        """Return the operator of a level."""
        names = ("dims", "J", "Q", "L", "filters", "metric", "dtype", "order", "oversampling")
        shared: dict[str, Any] = {name: getattr(self.moments, name) for name in names}
        inside = {dim: (-self.extension.spans[dim][0], size) for dim, size in self.sizes.items()}
        size = above == level.low == 0 and self.moments.extra() > 0
        return ScatteringMomentsLevel(
            level=level, above=above, tile=self.tile(level), inside=inside, size=size, boundary="periodic", **shared
        )

    def rows(self, level: Level, tiles: Wire) -> Wire:
        """Return the sums over units of the tiles of a level."""
        width = 2 ** self.tile(level)
        samples = {dim: self.extension.inside(dim, size, width, width) for dim, size in self.sizes.items()}
        edges = tuple(tuple(-(-edge // width) for edge in some) for some in self.moments.whole_cells().edges.values())
        pooled = tuple(dim for dim, _, kind in self.moments.layout or () if kind != "core")
        ordered = tuple(dim for dim, _, kind in self.moments.layout or () if kind == "ordered")
        sums = ScatteringRows(dims=self.names, over=pooled, ordered=ordered, edges=edges, boundary="periodic")
        return wire(sums, wire(PeriodicCrop(samples=samples), tiles))
