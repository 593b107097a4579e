"""Operators of long reach replaced by the stages that they wire, for plans that cannot or should not take them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from scatflow.contract import Extended, Operator, Ref, Select, Window
from scatflow.contract.operator import Stages
from scatflow.errors import ChunkError, DimensionError
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
    """A graph in which nodes of long reach are stages, where these come from, and which results are stored in between.

    ``obstacles`` says of nodes of long reach why they are not.
    """

    bound: Bound
    origins: Origins
    ends: frozenset[str]
    obstacles: tuple[str, ...] = ()


def expanded(bound: Bound) -> Expanded:
    """Return the graph with every node that can be in stages."""
    work = _Expansion(bound)
    for node in bound.graph.nodes:
        work.take(node)
    return work.done()


class _Expansion:
    """Nodes, specs and calls of the new graph so far."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.nodes: list[Node] = []
        self.specs: dict[str, Outputs] = {}
        self.calls: dict[str, Call] = {}
        self.origins: dict[str, tuple[str, int]] = {}
        self._became: dict[str, dict[str, Ref]] = {}
        self._ends: set[str] = set()
        self._obstacles: list[str] = []
        self._taken = {node.id for node in bound.graph.nodes}

    def take(self, node: Node) -> None:
        """Keep a node, or put its stages in its place."""
        node = replace(node, inputs=tuple(self._followed(item) if isinstance(item, Ref) else item for item in node.inputs))
        call = self.bound.calls.get(node.id)
        tree = None if call is None else self._wires(call, node.inputs)
        if tree is None or call is None:
            self.nodes.append(node)
            self.specs[node.id] = self.bound.specs[node.id]
            self.calls |= {} if call is None else {node.id: call}
            return
        nodes, results = wired(node, tree, "stages", self._taken)
        for number, stage in enumerate(nodes):
            self._bind(stage)
            self.origins[stage.id] = (node.id, number)
        self._label(call, results, node.process)
        self._became[node.id] = results
        self._ends |= {stage.id for stage in nodes if isinstance(stage.value, Window)} - _last(nodes, results.values())

    def _wires(self, call: Call, inputs: tuple[Ref | float, ...]) -> Stages:
        """Return what an operator wires; where it tells why it does not, keep that."""
        try:
            return _stages(call, inputs)
        except ChunkError as error:
            self._obstacles.append(str(error))
            return None

    def _label(self, call: Call, results: Mapping[str, Ref], subject: str) -> None:
        """Give results the labels that the node declares."""
        if set(results) != set(call.outputs):
            raise DimensionError(f"operator {subject}", "its stages do not give the results that output() declares", expected=tuple(call.outputs),
                                 got=tuple(results), code="ResultMisdeclared", remedy="This is a defect of the operator.")  # fmt: skip
        for name, ref in results.items():
            found = self.specs[ref.node]
            self.specs[ref.node] = {**found, ref.output: _labelled(found[ref.output], call.outputs[name], subject)}
            self.calls[ref.node] = replace(self.calls[ref.node], outputs=self.specs[ref.node])

    def _bind(self, node: Node) -> None:
        assert isinstance(node.value, Operator)
        inputs = [self.specs[item.node][item.output] if isinstance(item, Ref) else item for item in node.inputs]
        call = bind(node.value, *inputs)
        self.nodes.append(node)
        self.specs[node.id], self.calls[node.id] = call.outputs, call

    def done(self) -> Expanded:
        """Return the new graph."""
        results: dict[str, Ref] = {}
        for name, ref in self.bound.graph.results.items():
            several = self._became.get(ref.node, {}) if not ref.output else {}
            results |= several if several and "" not in several else {name: self._followed(ref)}
        graph = replace(self.bound.graph, nodes=tuple(self.nodes), results=results)
        targets = {name: self._followed(ref) for name, ref in self.bound.targets.items()}
        bound = Bound(graph, self.specs, self.calls, targets)
        return Expanded(bound, self.origins, frozenset(self._ends), tuple(self._obstacles))

    def _followed(self, ref: Ref) -> Ref:
        return self._became[ref.node][ref.output] if ref.node in self._became else ref


def _last(nodes: Sequence[Node], results: Iterable[Ref]) -> set[str]:
    """Return the nodes that nothing but results comes from, and those of which these select: what follows may be computed with them."""
    known, reads = {node.id: node for node in nodes}, [ref.node for node in nodes for ref in node.refs]
    found = {ref.node for ref in results} - set(reads)
    selected = {ref.node for name in found if isinstance(known[name].value, Select) for ref in known[name].refs}
    return found | {name for name in selected if reads.count(name) == 1}


def _stages(call: Call, inputs: tuple[Ref | float, ...]) -> Stages:
    """Return what an operator wires for a signal without walls, whose gaps are not filled, or None."""
    kernel, operator = call.kernel, call.operator
    if not isinstance(operator, Extended) or operator.exact_margins():
        return None
    if operator.nan == "mask":
        raise ChunkError(f'{operator.name} with nan="mask"',
                         "the share of valid samples is that of the last smoothing, which levels do not pass on")  # fmt: skip
    if any(axis.walls for axis in kernel.axes):
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
