"""The record of a call on labelled arrays: the graphs of its inputs, merged, with the operator on top.

Works on documents: inputs may have been made by plugins that are not installed here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scatflow import registry as plugins
from scatflow.api import revision_of
from scatflow.contract import Operator, Ref, Source
from scatflow.errors import GraphError, ParameterError, StoreError
from scatflow.graph.canonical import Kind, canonical, substitute
from scatflow.graph.drift import merged, sorted_revisions
from scatflow.graph.inline import inline
from scatflow.graph.model import DATASET, NAMESPACE, OWN_VERSION, Given, Graph, Node, array_parameter, documented, fresh
from scatflow.graph.record import ATTRIBUTE, Provenance, distributions, parse_provenance, stack


@dataclass(frozen=True)
class Origin:
    """What is known of an input array of a call.

    Parameters
    ----------
    attrs : mapping
        Its attributes; the record in them is trusted. Leave it out where the array may have changed since: xarray keeps
        attributes through arithmetic and indexing.
    source : Source, optional
        Source that delivers the array as it is.
    variable : str, optional
        Its name, which tells the results of a bundle apart.
    token : str
        Equal for equal arrays, so that an anonymous array used twice is recognized; empty where unknown.
    """

    attrs: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None
    variable: str | None = None
    token: str = ""

    @classmethod
    def of(cls, item: Any) -> Origin:
        """Take attributes, or anything that has attributes, such as a DataArray."""
        if isinstance(item, Origin):
            return item
        if isinstance(item, Mapping):
            return cls(item)
        # The name of a Dask array is a token of its content; other containers are not asked for their data.
        lazy = getattr(item, "chunks", None) is not None
        name = getattr(item, "name", None)
        token = str(getattr(item.data, "name", "")) if lazy else ""
        return cls(item.attrs, variable=None if name is None else str(name), token=token)


def extend(inputs: Sequence[Any], operator: Operator, output: str = "") -> dict[str, str]:
    """Return the attribute for the result of an operator applied to inputs.

    Parameters
    ----------
    inputs : sequence
        One per input of the operator: a number, an array with attributes (a DataArray), its attributes alone, or an
        :class:`Origin`. An array that carries a record brings its graph, one of a known source brings that
        source, any other is a declared parameter, called as the operator calls that input.
    operator : Operator
        The operator.
    output : str
        Which of several results the attribute is for.

    Returns
    -------
    dict
        ``{"scatflow": text}``, to be merged into the attributes of the result.

    Warns
    -----
    UserWarning
        A record cannot be read; its array then counts as anonymous.
    """
    if len(inputs) != len(operator.inputs):
        raise ParameterError(operator.name, "wrong number of inputs", expected=", ".join(operator.inputs), got=len(inputs))
    merge = _Merge()
    seen: dict[int, Any] = {}
    arguments: list[Any] = []
    for name, item in zip(operator.inputs, inputs, strict=True):
        if id(item) not in seen:
            seen[id(item)] = merge.take(name, item)
        arguments.append(seen[id(item)])
    return {ATTRIBUTE: merge.apply(operator, arguments, output).to_json()}


def bundle(variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the attribute for a dataset of arrays that carry records; empty where one of them has none.

    Parameters
    ----------
    variables : mapping
        Name -> array with attributes, its attributes alone, or an :class:`Origin`.
    """
    merge = _Merge()
    taken = {name: merge.take(name, item) for name, item in variables.items()}
    named = all(name and "/" not in name and not name.startswith("_") for name in taken)
    if not named or not taken or not all(isinstance(item, dict) and "from_node" in item for item in taken.values()):
        return {}
    return {ATTRIBUTE: merge.bundle(taken).to_json()}


