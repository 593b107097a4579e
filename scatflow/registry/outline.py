"""What a class declares, read from its source: summary, other names, signature of a hundred operators without importing one.

The source is found without importing a package, parsed, and believed only where the declaration is what everybody writes:
one of our decorators, imported from scatflow, with literal arguments, directly on a class of the module. Anything else is left
to an import.
"""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Decorators, and the modules that offer them.
_DECORATORS = ("operator", "source", "family")
_HOMES = ("scatflow", "scatflow.contract", "scatflow.contract.operator", "scatflow.contract.source")


@dataclass(frozen=True)
class Outline:
    """The part of a declaration that catalogs need."""

    name: str
    version: int
    summary: str
    aliases: tuple[str, ...] = ()
    signature: str = ""


def of_class(cls: type[Any]) -> Outline:
    """Read a class that is there."""
    doc = inspect.cleandoc(vars(cls).get("__doc__") or "")
    signature = getattr(getattr(cls, "signature", None), "text", "")
    aliases = tuple(getattr(cls, "aliases", ()))
    return Outline(cls.name, cls.version, doc.partition("\n")[0].strip(), aliases, signature)


def outlines(module: str) -> dict[str, Outline | None]:
    """Return class name -> outline, None where a declaration does not tell; nothing where no source is found."""
    try:
        tree = _tree(module)
    except Exception:  # source that cannot be found or parsed, for whatever reason: the import will tell it
        return {}
    decorators = _decorators(tree)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = [node.name for node in classes]
    return {node.name: _declared(node, decorators) if names.count(node.name) == 1 else None for node in classes}


def _tree(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module.partition(".")[0])
    for part in module.split(".")[1:]:
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError(module)
        spec = importlib.machinery.PathFinder.find_spec(f"{spec.name}.{part}", list(spec.submodule_search_locations))
    loader: Any = spec.loader if spec is not None else None
    source: str = loader.get_source(module)
    return ast.parse(source)


def _decorators(tree: ast.Module) -> dict[str, str]:
    """Return local spelling -> decorator for those of ours that a module imports and binds to nothing else."""
    found: dict[str, str] = {}
    bound: list[str] = []
    for node in tree.body:
        bound += _bound(node)
        if isinstance(node, ast.ImportFrom) and not node.level and node.module in _HOMES:
            found |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in _DECORATORS}
        elif isinstance(node, ast.Import):
            homes = {alias.asname or alias.name: alias.name for alias in node.names if alias.name in _HOMES}
            found |= {f"{spelling}.{word}": word for spelling in homes for word in _DECORATORS}
    return {spelling: word for spelling, word in found.items() if bound.count(spelling.partition(".")[0]) == 1}


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at the top of a module binds."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from dict.fromkeys((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    else:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id
            elif isinstance(inner, (ast.Import, ast.ImportFrom)):
                yield from ((alias.asname or alias.name).partition(".")[0] for alias in inner.names)


def _declared(node: ast.ClassDef, decorators: Mapping[str, str]) -> Outline | None:
    if len(node.decorator_list) != 1 or not isinstance(call := node.decorator_list[0], ast.Call):
        return None
    if ast.unparse(call.func) not in decorators or any(_sets_doc(statement) for statement in node.body):
        return None
    try:
        values = _literals(call)
    except ValueError:
        return None
    name, version, aliases, signature = (values.get(key, default) for key, default in _DEFAULTS.items())
    if not (isinstance(name, str) and isinstance(version, int) and isinstance(aliases, tuple) and isinstance(signature, str)):
        return None
    doc = ast.get_docstring(node) or ""
    return Outline(name, version, doc.partition("\n")[0].strip(), aliases, signature)


_DEFAULTS: Mapping[str, Any] = {"name": None, "version": None, "aliases": (), "signature": ""}


def _literals(call: ast.Call) -> dict[str, Any]:
    """Return the arguments that catalogs need; raises ValueError where one of them is no literal."""
    if len(call.args) > 1 or any(keyword.arg is None for keyword in call.keywords):
        raise ValueError("arguments that are not spelt out")
    given = dict(zip(("name",), call.args, strict=False)) | {str(keyword.arg): keyword.value for keyword in call.keywords}
    return {key: ast.literal_eval(value) for key, value in given.items() if key in _DEFAULTS}


def _sets_doc(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return any(isinstance(target, ast.Name) and target.id == "__doc__" for target in targets)
