"""Values of sampled signals between their samples, and the adjoint: what deformations are computed with.

One scheme for all kinds: coefficients on a grid (a multiplier in frequency), then weighted sums of few of them around
each position. Blocks are periodic as they stand; who calls extends them first. Pure functions of arrays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

Array = Any
Kind = Literal["cubic", "linear", "spectral"]

#: Taps per axis.
TAPS = {"linear": 2, "cubic": 4, "spectral": 10}
#: The spectral kind interpolates on a grid so many times finer.
_FINER = 2
#: Shape of its kernel exp(beta (sqrt(1 - t^2) - 1)), |t| <= 1: 2.30 per tap on a grid twice as fine (Barnett, Magland and
#: af Klinteberg 2019, "A parallel nonuniform fast Fourier transform library based on an exponential of semicircle kernel").
_BETA = 2.30 * TAPS["spectral"]
#: The inverse of sampling a cubic B-spline decays by this factor per sample (Unser 1999).
_POLE = 2 - math.sqrt(3)


def reach(kind: Kind, tol: float) -> int | None:
    """Return how many samples around a position its value depends on to a relative tolerance; None: on all of them.

    Examples
    --------
    >>> reach("linear", 1e-4), reach("cubic", 1e-4), reach("spectral", 1e-4)
    (1, 9, None)
    """
    if kind == "spectral":
        return None
    return 1 if kind == "linear" else 2 + max(1, math.ceil(math.log(tol) / math.log(_POLE)))


def sharpening(kind: Kind, shape: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Return, per axis, the multiplier from samples to coefficients: float64, FFT order.

    Parameters
    ----------
    kind : {"cubic", "linear", "spectral"}
        The interpolation.
    shape : sequence of int
        Lengths of the axes.

    Returns
    -------
    tuple of ndarray
        Ones for ``"linear"``; ``3 / (2 + cos w)`` for ``"cubic"``, which makes the spline pass through the samples; one over
        the Fourier transform of the kernel for ``"spectral"``.
    """
    waves = [2 * np.pi * np.fft.fftfreq(n) for n in shape]
    if kind == "linear":
        return tuple(np.ones(n) for n in shape)
    if kind == "cubic":
        return tuple(3 / (2 + np.cos(w)) for w in waves)
    nodes, weights = np.polynomial.legendre.leggauss(64)
    bell = weights * np.exp(_BETA * (np.sqrt(1 - nodes**2) - 1))
    half = TAPS["spectral"] / 2
    transforms = [sum(share * np.cos(w * (half / _FINER * node)) for node, share in zip(nodes, bell, strict=True)) for w in waves]
    return tuple(1 / (half * transform) for transform in transforms)


def interpolate(
    xp: Any, x: Array, positions: Sequence[Array], kind: Kind, sharpen: Sequence[Array], slope: int | None = None
) -> Array:
    """Return the values of a periodic signal at positions between its samples, or its slopes there.

    Parameters
    ----------
    xp : module
        Array namespace.
    x : array, shape (..., *core)
        Real or complex samples.
    positions : sequence of array of float64, one per core axis
        In samples, broadcasting to the core shape of the result.
    kind : {"cubic", "linear", "spectral"}
        Cubic B-spline through the samples; straight lines; the trigonometric polynomial through them, to 1e-8.
    sharpen : sequence of array
        As :func:`sharpening` gives it.
    slope : int, optional
        Core axis along which the derivative is wanted, per sample; not of the spectral kind.

    Returns
    -------
    array, shape (..., *core of the positions)
        Dtype of ``x``.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.arrays import namespace
    >>> x = np.cos(2 * np.pi * np.arange(16) / 16)
    >>> where = (np.asarray([0.0, 0.5, 4.0]),)
    >>> interpolate(namespace(x), x, where, "spectral", sharpening("spectral", (16,))).round(6) + 0.0
    array([1.      , 0.980785, 0.      ])
    """
    grid = _coefficients(xp, x, kind, sharpen)
    factor = _FINER if kind == "spectral" else 1
    base, weights = _around(xp, [p * factor for p in positions], kind, x, slope)
    while positions and _alone(positions):
        grid = _along_one(xp, grid, -len(positions), base.pop(0), weights.pop(0))
        positions, base, weights = ([values[0, ...] for values in positions[1:]], [first[0, ...] for first in base],
                                    [[w[0, ...] for w in taps] for taps in weights])  # fmt: skip
    if not positions:
        return grid
    batch, core, shape = grid.shape[: grid.ndim - len(positions)], grid.shape[grid.ndim - len(positions) :], _core_shape(positions)
    flat = xp.reshape(grid, (*batch, math.prod(core)))
    total = xp.zeros((*batch, math.prod(shape)), dtype=x.dtype, device=x.device)
    for taps in itertools.product(*(range(TAPS[kind]) for _ in positions)):
        index = _raveled(xp, [b + k for b, k in zip(base, taps, strict=True)], core, shape)
        total = total + xp.take(flat, index, axis=-1) * _product(xp, [w[k] for w, k in zip(weights, taps, strict=True)], shape)
    return xp.reshape(total, (*batch, *shape))


