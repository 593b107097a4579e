"""What a hook returned, checked: names, classes and strings, kept versions, old names. Nothing is imported to check it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scatflow.api import NAME, is_version
from scatflow.hookspecs import Renamed
from scatflow.registry.plugin import SINGULAR, Kind

#: Kind -> module and name of the class that its classes derive from; a command is an instance.
BASES: Mapping[Kind, tuple[str, str]] = {
    "operators": ("scatflow.contract.operator", "Operator"),
    "sources": ("scatflow.contract.source", "Source"),
    "filters": ("scatflow.contract.source", "FilterFamily"),
    "commands": ("click", "Command"),
}
#: Names that stand for something else where their kind is used: steps of a pipeline that no plugin provides, modules of
#: ``sf.ops``, and what ``da.scatflow`` offers beside operators.
RESERVED: Mapping[Kind, tuple[str, ...]] = {
    "operators": ("dataset", "variable", "evaluation", "features", "functions", "plot", "provenance", "unstack"), "sources": ("dataset", "variable"),
}  # fmt: skip
#: Keywords of every call of an operator, which no parameter may be called.
KEYWORDS = ("rechunk", "labels")
#: Filter families may be named after a release of another package or by two words: "kymatio-0.3", "bump-steerable".
_FAMILY = rf"{NAME.pattern}(?:[-.][a-z0-9_]+)*"


class Misfit(Exception):
    """What a plugin offers is not what hooks may return."""


@dataclass(frozen=True)
class Offer:
    """One name that a plugin provides; ``number`` is the version of one that is kept beside the current one."""

    kind: Kind
    name: str
    number: int | None
    target: Any

    @property
    def key(self) -> str:
        """The name as the hook writes it."""
        return self.name if self.number is None else f"{self.name}@{self.number}"


def read(kind: Kind, returned: Any) -> list[Offer]:
    """Return the offers of one hook.

    Raises
    ------
    Misfit
        It returned something else; the text says what.
    """
    if not isinstance(returned, Mapping):
        raise Misfit(f'scatflow_{kind} returns {described(returned)}, expected a mapping from name to class or "module:Class"')
    offers = [offer(kind, key, target) for key, target in dict(returned).items()]
    check(kind, offers)
    return offers


def offer(kind: Kind, key: Any, target: Any) -> Offer:
    """Return one entry of what a hook returned, checked by itself."""
    pattern = _FAMILY if kind == "filters" else NAME.pattern
    found = re.fullmatch(rf"({pattern})(?:@([1-9][0-9]*))?", key) if isinstance(key, str) else None
    if found is None or (found[2] and kind == "commands"):
        raise Misfit(
            f"scatflow_{kind} has the name {key!r}, expected ^{pattern}$" + ("" if kind == "commands" else ", or with @version")
        )
    name, number = found[1], int(found[2]) if found[2] else None
    if name in RESERVED.get(kind, ()):
        raise Misfit(f"{SINGULAR[kind]} {key!r}: this name is taken by scatflow itself")
    if isinstance(target, Renamed):
        if number is not None or not isinstance(target.to, str):
            raise Misfit(f"{SINGULAR[kind]} {key!r}: only a name as text can stand for a current one, got {target!r}")
    elif isinstance(target, str):
        module, colon, attribute = target.partition(":")
        if not colon or not all(part.isidentifier() for part in (*module.split("."), attribute)):
            raise Misfit(
                f'{SINGULAR[kind]} {key!r} is {target!r}, expected "module:{"command" if kind == "commands" else "Class"}"'
            )
    elif not fits(kind, target):
        raise Misfit(f"{SINGULAR[kind]} {key!r} is {described(target)}, expected {expected(kind)} or a string that names it")
    return Offer(kind, name, number, target)


def check(kind: Kind, offers: Iterable[Offer]) -> None:
    """Refuse old names that lead nowhere or to other old names, and versions kept beside nothing."""
    current = {one.name: one.target for one in offers if one.number is None}
    for one in offers:
        word = f"{SINGULAR[kind]} {one.key!r}"
        if isinstance(one.target, Renamed):
            if one.target.to not in current:
                raise Misfit(f"{word} is renamed to {one.target.to!r}, which this plugin does not provide")
            if isinstance(current[one.target.to], Renamed):
                raise Misfit(f"{word} is renamed to {one.target.to!r}, which is renamed itself: name the newest")
        elif one.number is not None and (one.name not in current or isinstance(current[one.name], Renamed)):
            raise Misfit(f"{word} is kept beside no current {one.name!r}")


def fits(kind: Kind, target: Any) -> bool:
    """Tell whether an object is what a kind needs.

    The base is looked up among the modules that are loaded: an object that derives from it has loaded it.
    """
    module, name = BASES[kind]
    base = getattr(sys.modules.get(module), name, None)
    if base is None:
        return False
    return isinstance(target, base) if kind == "commands" else isinstance(target, type) and issubclass(target, base)


def misdeclared(kind: Kind, cls: type[Any]) -> str:
    """Return what a declaration says and must not, since records, catalogs and calls could not use it; empty if nothing."""
    doc, aliases = vars(cls).get("__doc__"), getattr(cls, "aliases", ())
    if not is_version(cls.version):
        return f"its version is {cls.version!r}, expected a positive integer"
    if not isinstance(aliases, tuple) or not all(isinstance(alias, str) for alias in aliases):
        return f"its aliases are {aliases!r}, expected a tuple of texts"
    if doc is not None and not isinstance(doc, str):
        return f"its docstring is {described(doc)}"
    if kind != "operators":
        return ""
    if not isinstance(getattr(cls.signature, "text", None), str):
        return f"its signature is {described(cls.signature)}"
    taken = [name for name in cls.model_fields if name in (*cls.inputs, *KEYWORDS)]
    return f"its parameter {taken[0]!r} is called like an input or like a keyword of every call" if taken else ""


def expected(kind: Kind) -> str:
    """Return what a kind needs, in words."""
    return "a click command" if kind == "commands" else f"a class derived from {BASES[kind][1]}"


def described(value: Any) -> str:
    """Return what an object is, without asking it."""
    return f"the class {value.__qualname__}" if isinstance(value, type) else f"an object of type {type(value).__name__}"
