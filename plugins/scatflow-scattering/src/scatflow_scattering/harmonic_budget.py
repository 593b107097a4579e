"""What solid harmonic scattering of a block costs: flops of the transforms, bytes of tables, columns and moduli."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scatflow.spec import Cost, itemsize
from scatflow_scattering.harmonic_bank import layout
from scatflow_scattering.harmonic_transform import Path, Plan, planes_together
from scatflow_scattering.solid_harmonics import SolidHarmonic
from scatflow_wavelet.groups import group_size
from scatflow_wavelet.layout import Grid


def harmonic_cost(
    plan: Plan, family: SolidHarmonic, aspect: Sequence[float], shape: tuple[int, ...], count: int, dtype: str
) -> Cost:
    """Return the cost of the transform of ``count`` volumes.

    Parameters
    ----------
    plan : Plan
        Paths, grids and powers.
    family : SolidHarmonic
        The filters.
    aspect : sequence of float
        Coarsest step over each axis's own.
    shape : tuple of int
        Core shape of a block.
    count : int
        Volumes.
    dtype : str
        Real dtype of the block.

    Returns
    -------
    Cost
        Flops by order; bytes of the tables, and of what is alive at once beside the block and the result.
    """
    real, items = itemsize(dtype), min(count, group_size(shape))
    volume = items * real * _half(shape)
    tables, widest = {}, 2 * volume  # the volumes by their size and their spectrum
    flops = [_transform(math.prod(shape)), 0.0, 0.0]
    for path in plan.paths:
        order = len(path.scales)
        table, taken, work = _of_path(plan, family, aspect, shape, path, items, real)
        tables[plan.key(path)] = table
        moduli = items * real * _half(_on(shape, plan.target(path)))
        above = volume + (items * real * _half(_on(shape, plan.source(path))) if order == 2 else 0)
        goes_on = order == 1 and bool(plan.followers(path))
        widest = max(widest, above + taken + moduli * goes_on)
        flops[order] += work + (_transform(math.prod(_on(shape, plan.target(path)))) if goes_on else 0.0)
    parts = {f"order {k}": count * value for k, value in enumerate(flops) if value}
    return Cost(sum(parts.values()), sum(tables.values()) + widest, parts)


def _of_path(
    plan: Plan, family: SolidHarmonic, aspect: Sequence[float], shape: tuple[int, ...], path: Path, items: int, real: int
) -> tuple[int, int, float]:
    """Return bytes of the tables and of what one shell keeps while it is read, and flops per volume."""
    exponent, degree = plan.source(path), path.degree
    grid = Grid(_on(shape, exponent), 2**exponent)
    factor = 2 ** (plan.target(path) - exponent)
    frame = layout(family, path.scales[-1], degree, grid, factor, aspect, f"float{8 * real}")
    twice = 1 + frame.split
    (nz, ny, nx), (mz, my, mx) = frame.target, frame.box
    rows, terms, fields = twice * (degree + 1), twice**2 * _terms(degree), twice * (2 * degree + 1)
    tables = 2 * real * terms * my * (mx // 2 + 1)
    column = items * real * nz * my * (mx + 2)
    box = items * real * mz * my * (mx + 2)
    depth = min(nz, planes_together(shape, ny * nx))
    part = items * real * depth * (2 * my * (mx + 2) + ny * mx + 6 * ny * nx)
    taken = max(rows * column + part, max(rows - 1, 0) * column + 3 * box)
    work = rows * (2 * _transform(mz) * my * (mx // 2 + 1)) + fields * nz * (_transform(my * mx) + 6 * terms / fields * my * mx)
    return tables, taken, work


def _terms(degree: int) -> int:
    """Return how many multipliers over (y, x) the harmonics of a degree have."""
    return sum((1 + (m > 0)) * ((degree - m) // 2 + 1) for m in range(degree + 1))


def _on(shape: tuple[int, ...], exponent: int) -> tuple[int, ...]:
    return tuple(n >> exponent for n in shape)


def _half(shape: tuple[int, ...]) -> int:
    """Return the real numbers of a half spectrum, of which a volume of moduli has a few less."""
    return math.prod(shape[:-1]) * (shape[-1] + 2)


def _transform(size: int) -> float:
    return 2.5 * size * math.log2(max(2, size))
