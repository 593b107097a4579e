"""The attribute ``scatflow``: what made an array, enough to rebuild and run it again. No wall clock, so runs are comparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scatflow.contract import Ref
from scatflow.contract.declared import plain
from scatflow.graph.lift import lift
from scatflow.graph.merge import Origin, bundle, extend
from scatflow.graph.model import Given, Graph
from scatflow.graph.record import ATTRIBUTE, SCHEMA, Provenance, distributions, parse_provenance, stack
from scatflow.graph.validate import Bound

__all__ = ["ATTRIBUTE", "SCHEMA", "Origin", "Provenance", "bundle", "extend", "graph_of", "parse_provenance", "provenance"]


def provenance(
    graph: Graph,
    bound: Bound | None = None,
    *,
    seeds: Mapping[str, int] | None = None,
    fingerprints: Mapping[str, str] | None = None,
    result: Ref | None = None,
) -> str:
    """Return the JSON text of the attribute for what a graph yields.

    Parameters
    ----------
    graph : Graph
        The graph.
    bound : Bound, optional
        Its dry run; then dims, shape and dtype of the sources are recorded.
    seeds, fingerprints : mapping, optional
        Node id -> seed that was used beyond the parameter ``seed``; node id of a source -> fingerprint.
    result : Ref, optional
        Which of several results the attribute is for; default the whole graph.
    """
    graph = graph if result is None else graph.only(result)
    document, names = graph.canonical()
    kept = [node for node in graph.nodes if node.id in names]
    drawn = {node.id: node.value.parameters()["seed"] for node in kept if "seed" in type(node.value).model_fields}
    drawn |= plain(dict(seeds or {}))
    inputs: dict[str, dict[str, Any]] = {}
    for node in kept:
        if node.inputs or isinstance(node.value, Given):
            continue
        known: dict[str, Any] = {}
        if bound is not None and "" in bound.specs[node.id]:
            spec = bound.specs[node.id][""]
            known = {"dims": list(spec.dims), "shape": list(spec.shape), "dtype": spec.dtype}
        if fingerprints and node.id in fingerprints:
            known["fingerprint"] = fingerprints[node.id]
        if known:
            inputs[names[node.id]] = known
    return Provenance(
        document,
        operators=graph.versions,
        plugins=distributions(graph),
        inputs=inputs,
        seeds={names[name]: seed for name, seed in drawn.items() if name in names and seed is not None},
        given=dict.fromkeys(graph.given, ""),
        versions=stack(),
        drift=graph.drift,
        reproducible=graph.reproducible,
    ).to_json()


def graph_of(attrs: Mapping[str, Any], parameters: Sequence[str] = ()) -> dict[str, Any]:
    """Return the process graph that made an array, with operator parameters lifted into declared ones (U20).

    Parameters
    ----------
    attrs : mapping
        Attributes of the array.
    parameters : sequence of str
        Names of arguments: ``"J"`` where one value of J serves the whole graph, ``"scattering.J"`` or a node's id with
        the argument otherwise, which is then declared as ``scattering_J``.

    Raises
    ------
    StoreError
        The attribute is missing or cannot be read.
    ParameterError
        No argument has that name, or several with different values.
    """
    record = parse_provenance(attrs)
    drift = {"drift": [one.to_dict() for one in record.drift]} if record.drift else {}
    return lift({**record.document, **drift}, parameters)
