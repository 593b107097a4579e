"""Composites replaced by what they wire, so that everything downstream sees plain operators only."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scatflow import registry as plugins
from scatflow.contract import Composite, Operator, Ref, Wire
from scatflow.errors import GraphError, Problem, ScatflowError, near
from scatflow.graph.model import VARIABLE, Node, fresh

#: Most nodes of one graph, before and after inlining.
MAX_NODES = 10_000


class _Invalid(Exception):
    """A finding while one composite is inlined."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass
class Inlined:
    """Nodes without composites, what became of the composites' results, and the findings on the way."""

    nodes: list[Node] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _became: dict[str, Mapping[str, Ref]] = field(default_factory=dict)
    _failed: set[str] = field(default_factory=set)

    def results(self, results: Mapping[str, Ref]) -> dict[str, Ref]:
        """Return the results of a graph, following inlined composites; a single one may turn into several named ones."""
        found: dict[str, Ref] = {}
        for name, ref in results.items():
            whole = self._became.get(ref.node, {})
            if not name and not ref.output and whole and "" not in whole:
                found |= {output: self._follow(target, ref.node, None) for output, target in whole.items()}
            else:
                found[name] = self._follow(ref, ref.node, name or None)
        return found

    def _follow(self, ref: Ref, node: str, argument: str | None) -> Ref:
        """Return the reference after inlining; an output that does not exist becomes a finding."""
        while ref.node in self._became:
            outputs = self._became[ref.node]
            if ref.output in outputs:
                ref = outputs[ref.output]
            elif "" in outputs and not outputs[""].output:
                ref = outputs[""][ref.output]
            else:
                self.problems.append(missing_output(ref, outputs, node, argument))
                self._failed.add(ref.node)
                return ref
        return ref

    def take(self, node: Node, limit: int, taken: set[str]) -> list[Node]:
        """Keep a plain node; of a composite return the nodes it wires."""
        if any(ref.node in self._failed for ref in node.refs):
            self._failed.add(node.id)
            return []
        names = node.value.inputs if isinstance(node.value, Operator) else ()
        pairs = zip(node.inputs, names, strict=True)
        node = replace(node, inputs=tuple(self._follow(i, node.id, argument) if isinstance(i, Ref) else i for i, argument in pairs))
        if not isinstance(node.value, Composite):
            self.nodes.append(node)
            return []
        try:
            wiring = _Wiring(node, node.value.expand(*node.inputs), "expand", taken, limit)
            self._became[node.id] = wiring.results()
            return wiring.nodes
        except _Invalid as error:
            self.problems.append(error.problem)
        except ScatflowError as error:
            self.problems.append(Problem.from_error(error, node.id))
        except Exception as error:  # expand() is a plugin's code: whatever it raises is a finding at its node
            self.problems.append(failed(error, node.id, f"{node.process}.expand"))
        self._failed.add(node.id)
        return []


def inline(nodes: Iterable[Node], taken: set[str] | None = None, limit: int = MAX_NODES) -> Inlined:
    """Replace composites, also nested ones, by the operators they wire.

    Parameters
    ----------
    nodes : iterable of Node
        In topological order. References to nodes that are not among them are left alone.
    taken : set of str, optional
        Ids that new nodes must not get; grows. New nodes of ``s`` are called ``s.0, s.1, …``
    limit : int
        Most nodes; a composite that wires itself without end stops here.
    """
    nodes = list(nodes)
    taken = set() if taken is None else taken
    taken |= {node.id for node in nodes}
    done = Inlined()
    waiting = deque(nodes)
    count = len(waiting)
    while waiting:
        wired = done.take(waiting.popleft(), limit, taken)
        count += len(wired)
        if count > limit:
            done.problems.append(too_many(count, limit))
            break
        waiting.extendleft(reversed(wired))
    return done


def too_many(count: int, limit: int) -> Problem:
    """Return the finding for a graph with more nodes than the limit."""
    return Problem("NodesTooMany", None, None, "the graph is too large", f"at most {limit} nodes", f"{count} nodes")


def failed(error: Exception, node: str | None, what: str) -> Problem:
    """Return the finding for plugin code that raised something else than it should."""
    return Problem("OperatorFailed", node, None, f"{what} failed", got=f"{type(error).__name__}: {error}",
                   remedy="This is a defect of the plugin that provides it; report it there.")  # fmt: skip


