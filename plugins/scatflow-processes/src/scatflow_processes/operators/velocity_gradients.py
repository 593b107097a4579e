"""Vorticity, strain, Q and dissipation: what is made of the velocity gradient in two and three dims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from scatflow.contract import Operator, Ref, Window, Wire, operator, param
from scatflow.errors import ChunkError
from scatflow.spec import ArraySpec, Coord, Cost, Place, itemsize
from scatflow_arrays.quantity import unit_of
from scatflow_arrays.units import product
from scatflow_processes import flow_gradients
from scatflow_processes.operators.flow_derivatives import Differentiation, derivative_cost, noise
from scatflow_processes.operators.flow_vectors import COMPONENT, VectorField, length_unit
from scatflow_processes.references_flows import STREAMS_EDDIES, TURBULENT_FLOWS

Array = Any
_EXAMPLES: tuple[Mapping[str, Any], ...] = (
    {"dims": ("y", "x"), "components": ("x", "y"), "edges": "extended", "order": 2},
    {"dims": ("y", "x"), "components": ("y", "x"), "order": 4},
    {"dims": ("z", "y", "x"), "components": ("x", "y", "z"), "edges": "extended", "order": 2},
    {"dims": ("y", "x"), "components": ("x", "y"), "boundary": "periodic"},
    {"dims": ("y", "x"), "components": ("x", "y"), "boundary": "periodic", "method": "spectral"},
)


class _OfGradient(VectorField, Differentiation, Window):
    """Base of what is computed from the velocity gradient."""

    def resolve(self, *specs: Any) -> Self:
        """Return the operator with the direction of each component, where the axes allow it."""
        ready = super().resolve(*specs)
        axes = ready.axes(specs[0])
        length_unit(axes, self.name)
        ready = ready.fitted(axes)
        if self.method == "spectral" and self.boundary is None:
            return ready.replace(boundary="periodic")
        return ready

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the reach of the stencil per axis, exact at any tolerance."""
        return self.reach(self.signature.bind(len(self.dims or self.signature.roles)))

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Compute one extended block."""
        return flow_gradients.made_of(xp, self.name, self.gradient(xp, blocks[0], at), self.numbers(), self.viscosity())

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Wire:
        """Wire spectral derivatives along whole lines of one axis after the other."""
        if self.method != "spectral":
            raise ChunkError(
                f"operator {self.name}", "differences need no whole lines", code="PencilsUnfit", remedy='Use strategy="halo".'
            )
        from scatflow_processes.operators.velocity_gradient_lines import wired  # only plans need it

        return wired(ref, self.space(spec), self.name, self.numbers(), self.viscosity(), self.sampling)

    def viscosity(self) -> float:
        """Return the viscosity, where the operator has one."""
        return 0.0

    def gradient(self, xp: Any, block: Array, at: Place) -> list[list[Array]]:
        """Return derivatives along axis a of the component that points along axis c, as [a][c]."""
        roles = [role for role in at.core if role != COMPONENT]
        fields = [block[..., number] for number in self.numbers()]
        return [[self.along(xp, field, axis - len(roles), role, at) for field in fields] for axis, role in enumerate(roles)]

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare all components of the gradient, and what one of them takes."""
        (spec,) = specs
        ndim = len(self.dims or self.signature.roles) - 1
        one = 8 * 8 / itemsize(spec.dtype) if self.method == "spectral" else 4 + self.order / 2
        return derivative_cost(spec, 1 / ndim, ndim**2 + one)

    def _scalar(self, spec: ArraySpec, title: str, units: str | None) -> ArraySpec:
        """Return the labels of a scalar field."""
        bare = spec.without(COMPONENT).with_attrs(units=units, standard_name=None, long_name=title)
        return replace(bare, name=self.name)

    def _rate(self, spec: ArraySpec, power: int = 1) -> str | None:
        """Return the unit of a velocity gradient, to a power."""
        rate = product(unit_of(spec), length_unit(self.axes(spec), self.name), -1)
        return product("1", rate, power)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield two and three dims, every order and method."""
        for parameters in _EXAMPLES:
            yield cls(**parameters)

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return noise; short for one-sided differences, which are no extension by any boundary rule."""
        space = [dim for dim in self.dims or ("y", "x") if dim != COMPONENT]
        lengths = (9, 11, 10) if self.edges == "one-sided" and self.boundary is None else (13, 17, 14)
        return noise(rng, dict(zip(space, lengths, strict=False)), len(space))


