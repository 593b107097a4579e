"""``ops``, ``plugins``, ``version``: what is installed. ``plugins`` works whatever is broken."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from scatflow.cli.outcome import FAILED, OK

if TYPE_CHECKING:
    from scatflow.registry import Kind, Plugin, Provided, Registry

#: Kinds in the catalogue; an operator comes before a source of the same name.
_KINDS: tuple[Kind, ...] = ("operators", "sources", "filters")
#: Values of a list from which a description shows its ends only.
LONG_LIST = 8
_SINGULAR = {"operators": "operator", "sources": "source", "filters": "filters"}


@click.command()
def version() -> None:
    """Print the version."""
    from scatflow import __version__

    click.echo(__version__)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plugins(as_json: bool) -> int:
    """List plugins with their state and reason, the broken ones too.

    They are loaded in a process of their own: one that crashes or hangs is listed like any other.
    """
    from scatflow.cli.main import COMMANDS
    from scatflow.registry import choice, current, noted

    book = current()
    if book is not None:
        found, strict = book.plugins, book.policy.strict
    else:
        from scatflow.registry.scan import scan

        made = choice()
        found, strict = scan(made), made.policy.strict
    found = noted(found, {"commands": COMMANDS})
    _print_plugins(found, as_json)
    return _judged(found) if strict else OK


def _judged(found: Sequence[Plugin]) -> int:
    """Return the exit code where every plugin has to be usable, and name those that are not."""
    from scatflow.registry.remedies import failing

    failures = failing(found)
    if failures:
        click.echo(f"Error: not all plugins can be used.\n{failures}", err=True)
    return FAILED if failures else OK


def _print_plugins(found: Sequence[Plugin], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([plugin.to_dict() for plugin in found], indent=2))
        return
    if not found:
        click.echo("No plugin is installed: pip install 'scatflow[all]'.")
        return
    from scatflow.cli.screen import print_table

    rows = [
        (plugin.dist, plugin.version, plugin.origin, plugin.state, f"{plugin.seconds:.2f}", "\n".join(_told(plugin)))
        for plugin in found
    ]
    print_table(rows, ("plugin", "version", "origin", "state", "s", "provides, or the reason"), right=(4,))


def _told(plugin: Plugin) -> list[str]:
    """Return the lines that tell of a plugin: why it is not active, or its names, with what to know of them."""
    if plugin.state != "active":
        return [plugin.reason]
    return [", ".join(name for names in plugin.names.values() for name in names), *(f"note: {note}" for note in plugin.notes)]


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ops(name: str | None, as_json: bool) -> None:
    """List operators, sources and filter families, or describe the one called NAME.

    Where nothing is called NAME, everything is listed whose name, summary or other names hold a word that begins like it.
    """
    from scatflow.registry import registry

    book = registry()
    kind = None if name is None else _kind_of(book, name)
    if name is None or kind is None:
        rows = catalogue(book)
        if name is not None:
            rows = [row for row in rows if _mentions(row, name)]
            if not rows:
                book.provider("operators", name)  # raises, with the nearest names and how to install it
            _print_unknown(book, name)
        _print_catalogue(rows, as_json)
        return
    provided = book.provider(kind, name)
    if provided.was:
        click.echo(f"Warning: {provided.renaming}.", err=True)
    found = described(book.find(kind, provided.canonical), provided.canonical)
    found["other_versions"] = _others(book, kind, provided)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print_description(found)


def _print_unknown(book: Registry, name: str) -> None:
    """Say that what is listed only mentions a name, and which plugins might have it."""
    from scatflow.registry.remedies import inactive

    click.echo(" ".join([f"Nothing is called {name!r}; listed is what mentions it.", *inactive(book.plugins)]), err=True)


def catalogue(book: Registry) -> list[dict[str, Any]]:
    """Return one row per name and provider; what cannot be imported is listed with the reason."""
    return [
        {"name": provided.name, "kind": _SINGULAR[kind], "provider": provided.dist, **_outlined(book, kind, provided)}
        for kind in _KINDS
        for provided in book.entries(kind)
    ]


def _outlined(book: Registry, kind: Kind, provided: Provided) -> dict[str, Any]:
    """Return summary and other names, from the source where it tells them, otherwise from the class."""
    from scatflow.errors import RegistryError

    found = book.outline(kind, provided)
    if found is None:
        from scatflow.registry.outline import of_class

        try:
            found = of_class(book.find(kind, provided.canonical))
        except RegistryError as error:
            return {"summary": f"unusable: {error.rule}" + (f" ({error.got})" if error.got else ""), "aliases": []}
    return {"summary": found.summary, "aliases": list(found.aliases)}


def _others(book: Registry, kind: Kind, provided: Provided) -> list[str]:
    """Return the names of the other versions that are provided: the current one, and those kept for stored graphs."""
    kept: list[int | None] = [None, *book.kept(kind, provided)]
    return [replace(provided, number=number).canonical for number in kept if number != provided.number]


def described(cls: type[Any], canonical: str) -> dict[str, Any]:
    """Return a declaration as plain JSON under its canonical name: what a form or a table needs."""
    from scatflow.contract import Info

    return {"id": canonical, **Info.of(cls).to_json()}


def _kind_of(book: Registry, name: str) -> Kind | None:
    return next((kind for kind in _KINDS if book.knows(kind, name)), None)


def _mentions(row: Mapping[str, Any], word: str) -> bool:
    texts = (row["name"], row["summary"], *row["aliases"])
    begins = re.compile(rf"(?<![^\W_]){re.escape(word.casefold())}")
    return any(begins.search(text.casefold()) for text in texts)


def _print_catalogue(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(list(rows), indent=2))
        return
    from scatflow.cli.screen import print_table

    shown = []
    for row in rows:
        also = f" (also: {', '.join(row['aliases'])})" if row["aliases"] else ""
        shown.append((row["name"], row["kind"], row["provider"], _terminal(row["summary"]) + also))
    print_table(shown, ("name", "kind", "provider", "summary"))


def _print_description(found: Mapping[str, Any]) -> None:
    from scatflow.cli.screen import print_heading, print_pairs

    kind = found["kind"] if found["signature"] is None else f"operator ({found['kind']})"
    print_heading(f"{found['id']}: {kind}, version {found['version']}")
    click.echo(f"\n{_terminal(found['description'])}\n")
    facts = [
        ("equation", found["equation"]), ("axes", found["signature"] or ""), ("inputs", ", ".join(found["inputs"])),
        ("dtypes", found["dtypes"]), ("boundaries", ", ".join(found["boundaries"])), ("claims", ", ".join(found["claims"])),
        ("also", ", ".join(found["aliases"])), ("other versions", ", ".join(found["other_versions"])),
    ]  # fmt: skip
    facts += [("reference", reference) for reference in found["references"]]
    print_pairs([(name, value) for name, value in facts if value], indent=0)
    if found["parameters"]:
        print_heading("\nparameters")
        print_pairs([(name, _parameter(entry)) for name, entry in found["parameters"].items()])


def _parameter(entry: Mapping[str, Any]) -> str:
    from scatflow.contract.info import limits

    default = "required" if entry["required"] else f"default {_short(entry.get('default'))}"
    bounds = limits(entry)
    facts = ", ".join(fact for fact in (entry["type"], "" if entry["type"].endswith(bounds) else bounds, default) if fact)
    return "\n".join(line for line in (facts, _terminal(entry.get("description", ""))) if line)


def _short(value: Any) -> str:
    """Return a default as JSON, of a long list its ends."""
    if isinstance(value, list) and len(value) > LONG_LIST:
        return f"[{json.dumps(value[0])}, {json.dumps(value[1])}, …, {json.dumps(value[-1])}] ({len(value)} values)"
    return json.dumps(value)


def _terminal(words: str) -> str:
    """Return a docstring's words without the quotes of reStructuredText."""
    return words.replace("``", "")
