"""Random streams that depend on a seed and an absolute realization index, and on nothing else.

A region task may be asked for any subset of the realizations, on any worker, in any order; the numbers must
not notice. So every realization owns a generator, and no generator is shared between two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check


def realization_generator(seed: int, realization: int) -> np.random.Generator:
    """Return the generator of one realization.

    Parameters
    ----------
    seed : int
        Seed of the ensemble, >= 0.
    realization : int
        Absolute index of the realization in the ensemble, >= 0.

    Returns
    -------
    numpy.random.Generator
        Philox 4x64 [1]_, keyed by ``SeedSequence(entropy=seed, spawn_key=(realization,))``; the streams of
        two realizations, or of two seeds, are independent for all practical purposes.

    Raises
    ------
    ValueError
        If ``seed`` or ``realization`` is negative.

    References
    ----------
    .. [1] J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
       SC11 (2011), doi:10.1145/2063384.2063405.

    Examples
    --------
    >>> import numpy as np
    >>> first = realization_generator(7, 3).integers(0, 100, 4)
    >>> bool((first == realization_generator(7, 3).integers(0, 100, 4)).all())
    True
    """
    for name, value in (("seed", seed), ("realization", realization)):
        check(name, value, value >= 0, ">= 0")
    sequence = np.random.SeedSequence(entropy=int(seed), spawn_key=(int(realization),))
    return np.random.Generator(np.random.Philox(sequence))


def stacked(
    draw: Callable[[np.random.Generator], npt.NDArray[np.float64]], shape: tuple[int, ...], seed: int, realizations: Iterable[int]
) -> npt.NDArray[np.float64]:
    """Return realizations along a first axis, each drawn from its own generator.

    Parameters
    ----------
    draw : callable
        Makes one realization from a generator.
    shape : tuple of int
        Its shape.
    seed : int
        Seed of the ensemble, >= 0.
    realizations : iterable of int
        Absolute indices, >= 0.

    Returns
    -------
    ndarray of float64, shape (len(realizations), *shape)
        A member does not depend on which others are asked for.

    Raises
    ------
    ValueError
        If the seed or an index is negative, before anything is drawn.

    Examples
    --------
    >>> both = stacked(lambda rng: rng.random(3), (3,), seed=7, realizations=[2, 5])
    >>> bool((both[1] == stacked(lambda rng: rng.random(3), (3,), seed=7, realizations=[5])[0]).all())
    True
    """
    rngs = [realization_generator(seed, realization) for realization in realizations]
    out = np.empty((len(rngs), *shape))
    for row, rng in enumerate(rngs):
        out[row] = draw(rng)
    return out
