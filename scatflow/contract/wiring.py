"""References between operators: what a Composite wires and what a graph's arguments hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scatflow.contract.operator import Operator


@dataclass(frozen=True)
class Ref:
    """The result of a node, or one of its named results."""

    node: str
    output: str = ""

    def __getitem__(self, output: str) -> Ref:
        return replace(self, output=output)


@dataclass(frozen=True)
class Wire:
    """An operator applied to references, other wires, or numbers, inside a Composite."""

    operator: Operator
    inputs: tuple[Ref | Wire | float, ...]
    output: str = ""

    def __getitem__(self, output: str) -> Wire:
        return replace(self, output=output)


def wire(operator: Operator, *inputs: Ref | Wire | float) -> Wire:
    """Apply ``operator`` to inputs inside :meth:`Composite.expand`."""
    return Wire(operator, inputs)
