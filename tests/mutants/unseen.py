"""More operators with one defect each: right on the data that an author tries, wrong on what a user brings."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from mutants.healthy import AFTER, BEFORE, Bands, Dithered, Gain, Leveled, Saturated, Taps, Thin
from mutants.mutant import found_by
from scatflow.arrays import normal
from scatflow.contract import Operator, Pointwise, Window, operator, param
from scatflow.spec import ArraySpec, Coord, Cost, Place

Array = Any
Margins = Mapping[str, tuple[int, int]]
#: Drawn anew by every process.
DITHER = random.Random().random()
TABLES: dict[tuple[int, ...], float] = {}


class PlainLeveled(Leveled):
    """Without the claims that a defect would touch as well."""

    linear = False
    differentiable = False
    vjp = Operator.vjp


# Dims and inputs ----------------------------------------------------------------------------------------------------


@found_by("unbatched")
class RowByRow(PlainLeveled):
    """Loops over its first axis, taken for that of items."""

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        (x,) = blocks
        if x.ndim == len(at.core):
            return x - xp.mean(x, axis=-1, keepdims=True) if x.ndim > 1 else x
        return super().apply(xp, x, at=at)


@found_by("renamed_dims")
class MarginsByDim(Taps):
    """Keys its margins by the name of the dim."""

    def margins(self, at: Place) -> Margins:
        return dict.fromkeys(self.dims or ("x",), (BEFORE, AFTER))


@found_by("renamed_dims")
class KnowsTheName(PlainLeveled):
    """Treats an axis called x as space, and every other as time."""

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        level = super().apply(xp, *blocks, at=at)
        return level if "x" in (self.dims or ("x",)) else blocks[0]


@found_by("inputs_meet")
@operator("scaled_by", version=1, signature="(),()->()", dtypes="fc")
class FirstDecides(Pointwise):
    """The product of two inputs, declared like the first."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0].with_attrs(units=None)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return blocks[0] * blocks[1]


# Numbers ------------------------------------------------------------------------------------------------------------


@found_by("integers")
@operator("halved", version=1, signature="()->()", dtypes="fi")
class Truncated(Pointwise):
    """Half of the data, declared in their dtype, counts too."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        (x,) = blocks
        return x // 2 if xp.isdtype(x.dtype, "integral") else x / 2


@found_by("far_from_zero")
class NaiveVariance(PlainLeveled):
    """Mean square minus squared mean, in the precision of the data."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0].with_attrs(units=None)

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        (x,) = blocks
        axes = tuple(range(x.ndim - len(at.core), x.ndim))
        variance = xp.mean(x * x, axis=axes, keepdims=True) - xp.mean(x, axis=axes, keepdims=True) ** 2
        return variance * xp.ones_like(x)


@found_by("reproducible")
class DitheredAtImport(Gain):
    """Dithers by a number that was drawn when the module was imported."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return self.factor * blocks[0] * (1 + 1e-3 * DITHER)


@found_by("reproducible")
class TableByShape(Gain):
    """Keeps its factor in a table by shape: the next instance gets the last one's."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return TABLES.setdefault(tuple(blocks[0].shape), self.factor) * blocks[0]


@found_by("seeded")
class SameForAll(Dithered):
    """Draws the same noise for every item."""

    def first(self, item: tuple[int, ...], at: Place) -> int:
        return 0


@found_by("seeded")
class SeedForgotten(Dithered):
    """Has a seed that it never uses."""

    def noise(self, first: int, count: int) -> Array:
        return normal(0, first, count)


# Gaps and gradients -------------------------------------------------------------------------------------------------


@found_by("gaps")
class RowsToTwo(Thin):
    """Rows of its coverage add up to two."""

    def coverage(self, xp: Any, at: Place) -> Mapping[str, Array]:
        rows = np.asarray(at.counted("x", self.stride))[:, None]
        near = abs(np.arange(at.start["x"], at.stop["x"]) - rows) <= 3
        return {"x": xp.asarray(near * 2 / 7)}


@found_by("nan_passes")
class Rectified(Gain):
    """Positive parts by a comparison, which is false for a missing value."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return xp.where(blocks[0] > -100, self.factor * blocks[0], xp.zeros_like(blocks[0]))

    def cost(self, *specs: ArraySpec) -> Cost:
        return Cost(2.0, 3 * specs[0].nbytes)


@found_by("vjp_calls")
class SpoilsItsBlock(Saturated):
    """Uses its block as scratch on the way back."""

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        (found,) = super().vjp(xp, cotangent, *blocks)
        blocks[0][...] = 2 * blocks[0]
        return (found,)


# Labels -------------------------------------------------------------------------------------------------------------


@found_by("labels")
class NeedsUnits(Gain):
    """Takes it for granted that data have units."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0].with_attrs(units=str(specs[0].attrs["units"]))


@found_by("labels")
class OneDimensional(Gain):
    """Keeps coordinates of one dim, and loses all others."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        (spec,) = specs
        return replace(spec, coords={name: coord for name, coord in spec.coords.items() if len(coord.dims) == 1})


@found_by("storable")
class ObjectLabels(Bands):
    """Labels its new dim with pairs, which no store can hold."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        pairs = np.empty(2, dtype=object)
        pairs[:] = [("first", 1), ("second", 2)]
        return specs[0].with_dim("path", 2, {"pair": Coord(("path",), pairs)}, at=len(specs[0].dims) - 1)


# Declarations and memory --------------------------------------------------------------------------------------------


@found_by("growth")
class AllPairs(PlainLeveled):
    """Builds a matrix of all pairs of samples, which short samples do not show."""

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        (x,) = blocks
        place = xp.arange(x.shape[-1], dtype=x.dtype, device=x.device)
        return x @ xp.exp(-((place[:, None] - place[None, :]) ** 2))


@found_by("choices")
class SecondBranch(Gain):
    """Shows one of its two ways only."""

    way: Literal["there", "back"] = param("there", "Which way.")

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return (self.factor if self.way == "there" else 1 / self.factor) * blocks[0]

    @classmethod
    def examples(cls) -> Iterator[SecondBranch]:
        yield cls(factor=2.0)


@found_by("fits")
@operator("box", version=1, signature="(x)->(x)", linear=True)
class LongerThanSamples(Window):
    """Mean over sixty-one samples, shown on thirty."""

    def depth(self, tol: float = 1e-4) -> Margins:
        return {"x": (30, 30)}

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return functools.reduce(lambda total, shift: total + xp.roll(blocks[0], shift, axis=-1), range(-30, 31), 0 * blocks[0]) / 61

    def sample_inputs(self, generator: np.random.Generator) -> tuple[Any, ...]:
        return tuple(array.isel(x=slice(0, 30)) for array in short(generator))


def short(generator: np.random.Generator) -> tuple[Any, ...]:
    """Return noise on few samples."""
    import xarray as xr

    values = generator.standard_normal((3, 40))
    return (xr.DataArray(values, dims=("item", "x"), coords={"x": 0.5 * np.arange(40)}, name="u", attrs={"units": "m"}),)
