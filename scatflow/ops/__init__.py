"""Operators by name: ``sf.ops.scattering(da, dims=("y", "x"), J=5)``.

Attributes of this package are the operators of the active plugins, looked up on first use; nothing else is public here.
"""

from __future__ import annotations

from typing import Any

from scatflow.errors import RegistryError as _RegistryError
from scatflow.registry import registry as _registry


def __getattr__(name: str) -> Any:
    from scatflow.ops.functions import OperatorFunction, UnknownOperatorError

    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return OperatorFunction(_registry().find("operators", name))
    except _RegistryError as error:
        # An AttributeError keeps hasattr() and completion working; the text stays the registry's.
        raise UnknownOperatorError(error.subject, error.rule, remedy=error.remedy, code=error.code) from None


def __dir__() -> list[str]:
    return list(_registry().names("operators"))
