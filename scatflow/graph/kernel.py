"""A bound operator without coordinates, and the geometry of its blocks: extension, alignment, trimming."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scatflow.arrays import fast_length
from scatflow.contract import Extended, Operator, Pointwise
from scatflow.spec import Axis, Place

#: Tolerance at which supports and the reach of NaN are stated.
REACH_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Port:
    """One array argument or result: public dims, dims in kernel order, dtype, strides of its core dims."""

    name: str
    dims: tuple[str, ...]
    kernel_dims: tuple[str, ...]
    dtype: str
    strides: Mapping[str, int]


@dataclass(frozen=True)
class Kernel:
    """What a worker needs to evaluate one operator on blocks: no coordinates, a few hundred bytes."""

    operator: Operator
    inputs: tuple[Port | float, ...]
    outputs: tuple[Port, ...]
    roles: tuple[str, ...]
    axes: tuple[Axis, ...]
    boundary: tuple[str, ...]
    over: tuple[str, ...] = ()
    sizes: Mapping[str, int] | None = None
    indexers: Mapping[str, Any] | None = None

    @property
    def core(self) -> tuple[str, ...]:
        """Core dims in role order."""
        return tuple(axis.dim for axis in self.axes)

    def place(self, ranges: Mapping[str, tuple[int, int]] | None = None) -> Place:
        """Return the place of the block that covers ``ranges`` (dims not named: the whole axis)."""
        pairs = list(zip(self.roles, self.axes, strict=True))
        covered = {role: (ranges or {}).get(axis.dim, (0, axis.size)) for role, axis in pairs}
        periodic = {role: b == "periodic" for role, b in zip(self.roles, self.boundary, strict=True)} if self.boundary else {}
        return Place(
            start={role: covered[role][0] for role in self.roles},
            stop={role: covered[role][1] for role in self.roles},
            core=covered,
            size={role: axis.size for role, axis in pairs},
            step={role: axis.step for role, axis in pairs},
            unit={role: axis.unit for role, axis in pairs},
            periodic=periodic,
        )


def renamed(kernel: Kernel) -> tuple[str, ...]:
    """Return the input dims in result order if an element-wise operator of one input renames dims, else ()."""
    port, out = kernel.inputs[0], kernel.outputs[0]
    if not isinstance(port, Port) or len(kernel.inputs) + len(kernel.outputs) > 2 or not isinstance(kernel.operator, Pointwise):
        return ()
    if len(out.dims) != len(port.dims) or set(out.dims) == set(port.dims):
        return ()
    return port.dims


def border_fraction(kernel: Kernel) -> np.ndarray | None:
    """Return the share of smoothing weight inside the signal for every output sample, or None if not declared."""
    operator = kernel.operator
    assert isinstance(operator, Extended)
    result: np.ndarray | None = None
    for role, axis, rule in zip(kernel.roles, kernel.axes, kernel.boundary, strict=True):
        parts = []
        for start, stop in axis.spans():
            place = extended_place(kernel, {axis.dim: (start, stop)})
            weights = operator.coverage(np, place).get(role)
            if weights is None:
                return None
            inside = slice(start - place.start[role], stop - place.start[role])
            share = np.ones(len(weights)) if rule == "periodic" else weights[:, inside].sum(axis=1)
            stride = next((port.strides.get(axis.dim, 1) for port in kernel.outputs), 1)
            parts.append(trim(share, place, role, stride, (start, stop)))
        column = np.concatenate(parts)
        result = column if result is None else result[..., None] * column
    return result


def extended_place(kernel: Kernel, ranges: Mapping[str, tuple[int, int]]) -> Place:
    """Return the place of the extended block whose core covers ``ranges``.

    The start is aligned to the operator's grid; the end is padded to a fast length that is a multiple of it,
    except where a periodic axis needs no extension at all.
    """
    operator = kernel.operator
    assert isinstance(operator, Extended)
    place = kernel.place(ranges)
    margins, align = operator.margins(place), operator.align()
    start, stop = {}, {}
    for role in kernel.roles:
        low, high = place.core[role]
        before, after = margins.get(role, (0, 0))
        grid = align.get(role, 1)
        exact = place.periodic.get(role, False) and (low, high) == (0, place.size[role]) and place.size[role] % grid == 0
        if exact and before == after == 0:
            start[role], stop[role] = low, high
            continue
        start[role] = (low - before) // grid * grid
        stop[role] = start[role] + fast_length(high + after - start[role], multiple=grid)
    return replace(place, start=start, stop=stop)


def trim(block: Any, place: Place, role: str, stride: int, core: tuple[int, int], axis: int = 0) -> Any:
    """Keep, along ``axis``, the output samples that lie inside ``core``."""
    samples = place.samples(role, stride)
    wanted = range(-(-core[0] // stride) * stride, core[1], stride)
    first = (wanted.start - samples.start) // stride
    index = (slice(None),) * axis + (slice(first, first + len(wanted)),)
    return block[index]
