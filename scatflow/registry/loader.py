"""Loading one plugin after the other so that none can harm the rest: policy, import, contract, hooks, each step guarded.

pluggy keeps the hooks and checks their signatures. Its own loader is not used: it drops the second of two entry points of
one name, leaves a plugin whose hook it refused half registered, and calls all plugins together, so that one which
raises loses the answers of the others.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import pluggy

from scatflow import hookspecs
from scatflow.api import API, ENGINE, LOCAL
from scatflow.errors import near
from scatflow.registry import local, offers
from scatflow.registry.discovery import Candidate
from scatflow.registry.guard import Failure, guarded, marked
from scatflow.registry.offers import Misfit, Offer
from scatflow.registry.plugin import KINDS, SINGULAR, Kind, Plugin
from scatflow.registry.policy import Policy

#: The hooks there are.
HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("scatflow_"))


class Loader:
    """Loads candidates one by one and remembers what each distribution provides already."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.manager = pluggy.PluginManager(hookspecs.GROUP)
        self.manager.add_hookspecs(hookspecs)
        self._taken: dict[tuple[str, Kind, str], str] = {}
        self._entries: set[tuple[str, str]] = set()

    def load(self, candidate: Candidate) -> tuple[Plugin, list[Offer]]:
        """Return what became of a candidate and what it provides, which is all or nothing."""
        plugin = Plugin(
            candidate.dist, candidate.version, candidate.entry, "active", origin=candidate.origin, where=candidate.where
        )
        refused = candidate.unusable or self.policy.refuses(candidate.dist, candidate.version)
        if refused is not None:
            return replace(plugin, state=refused[0], reason=refused[1]), []
        began = time.perf_counter()
        try:
            with marked():
                found = self._loaded(candidate)
        except Failure as failure:
            return replace(plugin, state=failure.state, reason=failure.reason, seconds=time.perf_counter() - began), []
        self._taken |= {(candidate.dist, one.kind, one.key): candidate.entry for one in found}
        names: dict[str, tuple[str, ...]] = {}
        for kind in KINDS:
            if keys := sorted(one.key for one in found if one.kind == kind):
                names[kind] = tuple(keys)
        return replace(plugin, names=names, seconds=time.perf_counter() - began), found

    def _loaded(self, candidate: Candidate) -> list[Offer]:
        self._check_entry(candidate)
        module = guarded("failed:import", candidate.load)
        if not isinstance(module, ModuleType):
            raise Failure("failed:spec", f"an entry point names a module, got an object of type {type(module).__name__}")
        if (other := guarded("failed:spec", self.manager.get_name, module)) is not None:
            raise Failure("failed:spec", f"{candidate.entry!r} names the module that {other} has named already")
        guarded("failed:api", _check_api, module)
        guarded("failed:hook", _check_names, module)
        key = f"{candidate.dist}:{candidate.entry}"
        try:
            return self._registered(candidate, module, key)
        except BaseException:  # half registered it would go on answering
            if self.manager.has_plugin(key):
                self.manager.unregister(name=key)
            raise

    def _check_entry(self, candidate: Candidate) -> None:
        known = (candidate.dist, candidate.entry)
        if known in self._entries:
            raise Failure("failed:spec", f"{candidate.dist} has two entry points called {candidate.entry!r}")
        self._entries.add(known)
        reserved = {LOCAL: "single files", ENGINE: "the engine itself"}
        if candidate.dist in reserved and candidate.origin != "file":
            raise Failure(
                "failed:spec", f"a distribution cannot be called {candidate.dist!r}, which stands for {reserved[candidate.dist]}"
            )

    def _registered(self, candidate: Candidate, module: ModuleType, key: str) -> list[Offer]:
        guarded("failed:hook", self.manager.register, module, key)
        guarded("failed:hook", self.manager.check_pending)
        found: list[Offer] = []
        for kind in KINDS:
            for implementation in self._implementations(f"scatflow_{kind}", module):
                found += _read(kind, guarded("failed:hook", implementation.function))
        self._implementations("scatflow_event", module)
        if candidate.dist == LOCAL:
            found = _with_declared(found, module)
        self._check_taken(candidate, found)
        return found

    def _implementations(self, hook: str, module: ModuleType) -> list[Any]:
        own = [one for one in getattr(self.manager.hook, hook).get_hookimpls() if one.plugin is module]
        if any(one.hookwrapper or getattr(one, "wrapper", False) for one in own):
            raise Failure("failed:hook", f"{hook} is a wrapper, and no hook may change what others return")
        return own

    def _check_taken(self, candidate: Candidate, found: list[Offer]) -> None:
        """Refuse a name that the same distribution provides twice; names of others only make a short name ambiguous."""
        seen: dict[tuple[Kind, str], Offer] = {}
        for one in found:
            where = self._taken.get((candidate.dist, one.kind, one.key))
            if where is not None or (one.kind, one.key) in seen:
                both = f"{where!r} and {candidate.entry!r}" if where is not None else f"{candidate.entry!r} twice"
                raise Failure("failed:spec", f"{SINGULAR[one.kind]} {one.key!r} is provided by {both} of {candidate.dist}")
            seen[one.kind, one.key] = one


def _check_api(module: ModuleType) -> None:
    number = getattr(module, "SCATFLOW_API", 1)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise Failure("failed:api", f"SCATFLOW_API is a positive integer, got {number!r}")
    if number > API:
        raise Failure("failed:api", f"written for contract {number}, this scatflow offers {API}: upgrade scatflow")


def _check_names(module: ModuleType) -> None:
    """Refuse what looks like a hook and would never be called: a mistyped name, a missing mark, a mark on no function."""
    for name, value in list(vars(module).items()):
        function = getattr(value, "__func__", None) if inspect.ismethod(value) else value
        options: Mapping[str, Any] | None = inspect.getattr_static(function, f"{hookspecs.GROUP}_impl", None)
        if options is not None and not inspect.isroutine(value):
            raise Failure("failed:hook", f"{name} is marked with @hookimpl and is {offers.described(value)}, expected a function")
        if options is not None and (inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)):
            raise Failure("failed:hook", f"{name} is async, and nobody waits for a hook")
        if not name.startswith("scatflow_") or not callable(value) or isinstance(value, ModuleType):
            continue
        if name in HOOKS and options is None:
            raise Failure("failed:hook", f"{name} is not marked with @hookimpl")
        named = (options or {}).get("specname") or name
        if named not in HOOKS and not (options or {}).get("optionalhook"):
            raise Failure("failed:hook", f"there is no hook {named!r}. {near(named, HOOKS) or 'Hooks: ' + ', '.join(HOOKS) + '.'}")


def _read(kind: Kind, returned: Any) -> list[Offer]:
    """Return the offers of one hook; a mapping that raises when it is read is a failing hook."""
    try:
        found: list[Offer] = guarded("failed:hook", offers.read, kind, returned)
        return found
    except Failure as failure:
        if isinstance(failure.__cause__, Misfit):
            raise Failure("failed:spec", str(failure.__cause__)) from failure.__cause__
        raise


def _with_declared(found: list[Offer], module: ModuleType) -> list[Offer]:
    """Return the offers of a local file: those of its hooks, and every class declared in it that no hook names."""
    named = {(one.kind, one.key) for one in found}
    declared = guarded("failed:spec", local.declared, module)
    for kind, key, cls in declared:
        if (kind, key) not in named:
            try:
                found.append(offers.offer(kind, key, cls))
            except Misfit as misfit:
                raise Failure("failed:spec", str(misfit)) from misfit
    return found
