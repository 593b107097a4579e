"""Process graphs as plain JSON: the references inside them, and the one form that all spellings of a graph share.

Works on documents rather than operator values, so the origin of an array can be told, merged and hashed where the plugins
that made it are not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from scatflow.contract import digest

#: Version of the pipeline document.
SCHEMA = 1
Kind = Literal["from_node", "from_parameter"]


def reference(value: Any) -> tuple[Kind, str] | None:
    """Return kind and name if ``value`` is ``{"from_node": …}`` or ``{"from_parameter": …}``, else None."""
    if isinstance(value, dict) and len(value) == 1:
        if isinstance(name := value.get("from_node"), str):
            return "from_node", name
        if isinstance(name := value.get("from_parameter"), str):
            return "from_parameter", name
    return None


def references(value: Any) -> Iterator[tuple[Kind, str]]:
    """Yield every reference inside an argument, in order of keys; nesting is bounded by the reader of documents."""
    found = reference(value)
    if found is not None:
        yield found
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from references(value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from references(item)


def substitute(value: Any, change: Callable[[Kind, str], Any]) -> Any:
    """Return a deep copy of an argument with every reference replaced by what ``change`` returns for it."""
    found = reference(value)
    if found is not None:
        return change(*found)
    if isinstance(value, dict):
        return {key: substitute(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [substitute(item, change) for item in value]
    return value


def canonical(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Rename and reorder the nodes of a valid process graph so that only its content decides.

    Nodes are visited from the result through their arguments in order of names; equal nodes become one, and nodes that
    the result does not need disappear.

    Returns
    -------
    document : dict
        The canonical document, with ids ``<process>_<count>``.
    names : dict
        Old id -> new id.

    Examples
    --------
    >>> a, _ = canonical({"process_graph": {"u": {"process_id": "noise", "arguments": {}, "result": True}}})
    >>> b, names = canonical({"process_graph": {"v": {"process_id": "noise", "arguments": {}, "result": True}}})
    >>> a == b, names
    (True, {'v': 'noise_1'})
    """
    nodes = document["process_graph"]
    result = next(name for name, node in nodes.items() if node.get("result"))
    names: dict[str, str] = {}
    by_content: dict[str, str] = {}
    counts: dict[str, int] = {}
    graph: dict[str, Any] = {}
    for name in after_inputs(nodes, result):
        node = nodes[name]
        # Inputs come first, so their new names already stand for their whole content.
        content = {
            "process_id": node["process_id"], "namespace": node.get("namespace"),
            "arguments": substitute(node.get("arguments") or {}, lambda kind, old: {kind: names[old] if kind == "from_node" else old}),
        }  # fmt: skip
        if "version" in node:  # records of earlier releases have none
            content["version"] = node["version"]
        key = digest(content)
        if key not in by_content:
            process = node["process_id"]
            counts[process] = counts.get(process, 0) + 1
            by_content[key] = f"{process}_{counts[process]}"
            graph[by_content[key]] = content
        names[name] = by_content[key]
    graph[names[result]]["result"] = True
    made: dict[str, Any] = {"process_graph": graph, "scatflow": SCHEMA}
    if document.get("parameters"):
        made["parameters"] = sorted(document["parameters"], key=lambda parameter: str(parameter["name"]))
    return made, names


def after_inputs(nodes: Mapping[str, Any], result: str) -> list[str]:
    """Return the ids that the result needs, each after its inputs; without recursion, chains may be long."""
    done: dict[str, None] = {}
    stack: list[tuple[str, Iterator[str]]] = [(result, _inputs(nodes[result]))]
    while stack:
        name, waiting = stack[-1]
        following = next((other for other in waiting if other not in done), None)
        if following is None:
            done[name] = None
            stack.pop()
        else:
            stack.append((following, _inputs(nodes[following])))
    return list(done)


def _inputs(node: Mapping[str, Any]) -> Iterator[str]:
    return (name for kind, name in references(node.get("arguments") or {}) if kind == "from_node")