@operator(
    "vorticity",
    version=1,
    signature="(z?,y,x,component)->(z?,y,x,component?)",
    linear=True,
    references=(TURBULENT_FLOWS.part("section 2.7"),),
    aliases=("curl", "rotation", "rot"),
    equation=r"\omega = \nabla \times u",
)
class Vorticity(_OfGradient):
    r"""Curl of a velocity field: a scalar in two dims, a vector in three.

    .. math:: \omega = \nabla \times u, \qquad \text{in two dims } \omega = \partial_x v - \partial_y u

    where x, y, z are the last, second-last and third-last core dim, in coordinate space.

    Parameters
    ----------
    data : DataArray
        Real, with the spatial dims and ``component``.
    dims : tuple of str
        The two or three spatial dims; ``component`` is added.
    components, method, order, edges
        Directions of the components; how derivatives are taken.

    Returns
    -------
    DataArray
        Same dtype, in three dims same labels; units of the velocity over those of length, such as ``s-1``.

    Raises
    ------
    DimensionError
        There is no dim ``component``, it has not as many components as there are spatial dims, or coordinates differ in unit.
    ParameterError
        It is not known along which dim each component points; ``spectral`` along a dim that is not periodic.

    Examples
    --------
    >>> import numpy as np, scatflow as sf, xarray as xr
    >>> box = xr.Dataset(coords={dim: (dim, np.arange(8.0), {"units": "m"}) for dim in ("y", "x")})
    >>> flow = box.assign(u=-3 * box.y + 0 * box.x, v=3 * box.x + 0 * box.y)
    >>> found = sf.ops.vorticity(flow.to_dataarray("component").assign_attrs(units="m/s"), dims=("y", "x"))
    >>> found.dims, found.units, bool(np.allclose(found, 6.0))
    (('y', 'x'), 's-1', True)
    """

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the reach of the stencil per axis; each component of a vector takes all others."""
        ndim = len(self.dims or self.signature.roles) - 1
        return {**super().depth(tol), COMPONENT: (ndim - 1, ndim - 1) if ndim == 3 else (0, 0)}

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the labels of the vorticity."""
        (spec,) = specs
        scalar = self._scalar(spec, "vorticity", self._rate(spec))
        if len(self.space(spec)) == 2:
            return scalar
        labels = {name: coord for name, coord in spec.coords.items() if COMPONENT in coord.dims}
        return scalar.with_dim(COMPONENT, 3, labels)


