"""Derivatives along named dims, by differences or spectrally, and what all operators made of derivatives share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np

from scatflow.contract import Extended, Operator, Window, operator, param
from scatflow.errors import ChunkError, ParameterError
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Axis, Cost, Place, itemsize
from scatflow_arrays.quantity import relabeled, unit_of
from scatflow_arrays.units import product
from scatflow_processes import flow_gradients
from scatflow_processes.operators.flow_vectors import COMPONENT, check_periodic, periodic_axes
from scatflow_processes.references_flows import FORNBERG

Array = Any


class Differentiation(Extended):
    """How derivatives are taken; what all operators made of them share."""

    method: Literal["difference", "spectral"] = param(
        "difference", "Central differences, which need a halo of a few samples, or the derivative of the trigonometric interpolant "
        "of periodic axes, which needs them whole.",
    )  # fmt: skip
    order: Literal[2, 4, 6] = param(6, "Order of accuracy of differences.")
    edges: Literal["one-sided", "extended"] = param(
        "one-sided", "Differences next to an edge that is not periodic: one-sided ones of the same order, which take nothing "
        "from beyond it, or central ones of the field extended by the boundary rule.",
    )  # fmt: skip

    def fitted(self, axes: Sequence[Axis]) -> Self:
        """Return the operator where the axes allow the method.

        Where all of them are periodic no difference is one-sided, and stencils are central ones, which reach half as far.
        """
        self.check_axes(axes)
        if self.method == "difference" and self.edges == "one-sided" and all(periodic_axes(self, axes)):
            return self.replace(edges="extended")
        return self

    def check_axes(self, axes: Sequence[Axis]) -> None:
        """Check that the axes allow the method."""
        if self.method == "spectral":
            check_periodic(self, axes, "a spectral derivative needs whole periods", ' Or use method="difference".')
            return
        for axis, periodic in zip(axes, periodic_axes(self, axes), strict=True):
            shortest = min((stop - start for start, stop in axis.spans()), default=0)
            if self.edges == "one-sided" and not periodic and shortest <= self.order:
                raise ParameterError(f"{self.name}.order", f"{axis.dim!r} is too short for one-sided differences", expected=f"at least {self.order + 1} samples",
                                     got=shortest, remedy='Lower the order, or use edges="extended".', code="AxisTooShort")  # fmt: skip

    def reach(self, roles: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Return how far stencils reach along spatial roles; raise ChunkError for spectral derivatives."""
        if self.method == "spectral":
            raise ChunkError(
                f"{self.name}.method",
                "a spectral derivative has no finite reach",
                remedy='Use method="difference" for blocks with a halo.',
            )
        reach = self.order if self.edges == "one-sided" else self.order // 2
        return {role: (0, 0) if role == COMPONENT else (reach, reach) for role in roles}

    def rules(self) -> tuple[Any, ...]:
        """Return periodic alone for spectral derivatives."""
        return ("periodic",) if self.method == "spectral" else self.boundaries

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return the depth, and nothing around axes of which whole periods are needed."""
        none = dict.fromkeys(at.core, (0, 0))
        return (
            none
            if self.method == "spectral"
            else {**none, **{role: reach for role, reach in self.depth().items() if role != COMPONENT}}
        )

    def along(self, xp: Any, x: Array, axis: int, role: str, at: Place) -> Array:
        """Return the derivative along one axis of a block."""
        if self.method == "spectral":
            return flow_gradients.spectral(xp, x, axis, at.step[role])
        ends = None
        if self.edges == "one-sided" and not at.periodic.get(role, False):
            low, high = at.span.get(role, (0, at.size[role]))
            ends = (low - at.start[role], high - at.start[role])
        return flow_gradients.difference(xp, x, axis, at.step[role], self.order, ends)


def derivative_cost(spec: ArraySpec, share: float, planes: float) -> Cost:
    """Return the cost of derivatives that hold so many planes of the size of ``share`` of the input."""
    count = math.prod(spec.shape)
    return Cost(flops=20.0 * count, bytes=int(planes * share * count * itemsize(spec.dtype)))


@operator(
    "derivative",
    version=1,
    signature="(x)->(x)",
    linear=True,
    references=(FORNBERG,),
    aliases=("differentiate", "gradient", "ddx", "slope"),
    equation=r"z = \partial x / \partial s",
)
class Derivative(Differentiation, Window):
    r"""First derivative along one dim, per unit of its coordinate.

    .. math:: z_k = \frac1h \sum_{m=1}^{p/2} c_m (x_{k+m} - x_{k-m}), \qquad p = \mathrm{order}

    with the weights of the interpolating polynomial (p = 2: 1/2; p = 6: 3/4, -3/20, 1/60), or that of the trigonometric
    interpolant, i k in Fourier space, without the Nyquist frequency of even lengths. Every other dim is cut freely, so that
    spectral derivatives of large fields run line by line.

    Parameters
    ----------
    data : DataArray
        Real, any dims; a Dataset is mapped over its variables.
    dims : str
        The dim.
    method, order, edges
        How; differences are exact for polynomials of degree ``order``, at edges too (``edges="one-sided"``).

    Returns
    -------
    DataArray
        Same labels and dtype; units of the data over those of the coordinate (``m/s`` and ``m``: ``s-1``), none where either
        states none. A coordinate that decreases counts as such; an axis by sample has step 1.

    Raises
    ------
    ParameterError
        ``spectral`` along a dim that is not periodic, or too few samples for one-sided differences.

    Examples
    --------
    >>> import numpy as np, scatflow as sf, xarray as xr
    >>> x = np.arange(10) * 0.5
    >>> u = xr.DataArray(x**2, dims="x", coords={"x": ("x", x, {"units": "m"})}, attrs={"units": "m/s"})
    >>> slope = sf.ops.derivative(u, dims="x")
    >>> slope.units, bool(np.allclose(slope, 2 * x))
    ('s-1', True)
    """

    def resolve(self, *specs: Any) -> Self:
        """Return the operator fitted to the axis."""
        return self.fitted([axis_of(specs[0], specs[0].dims[-1], self.sampling)])

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the input's labels with the units of a derivative."""
        (spec,) = specs
        dim = spec.dims[-1]
        unit = axis_of(spec, dim, self.sampling).unit or None
        return relabeled(spec, f"derivative of {{}} along {dim}", units=product(unit_of(spec), unit, -1))

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the reach of the stencil, exact at any tolerance."""
        return self.reach(self.signature.roles)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare the terms of the stencil, or a spectrum in double precision."""
        wide = 8 / itemsize(specs[0].dtype)
        return derivative_cost(specs[0], 1, 4 * wide if self.method == "spectral" else 2.5 + self.order / 2)

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Compute one extended block."""
        return self.along(xp, blocks[0], -1, "x", at)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield every order and method."""
        yield cls(dims=("x",), edges="extended")
        yield cls(dims=("x",), order=2, edges="extended")
        yield cls(dims=("x",), order=4)
        yield cls(dims=("x",), method="spectral", boundary="periodic")

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return noise; short for one-sided differences, which are no extension by any boundary rule."""
        return noise(rng, {"x": 15 if self.edges == "one-sided" else 37}, 0)


def noise(rng: Any, sizes: Mapping[str, int], components: int) -> tuple[Any, ...]:
    """Return normal numbers with coordinates in m and, where asked for, the dim of components."""
    import xarray as xr

    shape = {"item": 2, **sizes, **({COMPONENT: components} if components else {})}
    coords: dict[str, Any] = {
        dim: (dim, np.arange(n) * (0.5 + 0.25 * k), {"units": "m"}) for k, (dim, n) in enumerate(sizes.items())
    }
    return (xr.DataArray(rng.standard_normal(tuple(shape.values())), dims=tuple(shape), coords=coords, attrs={"units": "m s-1"}),)
