"""Evaluate a Window operator on plain arrays without the engine: extension, kernel, trimming, in plain sight."""

from __future__ import annotations

from typing import Any

import numpy as np

from scatflow.arrays import asnumpy, extend, fast_length, namespace
from scatflow.spec import ArraySpec, Place


def ready(operator: Any, shape: tuple[int, ...], dtype: str = "float64", coords: Any = None) -> Any:
    """Return the operator bound to an input of this shape; core dims come last."""
    names = ("t", "y", "x")[-len(shape) :] if len(shape) > 1 else ("x",)
    return operator.resolve(ArraySpec(names, shape, dtype, coords=coords or {}))


def place_of(operator: Any, sizes: tuple[int, ...], periodic: bool) -> Place:
    """Return where the extended block of whole axes lies, by the engine's rules."""
    roles = operator.signature.bind(len(sizes))
    size = dict(zip(roles, sizes, strict=True))
    core = {role: (0, n) for role, n in size.items()}
    at = Place(
        start=dict.fromkeys(roles, 0), stop=size, core=core, size=size, periodic=dict.fromkeys(roles, periodic)
    )
    start, stop = {}, {}
    for role, n in size.items():
        before, after = operator.margins(at)[role]
        grid = operator.align()[role]
        exact = periodic and n % grid == 0 and before == after == 0
        start[role] = -(-before // grid) * -grid
        stop[role] = n if exact else start[role] + fast_length(n + after - start[role], multiple=grid)
    return Place(start=start, stop=stop, core=core, size=size, periodic=at.periodic)


def extended(xp: Any, data: Any, at: Place, rule: str) -> Any:
    """Return the block that the kernel sees."""
    widths = [(-at.start[role], at.stop[role] - at.size[role]) for role in at.size]
    return extend(xp, data, widths, [rule] * len(widths))


def run(operator: Any, data: Any, rule: str = "reflect") -> Any:
    """Apply the operator to the last core axes of an array; results trimmed to the core, as numpy."""
    ndim = 1 if operator.dims == ("x",) else 2
    sizes = tuple(data.shape[-ndim:])
    xp = namespace(data)
    dtype = str(data.dtype).rpartition(".")[2]
    at = place_of(operator, sizes, rule == "periodic")
    block = extended(xp, data, at, rule)
    roles = tuple(at.size)
    constants = operator.prepare(xp, ArraySpec(roles, tuple(block.shape[-ndim:]), dtype), block.device)
    out = operator.apply(xp, block, at=at, **constants)
    return {k: trim(operator, v, at) for k, v in out.items()} if isinstance(out, dict) else trim(operator, out, at)


def trim(operator: Any, out: Any, at: Place) -> Any:
    """Keep the samples of the core."""
    out = asnumpy(out)
    if getattr(operator, "T", None) == "global":
        return out
    for axis, role in enumerate(at.size, out.ndim - len(at.size)):
        step = operator.step()
        first = -(at.samples(role, step).start // step)
        out = np.take(out, np.arange(first, first - (-at.size[role] // step)), axis=axis)
    return out
