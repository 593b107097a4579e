"""Writes the catalogue of first-party operators, sources and filter families from their declarations: ``make catalog``.

Nothing in it is written by hand. The pages are committed, so that they can be read and searched without building the site;
``tests/docs/test_catalog.py`` fails where they are not what the declarations say now.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scatflow.contract import Info, Operator
from scatflow.contract.info import limits
from scatflow.registry import Kind, registry
from scatflow.testing.case import cases_of
from scatflow.testing.checks import CHECKS
from scatflow.testing.checks.cost import cost_of, declares_cost
from scatflow.testing.checks.lazy import has_kernel

FOLDER = Path(__file__).parent / "catalog"
TITLES: Mapping[Kind, str] = {"operators": "Operators", "sources": "Sources", "filters": "Filter families"}
#: What the kinds of operators do, in the words of somebody who calls them.
KINDS = {
    "pointwise": "element by element", "window": "a window along the core dims", "whole": "whole core dims at once",
    "reduce": "a reduction, pooled over chunks", "select": "a choice of samples", "composite": "made of other operators",
    "program": "an eager program",
}  # fmt: skip
DTYPES = {"f": "float32, float64", "c": "complex64, complex128", "i": "integers, bool"}


def cell(value: object) -> str:
    """Return a value as the cell of a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def words(text: str) -> str:
    """Return a docstring's line as Markdown."""
    return text.replace("``", "`")


def names(kind: Kind) -> list[tuple[str, str]]:
    """Return (name, distribution) of everything of a kind that a first-party distribution provides."""
    found = [(name, registry().provider(kind, name).dist) for name in registry().names(kind)]
    return [(name, dist) for name, dist in found if dist.startswith("scatflow")]


def default(schema: Mapping[str, Any]) -> str:
    """Return a default as text; of a long list its ends."""
    if schema.get("required"):
        return "required"
    value = schema.get("default")
    if isinstance(value, list) and len(value) > 8:
        return f"`[{value[0]}, {value[1]}, …, {value[-1]}]`"
    return f"`{value!r}`" if not isinstance(value, dict) or len(str(value)) < 40 else "`{…}`"


def parameters(info: Info) -> Iterator[str]:
    """Yield the table of parameters: type, range and unit, default, meaning."""
    if not info.parameters:
        return
    yield from ("", "| parameter | type | range, choices, unit | default | |", "|---|---|---|---|---|")
    for name, schema in info.parameters.items():
        bounds = limits(schema)
        kind = schema["type"].removesuffix(bounds).strip() if bounds else schema["type"]
        yield (
            "| " + " | ".join(map(cell, (f"`{name}`", kind, bounds, default(schema), words(schema.get("description", ""))))) + " |"
        )


def cost(declared: type[Operator]) -> str:
    """Return what the first example costs per sample, as its author declares it."""
    if has_kernel(declared):
        return ""
    case = next(case for example in declared.examples() for case in cases_of(example))
    found, size = cost_of(case)
    samples = sum(array.size for array in case.arrays)
    stated = "" if not declares_cost(declared) else "not declared; plans assume "
    return f"{stated}about {rounded(found.flops / samples)} operations per sample, {rounded(found.bytes / size)} times the block in memory beside " \
           f"block and result ({case.label})"  # fmt: skip


def rounded(value: float) -> str:
    """Return two significant digits."""
    if value == 0:
        return "0"
    digits = max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{round(value, digits):g}" if digits else f"{float(f'{value:.1e}'):.0f}"


def facts(kind: Kind, name: str, info: Info) -> Iterator[tuple[str, str]]:
    """Yield what a page tells beside equation and parameters."""
    provider = registry().provider(kind, name)
    yield "from", f"`{provider.dist}`, version {info.version} of its numerical meaning"
    if info.signature is not None:
        yield "kind", f"`{info.kind}`: {KINDS[info.kind]}"
        yield (
            "axes",
            f"`{info.signature}`" + (", inputs " + ", ".join(f"`{one}`" for one in info.inputs) if len(info.inputs) > 1 else ""),
        )
        yield "input", "; ".join(DTYPES[letter] for letter in info.dtypes)
    if info.boundaries:
        yield "boundaries", ", ".join(info.boundaries)
    if info.claims:
        yield "held to", ", ".join(info.claims)
    if kind == "operators" and (spent := cost(registry().find(kind, name))):
        yield "cost", spent
    if info.aliases:
        yield "also called", ", ".join(info.aliases)


def page(kind: Kind, name: str) -> str:
    """Return the page of one operator, source or filter family."""
    declared = registry().find(kind, name)
    info = Info.of(declared)
    lines = [f"# {name}", "", words(info.summary)]
    if info.equation:
        lines += ["", "$$", info.equation, "$$"]
    lines += ["", "| | |", "|---|---|", *(f"| {word} | {cell(text)} |" for word, text in facts(kind, name, info))]
    lines += parameters(info)
    if info.references:
        lines += ["", "References:", "", *(f"- {reference}" for reference in info.references)]
    lines += [
        "",
        "## In full",
        "",
        "```{eval-rst}",
        f".. autoclass:: {declared.__module__}.{declared.__qualname__}",
        "   :no-index:",
        "```",
    ]
    return "\n".join([*lines, ""])


def index() -> str:
    """Return the overview: one line each, with other names, so that a search finds them."""
    lines = ["# Catalogue", "", "Written from the declarations of the first-party plugins; `scatflow ops` prints the same of everything installed,",
             "`scatflow ops NAME` one in full."]  # fmt: skip
    for kind, title in TITLES.items():
        lines += ["", f"## {title}", "", "| name | what it is | also called |", "|---|---|---|"]
        for name, _ in names(kind):
            info = Info.of(registry().find(kind, name))
            lines.append(f"| [{name}]({kind}/{name}.md) | {cell(words(info.summary))} | {cell(', '.join(info.aliases))} |")
    for kind, title in TITLES.items():
        lines += ["", "```{toctree}", ":hidden:", f":caption: {title}", "", *(f"{kind}/{name}" for name, _ in names(kind)), "```"]
    return "\n".join([*lines, ""])


def checks() -> str:
    """Return the page of the conformance kit's checks."""
    lines = ["# Checks of the conformance kit", "", "What `scatflow check DIST`, `scatflow.testing.check_operator` and "
             "`parametrize_operators` hold operators to. Level 1 is required of", "plugins, level 2 is advice. Names are stable.", "",
             "| check | group | level | holds when |", "|---|---|---|---|"]  # fmt: skip
    lines += [f"| `{check.name}` | {check.group} | {check.level} | {cell(words(check.asserts))} |" for check in CHECKS]
    return "\n".join([*lines, ""])


def pages() -> dict[Path, str]:
    """Return every page of the catalogue."""
    found = {FOLDER / "index.md": index(), FOLDER / "checks.md": checks()}
    return found | {FOLDER / kind / f"{name}.md": page(kind, name) for kind in TITLES for name, _ in names(kind)}


def main() -> None:
    """Write the pages that changed and remove those of what is gone."""
    texts = pages()
    for stale in set(FOLDER.rglob("*.md")) - set(texts):
        stale.unlink()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(path.relative_to(FOLDER.parent))


if __name__ == "__main__":
    main()
