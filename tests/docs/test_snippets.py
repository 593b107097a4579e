"""Runs what README, the pages of docs and the notebooks show, as a reader would: page by page, top to bottom.

A page's ``python`` fences run in order in one fresh interpreter, in an empty directory, warnings as errors; those
written as an interactive session have their output compared. A fence that cannot run here says why in a comment before
it: ``<!-- not run: reason -->``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "generated" not in path.parts),
    *sorted(ROOT.glob("plugins/*/README.md")),
]
NOTEBOOKS = sorted(
    path for folder in ("docs", "examples") for path in (ROOT / folder).rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts
)
FENCE = re.compile(r"^(?P<skip><!-- not run: \S.* -->\n+)?```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)

#: Compiles every piece under the name of the place it comes from, so that a traceback points into the page.
RUNNER = """
import doctest, json, pathlib, sys, types
sys.modules["__main__"] = types.ModuleType("__main__")  # the page's own, so that its classes can be pickled
space = vars(sys.modules["__main__"])
runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
for name, line, code in json.loads(pathlib.Path(sys.argv[1]).read_text()):
    if code.startswith(">>>"):
        session = doctest.DocTestParser().get_doctest(code, space, name, name, line)
        if runner.run(session, out=sys.stderr.write, clear_globs=False).failed:
            sys.exit(1)
        space.update(session.globs)
    else:
        exec(compile("\\n" * line + code, name, "exec"), space)
"""

Piece = tuple[str, int, str]


def fences(path: Path) -> list[Piece]:
    """Return the python fences of a page that run, with the line each begins after."""
    text = path.read_text()
    found = [match for match in FENCE.finditer(text) if not match["skip"]]
    return [(str(path), text.count("\n", 0, match.start("code")), match["code"]) for match in found]


def cells(path: Path) -> list[Piece]:
    """Return the code cells of a notebook; they are plain Python."""
    notebook = json.loads(path.read_text())
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [(f"{path} cell {number}", 0, text) for number, text in enumerate(code, 1)]


def run(pieces: list[Piece], folder: Path) -> None:
    """Run pieces of one page in one interpreter with ``folder`` as its working directory."""
    script = folder / "pieces.json"
    script.write_text(json.dumps(pieces))
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", RUNNER, script.name]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if fences(page)], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page(page: Path, tmp_path: Path) -> None:
    run(fences(page), tmp_path)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_notebook(notebook: Path, tmp_path: Path) -> None:
    run(cells(notebook), tmp_path)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_notebooks_are_committed_without_outputs(notebook: Path) -> None:
    document = json.loads(notebook.read_text())
    code = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    assert code and not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert not any(cell["metadata"] for cell in document["cells"])
    assert set(document["metadata"]) == {"kernelspec", "language_info"}


def test_the_runner_keeps_names_between_fences_and_points_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# P\n\n```python\nx = 1\n```\ntext\n<!-- not run: shown -->\n```python\nno()\n```\n\n```python\n1 / (x - 1)\n```\n"
    )
    assert [piece[2] for piece in fences(page)] == ["x = 1\n", "1 / (x - 1)\n"]
    with pytest.raises(AssertionError, match=r'page\.md", line 13(.|\n)*ZeroDivisionError'):
        run(fences(page), tmp_path)


def test_the_runner_compares_sessions_and_sees_warnings(tmp_path: Path) -> None:
    run([("page", 0, "x = 2\n"), ("page", 3, ">>> y = x + 1\n>>> y\n3\n"), ("page", 9, "assert y == 3\n")], tmp_path)
    with pytest.raises(AssertionError, match=r"page(.|\n)*Expected(.|\n)*4(.|\n)*Got(.|\n)*3"):
        run([("page", 0, ">>> 1 + 2\n4\n")], tmp_path)
    with pytest.raises(AssertionError, match="UserWarning: look"):
        run([("page", 0, "import warnings\nwarnings.warn('look')\n")], tmp_path)
