"""Surrogate data: copies of a series or field that keep stated properties and are random otherwise.

====================  ======================================================  ====================================
surrogate             keeps                                                   is random or lost
====================  ======================================================  ====================================
random phase          spectrum; cross-spectra of what shares the phases       all else: Gaussian for long series
iaaft                 marginal exactly, spectrum to a reported error          all else
block shuffle         marginal, dependence inside blocks                      dependence beyond a block
sign flip             moduli, so volatility                                   signs: skewness, leverage
time reversal         marginal, spectrum                                      the direction of time
garch                 volatility dynamics of a fitted model                   all that the model does not have
====================  ======================================================  ====================================

Random phases are in :mod:`scatflow_processes.gaussian_model`, as ``phase_only``; GARCH in :mod:`scatflow_processes.garch`. Operators of
all that is random take a seed and the number of the first surrogate: surrogate s of an item is the same in any set and on any worker. Here
are kernels for an array namespace ``xp``: fields (..., *core), draws that broadcast against them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = Any


def iaaft(xp: Any, x: Array, start: Array, ndim: int, iterations: int) -> tuple[Array, Array, Array]:
    """Return series with the values of x exactly and its spectrum nearly, by alternating projections.

    Each iteration gives the series the moduli of the transform of x, then the values of x in the order of the result [1]_. It ends where
    the order no longer changes: that is where all later iterations stay.

    Parameters
    ----------
    xp : Namespace
        The arrays'.
    x : array of float, shape (..., *core)
        Fields; one with NaN gives NaN.
    start : array of float, shape (..., *core)
        Random numbers whose order is that of the first shuffle; broadcasts against x.
    ndim : int
        Number of core dims.
    iterations : int
        Most iterations.

    Returns
    -------
    surrogates : array, shape (..., *core)
        Of the input's type; all else is computed in float64.
    count : array of int64, shape (...)
        Iterations that changed something; ``iterations`` where more would.
    error : array, shape (...)
        Root mean square difference of the moduli of the transforms, relative to those of x without its mean.

    References
    ----------
    .. [1] T. Schreiber, A. Schmitz, "Improved surrogate data for nonlinearity tests", Phys. Rev. Lett. 77 (1996) 635,
       doi:10.1103/PhysRevLett.77.635.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.cumsum(np.random.default_rng(0).standard_normal(64)) ** 2
    >>> found, count, error = iaaft(np, x, np.random.default_rng(1).standard_normal(64), 1, 200)
    >>> bool((np.sort(found) == np.sort(x)).all()), bool(error < 0.1), bool(count < 200)
    (True, True, True)
    """
    x = xp.broadcast_to(x, np.broadcast_shapes(x.shape, start.shape))
    batch, core, axes = x.shape[: x.ndim - ndim], x.shape[x.ndim - ndim :], tuple(range(-ndim, 0))
    wide = xp.astype(x, xp.float64)
    centered = wide - xp.mean(wide, axis=axes, keepdims=True)
    ordered = xp.sort(xp.reshape(centered, (*batch, math.prod(core))), axis=-1)
    modulus = xp.abs(xp.fft.rfftn(centered, axes=axes))
    ranks = _ranks(xp, xp.broadcast_to(xp.reshape(start, (*start.shape[: start.ndim - ndim], math.prod(core))), ordered.shape))
    count = xp.zeros(batch, dtype=xp.int64, device=x.device)
    for _ in range(iterations):
        spectrum = xp.fft.rfftn(xp.reshape(xp.take_along_axis(ordered, ranks, axis=-1), x.shape), axes=axes)
        size = xp.abs(spectrum)
        phase = spectrum / xp.where(size > 0, size, xp.ones_like(size))
        new = _ranks(xp, xp.reshape(xp.fft.irfftn(modulus * phase, s=core, axes=axes), ordered.shape))
        changed = xp.any(new != ranks, axis=-1)
        ranks, count = new, count + xp.astype(changed, xp.int64)
        if not bool(xp.any(changed)):
            break
    last = xp.abs(xp.fft.rfftn(xp.reshape(xp.take_along_axis(ordered, ranks, axis=-1), x.shape), axes=axes))
    held, difference = (xp.sum(part**2, axis=axes) for part in (modulus, last - modulus))
    error = xp.sqrt(difference / xp.where(held > 0, held, xp.ones_like(held)))
    values = xp.sort(xp.reshape(x, (*batch, math.prod(core))), axis=-1)
    found = xp.reshape(xp.take_along_axis(values, ranks, axis=-1), x.shape)
    missing = xp.any(xp.isnan(x), axis=axes, keepdims=True)
    return xp.where(missing, xp.nan * found, found), count, xp.astype(error, x.dtype)


def _ranks(xp: Any, values: Array) -> Array:
    """Return how many values along the last axis are lower, or equal and before."""
    return xp.argsort(xp.argsort(values, axis=-1, stable=True), axis=-1, stable=True)


def shuffled_blocks(generator: np.random.Generator, samples: int, block: int) -> npt.NDArray[np.int64]:
    """Return positions of the samples of a series whose blocks are shuffled.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the order.
    samples, block : int
        Length of the series and of blocks, >= 1; the last block may be shorter.

    Returns
    -------
    ndarray of int64, shape (samples,)

    Raises
    ------
    ValueError
        The series has fewer than two blocks.

    Examples
    --------
    >>> import numpy as np
    >>> shuffled_blocks(np.random.default_rng(0), 7, 3).tolist()
    [3, 4, 5, 6, 0, 1, 2]
    """
    count = math.ceil(samples / block)
    if count < 2:
        raise ValueError(f"a block must be shorter than the series, got {block} of {samples} samples")
    rank = generator.permutation(count)
    return np.argsort(rank[np.arange(samples) // block], kind="stable")
