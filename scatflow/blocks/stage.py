"""Evaluation of a fused stage on one region: which part of every node is needed, then each part once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scatflow.blocks.evaluate import evaluate, partial
from scatflow.contract import Reduce, Ref
from scatflow.graph.kernel import Port
from scatflow.plan.stage import Box, StageGraph, Step, input_box

Array = Any
_Key = tuple[tuple[str, tuple[int, int]], ...]


Read = Callable[[Ref, Box], Array]


def _key(box: Box) -> _Key:
    return tuple(sorted(box.items()))


def _demands(graph: StageGraph, box: Box) -> dict[str, set[_Key]]:
    """Return, per node, the boxes of its output that the region needs (reverse topological order)."""
    wanted: dict[str, set[_Key]] = {step.node: set() for step in graph.steps}
    wanted[graph.target.node] = {_key(box)}
    for step in reversed(graph.steps):
        for key in wanted[step.node]:
            for ref, port in zip(step.inputs, step.kernel.inputs, strict=True):
                if isinstance(ref, Ref) and isinstance(port, Port) and ref.node in wanted:
                    inner = dict(key) if step is graph.target and _reduces(step) else input_box(step.kernel, port, dict(key))
                    wanted[ref.node].add(_key({dim: r for dim, r in inner.items() if dim in port.dims}))
    return wanted


def _reduces(step: Step) -> bool:
    return isinstance(step.kernel.operator, Reduce)


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
    wanted = _demands(graph, box)
    held: dict[tuple[str, _Key], dict[str, Array]] = {}
    cache: dict[tuple[Ref, _Key], Array] = {}

    def value(ref: Ref, part: Box) -> Array:
        if (ref.node, _key(part)) in held:
            return held[ref.node, _key(part)][ref.output]
        if (ref, _key(part)) not in cache:
            cache[ref, _key(part)] = read(ref, part)
        return cache[ref, _key(part)]

    for step in graph.steps:
        for key in sorted(wanted[step.node]):
            part = dict(key)
            reduces = step is graph.target and _reduces(step)
            blocks = []
            for ref, port in zip(step.inputs, step.kernel.inputs, strict=True):
                if not isinstance(ref, Ref) or not isinstance(port, Port):
                    blocks.append(ref)
                    continue
                inner = part if reduces else input_box(step.kernel, port, part)
                blocks.append(value(ref, {dim: r for dim, r in inner.items() if dim in port.dims}))
            if reduces:
                return partial(step.kernel, blocks, part, fft)
            held[step.node, key] = evaluate(step.kernel, blocks, part, fft)
    return held[graph.target.node, _key(box)]
