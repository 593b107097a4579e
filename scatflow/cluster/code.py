"""Which files a class's code is in, what they hold, and whether that is what a process has loaded.

Loaded code cannot be compared: constants, defaults and closures leave no text. But a module whose file has not changed since
it was read is what the file says, and files can be compared.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import os
import sys
import time
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import psutil

from scatflow.api import ENGINE, content_of
from scatflow.loading import loaded_at

#: Folders of installed distributions, which have versions.
_INSTALLED = {"site-packages", "dist-packages"}


def _began() -> float:
    """Return when this process began.

    What psutil says may be too early by a second, since that is how exactly it knows when the machine began.
    """
    began = float(psutil.Process().create_time())
    if hasattr(time, "CLOCK_BOOTTIME"):
        began += time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) - psutil.boot_time()
    return began


#: Asked at import, so that a process that is forked off, with all that is loaded, keeps the earlier moment.
BEGAN = _began()


def roots(modules: Iterable[str]) -> tuple[str, ...]:
    """Return the packages and modules whose files decide what modules compute: the outermost ones, by name.

    These are their own, those beside them that these import, wherever the import stands, and the engine. What is installed
    is not followed: it has a version. A single file is known by its text, and only what it imports counts.
    """
    found: set[str] = set()
    waiting = [ENGINE, *filter(None, map(_root, modules))]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _beside(name) if name != ENGINE else ()
    return tuple(sorted(name for name in found if not content_of(name)))


def held(root: str) -> str:
    """Return a digest of all the source that a package or module has on disk."""
    digest = hashlib.blake2b(digest_size=6)
    for name, file in _files(root):
        state = file.stat()
        digest.update(f"{name} {_content(str(file), state.st_mtime_ns, state.st_ctime_ns, state.st_size)}\n".encode())
    return digest.hexdigest()


def outdated(root: str) -> str:
    """Return which loaded modules may be older than their files, in words; empty where none is.

    The moment of a change is that of the file's inode, which copying an older file into place sets too.
    """
    inside = [name for name in sys.modules if name == root or name.startswith(f"{root}.")]
    older = [name for name in sorted(inside) if _changed(sys.modules.get(name), loaded_at(name) or BEGAN)]
    return f"{', '.join(older[:4])}{', …' if len(older) > 4 else ''} changed since it was loaded" if older else ""


def _changed(module: Any, moment: float) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return False
    try:
        return os.stat(file).st_ctime > moment
    except OSError:
        return True  # it is gone


def _root(module: str) -> str | None:
    """Return the outermost package or module that has files: what lies above it is a namespace that distributions share."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        spec = _spec(name)
        if spec is None:
            return None
        if spec.has_location:
            return name
    return None


def _spec(name: str) -> ModuleSpec | None:
    """Return where a module is found; None of what is built in, not there, or made up by a program."""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return None
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _beside(root: str) -> Iterator[str]:
    """Yield the roots that a root imports and that are no installed distributions."""
    if root != ENGINE and not _installed(root):
        for imported in dict.fromkeys(imported for name, file in _files(root) for imported in _imports(root, name, file)):
            other = _root(imported)
            if other is not None and not _installed(other):
                yield other


def _installed(root: str) -> bool:
    spec = _spec(root)
    return spec is None or bool(_INSTALLED & set(Path(spec.origin or "").parts))


def _files(root: str) -> list[tuple[str, Path]]:
    """Return all source files of a package, with names relative to it, or the file of a module."""
    spec = importlib.util.find_spec(root)
    if spec is None or not spec.has_location:
        raise ModuleNotFoundError(f"No module named {root!r}")
    if spec.submodule_search_locations is None:
        return [("", Path(str(spec.origin)))]
    folders = [Path(place) for place in spec.submodule_search_locations]
    return sorted((file.relative_to(folder).as_posix(), file) for folder in folders for file in folder.rglob("*.py"))


@functools.lru_cache(maxsize=4096)
def _content(file: str, *state: int) -> str:
    return hashlib.blake2b(Path(file).read_bytes(), digest_size=16).hexdigest()


def _imports(root: str, name: str, file: Path) -> tuple[str, ...]:
    package = ".".join([root, *name.split("/")[:-1]]) if name else root.rpartition(".")[0]
    try:
        state = file.stat()
        return _imported(str(file), package, state.st_mtime_ns, state.st_ctime_ns, state.st_size)
    except (OSError, ImportError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ()  # importing it will tell


@functools.lru_cache(maxsize=4096)
def _imported(file: str, package: str, *state: int) -> tuple[str, ...]:
    """Return what a file imports, in full; names that it takes from a module may be modules themselves."""
    found: list[str] = []
    for node in ast.walk(ast.parse(Path(file).read_bytes())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package) if node.level else str(node.module)
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(dict.fromkeys(found))
