"""Projected peak memory and work of one region task, from declared shapes and costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scatflow.contract import Extended, Ref
from scatflow.graph.bind import Call
from scatflow.graph.halo import Halo, halo_place, seen, weighs_gaps
from scatflow.graph.kernel import Kernel, Port, extended_place
from scatflow.plan.stage import Box, held_box, input_box, output_box
from scatflow.spec import ArraySpec, itemsize

#: Stored chunks that are decoded at the same time for one read, as the store is set up.
DECODED = 4


@dataclass(frozen=True)
class Projection:
    """What one region task needs: peak bytes, floating-point operations, bytes read and written, flops by named part.

    ``decoded`` are the bytes, among those of the peak, of stored chunks that are decoded whole.
    """

    peak: int
    flops: float
    read: int
    written: int
    parts: Mapping[str, float]
    decoded: int = 0

    def repeated(self, count: int, written: int) -> Projection:
        """Return what as many blocks need one after the other, whose results are written together."""
        if count == 1:
            return self
        shares = {name: count * share for name, share in self.parts.items()}
        return Projection(self.peak + written, count * self.flops, count * self.read, written, shares, self.decoded)


def box_bytes(spec: ArraySpec, box: Box) -> int:
    """Return the bytes of a box of an array."""
    sizes = [box[dim][1] - box[dim][0] if dim in box else size for dim, size in spec.sizes.items()]
    return math.prod(sizes) * itemsize(spec.dtype)


def project(
    steps: Mapping[str, Call], inputs: Mapping[str, tuple[Ref | float, ...]], specs: Mapping[Ref, ArraySpec], box: Box,
    halos: Mapping[str, Halo] | None = None,
) -> Projection:  # fmt: skip
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
    halos : mapping, optional
        Node id -> halo, of nodes whose core dims are split.

    Notes
    -----
    Blocks live from their making to the end of the task. While a node is evaluated its inputs in kernel order, the
    extended block, the declared extra bytes and the untrimmed result exist beside them; the written block exists once
    more in C order.
    """
    order, halos = list(steps), halos or {}
    boxes = _boxes(order, steps, inputs, box, halos)
    decoded = read = 0
    for ref in _outside(order, inputs):
        read += box_bytes(specs[ref], boxes.get(ref.node, box))
    if halos:  # stored chunks are decoded whole, several at a time, of which a region then takes parts
        decoded = sum(min(DECODED * _chunk_bytes(specs[ref]), specs[ref].nbytes) for ref in _outside(order, inputs))
    live, peak, flops = decoded + read, decoded + read, 0.0
    parts: dict[str, float] = {}
    for node in order:
        call = steps[node]
        out = sum(_result_bytes(call, spec, name, boxes[node]) for name, spec in call.outputs.items())
        extra, work, shares = _extra(
            call, [specs[ref] if isinstance(ref, Ref) else ref for ref in inputs[node]], boxes[node], halos.get(node)
        )
        is_target = node == order[-1]
        peak = max(peak, live + extra + out * (2 if is_target else 1))
        live += out
        flops += work
        for name, share in shares.items():
            parts[name] = parts.get(name, 0.0) + share
    last = order[-1] if order else ""
    written = sum(_result_bytes(steps[last], spec, name, box) for name, spec in steps[last].outputs.items()) if order else read
    return Projection(max(peak, live + written), flops, read, written, parts, decoded)


def _result_bytes(call: Call, spec: ArraySpec, name: str, box: Box) -> int:
    """Return the bytes of a result of a node on a box of it."""
    port = next(port for port in call.kernel.outputs if port.name == name)
    return box_bytes(spec, output_box(call.kernel, port, box))


def _chunk_bytes(spec: ArraySpec) -> int:
    """Return the bytes of the largest stored chunk, 0 where nothing is known of any."""
    return math.prod(max(sizes, default=0) for sizes in spec.chunks) * itemsize(spec.dtype) if spec.chunks else 0


