"""Plugins of others, as their authors have them: built, installed into a fresh environment, their tests run there.

One is the sample beside this file; the others are what ``scatflow new`` writes, one per kind of operator.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scatflow.cli.new import KINDS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
pytestmark = pytest.mark.timeout(600)


def call(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program without this process's plugins and paths; its output is shown when the test fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHON", "SCATFLOW"))}
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    print("$", *words, done.stdout[-4000:], done.stderr[-4000:], sep="\n")
    return done


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of plugins by distribution: the sample, and one that ``scatflow new`` wrote for each kind."""
    place = tmp_path_factory.mktemp("plugins")
    shutil.copytree(HERE / "acme-signals", place / "acme-signals", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for kind in KINDS:
        done = call(Path(sys.executable).parent / "scatflow", "new", f"Written_{kind}", "--kind", kind, "--into", place)
        assert done.returncode == 0
    return {folder.name: folder for folder in sorted(place.iterdir())}


@pytest.fixture(scope="module")
def fresh(plugins: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment that holds scatflow without its plugins, and these."""
    place = tmp_path_factory.mktemp("fresh")
    build = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-build-isolation", "--no-deps")
    assert call(*build, "-w", place / "wheels", ROOT, *plugins.values()).returncode == 0
    assert call(sys.executable, "-m", "venv", place / "venv").returncode == 0
    install = (place / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--no-compile")
    names = [f"{dist}[test]" for dist in plugins]
    assert call(*install, "-c", ROOT / "constraints.txt", "--find-links", place / "wheels", *names).returncode == 0
    return place / "venv" / "bin"


def test_they_are_listed_as_active(fresh: Path, plugins: dict[str, Path]) -> None:
    listed = call(fresh / "scatflow", "plugins").stdout
    assert all(dist in listed for dist in plugins) and listed.count("active") == len(plugins) == 1 + len(KINDS)


@pytest.mark.parametrize("dist", ["acme-signals", *(f"written-{kind}" for kind in KINDS)])
def test_their_tests_pass(fresh: Path, plugins: dict[str, Path], dist: str, tmp_path: Path) -> None:
    shutil.copytree(plugins[dist] / "tests", tmp_path / "tests")
    environment = {**os.environ, "PATH": f"{fresh}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [fresh / "python", "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path, env={key: value for key, value in environment.items() if not key.startswith(("PYTEST", "PYTHON", "SCATFLOW"))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]


def test_what_is_written_is_clean(plugins: dict[str, Path]) -> None:
    """Formatted, linted, typed, and with examples that run: what an author starts from."""
    written = [folder for dist, folder in plugins.items() if dist.startswith("written-")]
    assert (
        call(sys.executable, "-m", "ruff", "check", "--isolated", "--select", "B,E4,E7,E9,F,I,UP", ".", cwd=written[0]).returncode
        == 0
    )
    assert call(sys.executable, "-m", "ruff", "format", "--isolated", "--check", "--line-length", "132", *written).returncode == 0
    assert call(sys.executable, "-m", "mypy", "--strict", *(folder / "src" for folder in written), cwd=written[0]).returncode == 0
    for folder in written:
        (module,) = (folder / "src").glob("*/operators.py")
        assert call(sys.executable, "-m", "doctest", module).returncode == 0
