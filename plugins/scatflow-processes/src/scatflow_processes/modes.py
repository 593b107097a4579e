"""The modes of a periodic grid: their wave numbers, the shells in which spectra are summed, and which of them are one another's twins.

Wave numbers are in rad per unit of the coordinates; grids have 1 to 3 dims, transforms are in FFT order. What fields, flows and their
models say about wave numbers and shells is said here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check

Reals = npt.NDArray[np.float64]
#: Added before rounding to shells, so that wave numbers on their edges fall to one side, the outer one, whatever the rounding.
EDGE = 1e-9


def waves(shape: Sequence[int], spacing: Sequence[float], window: Sequence[tuple[int, int]] | None = None) -> list[Reals]:
    """Return the wave numbers along each axis in FFT order, which broadcast together.

    Parameters
    ----------
    shape, spacing, window
        As for :func:`wave_numbers`.

    Raises
    ------
    ValueError
        As for :func:`wave_numbers`.

    Examples
    --------
    >>> import numpy as np
    >>> [along.round(12).tolist() for along in waves((2, 4), (np.pi / 2, np.pi / 2), [(0, 2), (0, 3)])]
    [[[0.0], [-2.0]], [[0.0, 1.0, -2.0]]]
    """
    if not 1 <= len(shape) <= 3 or min(shape) < 1:
        raise ValueError(f"a field has 1 to 3 dims of at least one sample, got shape {tuple(shape)}")
    fine = len(spacing) == len(shape) and all(0 < step < math.inf for step in spacing)
    check("spacing", tuple(spacing), fine, f"> 0 for each of {len(shape)} dims")
    found = []
    for axis, (n, step) in enumerate(zip(shape, spacing, strict=True)):
        low, high = (0, n) if window is None else window[axis]
        along = np.asarray(2 * np.pi * np.fft.fftfreq(n, step)[low:high], dtype=np.float64)
        found.append(along.reshape([-1 if i == axis else 1 for i in range(len(shape))]))
    return found


def wave_numbers(shape: Sequence[int], spacing: Sequence[float], window: Sequence[tuple[int, int]] | None = None) -> Reals:
    """Return |k| of the modes of a periodic grid, in FFT order.

    Parameters
    ----------
    shape : sequence of int
        Samples along each of 1 to 3 dims.
    spacing : sequence of float
        Distance of samples along each, in units.
    window : sequence of (int, int), optional
        Ranges of FFT indices along each axis, of a part of the modes; default all.

    Returns
    -------
    ndarray of float64, shape ``shape`` or that of the part
        In rad per unit.

    Raises
    ------
    ValueError
        There are not 1 to 3 dims, one without samples, or a spacing that is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> wave_numbers((4,), (np.pi / 2,)).round(12).tolist()
    [0.0, 1.0, 2.0, 1.0]
    """
    along = waves(shape, spacing, window)
    square = np.zeros(np.broadcast_shapes(*(wave.shape for wave in along)))
    for wave in along:
        square += wave**2
    return np.sqrt(square, out=square)


def shells(shape: Sequence[int], spacing: Sequence[float]) -> tuple[npt.NDArray[np.intp], float, int]:
    """Return the shell of each mode, the width of shells, and how many from the first are whole.

    Shell n holds the modes with ``n - 1/2 <= |k| / width < n + 1/2``; the width is the lowest wave number along the shortest side.

    Parameters
    ----------
    shape, spacing
        As for :func:`wave_numbers`.

    Returns
    -------
    number : ndarray of int, shape ``shape``
    width : float
        In rad per unit.
    whole : int
        Shells 0 to ``whole`` - 1 reach no Nyquist frequency; of those beyond only corners are on the grid.

    Examples
    --------
    >>> number, width, whole = shells((4, 4), (1.0, 1.0))
    >>> number.tolist(), round(width, 4), whole
    ([[0, 1, 2, 1], [1, 1, 2, 1], [2, 2, 3, 2], [1, 1, 2, 1]], 1.5708, 2)
    """
    width = shell_width(shape, spacing)
    number = shell_number(wave_numbers(shape, spacing), width)
    return number, width, whole_shells(shape, spacing)


def shell_width(shape: Sequence[int], spacing: Sequence[float]) -> float:
    """Return the width of the shells of a grid: the lowest wave number along its shortest side, in rad per unit.

    Every shell up to the corner of the grid then holds modes, whatever its proportions.

    Examples
    --------
    >>> shell_width((8, 16), (math.pi / 4, math.pi / 4))
    1.0
    """
    return max(2 * math.pi / (n * step) for n, step in zip(shape, spacing, strict=True))


def shell_number(k: Reals | float, width: float) -> npt.NDArray[np.intp]:
    """Return the shells of wave numbers; those between two, to rounding, belong to the outer one."""
    return np.asarray(np.floor(np.asarray(k) / width + (0.5 + EDGE)), dtype=np.intp)


def whole_shells(shape: Sequence[int], spacing: Sequence[float]) -> int:
    """Return how many shells from the first reach no Nyquist frequency."""
    nyquist = min(math.pi / step for step in spacing)
    return max(1, math.floor(nyquist / shell_width(shape, spacing) + 0.5 + EDGE))


def grid_band(shape: Sequence[int], spacing: Sequence[float]) -> tuple[float, float]:
    """Return the lowest wave number of a grid above 0 and the highest, in rad per unit.

    Parameters
    ----------
    shape, spacing
        As for :func:`wave_numbers`.

    Examples
    --------
    >>> [round(k, 4) for k in grid_band((8, 8), (1.0, 1.0))]
    [0.7854, 4.4429]
    """
    lowest = min(2 * math.pi / (n * step) for n, step in zip(shape, spacing, strict=True))
    return lowest, math.hypot(*(2 * math.pi * (n // 2) / (n * step) for n, step in zip(shape, spacing, strict=True)))


def planes(shape: Sequence[int], spacing: Sequence[float]) -> Iterator[tuple[Reals, Reals]]:
    """Yield |k| of one orthant of the modes, plane by plane, and how many modes of the grid each stands for."""
    orthant = [(2 * np.pi / (n * step) * np.arange(n // 2 + 1), twins(n)) for n, step in zip(shape, spacing, strict=True)]
    (first, counts), *others = orthant
    square, weight = np.zeros((1,) * len(others)), np.ones((1,) * len(others))
    for axis, (along, times) in enumerate(others):
        column = [-1 if i == axis else 1 for i in range(len(others))]
        square, weight = square + along.reshape(column) ** 2, weight * times.reshape(column)
    for wave, count in zip(first, counts, strict=True):
        yield np.sqrt(square + wave**2), count * weight


def twins(n: int) -> Reals:
    """Return how many frequencies along an axis of n samples have each modulus: 2, but 1 at zero and Nyquist.

    Parameters
    ----------
    n : int
        Samples, >= 1.

    Returns
    -------
    ndarray of float64, shape (n // 2 + 1,)

    Examples
    --------
    >>> twins(4).tolist(), twins(5).tolist()
    ([1.0, 2.0, 1.0], [1.0, 2.0, 2.0])
    """
    found = np.full(n // 2 + 1, 2.0)
    found[0] = 1.0
    if n % 2 == 0:
        found[-1] = 1.0
    return found
