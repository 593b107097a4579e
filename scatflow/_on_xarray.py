"""Do something once xarray is imported, without importing it.

``import scatflow`` must make ``da.scatflow`` work, while ``scatflow --help`` must not pay for xarray. So the
accessor is registered at once if xarray is already loaded, otherwise right after its first import.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType


class _Finder(importlib.abc.MetaPathFinder):
    """Finds xarray as usual and calls back after it has been executed."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "xarray":
            return None
        sys.meta_path.remove(self)  # once only, and the search below must not come back here
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_then_call(module: ModuleType) -> None:
                execute(module)
                self._callback()

            spec.loader.exec_module = execute_then_call  # type: ignore[method-assign]
        return spec


def when_xarray_is_imported(callback: Callable[[], None]) -> None:
    """Call ``callback`` now if xarray is loaded, else right after it will be."""
    if "xarray" in sys.modules:
        callback()
    else:
        sys.meta_path.insert(0, _Finder(callback))
