"""Versions that a graph states: the class of that version, or a finding, or the present one with a note that it is another.

A version is part of what a node means. A stored graph therefore never runs with other numerics than it was stored with,
unless that is asked for; then the record says so from there on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scatflow import registry as plugins
from scatflow.api import Revision, revision_of
from scatflow.contract import parts_of
from scatflow.errors import Problem, RegistryError
from scatflow.graph.drift import Drift, merged
from scatflow.graph.model import Given, Node
from scatflow.graph.values import Found, lookup
from scatflow.registry import tolerating

CODE = "OperatorVersionDiffers"
_REMEDY = "allow drift, which the result's record will tell: allow_drift=True, or --allow-drift."


@dataclass
class Versions:
    """How stated versions are taken while a graph is assembled.

    Attributes
    ----------
    allow_drift : bool
        Whether present versions may stand in for stated ones.
    recorded : mapping
        Distribution -> its versions when the graph was recorded, for messages.
    drift : dict
        Node -> what was used instead of what it states; under ``""`` what the document tells of earlier uses.
    expected : mapping
        ``dist:name`` -> versions that the document states of what no node names.
    """

    allow_drift: bool = False
    recorded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    drift: dict[str, list[Drift]] = field(default_factory=dict)
    expected: Mapping[str, tuple[Revision, ...]] = field(default_factory=dict)

    def find(self, process: str, namespace: str | None, stated: Revision | None) -> Found:
        """Return the class for a node.

        Raises
        ------
        RegistryError
            Nobody provides it, several do, or none in the stated version.
        """
        try:
            return lookup(process, namespace, stated)
        except RegistryError as error:
            if error.code != CODE:
                raise
        found = lookup(process, namespace)
        if self.allow_drift:
            return found
        raise RegistryError(
            f"process {process!r}", "is not installed in the version that the graph states",
            expected=self._expected(found, stated), got=_installed(found), code=CODE, remedy=self._remedy(found),
        )  # fmt: skip

    def note(self, node: str, found: Found, stated: Revision | None) -> None:
        """Keep that a node uses another version than it states."""
        if stated is not None and revision_of(found.cls) != stated:
            self._keep(node, Drift(f"{found.provided.dist}:{found.provided.name}", stated, revision_of(found.cls)))

    def _keep(self, node: str, drift: Drift) -> None:
        self.drift.setdefault(node, []).append(drift)

    def tolerated(self, node: str, make: Any, *arguments: Any) -> Any:
        """Return what ``make`` returns; filter families among its arguments may drift as operators may."""
        if not self.allow_drift:
            return make(*arguments)
        with tolerating() as families:
            made = make(*arguments)
        for family in dict.fromkeys(families):
            self._keep(node, Drift(*family))
        return made

    def unexpected(self, nodes: Iterable[Node], named: Collection[str]) -> list[Problem]:
        """Return a finding for everything that no node names and that is used in another version than the document states."""
        problems = {}
        for name, process, used in unnamed(nodes, named):
            stated = self.expected.get(process, (used,))
            if used in stated:
                continue
            if self.allow_drift:
                for one in stated:
                    self._keep(name, Drift(process, one, used))
                continue
            dist = process.partition(":")[0]
            problems[name, process] = Problem(
                CODE, name, None, f"it uses {process}, which is not that of the version that the graph states", got=f"version {used}",
                expected=f"version {' or '.join(map(str, stated))}", remedy=f"Install the version of {dist} that has it, or {_REMEDY}",
            )  # fmt: skip
        return list(problems.values())

    def of(self, nodes: Iterable[str]) -> tuple[Drift, ...]:
        """Return the drift of some nodes, and what stood in the document before."""
        return merged(one for node in ("", *nodes) for one in self.drift.get(node, ()))

    def warnings(self, nodes: Iterable[str]) -> Iterator[Problem]:
        """Yield a warning for every node that uses another version than it states."""
        for node in nodes:
            for one in dict.fromkeys(self.drift.get(node, ())):
                yield Problem("OperatorDrift", node, None, f"{one.id} is used in version {one.used}, the graph states {one.recorded}",
                              remedy="The result's record will tell.")  # fmt: skip

    def _expected(self, found: Found, stated: Revision | None) -> str:
        then = " or ".join(filter(None, self.recorded.get(found.provided.dist, ())))
        return f"version {stated}" + (f", which {found.provided.dist} {then} had" if then else "")

    def _remedy(self, found: Found) -> str:
        (then, *more) = self.recorded.get(found.provided.dist, ()) or ("",)
        release = then.partition("+")[0]
        if release and not more:
            return f"Install {found.provided.dist}=={release}, or {_REMEDY}"
        return f"Install the version of {found.provided.dist} that has it, or {_REMEDY}"


def unnamed(nodes: Iterable[Node], named: Collection[str]) -> Iterator[tuple[str, str, Revision]]:
    """Yield node, ``dist:name`` and version of all that a graph uses without a node that names it: parts of composites, families.

    Parameters
    ----------
    nodes : iterable of Node
        The graph, composites inlined.
    named : collection of str
        Ids in the document; a composite's parts are told under its own.
    """
    for node in nodes:
        name = node.id
        while name not in named and "." in name:
            name = name.rpartition(".")[0]
        for part in parts_of(node.value) if not isinstance(node.value, Given) else ():
            if part is not node.value:
                yield name, f"{plugins.registry().dist_of(part)[0]}:{type(part).name}", revision_of(type(part))
            elif node.id not in named:
                yield name, f"{node.namespace}:{node.process}", revision_of(type(part))


def _installed(found: Found) -> str:
    kept = [f"@{number}" for number in found.kept]
    also = f", kept {', '.join(kept)}" if kept else ""
    where = f" of {found.provided.dist} {found.provided.version}".rstrip()
    return f"version {revision_of(found.cls)}{also}{where}"