@operator(
    "strain",
    version=1,
    signature="(z?,y,x,component)->(z?,y,x,tensor)",
    linear=True,
    references=(TURBULENT_FLOWS.part("section 2.8"),),
    aliases=("rate_of_strain", "strain_rate", "deformation"),
    equation=r"S_{ij} = \tfrac12 (\partial_i u_j + \partial_j u_i)",
)
class Strain(_OfGradient):
    r"""Rate-of-strain tensor of a velocity field.

    .. math:: S_{ij} = \tfrac12 (\partial_i u_j + \partial_j u_i)

    Parameters
    ----------
    data, dims, components, method, order, edges
        As for ``vorticity``.

    Returns
    -------
    DataArray
        The independent components, S_ij with i <= j, along a new dim ``tensor`` whose flags name their pairs of dims
        (``flag_meanings="y,y y,x x,x"``); units of the velocity over those of length. S:S is ``dissipation`` over twice the viscosity.

    Raises
    ------
    DimensionError, ParameterError
        As for ``vorticity``.

    Examples
    --------
    >>> spec = ArraySpec(("y", "x", "component"), (8, 8, 2), "float32", coords={"component": Coord(("component",), ["u", "v"])})
    >>> Strain(dims=("y", "x")).output(spec).coords["tensor"].attrs["flag_meanings"]
    'y,y y,x x,x'
    """

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the labels of the tensor."""
        (spec,) = specs
        space = self.space(spec)
        pairs = [f"{space[a]},{space[c]}" for a, c in flow_gradients.tensor_pairs(len(space))]
        flags = {"long_name": "component of the tensor", "flag_values": list(range(len(pairs))), "flag_meanings": " ".join(pairs)}
        labels = {"tensor": Coord(("tensor",), np.arange(len(pairs), dtype=np.int8), flags)}
        return self._scalar(spec, "rate of strain", self._rate(spec)).with_dim("tensor", len(pairs), labels)


@operator(
    "q_criterion",
    version=1,
    signature="(z?,y,x,component)->(z?,y,x)",
    references=(STREAMS_EDDIES,),
    aliases=("q", "okubo_weiss", "second_invariant"),
    equation=r"Q = \tfrac12 (\Omega_{ij} \Omega_{ij} - S_{ij} S_{ij})",
)
class QCriterion(_OfGradient):
    r"""Second invariant of the velocity gradient: positive in vortices, negative where strain dominates.

    .. math:: Q = \tfrac12 (\Omega_{ij} \Omega_{ij} - S_{ij} S_{ij}) = -\tfrac12 \, \partial_i u_j \, \partial_j u_i

    In two dims it is the Okubo-Weiss parameter over -4.

    Parameters
    ----------
    data, dims, components, method, order, edges
        As for ``vorticity``.

    Returns
    -------
    DataArray
        Without ``component``; units of the velocity gradient squared, such as ``s-2``.

    Raises
    ------
    DimensionError, ParameterError
        As for ``vorticity``.

    Examples
    --------
    >>> spec = ArraySpec(("y", "x", "component"), (8, 8, 2), "float32", attrs={"units": "1"})
    >>> QCriterion(dims=("y", "x"), components=("x", "y")).output(spec).dims
    ('y', 'x')
    """

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the labels of Q."""
        return self._scalar(specs[0], "Q, second invariant of the velocity gradient", self._rate(specs[0], 2))


@operator(
    "dissipation",
    version=1,
    signature="(z?,y,x,component)->(z?,y,x)",
    references=(TURBULENT_FLOWS.part("section 5.3"),),
    aliases=("dissipation_rate", "viscous_dissipation", "epsilon"),
    equation=r"\varepsilon = 2 \nu S_{ij} S_{ij}",
)
class Dissipation(_OfGradient):
    r"""Local rate of viscous dissipation of kinetic energy per unit mass.

    .. math:: \varepsilon = 2 \nu S_{ij} S_{ij}

    Parameters
    ----------
    data, dims, components, method, order, edges
        As for ``vorticity``.
    nu : float
        Kinematic viscosity in the data's unit times that of the coordinates: m2/s for m/s and m.

    Returns
    -------
    DataArray
        Without ``component``; for m/s and m in ``m2 s-3``.

    Raises
    ------
    DimensionError
        A coordinate states no unit, which the viscosity refers to; others as for ``vorticity``.
    ParameterError
        As for ``vorticity``.

    Examples
    --------
    >>> coords = {dim: Coord((dim,), np.arange(8.0), {"units": "m"}) for dim in ("y", "x")}
    >>> spec = ArraySpec(("y", "x", "component"), (8, 8, 2), "float32", coords=coords, attrs={"units": "m s-1"})
    >>> Dissipation(dims=("y", "x"), components=("x", "y"), nu=0.1).output(spec).attrs["units"]
    'm2 s-3'
    """

    nu: float = param(doc="Kinematic viscosity.", gt=0, unit="data unit x coordinate unit")

    def resolve(self, *specs: Any) -> Self:
        """Return the operator ready for the axes, which have to state the unit of length that the viscosity is in."""
        ready = super().resolve(*specs)
        length_unit(ready.axes(specs[0]), self.name, "the viscosity")
        return ready

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the labels of the dissipation."""
        (spec,) = specs
        length = length_unit(self.axes(spec), self.name)
        units = product(product("1", unit_of(spec), 3), length, -1)
        return self._scalar(spec, "dissipation rate", units).with_attrs(nu=self.nu)

    def viscosity(self) -> float:
        """Return the viscosity."""
        return self.nu

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield two and three dims, every order and method."""
        for parameters in _EXAMPLES:
            yield cls(**parameters, nu=0.5)
