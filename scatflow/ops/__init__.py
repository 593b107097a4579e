"""Operators by name: ``sf.ops.scattering(da, dims=("y", "x"), J=5)``.

Attributes of this package are the operators of the active plugins, looked up on first use; nothing else is public here.
"""

from __future__ import annotations

import warnings as _warnings
from typing import Any

from scatflow.errors import RegistryError as _RegistryError
from scatflow.registry import registry as _registry


def __getattr__(name: str) -> Any:
    from scatflow.ops.functions import OperatorFunction, UnknownOperatorError

    if name.startswith("_"):
        raise AttributeError(name)
    try:
        provided = _registry().provider("operators", name)
        function = OperatorFunction(_registry().find("operators", provided.canonical))
    except _RegistryError as error:
        # An AttributeError keeps hasattr() and completion working; the text stays the registry's.
        raise UnknownOperatorError(error.subject, error.rule, expected=error.expected, got=error.got, remedy=error.remedy,
                                   code=error.code) from None  # fmt: skip
    if provided.was:
        _warnings.warn(f"operator {provided.renaming}", FutureWarning, stacklevel=2)
    return function


def __dir__() -> list[str]:
    return list(_registry().names("operators"))
