"""What fixes a bank besides its family, and the grids on which its multipliers are evaluated."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
#: Values of a filter in frequency: real for families symmetric in space, complex for causal ones.
Multiplier = Real | Complex


@dataclass(frozen=True)
class Layout:
    """Number of octaves, voices, averaging scale and geometry of a bank.

    Attributes
    ----------
    J : int
        Octaves; the default averaging scale is 2^J samples.
    voices : int
        Bands per octave: Q in one dim, the L orientations of half a turn in two and of half a sphere in three.
    T : float
        Averaging scale in samples of the coarsest axis.
    aspect : tuple of float
        Per core axis in kernel order, the coarsest spacing divided by the axis's own (1 for the coarsest, above
        1 for finer ones); its length is the number of core dims.
    """

    J: int
    voices: int
    T: float
    aspect: tuple[float, ...] = (1.0,)

    @property
    def ndim(self) -> int:
        """Number of core dims."""
        return len(self.aspect)


@dataclass(frozen=True)
class Grid:
    """A periodic grid: samples per core axis, and the step between them in samples of the array."""

    shape: tuple[int, ...]
    step: int = 1

    def spacing(self, aspect: tuple[float, ...]) -> tuple[float, ...]:
        """Return the frequency spacing per axis, in radians per sample of the coarsest axis."""
        return tuple(2 * np.pi * a / (n * self.step) for n, a in zip(self.shape, aspect, strict=True))


#: Ranges of frequency indices in FFT order, one per core axis in kernel order, each within the length of its axis.
Part = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Band:
    """One band-pass filter of a bank, its numbers in index space.

    Attributes
    ----------
    n : int
        Position in the bank, finest first.
    j, l : int
        Octave from the finest, and the voice in it: ``n == j * voices + l``.
    xi : float
        Center frequency in radians per sample of the coarsest axis.
    sigma : float
        Bandwidth in the same unit: half the width at exp(-1/2) of the peak, which is the standard deviation of a
        Gaussian.
    theta : float
        Angle of the wave vector in radians, from the last core axis towards the one before; 0 in one dim, NaN in three.
    axis : tuple of float
        Unit wave vector in kernel order in three dims; empty in one and two.

    Of bands over the whole circle (sphere), those with the opposite wave vector have ``l`` from ``voices`` on, and in one dim a
    negative ``xi``.
    """

    n: int
    j: int
    l: int  # noqa: E741 - the name of the label in every formula and result
    xi: float
    sigma: float
    theta: float = 0.0
    axis: tuple[float, ...] = ()


def periods(part: Part, first: Sequence[int], last: Sequence[int], shape: tuple[int, ...]) -> Iterator[Part]:
    """Yield the boxes of unbounded frequency indices that one part of a periodic grid stands for.

    Parameters
    ----------
    part : tuple of (int, int)
        Ranges of frequency indices on the grid.
    first, last : sequence of int
        Bounds of what is of interest, both included.
    shape : tuple of int
        Lengths of the periodic grid.

    Examples
    --------
    >>> list(periods(((1, 3),), (-4,), (6,), (4,)))
    [((-3, -1),), ((1, 3),), ((5, 7),)]
    """
    along = [
        [(start + turn * n, stop + turn * n) for turn in range(-((stop - 1 - low) // n), (high - start) // n + 1)]
        for (start, stop), low, high, n in zip(part, first, last, shape, strict=True)
    ]
    yield from itertools.product(*along)


def wrap(values: NDArray[Any], first: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[Any]:
    """Sum values given on a box of unbounded frequency indices into a periodic grid.

    Parameters
    ----------
    values : ndarray
        Values on the box.
    first : tuple of int
        Frequency index of the box's first sample per axis; may be negative.
    shape : tuple of int
        Lengths of the periodic grid, in FFT order (index 0 is frequency 0).

    Returns
    -------
    ndarray, shape ``shape``
        ``out[k] = sum over p of box[k + p * shape]``.

    Examples
    --------
    >>> import numpy as np
    >>> wrap(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), (-2,), (4,)).tolist()
    [3.0, 4.0, 6.0, 2.0]
    """
    for axis, (start, n) in enumerate(zip(first, shape, strict=True)):
        stop = start + values.shape[axis]
        if stop > start and start >= 0 and stop <= n and values.shape[axis] == n:
            continue
        out = np.zeros((*values.shape[:axis], n, *values.shape[axis + 1 :]), dtype=values.dtype)
        lead = (slice(None),) * axis
        low = start
        while low < stop:
            high = min(stop, (low // n + 1) * n)
            out[(*lead, slice(low % n, low % n + high - low))] += values[(*lead, slice(low - start, high - start))]
            low = high
        values = out
    return values
