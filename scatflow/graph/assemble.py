"""Drafts of nodes become operator and source values wired together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scatflow import registry as plugins
from scatflow.api import Revision
from scatflow.contract import Composite, Operator, Pointwise, Ref, Source
from scatflow.contract.declared import plain
from scatflow.errors import GraphError, Problem, RegistryError, near
from scatflow.graph.canonical import Kind, reference, references, substitute
from scatflow.graph.inline import inline
from scatflow.graph.model import DATASET, NAMESPACE, OWN_VERSION, VARIABLE, Given, Graph, Node, fresh, ordered
from scatflow.graph.order import cycles, reachable
from scatflow.graph.parameters import Parameter
from scatflow.graph.values import Found, build, short
from scatflow.graph.version import CODE, Versions


@dataclass(frozen=True)
class Draft:
    """A node as the document states it; ``process`` is None where it could not be read."""

    id: str
    process: str | None = None
    namespace: str | None = None
    version: Revision | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    result: bool = False

    @cached_property
    def references(self) -> tuple[tuple[Kind, str], ...]:
        """Everything that the arguments refer to."""
        return tuple(references(self.arguments))


def assemble(
    drafts: Mapping[str, Draft],
    parameters: Mapping[str, Parameter],
    values: Mapping[str, Any],
    problems: list[Problem],
    warnings: list[Problem],
    versions: Versions,
) -> Graph:
    """Return the graph that drafts describe.

    Parameters
    ----------
    drafts : mapping
        Id -> node as read.
    parameters, values : mapping
        Declared parameters, and the value of each that has one.
    problems : list of Problem
        What earlier checks found; raised together with what is found here.
    warnings : list of Problem
        Findings that leave the graph valid.
    versions : Versions
        How strictly stated versions are taken; collects where others are used.

    Raises
    ------
    GraphError
        All findings.
    """
    assembly = _Assembly(drafts, parameters, values, problems, versions)
    edges = assembly.edges()
    _check_cycles(edges, problems)
    results = assembly.results()
    nodes = [node for draft in drafts.values() if (node := assembly.node(draft)) is not None]
    if problems:
        raise GraphError(problems)
    needed = reachable(edges, [draft.id for draft in drafts.values() if draft.result])
    unused = [Problem("NodeUnreachable", name, None, "the result does not need this node", remedy="It is not computed; remove it.")
              for name in drafts if name not in needed]  # fmt: skip
    wanted = [node for node in nodes if node.id in needed]
    used = {ref.node for ref in results.values()} | {ref.node for node in wanted for ref in node.refs}
    supplied = [node for node in assembly.arrays.values() if node.id in used]
    inlined = inline(ordered((*supplied, *wanted)), set(drafts))
    found = inlined.results(results)
    if wrong := [*inlined.problems, *versions.unexpected(inlined.nodes, drafts)]:
        raise GraphError(wrong)
    told = [*warnings, *unused, *assembly.renamed.values(), *versions.warnings(name for name in drafts if name in needed)]
    return Graph(tuple(inlined.nodes), found, tuple(told), versions.of(needed))


def _check_cycles(edges: Mapping[str, list[str]], problems: list[Problem]) -> None:
    for cycle in cycles(edges):
        shown = [*cycle, cycle[0]] if len(cycle) <= 8 else [*cycle[:7], "…", cycle[0]]
        problems.append(Problem("GraphCyclic", cycle[0], None, "nodes need each other's results", got=" <- ".join(shown),
                                remedy="Remove one of these references."))  # fmt: skip


@dataclass
class _Assembly:
    """Looks up, builds and wires; findings go to ``problems``."""

    drafts: Mapping[str, Draft]
    parameters: Mapping[str, Parameter]
    values: Mapping[str, Any]
    problems: list[Problem]
    versions: Versions
    arrays: dict[str, Node] = field(default_factory=dict)
    renamed: dict[tuple[str, str], Problem] = field(default_factory=dict)
    _classes: dict[tuple[str, str | None, Revision | None], Found | RegistryError] = field(default_factory=dict)

    def add(self, code: str, node: str | None, argument: str | None, message: str, **more: str | None) -> None:
        """Keep a finding."""
        self.problems.append(Problem(code, node, argument, message, **more))

    def edges(self) -> dict[str, list[str]]:
        """Return what every node needs, reporting references to nothing and malformed ones."""
        found: dict[str, list[str]] = {}
        for draft in self.drafts.values():
            found[draft.id] = [name for kind, name in draft.references if kind == "from_node" and name in self.drafts]
            for argument, value in draft.arguments.items():
                self._check_references(draft.id, argument, value)
        return found

    def _check_references(self, node: str, argument: str, value: Any) -> None:
        for kind, name in dict.fromkeys(references(value)):
            if kind == "from_node" and name not in self.drafts:
                self.add("ReferenceDangling", node, argument, f"there is no node {name!r}", remedy=near(name, self.drafts))
            if kind == "from_parameter" and name not in self.parameters:
                self.add("ParameterUndeclared", node, argument, f"parameter {name!r} is not declared",
                         expected=", ".join(self.parameters) or None,
                         remedy=near(name, self.parameters) or f"Declare it: parameters: {{{name}: {{type: …}}}}.")  # fmt: skip
        for text in _malformed(value):
            self.add(
                "ReferenceInvalid",
                node,
                argument,
                "not a reference",
                expected='{"from_node": id} or {"from_parameter": name}',
                got=text,
            )

    def results(self) -> dict[str, Ref]:
        """Return the results that the one result node stands for."""
        marked = [draft for draft in self.drafts.values() if draft.result]
        if len(marked) != 1:
            self._report_results([draft.id for draft in marked])
        for draft in self.drafts.values():
            if draft.process == DATASET and not draft.result:
                self.add(
                    "ReferenceMisplaced",
                    draft.id,
                    None,
                    "a dataset bundles results and must be the result node",
                    remedy="Add result: true.",
                )
        if len(marked) != 1:
            return {}
        (draft,) = marked
        if draft.process == DATASET:
            return self._bundle(draft)
        ref = self._target(draft.id, draft.id, None)
        return {} if ref is None else {"": ref}

    def _report_results(self, marked: list[str]) -> None:
        if marked:
            self.add("ResultDuplicated", marked[1], None, "exactly one node has result: true", got=", ".join(marked),
                     remedy="Bundle them: process_id: dataset, arguments: {variables: {name: {from_node: id}, …}}.")  # fmt: skip
            return
        used = {name for draft in self.drafts.values() for kind, name in draft.references if kind == "from_node"}
        ends = [name for name in self.drafts if name not in used]
        remedy = f"Add result: true to {' or '.join(map(repr, ends[:3]))}." if ends else None
        self.add("ResultMissing", None, None, "exactly one node needs result: true", remedy=remedy)

    def _bundle(self, draft: Draft) -> dict[str, Ref]:
        variables = draft.arguments.get("variables")
        self._only(draft, "variables")
        if not isinstance(variables, Mapping) or not variables:
            self.add("ParameterInvalid", draft.id, "variables", "a dataset names at least one result",
                     expected="{name: {from_node: id}}", got=short(variables))  # fmt: skip
            return {}
        found: dict[str, Ref] = {}
        for name, value in variables.items():
            if not name or "/" in name or name.startswith("_"):
                self.add(
                    "ParameterInvalid",
                    draft.id,
                    "variables",
                    "a name of a variable is not empty, has no '/' and does not start with '_'",
                    got=repr(name),
                )
            ref = self._array(draft.id, "variables", value)
            if isinstance(ref, Ref):
                found[name] = ref
            elif ref is not None:
                self.add("ParameterInvalid", draft.id, "variables", "a variable is the result of a node", got=short(value))
        return found

    def _only(self, draft: Draft, *names: str) -> None:
        """Report arguments, namespaces and versions that a process of the graph itself does not have."""
        for name in draft.arguments:
            if name not in names:
                self.add("ParameterUnknown", draft.id, name, f"{draft.process} has no argument {name!r}", expected=", ".join(names),
                         remedy=near(name, names))  # fmt: skip
        if draft.namespace not in (None, NAMESPACE):
            self.add(
                "NamespaceInvalid",
                draft.id,
                None,
                f"process {draft.process!r} belongs to the graph itself",
                expected=NAMESPACE,
                got=draft.namespace,
            )
        if draft.version not in (None, OWN_VERSION):
            self.add(CODE, draft.id, None, f"process {draft.process!r} belongs to the graph itself", expected=f"version {OWN_VERSION}",
                     got=f"version {draft.version}", remedy="Upgrade scatflow.")  # fmt: skip

    def node(self, draft: Draft) -> Node | None:
        """Return the node of a draft; None for processes of the graph itself and where something is wrong."""
        if draft.process is None or draft.process == DATASET:
            return None
        if draft.process == VARIABLE:
            self._check_variable(draft)
            return None
        found = self._class(draft.process, draft.namespace, draft.version)
        if isinstance(found, RegistryError):
            self.problems.append(Problem.from_error(found, draft.id))
            return None
        cls = found.cls
        self._note(draft, found)
        names = cls.inputs if issubclass(cls, Operator) else ()
        inputs = [self._input(cls, draft, name) for name in names]
        ignored: set[str] = set()
        arguments = {
            key: self._plain(draft.id, key, value, names, ignored) if key in cls.model_fields else None
            for key, value in draft.arguments.items() if key not in names
        }  # fmt: skip
        with plugins.renaming() as families:
            value, problems = self.versions.tolerated(draft.id, build, cls, arguments, draft.id, ignored)
        self.renamed |= {(draft.id, one): Problem("ProcessRenamed", draft.id, None, one) for one in families}
        self.problems += problems
        if value is None or any(item is None for item in inputs):
            return None
        return Node(draft.id, value, tuple(item for item in inputs if item is not None), found.provided.dist)

    def _note(self, draft: Draft, found: Found) -> None:
        """Keep what a reader should know of how the class was found."""
        self.versions.note(draft.id, found, draft.version)
        if found.provided.was:
            self.renamed[draft.id, ""] = Problem(
                "ProcessRenamed", draft.id, None, found.provided.renaming, remedy=f"Write process_id: {found.provided.name}."
            )

    def _class(self, process: str, namespace: str | None, stated: Revision | None) -> Found | RegistryError:
        key = process, namespace, stated
        if key not in self._classes:
            try:
                self._classes[key] = self.versions.find(process, namespace, stated)
            except RegistryError as error:
                self._classes[key] = error
        return self._classes[key]

    def _check_variable(self, draft: Draft) -> None:
        """Check the form of a ``variable`` node; whether the result exists is known after the dry run."""
        self._only(draft, "data", "name")
        name = draft.arguments.get("name")
        if not isinstance(name, str) or not name:
            self.add("ParameterInvalid" if "name" in draft.arguments else "ParameterRequired", draft.id, "name",
                     "variable needs the name of a result", got=None if name is None else short(name))  # fmt: skip
        found = reference(draft.arguments.get("data"))
        if found is None or found[0] != "from_node":
            self.add(
                "ParameterRequired",
                draft.id,
                "data",
                "variable needs a node",
                expected='{"from_node": id}',
                got=short(draft.arguments.get("data")),
            )
        elif (other := self.drafts.get(found[1])) is not None and other.process in (VARIABLE, DATASET):
            self.add("ReferenceMisplaced", draft.id, "data", f"node {other.id!r} is a {other.process} and has no named results")

    def _target(self, name: str, node: str, argument: str | None) -> Ref | None:
        """Return what a node id stands for: a node, or through ``variable`` one of its results."""
        draft = self.drafts.get(name)
        if draft is None:
            return None  # reported as dangling
        if draft.process == DATASET:
            self.add("ReferenceMisplaced", node, argument, f"node {name!r} is a dataset and cannot feed other nodes",
                     remedy="Refer to the node of one of its variables.")  # fmt: skip
            return None
        if draft.process != VARIABLE:
            return Ref(name)
        found, output = reference(draft.arguments.get("data")), draft.arguments.get("name")
        return Ref(found[1], output) if found is not None and isinstance(output, str) else None

    def _input(self, cls: type[Operator], draft: Draft, name: str) -> Ref | float | None:
        """Return an array argument: a reference, or a number where the operator works element by element."""
        value = draft.arguments.get(name)
        if value is None:
            self.add("ParameterRequired", draft.id, name, f"{cls.name}.{name}: an array is required", expected='{"from_node": id}')
            return None
        found = self._array(draft.id, name, value)
        if isinstance(found, float) and not issubclass(cls, (Pointwise, Composite)):
            self.add("ParameterInvalid", draft.id, name, f"{cls.name}.{name}: numbers are accepted only element by element",
                     expected='{"from_node": id}', got=short(value))  # fmt: skip
            return None
        return found

    def _array(self, node: str, argument: str, value: Any) -> Ref | float | None:
        """Return what a value in the place of an array stands for; None where that is reported."""
        found = reference(value)
        if found is not None and found[0] == "from_node":
            return self._target(found[1], node, argument)
        if found is not None:
            parameter = self.parameters.get(found[1])
            if parameter is None or (found[1] not in self.values and not parameter.is_array):
                return None  # undeclared, or without a value: both reported
            value = self.values.get(found[1])
            if value is None and parameter.is_array:
                value = Given(parameter=parameter.name)
            if isinstance(value, Source):
                return Ref(self._supplied(parameter.name, value).id)
        value = plain(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(_float(value)):
            return float(value)
        if any(_malformed(value)) or any(True for _ in references(value)):
            if not any(_malformed(value)):
                self.add(
                    "ReferenceMisplaced",
                    node,
                    argument,
                    "a list of nodes is not accepted",
                    expected='{"from_node": id}',
                    got=short(value),
                )
            return None
        remedy = f"Write {{from_node: {value}}}." if isinstance(value, str) and value in self.drafts else None
        self.add(
            "ParameterInvalid",
            node,
            argument,
            "an array is a reference to a node",
            expected='{"from_node": id}',
            got=short(value),
            remedy=remedy,
        )
        return None

    def _supplied(self, name: str, value: Source) -> Node:
        """Return the one node of an array that a parameter stands for."""
        if name not in self.arrays:
            taken = {*self.drafts, *(node.id for node in self.arrays.values())}
            namespace = NAMESPACE if isinstance(value, Given) else plugins.registry().dist_of(value)[0]
            self.arrays[name] = Node(fresh(name, taken), value, (), namespace)
        return self.arrays[name]

    def _plain(self, node: str, argument: str, value: Any, inputs: tuple[str, ...], ignored: set[str]) -> Any:
        """Return an argument that is no array, parameters substituted; one whose value is not known is ignored further on."""

        def change(kind: Kind, name: str) -> Any:
            if kind == "from_node":
                ignored.add(argument)
                expected = " and ".join(inputs) or None
                self.add("ReferenceMisplaced", node, argument, "only array arguments take nodes", expected=expected, got=name)
            elif name not in self.values:
                ignored.add(argument)
                if name in self.parameters and self.parameters[name].is_array:
                    self.add("ReferenceMisplaced", node, argument, f"parameter {name!r} is an array", expected="a value")
            elif isinstance(self.values[name], Source):
                ignored.add(argument)
                self.add("ReferenceMisplaced", node, argument, f"parameter {name!r} was given an array", expected="a value")
            else:
                return self.values[name]
            return None

        if any(_malformed(value)):
            ignored.add(argument)
        return substitute(value, change)


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _malformed(value: Any) -> Iterator[str]:
    """Yield what looks like a reference and is none."""
    if isinstance(value, Mapping):
        if reference(value) is None and ("from_node" in value or "from_parameter" in value):
            yield short(value)
            return
        for item in value.values():
            yield from _malformed(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _malformed(item)
