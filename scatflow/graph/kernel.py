"""A bound operator without coordinates, and the geometry of its blocks: extension, alignment, trimming."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from scatflow.arrays import fast_length
from scatflow.contract import Extended, Operator, Pointwise, digest
from scatflow.errors import ParameterError
from scatflow.spec import Axis, Place, within

#: Tolerance at which supports and the reach of NaN are stated.
REACH_TOLERANCE = 1e-4
#: Weights of a smoothing that are held at once, about.
_WEIGHTS = 1 << 22


@dataclass(frozen=True)
class Port:
    """One array argument or result: public dims, dims in kernel order, dtype.

    ``samples`` gives the input indices of the samples along core dims that are a subset of the input's.
    """

    name: str
    dims: tuple[str, ...]
    kernel_dims: tuple[str, ...]
    dtype: str
    samples: Mapping[str, range]

    @property
    def strides(self) -> dict[str, int]:
        """Dim -> step in input samples, of dims whose samples are a subset of the input's."""
        return {dim: index.step for dim, index in self.samples.items()}

    def along(self, axis: Axis) -> range:
        """Return the input indices of the samples along an axis."""
        return self.samples.get(axis.dim, range(axis.size))


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

    def geometry(self) -> str:
        """Return a digest of all that the numbers of a block depend on beside operator and block.

        Lengths of batch dims are not in it: a kernel bound to an input with more items has the same geometry.
        """
        ports = [[port.dims, port.kernel_dims, port.dtype, {dim: repr(index) for dim, index in port.samples.items()}]
                 if isinstance(port, Port) else port for port in (*self.inputs, *self.outputs)]  # fmt: skip
        axes = [asdict(axis) for axis in self.axes]
        taken = {dim: repr(index) for dim, index in (self.indexers or {}).items()}
        return digest([ports, axes, self.roles, self.boundary, self.over, taken])

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
            samples = within(kernel.outputs[0].along(axis), start, stop)
            share = np.ones(len(samples))
            if rule == "periodic":  # nothing lies outside; all that matters is whether weights are declared
                one = place.start[role], place.start[role] + 1
                first = replace(place, stop={**place.stop, role: one[1]}, core={**place.core, role: one})
                if _weights(operator, first, role) is None:
                    return None
            for rows, _, weights in () if rule == "periodic" else weight_rows(operator, place, role, samples):
                if weights is None:
                    return None
                share[rows] = weights.sum(axis=1)
            parts.append(share)
        column = np.concatenate(parts)
        result = column if result is None else result[..., None] * column
    return result


def weight_rows(
    operator: Extended, place: Place, role: str, samples: range, whole: bool = False
) -> Iterator[tuple[slice, slice, np.ndarray | None]]:
    """Yield the weights of the smoothing in blocks of output samples, so that long axes need no square matrix.

    Parameters
    ----------
    operator : Extended
        Declares the weights and how far they reach.
    place : Place
        An extended block.
    role : str
        The axis.
    samples : range
        Where the output samples in the core lie.
    whole : bool, optional
        Also yield blocks of output samples whose weights lie inside the core altogether; default only the others.

    Yields
    ------
    (slice, slice, ndarray or None)
        Output samples counted from the first in the core, core samples likewise, and weights (output, core samples);
        no weights where the operator does not declare them.
    """
    low, high = place.core[role]
    stride = samples.step
    before, after = operator.coverage_reach().get(role, (place.core[role][1] - place.start[role], place.stop[role] - low))
    count = max(1, min((before + after) // stride, _WEIGHTS // (before + after + 1)))
    for i in range(0, len(samples), count):
        part = samples[i : i + count]
        start, stop = max(place.start[role], part[0] - before), min(place.stop[role], part[-1] + after + 1)
        if not whole and low <= start and stop <= high and (start, stop) == (part[0] - before, part[-1] + after + 1):
            continue
        near = replace(place, start={**place.start, role: start}, stop={**place.stop, role: stop},
                       core={**place.core, role: (part[0], part[-1] + 1)})  # fmt: skip
        weights = _weights(operator, near, role)
        inside = slice(max(low, start), min(high, stop))
        columns = slice(inside.start - low, inside.stop - low)
        if weights is not None:
            if len(weights) != len(part):
                raise ParameterError(f"{operator.name}.coverage", "has a row for every sample of the result in at.core", expected=len(part), got=len(weights))  # fmt: skip
            weights = weights[:, inside.start - start : inside.stop - start]
        yield slice(i, i + len(part)), columns, weights


def _weights(operator: Extended, near: Place, role: str) -> np.ndarray | None:
    """Return what an operator declares along a role; None where it declares nothing along any."""
    found = operator.coverage(np, near)
    if found and role not in found:
        raise ParameterError(f"{operator.name}.coverage", "is a mapping from axis roles of the signature, all of them",
                             expected=tuple(near.core), got=tuple(found))  # fmt: skip
    return found.get(role)


def extended_place(kernel: Kernel, ranges: Mapping[str, tuple[int, int]]) -> Place:
    """Return the place of the extended block whose core covers ``ranges``.

    The start is aligned to the operator's grid; the end is padded to a fast length that is a multiple of it,
    except where a periodic axis needs no extension at all, and where the operator takes its margins to the sample.
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
        if operator.exact_margins() or (exact and before == after == 0):
            start[role], stop[role] = low - before, high + after
            continue
        start[role] = (low - before) // grid * grid
        stop[role] = start[role] + fast_length(high + after - start[role], multiple=grid)
    return replace(place, start=start, stop=stop, span=place.core)


def trim(block: Any, place: Place, role: str, samples: range, core: tuple[int, int], axis: int = 0) -> Any:
    """Keep, along ``axis``, those of the result's samples that lie inside ``core``."""
    wanted = within(samples, *core)
    first = (wanted.start - place.samples(role, samples.step, samples.start).start) // samples.step
    return block[(*(slice(None),) * axis, slice(first, first + len(wanted)), ...)]
