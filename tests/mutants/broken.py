"""Operators with one defect each, made from healthy ones; ``MUTANTS`` says which check must find it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mutants.healthy import AFTER, BEFORE, Averaged, Bands, Doubled, Gain, Leveled, Saturated, Taps, Thin
from mutants.mutant import found_by
from scatflow.contract import Operator
from scatflow.spec import ArraySpec, Cost, Place

Array = Any
Margins = Mapping[str, tuple[int, int]]


# Reach and halos ----------------------------------------------------------------------------------------------------


@found_by("influence")
class HaloOneShort(Taps):
    """Declares one sample less before than it reads."""

    def depth(self, tol: float = 1e-4) -> Margins:
        return {"x": (BEFORE - 1, AFTER)}


@found_by("influence")
class HaloSwapped(Taps):
    """Takes before for after."""

    def depth(self, tol: float = 1e-4) -> Margins:
        return {"x": (AFTER, BEFORE)}


@found_by("economy")
class HaloDoubled(Taps):
    """Declares twice the samples before that it reads."""

    def depth(self, tol: float = 1e-4) -> Margins:
        return {"x": (2 * BEFORE, AFTER)}


@found_by("boundary")
class MarginsForgotten(Taps):
    """Asks for no extension beyond the edges."""

    def margins(self, at: Place) -> Margins:
        return {"x": (0, 0)}


@found_by("halo_blocks")
class RelativeGrid(Thin):
    """Counts output samples from the start of its block."""

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        mean = sum(xp.roll(blocks[0], shift, axis=-1) for shift in range(-3, 4)) / 7
        first = (at.core["x"][0] - at.start["x"]) % self.stride
        count = len(at.samples("x", self.stride))
        return xp.concat([mean, mean], axis=-1)[..., first :: self.stride][..., :count]


@found_by("halo_blocks")
class BlockMean(Taps):
    """Takes the mean of its block off, halo and all."""

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        return super().apply(xp, blocks[0] - xp.mean(blocks[0], axis=-1, keepdims=True))

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        (found,) = super().vjp(xp, cotangent, *blocks)
        return (found - xp.mean(found, axis=-1, keepdims=True),)


# Chunks, batches, order ---------------------------------------------------------------------------------------------


@found_by("chunk_invariance")
class ChunkDependent(Saturated):
    """Scales by the largest value of its block."""

    differentiable = False
    vjp = Operator.vjp

    def apply(self, xp: Any, *blocks: Array) -> Array:
        size = xp.abs(blocks[0])
        return blocks[0] / (1 + size + 1e-6 * (xp.max(size) if size.shape and size.shape[0] else 0))


@found_by("pooling")
class MeanOfMeans(Averaged):
    """Averages the averages of parts, whatever their sizes."""

    def combine(self, xp: Any, a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
        return (a[0] / a[1] + b[0] / b[1]) / 2, xp.ones_like(a[1])


@found_by("batch_and_order")
class FixedAxes(Leveled):
    """Knows that there is one batch axis."""

    linear = False
    differentiable = False
    vjp = Operator.vjp

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        return blocks[0] - xp.mean(blocks[0], axis=tuple(range(1, blocks[0].ndim)), keepdims=True)


@found_by("batch_and_order", record="a lost label is what that group looks for elsewhere")
class LostLabels(Gain):
    """Declares its result without the coordinates that it could keep."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        (spec,) = specs
        return replace(spec, coords={name: coord for name, coord in spec.coords.items() if "extra" not in coord.dims})


@found_by("dims_order")
class DimsAsNamed(Leveled):
    """Weights the first axis that the caller named."""

    linear = False
    differentiable = False
    vjp = Operator.vjp

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        axis = -1 if (self.dims or ("x",))[0] == "x" else -2
        return blocks[0] - xp.mean(blocks[0], axis=axis, keepdims=True)


# Precision, purity --------------------------------------------------------------------------------------------------


@found_by("dtype")
class Upcast(Gain):
    """Computes in double whatever comes."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return self.factor * xp.astype(blocks[0], xp.float64)


@found_by("dtype")
class DeclaredDouble(Gain):
    """Declares and returns double precision for single."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0].with_dtype("float64")

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return self.factor * xp.astype(blocks[0], xp.float64)


@found_by("dtype")
class SingleMean(Averaged):
    """Declares its mean in the precision of the data."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return super().output(*specs).with_dtype(specs[0].dtype)

    def finalize(self, xp: Any, *state: Array) -> Array:
        return super().finalize(xp, *state)


@found_by("purity")
class Spoiler(Gain):
    """Works in place."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        x = blocks[0]
        x *= self.factor * 2
        return x


