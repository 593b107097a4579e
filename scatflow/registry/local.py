"""Plugins that are single files: found in a folder, imported under the name of their content (:mod:`scatflow.texts`)."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from scatflow.api import LOCAL, content_hash, local_module
from scatflow.errors import ParameterError
from scatflow.registry import offers
from scatflow.registry.discovery import Candidate
from scatflow.registry.plugin import KINDS, Kind
from scatflow.texts import install


def candidates(folder: Path) -> list[Candidate]:
    """Return the files of a folder that are plugins: ``*.py`` without those that begin with ``_`` or ``.``, sorted.

    Raises
    ------
    ParameterError
        There is no such folder, or it cannot be looked at.
    """
    try:
        there = folder.is_dir()
    except OSError as error:
        raise ParameterError(f"plugin folder {str(folder)!r}", "cannot be read", got=error.strerror) from None
    if not there:
        raise ParameterError(f"plugin folder {str(folder)!r}", "is not there" if not folder.exists() else "is not a folder",
                             remedy="Name another with --plugins-dir, or in scatflow.toml.")  # fmt: skip
    files = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith(("_", "."))]
    return [_candidate(path.absolute()) for path in files]


def _candidate(path: Path) -> Candidate:
    try:
        if path.exists() and not path.is_file():  # reading a pipe or a device may never end
            raise OSError("is no regular file")
        text = path.read_bytes()
    except OSError as error:
        unusable = ("failed:import", f"{type(error).__name__}: {error}")
        return Candidate(LOCAL, "", path.name, lambda: None, "file", str(path), unusable)
    return Candidate(LOCAL, content_hash(text), path.name, functools.partial(_load, path, text), "file", str(path))


def _load(path: Path, text: bytes) -> ModuleType:
    """Import a file as the module of its content; what is read once is what runs, here and on workers."""
    name = local_module(path.stem, text)
    install({name: (str(path), text)})
    return importlib.import_module(name)


def declared(module: ModuleType) -> list[tuple[Kind, str, type[Any]]]:
    """Return kind, name and class of everything that a file declares by our decorators; older versions as ``name@1``."""
    here = [cls for cls in vars(module).values() if isinstance(cls, type) and cls.__module__ == module.__name__]
    own = [cls for cls in dict.fromkeys(here) if vars(cls).get("name")]
    found: list[tuple[Kind, str, type[Any]]] = []
    for kind in KINDS[:3]:
        classes: list[type[Any]] = [cls for cls in own if offers.fits(kind, cls)]
        newest = {name: max(cls.version for cls in classes if cls.name == name) for name in {cls.name for cls in classes}}
        for cls in classes:
            current = cls.version == newest[cls.name]
            found.append((kind, cls.name if current else f"{cls.name}@{cls.version}", cls))
    return found
