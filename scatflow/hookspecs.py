"""All the hooks there are. They return objects; one observes runs; none may change data.

A plugin is a module named by an entry point of the group ``scatflow``. Its hooks return mappings from name to a
class or, better, to the string ``"module:Class"``, which is imported on first use, so that listing a hundred
operators imports nothing heavy. Beside a current operator, ``"name@1"`` keeps an earlier version for stored graphs;
``renamed("new_name")`` keeps an old name alive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pluggy

GROUP = "scatflow"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@dataclass(frozen=True)
class Renamed:
    """An old name of what is called ``to`` now."""

    to: str


def renamed(to: str) -> Renamed:
    """Keep an old name: it works as before, with a warning that names the new one, which documents then hold.

    Parameters
    ----------
    to : str
        Current name, provided by the same hook.

    Examples
    --------
    >>> def scatflow_operators():
    ...     return {"ridgelet": "acme.ridges:Ridgelet", "ridge_let": renamed("ridgelet")}
    """
    return Renamed(to)


Provided = Mapping[str, "type[Any] | str | Renamed"]


@hookspec
def scatflow_operators() -> Provided:  # type: ignore[empty-body]
    """Return operator name -> class, ``"module:Class"``, or :func:`renamed`; ``"name@1"`` keeps an earlier version."""


@hookspec
def scatflow_sources() -> Provided:  # type: ignore[empty-body]
    """Return source name -> class, ``"module:Class"``, or :func:`renamed`; ``"name@1"`` keeps an earlier version."""


@hookspec
def scatflow_filters() -> Provided:  # type: ignore[empty-body]
    """Return name of a filter family -> class, ``"module:Class"``, or :func:`renamed`; ``"name@1"`` keeps an earlier version."""


@hookspec
def scatflow_commands() -> Provided:  # type: ignore[empty-body]
    """Return name of a command of the program -> click command, ``"module:command"``, or :func:`renamed`."""


@hookspec
def scatflow_event(event: Mapping[str, Any]) -> None:
    """Observe a run (started, region, finished); whatever it raises is logged and ignored."""
