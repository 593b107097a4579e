"""Summaries of whole signals put before the nodes whose parts need them: an ordinary reduction, read as a small second input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scatflow.contract import Core, Ref
from scatflow.contract.summary import can_have_gaps, needs_summary, summary_of
from scatflow.graph.bind import Call, bind
from scatflow.graph.kernel import Port
from scatflow.graph.model import Node, fresh
from scatflow.graph.validate import Bound
from scatflow.plan.stage import StageGraph, Step
from scatflow.spec import ArraySpec


@dataclass(frozen=True)
class Summarized:
    """A graph with summaries, and of every new node what it is called: a summary after the node it serves, a copy after the original."""

    bound: Bound
    names: Mapping[str, tuple[str, str]]


def summarized(bound: Bound, stages: Sequence[StageGraph]) -> Summarized | None:
    """Return the graph with a summary before every node that stages split and that has to know of the whole; None without any.

    What such a node reads from its own stage is computed once more for the summary, so that nothing of full size is stored.
    """
    work = _Summaries(bound)
    wanted: dict[str, Mapping[str, Step]] = {}
    for stage in stages:
        steps = {step.node: step for step in stage.steps}
        wanted |= {node: steps for node, step in steps.items() if step.halo is not None and _concerned(bound, step)}
    for node in bound.graph.nodes:
        work.take(node, wanted.get(node.id))
    return work.done() if wanted else None


def _concerned(bound: Bound, step: Step) -> bool:
    spec = bound.calls[step.node].inputs[0]
    return needs_summary(step.kernel.operator) and isinstance(spec, ArraySpec) and can_have_gaps(step.kernel.operator, spec)


class _Summaries:
    """Nodes, specs and calls of the new graph so far."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.nodes: dict[str, Node] = {}
        self.specs, self.calls = dict(bound.specs), dict(bound.calls)
        self.names: dict[str, tuple[str, str]] = {}
        self.beside: dict[str, tuple[Ref, ...]] = dict(bound.beside)
        self._copies: dict[str, str] = {}
        self._taken = {node.id for node in bound.graph.nodes}

    def take(self, node: Node, steps: Mapping[str, Step] | None) -> None:
        """Keep a node; ``steps`` are those of its stage if it needs a summary, which then comes before it."""
        if steps is not None:
            self._serve(node, steps)
        self.nodes[node.id] = node

    def _serve(self, node: Node, steps: Mapping[str, Step]) -> None:
        """Put a summary before a node."""
        call, ref = self.calls[node.id], node.inputs[0]
        assert isinstance(ref, Ref)
        made = self._summary(call, node.id, self._copied(ref, steps))
        results = self.calls[made].outputs
        ports = tuple(Port("", spec.dims, _kernel_dims(call, spec), spec.dtype, {}) for spec in results.values())
        kernel = replace(call.kernel, inputs=(*call.kernel.inputs, *ports))
        self.calls[node.id] = replace(call, kernel=kernel, inputs=(*call.inputs, *results.values()))
        self.beside[node.id] = tuple(Ref(made, name) for name in results)

    def _summary(self, call: Call, node: str, ref: Ref) -> str:
        operator, spec = call.operator, call.inputs[0]
        assert isinstance(operator, Core) and isinstance(spec, ArraySpec)
        spans = {axis.dim: axis.spans() for axis in call.kernel.axes}
        one = summary_of(operator, [dim for dim in spec.dims if dim in spans], spans)
        for known in self.nodes.values():
            if known.value == one and known.inputs == (ref,):
                return known.id
        name = fresh(f"{node}.summary", self._taken)
        made = bind(one, spec)
        self.nodes[name], self.names[name] = Node(name, one, (ref,)), (node, "summary")
        self.specs[name], self.calls[name] = made.outputs, made
        return name

    def _copied(self, ref: Ref, steps: Mapping[str, Step]) -> Ref:
        """Return the reference to a copy of what the stage computes before a node, if it is not read."""
        if ref.node not in steps:
            return ref
        for name in steps:
            if name in self._copies or name not in _behind(ref.node, steps):
                continue
            copy = fresh(f"{name}.copy", self._taken)
            origin = self.nodes[name]
            inputs = tuple(self._of_copy(item) if isinstance(item, Ref) else item for item in origin.inputs)
            self.nodes[copy] = replace(origin, id=copy, inputs=inputs)
            self._copies[name], self.names[copy] = copy, (name, "copy")
            self.specs[copy], self.calls[copy] = self.specs[name], self.calls[name]
            self.beside |= {copy: self.beside[name]} if name in self.beside else {}
        return self._of_copy(ref)

    def _of_copy(self, ref: Ref) -> Ref:
        return Ref(self._copies.get(ref.node, ref.node), ref.output)

    def done(self) -> Summarized:
        """Return the new graph."""
        graph = replace(self.bound.graph, nodes=tuple(self.nodes.values()))
        return Summarized(Bound(graph, self.specs, self.calls, self.bound.targets, self.beside), self.names)


def _behind(node: str, steps: Mapping[str, Step]) -> set[str]:
    """Return a node and all of its stage that it is computed from."""
    found, waiting = set(), [node]
    while waiting:
        name = waiting.pop()
        if name in steps and name not in found:
            found.add(name)
            waiting += [ref.node for ref in steps[name].inputs if isinstance(ref, Ref)]
    return found


def _kernel_dims(call: Call, spec: ArraySpec) -> tuple[str, ...]:
    """Return the dims of a summary in the order of the node's kernel: batch, pooled, then its own."""
    data = call.kernel.inputs[0]
    assert isinstance(data, Port)
    outer = [dim for dim in data.kernel_dims if dim not in call.kernel.core]
    return (*outer, *(dim for dim in spec.dims if dim not in outer))
