"""The examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import scatflow_wavelet

MODULES = sorted(info.name for info in pkgutil.walk_packages(scatflow_wavelet.__path__, "scatflow_wavelet."))


@pytest.mark.parametrize("name", ["scatflow_wavelet", *MODULES])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
