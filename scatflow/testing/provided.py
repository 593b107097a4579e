"""What a distribution provides, for the kit: its operators by canonical name, or why one of them cannot be used."""

from __future__ import annotations

from scatflow.api import normalized
from scatflow.contract import Operator
from scatflow.errors import RegistryError, near
from scatflow.registry import registry
from scatflow.testing.report import Outcome, Report


def operators_of(dist: str) -> dict[str, type[Operator] | RegistryError]:
    """Return canonical name -> class of every operator of a distribution, kept versions too, or of the one ``dist:name``.

    In the place of a class that cannot be imported, or that declares another name, is the error.

    Raises
    ------
    RegistryError
        There is no such plugin, it is not active, or it provides no operator of that name.
    """
    given, _, short = dist.partition(":")
    found = [plugin for plugin in registry().plugins if plugin.dist == normalized(given)]
    if not found:
        known = [plugin.dist for plugin in registry().plugins]
        raise RegistryError(f"plugin {given!r}", "is not installed", expected=", ".join(sorted(set(known))) or "some plugin",
                            remedy=near(given, known), code="PluginMissing")  # fmt: skip
    active = [plugin for plugin in found if plugin.state == "active"]
    if not active:
        raise RegistryError(f"plugin {given!r}", f"is {found[0].state}", got=found[0].reason, code="PluginInactive")
    names = sorted({f"{plugin.dist}:{name}" for plugin in active for name in plugin.names.get("operators", ())})
    current = [name for name in names if not registry().provider("operators", name).was]
    wanted = [name for name in current if not short or name == f"{active[0].dist}:{short}"]
    if short and not wanted:
        raise RegistryError(f"operator {dist!r}", "the plugin does not provide it", expected=", ".join(current) or "no operator",
                            remedy=near(f"{active[0].dist}:{short}", current))  # fmt: skip
    return {name: _found(name) for name in wanted}


def _found(name: str) -> type[Operator] | RegistryError:
    try:
        return registry().find("operators", name)
    except RegistryError as error:
        return error


def unusable(name: str, error: RegistryError) -> Report:
    """Return the report of an operator that the plugin names and cannot deliver."""
    return Report(name, (Outcome("registered", "declare", 1, "failed", str(error)),))
