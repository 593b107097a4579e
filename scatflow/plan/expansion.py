"""Operators of long reach replaced by the stages that they wire, for plans that cannot or should not take them at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from scatflow.contract import Ref, Window, Wire
from scatflow.errors import DimensionError
from scatflow.graph.bind import Call, bind
from scatflow.graph.kernel import Port, extended_place
from scatflow.graph.model import Node
from scatflow.graph.validate import Bound, Outputs
from scatflow.spec import ArraySpec

#: Between the id of a node and the number of a stage of it.
SEPARATOR = "/"


@dataclass(frozen=True)
class Expanded:
    """A graph in which nodes of long reach are stages, and those of its nodes whose results are stored in between."""

    bound: Bound
    ends: frozenset[str]


def expanded(bound: Bound) -> Expanded | None:
    """Return the graph with every node that can be in stages, None where there is none."""
    work = _Expansion(bound)
    for node in bound.graph.nodes:
        work.take(node)
    return work.done() if work.became else None


class _Expansion:
    """Nodes, specs and calls of the new graph so far."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.nodes: list[Node] = []
        self.specs: dict[str, Outputs] = {}
        self.calls: dict[str, Call] = {}
        self.became: dict[str, Ref] = {}
        self.ends: set[str] = set()

    def take(self, node: Node) -> None:
        """Keep a node, or put its stages in its place."""
        inputs = tuple(self._followed(item) if isinstance(item, Ref) else item for item in node.inputs)
        call = self.bound.calls.get(node.id)
        wired = None if call is None else _stages(call, inputs)
        if wired is None or call is None:
            self._keep(replace(node, inputs=inputs), call)
            return
        made: dict[int, str] = {}
        last = self._wire(node, wired, made)
        (name,) = call.outputs
        self.specs[last.node] = {"": _labelled(self.specs[last.node][last.output], call.outputs[name], node.process)}
        self.calls[last.node] = replace(self.calls[last.node], outputs=self.specs[last.node])
        self.became[node.id] = last
        self.ends.discard(last.node)  # what follows may be computed with it, as with the node itself

    def done(self) -> Expanded:
        """Return the new graph."""
        results = {name: self._followed(ref) for name, ref in self.bound.graph.results.items()}
        graph = replace(self.bound.graph, nodes=tuple(self.nodes), results=results)
        targets = {name: self._followed(ref) for name, ref in self.bound.targets.items()}
        return Expanded(Bound(graph, self.specs, self.calls, targets), frozenset(self.ends))

    def _followed(self, ref: Ref) -> Ref:
        return self.became.get(ref.node, ref)

    def _keep(self, node: Node, call: Call | None) -> None:
        self.nodes.append(node)
        self.specs[node.id] = self.bound.specs[node.id]
        if call is not None:
            self.calls[node.id] = call

    def _wire(self, node: Node, item: Ref | Wire | float, made: dict[int, str]) -> Ref:
        """Add what a wire needs, each part once, and return the reference to it."""
        if isinstance(item, Ref):
            return item
        assert isinstance(item, Wire)
        if id(item.inputs) not in made:
            inputs = tuple(self._wire(node, part, made) for part in item.inputs)
            name = f"{node.id}{SEPARATOR}{len(made)}"
            call = bind(item.operator, *(self.specs[ref.node][ref.output] for ref in inputs))
            self.nodes.append(Node(name, item.operator, inputs, node.namespace))
            self.specs[name], self.calls[name] = call.outputs, call
            if isinstance(item.operator, Window):
                self.ends.add(name)
            made[id(item.inputs)] = name
        return Ref(made[id(item.inputs)], item.output)


def _stages(call: Call, inputs: tuple[Ref | float, ...]) -> Wire | None:
    kernel, operator = call.kernel, call.operator
    if not isinstance(operator, Window) or any(axis.walls for axis in kernel.axes) or operator.exact_margins():
        return None
    (ref,), (spec,), (port,) = inputs, call.inputs, kernel.inputs
    assert isinstance(ref, Ref) and isinstance(spec, ArraySpec)
    assert isinstance(port, Port)
    ready = operator.replace(dims=kernel.core, boundary=kernel.boundary)
    return ready.stages(ref, spec.transpose(port.kernel_dims), extended_place(kernel, {}))


def _labelled(found: ArraySpec, wanted: ArraySpec, subject: str) -> ArraySpec:
    """Return the labels of a node, having checked that its stages deliver what it declares."""
    if (found.dims, found.shape, found.dtype) != (wanted.dims, wanted.shape, wanted.dtype):
        raise DimensionError(f"operator {subject}", "its stages do not give the result that output() declares", expected=dict(wanted.sizes),
                             got=dict(found.sizes), code="ResultMisdeclared", remedy="This is a defect of the operator.")  # fmt: skip
    return wanted


def canonical_names(names: Mapping[str, str], nodes: Iterator[str]) -> dict[str, str]:
    """Return canonical ids also of the stages of nodes."""
    found = dict(names)
    for node in nodes:
        if node not in found:
            origin, _, number = node.rpartition(SEPARATOR)
            found[node] = f"{names[origin]}{SEPARATOR}{number}"
    return found
