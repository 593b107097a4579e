"""Operators replaced by what they wire of shorter reach, or one axis at a time, for plans that cannot or should not take them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from scatflow.contract import Operator, Ref, Window, Wire
from scatflow.errors import ChunkError, DimensionError, PlanError
from scatflow.graph.bind import Call, bind
from scatflow.graph.inline import wired
from scatflow.graph.kernel import Port, extended_place
from scatflow.graph.model import Node
from scatflow.graph.validate import Bound, Outputs
from scatflow.plan.pencil import turns
from scatflow.spec import ArraySpec, Place

#: Node of a stage -> the node whose stage it is, and which one.
Origins = Mapping[str, tuple[str, int]]


#: What an operator wires, all of its results by name.
Wiring = Mapping[str, Wire]


@dataclass(frozen=True)
class Expanded:
    """A graph in which nodes are what they wire, where these come from, and which results are stored in between.

    ``pencils`` tells that every stage has one core axis whole, and cuts the others as it likes.
    """

    bound: Bound
    origins: Origins
    ends: frozenset[str]
    pencils: bool = False


def expanded(bound: Bound) -> Expanded | None:
    """Return the graph with every node that can be in stages of shorter reach, None where there is none."""
    work = _Expansion(bound, "stages", _stages)
    for node in bound.graph.nodes:
        work.take(node)
    return Expanded(work.done(), work.origins, frozenset(work.ends)) if work.origins else None


def in_pencils(bound: Bound) -> Expanded:
    """Return the graph with every window one core axis at a time.

    Raises
    ------
    PlanError
        A window cannot be computed so, with the reason, or there is none.
    """
    work = _Expansion(bound, "pencils", _pencils)
    for node in bound.graph.nodes:
        work.take(node)
    if not work.origins:
        raise PlanError("plan", 'the strategy "pencil" serves no operator of the pipeline', code="StrategyUnfit",
                        remedy='Leave the strategy to the plan, or use "batch".')  # fmt: skip
    return Expanded(work.done(), work.origins, turns(work.nodes, work.calls), pencils=True)


class _Expansion:
    """Nodes, specs and calls of the new graph so far."""

    def __init__(self, bound: Bound, method: str, wiring: Callable[[Call, tuple[Ref | float, ...]], Wiring | None]) -> None:
        self.bound = bound
        self.nodes: list[Node] = []
        self.specs: dict[str, Outputs] = {}
        self.calls: dict[str, Call] = {}
        self.origins: dict[str, tuple[str, int]] = {}
        self.ends: set[str] = set()
        self._method, self._wiring = method, wiring
        self._became: dict[str, dict[str, Ref]] = {}
        self._taken = {node.id for node in bound.graph.nodes}

    def take(self, node: Node) -> None:
        """Keep a node, or put what it wires in its place."""
        node = replace(node, inputs=tuple(self._followed(item) if isinstance(item, Ref) else item for item in node.inputs))
        call = self.bound.calls.get(node.id)
        tree = None if call is None else self._wiring(call, node.inputs)
        if tree is None or call is None:
            self.nodes.append(node)
            self.specs[node.id] = self.bound.specs[node.id]
            self.calls |= {} if call is None else {node.id: call}
            return
        nodes, results = wired(node, tree, self._method, self._taken)
        for number, stage in enumerate(nodes):
            self._bind(stage)
            self.origins[stage.id] = (node.id, number)
        for output, wanted in call.outputs.items():
            last = results[output]
            found = _labelled(self.specs[last.node][last.output], wanted, node.process, self._method)
            self.specs[last.node] = {**self.specs[last.node], last.output: found}
            self.calls[last.node] = replace(self.calls[last.node], outputs=self.specs[last.node])
        self._became[node.id] = results
        # What follows the last one may be computed with it, as with the node itself.
        self.ends |= {stage.id for stage in nodes if isinstance(stage.value, Window)} - {ref.node for ref in results.values()}

    def _bind(self, node: Node) -> None:
        assert isinstance(node.value, Operator)
        inputs = [self.specs[item.node][item.output] if isinstance(item, Ref) else item for item in node.inputs]
        call = bind(node.value, *inputs)
        self.nodes.append(node)
        self.specs[node.id], self.calls[node.id] = call.outputs, call

    def done(self) -> Bound:
        """Return the new graph."""
        results: dict[str, Ref] = {}
        for name, ref in self.bound.graph.results.items():
            became = self._became.get(ref.node, {})
            whole = bool(became) and ref.output not in became  # all results of a node with several
            results |= {f"{name}.{output}": last for output, last in became.items()} if whole else {name: self._followed(ref)}
        graph = replace(self.bound.graph, nodes=tuple(self.nodes), results=results)
        targets = {name: self._followed(ref) for name, ref in self.bound.targets.items()}
        return Bound(graph, self.specs, self.calls, targets)

    def _followed(self, ref: Ref) -> Ref:
        return self._became.get(ref.node, {}).get(ref.output, ref)


def _stages(call: Call, inputs: tuple[Ref | float, ...]) -> Wiring | None:
    """Return what an operator of one result wires for a signal without walls, or None."""
    if not isinstance(call.operator, Window) or len(call.outputs) > 1 or _obstacle(call):
        return None
    tree = _ready(call).stages(*_described(call, inputs))
    return None if tree is None else {"": tree}


def _pencils(call: Call, inputs: tuple[Ref | float, ...]) -> Wiring | None:
    """Return what a window wires one core axis at a time; None for other kinds."""
    operator = call.operator
    if not isinstance(operator, Window):
        return None
    try:
        if reason := _obstacle(call):
            raise ChunkError(f"operator {operator.name}", reason)
        found = _ready(call).pencils(*_described(call, inputs))
    except ChunkError as error:
        raise PlanError(f"node {operator.name}", 'the strategy "pencil" cannot serve it', got=str(error).removesuffix("."), code="StrategyUnfit",
                        remedy='Leave the strategy to the plan, or use "batch".') from None  # fmt: skip
    return {"": found} if isinstance(found, Wire) else found


def _obstacle(call: Call) -> str:
    """Return why nothing can be wired in the place of a window, empty where it can."""
    assert isinstance(call.operator, Window)
    if any(axis.walls for axis in call.kernel.axes):
        return "its signal has walls"
    return "its margins depend on the length of the whole signal" if call.operator.exact_margins() else ""


def _ready(call: Call) -> Window:
    """Return a window with its dims and boundary rules named."""
    assert isinstance(call.operator, Window)
    return call.operator.replace(dims=call.kernel.core, boundary=call.kernel.boundary)


def _described(call: Call, inputs: tuple[Ref | float, ...]) -> tuple[Ref, ArraySpec, Place]:
    """Return the input of a window, its labels in kernel order, and where the extended signal lies."""
    (ref,), (spec,), (port,) = inputs, call.inputs, call.kernel.inputs
    assert isinstance(ref, Ref) and isinstance(spec, ArraySpec) and isinstance(port, Port)
    return ref, spec.transpose(port.kernel_dims), extended_place(call.kernel, {})


def _labelled(found: ArraySpec, wanted: ArraySpec, subject: str, method: str) -> ArraySpec:
    """Return the labels of a node, having checked that what it wires delivers what it declares."""
    if (found.dims, found.shape, found.dtype) != (wanted.dims, wanted.shape, wanted.dtype):
        raise DimensionError(f"operator {subject}", f"its {method} do not give the result that output() declares", expected=dict(wanted.sizes),
                             got=dict(found.sizes), code="ResultMisdeclared", remedy="This is a defect of the operator.")  # fmt: skip
    return wanted
