"""Group *numbers*, third part: reach, halos and boundaries."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from scatflow.arrays import namespace
from scatflow.blocks.call import named
from scatflow.blocks.evaluate import pooled
from scatflow.blocks.halo import evaluate_box, reader, reduce_box
from scatflow.contract import Extended, Reduce, Window
from scatflow.graph.halo import Halo
from scatflow.graph.kernel import Kernel, Port
from scatflow.testing.case import Case, box_chunks, results, rms
from scatflow.testing.check import Check, Failure, NotApplicable, check, kinds
from scatflow.testing.compare import compare_values, difference

#: Tolerances at which reach is compared.
TOLERANCES = (1e-2, 1e-4, 1e-6)
#: How many times the tolerance a channel along a new dim may be off, relative to itself.
CHANNEL = 100.0
#: Error of the outermost samples relative to the rms of the result: with the engine's margins, and with an operator's own.
EDGE = {False: 1e-3, True: 5e-2}
#: How many times the stated tolerance an error may be: reach is a statement about averages.
SLACK = 3.0
#: Relative rms error that an operator's own margins may leave at a boundary, where it declares them.
BORDER = 2e-2
#: What extends a signal beyond its edges in NumPy, by boundary rule.
PADDING: Mapping[str, Any] = {"reflect": "reflect", "symmetric": "symmetric", "periodic": "wrap", "zero": "constant"}


def _tolerance(case: Case) -> float:
    tol = case.tolerance()
    if tol is None:
        raise NotApplicable("no finite reach, or one beyond this sample")
    return tol


def _windows(case: Case) -> dict[str, tuple[Port, xr.DataArray]]:
    """Return the results that keep a core dim, by name."""
    ports = {port.name: port for port in case.call.kernel.outputs}
    kept = {name: (ports[name], array) for name, array in case.whole.items() if name in ports and set(case.core) & set(array.dims)}
    if not kept:
        raise NotApplicable("no result keeps a core dim")
    return kept


Reach = Mapping[str, tuple[int, int]]


def _change(case: Case, port: Port, name: str, reach: Reach, seed: int, shift: int = 0) -> float:
    """Return how much one result sample changes when all that lies beyond a reach is replaced, relative to the rms of the result.

    The sample is the one in the middle, or the one that lies ``shift`` samples after it.
    """
    kernel = case.call.kernel
    at, keep = {}, []
    for role, axis in zip(kernel.roles, kernel.axes, strict=True):
        if axis.dim not in port.kernel_dims:
            continue
        stride = port.strides.get(axis.dim, 1)
        before, after = reach.get(role, (0, 0))
        middle = ((axis.size - after + before) // 2 + shift) // stride
        index = np.arange(axis.size) - middle * stride
        at[axis.dim] = middle
        keep.append(xr.DataArray((index >= -before) & (index <= after), dims=axis.dim))
    rng = np.random.default_rng(seed)
    near = math.prod(keep[1:], start=keep[0])

    def replaced(array: xr.DataArray) -> xr.DataArray:
        noise = rng.permuted(array.values.ravel()).reshape(array.shape)  # values that the operator is known to take
        return array.where(near, array.copy(data=noise)).transpose(*array.dims).astype(array.dtype)

    changed = results(case.operator, *case.replaced(replaced).inputs)[name].isel(at).values
    return rms(changed - case.whole[name].isel(at).values) / (rms(case.whole[name].values) or 1.0)


@check("declare", applies=kinds(Extended, word="kinds that look beyond their samples"))
def reach_grows(case: Case) -> None:
    """depth(tol) is finite at every tolerance or at none, grows as the tolerance falls, and is 0 after a sample where causal."""
    operator: Any = case.call.operator
    found = [case.depth(tol) for tol in TOLERANCES]
    if None in found:
        if any(depth is not None for depth in found):
            raise Failure("depth(tol) raises ChunkError at some tolerances only", got=found)
        raise NotApplicable("no finite reach")
    if operator.causal() and any(depth[role][1] for depth in found if depth is not None for role in case.call.kernel.roles):
        raise Failure("declared causal, with a depth after the sample", got=found)
    for role in case.call.kernel.roles:
        sides = [tuple(depth[role]) for depth in found if depth is not None]
        if any(a > b for (a, _), (b, _) in itertools.pairwise(sides)) or any(a > b for (_, a), (_, b) in itertools.pairwise(sides)):
            raise Failure(f"depth(tol)[{role!r}] shrinks as tol falls", got=sides)


@check("numbers", applies=kinds(Window))
def influence(case: Case) -> None:
    """Samples beyond the declared depth do not change a result by more than the tolerance, at any of three tolerances."""
    tightest = _tolerance(case)
    for tol in (tightest, *(tol for tol in TOLERANCES if tol > tightest)):
        depth = case.depth(tol) or {}
        for name, (port, _) in _windows(case).items():
            change = max(_change(case, port, name, depth, seed) for seed in range(3 if tol == tightest else 1))
            if change > SLACK * tol:
                raise Failure(f"samples beyond depth({tol:g}) = {dict(depth)} change the result", expected=f"at most {tol:g} of its rms",
                              got=f"{change:.2g}", remedy="Declare the depth larger: blocks of a chunked array would be wrong at their edges.")  # fmt: skip


@check("numbers", level=2, applies=kinds(Window))
def economy(case: Case) -> None:
    """The declared depth is not twice what the tolerance asks for, on any side."""
    tol = _tolerance(case)
    operator: Any = case.call.operator
    depth = case.depth(tol) or {}
    kept = _windows(case)
    for role, side in itertools.product(case.call.kernel.roles, (0, 1)):
        declared = depth.get(role, (0, 0))
        if declared[side] < 4:
            continue
        half = (declared[0] // 2, declared[1]) if side == 0 else (declared[0], declared[1] // 2)
        # Where blocks start on a grid, results may be of several kinds in turn; the depth is that of the one that reaches furthest.
        changes = (_change(case, port, name, {**depth, role: half}, 0, shift)
                   for shift in range(operator.align().get(role, 1)) for name, (port, _) in kept.items())  # fmt: skip
        largest = 0.0
        while largest <= tol and (change := next(changes, None)) is not None:
            largest = max(largest, change)
        if largest <= tol:
            raise Failure(f"half of depth({tol:g})[{role!r}] = {declared} suffices {('before', 'after')[side]} a sample",
                          expected=f"a change above {tol:g} of the rms", got=f"{largest:.2g}",
                          remedy="Declare the depth smaller: halos cost time and memory.")  # fmt: skip


@check("numbers", applies=kinds(Extended, word="kinds that look beyond their samples"))
def halo_blocks(case: Case) -> None:
    """Blocks with the declared halo, trimmed and put together, are the whole: ragged ones, single samples, blocks below the halo."""
    tol, kernel = _tolerance(case), case.call.kernel
    found, whole = _boxes_and_whole(case, boxes_of(kernel), tol)
    depth = dict(case.depth(tol) or {})
    compare_values(found, whole, SLACK * tol, f"blocks with the halo depth({tol:g}) = {depth} are not the whole",
                   "A kernel may use nothing but its block and where it lies (at); see also influence.")  # fmt: skip
    for port in kernel.outputs:
        new = [axis for axis, dim in enumerate(port.kernel_dims) if not any(dim in array.dims for array in case.arrays)]
        for number in range(found[port.name].shape[new[0]]) if new and port.name in found else ():
            one, other = (array[port.name].take(number, axis=new[0]) for array in (found, whole))
            if difference(one, other) > CHANNEL * tol:
                raise Failure(f"blocks with the halo are not the whole at {number} along {port.kernel_dims[new[0]]!r}",
                              expected=f"at most {CHANNEL * tol:.1g} of its rms", got=f"{difference(one, other):.2g}",
                              remedy="The depth holds for every channel, weak ones too.")  # fmt: skip


def _boxes_and_whole(case: Case, boxes: list[dict[str, tuple[int, int]]], tol: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the results by name in kernel order: put together from boxes, and of the whole."""
    kernel = case.call.kernel
    found = _reduced(case, boxes, tol) if isinstance(kernel.operator, Reduce) else _joined(case, boxes, tol)
    whole = {port.name: case.whole[port.name].transpose(*port.kernel_dims).values for port in kernel.outputs if port.name in found}
    return found, whole


