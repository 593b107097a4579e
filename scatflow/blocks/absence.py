"""Boxes of one core dim whose signal begins late or ends early (U4): the span of valid data is the signal, whoever sees it.

A box cannot tell absence from a gap where NaN reaches the end of its block, nor where the other end is at which its block goes
on; only there more of the axis is read, from both of its ends until every item has shown a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scatflow.arrays import asnumpy
from scatflow.blocks import gaps
from scatflow.contract import Extended
from scatflow.graph.halo import Box, Halo, halo_place
from scatflow.graph.kernel import Kernel, extended_place
from scatflow.spec import Place

Array = Any
#: Per item, the first valid sample and one past the last.
Ends = tuple[np.ndarray, np.ndarray]
#: Returns the block of a box of the core axes, in kernel order.
Read = Callable[[Box], Array]
#: Evaluates the items that have their signal in the span of a place: from rows (items, samples) or all at once.
Evaluate = Callable[[Place, np.ndarray | None], Mapping[str, Array]]


def concerns(kernel: Kernel, hole: np.ndarray, place: Place) -> bool:
    """Tell whether absence may change the results of a box, given where its block, shape (..., samples), is NaN.

    It may where NaN reaches an end of the block, and where the block goes on at the other end of the signal: where that is,
    only the other end tells.
    """
    assert isinstance(kernel.operator, Extended)
    if len(kernel.core) != 1 or not kernel.operator.has_absence():
        return False
    (role,), (axis,) = kernel.roles, kernel.axes
    (low, high), span = place.core[role], place.span[role]
    whole = extended_place(kernel, {axis.dim: span})
    if place.start[role] < whole.start[role] or place.stop[role] > whole.stop[role]:
        return True
    inside = hole[..., low - place.start[role] : high - place.start[role]]
    beyond = place.start[role] < span[0] or place.stop[role] > span[1]
    open_ended = hole.any(axis=-1) if beyond else hole[..., 0] | hole[..., -1]
    return bool(np.any(open_ended & ~inside.all(axis=-1)))


def evaluate(
    xp: Any, kernel: Kernel, ends: Ends, place: Place, halo: Halo, batch: tuple[int, ...], dense: Evaluate
) -> Mapping[str, Array]:
    """Return the results of a box, each item extended at the ends of its own data.

    Parameters
    ----------
    xp : Namespace
        Of the blocks.
    kernel : Kernel
        A bound Window over one core dim.
    ends : tuple of ndarray
        Where the data of every item begin and end; see :func:`ends`.
    place : Place
        The box with its halo.
    halo : Halo
        How far blocks look beyond their boxes.
    batch : tuple of int
        Lengths of the batch axes.
    dense : callable
        Evaluates items on a place.
    """
    (dim,), (role,) = kernel.core, kernel.roles
    box = {dim: place.core[role]}
    first, last = ends
    out: dict[str, Array] = {}
    for span in sorted(set(zip(first.tolist(), last.tolist(), strict=True))):
        members = np.flatnonzero((first == span[0]) & (last == span[1]))
        low, high = max(span[0], box[dim][0]), min(span[1], box[dim][1])
        if low >= high:  # nothing of these items lies in the box
            continue
        near = halo_place(kernel, {dim: (low, high)}, halo, {dim: span})
        for name, value in dense(replace(near, batch=place.batch, items=place.items), members).items():
            rows = xp.reshape(value, (len(members), *value.shape[len(batch) :]))
            out.setdefault(name, gaps.blank(xp, kernel, name, rows, len(first), box))
            gaps.put(kernel, out[name], name, rows, members, {dim: (low, high)}, box)
    if not out:
        return {name: xp.full_like(value, 0.0 if name == gaps.FRACTION else xp.nan) for name, value in dense(place, None).items()}
    return {name: xp.reshape(value, (*batch, *value.shape[1:])) for name, value in out.items()}


def ends(kernel: Kernel, read: Read, place: Place, hole: np.ndarray) -> Ends:
    """Return, per item, the first valid sample of a span and one past the last; the span's end and start where there is none.

    ``hole`` tells where the block of the place is NaN, ``read`` returns the block of a range of the core dim, in kernel order.
    """
    (dim,), (role,) = kernel.core, kernel.roles
    (items, length), span = hole.reshape(-1, hole.shape[-1]).shape, place.span[role]
    first, last = np.full(items, span[1]), np.full(items, span[0])
    for low in range(span[0], span[1], length):
        valid = _valid(read, dim, (low, min(low + length, span[1])), items)
        found = valid.any(axis=1) & (first == span[1])
        first[found] = low + valid[found].argmax(axis=1)
        if (first < span[1]).all():
            break
    for high in range(span[1], span[0], -length):
        valid = _valid(read, dim, (max(high - length, span[0]), high), items)
        found = valid.any(axis=1) & (last == span[0])
        last[found] = high - valid[found][:, ::-1].argmax(axis=1)
        if (last > span[0]).all() or not (first < span[1]).any():
            break
    return first, last


def _valid(read: Read, dim: str, part: tuple[int, int], items: int) -> np.ndarray:
    valid: np.ndarray = ~np.isnan(asnumpy(read({dim: part}))).reshape(items, -1)
    return valid