def _alone(positions: Sequence[Array]) -> bool:
    """Tell whether places along the first axis fix the positions along it, and no others: as of a dilation, or around z."""
    first, *others = positions
    return first.ndim == len(positions) and math.prod(first.shape[1:]) == 1 and all(p.shape[0] == 1 for p in others)


def _along_one(xp: Any, grid: Array, axis: int, first: Array, taps: Sequence[Array]) -> Array:
    """Return the sums over taps along one axis: axis after axis, taps add up instead of multiplying."""
    places, n, total = xp.reshape(first, (-1,)), grid.shape[axis], 0.0
    for k, weight in enumerate(taps):
        total = total + xp.take(grid, (places + k) % n, axis=axis) * _along(xp, xp.reshape(weight, (-1,)), axis, grid.ndim)
    return total


def interpolate_adjoint(
    xp: Any, y: Array, positions: Sequence[Array], core: Sequence[int], kind: Kind, sharpen: Sequence[Array]
) -> Array:
    """Apply the adjoint of :func:`interpolate`, paired by Re sum conj(a) b.

    Parameters
    ----------
    xp, positions, kind, sharpen
        As there.
    y : array, shape (..., *core of the positions)
        Cotangent of the values.
    core : sequence of int
        Core shape of the samples.

    Returns
    -------
    array, shape (..., *core)
        Dtype of ``y``. Values that fall on one coefficient are added in double precision, as differences of running sums,
        in an order that is the same on every run.
    """
    ndim = len(positions)
    factor = _FINER if kind == "spectral" else 1
    grid = tuple(n * factor for n in core)
    shape = _core_shape(positions)
    base, weights = _around(xp, [p * factor for p in positions], kind, y)
    cells = _raveled(xp, base, grid, shape)
    order = xp.argsort(cells)
    edges = xp.searchsorted(xp.take(cells, order), xp.arange(math.prod(grid) + 1, dtype=cells.dtype, device=y.device))
    batch = y.shape[: y.ndim - ndim]
    wide = xp.complex128 if xp.isdtype(y.dtype, "complex floating") else xp.float64
    flat = xp.reshape(y, (*batch, math.prod(shape)))
    total = xp.zeros((*batch, *grid), dtype=wide, device=y.device)
    for taps in itertools.product(*(range(TAPS[kind]) for _ in positions)):
        weighted = xp.astype(flat * _product(xp, [w[k] for w, k in zip(weights, taps, strict=True)], shape), wide)
        running = xp.cumulative_sum(xp.take(weighted, order, axis=-1), axis=-1)
        running = xp.concat([xp.zeros((*batch, 1), dtype=wide, device=y.device), running], axis=-1)
        at_edges = xp.take(running, edges, axis=-1)
        added = xp.reshape(at_edges[..., 1:] - at_edges[..., :-1], (*batch, *grid))
        total = total + xp.roll(added, taps, axis=tuple(range(-ndim, 0)))
    return xp.astype(_coefficients_adjoint(xp, total, core, kind, sharpen), y.dtype)


