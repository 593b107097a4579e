"""When modules were loaded: a process goes on with the code that it has, whatever becomes of the file; only the moment tells.

Python itself does not say. So from the import of scatflow on, every module that is looked up to be loaded, or loaded
again, is noted with the time.
"""

from __future__ import annotations

import importlib.abc
import sys
import time
from collections.abc import Sequence
from types import ModuleType

#: Module -> a moment before it was read (documented cache); scatflow and this module are being read now.
_moments: dict[str, float] = dict.fromkeys(("scatflow", __name__), time.time())


class _Clock(importlib.abc.MetaPathFinder):
    """Finds nothing and notes what is looked for: what is not loaded yet, or what is to be loaded into a module that is."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if target is not None or name not in sys.modules:
            _moments[name] = time.time()


def note() -> None:
    """Begin to note; once is enough."""
    if not any(isinstance(finder, _Clock) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Clock())


def loaded_at(module: str) -> float | None:
    """Return a moment before a module was read, in seconds since the epoch; None where it was there before scatflow."""
    return _moments.get(module)
