"""When a module was loaded: a process goes on with the code that it has, whatever becomes of the file; only the moment tells."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

#: Module -> a moment before it was read, for those that this process imported here (documented cache).
_moments: dict[str, float] = {}


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Note when the modules are loaded that a ``with`` block imports."""
    began, before = time.time(), set(sys.modules)
    try:
        yield
    finally:
        _moments.update(dict.fromkeys(sys.modules.keys() - before, began))


def loaded_at(module: str) -> float | None:
    """Return a moment before a module was read, in seconds since the epoch; None where something else imported it."""
    return _moments.get(module)
