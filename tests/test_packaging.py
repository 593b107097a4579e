"""The distributions fit together: one version, exact requirements, entry points, extras, constraints, CI."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import scatflow

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
FIRST = {"scatflow-arrays", "scatflow-wavelet", "scatflow-scattering", "scatflow-processes"}
#: Distribution of a module where the two names differ; pydantic pins its own core.
PROVIDER = {"yaml": "pyyaml", "pydantic_core": "pydantic"}
#: GPL or proprietary, or pulling such code in: a user's choice, never ours.
NOT_OURS = {"pyfftw", "mkl", "mkl-fft", "ducc0", "intel-openmp", "tbb", "crc32c"}


def project(folder: Path) -> dict[str, Any]:
    """Return the ``project`` table of a distribution."""
    return dict(tomllib.loads((folder / "pyproject.toml").read_text())["project"])


def requirements(folder: Path) -> list[Requirement]:
    """Return all requirements of a distribution, extras included."""
    table = project(folder)
    extras = table.get("optional-dependencies", {})
    return [Requirement(line) for line in [*table["dependencies"], *(line for lines in extras.values() for line in lines)]]


def imported(package: Path) -> set[str]:
    """Return the third-party roots a package imports at the top of its modules."""
    roots = set()
    for path in package.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                roots |= {node.module.partition(".")[0]}
    return roots - set(sys.stdlib_module_names) - {package.name}


def test_all_first_party_distributions_are_here() -> None:
    assert {project(folder)["name"] for folder in PLUGINS} >= FIRST


def test_one_version_everywhere() -> None:
    version = project(ROOT)["version"]
    assert scatflow.__version__ == version
    assert {project(folder)["version"] for folder in PLUGINS} == {version}
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert f"[{version}]" in (ROOT / "CHANGELOG.md").read_text()
    for folder in (ROOT, *PLUGINS):
        for need in requirements(folder):
            if need.name.startswith("scatflow") and need.name != project(folder)["name"]:
                assert str(need.specifier) == f"=={version}", f"{folder.name}: {need}"


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_is_a_distribution_of_its_own(folder: Path) -> None:
    table = project(folder)
    short = table["name"].removeprefix("scatflow-").replace("-", "_")
    assert table["name"] == folder.name
    assert table["entry-points"]["scatflow"] == {short: f"scatflow_{short}.plugin"}
    assert "scatflow" in {Requirement(line).name for line in table["dependencies"]}
    assert table["requires-python"] == project(ROOT)["requires-python"]
    package = folder / "src" / f"scatflow_{short}"
    for path in (folder / "README.md", folder / "LICENSE", package / "py.typed", package / "__init__.py", package / "plugin.py"):
        assert path.exists(), path
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("folder", [ROOT, *PLUGINS], ids=lambda folder: project(folder)["name"])
def test_what_is_imported_is_declared(folder: Path) -> None:
    table = project(folder)
    package = ROOT / "scatflow" if folder == ROOT else folder / "src" / table["name"].replace("-", "_")
    declared = {canonicalize_name(Requirement(line).name) for line in table["dependencies"]}
    needed = {canonicalize_name(PROVIDER.get(root, root).replace("_", "-")) for root in imported(package)}
    assert not needed - declared


def test_extras_are_those_users_are_told_of() -> None:
    extras = project(ROOT)["optional-dependencies"]
    assert {"all", "turbulence", "finance", "physics", "gpu", "fft", "io", "service", "plot", "learn", "test", "docs"} <= set(
        extras
    )
    assert {Requirement(line).name for line in extras["all"]} >= FIRST
    for field in ("turbulence", "finance", "physics"):
        assert "scatflow[all]" in extras[field]
    for extra in set(extras) - {"fft"}:
        assert not {canonicalize_name(Requirement(line).name) for line in extras[extra]} & NOT_OURS


def test_constraints_pin_and_nothing_else() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    pins = [Requirement(line) for line in lines]
    for pin in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "==" and not pin.url and not pin.extras
    names = [canonicalize_name(pin.name) for pin in pins]
    assert names == sorted(names)
    assert not set(names) & NOT_OURS
    required = {canonicalize_name(Requirement(line).name) for line in project(ROOT)["dependencies"]}
    assert required <= set(names)
    for need in requirements(ROOT):
        for pin in pins:
            if canonicalize_name(pin.name) == canonicalize_name(need.name):
                assert next(iter(pin.specifier)).version in need.specifier, f"{pin} does not satisfy {need}"


def test_no_file_names_a_package_index() -> None:
    """Where packages come from is the user's affair, and a lock file would fix it."""
    for name in (
        "Makefile",
        ".ci/run",
        "pyproject.toml",
        "constraints.txt",
        *(f"plugins/{p.name}/pyproject.toml" for p in PLUGINS),
    ):
        text = (ROOT / name).read_text()
        assert not re.search(r"index-url|simple/|https?://(?!www\.w3\.org)", text), name
    locks = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "pip.conf")
    assert not [name for name in locks if (ROOT / name).exists()]


def test_ci_and_make_are_runnable() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    steps = [line.split()[2] for line in lines if line.startswith("make ")]
    assert steps == ["lint", "docs", "test"]  # the tests last: their summary is what is read
    targets = ("demo", "test", "test-all", "test-gpu", "lint", "docs", "bench", "dist", "wheels", "clean")
    done = subprocess.run(["make", "-n", "help", *targets], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
