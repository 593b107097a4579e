"""The toy plugin as the only one of the test process."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from scatflow.registry import Registry, using


@pytest.fixture(scope="module")
def module_toys() -> Iterator[Registry]:
    """Replace the installed plugins by the toys for a module."""
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")])) as book:
        yield book


@pytest.fixture
def toys(module_toys: Registry) -> Registry:
    """The same for one test."""
    return module_toys
