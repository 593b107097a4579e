"""A document as it is to be stored: as its author wrote it, with current names, distributions and versions filled in.

Nodes and filter families among their arguments state the versions that were used, so that those are used again where they
are kept. What stands in no argument, such as the parts of composites, is listed under ``operators``, which is checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from scatflow.api import revision_of
from scatflow.graph.canonical import reference
from scatflow.graph.drift import sorted_revisions
from scatflow.graph.model import DATASET, NAMESPACE, OWN_VERSION, VARIABLE, Graph, documented
from scatflow.graph.version import Versions, unnamed


def complete(document: Mapping[str, Any], graph: Graph, supplied: Collection[str] = ()) -> dict[str, Any]:
    """Return a valid document that states what its graph uses.

    Parameters
    ----------
    document : mapping
        The document, parameters unresolved.
    graph : Graph
        What it was parsed to.
    supplied : collection of str
        Parameters that had a value of their own: what the graph uses says nothing of their defaults.
    """
    versions = Versions(allow_drift=True)  # what was refused has been refused before
    values = {node.id: documented(node.value) for node in graph.nodes}
    nodes: dict[str, Any] = {}
    resolved: dict[str, Any] = {}
    for name, node in document["process_graph"].items():
        process, namespace, version = _named(versions, node)
        named = {"process_id": process, "namespace": namespace, "version": version}
        rest = {key: value for key, value in node.items() if key not in named}
        arguments = rest.get("arguments") or {}
        resolved |= dict(_resolved(arguments, values.get(name, {})))
        if pinned := _with_defaults(arguments, values.get(name, {})):
            rest["arguments"] = pinned
        nodes[name] = {**named, **rest}
    made = {**document, "process_graph": nodes}
    if document.get("parameters"):
        made["parameters"] = _defaults(document["parameters"], {k: v for k, v in resolved.items() if k not in supplied})
    marks = {"drift": [one.to_dict() for one in graph.drift], "operators": _operators(graph, nodes)}
    return {key: value for key, value in made.items() if key not in marks} | {key: value for key, value in marks.items() if value}


def _named(versions: Versions, node: Mapping[str, Any]) -> tuple[str, str, Any]:
    if node["process_id"] in (VARIABLE, DATASET):
        return node["process_id"], NAMESPACE, OWN_VERSION
    found = versions.find(node["process_id"], node.get("namespace"), node.get("version"))
    return found.provided.name, found.provided.dist, revision_of(found.cls)


def _operators(graph: Graph, nodes: Collection[str]) -> list[dict[str, Any]]:
    found: dict[str, set[Any]] = {}
    for _, process, version in unnamed(graph.nodes, nodes):
        found.setdefault(process, set()).add(version)
    return [{"id": name, "version": one} for name in sorted(found) for one in sorted_revisions(found[name])]


def _with_defaults(arguments: Mapping[str, Any], used: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments in which every filter family states its version, those among the defaults spelt out."""
    given = {key: _pinned(value, used.get(key)) for key, value in arguments.items()}
    return given | {key: value for key, value in used.items() if key not in given and _holds_family(value)}


def _pinned(argument: Any, used: Any) -> Any:
    """Return an argument in which every filter family states the distribution and version of the value that it became."""
    if reference(argument) is not None:
        return argument
    if _is_family(used) and (
        isinstance(argument, str) or (isinstance(argument, Mapping) and isinstance(argument.get("family"), str))
    ):
        spec = {"family": argument} if isinstance(argument, str) else argument
        return {**spec, **{key: used[key] for key in ("family", "namespace", "version")}}
    if isinstance(argument, Mapping) and isinstance(used, Mapping):
        return {key: _pinned(value, used.get(key)) for key, value in argument.items()}
    if isinstance(argument, (list, tuple)) and isinstance(used, list) and len(argument) == len(used):
        return [_pinned(value, one) for value, one in zip(argument, used, strict=True)]
    return argument


def _is_family(value: Any) -> bool:
    return isinstance(value, Mapping) and {"family", "namespace", "version"} <= value.keys()


def _holds_family(value: Any) -> bool:
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return _is_family(value) or any(map(_holds_family, inside))


def _resolved(argument: Any, used: Any) -> Iterator[tuple[str, Any]]:
    """Yield every declared parameter that an argument refers to, and the value that stands in its place."""
    found = reference(argument)
    if found is not None and found[0] == "from_parameter":
        yield found[1], used
    elif isinstance(argument, Mapping) and isinstance(used, Mapping):
        for key, value in argument.items():
            yield from _resolved(value, used.get(key))
    elif isinstance(argument, (list, tuple)) and isinstance(used, list):
        for value, one in zip(argument, used, strict=False):
            yield from _resolved(value, one)


def _defaults(declared: Any, resolved: Mapping[str, Any]) -> Any:
    """Return declared parameters whose defaults, where they spell out a filter family, state its version.

    One that only names a family stays as it is, for its schema may ask for a text.
    """
    if isinstance(declared, Mapping):
        return {name: _default(entry, resolved.get(name)) for name, entry in declared.items()}
    return [_default(entry, resolved.get(entry["name"])) for entry in declared]


def _default(entry: Mapping[str, Any], used: Any) -> Mapping[str, Any]:
    default = entry.get("default")
    return {**entry, "default": _pinned(default, used)} if isinstance(default, Mapping) else entry
