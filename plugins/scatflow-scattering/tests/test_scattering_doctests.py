"""The examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import scatflow_scattering

MODULES = sorted(info.name for info in pkgutil.walk_packages(scatflow_scattering.__path__, "scatflow_scattering."))


@pytest.mark.parametrize("name", ["scatflow_scattering", *MODULES])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
