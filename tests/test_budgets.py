"""Small files, functions that fit a screen, names that say something. Package code only; tests may be long."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULE_LINES = 400
FUNCTION_LINES = 60
VAGUE = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "misc.py"}


def package_files(root: Path) -> list[Path]:
    """Return the modules that are shipped: the engine's and the plugins'."""
    return sorted([*(root / "scatflow").rglob("*.py"), *(root / "plugins").glob("*/src/**/*.py")])


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the length of a function without its docstring and decorators."""
    docstring = 0
    if ast.get_docstring(node) is not None:
        docstring = (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def over_budget(root: Path) -> list[str]:
    """Return everything that is too long."""
    found = []
    for path in package_files(root):
        text = path.read_text()
        name = path.relative_to(root)
        if (lines := len(text.splitlines())) > MODULE_LINES:
            found.append(f"{name}: {lines} lines, more than {MODULE_LINES}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (lines := function_lines(node)) > FUNCTION_LINES:
                found.append(f"{name}:{node.lineno}: {node.name} has {lines} lines, more than {FUNCTION_LINES}")
    return found


def vague_names(root: Path) -> list[str]:
    """Return files whose name says nothing, tests and examples included."""
    folders = [root / name for name in ("scatflow", "plugins", "tests", "benchmarks", "examples", "docs")]
    return [str(path.relative_to(root)) for folder in folders for path in sorted(folder.rglob("*.py")) if path.name in VAGUE]


def test_modules_and_functions_are_small() -> None:
    found = over_budget(ROOT)
    assert not found, "\n" + "\n".join(found)


def test_no_vague_names() -> None:
    assert vague_names(ROOT) == []


@pytest.mark.parametrize(("body", "found"), [(FUNCTION_LINES - 1, 0), (FUNCTION_LINES, 1)])
def test_the_check_counts_function_lines(tmp_path: Path, body: int, found: int) -> None:
    (tmp_path / "scatflow").mkdir()
    docstring = '    """One\n\n    two."""\n'  # three lines that do not count
    (tmp_path / "scatflow" / "plan.py").write_text("def long():\n" + docstring + "    x = 1\n" * body)
    assert len(over_budget(tmp_path)) == found


def test_the_check_counts_module_lines_and_reads_names(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "scatflow-one" / "src" / "scatflow_one"
    folder.mkdir(parents=True)
    (folder / "utils.py").write_text("x = 1\n" * (MODULE_LINES + 1))
    assert over_budget(tmp_path) == [f"{(folder / 'utils.py').relative_to(tmp_path)}: 401 lines, more than 400"]
    assert vague_names(tmp_path) == ["plugins/scatflow-one/src/scatflow_one/utils.py"]
