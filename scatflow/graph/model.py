"""The graph: operator and source values wired by references, in one stable order, with one canonical document."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scatflow import registry as plugins
from scatflow.api import ENGINE, LOCAL, Revision, content_of, revision_of
from scatflow.contract import Declared, FilterFamily, Operator, Ref, Source, digest, param, parts_of, source
from scatflow.errors import GraphError, ParameterError, Problem
from scatflow.graph.canonical import SCHEMA, canonical
from scatflow.graph.drift import Drift, versions_of
from scatflow.spec import ArraySpec

#: Distribution that provides what the graph itself implements.
NAMESPACE = ENGINE
#: Process ids of the graph itself: one of several named results, and several results under names; version of both.
VARIABLE, DATASET = "variable", "dataset"
OWN_VERSION = 1


@source("given", version=1)
class Given(Source):
    """An array that the caller has yet to supply: in documents ``{"from_parameter": name}``."""

    parameter: str = param(doc="Name of the declared parameter that stands for the array.")

    def describe(self) -> ArraySpec:
        """Refuse: nothing is known of an array that is not there."""
        raise ParameterError(
            f"parameter {self.parameter!r}", "the array has not been given", expected="an array",
            remedy=f"Supply a source for it: parameters={{{self.parameter!r}: source}}.", code="ParameterRequired",
        )  # fmt: skip


@dataclass(frozen=True)
class Node:
    """An operator or source with its inputs; ``namespace`` is the distribution that provides it."""

    id: str
    value: Operator | Source
    inputs: tuple[Ref | float, ...] = ()
    namespace: str = ""

    @property
    def process(self) -> str:
        """Short name of the operator or source."""
        return type(self.value).name

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The inputs that are results of other nodes."""
        return tuple(item for item in self.inputs if isinstance(item, Ref))


