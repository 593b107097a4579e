"""More of them: in what they declare, embed, take and refuse."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import field_validator

from mutants.healthy import AFTER, BEFORE, Bands, Gain, Leveled, Saturated, Taps, Thin
from mutants.mutant import MUTANTS, Mutant, found_by
from scatflow.contract import Operator, Pointwise, operator, param
from scatflow.spec import ArraySpec, Cost, Place

Array = Any
Margins = Mapping[str, tuple[int, int]]


# Graphs -------------------------------------------------------------------------------------------------------------


@found_by("examples")
class UndeclaredSize(Bands):
    """Delivers three bands, where two are declared."""

    linear = False
    differentiable = False
    vjp = Operator.vjp

    def apply(self, xp: Any, *blocks: Array, gain: Array) -> Array:
        two = super().apply(xp, *blocks, gain=gain)
        return xp.concat([two, two[..., :1, :]], axis=-2)


@found_by("meta_matches", numbers="blocks of some lengths come back shorter")
class EvenLengths(Thin):
    """Returns an even number of samples, as an inverse transform without its length does."""

    linear = False

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0]

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        n = blocks[0].shape[-1]
        return xp.fft.irfft(xp.fft.rfft(blocks[0]), n=n - n % 2)


@found_by("reach_grows", numbers="a reach of nothing at a tight tolerance is too short")
class ShrinkingReach(Taps):
    """Promises less the more is asked."""

    def depth(self, tol: float = 1e-4) -> Margins:
        return {"x": (BEFORE, AFTER)} if tol > 1e-5 else {"x": (0, 0)}


@found_by("units")
class SlopeInTheWrongUnits(Bands):
    """Divides by the spacing and keeps the units of the data."""

    linear = False
    differentiable = False
    vjp = Operator.vjp

    def apply(self, xp: Any, *blocks: Array, at: Place, gain: Array) -> Array:  # type: ignore[override]
        return super().apply(xp, *blocks, gain=gain) / at.step["x"]


@found_by("meta_matches")
class WrongDtype(Saturated):
    """Declares single precision whatever the data."""

    differentiable = False
    vjp = Operator.vjp
    dtypes = "f"

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return super().output(*specs).with_dtype("float32")


@found_by("graph_size")
class EmbeddedFilter(Leveled):
    """Carries a table of 300 000 numbers in its parameters, as text."""

    table: str = param("", "Numbers that nobody asked for.")

    def resolve(self, *specs: ArraySpec) -> EmbeddedFilter:
        return self.replace(table="0.25 " * 300_000) if not self.table else self


# Devices ------------------------------------------------------------------------------------------------------------


@found_by("strict_namespace")
class HostCopy(Gain):
    """Takes a detour over the host."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return xp.asarray(self.factor * np.asarray(blocks[0]))


@found_by("strict_namespace")
class HostConstants(Bands):
    """Builds its filters on the host."""

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Array]:
        return {"gain": xp.asarray(self.gains, dtype=getattr(xp, block.dtype))}


@found_by("strict_namespace")
class NumPyMethods(Gain):
    """Uses a method that only NumPy arrays have."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return self.factor * blocks[0].clip(-1e300, 1e300)


# Memory -------------------------------------------------------------------------------------------------------------


@found_by("cost_bound")
class Underdeclared(Taps):
    """Declares no memory at all."""

    def cost(self, *specs: ArraySpec) -> Cost:
        return Cost(1.0, 0)


@found_by("cost_slack")
class Overdeclared(Taps):
    """Declares a hundred times its memory."""

    def cost(self, *specs: ArraySpec) -> Cost:
        return Cost(1.0, 300 * specs[0].nbytes)


# Errors and records -------------------------------------------------------------------------------------------------


@found_by("bad_input")
@operator("accepts_any_dim", version=1, signature="()->()")
class AcceptsAnyDim(Pointwise):
    """Has a parameter for a dim, and never looks whether there is one."""

    along: str = param("x", "A dim.")

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return 1 * blocks[0]


@found_by("units")
class StaleUnits(Saturated):
    """Keeps the units of what it made dimensionless."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0]


@found_by("attrs", declare="a parameter that is not in the JSON is not in the identity either")
class HiddenParameter(Gain):
    """Has a parameter that no record shows."""

    secret: float = param(2.0, "Unseen.", ge=0)

    def parameters(self) -> dict[str, Any]:
        return {key: value for key, value in super().parameters().items() if key != "secret"}

    @classmethod
    def examples(cls) -> Iterator[HiddenParameter]:
        yield cls(secret=3.0)


# Declarations -------------------------------------------------------------------------------------------------------


@found_by("info_json")
class Undocumented(Gain):
    """Does not say what its parameter means."""

    width: float = param(1.0)


@found_by("info_json")
class Nameless(Gain):
    __doc__ = None


@found_by("attributes")
class RaisingProperty(Gain):
    """Has a property that needs data."""

    @property
    def size(self) -> int:
        """The number of samples, which nobody told."""
        raise RuntimeError("no data yet")


@found_by("params_reject")
class Clamped(Gain):
    """Changes values out of range to the nearest in range."""

    @field_validator("factor", mode="before")
    @classmethod
    def _clamped(cls, value: Any) -> Any:
        return min(max(value, 0), 10) if isinstance(value, (int, float)) else value


@found_by("params_reject")
class BareError(Gain):
    """Refuses with an error that names nothing."""

    def __init__(self, **parameters: Any) -> None:
        if not 0 <= parameters.get("factor", 1.0) <= 10:
            raise KeyError("factor")
        super().__init__(**parameters)


@found_by("value_semantics")
class HashedIdentity(Gain):
    """Has an identity that differs from process to process."""

    def identity(self) -> tuple[str, int, str]:
        name, version, text = super().identity()
        return name, version, f"{hash(text)}"


@found_by("value_semantics")
class Tracked(Gain):
    """Counts the process into its identity."""

    def identity(self) -> tuple[str, int, str]:
        name, version, text = super().identity()
        return name, version, f"{text}{os.getpid()}"


@found_by("examples")
class NoExamples(Gain):
    """Yields nothing to look at."""

    @classmethod
    def examples(cls) -> Iterator[NoExamples]:
        yield from ()


def _closure() -> type[Operator]:
    """Return a class that exists inside a function only."""

    @operator("local", version=1, signature="()->()")
    class Local(Pointwise):
        """The data themselves."""

        def apply(self, xp: Any, *blocks: Array) -> Array:
            return 1 * blocks[0]

    return Local


MUTANTS.append(Mutant(_closure(), "value_semantics", {}))
