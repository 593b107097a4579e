"""How operators on flows take vectors: the dim ``component``, the direction of each component, units of length.

A vector field is one array with a dim ``component``, as ``vector2`` and ``vector3`` make it of components that are stored apart;
its labels tell along which dim each component points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from pydantic import model_validator

from scatflow.contract import Dims, Extended, param
from scatflow.errors import DimensionError, ParameterError
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Axis

#: The dim that numbers the components; its role comes last in signatures, so that z can be left out.
COMPONENT = "component"
#: Usual names of components and the place of their axis, counted from the last core dim.
_USUAL = {"u": -1, "v": -2, "w": -3}


class WithComponents(Extended):
    """Base of operators on fields of two or three spatial core dims and several components."""

    @model_validator(mode="before")
    @classmethod
    def _with_component(cls, values: Any) -> Any:
        """Add ``component`` to the core dims where only those of space are named; it has no spacing and no boundary."""
        if not isinstance(values, Mapping):
            return values
        named, rule = values.get("dims"), values.get("boundary")
        dims = (named,) if isinstance(named, str) else named
        found = {**values, "sampling": {COMPONENT: "index", **(values.get("sampling") or {})}}
        if isinstance(dims, (tuple, list)) and COMPONENT not in dims:
            found["dims"] = (*dims, COMPONENT)
            if isinstance(rule, (tuple, list)) and len(rule) == len(dims):
                found["boundary"] = (*rule, "periodic")
        return found

    def space(self, spec: ArraySpec) -> tuple[str, ...]:
        """Return the spatial core dims in kernel order."""
        core = spec.dims[len(spec.dims) - len(self.dims or self.signature.roles) :]
        if core[-1] != COMPONENT:
            raise DimensionError(f"{self.name}.dims", f"the components of a vector lie along a dim {COMPONENT!r}", got=spec.dims, code="DimensionMissing",
                                 remedy="Put them together, vector2(flow.u, flow.v), or rename the dim that has them.")  # fmt: skip
        return core[:-1]

    def axes(self, spec: ArraySpec) -> tuple[Axis, ...]:
        """Return how the spatial core dims are sampled, in kernel order."""
        return tuple(axis_of(spec, dim, self.sampling) for dim in self.space(spec))


class VectorField(WithComponents):
    """Base of operators on vector fields with as many components as spatial core dims."""

    components: Dims | None = param(
        None, "Dims along which the components point, in the order of the dim `component`; default by its labels: names of "
        "the core dims, or u, v, w for the last, second-last and third-last of them.",
    )  # fmt: skip

    def resolve(self, *specs: Any) -> Self:
        """Return the operator with dims in kernel order and the direction of each component filled in."""
        (spec,) = specs
        space = self.space(spec)
        if spec.sizes[COMPONENT] != len(space):
            raise DimensionError(f"{self.name} input", "as many components as spatial core dims are needed", expected=f"{len(space)} for {space}",
                                 got=spec.sizes[COMPONENT], code="ComponentCount",
                                 remedy="Name the core dims with dims=, or select the components that lie in them.")  # fmt: skip
        dims, rule = (*space, COMPONENT), self.boundary
        if isinstance(rule, tuple) and len(rule) == len(dims):
            rule = tuple(dict(zip(self.dims or dims, rule, strict=False)).get(dim, "periodic") for dim in dims)
        return self.replace(dims=dims, boundary=rule, components=_pointing(self.name, spec, space, self.components))

    def numbers(self) -> tuple[int, ...]:
        """Return, per spatial axis, the number of the component that points along it; of an operator that met labels."""
        assert self.components is not None, "resolve() fills it"
        assert self.dims is not None, "resolve() fills it"
        return tuple(self.components.index(dim) for dim in self.dims[:-1])

    def align(self) -> Mapping[str, int]:
        """Keep all components of a vector in a block."""
        return {COMPONENT: len(self.components or self.dims or self.signature.roles)}


def _pointing(subject: str, spec: ArraySpec, space: tuple[str, ...], given: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the dim along which each component points."""
    coord = spec.coords.get(COMPONENT)
    labels = () if coord is None else tuple(map(str, np.asarray(coord.values).tolist()))
    found = labels if given is None else given
    if given is None and set(labels) == set(list(_USUAL)[: len(space)]):
        found = tuple(space[_USUAL[label]] for label in labels)
    if sorted(found) == sorted(space):
        return found
    raise ParameterError(f"{subject}.components", "it is not known along which dim each component points", expected=f"{space} in the order of the components",
                         got=given if given is not None else f"labels {labels} along {COMPONENT!r}",
                         remedy=f"Pass components={tuple(reversed(space))!r} if that is their order, or label them so.",
                         code="ComponentDirections")  # fmt: skip


