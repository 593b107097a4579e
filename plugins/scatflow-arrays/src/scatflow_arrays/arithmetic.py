"""Arithmetic element by element: arrays with arrays, or with numbers, aligned by dim name.

Process names, argument names and IEEE 754 rules are openEO's: NaN is its no-data value and is passed on, a
division by zero gives an infinity. Rule for units: a sum or difference needs the same unit on both sides and
keeps it; a product or quotient has the composed unit where both are simple (:mod:`scatflow_arrays.units`); in
every other case, and where an array states no unit, the result states none. A number is taken in the unit of the
array it is added to, and as dimensionless where it multiplies.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from scatflow.contract import Operator, Pointwise, joined, operator
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec
from scatflow_arrays import units
from scatflow_arrays.numbers import conjugate, cotangent_of, finite_or_zero, real_of
from scatflow_arrays.quantity import relabeled, unit_of
from scatflow_arrays.samples import positive

Array = Any
Operand = ArraySpec | float


class Binary(Pointwise):
    """Two operands, of which at least one is an array."""

    def output(self, *inputs: Operand) -> ArraySpec:
        """Return the joined labels of both operands, with the unit of the result."""
        specs = [item for item in inputs if isinstance(item, ArraySpec)]
        dtype = str(np.result_type(*(spec.dtype for spec in specs)))
        merged = joined(specs, dtype, self.name)
        return merged.with_attrs(units=self.unit(*inputs))

    def unit(self, *operands: Operand) -> str | None:
        """Return the unit of the result; operands are specs or numbers, in the order of the inputs."""
        raise NotImplementedError

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Compute one block; divisions by zero and the like follow IEEE 754 without warnings."""
        with np.errstate(all="ignore"):
            return self.formula(xp, *blocks)

    def formula(self, xp: Any, *operands: Any) -> Array:
        """Compute the result; operands are arrays of equal ndim, or numbers."""
        raise NotImplementedError

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield the only instance there is: both operands are inputs."""
        yield cls()

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return positive operands, of which every formula has a value."""
        return positive(rng, 2)


def _common_unit(name: str, operands: Sequence[Operand]) -> str | None:
    """Return the unit of a sum: the same on both sides, or none where one side states none."""
    stated = [unit_of(item) for item in operands if isinstance(item, ArraySpec)]
    known = [unit for unit in stated if unit is not None]
    if len(known) == 2 and not units.same(*known):
        raise ParameterError(
            f"{name} inputs",
            "units differ",
            expected=f"{known[0]!r} twice",
            got=f"{known[0]!r} and {known[1]!r}",
            remedy=f"Convert one first: multiply it by the factor from {known[1]!r} to {known[0]!r} and set its units.",
            code="UnitsDiffer",
        )
    return known[0] if len(known) == len(stated) else None


class _Sum(Binary):
    sign: ClassVar[int] = 1

    def unit(self, *operands: Operand) -> str | None:
        return _common_unit(self.name, operands)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        x, y = blocks
        return cotangent_of(xp, cotangent, x), cotangent_of(xp, self.sign * cotangent, y)


@operator(
    "add", version=1, signature="(),()->()", dtypes="fc", differentiable=True, aliases=("plus", "sum of two"), equation=r"z = x + y"
)
class Add(_Sum):
    """Sum of two arrays, or of an array and a number (openEO ``add``).

    .. math:: z = x + y

    Parameters
    ----------
    x, y : DataArray or float
        The summands: float32, float64, complex64 or complex128 of any shape, aligned by dim name; at least one is an
        array. A number counts in the array's unit.

    Returns
    -------
    DataArray
        Dims of ``x`` then those only ``y`` has; the wider dtype of the arrays; the common unit, or none where one
        array states none.

    Raises
    ------
    ParameterError
        The arrays state different units.
    DimensionError
        Lengths or labels differ along a shared dim.

    Examples
    --------
    >>> import numpy as np
    >>> Add().apply(np, np.array([1.0, 2.0]), 0.5)
    array([1.5, 2.5])
    """

    def formula(self, xp: Any, *operands: Any) -> Array:
        return operands[0] + operands[1]


