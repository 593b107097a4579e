"""Stages whose regions are parts of core dims: which may be cut, at what tolerance, and into which lengths."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from scatflow.contract import Extended, Reduce
from scatflow.contract.summary import needs_summary
from scatflow.errors import ChunkError
from scatflow.graph.bind import Call
from scatflow.graph.halo import Halo, halo_place
from scatflow.graph.kernel import Kernel, Port
from scatflow.plan.limits import Limits
from scatflow.plan.memory import Projection
from scatflow.plan.refusal import too_large
from scatflow.plan.regions import FEW_REGIONS, Regions
from scatflow.plan.stage import Box
from scatflow.spec import ArraySpec

#: Tolerance of halos where none is asked for, relative to the root mean square of the results.
TOLERANCE = {"float32": 3e-5, "complex64": 3e-5}
PRECISE = 3e-7
#: What a task takes beside its work, in operations: some 20 ms of scheduling, opening files and Python.
TASK_FLOPS = 1e8
#: Lengths of blocks that transforms like best.
_BLOCKS = sorted(length << k for k in range(4, 32) for length in (2, 3))


def tolerance(kernel: Kernel, asked: float | None) -> float:
    """Return the tolerance of a kernel's halos: the one asked for, or what its precision deserves."""
    port = next(port for port in kernel.inputs if isinstance(port, Port))
    return TOLERANCE.get(port.dtype, PRECISE) if asked is None else asked


def obstacle(call: Call, asked: float | None) -> str | None:
    """Return why a node needs its core dims whole, or None where blocks with a halo have its numbers."""
    operator, name = call.operator, call.operator.name
    if not isinstance(operator, Extended):
        return f"{name} needs its core dims whole"
    if operator.exact_margins():
        return f"the filters of {name} depend on the length of the whole signal"
    if operator.nan == "mask" and operator.causal():
        return f'causal {name} with nan="mask" fills gaps with the mean of all that came before'
    if operator.nan == "mask" and not needs_summary(operator):
        return f'{name} with nan="mask" fills gaps in a way of its own'
    try:
        operator.depth(tolerance(call.kernel, asked))
    except ChunkError as error:
        return f"{name} has no finite reach ({error})"
    return None


def split_dims(call: Call, asked: float | None) -> tuple[str, ...]:
    """Return the core dims of a node along which regions may be parts: all that each of its results keeps, if any."""
    if not call.kernel.core or obstacle(call, asked) is not None:
        return ()
    if isinstance(call.operator, Reduce):
        return call.kernel.core
    return tuple(dim for dim in call.kernel.core if all(dim in port.dims for port in call.kernel.outputs))


def strides(kernel: Kernel) -> dict[str, int]:
    """Return, per core dim, the samples of the input after which all results of a kernel have their samples again."""
    if isinstance(kernel.operator, Reduce):
        return {}
    return {axis.dim: math.lcm(*(port.along(axis).step for port in kernel.outputs)) for axis in kernel.axes}


def grids(call: Call) -> dict[str, int]:
    """Return, per core dim, what lengths of regions are multiples of: the results' strides and where blocks may start."""
    operator, kernel = call.operator, call.kernel
    assert isinstance(operator, Extended)
    align, steps = operator.align(), strides(kernel)
    return {
        axis.dim: math.lcm(align.get(role, 1), steps.get(axis.dim, 1)) for role, axis in zip(kernel.roles, kernel.axes, strict=True)
    }


