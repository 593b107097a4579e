"""Modules that exist as texts: single-file plugins, importable where they were read and wherever their values are sent.

Nobody can install a single file on a cluster beforehand. So values of its classes are pickled with the text, and whoever
unpickles one, a scheduler or a worker, can import it.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType, ModuleType
from typing import Any

#: Module name -> (file, its text).
Texts = Mapping[str, tuple[str, bytes]]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds modules in texts in memory."""

    def __init__(self) -> None:
        self.texts: dict[str, tuple[str, bytes]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self.texts:
            return None
        spec = importlib.util.spec_from_loader(name, self, origin=self.texts[name][0])
        if spec is not None:
            spec.has_location = True  # tracebacks and inspect look for __file__
        return spec

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self.texts[fullname][1])

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_source(fullname), self.texts[fullname][0])

    def is_package(self, fullname: str) -> bool:
        return False


_finder = _Finder()


def install(texts: Texts) -> None:
    """Make modules importable by name; doing it twice changes nothing."""
    _finder.texts.update(texts)
    if _finder not in sys.meta_path:
        sys.meta_path.append(_finder)


def installed(modules: Iterable[str]) -> dict[str, tuple[str, bytes]]:
    """Return file and text of those of the modules that are such."""
    return {name: _finder.texts[name] for name in modules if name in _finder.texts}


def portable(cls: type[Any]) -> Callable[..., Any]:
    """Return what makes instances of a class and can be pickled for a process that has not its text: mostly the class itself."""
    texts = installed([cls.__module__])
    return _Carried(cls, texts) if texts else cls


class _Carried:
    """A class with the text of its module; unpickled it is the class."""

    def __init__(self, cls: type[Any], texts: Texts) -> None:
        self._cls, self._texts = cls, texts

    def __call__(self, **fields: Any) -> Any:
        return self._cls(**fields)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_received, (self._texts, self._cls.__module__, self._cls.__qualname__))


def _received(texts: Texts, module: str, name: str) -> Any:
    install(texts)
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found
