"""Evaluation of a fused stage on one region: which part of every node is needed, then each part once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scatflow.blocks.evaluate import evaluate, partial
from scatflow.contract import Ref
from scatflow.graph.kernel import Port
from scatflow.plan.stage import Box, Part, StageGraph, demands, input_box, part_of, reduces

Array = Any
Read = Callable[[Ref, Box], Array]


def evaluate_stage(graph: StageGraph, box: Box, read: Read, fft: str | None = None) -> dict[str, Array] | tuple[Array, ...]:
    """Evaluate a region.

    Parameters
    ----------
    graph : StageGraph
        The fused nodes.
    box : mapping
        The region: absolute ranges along free dims, of the target's output for a map, of its input for a reduction.
    read : callable
        ``read(ref, box)`` returns the block of a source or of an earlier stage's array.

    Returns
    -------
    dict or tuple
        The target's named results, or the partial state of its reduction.
    """
    wanted, _ = demands(graph, box)
    held: dict[tuple[str, Part], dict[str, Array]] = {}
    cache: dict[tuple[Ref, Part], Array] = {}

    def value(ref: Ref, part: Box) -> Array:
        if (ref.node, part_of(part)) in held:
            return held[ref.node, part_of(part)][ref.output]
        if (ref, part_of(part)) not in cache:
            cache[ref, part_of(part)] = read(ref, part)
        return cache[ref, part_of(part)]

    for step in graph.steps:
        for key in sorted(wanted[step.node]):
            part = dict(key)
            ends = step is graph.target and reduces(step)
            blocks = []
            for ref, port in zip(step.inputs, step.kernel.inputs, strict=True):
                if not isinstance(ref, Ref) or not isinstance(port, Port):
                    blocks.append(ref)
                    continue
                inner = part if ends else input_box(step.kernel, port, part)
                blocks.append(value(ref, {dim: r for dim, r in inner.items() if dim in port.dims}))
            if ends:
                return partial(step.kernel, blocks, part, fft)
            held[step.node, key] = evaluate(step.kernel, blocks, part, fft)
    return held[graph.target.node, part_of(box)]
