"""What two results must have in common before their numbers mean the same: filters, normalization, boundary, kind of input.

The facts come from attributes and from the record of how an array was made. Where there is no record, what it would tell
is reported as not checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scatflow.errors import ParameterError, near
from scatflow.graph import parse_provenance
from scatflow.graph.canonical import after_inputs, references
from scatflow.graph.model import DATASET, VARIABLE
from scatflow.graph.record import ATTRIBUTE

#: Attributes that must agree.
ATTRIBUTES = ("units", "normalization", "boundary", "input")
#: Arguments of operators that change what a coefficient of given labels means.
ARGUMENTS = ("filters", "L", "Q", "T", "normalize", "boundary", "metric", "input", "model")
#: The argument that marks the operator with the filters: what comes before it prepares the input.
FILTERS = "filters"
#: Steps that choose or name parts of the input and leave its values alone.
CHOICES = frozenset({"select", "rename", "drop_labels", "cast", "merge", VARIABLE, DATASET})


def conditions(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts by field; those that only a record tells are absent without one."""
    found: dict[str, Any] = {name: attrs.get(name) for name in ATTRIBUTES}
    if ATTRIBUTE in attrs:
        found |= _recorded(attrs)
    if found["boundary"] is not None:  # what was used; the argument may have left it to the coordinates
        found = {name: value for name, value in found.items() if not name.endswith(".boundary")}
    return found


def _recorded(attrs: Mapping[str, Any]) -> dict[str, Any]:
    nodes = parse_provenance(attrs).document["process_graph"]
    result = next(name for name, node in nodes.items() if node.get("result"))
    order = [nodes[name] for name in after_inputs(nodes, result) if nodes[name]["process_id"] not in CHOICES]
    steps = [node for node in order if any(references(node["arguments"]))]  # a source refers to nothing
    first = next((k for k, node in enumerate(steps) if FILTERS in node["arguments"]), max(0, len(steps) - 1))
    found: dict[str, Any] = {
        "preparation": [node["process_id"] for node in steps[:first]],
        "operators": [f"{node['process_id']} {node.get('version', '')}".strip() for node in steps[first:]],
    }
    for node in steps[first:]:
        given = node["arguments"]
        found |= {f"{node['process_id']}.{name}": given[name] for name in ARGUMENTS if name in given}
        if given.get("L", 0) is None:  # left to the number of dims, of which the record does not tell
            del found[f"{node['process_id']}.L"]
        if given.get("T", 0) is None and "J" in given:  # the default window
            found[f"{node['process_id']}.T"] = f"2^{given['J']}"
    return found


def check(a: Mapping[str, Any], b: Mapping[str, Any], allow: Sequence[str]) -> tuple[list[str], list[str]]:
    """Refuse results whose numbers do not mean the same.

    Parameters
    ----------
    a, b : mapping
        Attributes of both.
    allow : sequence of str
        Fields that may differ.

    Returns
    -------
    allowed, unchecked : list of str
        Fields that do differ and were allowed to, with both values; fields of which one result tells nothing.

    Raises
    ------
    ParameterError
        Fields differ; each is named with both values. Or ``allow`` names no field.
    """
    one, other = conditions(a), conditions(b)
    names = list(dict.fromkeys((*one, *other)))
    shorts = {name: name.rpartition(".")[2] for name in names}
    for word in allow:
        if word not in names and word not in shorts.values():
            raise ParameterError("compare.allow", "there is no such field", expected=sorted({*names, *shorts.values()}), got=repr(word),
                                 remedy=near(word, {*names, *shorts.values()}))  # fmt: skip
    differing = list(_differing(one, other))
    refused = [(name, text) for name, text in differing if not {name, shorts[name]} & set(allow)]
    if refused:
        fields = ", ".join(repr(shorts[name]) for name, _ in refused)
        raise ParameterError("compare", "the results differ in what their numbers mean", got="; ".join(text for _, text in refused),
                             remedy=f"Compute both alike, or, if this is the question: allow=({fields},).", code="ConditionsDiffer")  # fmt: skip
    unchecked = [name for name in names if (name in one) != (name in other)]
    if "operators" not in one and "operators" not in other:
        unchecked = ["operators", "preparation", *ARGUMENTS]
    return [text for _, text in differing], unchecked


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in one:
        if name in other and one[name] != other[name]:
            yield name, f"{name}: {_short(one[name])} in a, {_short(other[name])} in b"


def _short(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True)