@operator(
    "subtract",
    version=1,
    signature="(),()->()",
    dtypes="fc",
    differentiable=True,
    aliases=("minus", "difference"),
    equation=r"z = x - y",
)
class Subtract(_Sum):
    """Difference of two arrays, or of an array and a number (openEO ``subtract``).

    .. math:: z = x - y

    Parameters
    ----------
    x, y : DataArray or float
        Minuend and subtrahend, as in ``add``.

    Returns
    -------
    DataArray
        As in ``add``.

    Raises
    ------
    ParameterError
        The arrays state different units.
    DimensionError
        Lengths or labels differ along a shared dim.

    Examples
    --------
    >>> import numpy as np
    >>> Subtract().apply(np, np.array([1.0, 2.0]), np.array([1.0, 0.5]))
    array([0. , 1.5])
    """

    sign: ClassVar[int] = -1

    def formula(self, xp: Any, *operands: Any) -> Array:
        return operands[0] - operands[1]


@operator(
    "multiply",
    version=1,
    signature="(),()->()",
    dtypes="fc",
    differentiable=True,
    aliases=("times", "scale"),
    equation=r"z = x \, y",
)
class Multiply(Binary):
    r"""Product of two arrays, or of an array and a number (openEO ``multiply``).

    .. math:: z = x \, y

    Parameters
    ----------
    x, y : DataArray or float
        The factors, as in ``add``. A number is dimensionless.

    Returns
    -------
    DataArray
        As in ``add``; the unit is the product of the units where both are simple (``"m"`` times ``"s-1"`` is
        ``"m s-1"``), else none.

    Raises
    ------
    DimensionError
        Lengths or labels differ along a shared dim.

    Examples
    --------
    >>> import numpy as np
    >>> Multiply().apply(np, np.array([1.0, 2.0]), 3.0)
    array([3., 6.])
    """

    def unit(self, *operands: Operand) -> str | None:
        first, *rest = (unit_of(item) for item in operands if isinstance(item, ArraySpec))
        return units.product(first, rest[0]) if rest else first

    def formula(self, xp: Any, *operands: Any) -> Array:
        return operands[0] * operands[1]

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        x, y = blocks
        return cotangent_of(xp, cotangent * conjugate(xp, y), x), cotangent_of(xp, cotangent * conjugate(xp, x), y)


@operator(
    "divide",
    version=1,
    signature="(),()->()",
    dtypes="fc",
    differentiable=True,
    aliases=("ratio", "quotient"),
    equation=r"z = x / y",
)
class Divide(Binary):
    """Quotient of two arrays, or of an array and a number in either order (openEO ``divide``).

    .. math:: z = x / y

    Parameters
    ----------
    x, y : DataArray or float
        Dividend and divisor, as in ``add``. A number is dimensionless.

    Returns
    -------
    DataArray
        As in ``add``; x / 0 is an infinity with the sign of x, 0 / 0 is NaN. The unit is the quotient of the units
        where both are simple, else none.

    Raises
    ------
    DimensionError
        Lengths or labels differ along a shared dim.

    Examples
    --------
    >>> import numpy as np
    >>> Divide().apply(np, np.array([1.0, -2.0]), 0.0)
    array([ inf, -inf])
    """

    def unit(self, *operands: Operand) -> str | None:
        if len(operands) < 2:  # a number whose side is not known
            return None
        x, y = ("1" if not isinstance(item, ArraySpec) else unit_of(item) for item in operands)
        # A number keeps whatever unit stands above it, simple or not.
        return x if not isinstance(operands[1], ArraySpec) else units.product(x, y, -1)

    def formula(self, xp: Any, *operands: Any) -> Array:
        x, y = operands
        if not hasattr(y, "shape") and y == 0:  # Python's own division would raise before IEEE 754 is asked
            y = xp.full_like(x, y)  # which keeps the sign of a zero
        return x / y

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        x, y = blocks
        scaled = cotangent / conjugate(xp, y)
        return cotangent_of(xp, scaled, x), cotangent_of(xp, -scaled * conjugate(xp, x / y), y)


