"""Removal of a mean or a linear trend along whole axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, Literal

from scatflow.contract import Operator, Whole, operator, param
from scatflow.errors import DimensionError, near
from scatflow.spec import ArraySpec, Cost
from scatflow_arrays.numbers import double
from scatflow_arrays.quantity import relabeled
from scatflow_arrays.segments import Span, spans_along

Array = Any
Kind = Literal["constant", "linear"]


@operator(
    "detrend",
    version=1,
    signature="(z?,y?,x)->(z?,y?,x)",
    dtypes="fc",
    differentiable=True,
    aliases=("remove trend", "linear fit", "remove plane"),
    equation=r"z = x - \sum_b b \, \langle b, x \rangle / \langle b, b \rangle, \quad b \in \{1, t_1, t_2, \ldots\} \text{ made orthogonal}",
)
class Detrend(Whole):
    r"""Data minus their least-squares fit by a constant, line, plane or hyperplane over the core dims.

    .. math:: z = x - \Big(c + \sum_d s_d \, t_d\Big), \qquad c, s = \arg\min \sum |z|^2

    with one slope s for each core dim d of kind ``linear`` and t the sample index, which is the coordinate up to unit,
    since core axes are uniform. Fits are made in float64, one per item of the other dims.

    Parameters
    ----------
    data : DataArray
        Float or complex.
    dims : tuple of str
        One to three core dims, fitted jointly; for a line along one dim only, name that dim only.
    kind : {"constant", "linear"} or dict of str to one of them
        One word for all core dims, or dim -> word; a dim that the mapping does not name is constant.

    Returns
    -------
    DataArray
        Same labels, dtype and unit. NaN is left out of the fit and stays NaN; so do absent ends. Segments (coordinate
        ``segment``) are fitted apart.

    Raises
    ------
    DimensionError
        A core dim does not exist or is not uniform, or ``kind`` names a dim that is not core.

    Examples
    --------
    >>> import numpy as np
    >>> Detrend(dims="x").apply(np, np.array([1.0, 3.0, 5.0])).round(12) + 0.0
    array([0., 0., 0.])
    """

    kind: Kind | dict[str, Kind] = param("linear", "constant or linear, for all core dims or by dim.")

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the kind of every axis and the segments."""
        (spec,) = specs
        core = spec.dims[-len(self.dims) :] if self.dims else spec.dims
        if isinstance(self.kind, dict):
            for dim in self.kind:
                if dim not in core:
                    raise DimensionError(
                        "detrend.kind",
                        f"{dim!r} is not a core dim",
                        expected=f"dims among {core}",
                        got=dim,
                        remedy=near(dim, core),
                        code="DimensionMissing",
                    )
            sloped = tuple(self.kind.get(dim) == "linear" for dim in core)
        else:
            sloped = (self.kind == "linear",) * len(core)
        fields = {key: getattr(self, key) for key in Detrend.model_fields}
        return _BoundDetrend(**fields, sloped=sloped, spans=tuple(spans_along(spec, dim) for dim in core))

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the input's labels."""
        return relabeled(specs[0], "detrended {}")

    def _axes(self, block: Array) -> tuple[tuple[bool, ...], tuple[tuple[Span, ...], ...]]:
        """Return, per core axis, whether it has a slope, and its segments."""
        count = len(self.dims) if self.dims else block.ndim
        return (self.kind == "linear",) * count, tuple(((0, n),) for n in block.shape[-count:])

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block, segment by segment."""
        (x,) = blocks
        sloped, spans = self._axes(x)
        boxes = list(itertools.product(*spans))
        if len(boxes) == 1:
            return _residual(xp, x, sloped)
        out = xp.empty_like(x)
        for box in boxes:
            where = (..., *(slice(a, b) for a, b in box))
            out[where] = _residual(xp, x[where], sloped)
        return out

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a product and a difference per function fitted; data, remainder and products in double precision, and a mask."""
        (spec,) = specs
        count, core = math.prod(spec.shape), len(self.dims or ("x",))
        return Cost(6.0 * count * (1 + core), count * (1 + 4 * double(spec.dtype)))

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the detrended cotangent: removing a fit is an orthogonal projection."""
        return (self.apply(xp, cotangent),)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one fit per number of core dims and kind."""
        yield cls(dims=("x",))
        yield cls(dims=("y", "x"), kind="constant")


class _BoundDetrend(Detrend):
    """The same with what only the binding knows."""

    sloped: tuple[bool, ...]
    spans: tuple[tuple[Span, ...], ...]

    def _axes(self, block: Array) -> tuple[tuple[bool, ...], tuple[tuple[Span, ...], ...]]:
        return self.sloped, self.spans


def _residual(xp: Any, x: Array, sloped: tuple[bool, ...]) -> Array:
    """Return ``x`` minus its fit over the last axes, NaN left out.

    Constant and slopes are made orthogonal one after the other under the weights 1 (valid) and 0 (NaN), so each
    coefficient is a plain quotient of sums and nothing ill-conditioned is solved.
    """
    axes = tuple(range(x.ndim - len(sloped), x.ndim))
    wide = xp.astype(x, xp.complex128 if xp.isdtype(x.dtype, "complex floating") else xp.float64)
    hole = xp.isnan(wide)
    complete = not bool(xp.any(hole))
    shape = (1,) * (x.ndim - len(sloped)) + x.shape[x.ndim - len(sloped) :]
    weight = xp.ones(shape, dtype=xp.float64, device=x.device) if complete else xp.astype(~hole, xp.float64)
    rest = wide if complete else xp.where(hole, xp.zeros_like(wide), wide)
    basis: list[tuple[Array, Array]] = []
    for function in (weight, *_coordinates(xp, x, sloped)):
        function = function * weight
        for known, norm in basis:
            function = function - known * (xp.sum(function * known, axis=axes, keepdims=True) / norm)
        norm = xp.sum(function * function, axis=axes, keepdims=True)
        # A slope that the samples do not determine (one sample, or none) is 0.
        norm = xp.where(norm > 1e-12, norm, xp.ones_like(norm) * xp.inf)
        basis.append((function, norm))
        rest = rest - function * (xp.sum(rest * function, axis=axes, keepdims=True) / norm)
    rest = xp.astype(rest, x.dtype)
    return rest if complete else xp.where(hole, x, rest)


def _coordinates(xp: Any, x: Array, sloped: tuple[bool, ...]) -> Iterator[Array]:
    """Yield, for each axis with a slope, its index counted from the center."""
    for axis, slope in enumerate(sloped, start=x.ndim - len(sloped)):
        if slope:
            n = x.shape[axis]
            shape = tuple(n if i == axis else 1 for i in range(x.ndim))
            yield xp.reshape(xp.arange(n, dtype=xp.float64, device=x.device) - (n - 1) / 2, shape)
