"""The examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import scatflow_processes

MODULES = sorted(info.name for info in pkgutil.walk_packages(scatflow_processes.__path__, "scatflow_processes."))


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    if name.rpartition(".")[2] in ("sp500", "memory", "tails", "sources"):
        pytest.importorskip("arch")
    assert doctest.testmod(module).failed == 0
