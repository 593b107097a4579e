"""A path of fake distributions instead of the installed ones, and modules forgotten afterwards."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fake_plugins import Folder
from scatflow.registry import discovery


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Return a function that puts folders first on the path, and lets this process find distributions in them alone."""
    before = list(sys.path)

    def put(*folders: Folder) -> None:
        forget(tmp_path)
        paths = [str(folder.path) for folder in folders]
        monkeypatch.setattr(sys, "path", [*paths, *before])
        monkeypatch.setattr(discovery, "distributions", functools.partial(importlib.metadata.distributions, path=paths))
        importlib.invalidate_caches()

    yield put
    forget(tmp_path)


def forget(folder: Path) -> None:
    """Remove the modules of a folder from those that are imported."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, on_path: Callable[..., None]) -> Folder:
    """A folder for distributions, the only one on the path."""
    made = Folder(tmp_path / "site")
    made.path.mkdir()
    on_path(made)
    return made
