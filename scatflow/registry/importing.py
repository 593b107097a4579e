"""What importing leaves behind: when a module was loaded, and nothing of what a plugin did to the working directory.

A process goes on with the code that it has loaded, whatever becomes of the file; only the moment tells.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator

#: Module -> a moment before it was read, for those that this process imported here (documented cache).
_moments: dict[str, float] = {}


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Note when the modules are loaded that a block imports, and put the working directory back: paths of users are relative to it."""
    began, before, here = time.time(), set(sys.modules), _here()
    try:
        yield
    finally:
        _moments.update(dict.fromkeys(sys.modules.keys() - before, began))
        if here and _here() != here:
            os.chdir(here)


def loaded_at(module: str) -> float | None:
    """Return a moment before a module was read, in seconds since the epoch; None where something else imported it."""
    return _moments.get(module)


def _here() -> str:
    """Return the working directory; empty where it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""