def _outside(order: list[str], inputs: Mapping[str, tuple[Ref | float, ...]]) -> set[Ref]:
    return {ref for node in order for ref in inputs[node] if isinstance(ref, Ref) and ref.node not in order}


def _boxes(
    order: list[str], steps: Mapping[str, Call], inputs: Mapping[str, tuple[Ref | float, ...]], box: Box, halos: Mapping[str, Halo]
) -> dict[str, dict[str, tuple[int, int]]]:
    """Return boxes of the lengths that the region needs of every node and of every reference read."""
    boxes: dict[str, dict[str, tuple[int, int]]] = {order[-1]: dict(box)} if order else {}
    for node in reversed(order):
        kernel = steps[node].kernel
        for ref, port in zip(inputs[node], kernel.inputs, strict=True):
            if isinstance(ref, Ref) and isinstance(port, Port):
                inner = input_box(kernel, port, boxes[node]) | _halo_box(kernel, boxes[node], halos.get(node))
                made = steps.get(ref.node)
                boxes[ref.node] = inner if made is None else held_box(made.kernel, halos.get(ref.node), ref.output, inner)
    return boxes


def _halo_box(kernel: Kernel, box: Box, halo: Halo | None) -> dict[str, tuple[int, int]]:
    """Return ranges as long as the block of a split node, but no longer than its axes."""
    core = {dim: span for dim, span in box.items() if dim in kernel.core}
    if halo is None or not core or not isinstance(kernel.operator, Extended):
        return {}
    place = halo_place(kernel, core, halo)
    counted = seen(kernel, place) if weighs_gaps(kernel) else core
    lengths = {dim: high - low for dim, (low, high) in counted.items()}  # at the ends of axes the block may be the longer
    return {
        axis.dim: (0, min(axis.size, max(lengths.get(axis.dim, 0), place.stop[role] - place.start[role])))
        for role, axis in zip(kernel.roles, kernel.axes, strict=True)
    }


def _extra(call: Call, specs: list[ArraySpec | float], box: Box, halo: Halo | None) -> tuple[int, float, Mapping[str, float]]:
    """Return bytes beyond inputs and outputs, flops, and flops by part, of one node on a box."""
    kernel = call.kernel
    blocks = [
        _block(spec, port, box)
        for spec, port in zip(specs, kernel.inputs, strict=True)
        if isinstance(spec, ArraySpec) and isinstance(port, Port)
    ]
    inputs = sum(block.nbytes for block in blocks)
    if isinstance(kernel.operator, Extended):
        blocks = [_extended(kernel, blocks[0], box, halo)]
    cost = kernel.operator.cost(*blocks)
    moved = sum(block.nbytes for block in blocks) if isinstance(kernel.operator, Extended) else 0
    if halo is not None and any(dim in box for dim in kernel.core):
        moved *= 3  # at the ends of axes what is read comes in pieces, which are joined, then put in order along every axis
    return int(cost.bytes) + moved + inputs // 4, float(cost.flops), cost.parts


def _block(spec: ArraySpec, port: Port, box: Box) -> ArraySpec:
    shape = tuple(box[dim][1] - box[dim][0] if dim in box else size for dim, size in spec.sizes.items())
    return replace(replace(spec, shape=shape, coords={}, chunks=None).transpose(port.kernel_dims), dtype=port.dtype)


def _extended(kernel: Kernel, block: ArraySpec, box: Box, halo: Halo | None) -> ArraySpec:
    ranges = {axis.dim: max(axis.spans(), key=lambda span: span[1] - span[0]) for axis in kernel.axes}
    core = {dim: span for dim, span in box.items() if dim in kernel.core}
    place = extended_place(kernel, ranges) if halo is None or not core else halo_place(kernel, core, halo)
    sizes = {axis.dim: place.stop[role] - place.start[role] for role, axis in zip(kernel.roles, kernel.axes, strict=True)}
    return replace(block, shape=tuple(sizes.get(dim, size) for dim, size in block.sizes.items()))
