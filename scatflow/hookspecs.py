"""All the hooks there are. They return objects; one observes runs; none may change data.

A plugin is a module named by an entry point of the group ``scatflow``. Its hooks return mappings from name to a
class or, better, to the string ``"module:Class"``, which is imported on first use, so that listing a hundred
operators imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pluggy

GROUP = "scatflow"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)

Provided = Mapping[str, "type[Any] | str"]


@hookspec
def scatflow_operators() -> Provided:  # type: ignore[empty-body]
    """Return operator name -> class or ``"module:Class"``."""


@hookspec
def scatflow_sources() -> Provided:  # type: ignore[empty-body]
    """Return source name -> class or ``"module:Class"``."""


@hookspec
def scatflow_filters() -> Provided:  # type: ignore[empty-body]
    """Return filter-family name -> class or ``"module:Class"``."""


@hookspec
def scatflow_commands() -> Provided:  # type: ignore[empty-body]
    """Return command name -> click command or ``"module:command"`` added to the ``scatflow`` program."""


@hookspec
def scatflow_event(event: Mapping[str, Any]) -> None:
    """Observe a run (planned, started, region, finished, failed); exceptions are logged and ignored."""