@found_by("purity")
class GlobalRandom(Gain):
    """Dithers with the global random generator."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return self.factor * blocks[0] * (1 + 1e-14 * float(np.random.rand()))  # noqa: NPY002  (the defect)


@found_by("determinism")
class Unseeded(Gain):
    """Dithers with a generator of its own that nobody seeds."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return self.factor * blocks[0] * (1 + 1e-13 * float(np.random.default_rng().standard_normal()))


@found_by("degenerate")
class ShortBreaks(Leveled):
    """Fails on short data with whatever error comes."""

    linear = False
    differentiable = False
    vjp = Operator.vjp

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        if blocks[0].shape[-1] < 4:
            raise ValueError("bad")
        return super().apply(xp, *blocks, at=at)


@found_by("quiet")
class Noisy(Gain):
    """Divides by zero with a warning."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        inverse = 1 / blocks[0]
        return xp.where(blocks[0] == 0, xp.zeros_like(blocks[0]), self.factor / inverse)

    def cost(self, *specs: ArraySpec) -> Cost:
        return Cost(3.0, 4 * specs[0].nbytes)


@found_by("specialized", device="other libraries are compared with the kernel for NumPy")
class OtherForNumPy(Doubled):
    """The kernel for NumPy has another sign."""

    def apply_numpy(self, xp: Any, *blocks: Array) -> Array:
        return -np.add(blocks[0], blocks[0])

    reference = Operator.reference


@found_by("reference")
class OtherThanReference(Doubled):
    """Three times the data, where the reference has twice."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return 3 * blocks[0]

    def apply_numpy(self, xp: Any, *blocks: Array) -> Array:
        return 3 * blocks[0]


# Derivatives --------------------------------------------------------------------------------------------------------


@found_by("dot_test")
class WrongSign(Bands):
    """The second band comes back with the wrong sign."""

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, gain: Array) -> tuple[Array, ...]:
        scaled = gain[:, None] * cotangent
        return (sum(scaled[..., k, :] + (2 * k - 1) * xp.roll(scaled[..., k, :], -lag, axis=-1) for k, lag in enumerate((1, 2))),)


@found_by("dot_test")
class MissingConjugate(Taps):
    """The adjoint has the weights as they are."""

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        found = sum(self.gain * weight * xp.roll(cotangent, offset, axis=-1) for offset, weight in self.weights().items())
        return (found if xp.isdtype(blocks[0].dtype, "complex floating") else xp.real(found),)


@found_by("dot_test")
class WrongWay(Bands):
    """The adjoint shifts forward like the operator."""

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, gain: Array) -> tuple[Array, ...]:
        scaled = gain[:, None] * cotangent
        return (sum(scaled[..., k, :] - xp.roll(scaled[..., k, :], lag, axis=-1) for k, lag in enumerate((1, 2))),)


@found_by("vjp_directional")
class HalfDerivative(Saturated):
    """Forgets that the modulus in the denominator varies too."""

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        return (cotangent / (1 + xp.abs(blocks[0])),)


@found_by("vjp_at_zero")
class NaNAtZero(Saturated):
    """Divides by the modulus, zero or not."""

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        (z,) = blocks
        size = xp.abs(z)
        conjugate = xp.conj(z) if xp.isdtype(z.dtype, "complex floating") else z
        along = xp.real(conjugate * cotangent) / size
        return (cotangent / (1 + size) - z * along / (1 + size) ** 2,)


@found_by("vjp_type")
class ComplexGradient(Taps):
    """Real data get a complex gradient."""

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        pairs = self.weights().items()
        return (sum(self.gain * weight.conjugate() * xp.roll(cotangent, offset, axis=-1) for offset, weight in pairs),)


@found_by("vjp_whole")
class TrimmedGradient(Bands):
    """Comes back for its core alone, what it passed to the margins is lost."""

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, at: Place, gain: Array) -> tuple[Array, ...]:  # type: ignore[override]
        (found,) = super().vjp(xp, cotangent, *blocks, gain=gain)
        inside = xp.arange(found.shape[-1], device=found.device) >= at.core["x"][0] - at.start["x"]
        return (xp.where(inside, found, xp.zeros_like(found)),)


@found_by("vjp_halo")
class EdgeGradient(Bands):
    """Comes back right where its block begins at the edge, and halved elsewhere."""

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, at: Place, gain: Array) -> tuple[Array, ...]:  # type: ignore[override]
        (found,) = super().vjp(xp, cotangent, *blocks, gain=gain)
        return (found if at.start["x"] <= 0 else 0.5 * found,)


@found_by("linear_claim")
class Affine(Leveled):
    """Declared linear, with a constant."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0].with_attrs(units=None)

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        return super().apply(xp, *blocks, at=at) + 1e-3


@found_by("differentiable_claim")
class NoDerivative(Gain):
    """Declares a derivative that it does not have."""

    differentiable = True
