"""Logarithms, to any base and natural, with openEO's names and rules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scatflow.contract import Pointwise, operator
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec
from scatflow_arrays import units
from scatflow_arrays.arithmetic import Binary, Operand
from scatflow_arrays.numbers import conjugate, cotangent_of
from scatflow_arrays.quantity import relabeled, unit_of
from scatflow_arrays.samples import positive

Array = Any


def _unit(operand: Operand) -> str | None:
    """Return "1" for the logarithm of a dimensionless array; that of any other quantity has no unit to state."""
    unit = unit_of(operand) if isinstance(operand, ArraySpec) else None
    return "1" if unit is not None and units.parse(unit) == {} else None


@operator(
    "log",
    version=1,
    signature="(),()->()",
    inputs=("x", "base"),
    dtypes="fc",
    differentiable=True,
    aliases=("logarithm",),
    equation=r"z = \ln x / \ln b",
)
class Log(Binary):
    r"""Logarithm to a base (openEO ``log``).

    .. math:: z = \log_{base} x = \ln x / \ln base

    Parameters
    ----------
    x : DataArray or float
        Real or complex values. Real negative ones give NaN, 0 gives -inf; complex ones the principal branch.
    base : DataArray or float
        The base; a number must be positive and not 1.

    Returns
    -------
    DataArray
        Labels as in ``add``; the input's precision. The unit is "1" for dimensionless ``x``, else dropped.

    Raises
    ------
    ParameterError
        ``base`` is a number that is not positive, or 1.
    DimensionError
        Lengths or labels differ along a shared dim.

    Examples
    --------
    >>> import numpy as np
    >>> Log().apply(np, np.array([1.0, 100.0, 0.0]), 10.0)
    array([  0.,   2., -inf])
    """

    def unit(self, *operands: Operand) -> str | None:
        if len(operands) == 2:
            _check_base(operands[1])
        return _unit(operands[0])

    def formula(self, xp: Any, *operands: Any) -> Array:
        x, base = operands
        _check_base(base)
        if not hasattr(x, "shape"):
            return _number_log(x) / xp.log(base)
        if hasattr(base, "shape"):
            return xp.log(x) / xp.log(base)
        # The library's own log2 and log10 are exact at powers of their base, a quotient is not.
        exact = {2.0: xp.log2, 10.0: xp.log10}.get(float(base))
        return exact(x) if exact is not None else xp.log(x) / math.log(base)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        x, base = blocks
        with np.errstate(all="ignore"):
            scale = xp.log(base) if hasattr(base, "shape") else math.log(base)
            by_x = cotangent_of(xp, cotangent * conjugate(xp, _inverse(xp, x, scale)), x) if hasattr(x, "shape") else None
            if not hasattr(base, "shape"):
                return by_x, None
            top = xp.log(x) if hasattr(x, "shape") else _number_log(x)
            slope = -top * _inverse(xp, base, scale * scale)
            slope = xp.where(xp.isfinite(slope), slope, xp.zeros_like(slope))
            return by_x, cotangent_of(xp, cotangent * conjugate(xp, slope), base)


def _inverse(xp: Any, value: Array, scale: Any) -> Array:
    slope = 1.0 / (value * scale)
    return xp.where(xp.isfinite(slope), slope, xp.zeros_like(slope))


def _number_log(x: float) -> float:
    return math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)


def _check_base(base: Operand) -> None:
    if isinstance(base, (int, float)) and not (base > 0 and base != 1):
        raise ParameterError(
            "log.base", "a base is positive and not 1", expected="for example 2, 10 or 2.718281828459045", got=base
        )


@operator(
    "ln",
    version=1,
    signature="()->()",
    inputs=("x",),
    dtypes="fc",
    differentiable=True,
    aliases=("natural logarithm",),
    equation=r"z = \ln x",
)
class Ln(Pointwise):
    r"""Natural logarithm (openEO ``ln``).

    .. math:: z = \ln x

    Parameters
    ----------
    x : DataArray
        Real or complex values, any shape. Real negative ones give NaN, 0 gives -inf.

    Returns
    -------
    DataArray
        Same dims and dtype; the unit is "1" for dimensionless ``x``, else dropped.

    Examples
    --------
    >>> import numpy as np
    >>> Ln().apply(np, np.array([1.0, 0.0]))
    array([  0., -inf])
    """

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the input's labels."""
        return relabeled(specs[0], "logarithm of {}", units=_unit(specs[0]))

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Compute one block."""
        with np.errstate(all="ignore"):
            return xp.log(blocks[0])

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return positive numbers."""
        return positive(rng, 1)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the cotangent divided by the conjugate of the block, 0 where the block is 0."""
        with np.errstate(all="ignore"):
            return (cotangent * conjugate(xp, _inverse(xp, blocks[0], 1.0)),)
