"""An author's ``vjp`` as the engine calls it: what was broadcast to meet other inputs is summed again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scatflow.blocks.call import keywords
from scatflow.errors import ParameterError
from scatflow.graph.kernel import Kernel
from scatflow.spec import Place

Array = Any


def pulled(xp: Any, kernel: Kernel, cotangent: Any, blocks: Sequence[Any], place: Place) -> tuple[Array, ...]:
    """Return the cotangents of the blocks of a kernel; a number has none.

    Raises
    ------
    NotDifferentiableError
        The operator declares no derivative.
    ParameterError
        A cotangent has not the shape of its block, nor one that broadcasting the block gives.
    """
    operator = kernel.operator
    found = operator.vjp(xp, cotangent, *blocks, **keywords(xp, kernel, blocks, place, "vjp"))
    return tuple(
        None if not hasattr(block, "shape") else _summed(xp, given, block, f"{operator.name}.vjp")
        for given, block in zip(found, blocks, strict=True)
    )


def _summed(xp: Any, cotangent: Array, block: Array, subject: str) -> Array:
    """Sum over the axes along which the block has length 1 and its cotangent has more: the adjoint of broadcasting."""
    given, wanted = tuple(cotangent.shape), tuple(block.shape)
    wide = tuple(axis for axis, (have, want) in enumerate(zip(given, wanted, strict=False)) if have != want == 1)
    if len(given) != len(wanted) or any(
        have != want for axis, (have, want) in enumerate(zip(given, wanted, strict=True)) if axis not in wide
    ):
        raise ParameterError(subject, "a cotangent has the shape of its block", expected=wanted, got=given)
    return xp.sum(cotangent, axis=wide, keepdims=True) if wide else cotangent