def missing_output(ref: Ref, outputs: Mapping[str, Any], node: str | None, argument: str | None) -> Problem:
    """Return the finding for a reference that names no existing result, or none of several."""
    names = [name for name in outputs if name]
    if not ref.output:
        take = f"Take one with process_id: {VARIABLE}, arguments: {{data: {{from_node: {ref.node}}}, name: {names[0] if names else '…'}}}."
        return Problem("ResultAmbiguous", node, argument, f"node {ref.node!r} has several results", ", ".join(names), remedy=take)
    message = f"node {ref.node!r} has no result {ref.output!r}"
    expected = ", ".join(names) or "a single unnamed result"
    remedy = near(ref.output, names) or (None if names else f"Refer to the node itself: {{from_node: {ref.node}}}.")
    return Problem("ResultUnknown", node, argument, message, expected, remedy=remedy)


def wired(node: Node, tree: Wire | Mapping[str, Wire], method: str, taken: set[str]) -> tuple[list[Node], dict[str, Ref]]:
    """Return what a method of an operator wires in the place of its node, as nodes, and the references to its results by name.

    Raises
    ------
    GraphError
        It wires something that cannot be wired; the text names the method.
    """
    wiring = _Wiring(node, tree, method, taken, MAX_NODES)
    try:
        results = wiring.results()
    except _Invalid as error:
        raise GraphError([error.problem]) from None
    return wiring.nodes, results


class _Wiring:
    """What a method of one operator wires, as nodes: each shared part once."""

    def __init__(self, node: Node, expanded: Any, method: str, taken: set[str], limit: int) -> None:
        self.node = node
        self.nodes: list[Node] = []
        self._method, self._taken, self._limit = method, taken, limit
        self._made: dict[tuple[int, int], str] = {}
        self._expanded = expanded

    def results(self) -> dict[str, Ref]:
        """Return name -> reference of the composite's results."""
        named = self._expanded if isinstance(self._expanded, Mapping) else {"": self._expanded}
        found = {str(name): self._resolved(item) for name, item in named.items()}
        if not found or not all(isinstance(ref, Ref) for ref in found.values()):
            raise self._invalid(f"{self._method} must return references or wires", got=repr(self._expanded))
        return {name: ref for name, ref in found.items() if isinstance(ref, Ref)}

    def _resolved(self, root: Any) -> Ref | float:
        """Turn a tree of wires into nodes, inputs first, without recursion."""
        stack = [root]
        while stack:
            item = stack[-1]
            waiting = [part for part in item.inputs if self._pending(part)] if self._pending(item) else []
            if waiting:
                stack += reversed(waiting)
            else:
                stack.pop()
                self._value(item)
        return self._value(root)

    def _pending(self, item: Any) -> bool:
        return isinstance(item, Wire) and self._key(item) not in self._made

    @staticmethod
    def _key(item: Wire) -> tuple[int, int]:
        # wire["mean"] is a copy that shares operator and inputs with wire["var"]: one node with two results.
        return id(item.operator), id(item.inputs)

    def _value(self, item: Any) -> Ref | float:
        """Return what stands for an input; a wire whose inputs are known becomes a node."""
        if isinstance(item, Wire):
            if self._pending(item):
                self._made[self._key(item)] = self._add(item)
            return Ref(self._made[self._key(item)], item.output)
        if isinstance(item, Ref):
            known = {ref.node for ref in self.node.refs}
            if item.node not in known:
                raise self._invalid(f"{self._method} refers to {item.node!r}, which is not among its inputs", got=repr(item))
            return item
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            return float(item)
        raise self._invalid(f"{self._method} wires something that is no reference, wire or number", got=repr(item))

    def _add(self, item: Wire) -> str:
        if not isinstance(item.operator, Operator):
            raise self._invalid(f"{self._method} wires something that is no operator", got=repr(item.operator))
        if len(item.inputs) != item.operator.arity():
            raise self._invalid(f"{self._method} gives {item.operator.name} the wrong number of inputs",
                                ", ".join(item.operator.inputs), str(len(item.inputs)))  # fmt: skip
        if len(self.nodes) >= self._limit:
            raise _Invalid(too_many(len(self.nodes) + 1, self._limit))
        name = fresh(f"{self.node.id}.{len(self.nodes)}", self._taken)
        inputs = tuple(self._value(part) for part in item.inputs)
        namespace, _ = plugins.registry().dist_of(item.operator)
        self.nodes.append(Node(name, item.operator, inputs, namespace))
        return name

    def _invalid(self, message: str, expected: str | None = None, got: str | None = None) -> _Invalid:
        return _Invalid(Problem("OperatorFailed", self.node.id, None, message, expected, got,
                                "This is a defect of the plugin that provides the operator."))  # fmt: skip
