"""One block of an operator, outside any graph: what the engine would hand to ``apply`` and ``vjp``, and their results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import xarray as xr

from scatflow.arrays import namespace
from scatflow.blocks.adjoint import pulled
from scatflow.blocks.call import keywords, named, with_batch
from scatflow.blocks.evaluate import aligned, beside, to_kernel
from scatflow.blocks.window import extended
from scatflow.contract import Extended, Operator, Pointwise, Whole
from scatflow.errors import ParameterError
from scatflow.graph import bind
from scatflow.graph.kernel import Kernel, extended_place
from scatflow.labels import spec_of
from scatflow.spec import Place

Array = Any


@dataclass(frozen=True)
class Block:
    """One block in kernel order: batch axes first, core axes in role order, extended beyond the edges for a window.

    Attributes
    ----------
    operator : Operator
        The operator with the choices made that depend on labels.
    xp : Namespace
        Namespace of the data.
    data : tuple of array or float
        One block per input; a number stays one.
    at : Place
        Where the block lies.
    """

    operator: Operator
    xp: Any
    data: tuple[Array, ...]
    at: Place
    kernel: Kernel

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The inputs that are arrays."""
        return tuple(item for item in self.data if hasattr(item, "shape"))

    def replaced(self, arrays: Iterable[Array]) -> Block:
        """Return the block with other arrays in the places of its own."""
        left = iter(arrays)
        return replace(self, data=tuple(next(left) if hasattr(item, "shape") else item for item in self.data))

    def apply(self, *data: Array) -> Mapping[str, Array]:
        """Return the kernel's results by name, untrimmed; ``data`` replaces the block's own inputs, of which copies are taken."""
        blocks = data or tuple(self.xp.asarray(item, copy=True) if hasattr(item, "shape") else item for item in self.data)
        author: Any = self.operator
        return named(self.kernel, author.apply(self.xp, *blocks, **keywords(self.xp, self.kernel, blocks, self.at, "apply")))

    def apply_for(self, library: str) -> Mapping[str, Array]:
        """Return the results of the kernel that the operator has for one library: ``numpy`` or ``cupy``."""
        method = f"apply_{library}"
        kernel = getattr(self.operator, method)
        return named(self.kernel, kernel(self.xp, *self.data, **keywords(self.xp, self.kernel, self.data, self.at, method)))

    def vjp(self, cotangent: Any) -> tuple[Array, ...]:
        """Return the cotangents of the block's arrays for a cotangent of the untrimmed results.

        Parameters
        ----------
        cotangent : array or mapping
            Like what :meth:`apply` returns: one array for a single result, a mapping for several.

        Raises
        ------
        NotDifferentiableError
            The operator declares no derivative.
        ParameterError
            A cotangent has not the shape of its array.
        """
        return pulled(self.xp, self.kernel, cotangent, self.data, self.at)


def block(operator: Operator, *data: Any) -> Block:
    """Return the block that the engine would make of whole labelled arrays.

    Parameters
    ----------
    operator : Operator
        A Pointwise, Whole or Window operator.
    *data : DataArray or float
        One per input, without walls, absent or missing samples; numbers for operators that work element by element.

    Returns
    -------
    Block

    Raises
    ------
    ParameterError
        The operator is of another kind, or an axis has walls.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from scatflow.testing import block
    >>> from scatflow import Pointwise, operator
    >>> @operator("square", version=1, signature="()->()", differentiable=True)
    ... class Square(Pointwise):
    ...     def apply(self, xp, x):
    ...         return x * x
    ...     def vjp(self, xp, cotangent, x):
    ...         return (2 * x * cotangent,)
    >>> one = block(Square(), xr.DataArray(np.arange(3.0)))
    >>> one.apply()[""], one.vjp(np.ones(3))
    (array([0., 1., 4.]), (array([0., 2., 4.]),))
    """
    if not isinstance(operator, (Pointwise, Whole, Extended)) or not hasattr(operator, "apply"):
        raise ParameterError(f"operator {operator.name}", "single blocks are those of kinds with apply",
                             expected="Pointwise, Whole or Window", got=type(operator).__mro__[1].__name__)  # fmt: skip
    items = [item if isinstance(item, (xr.DataArray, int, float)) else xr.DataArray(item) for item in data]
    kernel = bind(operator, *(spec_of(item) if isinstance(item, xr.DataArray) else float(item) for item in items)).kernel
    if any(axis.walls for axis in kernel.axes):
        raise ParameterError(f"operator {operator.name}", "a single block lies between walls", got=[a.walls for a in kernel.axes],
                             remedy="Select one segment.")  # fmt: skip
    values = [item.data if isinstance(item, xr.DataArray) else item for item in items]
    xp = namespace(*values)
    ready = [to_kernel(xp, item, port) for item, port in zip(values, kernel.inputs, strict=True)]
    ready = [xp.asarray(item, copy=True) if hasattr(item, "shape") else item for item in ready]  # the caller's stay as they are
    if isinstance(operator, Pointwise):
        ready = aligned(xp, kernel, ready)
    elif isinstance(operator, Whole):
        ready = beside(xp, kernel, ready)
    place = kernel.place()
    if isinstance(operator, Extended):
        place = extended_place(kernel, {axis.dim: (0, axis.size) for axis in kernel.axes})
        ready = [extended(xp, kernel, array, place) for array in ready]
    return Block(kernel.operator, xp, tuple(ready), with_batch(kernel, place, {}), kernel)
