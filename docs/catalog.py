"""Sphinx extension: one page per operator and source of the installed plugins, from their declarations.

Nothing is written by hand, so the catalog cannot go stale: docstring, parameters with ranges and units, other names, references.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from scatflow.registry import registry

FOLDER = Path(__file__).parent / "generated"


def cell(value: object) -> str:
    """Return a value as the cell of a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def limits(schema: dict[str, Any]) -> str:
    """Return range, choices and unit of one parameter in words."""
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {schema[key]:g}" for key, sign in words.items() if key in schema]
    found += [", ".join(f"`{item}`" for item in schema[key]) for key in ("enum", "choices") if key in schema]
    return " ".join([*found, *([schema["unit"]] if "unit" in schema else [])])


def parameters(declared: type[Any]) -> list[str]:
    """Return the table of parameters."""
    properties = declared.model_json_schema()["properties"]
    rows = ["| parameter | default | limits | |", "|---|---|---|---|"]
    for name, schema in properties.items():
        merged = {**schema, **next((part for part in schema.get("anyOf", []) if part.get("type") != "null"), {})}
        default = f"`{schema['default']}`" if "default" in schema else "required"
        rows.append(f"| `{name}` | {cell(default)} | {cell(limits(merged))} | {cell(schema.get('description', ''))} |")
    return rows if properties else []


def page(kind: str, name: str) -> str:
    """Return the page of one operator or source: what it is called, what it takes, its own docstring."""
    declared = registry().find(kind, name)  # type: ignore[arg-type]
    provider = registry().provider(kind, name)  # type: ignore[arg-type]
    lines = [f"# {name}", "", f"From `{provider.dist}`, version {declared.version} of its numerical meaning."]
    if aliases := getattr(declared, "aliases", ()):
        lines += ["", f"Also known as: {', '.join(aliases)}."]
    lines += ["", "```{eval-rst}", f".. autoclass:: {declared.__module__}.{declared.__qualname__}", "   :no-index:", "```", ""]
    lines += parameters(declared)
    if declared.references:
        lines += ["", "References:", "", *(f"- {reference}" for reference in declared.references)]
    return "\n".join([*lines, ""])


def write(app: Sphinx) -> None:
    """Write the pages that changed before Sphinx looks for sources."""
    for kind, title in (("operators", "Operators"), ("sources", "Sources")):
        folder = FOLDER / kind
        folder.mkdir(parents=True, exist_ok=True)
        pages = {name: page(kind, name) for name in registry().names(kind)}  # type: ignore[arg-type]
        toctree = "\n".join(["```{toctree}", ":maxdepth: 1", "", *(f"{kind}/{name}" for name in pages), "```"])
        texts = {FOLDER / f"{kind}.md": f"# {title}\n\n{toctree}\n"}
        texts |= {folder / f"{name}.md": text for name, text in pages.items()}
        for stale in set(folder.glob("*.md")) - set(texts):
            stale.unlink()
        for path, text in texts.items():
            if not path.exists() or path.read_text() != text:
                path.write_text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
