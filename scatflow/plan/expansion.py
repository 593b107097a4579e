"""Operators replaced by what they wire of shorter reach, or one axis at a time, for plans that cannot or should not take them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from scatflow.contract import Core, Extended, Operator, Ref, Select, Window
from scatflow.contract.operator import Stages
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
Inputs = tuple[Ref | float, ...]
C = TypeVar("C", bound=Core)


@dataclass(frozen=True)
class Expanded:
    """A graph in which nodes are what they wire, where these come from, and which results are stored in between.

    ``obstacles`` says of nodes that could be so why they are not. ``pencils`` tells that every stage has one core axis whole, and
    cuts the others as it likes.
    """

    bound: Bound
    origins: Origins = field(default_factory=dict)
    ends: frozenset[str] = frozenset()
    obstacles: tuple[str, ...] = ()
    pencils: bool = False


def expanded(bound: Bound) -> Expanded:
    """Return the graph with every node that can be in stages of shorter reach."""
    work = _Expansion(bound, "stages", _stages)
    return Expanded(work.graph(), work.origins, work.windows(), tuple(work.obstacles))


def in_pencils(bound: Bound) -> Expanded:
    """Return the graph with every window, and what else can be, one core axis at a time.

    Raises
    ------
    PlanError
        A window cannot be computed so, with the reason, or there is none.
    """
    work = _Expansion(bound, "pencils", _pencils)
    if work.obstacles or not work.origins:
        rule = "cannot serve it" if work.obstacles else "serves no operator of the pipeline"
        raise PlanError("plan", f'the strategy "pencil" {rule}', expected="operators that declare pencils", got="; ".join(work.obstacles) or None,
                        code="StrategyUnfit", remedy='Leave the strategy to the plan, or use "batch".')  # fmt: skip
    return Expanded(work.graph(), work.origins, turns(work.nodes, work.calls), pencils=True)


class _Expansion:
    """Nodes, specs and calls of the new graph, in which results of ``wiring`` are in the place of nodes that have any.

    ``method`` is the operators' method that it asks, as errors name it.
    """

    def __init__(self, bound: Bound, method: str, wiring: Callable[[Call, Inputs], Stages]) -> None:
        self.bound = bound
        self.nodes: list[Node] = []
        self.specs: dict[str, Outputs] = {}
        self.calls: dict[str, Call] = {}
        self.origins: dict[str, tuple[str, int]] = {}
        self.obstacles: list[str] = []
        self._method, self._wiring = method, wiring
        self._became: dict[str, dict[str, Ref]] = {}
        self._windows: set[str] = set()
        self._taken = {node.id for node in bound.graph.nodes}
        for node in bound.graph.nodes:
            self._take(node)

    def _take(self, node: Node) -> None:
        """Keep a node, or put what it wires in its place."""
        node = replace(node, inputs=tuple(self._followed(item) if isinstance(item, Ref) else item for item in node.inputs))
        call = self.bound.calls.get(node.id)
        tree = None if call is None else self._wires(call, node.inputs)
        if tree is None or call is None:
            self.nodes.append(node)
            self.specs[node.id] = self.bound.specs[node.id]
            self.calls |= {} if call is None else {node.id: call}
            return
        nodes, results = wired(node, tree, self._method, self._taken)
        for number, stage in enumerate(nodes):
            self._bind(stage)
            self.origins[stage.id] = (node.id, number)
        self._label(call, results, node.process)
        self._became[node.id] = results
        self._windows |= {stage.id for stage in nodes if isinstance(stage.value, Window)} - _last(nodes, results.values())

    def _wires(self, call: Call, inputs: Inputs) -> Stages:
        """Return what an operator wires; where it tells why it does not, keep that."""
        try:
            return self._wiring(call, inputs)
        except ChunkError as error:
            self.obstacles.append(str(error).removesuffix("."))
            return None

    def _label(self, call: Call, results: Mapping[str, Ref], subject: str) -> None:
        """Give results the labels that the node declares, having checked that they are what it declares."""
        if set(results) != set(call.outputs):
            raise self._misdeclared(subject, tuple(call.outputs), tuple(results))
        for name, ref in results.items():
            specs, wanted = self.specs[ref.node], call.outputs[name]
            found = specs[ref.output]
            if (found.dims, found.shape, found.dtype) != (wanted.dims, wanted.shape, wanted.dtype):
                raise self._misdeclared(subject, dict(wanted.sizes), dict(found.sizes))
            self.specs[ref.node] = {**specs, ref.output: wanted}
            self.calls[ref.node] = replace(self.calls[ref.node], outputs=self.specs[ref.node])

    def _misdeclared(self, subject: str, expected: object, got: object) -> DimensionError:
        return DimensionError(f"operator {subject}", f"its {self._method} do not give the results that output() declares",
                              expected=expected, got=got, code="ResultMisdeclared", remedy="This is a defect of the operator.")  # fmt: skip

    def _bind(self, node: Node) -> None:
        assert isinstance(node.value, Operator)
        inputs = [self.specs[item.node][item.output] if isinstance(item, Ref) else item for item in node.inputs]
        call = bind(node.value, *inputs)
        self.nodes.append(node)
        self.specs[node.id], self.calls[node.id] = call.outputs, call

    def graph(self) -> Bound:
        """Return the new graph."""
        results: dict[str, Ref] = {}
        for name, ref in self.bound.graph.results.items():
            became = self._became.get(ref.node, {})
            whole = bool(became) and ref.output not in became  # all results of a node with several
            results |= {f"{name}.{output}": last for output, last in became.items()} if whole else {name: self._followed(ref)}
        graph = replace(self.bound.graph, nodes=tuple(self.nodes), results=results)
        targets = {name: self._followed(ref) for name, ref in self.bound.targets.items()}
        return Bound(graph, self.specs, self.calls, targets)

    def windows(self) -> frozenset[str]:
        """Return the windows that are wired, but for last ones: with these may be computed what follows, as with the node itself."""
        return frozenset(self._windows)

    def _followed(self, ref: Ref) -> Ref:
        return self._became[ref.node][ref.output] if ref.node in self._became else ref


def _last(nodes: Sequence[Node], results: Iterable[Ref]) -> set[str]:
    """Return the nodes that nothing but results comes from, and those of which these select: what follows may be computed with them."""
    known, reads = {node.id: node for node in nodes}, [ref.node for node in nodes for ref in node.refs]
    found = {ref.node for ref in results} - set(reads)
    selected = {ref.node for name in found if isinstance(known[name].value, Select) for ref in known[name].refs}
    return found | {name for name in selected if reads.count(name) == 1}


def _stages(call: Call, inputs: Inputs) -> Stages:
    """Return what an operator wires of shorter reach, or None."""
    operator = call.operator
    if not isinstance(operator, Extended) or operator.exact_margins():
        return None
    if operator.nan == "mask":
        raise ChunkError(f'{operator.name} with nan="mask"',
                         "the share of valid samples is that of the last smoothing, which levels do not pass on")  # fmt: skip
    if _has_walls(call):
        return None
    return _named(operator, call).stages(*_described(call, inputs))


def _pencils(call: Call, inputs: Inputs) -> Stages:
    """Return what an operator wires one core axis at a time, or None."""
    operator = call.operator
    if not isinstance(operator, Core) or type(operator).pencils is Core.pencils:
        return None
    reasons = {"its signal has walls": _has_walls(call)}
    if isinstance(operator, Extended):
        margins = operator.margins(call.kernel.place()).values() if operator.exact_margins() else ()
        reasons["its margins depend on the length of the whole signal"] = any(max(pair) for pair in margins)
        reasons["gaps cannot be filled one axis at a time"] = operator.nan == "mask"
        reasons[f"gaps cannot be filled one axis at a time (missing={operator.missing})"] = operator.missing is not None
    for reason in (reason for reason, found in reasons.items() if found):
        raise ChunkError(f"operator {operator.name}", reason, code="PencilsUnfit")
    return _named(operator, call).pencils(*_described(call, inputs))


def _has_walls(call: Call) -> bool:
    return any(axis.walls for axis in call.kernel.axes)


def _named(operator: C, call: Call) -> C:
    """Return an operator with its dims and boundary rules named."""
    rules = {"boundary": call.kernel.boundary} if isinstance(operator, Extended) else {}
    return operator.replace(dims=call.kernel.core, **rules)


def _described(call: Call, inputs: Inputs) -> tuple[Ref, ArraySpec, Place]:
    """Return the input of an operator, its labels in kernel order, and where the extended signal lies."""
    (ref,), (spec,), (port,) = inputs, call.inputs, call.kernel.inputs
    assert isinstance(ref, Ref) and isinstance(spec, ArraySpec) and isinstance(port, Port)
    kernel = call.kernel
    place = extended_place(kernel, {}) if isinstance(kernel.operator, Extended) else kernel.place()
    return ref, spec.transpose(port.kernel_dims), place
