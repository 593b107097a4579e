"""Gradients of windowed operators on whole arrays: block derivatives, trimming, halos and boundary rules put together.

A block is pulled back with the cotangent of its own core alone; what comes back for its halo is added where the halo was
copied from. That is the adjoint of evaluating block by block, whatever the blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scatflow.arrays import namespace
from scatflow.blocks.adjoint import pulled
from scatflow.blocks.call import call_kernel, with_batch
from scatflow.blocks.halo import gather, reader
from scatflow.graph.halo import Box, Halo, halo_place, sources
from scatflow.graph.kernel import Kernel, Port, extended_place
from scatflow.spec import Place, within

Array = Any


def pull_back(
    kernel: Kernel, signal: np.ndarray, cotangents: Mapping[str, np.ndarray], boxes: Iterable[Box], tol: float | None
) -> np.ndarray:
    """Return the gradient of a window with respect to its whole input.

    Parameters
    ----------
    kernel : Kernel
        A bound Window that declares a derivative.
    signal : ndarray
        The input in kernel order.
    cotangents : mapping
        Result name -> cotangent of the whole result, in kernel order.
    boxes : iterable of mapping
        Boxes of the core dims that together cover them.
    tol : float or None
        Tolerance of the halos; None evaluates on the whole extended array, in a single box.

    Returns
    -------
    ndarray
        Shape of the signal.
    """
    total = np.zeros_like(signal)
    for box in boxes:
        place = with_batch(kernel, extended_place(kernel, {}) if tol is None else halo_place(kernel, box, Halo(tol)), {})
        total += _spread(kernel, _block_gradient(kernel, signal, cotangents, place), place, signal.shape)
    return total


def _block_gradient(kernel: Kernel, signal: np.ndarray, cotangents: Mapping[str, np.ndarray], place: Place) -> np.ndarray:
    xp = namespace(signal)
    block = gather(xp, kernel, reader(kernel, signal), place)
    found = call_kernel(xp, kernel, [block], place)
    given = {port.name: _untrimmed(kernel, port, place, cotangents[port.name], found[port.name]) for port in kernel.outputs}
    cotangent = given if len(given) > 1 else next(iter(given.values()))
    (gradient,) = pulled(xp, kernel, cotangent, [block], place)
    return np.asarray(gradient)


def _untrimmed(kernel: Kernel, port: Port, place: Place, cotangent: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return the cotangent of a kernel's whole result that has, outside the core, zeros: the adjoint of trimming."""
    out = np.zeros_like(like)
    inside: list[slice] = [slice(None)] * out.ndim
    whole: list[slice] = [slice(None)] * out.ndim
    for role, axis in zip(kernel.roles, kernel.axes, strict=True):
        if axis.dim in port.kernel_dims:
            where, index = port.kernel_dims.index(axis.dim), port.along(axis)
            part = within(index, *place.core[role])
            low = (part.start - index.start) // index.step
            first = (place.samples(role, index.step, index.start).start - index.start) // index.step
            whole[where] = slice(low, low + len(part))
            inside[where] = slice(low - first, low - first + len(part))
    out[tuple(inside)] = cotangent[tuple(whole)]
    return out


def _spread(kernel: Kernel, gradient: np.ndarray, place: Place, shape: tuple[int, ...]) -> np.ndarray:
    """Add every sample of a block where it was copied from: the adjoint of :func:`~scatflow.blocks.halo.gather`."""
    first = gradient.ndim - len(kernel.axes)
    for axis, index in enumerate(sources(kernel, place), first):
        moved = np.moveaxis(gradient, axis, 0)
        out = np.zeros((shape[axis], *moved.shape[1:]), dtype=gradient.dtype)
        np.add.at(out, index[index >= 0], moved[index >= 0])
        gradient = np.moveaxis(out, 0, axis)
    return gradient
