"""The committed catalogue is what the declarations say now."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from scatflow.registry import registry

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_catalog", DOCS / "write_catalog.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_current(writer: ModuleType) -> None:
    """If this fails: make catalog, and look at what changed."""
    pages = writer.pages()
    written = {path: path.read_text() for path in (DOCS / "catalog").rglob("*.md")}
    assert written.keys() == pages.keys()
    stale = [str(path.relative_to(DOCS)) for path, text in pages.items() if written[path] != text]
    assert stale == [], "make catalog"


def test_pages_tell_what_a_user_looks_for(writer: ModuleType) -> None:
    page = writer.page("operators", "scattering")
    for words in (
        "\n$$\n",
        "| `J` |",
        "≥",
        "| axes | `(z?,y?,x)->(path,z?,y?,x)` |",
        "| cost | about",
        "doi:",
        "also called",
        "differentiable",
    ):
        assert words in page, words
    assert "≥ 1 [samples]" in writer.page("operators", "lagged")


def test_every_operator_says_what_it_computes() -> None:
    """Either as an equation, or because it computes nothing."""
    without = {name for name in registry().names("operators") if not registry().find("operators", name).equation}
    assert without == {"cast", "drop_labels", "rename", "select"}


def test_the_first_operator_of_the_page_for_authors_is_short() -> None:
    """A windowed operator with a gradient fits twenty lines, and the page's title says how many it is."""
    page = (DOCS / "writing-operators.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    lines = [line for line in code[code.index("@operator") :].splitlines() if line.strip()]
    assert len(lines) == 15 <= 20 and "fifteen lines" in page
