"""Calling an author's method: where the block lies, constants from the cache, results by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scatflow.arrays import prepared_cache
from scatflow.contract import Operator
from scatflow.graph.kernel import Kernel, Port
from scatflow.spec import ArraySpec, Place

Array = Any


def named(kernel: Kernel, result: Any) -> Mapping[str, Array]:
    """Return results by name; a single one has the name of the first port."""
    return result if isinstance(result, Mapping) else {kernel.outputs[0].name: result}


def with_batch(kernel: Kernel, place: Place, batch: Mapping[str, tuple[int, int]]) -> Place:
    """Return the place with the absolute range of the block along each batch axis; dims not named are whole."""
    port = next(port for port in kernel.inputs if isinstance(port, Port))
    spans = [batch.get(dim, (0, (kernel.sizes or {})[dim])) for dim in port.kernel_dims if dim not in kernel.core]
    return replace(place, batch=tuple(start for start, _ in spans), items=tuple(stop - start for start, stop in spans))


def keywords(xp: Any, kernel: Kernel, blocks: Sequence[Any], place: Place, method: str) -> dict[str, Any]:
    """Return what the author's method wants beside the blocks: ``at`` and the prepared constants."""
    operator = kernel.operator
    place_for = {"at": place}
    wanted = place_for if operator.wants_place(method) else {}
    if type(operator).prepare is Operator.prepare:
        return dict(wanted)
    array = next(block for block in blocks if hasattr(block, "shape"))
    core = tuple(array.shape[array.ndim - len(kernel.roles) :])
    dtype = str(array.dtype).rpartition(".")[2]
    device = getattr(array, "device", "cpu")
    # Spacing and periodicity enter the constants; the position of the block must not, or nothing would be shared.
    spacing = (tuple(place.step.values()), tuple(place.unit.values()), tuple(place.periodic.values()))
    key = (operator.token(), xp.__name__, dtype, str(device), core, spacing)

    def build() -> Mapping[str, Any]:
        extra = place_for if operator.wants_place("prepare") else {}
        return operator.prepare(xp, ArraySpec(kernel.roles, core, dtype), device, **extra)

    return {**wanted, **prepared_cache().get(key, build)}


def call_kernel(xp: Any, kernel: Kernel, blocks: Sequence[Any], place: Place) -> Mapping[str, Array]:
    """Call the kernel on blocks in kernel order."""
    method = method_for(xp, kernel.operator)
    return named(kernel, getattr(kernel.operator, method)(xp, *blocks, **keywords(xp, kernel, blocks, place, method)))


def method_for(xp: Any, operator: Operator) -> str:
    """Return the name of the operator's kernel for an array library: ``apply_numpy`` or ``apply_cupy`` where it has one."""
    library = str(xp.__name__).rpartition(".")[2]
    return f"apply_{library}" if hasattr(operator, f"apply_{library}") else "apply"
