"""Velocity components that are stored as arrays of their own, put together as one vector field, in pipelines and jobs too."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from scatflow.contract import Operator, Pointwise, operator, param
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Coord, Cost
from scatflow_arrays.quantity import unit_of
from scatflow_processes.operators.flow_vectors import COMPONENT

Array = Any


class _Vector(Pointwise):
    """Stacks its inputs along the dim ``component``, labelled by default as the inputs are named."""

    names: tuple[str, ...] | None = param(
        None, "Labels of the components; default u, v, w for what points along the last, second-last and third-last core dim."
    )

    def resolve(self, *specs: Any) -> Self:
        """Return the operator with its labels, of which every component needs one."""
        found = self.names or self.inputs
        if len(set(found)) != len(self.inputs):
            raise ParameterError(
                f"{self.name}.names", "one label for each component, all different", expected=len(self.inputs), got=found
            )
        return self.replace(names=found)

    def output(self, *specs: Any) -> ArraySpec:
        """Declare what the components share, with their dim last; the unit where it is that of all."""
        shared = super().output(*specs)
        assert isinstance(shared, ArraySpec)
        units = {unit_of(spec) if isinstance(spec, ArraySpec) else None for spec in specs}
        coord = Coord((COMPONENT,), np.array(self.names or self.inputs), {"long_name": "component"})
        unit = units.pop() if len(units) == 1 else None
        return shared.with_dim(COMPONENT, len(specs), {COMPONENT: coord}).with_attrs(units=unit, long_name=None, standard_name=None)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Join the blocks, which have an axis of length 1 for the components; a number is one component everywhere."""
        one = next(block for block in blocks if hasattr(block, "shape"))
        arrays = [
            block if hasattr(block, "shape") else xp.full((1,) * one.ndim, block, dtype=one.dtype, device=one.device)
            for block in blocks
        ]
        return xp.concat(xp.broadcast_arrays(*arrays), axis=-1)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the components of the cotangent."""
        return tuple(cotangent[..., number : number + 1] for number in range(len(blocks)))

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare no work and no copies but the result."""
        return Cost(float(sum(math.prod(spec.shape) for spec in specs)), 0)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield default labels and others."""
        yield cls()
        yield cls(names=("x", "y", "z")[: len(cls.inputs)])


@operator(
    "vector2", version=1, signature="(),()->(component)", inputs=("u", "v"), linear=True, differentiable=True, aliases=("stack", "to_dataarray", "vector"),
    equation=r"z_c = u_c",
)  # fmt: skip
class Vector2(_Vector):
    """Two velocity components as one array with the dim ``component``, as operators on flows take it.

    Parameters
    ----------
    u, v : DataArray
        Components along the last and the second-last spatial dim, with the same labels.
    names : tuple of str, optional
        Labels along ``component``; default u, v.

    Returns
    -------
    DataArray
        Of the widest precision, ``component`` last; the unit where both have the same. In a notebook
        ``flow[["u", "v"]].to_dataarray("component")`` does as well, but loses the unit, and jobs cannot read it.

    Raises
    ------
    DimensionError
        The components differ in length or labels along a dim.
    ParameterError
        There are not two different labels.

    Examples
    --------
    >>> import numpy as np
    >>> Vector2().apply(np, np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]]))
    array([[1., 3.],
           [2., 4.]])
    """


@operator(
    "vector3", version=1, signature="(),(),()->(component)", inputs=("u", "v", "w"), linear=True, differentiable=True, aliases=("stack", "to_dataarray", "vector"),
    equation=r"z_c = u_c",
)  # fmt: skip
class Vector3(_Vector):
    """Three velocity components as one array with the dim ``component``, as operators on flows take it.

    Parameters
    ----------
    u, v, w : DataArray
        Components along the last, second-last and third-last spatial dim, with the same labels.
    names : tuple of str, optional
        Labels along ``component``; default u, v, w.

    Returns
    -------
    DataArray
        As ``vector2``.

    Raises
    ------
    DimensionError, ParameterError
        As ``vector2``.

    Examples
    --------
    >>> import numpy as np
    >>> Vector3().apply(np, np.array([[1.0]]), np.array([[3.0]]), np.array([[5.0]]))
    array([[1., 3., 5.]])
    """
