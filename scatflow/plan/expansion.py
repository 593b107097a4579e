"""Operators of long reach replaced by the stages that they wire, for plans that cannot or should not take them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scatflow.contract import Operator, Ref, Window, Wire
from scatflow.errors import DimensionError
from scatflow.graph.bind import Call, bind
from scatflow.graph.inline import wired
from scatflow.graph.kernel import Port, extended_place
from scatflow.graph.model import Node
from scatflow.graph.validate import Bound, Outputs
from scatflow.spec import ArraySpec

#: Node of a stage -> the node whose stage it is, and which one.
Origins = Mapping[str, tuple[str, int]]


@dataclass(frozen=True)
class Expanded:
    """A graph in which nodes of long reach are stages, where these come from, and which results are stored in between."""

    bound: Bound
    origins: Origins
    ends: frozenset[str]


def expanded(bound: Bound) -> Expanded | None:
    """Return the graph with every node that can be in stages, None where there is none."""
    work = _Expansion(bound)
    for node in bound.graph.nodes:
        work.take(node)
    return work.done() if work.origins else None


def unserved(bound: Bound) -> str | None:
    """Return why windows that fill gaps are not taken in stages, None where there are none."""
    names = [
        call.operator.name for call in bound.calls.values() if isinstance(call.operator, Window) and call.operator.nan == "mask"
    ]
    said = 'with nan="mask", whose share of valid samples is that of the last smoothing, which levels do not pass on'
    return f"{', '.join(dict.fromkeys(names))} {said}" if names else None


class _Expansion:
    """Nodes, specs and calls of the new graph so far."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.nodes: list[Node] = []
        self.specs: dict[str, Outputs] = {}
        self.calls: dict[str, Call] = {}
        self.origins: dict[str, tuple[str, int]] = {}
        self._became: dict[str, Ref] = {}
        self._ends: set[str] = set()
        self._taken = {node.id for node in bound.graph.nodes}

    def take(self, node: Node) -> None:
        """Keep a node, or put its stages in its place."""
        node = replace(node, inputs=tuple(self._followed(item) if isinstance(item, Ref) else item for item in node.inputs))
        call = self.bound.calls.get(node.id)
        tree = None if call is None else _stages(call, node.inputs)
        if tree is None or call is None:
            self.nodes.append(node)
            self.specs[node.id] = self.bound.specs[node.id]
            self.calls |= {} if call is None else {node.id: call}
            return
        nodes, last = wired(node, tree, "stages", self._taken)
        for number, stage in enumerate(nodes):
            self._bind(stage)
            self.origins[stage.id] = (node.id, number)
        (wanted,) = call.outputs.values()
        self.specs[last.node] = {"": _labelled(self.specs[last.node][last.output], wanted, node.process)}
        self.calls[last.node] = replace(self.calls[last.node], outputs=self.specs[last.node])
        self._became[node.id] = last
        # What follows the last one may be computed with it, as with the node itself.
        self._ends |= {stage.id for stage in nodes if isinstance(stage.value, Window)} - {last.node}

    def _bind(self, node: Node) -> None:
        assert isinstance(node.value, Operator)
        inputs = [self.specs[item.node][item.output] if isinstance(item, Ref) else item for item in node.inputs]
        call = bind(node.value, *inputs)
        self.nodes.append(node)
        self.specs[node.id], self.calls[node.id] = call.outputs, call

    def done(self) -> Expanded:
        """Return the new graph."""
        results = {name: self._followed(ref) for name, ref in self.bound.graph.results.items()}
        graph = replace(self.bound.graph, nodes=tuple(self.nodes), results=results)
        targets = {name: self._followed(ref) for name, ref in self.bound.targets.items()}
        return Expanded(Bound(graph, self.specs, self.calls, targets), self.origins, frozenset(self._ends))

    def _followed(self, ref: Ref) -> Ref:
        return self._became.get(ref.node, ref)


def _stages(call: Call, inputs: tuple[Ref | float, ...]) -> Wire | None:
    """Return what an operator of one result wires for a signal without walls, or None."""
    kernel, operator = call.kernel, call.operator
    if (
        not isinstance(operator, Window)
        or len(call.outputs) > 1
        or any(axis.walls for axis in kernel.axes)
        or operator.exact_margins()
    ):
        return None
    (ref,), (spec,), (port,) = inputs, call.inputs, kernel.inputs
    assert isinstance(ref, Ref) and isinstance(spec, ArraySpec) and isinstance(port, Port)
    ready = operator.replace(dims=kernel.core, boundary=kernel.boundary)
    return ready.stages(ref, spec.transpose(port.kernel_dims), extended_place(kernel, {}))


def _labelled(found: ArraySpec, wanted: ArraySpec, subject: str) -> ArraySpec:
    """Return the labels of a node, having checked that its stages deliver what it declares."""
    if (found.dims, found.shape, found.dtype) != (wanted.dims, wanted.shape, wanted.dtype):
        raise DimensionError(f"operator {subject}", "its stages do not give the result that output() declares", expected=dict(wanted.sizes),
                             got=dict(found.sizes), code="ResultMisdeclared", remedy="This is a defect of the operator.")  # fmt: skip
    return wanted
