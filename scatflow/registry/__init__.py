"""Which plugin provides which name: finding, trusting, loading, looking up.

What lists plugins must work, and fast, where plugins or the stack below are broken. So the registry itself, which needs
pluggy, is imported when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scatflow.registry.current import choice, choosing, current, registry, renaming, tolerating, using
from scatflow.registry.plugin import FIRST_PARTY, KINDS, SINGULAR, STATES, Kind, Plugin, Provided, noted
from scatflow.registry.policy import Choice, Policy

if TYPE_CHECKING:
    from scatflow.registry.book import Registry as Registry

__all__ = [
    "FIRST_PARTY", "KINDS", "SINGULAR", "STATES", "Choice", "Kind", "Plugin", "Policy", "Provided", "Registry", "choice",
    "choosing", "current", "noted", "registry", "renaming", "tolerating", "using",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name != "Registry":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scatflow.registry.book import Registry

    globals()[name] = Registry
    return Registry
