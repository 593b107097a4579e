"""The phone book: which plugin provides which operator, source or filter family.

Plugins are found through the entry-point group ``scatflow``, in sorted order, each guarded: one that cannot be
imported is listed with its reason and takes nothing else down. Classes named by string are imported on first use.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

import pluggy

from scatflow import hookspecs
from scatflow.contract import API, FilterFamily, Operator, Source, install_family_lookup
from scatflow.errors import RegistryError, near

Kind = Literal["operators", "sources", "filters", "commands"]
KINDS: tuple[Kind, ...] = ("operators", "sources", "filters", "commands")
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_BASES: Mapping[Kind, type[Any]] = {"operators": Operator, "sources": Source, "filters": FilterFamily}

#: Distribution that provides a first-party name, for the error when it is not installed (U28).
FIRST_PARTY: Mapping[str, str] = {
    **dict.fromkeys(("wavelet", "modulus", "gammatone", "morlet", "tight"), "scatflow-wavelet"),
    **dict.fromkeys(("scattering", "scattering_moments"), "scatflow-scattering"),
    **dict.fromkeys(
        ("select", "rename", "cast", "add", "subtract", "multiply", "divide", "power", "absolute", "log", "norm", "reduce",
         "standardize", "detrend", "taper", "increments", "cumsum"), "scatflow-arrays"),
    **dict.fromkeys(("sp500", "turbulence2d", "ising"), "scatflow-processes"),
}  # fmt: skip

_BUILT_IN: Mapping[Kind, Mapping[str, str]] = {
    "sources": {
        "open_zarr": "scatflow.store.source:ZarrSource",
        "open_netcdf": "scatflow.store.files:NetcdfSource",
        "open_parquet": "scatflow.store.files:ParquetSource",
    }
}


@dataclass(frozen=True)
class Plugin:
    """One entry point and what became of it."""

    dist: str
    version: str
    entry: str
    state: str
    reason: str = ""
    seconds: float = 0.0
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON for ``scatflow plugins --json``."""
        return {
            "dist": self.dist, "version": self.version, "entry": self.entry, "state": self.state,
            "reason": self.reason, "seconds": round(self.seconds, 4),
            "names": {kind: list(names) for kind, names in self.names.items()},
        }  # fmt: skip


@dataclass(frozen=True)
class Provided:
    """A name with its provider; ``target`` is a class or the string that names it."""

    dist: str
    version: str
    name: str
    target: Any

    @property
    def canonical(self) -> str:
        """``dist:name``."""
        return f"{self.dist}:{self.name}"


