"""Projected peak memory and work of one region task, from declared shapes and costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scatflow.contract import Extended, Ref
from scatflow.graph.bind import Call
from scatflow.graph.kernel import Kernel, Port, extended_place
from scatflow.plan.stage import Box, input_box
from scatflow.spec import ArraySpec, itemsize


@dataclass(frozen=True)
class Projection:
    """What one region task needs: peak bytes, floating-point operations, bytes read and written, flops by named part."""

    peak: int
    flops: float
    read: int
    written: int
    parts: Mapping[str, float]


def box_bytes(spec: ArraySpec, box: Box) -> int:
    """Return the bytes of a box of an array."""
    sizes = [box[dim][1] - box[dim][0] if dim in box else size for dim, size in spec.sizes.items()]
    return math.prod(sizes) * itemsize(spec.dtype)


def project(
    steps: Mapping[str, Call], inputs: Mapping[str, tuple[Ref | float, ...]], specs: Mapping[Ref, ArraySpec], box: Box
) -> Projection:
    """Project a region task of a stage.

    Parameters
    ----------
    steps : mapping
        Node id -> bound call, in topological order; the last is the target.
    inputs : mapping
        Node id -> references.
    specs : mapping
        Spec of every reference of the stage.
    box : mapping
        The region.

    Notes
    -----
    Blocks live from their making to the end of the task. While a node is evaluated its inputs in kernel order, the
    extended block, the declared extra bytes and the untrimmed result exist beside them; the written block exists once
    more in C order.
    """
    order = list(steps)
    boxes = _boxes(order, steps, inputs, box)
    live = read = 0
    for ref in _outside(order, inputs):
        read += box_bytes(specs[ref], boxes.get(ref.node, box))
    live, peak, flops = read, read, 0.0
    parts: dict[str, float] = {}
    for node in order:
        call = steps[node]
        out = sum(box_bytes(spec, boxes[node]) for spec in call.outputs.values())
        extra, work, shares = _extra(call, [specs[ref] if isinstance(ref, Ref) else ref for ref in inputs[node]], boxes[node])
        is_target = node == order[-1]
        peak = max(peak, live + extra + out * (2 if is_target else 1))
        live += out
        flops += work
        for name, share in shares.items():
            parts[name] = parts.get(name, 0.0) + share
    written = sum(box_bytes(spec, box) for spec in steps[order[-1]].outputs.values()) if order else read
    return Projection(max(peak, live + written), flops, read, written, parts)


def _outside(order: list[str], inputs: Mapping[str, tuple[Ref | float, ...]]) -> set[Ref]:
    return {ref for node in order for ref in inputs[node] if isinstance(ref, Ref) and ref.node not in order}


def _boxes(
    order: list[str], steps: Mapping[str, Call], inputs: Mapping[str, tuple[Ref | float, ...]], box: Box
) -> dict[str, dict[str, tuple[int, int]]]:
    """Return the box that the region needs of every node and of every reference read."""
    boxes: dict[str, dict[str, tuple[int, int]]] = {order[-1]: dict(box)} if order else {}
    for node in reversed(order):
        kernel = steps[node].kernel
        for ref, port in zip(inputs[node], kernel.inputs, strict=True):
            if isinstance(ref, Ref) and isinstance(port, Port):
                boxes[ref.node] = input_box(kernel, port, boxes[node])
    return boxes


def _extra(call: Call, specs: list[ArraySpec | float], box: Box) -> tuple[int, float, Mapping[str, float]]:
    """Return bytes beyond inputs and outputs, flops, and flops by part, of one node on a box."""
    kernel = call.kernel
    blocks = [
        _block(spec, port, box)
        for spec, port in zip(specs, kernel.inputs, strict=True)
        if isinstance(spec, ArraySpec) and isinstance(port, Port)
    ]
    inputs = sum(block.nbytes for block in blocks)
    if isinstance(kernel.operator, Extended):
        blocks = [_extended(kernel, block) for block in blocks]
    cost = kernel.operator.cost(*blocks)
    moved = sum(block.nbytes for block in blocks) if isinstance(kernel.operator, Extended) else 0
    return int(cost.bytes) + moved + inputs // 4, float(cost.flops), cost.parts


def _block(spec: ArraySpec, port: Port, box: Box) -> ArraySpec:
    shape = tuple(box[dim][1] - box[dim][0] if dim in box else size for dim, size in spec.sizes.items())
    return replace(replace(spec, shape=shape, coords={}, chunks=None).transpose(port.kernel_dims), dtype=port.dtype)


def _extended(kernel: Kernel, block: ArraySpec) -> ArraySpec:
    ranges = {axis.dim: max(axis.spans(), key=lambda span: span[1] - span[0]) for axis in kernel.axes}
    place = extended_place(kernel, ranges)
    sizes = {axis.dim: place.stop[role] - place.start[role] for role, axis in zip(kernel.roles, kernel.axes, strict=True)}
    return replace(block, shape=tuple(sizes.get(dim, size) for dim, size in block.sizes.items()))
