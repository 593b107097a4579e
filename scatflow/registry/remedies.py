"""What to do about a name that nobody provides, and about plugins that fail; nothing is imported to say it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from scatflow.api import normalized
from scatflow.errors import RegistryError, near
from scatflow.registry.plugin import FIRST_PARTY, KINDS, Kind, Plugin

if TYPE_CHECKING:
    from scatflow.registry.book import Registry

#: Plugins that are not active of which a message tells the reason; the others it counts.
_TOLD = 5


def unknown(book: Registry, kind: Kind, name: str) -> str:
    """Return what may help where nobody provides ``name``: who would, what is near, what did not load."""
    dist, _, key = name.rpartition(":")
    word = key.partition("@")[0]
    parts = []
    owner = FIRST_PARTY.get(word)
    mine = [plugin for plugin in book.plugins if plugin.dist == owner]
    if owner is not None and (not dist or normalized(dist) == owner) and not mine:
        parts.append(f"{owner} provides it: pip install {owner} (or scatflow[all]).")
    elif owner is not None and any(plugin.state != "active" for plugin in mine):
        parts.append(f"{owner} would provide it.")
    elif others := _others(book, kind, name):
        parts.append(others)
    elif called := _called(book, kind, word):
        parts.append(f"{word!r} is another name of {' and '.join(map(repr, called))}.")
    elif guess := near(word, book.names(kind)):
        parts.append(guess)
    elif kind != "commands" and (guess := near(word, book.names("commands"))):
        parts.append(guess.replace("Did you mean", "Did you mean the command"))
    parts += inactive(book.plugins)
    if not book.names(kind) and kind == "operators":
        parts.append("No plugin is installed: pip install 'scatflow[all]'." if not book.plugins else "scatflow plugins tells more.")
    if not parts and book.names(kind):
        parts.append(f"Known: {', '.join(book.names(kind))}.")
    return " ".join(parts) or "scatflow plugins lists what is installed."


def _others(book: Registry, kind: Kind, name: str) -> str:
    """Return where the name is provided instead: by another distribution, or as another kind."""
    short = name.rpartition(":")[2]
    if ":" in name and book.knows(kind, short):
        dists = sorted({one.dist for one in book.entries(kind) if one.name == short.partition("@")[0]})
        return f"It is provided by {' and '.join(dists)}." if dists else ""
    kinds = [other for other in KINDS if other != kind and book.knows(other, name)]
    articles = {"operators": "an operator", "sources": "a source", "filters": "a filter family", "commands": "a command"}
    return f"{name!r} is {articles[kinds[0]]}." if kinds else ""


def _called(book: Registry, kind: Kind, name: str) -> list[str]:
    """Return what is also known as ``name`` in the fields, as far as declarations tell without being imported."""
    word = name.replace("_", " ").casefold()
    found = []
    for provided in book.entries(kind) if kind != "commands" else ():
        outline = book.outline(kind, provided)
        if outline is not None and word in (alias.replace("_", " ").casefold() for alias in outline.aliases):
            found.append(provided.name)
    return list(dict.fromkeys(found))


def inactive(plugins: Iterable[Plugin]) -> list[str]:
    """Return a sentence on each plugin that is not active: the one that is looked for may be among them."""
    absent = [plugin for plugin in plugins if plugin.state != "active"]
    told = [f"Plugin {plugin.called} is {plugin.state} ({plugin.reason})." for plugin in absent[:_TOLD]]
    if len(absent) > _TOLD:
        told.append(f"{len(absent) - _TOLD} more are not active: scatflow plugins lists them.")
    return told


def failing(plugins: Iterable[Plugin]) -> str:
    """Return the plugins that are neither active nor left out on purpose, one per line; empty where there is none."""
    return "\n".join(f"  {plugin.dist} {plugin.entry}: {plugin.state} ({plugin.reason})" for plugin in plugins if not plugin.fine)


def check_strict(plugins: Iterable[Plugin]) -> None:
    """Refuse plugins that fail.

    Raises
    ------
    RegistryError
        With the list; its code is ``PluginsFailed``.
    """
    if found := failing(plugins):
        raise RegistryError("plugins", f"not all can be used, and the policy is strict\n{found}",
                            remedy="Repair them, or leave them out with --no-plugin.", code="PluginsFailed")  # fmt: skip
