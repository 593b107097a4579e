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
from collections.abc import Iterator, Mapping, Sequence
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
        bound = _bindings(tree.body)
    except Exception:  # source that cannot be found or parsed, for whatever reason: the import will tell it
        return {}
    decorators = _decorators(tree, bound)
    return {
        node.name: _declared(node, decorators) if len(bound[node.name]) == 1 and decorators else None
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }


def _tree(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module.partition(".")[0])
    for part in module.split(".")[1:]:
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError(module)
        spec = importlib.machinery.PathFinder.find_spec(f"{spec.name}.{part}", list(spec.submodule_search_locations))
    loader: Any = spec.loader if spec is not None else None
    source: str = loader.get_source(module)
    return ast.parse(source)


def _decorators(tree: ast.Module, bound: Mapping[str, set[Any]]) -> dict[str, str]:
    """Return local spelling -> decorator for those of ours that a module imports and binds to nothing else."""
    if "*" in bound or any(isinstance(node, ast.Raise) for node in tree.body):
        return {}  # what a star brings in may be called like anything; and a module that raises provides nothing
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and not node.level and node.module in _HOMES:
            found |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in _DECORATORS}
        elif isinstance(node, ast.Import):
            homes = {alias.asname or alias.name: alias.name for alias in node.names if alias.name in _HOMES}
            found |= {f"{spelling}.{word}": word for spelling in homes for word in _DECORATORS}
    return {spelling: word for spelling, word in found.items() if len(bound[spelling.partition(".")[0]]) == 1}


def _bindings(body: Sequence[ast.stmt]) -> dict[str, set[Any]]:
    """Return name -> all that binds, changes or deletes it where these statements run: the same import twice counts once.

    Functions and classes inside are not entered, except for names that they declare global.
    """
    found: dict[str, set[Any]] = {}
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        for name, what in _bound(node):
            found.setdefault(name, set()).add(what)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            inside = (name for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names)
            for name in inside:
                found.setdefault(name, set()).add(node)
        else:
            waiting += ast.iter_child_nodes(node)
    return found


def _bound(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield the names that one node of a syntax tree binds, changes or deletes, and what tells its effect from others."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        home = (node.module, node.level) if isinstance(node, ast.ImportFrom) else ()
        for alias in node.names:
            name = alias.asname or (alias.name if home else alias.name.partition(".")[0])
            yield name, (*home, alias.name) if home or alias.asname else name
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name, node
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id, node
    elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name):
        yield node.value.id, node
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name, node
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest, node


def _declared(node: ast.ClassDef, decorators: Mapping[str, str]) -> Outline | None:
    if len(node.decorator_list) != 1 or not isinstance(call := node.decorator_list[0], ast.Call):
        return None
    if ast.unparse(call.func) not in decorators or "__doc__" in _bindings(node.body):
        return None
    try:
        values = _literals(call)
    except ValueError:
        return None
    name, version, aliases, signature = (values.get(key, default) for key, default in _DEFAULTS.items())
    if not (isinstance(name, str) and isinstance(aliases, tuple) and all(isinstance(word, str) for word in (signature, *aliases))):
        return None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
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
