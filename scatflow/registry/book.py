"""The phone book: which plugin provides which operator, source, filter family or command.

Plugins are asked once what they provide; classes named by string are imported on first use. Operators never run through
it: it hands out classes.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scatflow.api import ENGINE, LOCAL, content_of, normalized, revision_of
from scatflow.errors import RegistryError
from scatflow.hookspecs import Renamed
from scatflow.registry import discovery, local, offers, remedies
from scatflow.registry.discovery import labeled
from scatflow.registry.guard import Failure, guarded, told
from scatflow.registry.loader import Loader
from scatflow.registry.outline import Outline, of_class, outlines
from scatflow.registry.plugin import BUILT_IN, KINDS, SINGULAR, Kind, Plugin, Provided, noted
from scatflow.registry.policy import Policy

if TYPE_CHECKING:
    from scatflow.api import Revision
    from scatflow.contract import Declared


class Registry:
    """Everything the active plugins provide.

    Parameters
    ----------
    points : iterable of EntryPoint, optional
        Entry points to load; default those installed. Tests pass their own.
    policy : Policy, optional
        What may be loaded; default everything.
    local : path, optional
        Folder of single-file plugins.

    Attributes
    ----------
    plugins : tuple of Plugin
        Every plugin found, with its state.

    Raises
    ------
    RegistryError
        A plugin fails and the policy is strict.
    ParameterError
        There is no such folder.
    """

    def __init__(
        self, points: Iterable[EntryPoint] | None = None, *, policy: Policy | None = None, local: str | Path | None = None
    ) -> None:
        self.policy = policy or Policy()
        self._provided: dict[Kind, dict[str, list[Provided]]] = {kind: {} for kind in KINDS}
        self._found: dict[tuple[Kind, str], Any] = {}
        self._outlines: dict[str, dict[str, Outline | None]] = {}
        for kind, names in BUILT_IN.items():
            for name, target in names.items():
                self._provided[kind][name] = [Provided(ENGINE, "", name, target)]
        loader = Loader(self.policy)
        self._manager = loader.manager
        loaded = [self._load(loader, candidate) for candidate in candidates(points, local)]
        self.plugins: tuple[Plugin, ...] = noted(loaded)
        if self.policy.strict:
            remedies.check_strict(self.plugins)

    def _load(self, loader: Loader, candidate: discovery.Candidate) -> Plugin:
        plugin, found = loader.load(candidate)
        version = labeled(plugin.version, plugin.origin)
        for one in found:
            provided = Provided(plugin.dist, version, one.name, one.target, one.number)
            self._provided[one.kind].setdefault(one.key, []).append(provided)
        return plugin

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return the short names of all that is current in a kind, sorted: no old names, no kept versions."""
        return tuple(dict.fromkeys(provided.name for provided in self.entries(kind)))

    def entries(self, kind: Kind) -> tuple[Provided, ...]:
        """Return everything current of a kind with its provider, sorted by name; one name may have several providers."""
        found = [one for several in self._provided[kind].values() for one in several]
        current = [one for one in found if one.number is None and not isinstance(one.target, Renamed)]
        return tuple(sorted(current, key=lambda one: (one.name, one.dist)))

    def knows(self, kind: Kind, name: str) -> bool:
        """Tell whether anybody provides a name, in whatever form: short, canonical, old, or with a version."""
        return bool(self._candidates(kind, name))

    def kept(self, kind: Kind, provided: Provided) -> tuple[int, ...]:
        """Return the versions that are kept beside a current operator."""
        found = [one for several in self._provided[kind].values() for one in several]
        same = [one.number for one in found if (one.dist, one.name) == (provided.dist, provided.name)]
        return tuple(sorted(number for number in same if number is not None))

    def _candidates(self, kind: Kind, name: str) -> list[Provided]:
        """Return all providers of a name; where a version is asked for that one of them keeps apart, that."""
        dist, _, key = name.rpartition(":")
        short, at, number = key.partition("@")
        current = self._provided[kind].get(short, []) if number or not at else []
        kept = {one.dist: one for one in self._provided[kind].get(key, [])}
        return [kept.get(one.dist, one) for one in current if not dist or one.dist == normalized(dist)]

    def provider(self, kind: Kind, name: str) -> Provided:
        """Return who provides a name: ``hat``, ``dist:hat``, and of a kept version ``hat@1`` or ``dist:hat@1``.

        An old name leads to the current one, whose ``was`` then is the old one.

        Raises
        ------
        RegistryError
            Nobody does (near matches, plugins that are not active and the first-party distribution are offered), or two do.
        """
        candidates = self._candidates(kind, name)
        if not candidates:
            raise RegistryError(f"{SINGULAR[kind]} {name!r}", "no active plugin provides it",
                                remedy=remedies.unknown(self, kind, name))  # fmt: skip
        if len(candidates) > 1:
            both = ", ".join(sorted(one.canonical for one in candidates))
            raise RegistryError(f"{SINGULAR[kind]} {name!r}", "several plugins provide this name", expected=f"one of {both}",
                                remedy="Use the canonical form.", code="ProcessAmbiguous")  # fmt: skip
        (found,) = candidates
        number = name.rpartition(":")[2].partition("@")[2]
        if isinstance(found.target, Renamed):
            to = f"{found.dist}:{found.target.to}" + (f"@{number}" if number else "")
            current = self.provider(kind, to)
            return Provided(current.dist, current.version, current.name, current.target, current.number, found.name)
        if number and found.number is None:
            self._check_current(kind, found, number)
        return found

    def _check_current(self, kind: Kind, found: Provided, number: str) -> None:
        """Refuse a version that is neither kept nor the current one."""
        current = str(revision_of(self.find(kind, found.canonical))) if kind != "commands" else ""
        if current != number:
            others = "".join(f", {found.canonical}@{kept}" for kept in self.kept(kind, found))
            raise RegistryError(f"{SINGULAR[kind]} {found.canonical!r}", "this version is not provided", expected=f"{current}{others}",
                                got=number, code="OperatorVersionDiffers", remedy=f"Install the version of {found.dist} that has it.")  # fmt: skip

    def find(self, kind: Kind, name: str) -> type[Any]:
        """Return the class (of a command: the object) that a name stands for, importing it on first use."""
        provided = self.provider(kind, name)
        key = (kind, provided.canonical)
        if key not in self._found:
            self._found[key] = self._resolved(kind, provided)
        return self._found[key]  # type: ignore[no-any-return]

    def _resolved(self, kind: Kind, provided: Provided) -> Any:
        subject = f"{SINGULAR[kind]} {provided.canonical!r}"
        target = provided.target
        if isinstance(target, str):
            module, _, attribute = target.partition(":")
            try:
                target = guarded("", lambda: getattr(importlib.import_module(module), attribute))
            except Failure as failure:
                raise RegistryError(subject, f"{provided.target} cannot be imported", got=failure.reason,
                                    remedy=f"Repair or reinstall {provided.dist}.") from failure.__cause__  # fmt: skip
        if not offers.fits(kind, target):
            raise RegistryError(
                subject, f"{provided.dist} provides something else", expected=offers.expected(kind), got=offers.described(target)
            )
        if kind != "commands" and (words := _misdeclared(kind, target)):
            raise RegistryError(subject, f"{provided.dist} declares it as nothing can be declared (failed:spec)", got=words,
                                remedy=f"Report this defect to {provided.dist}.")  # fmt: skip
        if kind != "commands" and (wrong := _mislabeled(provided, target)):
            raise RegistryError(subject, f"{provided.dist} registers it under another name than it declares", expected=wrong[0],
                                got=wrong[1], remedy=f"Report this defect to {provided.dist}.")  # fmt: skip
        if provided.number is not None:
            self._check_kept(kind, provided, provided.number)
        return target

    def _check_kept(self, kind: Kind, provided: Provided, number: int) -> None:
        """Refuse a version that is kept beside itself or an earlier one: which of them is meant nobody could tell."""
        current = self.find(kind, f"{provided.dist}:{provided.name}").version
        if number >= current:
            raise RegistryError(f"{SINGULAR[kind]} {provided.canonical!r}", f"{provided.dist} keeps it beside its current version",
                                expected=f"a version before {current}", got=number, remedy=f"Report this defect to {provided.dist}.")  # fmt: skip

    def versioned(self, kind: Kind, provided: Provided, stated: Revision) -> type[Any] | None:
        """Return the class of a stated version: the current one, one that is kept, or None."""
        current = self.find(kind, provided.canonical)
        if revision_of(current) == stated:
            return current
        for number in self.kept(kind, provided):
            if str(stated).partition("+")[0] == str(number):
                kept = self.find(kind, f"{provided.dist}:{provided.name}@{number}")
                return kept if revision_of(kept) == stated else None
        return None

    def outline(self, kind: Kind, provided: Provided) -> Outline | None:
        """Return what a name declares as far as its source tells without being imported; None where it does not."""
        module, _, attribute = provided.target.partition(":") if isinstance(provided.target, str) else ("", "", "")
        if not module or module in sys.modules:
            try:
                return of_class(self.find(kind, provided.canonical))
            except RegistryError:
                return None
        if module not in self._outlines:
            self._outlines[module] = outlines(module)
        found = self._outlines[module].get(attribute)
        return found if found is not None and found.name == provided.name else None

    def dist_of(self, value: Declared | type[Declared]) -> tuple[str, str]:
        """Return distribution and version that provide a value or its class, as records state them."""
        cls = value if isinstance(value, type) else type(value)
        for kind in KINDS[:3]:
            for key in (cls.name, f"{cls.name}@{cls.version}"):
                for provided in self._provided[kind].get(key, []):
                    if self._is(kind, provided, cls):
                        return provided.dist, provided.version
        if content_of(cls.__module__):
            return LOCAL, content_of(cls.__module__)
        return normalized(cls.__module__.partition(".")[0]), ""

    def version_of(self, dist: str) -> str:
        """Return the version of a distribution as records state it; empty where it provides nothing."""
        versions = (labeled(one.version, one.origin) for one in self.plugins if one.dist == dist and one.state == "active")
        return next(versions, "")

    def _is(self, kind: Kind, provided: Provided, cls: type[Any]) -> bool:
        """Tell whether a name stands for a class; what cannot be imported does not."""
        if provided.target is cls or provided.target == f"{cls.__module__}:{cls.__qualname__}":
            return True
        if not isinstance(provided.target, str) or provided.target.partition(":")[0] not in sys.modules:
            return False  # a class that is here has come through its module
        try:
            return self.find(kind, provided.canonical) is cls
        except RegistryError:
            return False

    def notify(self, event: Mapping[str, Any]) -> None:
        """Tell every observer; one that fails, however it does, is logged and ignored: watching a run never harms it."""
        for implementation in self._manager.hook.scatflow_event.get_hookimpls():
            try:
                # A copy for each: what one of them does to it must not reach the next.
                implementation.function(**{key: dict(event) for key in implementation.argnames})
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                import logging

                logging.getLogger("scatflow").warning("observer %s failed: %s", implementation.plugin_name, told(error))


def candidates(points: Iterable[EntryPoint] | None, folder: str | Path | None) -> list[discovery.Candidate]:
    """Return what a registry of these entry points and this folder would load, in order."""
    found = discovery.installed() if points is None else discovery.of_points(points)
    return found + (local.candidates(Path(folder)) if folder is not None else [])


def _misdeclared(kind: Kind, cls: type[Any]) -> str:
    """Return what is wrong with a declaration, which is a plugin's code as well: a property or a metaclass may raise."""
    try:
        return str(guarded("failed:spec", offers.misdeclared, kind, cls))
    except Failure as failure:
        return failure.reason


def _mislabeled(provided: Provided, cls: type[Any]) -> tuple[str, str] | None:
    """Return what a class should declare and what it does, where they differ; its documents would name another process."""
    wanted = provided.name if provided.number is None else f"{provided.name}, version {provided.number}"
    stated = cls.name if provided.number is None else f"{cls.name}, version {cls.version}"
    return (wanted, stated) if wanted != stated else None