@operator(
    "power",
    version=1,
    signature="(),()->()",
    inputs=("base", "p"),
    dtypes="fc",
    differentiable=True,
    aliases=("exponent",),
    equation=r"z = x^p",
)
class Power(Binary):
    """An array or number raised to a power (openEO ``power``).

    .. math:: z = base^p

    Parameters
    ----------
    base, p : DataArray or float
        Base and exponent, as in ``add``. Real negative bases with a fractional exponent give NaN; complex ones the
        principal branch.

    Returns
    -------
    DataArray
        As in ``add``; NaN wherever base or exponent is. The unit is raised where the base has a simple one, ``p``
        is a number and all powers stay whole, else there is none.

    Raises
    ------
    DimensionError
        Lengths or labels differ along a shared dim.

    Examples
    --------
    >>> import numpy as np
    >>> Power().apply(np, np.array([2.0, np.nan]), 0.0)
    array([ 1., nan])
    """

    def unit(self, *operands: Operand) -> str | None:
        if len(operands) < 2:  # a number whose side is not known
            return None
        base, p = operands
        if not isinstance(base, ArraySpec):
            return None
        if isinstance(p, ArraySpec):
            return "1" if units.parse(unit_of(base) or "?") == {} else None
        return units.raised(unit_of(base), float(p))

    def formula(self, xp: Any, *operands: Any) -> Array:
        base, p = operands
        result = base**p
        # IEEE 754 has NaN**0 = 1**NaN = 1, openEO passes no-data on.
        if not hasattr(p, "shape"):
            return xp.where(xp.isnan(base), base, result) if p == 0 else result
        result = xp.where(xp.isnan(p), p, result)
        return xp.where(xp.isnan(base), base, result) if hasattr(base, "shape") else result

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        base, p = blocks
        by_base = by_p = None
        with np.errstate(all="ignore"):
            if hasattr(base, "shape"):
                slope = p * base ** (p - 1) if hasattr(p, "shape") or p != 0 else xp.zeros_like(base)
                by_base = cotangent_of(xp, cotangent * conjugate(xp, finite_or_zero(xp, slope)), base)
            if hasattr(p, "shape"):
                logarithm = xp.log(base) if hasattr(base, "shape") else math.log(base)
                slope = base**p * logarithm
                by_p = cotangent_of(xp, cotangent * conjugate(xp, finite_or_zero(xp, slope)), p)
        return by_base, by_p


@operator(
    "absolute",
    version=1,
    signature="()->()",
    inputs=("x",),
    dtypes="fc",
    differentiable=True,
    aliases=("abs",),
    equation=r"z = |x|",
)
class Absolute(Pointwise):
    """Absolute value; for complex input the modulus (openEO ``absolute``).

    .. math:: z = |x|

    Parameters
    ----------
    x : DataArray
        float32, float64, complex64 or complex128, any shape.

    Returns
    -------
    DataArray
        Same dims and unit, the real dtype of the same precision; NaN stays.

    Examples
    --------
    >>> import numpy as np
    >>> Absolute().apply(np, np.array([-3.0, 4.0])), Absolute().apply(np, np.array([3 + 4j]))
    (array([3., 4.]), array([5.]))
    """

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the input's labels with a real dtype."""
        (spec,) = specs
        return relabeled(spec.with_dtype(real_of(spec.dtype)), "absolute value of {}")

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Compute one block."""
        return xp.abs(blocks[0])

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the cotangent times the phase of the block, 0 at 0."""
        (block,) = blocks
        modulus = xp.abs(block)
        safe = xp.where(modulus == 0, xp.ones_like(modulus), modulus)
        return (cotangent * (block / safe),)
