"""The record of what made an array, as the JSON of the attribute ``scatflow``."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from scatflow import registry as plugins
from scatflow.api import Revision, is_revision
from scatflow.contract import canonical_json, digest, parts_of
from scatflow.errors import GraphError, StoreError
from scatflow.graph.canonical import references
from scatflow.graph.drift import Drift, read_versions
from scatflow.graph.model import DATASET, NAMESPACE, OWN_VERSION, VARIABLE, Given, Graph
from scatflow.graph.order import cycles
from scatflow.graph.text import load_text

#: Name of the attribute, and version of its JSON.
ATTRIBUTE = "scatflow"
SCHEMA = 1
#: Distributions whose versions are recorded; asked of the installer's records, nothing is imported.
STACK = ("scatflow", "numpy", "scipy", "xarray", "dask", "zarr")


@dataclass(frozen=True)
class Provenance:
    """The content of the attribute.

    Attributes
    ----------
    document : mapping
        The canonical process graph; anonymous arrays are its declared parameters.
    operators, plugins : mapping
        ``dist:name`` -> versions of the numerical meaning, distribution -> versions. Several where inputs were made with
        other versions than the last step.
    inputs : mapping
        Node id -> what is known of a source: ``fingerprint``, ``dims``, ``shape``, ``dtype``.
    seeds : mapping
        Node id -> seed.
    drift : tuple of Drift
        What was used in another version than an earlier record states.
    reproducible : bool
        False where something comes from a single-file plugin.
    given : mapping
        Name of an anonymous array -> token that tells whether two are the same array, ``""`` where unknown.
    versions : mapping
        Versions of the stack that wrote the attribute.
    """

    document: Mapping[str, Any]
    operators: Mapping[str, tuple[Revision, ...]] = field(default_factory=dict)
    plugins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    reproducible: bool = True
    schema: int = SCHEMA

    @property
    def hash(self) -> str:
        """Digest of the canonical document."""
        return digest(self.document)

    def to_json(self) -> str:
        """Return the attribute's text: the same for the same content."""
        marks: dict[str, Any] = {"drift": [one.to_dict() for one in self.drift]} if self.drift else {}
        marks |= {} if self.reproducible else {"reproducible": False}
        return canonical_json({
            "schema": SCHEMA, "graph": self.document, "hash": self.hash,
            "operators": [{"id": name, "version": one} for name in sorted(self.operators) for one in self.operators[name]],
            "plugins": [{"name": name, "version": one} for name in sorted(self.plugins) for one in self.plugins[name]],
            "inputs": self.inputs, "seeds": self.seeds, "given": self.given, "versions": self.versions,
            **marks,
        })  # fmt: skip