@dataclass(frozen=True)
class Graph:
    """A valid wiring.

    Parameters
    ----------
    nodes : tuple of Node
        In any order; kept in topological order, ties broken by the order given.
    results : mapping
        Result name -> reference. The only name ``""`` stands for a single unnamed result: all that the node delivers
        where its reference names no output.
    warnings : tuple of Problem
        Findings that do not make the graph invalid; not part of its identity.
    drift : tuple of Drift
        What was used in another version than was stated before; not part of its identity, which states what is used.

    Raises
    ------
    GraphError
        Duplicate ids, references to nothing, cycles, or no result.
    """

    nodes: tuple[Node, ...]
    results: Mapping[str, Ref]
    warnings: tuple[Problem, ...] = field(default=(), compare=False, repr=False)
    drift: tuple[Drift, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        problems = list(_misfits(self.nodes, self.results))
        if problems:
            raise GraphError(problems)
        object.__setattr__(self, "nodes", ordered(self.nodes))
        object.__setattr__(self, "results", dict(self.results))

    def __hash__(self) -> int:
        return int(self.hash[:15], 16)

    @cached_property
    def _by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def _consumers(self) -> dict[str, tuple[Node, ...]]:
        found: dict[str, list[Node]] = {node.id: [] for node in self.nodes}
        for node in self.nodes:
            for target in dict.fromkeys(ref.node for ref in node.refs):
                found[target].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def node(self, id: str) -> Node:
        """Return the node called ``id``; raises KeyError."""
        return self._by_id[id]

    def consumers(self, id: str) -> tuple[Node, ...]:
        """Return the nodes that take a result of ``id``, each once."""
        return self._consumers[id]

    @property
    def given(self) -> tuple[str, ...]:
        """Names of arrays that are still to be supplied."""
        return tuple(dict.fromkeys(node.value.parameter for node in self.nodes if isinstance(node.value, Given)))

    @property
    def versions(self) -> dict[str, tuple[Revision, ...]]:
        """``dist:name`` -> versions of the numerical meaning, for everything in the graph, sorted."""
        return versions_of((node.namespace, type(node.value)) for node in self.nodes if not isinstance(node.value, Given))

    @property
    def reproducible(self) -> bool:
        """Whether all of it comes from distributions; single files exist on one machine."""
        if any(node.namespace == LOCAL for node in self.nodes):
            return False
        return not any(content_of(type(part).__module__) for node in self.nodes for part in parts_of(node.value))

    @cached_property
    def hash(self) -> str:
        """Digest of the canonical document with canonical ids: renaming or reordering nodes does not change it, versions do."""
        return digest(self.canonical()[0])

    def canonical(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the document with canonical ids, and the new id of every node that the results need."""
        return canonical(self.to_document())

    def only(self, ref: Ref) -> Graph:
        """Return the part of the graph that ``ref`` needs, with ``ref`` as its single result."""
        needed, waiting = set(), [ref.node]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += [item.node for item in self.node(name).refs]
        return Graph(tuple(node for node in self.nodes if node.id in needed), {"": ref}, drift=self.drift)

    def to_document(self) -> dict[str, Any]:
        """Return the openEO process graph with all defaults, namespaces and versions filled in; a new tree at every call."""
        writer = _Writer(self)
        for node in self.nodes:
            if not isinstance(node.value, Given):
                writer.add(
                    node.id,
                    node.process,
                    node.namespace,
                    revision_of(type(node.value)),
                    {**writer.wired(node), **documented(node.value)},
                )
        writer.finish(self.results)
        document: dict[str, Any] = {"process_graph": writer.entries, "scatflow": SCHEMA}
        if self.given:
            document["parameters"] = [array_parameter(name) for name in self.given]
        if self.drift:
            document["drift"] = [one.to_dict() for one in self.drift]
        return document


def documented(value: Declared) -> dict[str, Any]:
    """Return the parameters of a value as documents hold them: filter families state their distributions too."""
    found: dict[str, Any] = _stating(value, value.parameters())
    return found


def _stating(value: Any, written: Any) -> Any:
    """Return what was written of a value with the distributions of its filter families, which their classes do not know."""
    if isinstance(value, Declared) and isinstance(written, dict):
        inside = {key: _stating(getattr(value, key, None), item) for key, item in written.items()}
        return inside | ({"namespace": plugins.registry().dist_of(value)[0]} if isinstance(value, FilterFamily) else {})
    if isinstance(value, dict) and isinstance(written, dict):
        named = {str(key): item for key, item in value.items()}
        return {key: _stating(named.get(key), item) for key, item in written.items()}
    if isinstance(value, (list, tuple)) and isinstance(written, list):
        return [_stating(one, item) for one, item in zip(value, written, strict=False)]
    return written


def array_parameter(name: str) -> dict[str, Any]:
    """Return the declaration of an array that the caller supplies."""
    return {
        "name": name,
        "description": "Labelled array supplied by the caller.",
        "schema": {"type": "object", "subtype": "datacube"},
    }


class _Writer:
    """Collects the entries of a document, inserting ``variable`` nodes where one of several results is taken."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.entries: dict[str, Any] = {}
        self._taken = {node.id for node in graph.nodes}
        self._variables: dict[Ref, str] = {}

    def add(self, name: str, process: str, namespace: str, version: Revision, arguments: Mapping[str, Any]) -> None:
        """Append an entry."""
        self.entries[name] = {"process_id": process, "namespace": namespace, "version": version, "arguments": dict(arguments)}

    def wired(self, node: Node) -> dict[str, Any]:
        """Return the array arguments of a node."""
        names = node.value.inputs if isinstance(node.value, Operator) else ()
        pairs = zip(names, node.inputs, strict=True)
        return {name: self.reference(item) if isinstance(item, Ref) else float(item) for name, item in pairs}

    def reference(self, ref: Ref) -> dict[str, str]:
        """Return the argument that stands for ``ref``."""
        value = self.graph.node(ref.node).value
        if isinstance(value, Given):
            return {"from_parameter": value.parameter}
        if not ref.output:
            return {"from_node": ref.node}
        if ref not in self._variables:
            self._variables[ref] = fresh(f"{ref.node}.{ref.output}", self._taken)
            self.add(self._variables[ref], VARIABLE, NAMESPACE, OWN_VERSION, {"data": {"from_node": ref.node}, "name": ref.output})
        return {"from_node": self._variables[ref]}

    def finish(self, results: Mapping[str, Ref]) -> None:
        """Mark the result node, bundling named results."""
        if list(results) == [""]:
            name = self.reference(results[""])["from_node"]
        else:
            variables = {name: self.reference(results[name]) for name in sorted(results)}
            name = fresh("result", self._taken)
            self.add(name, DATASET, NAMESPACE, OWN_VERSION, {"variables": variables})
        self.entries[name]["result"] = True


def fresh(base: str, taken: set[str]) -> str:
    """Return ``base``, or with a number behind it, that is not taken; it then is."""
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    taken.add(name)
    return name


def _misfits(nodes: Iterable[Node], results: Mapping[str, Ref]) -> Iterable[Problem]:
    """Yield what makes nodes and results no graph, cycles aside."""
    known: dict[str, Node] = {}
    for node in nodes:
        if node.id in known:
            yield Problem("NodeDuplicated", node.id, None, "two nodes have this id")
        known[node.id] = node
    for node in known.values():
        names = node.value.inputs if isinstance(node.value, Operator) else ()
        if len(node.inputs) != (node.value.arity() if isinstance(node.value, Operator) else 0):
            yield Problem(
                "ParameterInvalid", node.id, None, "wrong number of inputs", ", ".join(names) or "none", str(len(node.inputs))
            )
        for item in node.inputs:
            if isinstance(item, Ref) and item.node not in known:
                yield Problem("ReferenceDangling", node.id, None, f"there is no node {item.node!r}")
            elif not isinstance(item, Ref) and not math.isfinite(item):
                yield Problem("NumberInvalid", node.id, None, "numbers must be finite", got=str(item))
    if not results or ("" in results and len(results) > 1):
        yield Problem("ResultMissing", None, None, "results are one unnamed or several named", got=str(list(results)))
    for name, ref in results.items():
        if ref.node not in known:
            yield Problem("ReferenceDangling", None, name or None, f"there is no node {ref.node!r}")
        elif not name and isinstance(known[ref.node].value, Given):
            yield Problem("ResultMissing", ref.node, None, "the only result is an array that has not been given")


def ordered(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the nodes in topological order, by position where free; raises GraphError at a cycle."""
    place = {node.id: index for index, node in enumerate(nodes)}
    missing = [len({ref.node for ref in node.refs}) for node in nodes]
    users: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        for name in {ref.node for ref in node.refs}:
            users[place[name]].append(index)
    ready = [index for index, count in enumerate(missing) if count == 0]
    order: list[Node] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(nodes[index])
        for user in users[index]:
            missing[user] -= 1
            if missing[user] == 0:
                heapq.heappush(ready, user)
    if len(order) != len(nodes):
        rest = sorted({node.id for node in nodes} - {node.id for node in order})
        raise GraphError([Problem("GraphCyclic", rest[0], None, "nodes need each other's results", got=", ".join(rest[:8]))])
    return tuple(order)
