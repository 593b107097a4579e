"""What a graph records of versions: which were used, and where they are not those that it stated before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scatflow.api import Revision, is_revision, revision_of
from scatflow.contract import Operator, Source


@dataclass(frozen=True)
class Drift:
    """An operator, source or filter family that was used in another version than the graph states.

    Attributes
    ----------
    id : str
        ``dist:name``.
    recorded, used : int or str
        The version that the graph states, and the one that was used.
    """

    id: str
    recorded: Revision
    used: Revision

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"id": self.id, "recorded": self.recorded, "used": self.used}

    @classmethod
    def read(cls, entries: Any) -> tuple[Drift, ...]:
        """Read a list of what :meth:`to_dict` wrote; raises ValueError where it is something else."""
        if not isinstance(entries, list):
            raise ValueError("drift is a list")
        found = []
        for entry in entries:
            if not isinstance(entry, Mapping) or set(entry) != {"id", "recorded", "used"} or not isinstance(entry["id"], str):
                raise ValueError(f"{entry!r} has not just id, recorded and used")
            if not is_revision(entry["recorded"]) or not is_revision(entry["used"]):
                raise ValueError(f"{entry!r} states no versions")
            found.append(cls(**entry))
        return merged(found)


def read_versions(entries: Any) -> dict[str, tuple[Revision, ...]]:
    """Read a list of ``{"id": "dist:name", "version": 1}``, as records and saved pipelines have it: id -> versions.

    Raises ValueError where it is something else.
    """
    if not isinstance(entries, list):
        raise ValueError("operators are a list")
    found: dict[str, tuple[Revision, ...]] = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(name := entry.get("id"), str) or not is_revision(entry.get("version")):
            raise ValueError(f"{entry!r} has not an id and a version")
        found[name] = (*found.get(name, ()), entry["version"])
    return found


def merged(drift: Iterable[Drift]) -> tuple[Drift, ...]:
    """Return each drift once, in a fixed order."""
    return tuple(sorted(set(drift), key=lambda one: (one.id, str(one.recorded), str(one.used))))


def versions_of(nodes: Iterable[tuple[str, type[Operator | Source]]]) -> dict[str, tuple[Revision, ...]]:
    """Return ``dist:name`` -> versions, from distributions and classes, sorted."""
    found: dict[str, set[Revision]] = {}
    for namespace, cls in nodes:
        found.setdefault(f"{namespace}:{cls.name}", set()).add(revision_of(cls))
    return {name: sorted_revisions(found[name]) for name in sorted(found)}


def sorted_revisions(revisions: Iterable[Revision]) -> tuple[Revision, ...]:
    """Return versions in a fixed order: numbers, then those of single files."""
    return tuple(sorted(revisions, key=lambda one: (isinstance(one, str), one if isinstance(one, int) else 0, str(one))))
