"""Absence and gaps (U4): spans of valid data, the reach of NaN, masks and valid fractions.

Leading and trailing NaN along a single core dim is absence: the span between is the signal and its ends are
boundaries. Interior NaN follows the policy of the operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scatflow.arrays import asnumpy, extend
from scatflow.contract import Extended, Window
from scatflow.errors import ChunkError, DataError, ParameterError
from scatflow.graph.kernel import REACH_TOLERANCE, Kernel, Port, extended_place, trim, weight_rows
from scatflow.spec import Place, within

Array = Any
Ranges = Mapping[str, tuple[int, int]]
Dense = Callable[[Array, Ranges], Mapping[str, Array]]

#: Name of the extra result under the policy ``mask``.
FRACTION = "valid_fraction"


def evaluate(xp: Any, kernel: Kernel, block: Array, ranges: Ranges, dense: Dense) -> Mapping[str, Array]:
    """Evaluate a span that holds NaN: ``dense`` is called on blocks without any."""
    assert isinstance(kernel.operator, Window)
    if len(kernel.core) != 1 or not kernel.operator.has_absence():
        return _policy(xp, kernel, block, ranges, dense)
    items = xp.reshape(block, (-1, block.shape[-1]))
    batch = block.ndim - 1
    refuse(kernel, asnumpy(_interior(xp, xp.isnan(block))), [ranges[dim][0] for dim in kernel.core])
    out: dict[str, Array] = {}
    for (first, last), members in _groups(asnumpy(~xp.isnan(items))).items():
        index = xp.asarray(members, device=block.device)
        if first == last:  # nothing valid: the results stay NaN, the fraction 0
            continue
        (dim,) = kernel.core
        low = ranges[dim][0]
        inner = {dim: (low + first, low + last)}
        part = xp.take(items, index, axis=0)[:, first:last]
        for name, whole in _policy(xp, kernel, batched(xp, part, batch), inner, dense).items():
            value = xp.reshape(whole, (len(members), *whole.shape[batch:]))
            out.setdefault(name, blank(xp, kernel, name, value, items.shape[0], ranges))
            put(kernel, out[name], name, value, members, inner, ranges)
    if not out:
        sample = dict(dense(batched(xp, xp.zeros_like(items[:1]), batch), ranges))
        if FRACTION in (port.name for port in kernel.outputs):
            sample[FRACTION] = fraction(xp, kernel, batched(xp, xp.isnan(items[:1]), batch), ranges)
        for name, value in sample.items():
            one = xp.reshape(value, (1, *value.shape[batch:]))
            out[name] = blank(xp, kernel, name, one, items.shape[0], ranges)
    return {name: xp.reshape(value, (*block.shape[:-1], *value.shape[1:])) for name, value in out.items()}


def batched(xp: Any, items: Array, batch: int) -> Array:
    """Return (k, n) items with as many batch axes as the kernel's labels have."""
    return xp.reshape(items, (*((items.shape[0],) + (1,) * (batch - 1))[:batch], items.shape[-1]))


