"""The architecture as a test: modules import strictly downwards, libraries stay where they belong, plugins use the
public contract only.

Imports are read from the syntax tree, wherever they stand: at the top, inside a function, under TYPE_CHECKING, or as
the constant argument of ``importlib.import_module``. Nothing is imported to find out.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: A unit is ``scatflow/NAME.py`` or the package ``scatflow/NAME/``; each may import those before it.
ORDER = (
    "errors", "loading", "settings", "api", "texts", "spec", "labels", "contract", "hookspecs", "arrays", "registry", "graph", "gradient", "plan",
    "blocks", "lower", "store", "cluster", "run", "pipeline", "ops", "accessor", "comparison", "advice", "testing", "service", "cli",
)  # fmt: skip

#: The only units that may know a library. The rest of the engine can then be read without it.
ONLY_IN = {
    "dask": {"lower", "cluster", "run", "testing"},
    "distributed": {"cluster", "run"},
    "zarr": {"store"},
    "cupy": {"arrays"},
    "pluggy": {"hookspecs", "registry"},
}
NEVER_IN = {"xarray": {"errors", "spec"}}
#: Slow to import and not needed to compute: only inside functions.
LAZY = {"matplotlib"}

#: What a plugin may import from the engine. Its tests may use the kit, load the plugin through the registry, apply
#: operators as values, and, until the kit does it for them, evaluate one block on the strict array namespace.
PUBLIC = ("errors", "spec", "labels", "contract", "hookspecs", "arrays")
PUBLIC_IN_TESTS = (*PUBLIC, "testing", "registry", "ops", "blocks", "graph")
#: A public package of which every module is public; of the others only what the package itself offers.
OPEN = {"contract", "graph"}


@dataclass(frozen=True)
class Import:
    """One imported module, as ``package.module`` or, for ``from package import name``, ``package.name``."""

    target: str
    line: int
    lazy: bool
    typing: bool

    @property
    def root(self) -> str:
        return self.target.partition(".")[0]

    def unit(self, package: str = "scatflow") -> str:
        return [*self.target.split("."), ""][1] if self.root == package else ""


def imports(path: Path, package: tuple[str, ...]) -> Iterator[Import]:
    """Yield everything a module imports; ``package`` resolves relative imports."""

    def visit(node: ast.AST, lazy: bool, typing: bool) -> Iterator[Import]:
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*parents, *([node.module] if node.module else [])])
            targets = [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "import_module", "__import__"):
            constants = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)]
            targets = [value for value in constants if isinstance(value, str)]
        yield from (Import(target, node.lineno, lazy, typing) for target in targets)  # type: ignore[attr-defined]
        inside = lazy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        checked = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside, typing or checked)

    yield from visit(ast.parse(path.read_text(), str(path)), False, False)


def _where(path: Path, root: Path, item: Import) -> str:
    return f"{path.relative_to(root)}:{item.line}"


def engine_violations(root: Path) -> list[str]:
    """Return every import of ``root/scatflow`` that the architecture forbids."""
    found: list[str] = []
    for path in sorted((root / "scatflow").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        unit, items = parts[1], list(imports(path, parts[:-1]))
        if unit.startswith("_"):
            found += [f"{_where(path, root, item)}: {item.target} must be imported lazily here" for item in items if _eager(item)]
        elif unit not in ORDER:
            found.append(f"{path.relative_to(root)}: {unit} has no place in the order of layers")
        else:
            found += [f"{_where(path, root, item)}: {why}" for item in items if (why := _wrong(unit, item))]
    return found


def _eager(item: Import) -> bool:
    """Tell whether the package's own front would load something heavy."""
    private = item.root == "scatflow" and item.unit().startswith("_")
    return not (item.lazy or item.typing or private or item.root in sys.stdlib_module_names)


def _wrong(unit: str, item: Import) -> str:
    other = item.unit()
    if item.root == "scatflow" and other != unit and not other.startswith("__"):
        if other not in ORDER:
            return f"{item.target} is not a module; import the name from where it is defined"
        if ORDER.index(other) >= ORDER.index(unit):
            return f"{unit} may not import {other}, which lies above it"
    if item.root in ONLY_IN and unit not in ONLY_IN[item.root]:
        return f"{item.root} belongs to {', '.join(sorted(ONLY_IN[item.root]))} only"
    if item.root in NEVER_IN and unit in NEVER_IN[item.root]:
        return f"{unit} may not know {item.root}"
    if item.root in LAZY and not (item.lazy or item.typing):
        return f"{item.root} may be imported inside functions only"
    return ""


def public_names(root: Path) -> set[str]:
    """Return the names that ``scatflow`` itself offers, read from the table of its ``__init__``."""
    text = (root / "scatflow" / "__init__.py").read_text()
    return {name for name in re.findall(r'"(\w+)"', text) if not name.startswith("_")}


def plugin_violations(root: Path) -> list[str]:
    """Return every import in ``root/plugins`` of something that is not public or not declared."""
    found: list[str] = []
    names = public_names(root)
    for project in sorted((root / "plugins").glob("*/pyproject.toml")):
        declared = tomllib.loads(project.read_text())["project"]
        own = declared["name"].replace("-", "_")
        needs = {re.split(r"[^\w.-]", need)[0].replace("-", "_") for need in declared.get("dependencies", [])}
        for folder, public in (("src", PUBLIC), ("tests", PUBLIC_IN_TESTS)):
            for path in sorted((project.parent / folder).rglob("*.py")):
                package = path.relative_to(project.parent / folder).with_suffix("").parts[:-1]
                for item in imports(path, package):
                    if why := _not_public(item, own, needs, public, names):
                        found.append(f"{_where(path, root, item)}: {why}")
    return found


