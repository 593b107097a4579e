"""What both sides of the plugin contract rest on, without the weight of either: numbers, names, and one look-up.

Listing plugins must not import the array stack, and a worker that unpickles an operator must not import the plugin
loader. What they share therefore stands here, on the standard library alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

#: Version of the operator contract; a plugin module may carry ``SCATFLOW_API`` to say which it was written for.
API = 1
#: Names of operators, sources, filter families and commands; pipelines take no longer ones.
NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
#: Distribution name that stands for single files, and that of the engine: no plugin may have either.
LOCAL, ENGINE = "local", "scatflow"
#: Digits of a file's content hash; 48 bits are plenty for the files of one folder.
_DIGITS = 12
_LOCAL_MODULE = re.compile(rf"local_\w+_([0-9a-f]{{{_DIGITS}}})")

Revision = int | str


def normalized(dist: str) -> str:
    """Return a distribution name as indexes compare it (PEP 503).

    Examples
    --------
    >>> normalized("Acme_Ops")
    'acme-ops'
    """
    return re.sub(r"[-_.]+", "-", dist).lower()


def content_hash(content: bytes) -> str:
    """Return the digits that identify the text of a single-file plugin."""
    return hashlib.blake2b(content, digest_size=_DIGITS // 2).hexdigest()


def local_module(stem: str, content: bytes) -> str:
    """Return the module name of a single-file plugin: another text is another module, so nothing takes it for the same.

    Examples
    --------
    >>> local_module("my-hats", b"")
    'local_my_hats_ddd9c40767f9'
    """
    word = re.sub(r"\W", "_", stem)
    return f"local_{word}_{content_hash(content)}"


def content_of(module: str) -> str:
    """Return the content hash in the name of a single-file plugin's module; empty for any other module."""
    found = _LOCAL_MODULE.fullmatch(module.partition(".")[0])
    return found[1] if found else ""


def revision(version: int, module: str) -> Revision:
    """Return what a stored graph states of a class: its version, of a single-file plugin with the file's content hash.

    Examples
    --------
    >>> revision(2, "acme_ops.hats"), revision(2, "local_hats_29c7e2b91b1b.hats")
    (2, '2+29c7e2b91b1b')
    """
    content = content_of(module)
    return f"{version}+{content}" if content else version


def revision_of(cls: type[Any]) -> Revision:
    """Return what a stored graph states of a declared class."""
    return revision(cls.version, cls.__module__)


def is_revision(value: Any) -> bool:
    """Tell whether a value is a version as a stored graph states it."""
    if isinstance(value, str):
        return re.fullmatch(rf"[1-9][0-9]*\+[0-9a-f]{{{_DIGITS}}}", value) is not None
    return is_version(value)


def is_version(value: Any) -> bool:
    """Tell whether a value is a version of a numerical meaning as an author declares it: a positive integer."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


FindFamily = Callable[[str, Revision | None], type[Any]]
_find_family: FindFamily | None = None


def install_family_lookup(find: FindFamily) -> None:
    """Let the registry, which lies above the contract, answer names of filter families. Called once, at its import."""
    global _find_family
    _find_family = find


def family_lookup() -> FindFamily | None:
    """Return what answers names of filter families; None where the registry has not been imported."""
    return _find_family
