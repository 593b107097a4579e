"""Cutting a graph into stages: at reductions, at results, and at values that two stages use."""

from __future__ import annotations

from dataclasses import dataclass

from scatflow.contract import Reduce, Ref, Source
from scatflow.graph.validate import Bound


@dataclass(frozen=True)
class Cut:
    """One stage before chunks and regions are chosen: its target, the nodes it fuses, what it reads."""

    target: str
    nodes: tuple[str, ...]
    reads: tuple[Ref, ...]


def cut(bound: Bound, ends: frozenset[str] = frozenset()) -> tuple[Cut, ...]:
    """Return the stages of a graph in the order in which they can run.

    A stage is named by its target. Targets are the results, every reduction (its partial states end a stage), the nodes
    ``ends``, and every value that two stages would otherwise compute twice.
    """
    graph = bound.graph
    values = {node.id: node.value for node in graph.nodes}
    targets = {ref.node for ref in bound.targets.values()}
    targets |= {node for node, value in values.items() if isinstance(value, Reduce)}
    targets = (targets | ends) & _needed(bound)
    while True:
        stages = [_collect(bound, target, targets) for target in values if target in targets]
        counts: dict[str, int] = {}
        for stage in stages:
            for node in stage.nodes:
                counts[node] = counts.get(node, 0) + 1
        shared = {node for node, count in counts.items() if count > 1 and not isinstance(values[node], Source)}
        # Only the last shared values need storing: what lies before them is then computed once anyway.
        last = {n for n in shared if not any(n in _inputs(bound, m) for m in shared)}
        if not last:
            return tuple(stages)
        targets |= last


def _inputs(bound: Bound, node: str) -> set[str]:
    return {ref.node for ref in bound.inputs(node) if isinstance(ref, Ref)}


def _needed(bound: Bound) -> set[str]:
    found: set[str] = set()
    waiting = [ref.node for ref in bound.graph.results.values()]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += _inputs(bound, node)
    return found


def _collect(bound: Bound, target: str, targets: set[str]) -> Cut:
    """Return everything behind ``target`` up to sources and other targets."""
    graph = bound.graph
    nodes, reads = {target}, set()
    waiting = [target]
    while waiting:
        for ref in bound.inputs(waiting.pop()):
            if not isinstance(ref, Ref):
                continue
            if ref.node in targets or isinstance(graph.node(ref.node).value, Source):
                reads.add(ref)
            elif ref.node not in nodes:
                nodes.add(ref.node)
                waiting.append(ref.node)
    if isinstance(graph.node(target).value, Source):  # a result that is a source itself is copied
        reads |= {ref for ref in bound.targets.values() if ref.node == target}
    ordered = tuple(node.id for node in graph.nodes if node.id in nodes)
    return Cut(target, ordered, tuple(sorted(reads, key=lambda ref: (ref.node, ref.output))))
