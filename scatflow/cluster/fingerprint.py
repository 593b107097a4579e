"""What must be equal on every process that evaluates a plan: versions, and the very code of the operators.

Runs on workers, where nothing may be raised: a worker that cannot tell something says that instead.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

from scatflow.arrays import signature
from scatflow.contract import Declared, parts_of
from scatflow.registry import registry
from scatflow.registry.guard import told

#: Packages whose versions decide about numbers.
_PACKAGES = ("numpy", "scipy", "zarr", "scatflow")
#: Begins what a process says of something that it cannot tell.
ABSENT = "cannot be told: "
#: Name in the code of a module whose assertions pytest has rewritten in this process.
_REWRITTEN = "@pytest_ar"


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


def fingerprint(classes: Iterable[Wanted], fft: str) -> dict[str, str]:
    """Return what must be equal, by name; never raises.

    Parameters
    ----------
    classes : iterable of Wanted
        Only their modules are imported.
    fft : str
        FFT provider.
    """
    return {name: _said(ask, *arguments) for name, ask, *arguments in _questions(classes, fft)}


def _questions(classes: Iterable[Wanted], fft: str) -> Iterator[tuple[Any, ...]]:
    yield "python", _python
    yield "fft", signature, fft
    for package in _PACKAGES:
        yield package, importlib.metadata.version, package
    for one in classes:
        if one.dist and one.dist not in ("scatflow", "local"):
            yield one.dist, importlib.metadata.version, one.dist
        yield f"{one.label}, version", _version, one
        yield f"{one.module}, source", _source, one.module
        yield f"{one.module}, code", _code, one.module


def _said(ask: Callable[..., str], *arguments: Any) -> str:
    try:
        return ask(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may do anything when it is imported
        return f"{ABSENT}{told(error)}"


def _python() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def _version(one: Wanted) -> str:
    cls: Any = importlib.import_module(one.module)
    for part in one.name.split("."):
        cls = getattr(cls, part)
    return str(getattr(cls, "version", 0))


def _source(module: str) -> str:
    """Return a digest of a module's source, or of the file it was loaded from where there is none."""
    spec = importlib.import_module(module).__spec__
    loader: Any = spec.loader if spec is not None else None
    text = loader.get_source(module)
    content = text.encode() if text is not None else loader.get_data(spec.origin if spec is not None else None)
    return _digest(content)


def _code(module: str) -> str:
    """Return a digest of the functions that are loaded: of a process older than the source they are others.

    Assertions that pytest has rewritten are in no other process, so a module with such has no digest.
    """
    parts = list(_functions(importlib.import_module(module)))
    if any(_REWRITTEN in code.co_names for _, code in parts):
        return ""
    return _digest("\n".join(sorted(f"{name} {_text(code)}" for name, code in parts)).encode())


def _functions(module: ModuleType) -> Iterator[tuple[str, CodeType]]:
    """Yield name and code of all functions that a module defines, those of its classes too."""
    waiting = [(name, value) for name, value in vars(module).items() if not name.startswith("__")]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, type):
            if value.__module__ == module.__name__:
                waiting += [(f"{name}.{key}", item) for key, item in vars(value).items() if not isinstance(item, type)]
            continue
        inside: Any = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        function = inspect.unwrap(inside) if callable(inside) else None
        if inspect.isfunction(function) and function.__module__ == module.__name__:
            yield name, function.__code__


def _text(code: Any) -> str:
    """Return what a code object does, without where it stands: the same in every process."""
    if isinstance(code, frozenset):
        return f"{{{','.join(sorted(map(_text, code)))}}}"
    if isinstance(code, tuple):
        return f"({','.join(map(_text, code))})"
    if not isinstance(code, CodeType):
        return repr(code)
    return f"<{code.co_code.hex()} {code.co_names} {code.co_varnames} {_text(code.co_consts)}>"


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()
