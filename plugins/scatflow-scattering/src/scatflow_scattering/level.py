"""One level of a long scattering transform as an operator: a few octaves, and what the next level goes on with.

Not for users: ``scattering`` wires levels by :mod:`scatflow_scattering.cascade` where its own reach exceeds a block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from scatflow.contract import Window, operator, param
from scatflow.spec import ArraySpec, Cost, Place, itemsize
from scatflow_scattering.averages import Named, Statistic, low_passes
from scatflow_scattering.budget import tree_cost
from scatflow_scattering.parameters import TreeParameters
from scatflow_scattering.transform import scatter_all
from scatflow_scattering.tree import Path, Tree
from scatflow_scattering.walk import filters
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.schedule import Level, reach_of
from scatflow_wavelet.sharpening import Gaussian, Sharpened
from scatflow_wavelet.smoothing import LowPass

Array = Any


@operator("scattering_level", version=1, signature="(z?,y?,x)->(part,z?,y?,x)", boundaries=("periodic",))
class ScatteringLevel(TreeParameters, Window):
    """Paths of a few octaves below planes of a periodic signal, which a Gaussian has smoothed and sampled.

    Results: ``average``, paths of these octaves on a dim ``part``; and, unless the level is the last, what the next ones
    take: ``field``, the planes themselves, and ``order1``, ... with a dim ``planesN`` for paths to which N wavelets led in all.
    """

    level: Level = param(doc="Octaves, grids and Gaussians.")
    above: int = param(0, "Wavelets that led to the planes.", ge=0)
    T: float | None = param(None, "Averaging scale of the last low-pass in samples of the signal, default 2^J.")

    def averaging(self) -> float | None:
        """Return T, or None for 2^J."""
        return self.T

    def tree_of(self, ndim: int) -> Tree:
        """Return the paths below a plane, by bands of the whole bank, that go through octaves of the level."""
        return _tree(self.replace(dims=None, sampling=None, boundary=None), ndim)

    def averaged(self, ndim: int) -> tuple[Path, ...]:
        """Return the paths of the result ``average``: those that begin here."""
        return tuple(path for path in self.tree_of(ndim).paths if path or self.above == self.level.low == 0)

    def passed(self, ndim: int) -> dict[str, tuple[Path, ...]]:
        """Return, by result, the paths whose planes the next levels need."""
        if self.level.last:
            return {}
        paths = self.tree_of(ndim).paths
        found = {f"order{m}": tuple(p for p in paths if len(p) == m) for m in range(1, self.order - self.above)}
        return {"field": ((),)} | {name: some for name, some in found.items() if some}

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Declare the results: no coordinates, which those of the whole transform have."""
        (spec,) = specs
        ready = self.resolve(spec)
        names = ready.dims or ()
        bare = replace(spec, coords={}, attrs={})
        results = {"average": ready._sampled(bare, names, ready._steps()[0], "part", len(ready.averaged(len(names))))}
        for name, paths in ready.passed(len(names)).items():
            dim = None if name == "field" else f"planes{self.above + len(paths[0])}"
            results[name] = ready._sampled(bare, names, ready._steps()[1], dim, len(paths))
        return results

    @staticmethod
    def _sampled(spec: ArraySpec, names: tuple[str, ...], step: int, dim: str | None, count: int) -> ArraySpec:
        for name in names:
            spec = spec.strided(name, step)
        return spec if dim is None else spec.with_dim(dim, count, at=len(spec.dims) - len(names))

    def _steps(self) -> tuple[int, int]:
        """Return the steps of averages and of what is passed on, in samples of the planes."""
        level = self.level
        window = self.J if level.last else level.window_exponent
        return 2 ** (window - level.exponent), 2 ** max(0, level.field_exponent - level.exponent)

    def align(self) -> Mapping[str, int]:
        """Return where blocks start: at multiples of the coarsest grid."""
        coarsest = self.J if self.level.last else max(self.level.high, self.level.window_exponent)
        return dict.fromkeys(self.signature.roles, 2 ** (coarsest - self.level.exponent))

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return none: the signal is periodic, and as long as a multiple of the coarsest grid."""
        return dict.fromkeys(at.size, (0, 0))

    def has_absence(self) -> bool:
        """Return False: on the periodic grid nothing is the end of the signal."""
        return False

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the tabulated reach of the level's filters, in samples of the planes."""
        ndim, level = len(self.dims or self.signature.roles), self.level
        banks = [self.bank(ndim), *(self.bank(ndim, k) for k in range(self.above + 1, self.order + 1))]
        smoothed = 0.0 if level.last else self.smoothed()
        reach = math.ceil(reach_of(banks, level.high, level.last, self.order - self.above, tol, smoothed) / 2**level.exponent)
        roles = self.signature.roles
        return dict.fromkeys(roles[len(roles) - ndim :], (reach, reach))

    def smoothed(self) -> float:
        """Return the standard deviation of the widest Gaussian of a level that is not the last."""
        return self.level.window_blur

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build filters and low-passes for one block shape."""
        ndim, (window, _) = len(block.shape), self._steps()
        exponents = self._exponents(ndim) | ({0} if () in self.averaged(ndim) else set())
        average = self.bank(ndim) if self.level.last else Gaussian(self.level.window_blur, ndim)
        return {**self.passing(xp, block, device), "window": self._low(average, window, exponents, xp, block, device)}

    def passing(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build filters, and low-passes of what is passed on."""
        ndim, level, tree = len(block.shape), self.level, self.tree_of(len(block.shape))
        first = self.bank(ndim, min(self.above + 1, max(1, self.order)))
        root = Sharpened(first, level.blur) if level.blur else None
        prepared: dict[str, Any] = {"bands": filters(tree, block.shape, xp, block.dtype, device, level.exponent, root)}
        if not level.last:
            _, field = self._steps()
            rest = math.sqrt(level.field_blur**2 - level.blur**2)
            fields = Gaussian(level.field_blur, ndim)
            prepared |= {
                "field": self._low(fields, field, self._exponents(ndim), xp, block, device),
                "root": self._low(Gaussian(rest, ndim), field, {0}, xp, block, device),
            }
        return prepared

    def _exponents(self, ndim: int) -> set[int]:
        tree = self.tree_of(ndim)
        return {tree.exponent(path) for path in tree.paths if path}

    def _low(self, what: LowPass, step: int, some: set[int], xp: Any, block: ArraySpec, device: Any) -> dict[int, Any]:
        base = self.level.exponent
        return low_passes(what, some, block.shape, step * 2**base, xp, block.dtype, device, base=base)

    def average(self, prepared: Mapping[str, Any], shape: tuple[int, ...], at: Place) -> Statistic:
        """Return what planes become of which nothing but averages is needed, on a grid of this shape."""
        ndim = len(shape)
        return Named(prepared["window"], (slice(None),) * ndim, shape, {"average": self.averaged(ndim)})

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Any) -> Mapping[str, Array]:
        """Compute one block."""
        (block,), ndim = blocks, len(at.start)
        shape, whole = tuple(block.shape[block.ndim - ndim :]), (slice(None),) * ndim
        window, field = self._steps()

        def sizes(step: int) -> tuple[int, ...]:
            return tuple(n // step for n in shape)

        averages: list[Statistic] = [self.average(prepared, sizes(window), at)]
        if not self.level.last:
            averages.append(Named(prepared["field"], whole, sizes(field), self.passed(ndim), prepared["root"][0]))
        found = scatter_all(xp, block, ndim, self.tree_of(ndim), prepared["bands"], averages)
        return {name: value[(..., 0, *whole)] if name == "field" else value for name, value in found.items()}

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops, and bytes of filters, planes and untrimmed results."""
        (spec,) = specs
        ready = self.resolve(spec)
        ndim = len(ready.dims or ())
        shape, count = spec.shape[len(spec.dims) - ndim :], math.prod(spec.shape[: len(spec.dims) - ndim])
        window, field = ready._steps()
        kept = len(ready.averaged(ndim)) * math.prod(shape) // window**ndim
        kept += sum(len(paths) for paths in ready.passed(ndim).values()) * math.prod(shape) // field**ndim
        tree, samples = ready.tree_of(ndim), math.prod(shape) // field**ndim
        walked = tree_cost(tree, shape, count, spec.dtype, averages=1, samples=samples, base=self.level.exponent)
        return Cost(walked.flops, walked.bytes + count * kept * itemsize(spec.dtype), walked.parts)


@lru_cache(maxsize=64)
def _tree(operator: ScatteringLevel, ndim: int) -> Tree:
    level = operator.level
    banks = tuple(operator.bank(ndim, k) for k in range(operator.above + 1, operator.order + 1))
    rows: list[tuple[Path, ...]] = [((),)]
    for order, bank in enumerate(banks):
        rows.append(
            tuple((*path, band.n) for path in rows[-1] for band in bank.bands if _follows(banks, path, order, band.j, level))
        )
    # Exponents count from the grid of the planes, so that the oversampling grows by that of the grid.
    return Tree(banks, tuple(path for row in rows for path in row), operator.oversampling + level.exponent)


def _follows(banks: tuple[Bank, ...], path: Path, order: int, octave: int, level: Level) -> bool:
    last = banks[order - 1].bands[path[-1]].j if path else level.low - 1
    return last < octave and (octave < level.high or level.last)