def _groups(valid: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Return items by their span [first, last) of valid samples; (0, 0) when there is none."""
    first = np.argmax(valid, axis=1)
    last = valid.shape[1] - np.argmax(valid[:, ::-1], axis=1)
    last[~valid.any(axis=1)] = 0
    keys = np.stack([first, last], axis=1)
    found, inverse = np.unique(keys, axis=0, return_inverse=True)
    return {(int(a), int(b)): np.flatnonzero(inverse.reshape(-1) == i) for i, (a, b) in enumerate(found)}


def _port(kernel: Kernel, name: str) -> Port:
    return next(port for port in kernel.outputs if port.name == name)


def _core_axis(kernel: Kernel, name: str) -> int | None:
    """Return the position of the core dim counted from the end (leading batch axes may be flattened), or None."""
    dims = _port(kernel, name).kernel_dims
    return dims.index(kernel.core[0]) - len(dims) if kernel.core[0] in dims else None


def _samples(kernel: Kernel, name: str, ranges: Ranges) -> range:
    (axis,) = kernel.axes
    index = _port(kernel, name).along(axis)
    part = within(index, *ranges[axis.dim])
    first = (part.start - index.start) // index.step
    return range(first, first + len(part))


def marked(xp: Any, kernel: Kernel, block: Array) -> Array:
    """Return a block with NaN where the sentinel of missing values stands."""
    assert isinstance(kernel.operator, Extended)
    missing = kernel.operator.missing
    return block if missing is None else xp.where(block == missing, xp.asarray(xp.nan, dtype=block.dtype), block)


def blank(xp: Any, kernel: Kernel, name: str, value: Array, count: int, ranges: Ranges) -> Array:
    """Return an empty result for so many items on a range of the only core dim, like that of some of them."""
    shape = [count, *value.shape[1:]]
    axis = _core_axis(kernel, name)
    if axis is not None:
        shape[axis] = len(_samples(kernel, name, ranges))
    return xp.full(tuple(shape), 0.0 if name == FRACTION else xp.nan, dtype=value.dtype, device=value.device)


def put(kernel: Kernel, out: Array, name: str, value: Array, members: np.ndarray, inner: Ranges, ranges: Ranges) -> None:
    """Write the result of some items on a part of a range into that of all."""
    axis = _core_axis(kernel, name)
    window: list[Any] = [slice(None)] * (out.ndim - 1)
    if axis is not None:
        here, whole = _samples(kernel, name, inner), _samples(kernel, name, ranges)
        window[axis] = slice(here.start - whole.start, here.stop - whole.start)
    for row, member in enumerate(members.tolist()):
        out[(member, *window)] = value[row, ...]


def _policy(xp: Any, kernel: Kernel, block: Array, ranges: Ranges, dense: Dense) -> Mapping[str, Array]:
    operator = kernel.operator
    assert isinstance(operator, Window)
    hole = xp.isnan(block)
    results: Mapping[str, Array]
    wants_fraction = FRACTION in (port.name for port in kernel.outputs)
    if not bool(xp.any(hole)):
        results = dense(block, ranges)
        return {**results, FRACTION: fraction(xp, kernel, ~hole, ranges)} if wants_fraction else results
    refuse(kernel, asnumpy(hole), [ranges[dim][0] for dim in kernel.core])
    if operator.nan == "propagate":
        results = dense(xp.where(hole, xp.zeros_like(block), block), ranges)
        place = extended_place(kernel, ranges)
        widths = [(place.core[r][0] - place.start[r], place.stop[r] - place.core[r][1]) for r in kernel.roles]
        holes = extend(xp, hole, widths, kernel.boundary)
        return {name: poison(xp, kernel, name, value, holes, place) for name, value in results.items()}
    fill = _past_mean(xp, block, hole) if operator.causal() else _valid_mean(xp, block, hole, len(kernel.core))
    results = dense(xp.where(hole, fill, block), ranges)
    return weighed(xp, kernel, results, ~hole, ranges)


def weighed(
    xp: Any, kernel: Kernel, results: Mapping[str, Array], valid: Array, ranges: Ranges, part: tuple[Ranges, Ranges] | None = None
) -> Mapping[str, Array]:
    """Return results with the share of smoothing weight on valid samples, NaN where it is thin; arguments as for :func:`fraction`."""
    operator = kernel.operator
    assert isinstance(operator, Window)
    share = fraction(xp, kernel, valid, ranges, part)
    if operator.causal():
        share = xp.where(_at_outputs(kernel, ~valid, ranges), xp.zeros_like(share), share)
    border = fraction(xp, kernel, xp.ones_like(valid), ranges, part)
    thin = share < operator.min_valid * border
    masked = {name: _where(xp, kernel, name, thin, value) for name, value in results.items()}
    return {**masked, FRACTION: share}


def _interior(xp: Any, hole: Array) -> Array:
    """Return the holes along the last axis that lie between valid samples."""
    since = xp.cumulative_sum(xp.astype(~hole, xp.int64), axis=-1)
    return hole & (since > 0) & (since < since[..., -1:])


def refuse(kernel: Kernel, hole: np.ndarray, starts: Sequence[int]) -> None:
    """Raise DataError for holes under the policy ``error``; ``starts`` tells where along the core axes the block starts."""
    operator = kernel.operator
    assert isinstance(operator, Window)
    where = np.argwhere(hole)
    if operator.nan != "error" or not len(where):
        return
    low = [0] * (hole.ndim - len(kernel.core)) + list(starts)
    first = tuple(int(k) + a for k, a in zip(where[0], low, strict=True))
    raise DataError(f"{operator.name} input", f"{len(where)} interior NaN under nan='error'", got=f"first at {first}",
                    remedy="Choose nan='propagate' or nan='mask', or fill the gaps.")  # fmt: skip


def _valid_mean(xp: Any, block: Array, hole: Array, core: int) -> Array:
    """Return each item's mean over valid samples: the fill that disturbs band-pass results least."""
    axes = tuple(range(block.ndim - core, block.ndim))
    filled = xp.astype(xp.where(hole, xp.zeros_like(block), block), xp.float64)
    count = xp.sum(xp.astype(~hole, xp.float64), axis=axes, keepdims=True)
    mean = xp.sum(filled, axis=axes, keepdims=True) / xp.where(count > 0, count, xp.ones_like(count))
    return xp.astype(mean, block.dtype)


def _past_mean(xp: Any, block: Array, hole: Array) -> Array:
    """Return at every sample the mean over valid samples up to there, so that no gap is filled from what comes later."""
    filled = xp.astype(xp.where(hole, xp.zeros_like(block), block), xp.float64)
    count = xp.cumulative_sum(xp.astype(~hole, xp.float64), axis=-1)
    mean = xp.cumulative_sum(filled, axis=-1) / xp.where(count > 0, count, xp.ones_like(count))
    return xp.astype(mean, block.dtype)


def _at_outputs(kernel: Kernel, hole: Array, ranges: Ranges) -> Array:
    """Return which results of one core dim lie on a missing sample: whether a gap ends there is only known later."""
    (axis,) = kernel.axes
    low, high = ranges[axis.dim]
    part = within(kernel.outputs[0].along(axis), low, high)
    return hole[..., part.start - low : part.stop - low : part.step]


def poison(xp: Any, kernel: Kernel, name: str, value: Array, hole: Array, place: Place) -> Array:
    """Set to NaN every result of an extended block that a NaN of it can reach within the tabulated depth.

    Kernels take the block as periodic, so what reaches beyond one end of it comes in at the other.
    """
    operator = kernel.operator
    assert isinstance(operator, Window)
    try:
        depth = operator.depth(REACH_TOLERANCE)
    except ChunkError:  # no usable decay: a NaN reaches the whole span
        depth = {role: (place.size[role] * 8, place.size[role] * 8) for role in kernel.roles}
    count = xp.astype(hole, xp.float64)
    port = _port(kernel, name)
    for offset, (role, axis) in enumerate(zip(kernel.roles, kernel.axes, strict=True)):
        where = count.ndim - len(kernel.roles) + offset
        index = port.along(axis)
        samples = np.asarray(place.samples(role, index.step, index.start)) - place.start[role]
        n, head = count.shape[where], (slice(None),) * where
        before, after = (min(reach, n) for reach in depth[role])
        count = xp.concat([count[(*head, slice(n - before, None), ...)], count, count[(*head, slice(0, after), ...)]], axis=where)
        low, high = samples, np.minimum(samples + before + after + 1, n + before + after)
        total = xp.cumulative_sum(count, axis=where, include_initial=True)
        count = xp.take(total, xp.asarray(high, device=count.device), axis=where)
        count = count - xp.take(total, xp.asarray(low, device=count.device), axis=where)
        count = trim(count, place, role, index, place.core[role], where)
    return _where(xp, kernel, name, count > 0.5, value)


def _where(xp: Any, kernel: Kernel, name: str, bad: Array, value: Array) -> Array:
    """Put NaN where ``bad`` (batch axes, then core axes) holds, whatever other axes the result has."""
    dims = _port(kernel, name).kernel_dims
    batch = bad.ndim - len(kernel.core)
    lost = [bad.ndim - len(kernel.core) + i for i, dim in enumerate(kernel.core) if dim not in dims]
    if lost:
        bad = xp.any(bad, axis=tuple(lost))
    live = [dim for dim in kernel.core if dim in dims]
    shape = [*bad.shape[:batch], *(1 for _ in range(value.ndim - batch))]
    for i, dim in enumerate(live):
        shape[dims.index(dim) - len(dims)] = bad.shape[batch + i]
    return xp.where(xp.reshape(bad, tuple(shape)), xp.asarray(xp.nan, dtype=value.dtype, device=value.device), value)


def fraction(xp: Any, kernel: Kernel, valid: Array, ranges: Ranges, part: tuple[Ranges, Ranges] | None = None) -> Array:
    """Return the share of smoothing weight on real, valid samples for every output sample (float32).

    Parameters
    ----------
    xp : Namespace
        The array's namespace.
    kernel : Kernel
        A bound Window that declares its coverage.
    valid : array of bool
        Batch axes, then core axes.
    ranges : mapping
        Core dim -> range of the signal.
    part : tuple of mapping, optional
        Ranges of the input whose results are wanted, and those that ``valid`` covers; default the whole signal for both.
    """
    operator = kernel.operator
    assert isinstance(operator, Window)
    place = extended_place(kernel, ranges)
    port = kernel.outputs[0]
    share = xp.astype(valid, xp.float64)
    for offset, (role, axis) in enumerate(zip(kernel.roles, kernel.axes, strict=True)):
        where = share.ndim - len(kernel.roles) + offset
        share, parts = xp.moveaxis(share, where, -1), []
        box, first = (place.core[role], 0) if part is None else (part[0][axis.dim], part[1][axis.dim][0] - place.core[role][0])
        samples = within(port.along(axis), *box)
        for _, columns, weights in weight_rows(operator, place, role, samples, whole=True):
            if weights is None:
                raise ParameterError(f"{operator.name}.nan", "the policy 'mask' needs an operator that declares its coverage",
                                     remedy="Choose nan='propagate', or implement coverage().")  # fmt: skip
            columns = slice(columns.start - first, columns.stop - first)
            parts.append(share[..., columns] @ xp.asarray(weights.T, dtype=xp.float64, device=share.device))
        empty = xp.zeros((*share.shape[:-1], 0), dtype=share.dtype, device=share.device)
        share = xp.moveaxis(xp.concat(parts, axis=-1) if parts else empty, -1, where)
    return xp.astype(share, xp.float32)
