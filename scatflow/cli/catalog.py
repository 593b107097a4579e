"""``ops``, ``plugins``, ``version``: what is installed. ``plugins`` works whatever is broken."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from scatflow.registry import Kind, Registry

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
def plugins(as_json: bool) -> None:
    """List plugins with their state and reason, the broken ones too."""
    from scatflow.registry import registry

    found = registry().plugins
    if as_json:
        click.echo(json.dumps([plugin.to_dict() for plugin in found], indent=2))
        return
    if not found:
        click.echo("No plugin is installed: pip install 'scatflow[all]'.")
        return
    from scatflow.cli.screen import print_table

    rows = [
        (
            plugin.dist,
            plugin.version,
            plugin.state,
            plugin.reason or ", ".join(name for names in plugin.names.values() for name in names),
        )
        for plugin in found
    ]
    print_table(rows, ("plugin", "version", "state", "provides, or the reason"))


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ops(name: str | None, as_json: bool) -> None:
    """List operators, sources and filter families, or describe the one called NAME.

    Where nothing is called NAME, everything is listed whose summary or other names hold that word.
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
        _print_catalogue(rows, as_json)
        return
    found = described(book.find(kind, name), book.provider(kind, name).canonical)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print_description(found)


def catalogue(book: Registry) -> list[dict[str, Any]]:
    """Return one row per name; what cannot be imported is listed with the reason."""
    from scatflow.contract.info import summary_of
    from scatflow.errors import RegistryError

    rows = []
    for kind in _KINDS:
        for name in book.names(kind):
            row: dict[str, Any] = {"name": name, "kind": _SINGULAR[kind], "provider": "", "summary": "", "aliases": []}
            try:
                row["provider"] = book.provider(kind, name).dist
                cls = book.find(kind, name)
                row |= {"summary": summary_of(cls), "aliases": list(getattr(cls, "aliases", ()))}
            except RegistryError as error:
                row["summary"] = f"unusable: {error.rule}" + (f" ({error.got})" if error.got else "")
            rows.append(row)
    return rows


def described(cls: type[Any], canonical: str) -> dict[str, Any]:
    """Return a declaration as plain JSON under its canonical name: what a form or a table needs."""
    from scatflow.contract import Info

    return {"id": canonical, **Info.of(cls).to_json()}


def _kind_of(book: Registry, name: str) -> Kind | None:
    short = name.rpartition(":")[2]
    return next((kind for kind in _KINDS if short in book.names(kind)), None)


def _mentions(row: Mapping[str, Any], word: str) -> bool:
    texts = (row["name"], row["summary"], *row["aliases"])
    return any(word.casefold() in text.casefold() for text in texts)


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
        ("also", ", ".join(found["aliases"])),
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
