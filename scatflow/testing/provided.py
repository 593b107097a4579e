"""What a distribution provides, for the kit: its operators by canonical name, imported; or why it provides none."""

from __future__ import annotations

from scatflow.contract import Operator
from scatflow.errors import RegistryError, near
from scatflow.registry import registry


def operators_of(dist: str) -> dict[str, type[Operator]]:
    """Return canonical name -> class of every operator of a distribution, or of the one operator ``dist:name``.

    Raises
    ------
    RegistryError
        There is no such plugin, it is not active, it provides no operator of that name, or one cannot be imported.
    """
    name, _, short = dist.partition(":")
    name = name.replace("_", "-").casefold() if "-" in name or "_" in name else name
    found = [plugin for plugin in registry().plugins if plugin.dist in (dist.partition(":")[0], name)]
    if not found:
        known = [plugin.dist for plugin in registry().plugins]
        raise RegistryError(f"plugin {dist!r}", "is not installed", expected=", ".join(sorted(known)) or "some plugin", remedy=near(dist, known),
                            code="PluginMissing")  # fmt: skip
    active = [plugin for plugin in found if plugin.state == "active"]
    if not active:
        raise RegistryError(f"plugin {dist!r}", f"is {found[0].state}", got=found[0].reason, code="PluginInactive")
    provided = {f"{plugin.dist}:{one}" for plugin in active for one in plugin.names.get("operators", ())}
    wanted = sorted(one for one in provided if not short or one == f"{active[0].dist}:{short}")
    if short and not wanted:
        raise RegistryError(f"operator {dist!r}", "the plugin does not provide it", expected=", ".join(sorted(provided)) or "no operator",
                            remedy=near(dist, provided))  # fmt: skip
    return {one: registry().find("operators", one) for one in wanted}