def _not_public(item: Import, own: str, needs: set[str], public: tuple[str, ...], names: set[str]) -> str:
    parts = item.target.split(".")
    if item.root == "scatflow" and len(parts) > 1 and parts[1] not in public and parts[1] not in names:
        return f"{item.target} is not part of the public contract"
    if item.root == "scatflow" and len(parts) > 3 and parts[1] not in OPEN:
        return f"{item.target} is inside a package; import what the package itself offers"
    if item.root.startswith("scatflow_") and item.root != own:
        if item.root not in needs:
            return f"{item.root} is not among the dependencies of {own}"
        if any(part.startswith("_") for part in parts):
            return f"{item.target} is private to {item.root}"
    if item.root in ("dask", "distributed", "zarr", "cupy", "pluggy") and public is PUBLIC:
        return f"{item.root} belongs to the engine"
    return ""


def test_engine_imports_go_down() -> None:
    found = engine_violations(ROOT)
    assert not found, "\n" + "\n".join(found)


def test_plugins_import_the_public_contract_only() -> None:
    found = plugin_violations(ROOT)
    assert not found, "\n" + "\n".join(found)


def test_the_order_names_what_exists() -> None:
    """A renamed module must not leave a dead name behind that would excuse another."""
    to_come = {"cli", "gradient", "service", "testing"}  # named by the design
    existing = {path.stem for path in (ROOT / "scatflow").iterdir()}
    assert set(ORDER) - existing <= to_come


BAD_ENGINE = {
    "scatflow/__init__.py": ("import numpy\n", "numpy must be imported lazily"),
    "scatflow/_fast.py": ("from scatflow import plan\n", "scatflow.plan must be imported lazily"),
    "scatflow/mystery.py": ("", "no place in the order"),
    "scatflow/spec.py": ("def f():\n    from scatflow.labels import x\n", "spec may not import labels"),
    "scatflow/errors.py": ("import xarray\n", "errors may not know xarray"),
    "scatflow/contract/wire.py": ("from ..plan import Plan\n", "contract may not import plan"),
    "scatflow/labels.py": ("from scatflow import Pipeline\n", "scatflow.Pipeline is not a module"),
    "scatflow/plan.py": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import dask.array\n", "dask belongs to"),
    "scatflow/pipeline.py": ("import importlib\nimportlib.import_module('zarr')\n", "zarr belongs to store only"),
    "scatflow/graph/__init__.py": ("import pluggy\n", "pluggy belongs to"),
    "scatflow/ops.py": ("import cupy.fft\n", "cupy belongs to arrays only"),
    "scatflow/lower.py": ("from distributed import Client\n", "distributed belongs to"),
    "scatflow/accessor/plots.py": ("import matplotlib.pyplot as plt\n", "matplotlib may be imported inside functions"),
}


@pytest.mark.parametrize("name", BAD_ENGINE)
def test_the_check_sees_a_bad_engine_module(tmp_path: Path, name: str) -> None:
    text, words = BAD_ENGINE[name]
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    (finding,) = engine_violations(tmp_path)
    assert name in finding and words in finding


def test_the_check_accepts_a_good_tree(tmp_path: Path) -> None:
    for name, text in {
        "scatflow/__init__.py": "import importlib\ndef __getattr__(name):\n    import xarray\n",
        "scatflow/_lazy.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from scatflow.ops import ops\n",
        "scatflow/plan/__init__.py": "from scatflow.plan.stage import Stage\nfrom scatflow import errors, __version__\n",
        "scatflow/plan/stage.py": "from .memory import peak\nimport xarray\n",
        "scatflow/store.py": "import zarr\nfrom scatflow.plan import Plan\n",
        "scatflow/accessor/plots.py": "def plot():\n    import matplotlib.pyplot\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert engine_violations(tmp_path) == []


def test_the_check_sees_a_bad_plugin(tmp_path: Path) -> None:
    for name, text in {
        "scatflow/__init__.py": '_HOMES = {"operator": "scatflow.contract"}\n',
        "plugins/one/pyproject.toml": '[project]\nname = "scatflow-one"\ndependencies = ["scatflow==0.1.0", "scatflow-two==0.1.0"]\n',
        "plugins/one/src/scatflow_one/a.py": "from scatflow.plan import Plan\nfrom scatflow.arrays.door import Door\n",
        "plugins/one/src/scatflow_one/b.py": "import scatflow_three\nfrom scatflow_two import _inner\nimport dask\n",
        "plugins/one/src/scatflow_one/c.py": "from scatflow.testing import check_operator\n",
        "plugins/one/src/scatflow_one/good.py": (
            "from scatflow import operator\nfrom scatflow.arrays import extend\nfrom scatflow_two import Bank\nfrom . import a\n"
        ),
        "plugins/one/tests/test_a.py": "from scatflow.testing import check_operator\nimport dask\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = plugin_violations(tmp_path)
    words = [
        "a.py:1: scatflow.plan.Plan is not part", "a.py:2: scatflow.arrays.door.Door is inside",
        "b.py:1: scatflow_three is not among", "b.py:2: scatflow_two._inner is private", "b.py:3: dask belongs",
        "c.py:1: scatflow.testing.check_operator is not part",
    ]  # fmt: skip
    assert len(found) == len(words)
    assert all(word in finding for word, finding in zip(words, found, strict=True))
