"""Random streams that depend on a seed and an absolute realization index, and on nothing else.

A region task may be asked for any subset of the realizations, on any worker, in any order; the numbers must
not notice. So every realization owns a generator, and no generator is shared between two of them.
"""

from __future__ import annotations

import numpy as np


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
        if value < 0:
            raise ValueError(f"{name} must be >= 0, got {value}")
    sequence = np.random.SeedSequence(entropy=int(seed), spawn_key=(int(realization),))
    return np.random.Generator(np.random.Philox(sequence))
