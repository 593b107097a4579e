"""The examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import scatflow_processes

MODULES = sorted(info.name for info in pkgutil.walk_packages(scatflow_processes.__path__, "scatflow_processes."))

#: Module -> packages of the extra finance that its examples need.
NEEDED = {"sp500": ["arch"], "markets": ["arch"], "tables": ["pandas"], "returns": ["pandas"], "panel": ["pandas"]}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    for package in NEEDED.get(name.rpartition(".")[2], ()):
        pytest.importorskip(package)
    assert doctest.testmod(module).failed == 0
