"""What could be loaded: entry points of the installed distributions, in an order that no directory decides.

Only metadata are read. Distributions are looked up as Python itself finds them, so the copy whose code would be imported
is the one that counts; a second copy that says something else is reported and not used. A module counts for the
distribution whose files hold it: another one that names it would take its operators away from where they come from.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any

from scatflow.api import normalized

#: Group of the entry points.
GROUP = "scatflow"
_FILE = "entry_points.txt"


@dataclass(frozen=True)
class Candidate:
    """A plugin that has not been loaded.

    Attributes
    ----------
    dist, version, entry, origin, where : str
        As of :class:`scatflow.registry.Plugin`.
    load : callable
        Imports it.
    module : str
        What that imports; empty of single files, and where nothing is named.
    unusable : tuple of str
        State and reason where it is not to be imported, whatever the policy says.
    """

    dist: str
    version: str
    entry: str
    load: Callable[[], Any]
    origin: str = ""
    where: str = ""
    unusable: tuple[str, str] | None = None
    module: str = ""


def of_points(points: Iterable[EntryPoint]) -> list[Candidate]:
    """Return entry points as candidates; one without a distribution is called after its package."""
    found = []
    for point in points:
        dist = getattr(point, "dist", None)
        if dist is None:
            found.append(Candidate(normalized(re.split(r"[.:]", point.value)[0]), "", point.name, functools.partial(_load, point)))
        else:
            found.append(_candidate(point, _name(dist), dist))
    return sorted(found, key=_order)


def installed() -> list[Candidate]:
    """Return all entry points of the group on the path, sorted by distribution and name."""
    with_points: dict[str, list[Distribution]] = {}
    for dist in distributions():
        text = _text(dist, _FILE)
        if GROUP in text or (not text and _unreadable(dist)):
            with_points.setdefault(_name(dist), []).append(dist)
    found = [pair for name, copies in with_points.items() for pair in _of_distribution(name, copies)]
    return _owned(sorted(found, key=lambda pair: _order(pair[0])))


def _order(candidate: Candidate) -> tuple[str, str]:
    return candidate.dist, candidate.entry


def _of_distribution(name: str, found: list[Distribution]) -> Iterator[tuple[Candidate, Distribution]]:
    """Yield the entry points of the copy that Python would import, and of others that say something else."""
    first, *others = _copies(name, found)
    for point in _points(first):
        yield _candidate(point, name, first), first
    for other in others:
        if _says(other) != _says(first):
            reason = (
                f"{_where(first)} (version {_version(first)}) comes before {_where(other)} (version {_version(other)}) on the path"
            )
            yield from ((_candidate(point, name, other, ("shadowed", reason)), other) for point in _points(other))


def _owned(found: Sequence[tuple[Candidate, Distribution]]) -> list[Candidate]:
    """Refuse a module that several distributions name to all but the one that holds it; if nobody is seen to, the first has it."""
    claims: dict[str, dict[str, Distribution]] = {}
    for one, dist in found:
        if one.module and one.unusable is None:
            claims.setdefault(one.module, {}).setdefault(one.dist, dist)
    owners = {module: _owner(module, several) for module, several in claims.items() if len(several) > 1}
    return [
        replace(one, unusable=("failed:spec", f"{one.dist} names the module {one.module}, which belongs to {owners[one.module]}"))
        if one.unusable is None and owners.get(one.module, one.dist) != one.dist
        else one
        for one, _ in found
    ]


def _owner(module: str, claims: Mapping[str, Distribution]) -> str:
    return next((name for name, dist in claims.items() if _holds(dist, module)), next(iter(claims)))


def _holds(dist: Distribution, module: str) -> bool:
    """Tell whether a module is among the files of a distribution, or lies where an editable one was installed from."""
    path = module.replace(".", "/")
    try:
        if {f"{path}.py", f"{path}/__init__.py"} & {file.as_posix() for file in dist.files or ()}:
            return True
        url = urllib.parse.urlparse(_record(dist)["url"])
        spec = importlib.util.find_spec(module.partition(".")[0])  # of a package it imports nothing
        places = [spec.origin, *(spec.submodule_search_locations or ())] if spec is not None else []
        folder = Path(urllib.parse.unquote(url.path))
        return url.scheme == "file" and any(place is not None and Path(place).is_relative_to(folder) for place in places)
    except Exception:  # metadata are written by anybody
        return False


def _copies(name: str, found: list[Distribution]) -> list[Distribution]:
    """Return the copies of a distribution in the order of the path; of two in one folder the newer one comes first.

    Those without plugins count too, unless the metadata are called otherwise than their folder and cannot be looked up.
    """
    copies = [dist for dist in distributions(name=name) if _name(dist) == name] or found
    folders = list(dict.fromkeys(map(_where, copies)))
    return sorted(copies, key=lambda dist: (folders.index(_where(dist)), [-number for number in _numbers(dist)], _version(dist)))


def _numbers(dist: Distribution) -> list[int]:
    """Return the release numbers of a version, for comparison without a parser of versions; zeros at the end do not count."""
    numbers = [int(text) for text in re.findall(r"\d+", _version(dist).partition("+")[0])]
    return [*numbers, *[0] * (8 - len(numbers))]


def _says(dist: Distribution) -> tuple[str, list[tuple[str, str]]]:
    return _version(dist), sorted((point.name, point.value) for point in _points(dist))


def _points(dist: Distribution) -> list[EntryPoint]:
    """Return the entry points of the group; of a file that cannot be read one that says so when it is loaded."""
    if reason := _unreadable(dist):
        return [_Broken(_FILE, f"cannot be read ({reason})", GROUP)]
    try:
        return [point for point in dist.entry_points if point.group == GROUP]
    except Exception as error:  # of a file that anybody wrote; it is reported when the entry point is loaded
        return [_Broken(_FILE, f"cannot be read ({type(error).__name__})", GROUP)]


class _Broken(EntryPoint):
    """Stands for entry points that nobody can read."""

    def load(self) -> Any:
        """Say so."""
        raise ImportError(f"{self.name} {self.value}")


def _unreadable(dist: Distribution) -> str:
    """Return why entry points that are there cannot be read, empty where they can: they may be a plugin's, which must not vanish."""
    try:
        text = dist.read_text(_FILE)
        folder = getattr(dist, "_path", None)
        if text is None and isinstance(folder, Path):  # also of a file that may not be read
            (folder / _FILE).open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except Exception as error:  # a folder of anybody's; the name is the reason that is reported
        return type(error).__name__
    return "it begins with a byte order mark" if (text or "").startswith("\ufeff") else ""


