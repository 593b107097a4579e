"""The labelled dry run: every node bound to specs of its inputs, every finding at once, no data read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scatflow.contract import Composite, Operator, Ref, Source
from scatflow.errors import GraphError, Problem, ScatflowError
from scatflow.graph.bind import Call, bind
from scatflow.graph.inline import failed, missing_output
from scatflow.graph.model import Graph, Node
from scatflow.graph.values import at_node
from scatflow.spec import ArraySpec

Outputs = Mapping[str, ArraySpec]


@dataclass(frozen=True, eq=False)
class Bound:
    """A graph whose labels are known.

    Attributes
    ----------
    graph : Graph
        The graph.
    specs : mapping
        Node id -> result name (``""`` where there is one) -> labels.
    calls : mapping
        Node id of an operator -> its call.
    targets : mapping
        Name -> reference, with the result name filled in. A single result node with several results yields them under
        their own names, a single result is called ``""``.
    beside : mapping
        Node id -> results that its call takes beside the node's inputs: what a plan has added.
    """

    graph: Graph
    specs: Mapping[str, Outputs]
    calls: Mapping[str, Call]
    targets: Mapping[str, Ref]
    beside: Mapping[str, tuple[Ref, ...]] = field(default_factory=dict)

    def inputs(self, node: str) -> tuple[Ref | float, ...]:
        """Return the inputs of a node's call."""
        return (*self.graph.node(node).inputs, *self.beside.get(node, ()))

    @property
    def results(self) -> dict[str, ArraySpec]:
        """Result name -> labels."""
        return {name: self.specs[ref.node][ref.output] for name, ref in self.targets.items()}


def dry_run(graph: Graph) -> Bound:
    """Bind every node to the labels of its inputs.

    Sources describe themselves, operators declare their results. A node whose input failed is passed over, so each cause
    is reported once.

    Raises
    ------
    GraphError
        All findings; no data have been read.
    """
    run = _Run()
    for node in graph.nodes:
        run.visit(node)
    targets = run.targets(graph)
    if run.problems:
        raise GraphError(run.problems)
    return Bound(graph, run.specs, run.calls, targets)


def infer(graph: Graph) -> Mapping[str, Outputs]:
    """Return node id -> result name -> labels; raises GraphError like :func:`dry_run`."""
    return dry_run(graph).specs


def table(bound: Bound) -> list[dict[str, Any]]:
    """Return one row per result of every node: node, process, result, dims, shape, dtype, bytes."""
    return [
        {
            "node": node.id, "process": node.process, "result": name, "dims": spec.dims, "shape": spec.shape,
            "dtype": spec.dtype, "bytes": spec.nbytes,
        }
        for node in bound.graph.nodes
        for name, spec in bound.specs[node.id].items()
    ]  # fmt: skip


class _Run:
    """What is known so far, and what is wrong."""

    def __init__(self) -> None:
        self.specs: dict[str, Outputs] = {}
        self.calls: dict[str, Call] = {}
        self.problems: list[Problem] = []

    def visit(self, node: Node) -> None:
        """Bind one node whose inputs have been visited."""
        if any(ref.node not in self.specs for ref in node.refs):
            return
        inputs = self._inputs(node)
        if inputs is None:
            return
        try:
            if isinstance(node.value, Source):
                described = node.value.describe()
                self.specs[node.id] = {"": described} if isinstance(described, ArraySpec) else dict(described)
            elif isinstance(node.value, Composite):
                self.problems.append(
                    Problem("CompositeNotInlined", node.id, None, f"{node.process} is a composite and must be inlined first")
                )
            else:
                self.calls[node.id] = bind(node.value, *inputs)
                self.specs[node.id] = self.calls[node.id].outputs
        except ScatflowError as error:
            self.problems.append(at_node(error, node.value, node.id))
        except Exception as error:  # describe() and output() are a plugin's code: whatever they raise is a finding
            self.problems.append(failed(error, node.id, node.process))

    def _inputs(self, node: Node) -> tuple[ArraySpec | float, ...] | None:
        """Return the labels of the inputs, or None where one names no existing result."""
        names = node.value.inputs if isinstance(node.value, Operator) else ()
        found: list[ArraySpec | float] = []
        for name, item in zip(names, node.inputs, strict=True):
            if not isinstance(item, Ref):
                found.append(item)
            elif item.output in self.specs[item.node]:
                found.append(self.specs[item.node][item.output])
            else:
                self.problems.append(missing_output(item, self.specs[item.node], node.id, name))
        return tuple(found) if len(found) == len(names) else None

    def targets(self, graph: Graph) -> dict[str, Ref]:
        """Return the results of the graph with their result names filled in."""
        found: dict[str, Ref] = {}
        for name, ref in graph.results.items():
            outputs = self.specs.get(ref.node)
            if outputs is None:
                continue
            if ref.output in outputs:
                found[name] = ref
            elif not name and not ref.output:
                found |= {output: ref[output] for output in outputs}
            else:
                self.problems.append(missing_output(ref, outputs, None if name else ref.node, name or None))
        return found
