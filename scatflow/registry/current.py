"""The registry of the process: made on first use from the settings, or from what a program chose instead."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from scatflow.api import Revision, install_family_lookup, revision_of
from scatflow.errors import ParameterError, RegistryError
from scatflow.registry.guard import loading
from scatflow.registry.policy import Choice
from scatflow.settings import settings

if TYPE_CHECKING:
    from scatflow.registry.book import Registry

_current: Registry | None = None
_choice: Choice | None = None
_lock = threading.RLock()


def registry() -> Registry:
    """Return the process's registry (documented cache); see :func:`using`.

    It is made on first use from what :func:`choosing` says, for the command line, or else from the settings:
    ``[plugins]`` of the ``scatflow.toml`` that ``SCATFLOW_CONFIG`` names or that lies in the user's configuration folder.
    Threads that ask meanwhile wait until it is there, so a plugin that waits for one of them waits for ever.

    Raises
    ------
    RegistryError
        A plugin asks for it while it is being loaded itself, or one fails and the policy is strict.
    SettingsError
        The configuration file says something that means nothing.
    """
    global _current
    if loading():
        raise RegistryError("plugin registry", "is not there while plugins are loaded",
                            remedy="A plugin's module and hooks look up nothing; its operators may.", code="RegistryLoading")  # fmt: skip
    with _lock:
        if _current is None:
            from scatflow.registry.book import Registry

            made = choice()
            _current = Registry(policy=made.policy, local=made.local)
        return _current


def current() -> Registry | None:
    """Return the process's registry if there is one already; nothing is loaded."""
    return _current


def choice() -> Choice:
    """Return what the process loads: what a program chose, or what the settings say."""
    return _choice if _choice is not None else Choice.of(settings())


@contextlib.contextmanager
def using(book: Registry) -> Iterator[Registry]:
    """Make ``book`` the process's registry inside a ``with`` block: plugins for a test, or a policy for a service."""
    global _current
    before, _current = _current, book
    try:
        yield book
    finally:
        _current = before


@contextlib.contextmanager
def choosing(made: Choice) -> Iterator[Choice]:
    """Inside a ``with`` block, let the process's registry be made from ``made`` when it is needed."""
    global _current, _choice
    before, _current, _choice = (_current, _choice), None, made
    try:
        yield made
    finally:
        _current, _choice = before


_renamed: ContextVar[list[str] | None] = ContextVar("renamed", default=None)


@contextlib.contextmanager
def renaming() -> Iterator[list[str]]:
    """Inside a ``with`` block, collect what is to be said of old names of filter families instead of warning of it.

    Yields
    ------
    list
        Grows: a sentence for each.
    """
    found: list[str] = []
    token = _renamed.set(found)
    try:
        yield found
    finally:
        _renamed.reset(token)


_tolerated: ContextVar[list[tuple[str, Revision, Revision]] | None] = ContextVar("tolerated", default=None)


@contextlib.contextmanager
def tolerating() -> Iterator[list[tuple[str, Revision, Revision]]]:
    """Inside a ``with`` block, let filter families differ from the version that is stated of them.

    Yields
    ------
    list
        Grows: ``dist:name``, stated version, version used.
    """
    found: list[tuple[str, Revision, Revision]] = []
    token = _tolerated.set(found)
    try:
        yield found
    finally:
        _tolerated.reset(token)


def _find_family(name: str, stated: Revision | None) -> type[Any]:
    """Answer the contract's question for a filter family, in the stated version where one is stated."""
    book = registry()
    provided = book.provider("filters", name)
    if provided.was and (collected := _renamed.get()) is not None:
        collected.append(f"filter family {provided.renaming}")
    elif provided.was:
        warnings.warn(f"filter family {provided.renaming}", FutureWarning, stacklevel=2)
    if stated is not None and (found := book.versioned("filters", provided, stated)) is not None:
        return found
    current = book.find("filters", provided.canonical)
    if stated is not None:
        drift = _tolerated.get()
        if drift is None:
            raise ParameterError(f"filter family {name!r}", "is not installed in the version that is stated", expected=f"version {stated}",
                                 got=f"version {revision_of(current)} of {provided.dist} {provided.version}".rstrip(),
                                 remedy=f"Install the version of {provided.dist} that has it, or allow drift.",
                                 code="OperatorVersionDiffers")  # fmt: skip
        drift.append((provided.canonical, stated, revision_of(current)))
    return current


install_family_lookup(_find_family)