class Registry:
    """Everything the active plugins provide.

    Parameters
    ----------
    points : iterable of EntryPoint, optional
        Entry points to load; default those installed. Tests pass their own.
    """

    def __init__(self, points: Iterable[EntryPoint] | None = None) -> None:
        found = entry_points(group=hookspecs.GROUP) if points is None else points
        self._manager = pluggy.PluginManager(hookspecs.GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._provided: dict[Kind, dict[str, list[Provided]]] = {kind: {} for kind in KINDS}
        for kind, names in _BUILT_IN.items():
            for name, target in names.items():
                self._provided[kind][name] = [Provided("scatflow", "", name, target)]
        self.plugins: tuple[Plugin, ...] = tuple(self._load(point) for point in sorted(found, key=_order))

    def _load(self, point: EntryPoint) -> Plugin:
        dist, version = _provider(point)
        began = time.perf_counter()

        def outcome(state: str, reason: str = "", names: Mapping[str, tuple[str, ...]] | None = None) -> Plugin:
            return Plugin(dist, version, point.name, state, reason, time.perf_counter() - began, names or {})

        try:
            module = point.load()
        except (Exception, SystemExit) as error:  # a plugin may do anything at import; none may take the rest down
            return outcome("failed:import", f"{type(error).__name__}: {error}")
        api = getattr(module, "SCATFLOW_API", API)
        if api > API:
            return outcome("failed:api", f"written for contract {api}, this scatflow offers {API}")
        key = f"{dist}:{point.name}"
        try:
            self._manager.register(module, name=key)
            self._manager.check_pending()
            provided = {kind: self._call(module, kind, dist, version) for kind in KINDS}
        except (Exception, SystemExit) as error:
            self._manager.unregister(name=key)
            return outcome("failed:hook", f"{type(error).__name__}: {error}")
        for kind, entries in provided.items():
            for entry in entries:
                self._provided[kind].setdefault(entry.name, []).append(entry)
        return outcome("active", names={kind: tuple(e.name for e in entries) for kind, entries in provided.items() if entries})

    @staticmethod
    def _call(module: Any, kind: Kind, dist: str, version: str) -> list[Provided]:
        hook: Callable[[], Mapping[str, Any]] | None = getattr(module, f"scatflow_{kind}", None)
        names = hook() if hook is not None else {}
        for name in names:
            if not _NAME.match(name):
                raise ValueError(f"{name!r} does not match {_NAME.pattern}")
        return [Provided(dist, version, name, target) for name, target in sorted(names.items())]

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return all short names of a kind, sorted."""
        return tuple(sorted(self._provided[kind]))

    def provider(self, kind: Kind, name: str) -> Provided:
        """Return who provides ``name`` (short or ``dist:name``).

        Raises
        ------
        RegistryError
            Nobody does (near matches, failed plugins and the first-party distribution are offered), or two do.
        """
        dist, _, short = name.rpartition(":")
        candidates = [p for p in self._provided[kind].get(short, []) if not dist or p.dist == dist]
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            both = ", ".join(p.canonical for p in candidates)
            raise RegistryError(f"{kind[:-1]} {name!r}", "two plugins provide this name", expected=f"one of {both}",
                                remedy="Use the canonical form.", code="ProcessAmbiguous")  # fmt: skip
        raise RegistryError(f"{kind[:-1]} {name!r}", "no active plugin provides it", remedy=self._remedy(kind, short))

    def _called(self, kind: Kind, name: str) -> list[str]:
        """Return what is also known as ``name``; imports all that is provided, since only an error waits for it."""
        word = name.replace("_", " ").casefold()
        found = []
        for own in self.names(kind):
            with contextlib.suppress(RegistryError):
                also = getattr(self.find(kind, own), "aliases", ())
                if word in (alias.replace("_", " ").casefold() for alias in also):
                    found.append(own)
        return found

    def _remedy(self, kind: Kind, name: str) -> str:
        parts = []
        if name in FIRST_PARTY:
            dist = FIRST_PARTY[name]
            parts.append(f"{dist} provides it: pip install {dist} (or scatflow[all]).")
        elif called := self._called(kind, name):
            parts.append(f"{name!r} is another name of {' and '.join(map(repr, called))}.")
        elif guess := near(name, self.names(kind)):
            parts.append(guess)
        parts += [f"Plugin {p.dist} is {p.state} ({p.reason})." for p in self.plugins if p.state != "active"]
        if not self.names(kind):
            parts.append("No plugin is installed: pip install 'scatflow[all]'.")
        return " ".join(parts) or f"Known: {', '.join(self.names(kind))}."

    def find(self, kind: Kind, name: str) -> type[Any]:
        """Return the class that provides ``name``, importing it on first use."""
        provided = self.provider(kind, name)
        target = provided.target
        if isinstance(target, str):
            module, _, attribute = target.partition(":")
            try:
                target = getattr(importlib.import_module(module), attribute)
            except Exception as error:
                raise RegistryError(f"{kind[:-1]} {name!r}", f"{provided.target} cannot be imported",
                                    got=f"{type(error).__name__}: {error}",
                                    remedy=f"Repair or reinstall {provided.dist}.") from error  # fmt: skip
        base = _BASES.get(kind)
        if base is not None and not (isinstance(target, type) and issubclass(target, base)):
            raise RegistryError(f"{kind[:-1]} {name!r}", f"{provided.dist} provides something else", expected=base.__name__,
                                got=repr(target))  # fmt: skip
        return target  # type: ignore[no-any-return]

    def dist_of(self, value: Operator | Source) -> tuple[str, str]:
        """Return distribution and version that provide an operator or source value."""
        kind: Kind = "operators" if isinstance(value, Operator) else "sources"
        for provided in self._provided[kind].get(type(value).name, []):
            if self.find(kind, provided.canonical) is type(value):
                return provided.dist, provided.version
        return type(value).__module__.partition(".")[0].replace("_", "-"), ""

    def notify(self, event: Mapping[str, Any]) -> None:
        """Tell every observer; an observer that fails is ignored, a run is never harmed by being watched."""
        for implementation in self._manager.hook.scatflow_event.get_hookimpls():
            try:
                implementation.function(event=event)
            except Exception as error:
                import logging

                logging.getLogger("scatflow").warning("observer %s failed: %s", implementation.plugin_name, error)


def _provider(point: EntryPoint) -> tuple[str, str]:
    dist = getattr(point, "dist", None)
    return (dist.name, dist.version) if dist is not None else (point.value.partition(".")[0], "")


def _order(point: EntryPoint) -> tuple[str, str]:
    return (_provider(point)[0], point.name)


_current: Registry | None = None


def registry() -> Registry:
    """Return the process's registry, loaded on first use (documented cache); see :func:`using`."""
    global _current
    if _current is None:
        _current = Registry()
    return _current


@contextlib.contextmanager
def using(book: Registry) -> Iterator[Registry]:
    """Make ``book`` the process's registry inside a ``with`` block: plugins for a test, or a policy for a service."""
    global _current
    before, _current = _current, book
    try:
        yield book
    finally:
        _current = before


install_family_lookup(lambda name: registry().find("filters", name))