def difference_of_boxes(case: Case, boxes: list[dict[str, tuple[int, int]]], tol: float) -> float:
    """Return the largest relative rms difference between results put together from boxes and those of the whole."""
    found, whole = _boxes_and_whole(case, boxes, tol)
    return max(difference(found[name], values) for name, values in whole.items())


def boxes_of(kernel: Kernel) -> list[dict[str, tuple[int, int]]]:
    """Return boxes that cover the core axes, cut where the operator lets blocks start: in one dim also into single samples."""
    operator: Any = kernel.operator
    rng, ranges = np.random.default_rng(3), []
    for role, axis in zip(kernel.roles, kernel.axes, strict=True):
        grid = operator.align().get(role, 1)
        places = rng.integers(1, max(2, axis.size // grid), 3).tolist()
        ranges.append(box_chunks(axis.size, [place * grid for place in ([1, 2, *places] if len(kernel.axes) == 1 else places[:1])]))
    return [dict(zip(kernel.core, box, strict=True)) for box in itertools.product(*ranges)]


def _joined(case: Case, boxes: list[dict[str, tuple[int, int]]], tol: float) -> dict[str, Any]:
    """Return the results put together from boxes, in kernel order."""
    kernel, (signal,) = case.call.kernel, case.kernel_blocks()
    whole = {port.name: np.full([case.call.outputs[port.name].sizes[dim] for dim in port.kernel_dims], np.nan, dtype=port.dtype)
             for port in kernel.outputs if set(case.core) <= set(port.kernel_dims)}  # fmt: skip
    if not whole:
        raise NotApplicable("no result keeps the core dims")
    for box in boxes:
        parts = evaluate_box(namespace(signal), kernel, reader(kernel, signal), box, Halo(tol))
        for port in kernel.outputs:
            if port.name in whole and port.name in parts:
                whole[port.name][_where(port, box)] = parts[port.name]
    return {name: array for name, array in whole.items() if name != "valid_fraction"}


def _where(port: Port, box: Mapping[str, tuple[int, int]]) -> tuple[slice, ...]:
    """Return where the samples of a box lie in a result."""
    found = []
    for dim in port.kernel_dims:
        stride = port.strides.get(dim, 1)
        found.append(slice(-(-box[dim][0] // stride), -(-box[dim][1] // stride)) if dim in box else slice(None))
    return tuple(found)


def _reduced(case: Case, boxes: list[dict[str, tuple[int, int]]], tol: float) -> dict[str, Any]:
    """Return the results of a reduction combined from boxes."""
    kernel, (block,) = case.call.kernel, case.kernel_blocks()
    operator: Any = kernel.operator
    port = kernel.inputs[0]
    assert isinstance(port, Port)
    signal = pooled(namespace(block), kernel, block, port)
    states = [reduce_box(namespace(block), kernel, reader(kernel, signal), box, Halo(tol)) for box in boxes]
    total = states[0]
    for state in states[1:]:
        total = operator.combine(namespace(block), total, state)
    found = operator.finalize(namespace(block), *total)
    return dict(named(kernel, found))


@check("numbers", applies=kinds(Window))
def boundary(case: Case) -> None:
    """Every boundary rule equals explicit padding of the whole array."""
    tol = _tolerance(case)
    operator: Any = case.call.operator
    own = type(operator).margins is not Extended.margins
    bound = BORDER if own else SLACK * tol * 10
    rules = operator.rules()
    mixed = (
        [("reflect", "periodic"), ("periodic", "reflect")] if len(case.core) == 2 and {"reflect", "periodic"} <= set(rules) else []
    )
    for words in (*((rule,) * len(case.core) for rule in rules), *mixed):
        _padded(case, words, bound, tol, own)


_BORDER_REMEDY = {
    True: "margins(at) must reach as far as depth().",
    False: "The kernel must return a result of the block's length whatever that is (irfftn needs s=), and leave the extension to the "
           "engine; see also influence.",
}  # fmt: skip


def _padded(case: Case, words: tuple[str, ...], bound: float, tol: float, own: bool) -> None:
    kernel: Kernel = case.call.kernel
    operator: Any = kernel.operator
    margins = {role: max(operator.depth(tol).get(role, (0, 0))) for role in kernel.roles}
    steps = math.lcm(*(operator.align().get(role, 1) for role in kernel.roles),
                     *(stride for port in kernel.outputs for stride in port.strides.values()))  # fmt: skip
    widths = {axis.dim: -(-margins[role] // steps) * steps for role, axis in zip(kernel.roles, kernel.axes, strict=True)}
    by_dim = dict(zip(case.core, words, strict=True))
    rules = tuple(by_dim[dim] for dim in operator.dims)  # boundary= follows the order of dims=
    rule = rules[0] if len(set(rules)) == 1 else rules
    ruled = case.replaced(lambda array: array, boundary=rule)
    beyond = "zero" if "zero" in operator.rules() else words[0]
    far = case.replaced(lambda array: _extended(array, widths, by_dim), boundary=beyond)
    wide, ports = far.whole, {port.name: port for port in kernel.outputs}
    for name, array in ruled.whole.items():
        if name not in ports or not set(case.core) <= set(array.dims):
            continue
        strides = ports[name].strides
        inner = {
            dim: slice(width // strides.get(dim, 1), width // strides.get(dim, 1) + array.sizes[dim])
            for dim, width in widths.items()
        }
        cut = wide[name].isel(inner)
        distance = difference(cut.values, array.values)
        if not distance <= bound:
            raise Failure(f"boundary={rule!r} is not explicit padding", expected=f"a relative rms difference of at most {bound:.1g}",
                          got=f"{distance:.2g}", remedy=_BORDER_REMEDY[own])  # fmt: skip
        for dim, end in itertools.product(case.core, (0, -1)):
            error = rms(cut.isel({dim: end}).values - array.isel({dim: end}).values) / (rms(array.values) or 1.0)
            if error > EDGE[own]:
                raise Failure(f"boundary={rule!r} is not explicit padding at the edge of {dim!r}", expected=f"at most {EDGE[own]:g} of the rms",
                              got=f"{error:.2g}", remedy=_BORDER_REMEDY[own])  # fmt: skip


def _extended(array: xr.DataArray, widths: Mapping[str, int], rules: Mapping[str, str]) -> xr.DataArray:
    """Return an array padded along some dims, each by its rule, their coordinates continued."""
    values = array.values
    for axis, dim in enumerate(map(str, array.dims)):
        if dim in widths:
            pads = [(widths[dim],) * 2 if other == axis else (0, 0) for other in range(array.ndim)]
            values = np.pad(values, pads, mode=PADDING[rules[dim]])
    coords: dict[str, Any] = {str(key): coord for key, coord in array.coords.items() if not set(coord.dims) & set(widths)}
    for dim, width in widths.items():
        if dim in array.coords:
            old = array[dim].values
            step = (old[-1] - old[0]) / (old.size - 1)
            coords[dim] = (dim, old[0] + step * (np.arange(old.size + 2 * width) - width), array[dim].attrs)
    return xr.DataArray(values, dims=array.dims, coords=coords, name=array.name, attrs=array.attrs)


CHECKS: tuple[Check, ...] = (reach_grows, influence, economy, halo_blocks, boundary)