class _Merge:
    """Nodes of all inputs under ids of their own, and everything recorded beside them."""

    def __init__(self) -> None:
        self._nodes: dict[str, Any] = {}
        self._declared: dict[str, Any] = {}
        self._record = Provenance({})
        self._count = 0

    def take(self, name: str, item: Any) -> Any:
        """Return the argument that stands for an input: a number or a reference."""
        if isinstance(item, (int, float)) or (getattr(item, "ndim", None) == 0 and not hasattr(item, "attrs")):
            return float(item)
        origin = Origin.of(item)
        if ATTRIBUTE in origin.attrs:
            try:
                found = self._known(parse_provenance(origin.attrs), origin.variable)
                if found is not None:
                    return found
            except StoreError as error:
                warnings.warn(f"input {name!r} is recorded as an anonymous array: {error}", stacklevel=4)
        if origin.source is not None:
            return self._delivered(origin.source)
        return {"from_parameter": self._anonymous(name, origin.token)}

    def _anonymous(self, base: str, token: str, declaration: Mapping[str, Any] | None = None) -> str:
        """Return the parameter of an anonymous array: one per token, and always a new one without."""
        for name, known in self._record.given.items():
            if token and known == token:
                return name
        name = fresh(base, set(self._record.given))
        self._record = replace(self._record, given={**self._record.given, name: token})
        self._declared[name] = {**(declaration or array_parameter(name)), "name": name}
        return name

    def _known(self, record: Provenance, variable: str | None) -> Any:
        """Add the graph of a record; None where it has several results and it is not known which the array is."""
        nodes = record.document["process_graph"]
        result = next(name for name, node in nodes.items() if node.get("result"))
        target: dict[str, str] = {"from_node": result}
        if nodes[result]["process_id"] == DATASET:
            variables = nodes[result]["arguments"]["variables"]
            if variable not in variables:
                return None
            target = variables[variable]
        declared = {parameter["name"]: parameter for parameter in record.document.get("parameters", [])}
        renamed = {name: self._anonymous(name, token, declared[name]) for name, token in record.given.items()}
        self._count += 1

        def change(kind: Kind, name: str) -> dict[str, str]:
            return {kind: f"{self._count}/{name}" if kind == "from_node" else renamed.get(name, name)}

        for name, node in nodes.items():
            kept = {key: node[key] for key in ("process_id", "version") if key in node}
            arguments = substitute(node["arguments"], change)
            self._nodes[f"{self._count}/{name}"] = {**kept, "namespace": node.get("namespace"), "arguments": arguments}
        self._note(record, lambda name: f"{self._count}/{name}")
        return substitute(target, change)

    def _note(self, record: Provenance, rename: Callable[[str], str]) -> None:
        """Merge what a record holds beside its graph."""
        mine = self._record
        self._record = replace(
            mine,
            operators=_union(mine.operators, record.operators),
            plugins=_union(mine.plugins, record.plugins),
            drift=merged((*mine.drift, *record.drift)),
            reproducible=mine.reproducible and record.reproducible,
            inputs={**mine.inputs, **{rename(name): known for name, known in record.inputs.items()}},
            seeds={**mine.seeds, **{rename(name): seed for name, seed in record.seeds.items()}},
        )

    def _delivered(self, source: Source) -> dict[str, str]:
        """Add the node of a source, with its defaults filled in."""
        self._count += 1
        process, namespace = type(source).name, plugins.registry().dist_of(source)[0]
        name = f"{self._count}/{process}"
        own = Graph((Node(name, source, (), namespace),), {"": Ref(name)})
        self._nodes[name] = {
            "process_id": process, "namespace": namespace, "version": revision_of(type(source)), "arguments": documented(source),
        }  # fmt: skip
        self._note(Provenance({}, own.versions, reproducible=own.reproducible), str)
        return {"from_node": name}

    def apply(self, operator: Operator, arguments: Sequence[Any], output: str) -> Provenance:
        """Return the record with the operator on top."""
        graph = _single(operator, arguments, output)
        own = graph.to_document()["process_graph"]
        result = next(name for name, node in own.items() if node.get("result"))
        inputs = {f"{index}": argument for index, argument in enumerate(arguments)}

        def change(kind: Kind, name: str) -> Any:
            return inputs[name] if kind == "from_parameter" else {kind: f"0/{name}"}

        for name, node in own.items():
            self._nodes[f"0/{name}"] = {**node, "arguments": substitute(node["arguments"], change)}
        seed = {f"0/{n.id}": n.value.parameters()["seed"] for n in graph.nodes if "seed" in type(n.value).model_fields}
        self._note(Provenance({}, graph.versions, distributions(graph), seeds=seed, reproducible=graph.reproducible), str)
        assert f"0/{result}" in self._nodes
        return self._finished()

    def bundle(self, variables: Mapping[str, Any]) -> Provenance:
        """Return the record of several results under names."""
        self._nodes["0/result"] = {
            "process_id": DATASET, "namespace": NAMESPACE, "version": OWN_VERSION, "arguments": {"variables": dict(variables)}, "result": True,
        }  # fmt: skip
        return self._finished()

    def _finished(self) -> Provenance:
        merged = {"process_graph": self._nodes, "parameters": list(self._declared.values())}
        document, names = canonical(merged)
        return replace(
            self._record,
            document=document,
            inputs={names[name]: known for name, known in self._record.inputs.items() if name in names},
            seeds={names[name]: value for name, value in self._record.seeds.items() if name in names and value is not None},
            versions=stack(),
        )


def _single(operator: Operator, arguments: Sequence[Any], output: str) -> Graph:
    """Return the graph of one operator over placeholders, inlined where it is a composite."""
    placeholders = [Node(f"in{i}", Given(parameter=str(i))) for i, argument in enumerate(arguments) if isinstance(argument, dict)]
    inputs = tuple(Ref(f"in{i}") if isinstance(argument, dict) else argument for i, argument in enumerate(arguments))
    namespace, _ = plugins.registry().dist_of(operator)
    inlined = inline([*placeholders, Node("op", operator, inputs, namespace)])
    results = inlined.results({"": Ref("op", output)})
    if inlined.problems:
        raise GraphError(inlined.problems)
    return Graph(tuple(inlined.nodes), results)


def _union(a: Mapping[str, tuple[Any, ...]], b: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """Return name -> all versions that either holds, sorted."""
    return {name: sorted_revisions({*a.get(name, ()), *b.get(name, ())}) for name in sorted({*a, *b})}
