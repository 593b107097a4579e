"""From a process graph, as data, to a :class:`Graph`: every check that needs no labels, and every finding at once.

The order of checks is structure, parameters, registry, arguments, wiring. Each stage goes on where an earlier one found
fault, as far as that makes sense, so that one round shows all there is to repair.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scatflow.api import Revision, is_revision
from scatflow.contract import Source
from scatflow.errors import GraphError, Problem, StoreError, near
from scatflow.graph.assemble import Draft, assemble
from scatflow.graph.canonical import SCHEMA
from scatflow.graph.drift import Drift, read_versions
from scatflow.graph.inline import MAX_NODES, too_many
from scatflow.graph.model import Graph
from scatflow.graph.parameters import Parameter, declared, plain_value, resolve
from scatflow.graph.text import MAX_BYTES, MAX_DEPTH, dump_text, load_text
from scatflow.graph.values import short
from scatflow.graph.version import Versions

__all__ = ["dump_text", "load_text", "parse", "read_file", "write_file"]

#: What a value counts towards the size of a document besides its text.
VALUE_BYTES = 8
#: What an openEO process may carry besides its graph; only the first five mean something here.
_KEYS = ("process_graph", "parameters", "scatflow", "drift", "operators", "id", "title", "summary", "description", "returns", "categories",
         "examples", "links", "exceptions", "deprecated", "experimental")  # fmt: skip
_NODE_KEYS = ("process_id", "namespace", "version", "arguments", "result", "description")
#: A node that names a source as an argument, ``id``, as openEO loads collections: the same graph as with the source's own name.
LOADER = "load_process"
_NODE_ID = re.compile(r"\w[\w.\-]{0,199}")
_PROCESS_ID = re.compile(r"[a-z][a-z0-9_]{0,99}")


def read_file(path: str | Path) -> dict[str, Any]:
    """Read a pipeline file, JSON or YAML, as plain data.

    Raises
    ------
    StoreError
        The file cannot be read.
    GraphError
        Its text is refused (see :func:`load_text`); every message names the file.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StoreError(f"pipeline {str(path)!r}", "cannot be read", got=error.strerror or str(error),
                         remedy="Check the path.", code="PipelineMissing") from None  # fmt: skip
    try:
        return load_text(content)
    except GraphError as error:
        raise GraphError(
            Problem(p.code, p.node, p.argument, f"{path}: {p.message}", p.expected, p.got, p.remedy) for p in error.problems
        ) from None


def write_file(path: str | Path, document: Mapping[str, Any]) -> None:
    """Write a document as YAML or JSON, after the file's suffix; a file that is there is replaced at once or not at all."""
    target = Path(os.path.realpath(path))  # what a link stands for, not the link
    text = json.dumps(document, indent=2) if target.suffix == ".json" else dump_text(document)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def parse(
    document: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    allow_drift: bool = False,
    recorded: Mapping[str, tuple[str, ...]] | None = None,
) -> Graph:
    """Turn a process graph into operators and sources, wired.

    Parameters
    ----------
    document : mapping
        ``{"process_graph": {id: {"process_id", "arguments", …}}}``, where a node may state ``namespace`` and ``version``, with optional ``parameters`` (openEO's list, or a
        mapping from name to schema with default), ``scatflow``, the version of the document, and ``operators``, which states
        versions of what no node names.
    parameters : mapping, optional
        Values of declared parameters. A :class:`~scatflow.contract.Source` may stand for a declared array; an array that
        is not supplied becomes a :class:`~scatflow.graph.model.Given` node, which the dry run reports.
    allow_drift : bool
        Whether an operator that is not installed in the version a node states may be used in the present one. The graph's
        ``drift`` then tells.
    recorded : mapping, optional
        Distribution -> its versions when the graph was recorded, for messages.

    Raises
    ------
    GraphError
        Everything that is wrong with the document, each with code, node, argument, expected, got and remedy.

    Examples
    --------
    >>> parse({"process_graph": {}})
    Traceback (most recent call last):
        ...
    scatflow.errors.GraphError: pipeline: 1 problem found
      [ProcessGraphMissing] graph: process_graph has no nodes.
    """
    _check_plain(document)
    _check_plain(plain := {name: plain_value(value) for name, value in (parameters or {}).items()})
    findings = _Findings()
    drafts = findings.read(document)
    known, problems = declared(document.get("parameters"))
    values, wrong = resolve(known, plain)
    findings.problems += problems + wrong
    expected = findings.operators(document.get("operators", []))
    versions = Versions(allow_drift, recorded or {}, {"": list(findings.drift(document.get("drift", [])))}, expected)
    return assemble(drafts, known, values, findings.problems, _unused(drafts, known, findings), versions)