def length_unit(axes: Sequence[Axis], subject: str, needed: str = "") -> str | None:
    """Return the one unit of length of some axes, None where they are by sample or state none.

    Parameters
    ----------
    axes : sequence of Axis
        How the dims are sampled.
    subject : str
        Operator name for errors.
    needed : str, optional
        What the unit is needed for; then coordinates without one are refused.

    Raises
    ------
    DimensionError
        Two coordinates differ in unit, or one has none where it is needed.

    Examples
    --------
    >>> length_unit([Axis("y", 4, 0.5, "m", "uniform"), Axis("x", 4, 0.5, "m", "uniform")], "vorticity")
    'm'
    """
    for axis in axes:
        if needed and not axis.unit:
            raise DimensionError(f"coordinate {axis.dim!r}", f"{subject} needs its unit for {needed}", got="no unit", expected='attribute units, such as "m"',
                                 remedy=f'Set it: data["{axis.dim}"].attrs["units"] = "m" ("1" where lengths are dimensionless).',
                                 code="UnitsMissing")  # fmt: skip
        if axis.unit != axes[0].unit:
            raise DimensionError(f"coordinates {axes[0].dim!r} and {axis.dim!r}", f"{subject} needs one unit of length", expected=f"{axes[0].unit!r} for both",
                                 got=f"{axes[0].unit!r} and {axis.unit!r}", code="UnitsDiffer",
                                 remedy=f'Convert one of them, or state the unit that is missing: data["{axis.dim}"].attrs["units"].')  # fmt: skip
    return axes[0].unit or None


def periodic_axes(operator: Extended, axes: Sequence[Axis]) -> tuple[bool, ...]:
    """Tell which axes are taken as periodic: by the boundary rule, else by what their coordinates declare."""
    rule = operator.boundary
    if isinstance(rule, tuple):
        by_dim = dict(zip(operator.dims or (), rule, strict=False))
        return tuple(by_dim.get(axis.dim) == "periodic" for axis in axes)
    return tuple(axis.periodic if rule is None else rule == "periodic" for axis in axes)


def check_periodic(operator: Extended, axes: Sequence[Axis], what: str, otherwise: str = "") -> None:
    """Refuse axes that are not taken as periodic, and such as have walls.

    Raises
    ------
    ParameterError
        Names the coordinate and the remedies.
    """
    if isinstance(operator.boundary, tuple) and len(operator.boundary) != len(operator.dims or axes):
        return  # for the engine to refuse
    for axis, periodic in zip(axes, periodic_axes(operator, axes), strict=True):
        if axis.walls:
            raise ParameterError(f"{operator.name} input", f"{axis.dim!r} has segments, and {what}", got=f"{len(axis.walls) + 1} segments",
                                 remedy="Select one segment." + otherwise, code="SegmentsPresent")  # fmt: skip
        if not periodic:
            size = axis.size * abs(axis.step)
            raise ParameterError(f"{operator.name}.boundary", f"coordinate {axis.dim!r} does not declare a period that the array covers, and {what}", got=f"boundary={operator.boundary!r}", expected=f'attribute "period" = {size:g}',
                                 remedy=f'Set data["{axis.dim}"].attrs["period"], or pass boundary="periodic".' + otherwise,
                                 code="NotPeriodic")  # fmt: skip


def log_spaced(largest: int, per_octave: int = 2) -> tuple[int, ...]:
    """Return integers from 1 to ``largest``, about ``per_octave`` in every octave.

    Examples
    --------
    >>> log_spaced(16)
    (1, 2, 3, 4, 6, 8, 11, 16)
    """
    count = math.floor(per_octave * math.log2(max(1, largest))) + 1
    return tuple(sorted({round(2 ** (n / per_octave)) for n in range(count)}))
