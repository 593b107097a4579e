"""Ising lattices larger than memory: a checkerboard heat bath on an array in storage, block by block, resumable.

The array is the caller's: anything with ``shape``, ``dtype``, slices that can be read and assigned, and ``attrs`` that keep what
is put there, as a zarr array has. The spins are those of :func:`scatflow_processes.heat_bath.sweep_lattice`, whatever the blocks.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from scatflow_processes.bounds import check
from scatflow_processes.heat_bath import START, Spins, check_sides, half_sweep, warn_if_slow

#: Attribute that counts the half sweeps done.
PROGRESS = "half_sweeps"
Box = tuple[tuple[int, int], tuple[int, int]]
Mapper = Callable[[Callable[[Box], None], Iterable[Box]], Iterable[Any]]


def sweep_stored(
    lattice: Any, temperature: float, seed: int, sweeps: int, realization: int = 0, block: tuple[int, int] | None = None,
    mapper: Mapper = map,
) -> None:  # fmt: skip
    """Bring a stored lattice to its ``sweeps``-th heat-bath sweep from the start, going on from where an earlier call ended.

    Parameters
    ----------
    lattice : array in storage of int8, shape (n, m)
        Even sides. What it holds at first is not used. Its attributes get what defines the spins, and the half sweeps done.
    temperature : float
        Temperature, finite and > 0.
    seed, realization : int
        Seed of the ensemble and absolute index of the lattice.
    sweeps : int
        Sweeps from the start, >= 1.
    block : (int, int), optional
        Sites per block; default the array's chunks, of which it must be whole multiples where there are any. A block of int8 takes
        less than 25 bytes a site while it is swept.
    mapper : callable, optional
        ``mapper(function, boxes)`` runs the blocks of one half sweep, as ``map`` or the method of an executor; in any order and
        side by side where the storage replaces chunks as a whole.

    Raises
    ------
    ValueError
        If an argument is outside its range, or the array holds another lattice than the one asked for.

    Warns
    -----
    UserWarning
        Below temperature 2.3, where local updates are slow.

    Notes
    -----
    A half sweep that was cut short is done again, which gives the same spins: those of one color do not depend on what they were.
    Only the sites of the other color are read from the halo, and those do not change meanwhile.

    Examples
    --------
    >>> import numpy as np
    >>> class Memory:
    ...     shape, dtype = (8, 8), np.dtype("int8")
    ...     def __init__(self): self.data, self.attrs = np.zeros((8, 8), np.int8), {}
    ...     def __getitem__(self, key): return self.data[key]
    ...     def __setitem__(self, key, value): self.data[key] = value
    >>> lattice = Memory()
    >>> sweep_stored(lattice, 3.0, seed=1, sweeps=5, block=(2, 4))
    >>> lattice.attrs["half_sweeps"]
    12
    """
    size, block = _checked(lattice, temperature, sweeps, block)
    warn_if_slow(temperature)
    identity = {"temperature": float(temperature), "seed": int(seed), "realization": int(realization)}
    held = {key: lattice.attrs[key] for key in (*identity, PROGRESS) if key in lattice.attrs}
    done, target = int(held.pop(PROGRESS, 0)), START + 2 * sweeps
    if (held or done) and held != identity:
        raise ValueError(f"the array holds another lattice: {held}, asked for {identity}; take a new array")
    if done > target:
        raise ValueError(f"the array is at half sweep {done}, beyond sweep {sweeps} (half sweep {target}); take a new array")
    lattice.attrs.update(identity)
    for half in range(done, target):

        def update(box: Box, half: int = half) -> None:
            (y0, y1), (x0, x1) = box
            values = _with_halo(lattice, box, size)
            lattice[y0:y1, x0:x1] = half_sweep(values, temperature, seed, realization, half, (y0, x0), size)

        for _ in mapper(update, _boxes(size, block)):
            pass
        lattice.attrs.update({PROGRESS: half + 1})


def stored_energy(lattice: Any, block: tuple[int, int] | None = None) -> float:
    """Return the energy per site of a stored lattice, read block by block.

    Parameters
    ----------
    lattice : array in storage of int8, shape (n, m)
        Spins ±1.
    block : (int, int), optional
        Sites per block; default the array's chunks.

    Returns
    -------
    float
        Between -2 and 2; exact, as sums of whole numbers are.

    Examples
    --------
    >>> import numpy as np
    >>> stored_energy(np.ones((4, 6), dtype=np.int8), block=(2, 4))
    -2.0
    """
    size = (int(lattice.shape[0]), int(lattice.shape[1]))
    total = 0
    for box in _boxes(size, block or _chunks(lattice) or size):
        values = _with_halo(lattice, box, size).astype(np.int64)
        core = values[1:-1, 1:-1]
        total += int((core * (values[1:-1, 2:] + values[2:, 1:-1])).sum())
    return -total / (size[0] * size[1])


def _checked(
    lattice: Any, temperature: float, sweeps: int, block: tuple[int, int] | None
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the sides of lattice and blocks."""
    if len(lattice.shape) != 2 or np.dtype(lattice.dtype) != np.int8:
        raise ValueError(f"the array must be 2-D of int8, got {np.dtype(lattice.dtype)} of shape {tuple(lattice.shape)}")
    size = (int(lattice.shape[0]), int(lattice.shape[1]))
    check_sides(size)
    check("temperature", temperature, bool(np.isfinite(temperature) and temperature > 0), "finite and > 0")
    check("sweeps", sweeps, sweeps >= 1, ">= 1")
    chunks = _chunks(lattice)
    block = block or chunks or size
    whole = chunks is None or not any(b % c for b, c in zip(block, chunks, strict=True))
    check("block", block, min(block) >= 1 and whole, f"whole chunks of {chunks} sites")
    return size, block


def _chunks(lattice: Any) -> tuple[int, int] | None:
    chunks = getattr(lattice, "chunks", None)
    return None if chunks is None else (int(chunks[0]), int(chunks[1]))


def _boxes(size: tuple[int, int], block: tuple[int, int]) -> Iterator[Box]:
    rows, columns = ([(low, min(low + step, n)) for low in range(0, n, step)] for n, step in zip(size, block, strict=True))
    yield from itertools.product(rows, columns)


def _with_halo(lattice: Any, box: Box, size: tuple[int, int]) -> Spins:
    """Read a block and the sites beside it; corners are 0."""
    (y0, y1), (x0, x1) = box
    values = np.zeros((y1 - y0 + 2, x1 - x0 + 2), dtype=np.int8)
    values[1:-1, 1:-1] = lattice[y0:y1, x0:x1]
    values[0, 1:-1], values[-1, 1:-1] = lattice[(y0 - 1) % size[0], x0:x1], lattice[y1 % size[0], x0:x1]
    values[1:-1, 0], values[1:-1, -1] = lattice[y0:y1, (x0 - 1) % size[1]], lattice[y0:y1, x1 % size[1]]
    return values
