"""Averages over lattices larger than memory: what lines along both axes tell of configurations, and the modes of their spectra.

Not in the catalog: the operators of :mod:`spin_averages` wire these.
"""

from __future__ import annotations

import math
from typing import Any

from scatflow.contract import Reduce, Ref, Whole, Wire, operator, param, wire
from scatflow.spec import ArraySpec, Cost
from scatflow_arrays.pencils import AxisFourier
from scatflow_processes.operators.field_averages import InParts, refuse_gaps, with_parts
from scatflow_processes.operators.gaussian_lines import SHELL, ShellPower

Array = Any
#: Dim of what the lines along an axis tell.
FACT = "lattice_fact"


@operator("lattice_lines", version=1, signature="(x)->(fact)")
class LatticeLines(Reduce):
    """Of configurations the mean, ``|sum x exp(2 pi i u / n)|^2 / d`` along one axis, and mean products of sites r apart along it."""

    sites: int = param(doc="Sites d of a configuration.", ge=1)
    lags: int = param(doc="Number of distances r, from 0.", ge=2)
    length: int = param(doc="Sites along the axis.", ge=2)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the facts."""
        (spec,) = specs
        return spec.without(*(self.over or ()), spec.dims[-1]).with_dtype("float64").with_dim(FACT, 2 + self.lags)

    def chunk(self, xp: Any, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return sums over the lines of a block: of their spectra at 0 and 1, and of the power at all frequencies."""
        (block,) = blocks
        refuse_gaps(xp, block, "lattices read line by line")
        spectrum = xp.fft.rfft(xp.astype(block, xp.float64), axis=-1)
        return xp.sum(spectrum[..., :2], axis=-2), xp.sum(xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2, axis=-2)

    def finalize(self, xp: Any, *state: Array) -> Array:
        """Return the facts."""
        first, power = state
        wave = (xp.real(first[..., 1:]) ** 2 + xp.imag(first[..., 1:]) ** 2) / self.sites
        products = xp.fft.irfft(xp.astype(power, xp.complex128), n=self.length, axis=-1)[..., : self.lags]
        return xp.concat([xp.real(first[..., :1]) / self.sites, wave, products / self.sites], axis=-1)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a transform in double precision and its power."""
        size = math.prod(specs[0].shape)
        return Cost(2.5 * size * math.log2(max(2, self.length)) + 4 * size, 28 * size)


@operator("lattice_statistics", version=1, signature="(fact),(fact)->(part,cell,statistic)", inputs=("y", "x"))
class LatticeStatistics(Whole):
    """The statistics of configurations from what lines along both axes tell, for an average to finish."""

    of: InParts = param(doc="The average, which has `from_lines`.")
    size: int = param(doc="Number of statistics.", ge=1)
    sites: int = param(doc="Sites of a configuration.", ge=1)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare statistics and weights."""
        return with_parts(specs[0].without(specs[0].dims[-1]), 1, self.size)

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block."""
        along_y, along_x = blocks
        of: Any = self.of
        values = of.from_lines(xp, along_y, along_x, self.sites)[..., None, :]
        return xp.stack([values, xp.ones_like(values)], axis=-3)


@operator("shell_statistics", version=1, signature="(shell)->(part,cell,statistic)")
class ShellStatistics(Whole):
    """The first shells of a spectrum, for an average to finish."""

    size: int = param(doc="Number of shells.", ge=1)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare shells and weights."""
        return with_parts(specs[0].without(specs[0].dims[-1]), 1, self.size)

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block."""
        values = blocks[0][..., None, : self.size]
        return xp.stack([values, xp.ones_like(values)], axis=-3)


def by_lines(of: InParts, ref: Ref, spec: ArraySpec, count: int) -> Wire:
    """Wire ``count`` statistics of configurations from lines along y, then along x; every task has some of them whole."""
    y, x = spec.dims[-2:]
    sides = spec.sizes[y], spec.sizes[x]
    kept: dict[str, Any] = {"sites": math.prod(sides), "lags": min(sides) // 2 + 1}
    along_y = wire(LatticeLines(dims=(y,), over=(x,), length=sides[0], **kept), ref)
    along_x = wire(LatticeLines(dims=(x,), over=(y,), length=sides[1], **kept), ref)
    return wire(LatticeStatistics(of=of, size=count, sites=kept["sites"], dims=(FACT,)), along_y, along_x)


def by_modes(ref: Ref, spec: ArraySpec, count: int) -> Wire:
    """Wire the mean power of the first ``count`` shells, whose width is the lowest wave number of the longer side."""
    names = spec.dims[-2:]
    sides = tuple(spec.sizes[dim] for dim in names)
    spectrum = wire(AxisFourier(dims=(names[0],)), wire(AxisFourier(dims=(names[1],), dtype="float64"), ref))
    power = wire(ShellPower(over=names, shape=sides, spacing=(1.0, 1.0), width=2 * math.pi / max(sides), with_mean=True), spectrum)
    return wire(ShellStatistics(size=count, dims=(SHELL,)), power)
