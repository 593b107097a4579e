"""The README's examples run."""

import doctest
from pathlib import Path

import pytest


def test_readme() -> None:
    pytest.importorskip("arch")
    path = Path(__file__).parents[1] / "README.md"
    assert doctest.testfile(str(path), module_relative=False).failed == 0