def _module(point: EntryPoint) -> str:
    found = point.pattern.match(point.value)  # `.module` raises what depends on the version of Python
    return found["module"] if found else ""


def _load(point: EntryPoint) -> Any:
    if not isinstance(point, _Broken) and not _module(point):
        raise ImportError(f"{point.name} = {point.value!r} names no module")
    return point.load()


def _candidate(point: EntryPoint, name: str, dist: Distribution, unusable: tuple[str, str] | None = None) -> Candidate:
    load = functools.partial(_load, point)
    return Candidate(name, _version(dist), point.name, load, _origin(dist), _where(dist), unusable, _module(point))


def _text(dist: Distribution, file: str) -> str:
    """Return a file of a distribution's metadata; empty where it cannot be read."""
    try:
        return dist.read_text(file) or ""
    except (OSError, ValueError):
        return ""


def _name(dist: Distribution) -> str:
    """Return the normalized name; metadata that lost it are called after their folder."""
    try:
        name = dist.metadata["Name"]
    except Exception:  # metadata are written by anybody
        name = None
    if not name:
        folder = getattr(getattr(dist, "_path", None), "name", "")
        name = re.split(r"-\d|\.dist-info|\.egg-info", folder)[0]
    return normalized(str(name))


def _version(dist: Distribution) -> str:
    try:
        return str(dist.metadata["Version"] or "")
    except Exception:
        return ""


def _where(dist: Distribution) -> str:
    try:
        return str(dist.locate_file(""))
    except Exception:
        return "an unknown place"


def _origin(dist: Distribution) -> str:
    """Return where an installer got a distribution from, as it recorded it (PEP 610)."""
    if not _text(dist, "direct_url.json"):
        return "index"
    try:
        return _of_record(_record(dist))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return "unknown"


def _record(dist: Distribution) -> Any:
    return json.loads(_text(dist, "direct_url.json"))


def _of_record(record: Any) -> str:
    if "vcs_info" in record:
        return f"{record['vcs_info']['vcs']}.{record['vcs_info']['commit_id']}"
    if "archive_info" in record:
        return "archive"
    if "dir_info" not in record:
        return "unknown"
    return "editable" if record["dir_info"].get("editable") is True else "folder"


def labeled(version: str, origin: str) -> str:
    """Return a version with a label of its origin where that is not an index, as PEP 440 writes local versions.

    Examples
    --------
    >>> labeled("0.1.0", "editable"), labeled("1.0+cu12", "git.0a1b"), labeled("1.0", "index")
    ('0.1.0+editable', '1.0+cu12.git.0a1b', '1.0')
    """
    label = re.sub(r"[^a-z0-9]+", ".", origin.lower()).strip(".")
    if not version or label in ("", "index", "file"):
        return version
    return f"{version}{'.' if '+' in version else '+'}{label}"
