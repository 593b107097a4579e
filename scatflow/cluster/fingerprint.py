"""What must be equal on every process that evaluates a plan: versions, and the files that hold the code of the operators.

Runs on workers, where nothing may be raised: a worker that cannot tell something says that instead.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from scatflow.arrays import signature
from scatflow.cluster.code import held, outdated
from scatflow.contract import Declared, parts_of
from scatflow.registry import registry
from scatflow.registry.guard import told

#: Packages whose versions decide about numbers.
_PACKAGES = ("numpy", "scipy", "zarr", "scatflow")
#: Begins what a process says of something that it cannot tell.
ABSENT = "cannot be told: "
#: Ends the name of what tells whether loaded code is that of its files, and what is said where it is.
LOADED, AS_HELD = ", loaded", "as its files are"


@dataclass(frozen=True, order=True)
class Wanted:
    """A class that tasks need: its module, its name there, and the distribution that provides it, if one does."""

    module: str
    name: str
    dist: str = ""

    @property
    def label(self) -> str:
        """What it is called in a difference."""
        return f"{self.module}:{self.name}"


def wanted(values: Iterable[Declared]) -> tuple[Wanted, ...]:
    """Return the classes of values, of filter families among their parameters, and of plugins that these derive from."""
    book = registry()
    found = set()
    for cls in {type(part) for value in values for part in parts_of(value)}:
        dist, version = book.dist_of(cls)
        bases = [base for base in cls.__mro__ if _is_plugins(base)]
        found |= {Wanted(base.__module__, base.__qualname__, dist if version and base is cls else "") for base in bases}
    return tuple(sorted(found))


def _is_plugins(cls: type[Any]) -> bool:
    """Tell whether a class is not the engine's contract, pydantic's or Python's: those are covered by their versions."""
    root = cls.__module__.partition(".")[0]
    return not (root in sys.stdlib_module_names or root == "pydantic" or cls.__module__.startswith("scatflow.contract."))


def fingerprint(classes: Iterable[Wanted], roots: Iterable[str], fft: str) -> dict[str, str]:
    """Return what must be equal, by name; never raises.

    Parameters
    ----------
    classes : iterable of Wanted
        Only their modules are imported.
    roots : iterable of str
        Packages and modules whose files are compared (:func:`scatflow.cluster.code.roots`).
    fft : str
        FFT provider.
    """
    return {name: _said(ask, *arguments) for name, ask, *arguments in _questions(classes, roots, fft)}


def _questions(classes: Iterable[Wanted], roots: Iterable[str], fft: str) -> Iterator[tuple[Any, ...]]:
    yield "python", _python
    yield "fft", signature, fft
    for package in _PACKAGES:
        yield package, _loaded_version, package
    for one in classes:
        if one.dist and one.dist not in ("scatflow", "local"):
            for dist in (one.dist, *_required(one.dist)):
                yield dist, importlib.metadata.version, dist
        yield f"{one.label}, version", _version, one
    for root in roots:  # after the imports, so that what is loaded counts
        yield f"{root}, source", held, root
        yield f"{root}{LOADED}", _loaded, root


def _said(ask: Callable[..., str], *arguments: Any) -> str:
    try:
        return ask(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may do anything when it is imported
        return f"{ABSENT}{told(error)}"


def _python() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def _loaded_version(package: str) -> str:
    """Return the version of a package as it is loaded; its metadata are those of what was installed last."""
    return str(importlib.import_module(package).__version__)


def _required(dist: str) -> list[str]:
    """Return the distributions, beyond those of every job, that one needs whatever its extras."""
    try:
        needed = importlib.metadata.requires(dist) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    names = [found[0] for text in needed if "extra ==" not in text and (found := re.match(r"[A-Za-z0-9._-]+", text))]
    return [name for name in names if name not in _PACKAGES]


def _loaded(root: str) -> str:
    return outdated(root) or AS_HELD


def _version(one: Wanted) -> str:
    cls: Any = importlib.import_module(one.module)
    for part in one.name.split("."):
        cls = getattr(cls, part)
    return str(getattr(cls, "version", 0))