def _unused(drafts: Mapping[str, Draft], known: Mapping[str, Parameter], findings: _Findings) -> list[Problem]:
    """Return warnings for declared parameters that no argument refers to."""
    used = {name for draft in drafts.values() for kind, name in draft.references if kind == "from_parameter"}
    return [
        Problem("ParameterUnused", None, name, f"parameter {name!r} is declared and not used") for name in known if name not in used
    ]


def _check_plain(document: Any) -> None:
    """Refuse what is not JSON, too deep or too large, whoever built it; raises at once, since nothing can be read then.

    The size counts every repetition of a shared part, so that a small tree of references cannot expand without bound.
    """
    size = 0
    stack: list[tuple[Any, tuple[str, ...]]] = [(document, ())]
    while stack:
        value, path = stack.pop()
        if getattr(value, "ndim", None) == 0:  # a NumPy scalar
            value = value.item()
        size += VALUE_BYTES + (len(value) if isinstance(value, str) else 0)
        if size > MAX_BYTES:
            raise GraphError([_at(path, "TextTooLarge", "the document is too large", f"at most {MAX_BYTES} bytes")])
        if len(path) > MAX_DEPTH:
            raise GraphError([_at(path, "TextTooDeep", "values are nested too deep", f"at most {MAX_DEPTH} levels")])
        if isinstance(value, dict) or (isinstance(value, Mapping) and not path):
            for key, item in value.items():
                if not isinstance(key, str):
                    raise GraphError([_at(path, "DocumentInvalid", "keys must be texts", got=short(key))])
                size += len(key)
                stack.append((item, (*path, key)))
        elif isinstance(value, (list, tuple)):
            stack += zip(value, itertools.repeat((*path, "")))
        elif isinstance(value, float) and not math.isfinite(value):
            raise GraphError([_at(path, "NumberInvalid", "numbers must be finite", got=str(value))])
        elif not (value is None or isinstance(value, (str, bool, int, float)) or (len(path) == 1 and isinstance(value, Source))):
            raise GraphError([_at(path, "DocumentInvalid", "not plain data", "what JSON can hold", type(value).__name__)])


def _at(path: tuple[str, ...], code: str, message: str, expected: str | None = None, got: str | None = None) -> Problem:
    """Return a finding with the node and argument that a path leads through."""
    node = path[1] if len(path) > 1 and path[0] == "process_graph" else None
    argument = path[3] if node is not None and len(path) > 3 and path[2] == "arguments" else None
    return Problem(code, node, argument, message, expected, got)