def parse_provenance(attrs: Mapping[str, Any]) -> Provenance:
    """Read the attribute from an array's or a dataset's attributes.

    Raises
    ------
    StoreError
        There is none (``ProvenanceMissing``), it cannot be read (``ProvenanceInvalid``), or a newer scatflow wrote it
        (``SchemaNewer``). Older versions are accepted.
    """
    if ATTRIBUTE not in attrs:
        raise StoreError("attribute 'scatflow'", "there is none, so nothing is known of how the array was made",
                         remedy="Operators of scatflow set it, and of a stored result the whole has it: pass the Dataset that "
                         "open_result returns, not one of its variables.",
                         code="ProvenanceMissing")  # fmt: skip
    text = attrs[ATTRIBUTE]
    if isinstance(text, Provenance):
        return text
    try:
        content = text if isinstance(text, Mapping) else load_text(text)
        number = content["schema"]
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"schema {number!r}")
    except (GraphError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise _invalid(error) from None
    if number > SCHEMA:
        raise StoreError("attribute 'scatflow'", "was written by a newer scatflow", expected=f"schema {SCHEMA} or older", got=number,
                         remedy="Upgrade scatflow to read it.", code="SchemaNewer")  # fmt: skip
    try:
        return _read(content)
    except (KeyError, ValueError, TypeError, AttributeError, StopIteration) as error:
        raise _invalid(error) from None


def stack() -> dict[str, str]:
    """Return the versions of Python and of the distributions underneath, as far as they are installed."""
    return dict(_stack())


@lru_cache(maxsize=1)
def _stack() -> tuple[tuple[str, str], ...]:
    found = {"python": platform.python_version()} | {name: installed(name) for name in STACK}
    return tuple((name, number) for name, number in found.items() if number)


@lru_cache(maxsize=256)
def installed(name: str) -> str:
    """Return the version of an installed distribution, or an empty text."""
    try:
        return version(name)
    except (PackageNotFoundError, ValueError):
        return ""


def distributions(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Return distribution -> version for everything in the graph, filter families among the parameters too."""
    found: dict[str, set[str]] = {}
    for node in graph.nodes:
        for part in parts_of(node.value) if not isinstance(node.value, Given) else ():
            dist, number = plugins.registry().dist_of(part)
            if part is node.value and node.namespace != dist:  # of two that provide the class, the one that was asked for
                dist, number = node.namespace, plugins.registry().version_of(node.namespace)
            found.setdefault(dist, set()).add(number or installed(dist))
    return {name: tuple(sorted(numbers)) for name, numbers in found.items() if name != NAMESPACE or numbers != {""}}


def _invalid(error: Exception) -> StoreError:
    got = error.problems[0].message if isinstance(error, GraphError) else f"{type(error).__name__}: {error}"
    return StoreError("attribute 'scatflow'", "is not a provenance record", got=got, remedy="Remove it: del array.attrs['scatflow'].",
                      code="ProvenanceInvalid")  # fmt: skip


def _read(content: Mapping[str, Any]) -> Provenance:
    """Build the record, checking what later code relies on; fields that an older version lacks are empty."""
    document = content["graph"]
    nodes = document["process_graph"]
    (_,) = (name for name, node in nodes.items() if node.get("result"))
    for node in nodes.values():
        if not isinstance(node["process_id"], str):
            raise ValueError("a process_id is not a text")
        if "version" in node and not is_revision(node["version"]):
            raise ValueError(f"{node['version']!r} is no version")
        for kind, name in references(node["arguments"]):
            if kind == "from_node" and name not in nodes:
                raise ValueError(f"there is no node {name!r}")
    needs = {name: [to for kind, to in references(node["arguments"]) if kind == "from_node"] for name, node in nodes.items()}
    if found := cycles(needs):  # what follows references would never end
        raise ValueError(f"nodes need each other's results: {', '.join(found[0][:8])}")
    declared = [parameter["name"] for parameter in document.get("parameters", [])]
    operators = read_versions(content.get("operators", []))
    return Provenance(
        _stated(document, operators),
        operators=operators,
        plugins=_distributions(content.get("plugins", [])),
        inputs=dict(content.get("inputs", {})),
        seeds=dict(content.get("seeds", {})),
        given={name: content.get("given", {}).get(name, "") for name in declared},
        versions=dict(content.get("versions", {})),
        drift=Drift.read(content.get("drift", [])),
        reproducible=content.get("reproducible", True) is not False,
        schema=content["schema"],
    )


def _stated(document: Mapping[str, Any], operators: Mapping[str, tuple[Revision, ...]]) -> dict[str, Any]:
    """Return the graph with the versions that only the list of operators states, as records of earlier releases have it.

    Of an id with several versions it is not known which a node had.
    """
    nodes = {}
    for name, node in document["process_graph"].items():
        known = operators.get(f"{node.get('namespace')}:{node['process_id']}", ())
        own = node["process_id"] in (VARIABLE, DATASET) and node.get("namespace") in (None, NAMESPACE)
        known = (OWN_VERSION,) if own else known
        nodes[name] = {"version": known[0], **node} if len(known) == 1 else node
    return {**document, "process_graph": nodes}


def _distributions(entries: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        name, number = entry["name"], entry["version"]
        if not isinstance(name, str) or not isinstance(number, str):
            raise ValueError(f"{entry!r} names no distribution and its version")
        found[name] = (*found.get(name, ()), number)
    return found
