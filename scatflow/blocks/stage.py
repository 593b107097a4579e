"""Evaluation of a fused stage on one region, from its target back to what is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scatflow.arrays import namespace
from scatflow.blocks.evaluate import evaluate, evaluate_part, partial, partial_box
from scatflow.contract import Reduce, Ref, Select
from scatflow.graph.halo import joined
from scatflow.graph.kernel import Port
from scatflow.graph.selection import needed, take, unnamed
from scatflow.plan.stage import Box, Part, StageGraph, Step, held_box, input_box, is_split, part_of

Array = Any
Read = Callable[[Ref, Box], Array]


def evaluate_stage(graph: StageGraph, box: Box, read: Read, fft: str | None = None) -> dict[str, Array] | tuple[Array, ...]:
    """Evaluate a region: the target, and of what lies before it each box that is asked for, once.

    Parameters
    ----------
    graph : StageGraph
        The fused nodes.
    box : mapping
        The region: absolute ranges along dims that are split, those of the target's input along core dims and for a reduction.
    read : callable
        ``read(ref, box)`` returns the block of a source or of an earlier stage's array.

    Returns
    -------
    dict or tuple
        The target's named results, or the partial state of its reduction.
    """
    steps = {step.node: step for step in graph.steps}
    held: dict[tuple[str, Part], dict[str, Array]] = {}
    cache: dict[tuple[Ref, Part], Array] = {}

    def value(ref: Ref, part: Box) -> Array:
        if ref.node not in steps:
            if (ref, part_of(part)) not in cache:
                cache[ref, part_of(part)] = read(ref, part)
            return cache[ref, part_of(part)]
        step = steps[ref.node]
        whole = held_box(step.kernel, step.halo, ref.output, part)
        if (ref.node, part_of(whole)) not in held:
            found = _node(step, whole, value, fft)
            assert isinstance(found, dict)  # a reduction ends its stage
            held[ref.node, part_of(whole)] = found
        return _cut(step, ref.output, held[ref.node, part_of(whole)][ref.output], part)

    try:
        return _node(graph.target, box, value, fft)
    finally:  # a function that refers to itself keeps what it holds until cycles are searched, many regions later
        held.clear()
        cache.clear()


def _cut(step: Step, output: str, block: Array, part: Box) -> Array:
    """Return the part of a result whose core dims are whole because no region splits them."""
    inner = [dim for dim in step.kernel.core if dim in part and step.halo is None]
    if not inner:
        return block
    port = next(port for port in step.kernel.outputs if port.name == output)
    return block[tuple(slice(*part[dim]) if dim in inner else slice(None) for dim in port.dims)]


def _selected(step: Step, part: Box, value: Read) -> dict[str, Array]:
    """Return what a selection takes of the ranges that it reads, put one after the other."""
    (ref,), ranges = step.inputs, needed(step.kernel, part)
    assert isinstance(ref, Ref)

    def read(box: Box) -> Array:
        return value(ref, unnamed(step.kernel, box))

    xp = namespace(read({dim: parts[0] for dim, parts in ranges.items()}))
    return {"": take(xp, step.kernel, joined(xp, tuple(ranges), tuple(ranges.values()), read), part)}


def _node(step: Step, part: Box, value: Read, fft: str | None) -> dict[str, Array] | tuple[Array, ...]:
    """Return the results of a node on a box of it, or the state of a reduction."""
    kernel = step.kernel
    ends = isinstance(kernel.operator, Reduce)
    if is_split(step, part):
        (ref, *summary), port = step.inputs, kernel.inputs[0]
        assert isinstance(ref, Ref) and isinstance(port, Port) and step.halo is not None
        outer = input_box(kernel, port, {dim: span for dim, span in part.items() if dim not in kernel.core})

        def near(core: Box) -> Array:
            return value(ref, {**outer, **core})

        known = [value(one, outer) for one in summary if isinstance(one, Ref)]
        return (partial_box if ends else evaluate_part)(kernel, near, part, step.halo, fft, known)
    if isinstance(kernel.operator, Select):
        return _selected(step, part, value)
    blocks = [
        value(ref, input_box(kernel, port, part)) if isinstance(ref, Ref) and isinstance(port, Port) else ref
        for ref, port in zip(step.inputs, kernel.inputs, strict=True)
    ]
    return (partial if ends else evaluate)(kernel, blocks, part, fft)
