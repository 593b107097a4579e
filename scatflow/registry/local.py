"""Plugins that are single files: found in a folder, imported under the name of their content, sent to workers as text."""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from scatflow.api import LOCAL, content_hash, local_module
from scatflow.errors import ParameterError
from scatflow.registry import offers
from scatflow.registry.discovery import Candidate
from scatflow.registry.plugin import KINDS, Kind

#: Module name -> (file, its text).
Sources = Mapping[str, tuple[str, bytes]]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds the modules of local files from texts in memory: the same here, where they were read, and on workers."""

    def __init__(self) -> None:
        self.sources: dict[str, tuple[str, bytes]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self.sources:
            return None
        spec = importlib.util.spec_from_loader(name, self, origin=self.sources[name][0])
        if spec is not None:
            spec.has_location = True  # tracebacks and inspect look for __file__
        return spec

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self.sources[fullname][1])

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_source(fullname), self.sources[fullname][0])

    def is_package(self, fullname: str) -> bool:
        return False


_finder = _Finder()


def install(sources: Sources) -> None:
    """Make modules importable by name; doing it twice changes nothing."""
    _finder.sources.update(sources)
    if _finder not in sys.meta_path:
        sys.meta_path.append(_finder)


def sources(modules: Sequence[str]) -> dict[str, tuple[str, bytes]]:
    """Return file and text of those of the modules that are local files."""
    return {name: _finder.sources[name] for name in modules if name in _finder.sources}


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