def choose_parts(
    spec: ArraySpec,
    free: Sequence[str],
    grid: Mapping[str, int],
    chunks: Mapping[str, int],
    project: Callable[[Box], Projection],
    limits: Limits,
    asked: Mapping[str, int],
    around: Mapping[str, int],
    subject: str,
    smaller: Sequence[str] = (),
) -> Regions:
    """Choose region lengths along core dims: those with the least work in all, of all that fit memory.

    They do not depend on the number of workers, nor do the bytes of the result then. There are at least 16 regions where
    the array allows it, so that a few workers have something to do.

    Parameters
    ----------
    spec : ArraySpec
        The domain.
    free : sequence of str
        Dims that are split.
    grid : mapping
        Core dims among them, with what lengths are multiples of.
    chunks : mapping
        Stored chunk lengths.
    project : callable
        Projection of a region.
    limits : Limits
        Their bytes per part count.
    asked : mapping
        Lengths that are fixed.
    around : mapping
        Samples of a block beyond its box, per core dim, where the target has a halo.
    subject : str
        For errors.
    smaller : sequence of str
        Parameters by which memory grows.

    Raises
    ------
    PlanError
        Even the smallest region does not fit memory.
    """
    sizes, too_long = {dim: spec.sizes[dim] for dim in free}, math.inf
    fixed = {dim: _rounded(asked.get(dim, chunks.get(dim, 1)), 1, sizes[dim]) for dim in free if dim not in grid}
    best: tuple[int, float, dict[str, int]] | None = None
    least: tuple[Projection, dict[str, int]] | None = None
    for steps in _lengths(sizes, grid, chunks, asked, around):
        if math.prod(steps.values()) >= 2 * too_long:
            break
        found = {dim: fixed.get(dim, steps.get(dim, 1)) for dim in free}
        one = project({dim: (0, min(step, sizes[dim])) for dim, step in found.items()})
        regions = len(Regions(tuple(sizes.items()), tuple(found.items())))
        least = min(least or (one, found), (one, found), key=lambda pair: pair[0].peak)
        if one.peak > limits.per_part:
            too_long = min(too_long, math.prod(steps.values()))
            continue
        missing, work = max(0, FEW_REGIONS - regions), regions * (max(one.flops, float(one.read)) + TASK_FLOPS)
        if best is None or (missing, work) < best[:2]:
            best = missing, work, found
    if best is None:
        assert least is not None
        raise too_large(subject, least[0].peak, limits, least[1], chunks, smaller, part=True, decoded=least[0].decoded,
                        last=("allow a larger tol=, where halos are what takes memory",))  # fmt: skip
    return Regions(tuple(sizes.items()), tuple(best[2].items()))


def _lengths(
    sizes: Mapping[str, int],
    grid: Mapping[str, int],
    chunks: Mapping[str, int],
    asked: Mapping[str, int],
    around: Mapping[str, int],
) -> list[dict[str, int]]:
    """Return candidates, shortest first: stored chunks, halved and doubled, and what blocks of fast lengths leave without their halos.

    One dim may be about twice as long as the others.
    """
    chunked = [{dim: max(1, chunks.get(dim) or sizes[dim]) * 2.0**power for dim in grid} for power in range(-12, 40)]
    blocks = [{dim: float(block - around[dim]) for dim in grid} for block in _BLOCKS] if set(grid) <= set(around) else []
    longer = [{dim: 2 * block - around[dim] if dim == long else one[dim] for dim in grid} for block, one in zip(_BLOCKS, blocks, strict=False)
              for long in grid]  # fmt: skip
    longer += [{**one, long: 2 * one[long]} for one in chunked for long in grid]
    candidates: list[dict[str, int]] = []
    for lengths in (*chunked, *blocks, *(longer if len(grid) > 1 else ())):
        rounded = {
            dim: _rounded(asked.get(dim) or int(lengths[dim]) // unit * unit, unit, sizes[dim]) for dim, unit in grid.items()
        }
        if rounded not in candidates:
            candidates.append(rounded)
    return sorted(candidates, key=lambda found: math.prod(found.values()))


def _rounded(length: int, unit: int, size: int) -> int:
    """Return a length rounded up to a multiple of ``unit``; the whole axis where that is shorter."""
    return min(-(-max(1, length) // unit) * unit, -(-max(1, size) // unit) * unit)


def surroundings(call: Call, halo: Halo) -> dict[str, int]:
    """Return how many samples a block has beyond its box, per core dim, where the box starts on the operator's grid."""
    operator, kernel = call.operator, call.kernel
    assert isinstance(operator, Extended)
    depth, align = operator.depth(halo.tol), operator.align()
    found = {}
    for role, axis in zip(kernel.roles, kernel.axes, strict=True):
        (before, after), grid = depth.get(role, (0, 0)), align.get(role, 1)
        found[axis.dim] = -(-before // grid) * grid + after
    return found


def described(call: Call, asked: float | None, box: Box) -> str:
    """Return what the plan says of a node that regions split: lengths of a block and its halo, and the tolerance."""
    operator, kernel = call.operator, call.kernel
    assert isinstance(operator, Extended)
    tol = tolerance(kernel, asked)
    place = halo_place(kernel, {dim: span for dim, span in box.items() if dim in kernel.core}, Halo(tol))
    lengths = [place.stop[role] - place.start[role] for role in kernel.roles]
    reach = [max(operator.depth(tol).get(role, (0, 0))) for role in kernel.roles]
    return f"halo {' × '.join(map(str, reach))} at {tol:.0e}, block {' × '.join(map(str, lengths))}"
