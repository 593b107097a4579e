"""Velocity gradients one axis at a time: what spectral derivatives of fields larger than memory are wired of.

Every component is differentiated along whole lines of one axis, for each axis; what is made of the derivatives needs all
components of a point and nothing around it. Not in the catalog: the operators of :mod:`velocity_gradients` wire these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, cast

from scatflow.contract import Dims, Ref, Whole, Wire, operator, param, wire
from scatflow.spec import ArraySpec, Cost, Place, itemsize
from scatflow_processes import flow_gradients
from scatflow_processes.operators.flow_vectors import COMPONENT

Array = Any
Made = Literal["vorticity", "strain", "q_criterion", "dissipation"]
_BY_SAMPLE: dict[str, Literal["index", "uniform"]] = {COMPONENT: "index"}


@operator("derivative_lines", version=1, signature="(x)->(x)", linear=True)
class DerivativeLines(Whole):
    """Spectral derivative of whole periodic lines."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the input's labels, without a unit."""
        return specs[0].with_attrs(units=None, long_name=None, standard_name=None)

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Compute one block."""
        return flow_gradients.spectral(xp, blocks[0], -1, at.step["x"])

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a transform and back, in double precision."""
        count = math.prod(specs[0].shape)
        return Cost(10.0 * count * math.log2(max(2, specs[0].shape[-1])), 32 * count)


class _OfDerivatives(Whole):
    """Base of what is made of derivatives along each axis."""

    what: Made = param(doc="What is made of them.")
    numbers: tuple[int, ...] = param(doc="Number of the component that points along each axis.")
    nu: float = param(0.0, "Viscosity, of dissipation.", ge=0)
    dims: Dims | None = param((COMPONENT,), "The dim of components.")
    sampling: dict[str, Literal["index", "uniform"]] | None = param(_BY_SAMPLE, "That dim has no spacing.")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare dims and shape of the result; labels are those of the operator that wires it."""
        bare, ndim = specs[0].without(COMPONENT).with_attrs(units=None), len(specs)
        if self.what == "strain":
            return bare.with_dim("tensor", len(flow_gradients.tensor_pairs(ndim)))
        return bare.with_dim(COMPONENT, 3) if self.what == "vorticity" and ndim == 3 else bare

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block."""
        gradient = [[block[..., number] for number in self.numbers] for block in blocks]
        return flow_gradients.made_of(xp, self.what, gradient, self.numbers, self.nu)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a few planes of one component."""
        count = math.prod(specs[0].shape) // max(1, specs[0].shape[-1])
        return Cost(20.0 * count * len(specs), 8 * count * itemsize(specs[0].dtype))


@operator("of_two_derivatives", version=1, signature="(component),(component)->(component?)", inputs=("y", "x"))
class OfTwoDerivatives(_OfDerivatives):
    """What is made of derivatives along y and x."""


@operator("of_three_derivatives", version=1, signature="(component),(component),(component)->(component?)", inputs=("z", "y", "x"))
class OfThreeDerivatives(_OfDerivatives):
    """What is made of derivatives along z, y and x."""


def wired(ref: Ref, space: Sequence[str], what: str, numbers: tuple[int, ...], nu: float, sampling: Any) -> Wire:
    """Return the wires of one operator: derivatives along each axis, and what is made of them."""
    kept = {dim: word for dim, word in (sampling or {}).items() if dim != COMPONENT} or None
    lines = [wire(DerivativeLines(dims=(dim,), sampling=kept), ref) for dim in space]
    kind = OfTwoDerivatives if len(space) == 2 else OfThreeDerivatives
    return wire(kind(what=cast(Made, what), numbers=numbers, nu=nu), *lines)