@dataclass
class _Findings:
    """Reads the structure of a document and keeps what is wrong with it."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, code: str, node: str | None, argument: str | None, message: str, **more: str | None) -> None:
        """Keep a finding."""
        self.problems.append(Problem(code, node, argument, message, **more))

    def read(self, document: Mapping[str, Any]) -> dict[str, Draft]:
        """Return the nodes; raises GraphError where there is no graph to look at."""
        if not isinstance(document, Mapping):
            self.add("DocumentInvalid", None, None, "a pipeline is a mapping", got=short(document))
            raise GraphError(self.problems)
        self._version(document.get("scatflow", SCHEMA))
        for key in document:
            if key not in _KEYS and "process_graph" in document:
                self.add("KeyUnknown", None, None, f"unknown key {key!r}", expected=", ".join(_KEYS), remedy=near(key, _KEYS))
        nodes = document.get("process_graph")
        if not isinstance(nodes, Mapping) or not nodes:
            self._no_nodes(document, nodes)
            raise GraphError(self.problems)
        if len(nodes) > MAX_NODES:
            raise GraphError([*self.problems, too_many(len(nodes), MAX_NODES)])
        return {name: self._node(name, entry) for name, entry in nodes.items()}

    def drift(self, entries: Any) -> tuple[Drift, ...]:
        """Return what was used in other versions before the document was written."""
        try:
            return Drift.read(entries)
        except ValueError as error:
            self.add("DocumentInvalid", None, "drift", "drift lists id, recorded and used version", got=str(error)[:200])
            return ()

    def operators(self, entries: Any) -> dict[str, tuple[Revision, ...]]:
        """Return the versions of what no node names: parts of composites, filter families that are defaults."""
        try:
            return read_versions(entries)
        except ValueError as error:
            self.add("DocumentInvalid", None, "operators", "operators lists id and version", got=str(error)[:200])
            return {}

    def _version(self, version: Any) -> None:
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            self.add(
                "DocumentInvalid", None, None, "scatflow is the version of the document", expected=str(SCHEMA), got=short(version)
            )
        elif version > SCHEMA:
            # What a newer version means by the same words is not known, so nothing else is judged.
            raise GraphError([Problem("SchemaNewer", None, None, "the pipeline was written for a newer scatflow",
                                      f"version {SCHEMA} or older", str(version), "Upgrade scatflow.")])  # fmt: skip

    def _no_nodes(self, document: Mapping[str, Any], nodes: Any) -> None:
        bare = any(isinstance(entry, Mapping) and "process_id" in entry for entry in document.values())
        remedy = 'Put the nodes under "process_graph".' if bare else None
        if isinstance(process := document.get("process"), Mapping) and "process_graph" in process:
            remedy = 'Pass what is under "process".'
        if nodes is None:
            if remedy is None and near("process_graph", document):
                remedy = "Is a key misspelt?"
            got = ", ".join(document) or "nothing"
            self.add("ProcessGraphMissing", None, None, "there is no process_graph", got=got[:200], remedy=remedy)
        elif not isinstance(nodes, Mapping):
            self.add("DocumentInvalid", None, None, "process_graph is a mapping from id to node", got=short(nodes))
        else:
            self.add("ProcessGraphMissing", None, None, "process_graph has no nodes")

    def _node(self, name: str, entry: Any) -> Draft:
        """Read one node; what cannot be read is left empty, and its findings say why."""
        if not _NODE_ID.fullmatch(name):
            self.add("NodeInvalid", name, None, "a node id has letters, digits, '_', '.' and '-', at most 200", got=short(name))
        if not isinstance(entry, Mapping):
            self.add("NodeInvalid", name, None, "a node is a mapping", expected="process_id, arguments", got=short(entry))
            return Draft(name)
        for key in entry:
            if key not in _NODE_KEYS:
                self.add(
                    "KeyUnknown", name, None, f"unknown key {key!r}", expected=", ".join(_NODE_KEYS), remedy=near(key, _NODE_KEYS)
                )
        arguments = entry.get("arguments")
        if arguments is not None and not isinstance(arguments, Mapping):
            self.add("NodeInvalid", name, None, "arguments are a mapping", got=short(arguments))
            arguments = None
        result = entry.get("result", False)
        if not isinstance(result, bool):
            self.add("NodeInvalid", name, None, "result is true or false", got=short(result))
        namespace = entry.get("namespace")
        if namespace is not None and (not isinstance(namespace, str) or not namespace):
            self.add("NamespaceInvalid", name, None, "a namespace is the name of a distribution", got=short(namespace))
            namespace = None
        version = entry.get("version")
        if version is not None and not is_revision(version):
            self.add("NodeInvalid", name, None, "a version is a positive integer, of a single-file plugin with the hash of the file",
                     expected="2, or 2+0a1b2c3d4e5f", got=short(version))  # fmt: skip
            version = None
        process, arguments = self._loaded(name, self._process(name, entry), dict(arguments or {}))
        return Draft(name, process, namespace, version, arguments, result is True)

    def _loaded(self, name: str, process: str | None, arguments: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """Return the process of a node and its arguments; those of a loader are the source that it names, and the rest."""
        if process != LOADER:
            return process, arguments
        source = arguments.pop("id", None)
        if isinstance(source, str) and _PROCESS_ID.fullmatch(source):
            return source, arguments
        self.add("ParameterInvalid", name, "id", f"{LOADER} needs the name of a source", expected='such as "ising"',
                 got=None if source is None else short(source), remedy="scatflow ops lists the sources.")  # fmt: skip
        return None, arguments

    def _process(self, name: str, entry: Mapping[str, Any]) -> str | None:
        process = entry.get("process_id")
        if isinstance(process, str) and _PROCESS_ID.fullmatch(process):
            return process
        remedy = near("process_id", [key for key in entry if key not in _NODE_KEYS])
        if isinstance(process, str) and ":" in process:
            dist, _, short_name = process.rpartition(":")
            remedy = f"Write process_id: {short_name} and namespace: {dist}."
        got = None if process is None else short(process)
        self.add(
            "NodeInvalid", name, None, "a node needs a process_id of lower-case letters, digits and '_'", got=got, remedy=remedy
        )
        return None
