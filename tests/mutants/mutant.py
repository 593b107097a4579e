"""A broken operator, the check that must find it, and the list of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scatflow.contract import Operator


@dataclass(frozen=True)
class Mutant:
    """A broken class, the check that must find it, and groups that cannot but be affected, with the reason."""

    declared: type[Operator]
    check: str
    related: Mapping[str, str]


MUTANTS: list[Mutant] = []


def found_by(check: str, **related: str) -> Any:
    """Enter a class into the list."""

    def enter(declared: type[Operator]) -> type[Operator]:
        if "name" not in vars(declared):  # declared as the healthy one is
            for key in ("name", "version", "signature"):
                setattr(declared, key, getattr(declared, key))
        MUTANTS.append(Mutant(declared, check, related))
        return declared

    return enter