def shift(xp: Any, x: Array, amounts: Sequence[float]) -> Array:
    """Return the trigonometric polynomial through periodic samples, moved by amounts in samples: exact to rounding.

    Of an even number of samples the mode that alternates in sign moves by its cosine, so that real signals stay real.
    The adjoint is the shift by the opposite amounts.
    """
    axes = tuple(range(-len(amounts), 0))
    real = not xp.isdtype(x.dtype, "complex floating")
    spectrum = xp.fft.fftn(_complex(xp, x), axes=axes)
    for axis, amount in zip(axes, amounts, strict=True):
        n = x.shape[axis]
        phase = np.exp(-2j * np.pi * np.fft.fftfreq(n) * amount)
        if n % 2 == 0:
            phase[n // 2] = math.cos(math.pi * amount)
        spectrum = spectrum * _along(xp, xp.asarray(phase.astype(_name(spectrum)), device=x.device), axis, x.ndim)
    moved = xp.fft.ifftn(spectrum, axes=axes)
    return xp.real(moved) if real else moved


def _coefficients(xp: Any, x: Array, kind: Kind, sharpen: Sequence[Array]) -> Array:
    if kind == "linear":
        return x
    axes = tuple(range(-len(sharpen), 0))
    spectrum = xp.fft.fftn(_complex(xp, x), axes=axes)
    for axis, factor in zip(axes, sharpen, strict=True):
        spectrum = spectrum * _along(xp, factor, axis, x.ndim)
        if kind == "spectral":
            spectrum = _padded(xp, spectrum, axis) * _FINER
    fine = xp.fft.ifftn(spectrum, axes=axes)
    return fine if xp.isdtype(x.dtype, "complex floating") else xp.real(fine)


def _coefficients_adjoint(xp: Any, fine: Array, core: Sequence[int], kind: Kind, sharpen: Sequence[Array]) -> Array:
    """Multipliers are real and even, so cutting a spectrum short is all that differs from the way there."""
    if kind == "linear":
        return fine
    axes = tuple(range(-len(sharpen), 0))
    spectrum = xp.fft.fftn(_complex(xp, fine), axes=axes)
    for axis, n, factor in zip(axes, core, sharpen, strict=True):
        if kind == "spectral":
            spectrum = _cut(xp, spectrum, axis, n)
        spectrum = spectrum * _along(xp, factor, axis, fine.ndim)
    coarse = xp.fft.ifftn(spectrum, axes=axes)
    return coarse if xp.isdtype(fine.dtype, "complex floating") else xp.real(coarse)


def _padded(xp: Any, spectrum: Array, axis: int) -> Array:
    """Return a spectrum on twice as many frequencies; an alternating mode is shared by both signs."""
    n = spectrum.shape[axis]
    low, high = spectrum[_part(axis, 0, (n + 1) // 2)], spectrum[_part(axis, n - (n - 1) // 2, n)]
    nyquist = [spectrum[_part(axis, n // 2, n // 2 + 1)] / 2] if n % 2 == 0 else []
    gap = list(spectrum.shape)
    gap[axis] = (_FINER - 1) * n - len(nyquist)
    zeros = xp.zeros(tuple(gap), dtype=spectrum.dtype, device=spectrum.device)
    return xp.concat([low, *nyquist, zeros, *nyquist, high], axis=axis)


def _cut(xp: Any, spectrum: Array, axis: int, n: int) -> Array:
    """Apply the adjoint of :func:`_padded`."""
    size = spectrum.shape[axis]
    low, high = spectrum[_part(axis, 0, (n + 1) // 2)], spectrum[_part(axis, size - (n - 1) // 2, size)]
    if n % 2:
        return xp.concat([low, high], axis=axis)
    both = spectrum[_part(axis, n // 2, n // 2 + 1)] + spectrum[_part(axis, size - n // 2, size - n // 2 + 1)]
    return xp.concat([low, both / 2, high], axis=axis)


def _around(
    xp: Any, positions: Sequence[Array], kind: Kind, like: Array, slope: int | None = None
) -> tuple[list[Array], list[list[Array]]]:
    """Return, per axis, the first grid index around each position and the weights of the taps from there on."""
    real = xp.float32 if like.dtype in (xp.float32, xp.complex64) else xp.float64
    base, weights = [], []
    for axis, position in enumerate(positions):
        first = xp.floor(position) - (TAPS[kind] // 2 - 1)
        base.append(xp.astype(first, xp.int64))
        rule = _slopes if axis == slope else _weights
        weights.append([xp.astype(w, real) for w in rule(xp, position - first, kind)])
    return base, weights


def _weights(xp: Any, t: Array, kind: Kind) -> Iterator[Array]:
    """Yield the weight of each tap for positions counted from the first of them."""
    for k in range(TAPS[kind]):
        d = xp.abs(t - k)
        if kind == "linear":
            yield 1 - d
        elif kind == "cubic":
            yield xp.where(d < 1, 2 / 3 - d * d * (1 - d / 2), (2 - d) ** 3 / 6)
        else:
            inside = 1 - (2 * d / TAPS[kind]) ** 2
            bell = xp.exp(_BETA * (xp.sqrt(xp.where(inside > 0, inside, xp.zeros_like(inside))) - 1))
            yield xp.where(inside >= 0, bell, xp.zeros_like(bell))


def _slopes(xp: Any, t: Array, kind: Kind) -> Iterator[Array]:
    """Yield the derivative of each tap's weight by the position."""
    for k in range(TAPS[kind]):
        d = xp.abs(t - k)
        steep = xp.ones_like(d) if kind == "linear" else xp.where(d < 1, d * (2 - 1.5 * d), (2 - d) ** 2 / 2)
        yield xp.where(t >= k, -steep, steep)


def _core_shape(positions: Sequence[Array]) -> tuple[int, ...]:
    return tuple(np.broadcast_shapes(*(tuple(p.shape) for p in positions)))


def _raveled(xp: Any, indices: Sequence[Array], grid: Sequence[int], shape: tuple[int, ...]) -> Array:
    """Return flat indices into a periodic grid, one per position."""
    flat = indices[0] % grid[0]
    for index, n in zip(indices[1:], grid[1:], strict=True):
        flat = flat * n + index % n
    return xp.reshape(xp.broadcast_to(flat, shape), (-1,))


def _product(xp: Any, factors: Sequence[Array], shape: tuple[int, ...]) -> Array:
    return xp.reshape(xp.broadcast_to(math.prod(factors[1:], start=factors[0]), shape), (-1,))


def _part(axis: int, start: int, stop: int) -> tuple[Any, ...]:
    return (..., slice(start, stop), *(slice(None),) * (-axis - 1))


def _along(xp: Any, values: Array, axis: int, ndim: int) -> Array:
    return xp.reshape(values, (*(1,) * (ndim + axis), -1, *(1,) * (-axis - 1)))


def _complex(xp: Any, x: Array) -> Array:
    return xp.astype(x, xp.complex64 if x.dtype in (xp.float32, xp.complex64) else xp.complex128)


def _name(x: Array) -> str:
    return str(x.dtype).rpartition(".")[2]
