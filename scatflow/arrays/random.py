"""Counter-based random numbers: a number belongs to a seed and an absolute index, never to a chunk.

Everything rests on Philox-4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11,
doi:10.1145/2063384.2063405) as numpy ships it. A key is derived once per use; the counter is the position.
"""

from __future__ import annotations

import functools
import importlib
import operator
from typing import TYPE_CHECKING

import numpy as np

from scatflow.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# First word of every key, so that one seed serves all three uses without overlap.
_ITEM, _UNIFORM, _NORMAL = 0, 1, 2
_WORDS_PER_COUNT = 4
_LIMIT = 1 << 64


def item_generator(seed: int, *index: int) -> np.random.Generator:
    """Return the generator of one item, known by its absolute index.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**64.
    *index : int
        The item's absolute index, any number of integers in 0 <= i < 2**64: (sample,), (batch, step), ...

    Returns
    -------
    numpy.random.Generator
        Over ``Philox(key=k)`` with counter 0 and ``k = SeedSequence(entropy=seed, spawn_key=(0, lo, hi, lo,
        hi, ...)).generate_state(2, uint64)``, where lo and hi are the low and high 32 bits of each index.

    Raises
    ------
    ParameterError
        If the seed or an index is out of range.

    Notes
    -----
    Different seeds, indices and numbers of indices give different keys up to the chance of a 128-bit
    collision. Each index takes two words, always, so (2**32,) is not mistaken for (0, 1).

    Examples
    --------
    >>> item_generator(7, 3).standard_normal() == item_generator(7, 3).standard_normal()
    True
    """
    return np.random.Generator(_philox(_ITEM, seed, index))


def uniform(seed: int, start: int, count: int, stream: int | tuple[int, ...] = 0) -> NDArray[np.float64]:
    """Return the uniform numbers with absolute indices ``start`` to ``start + count``.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**64.
    start, count : int
        The range of flat indices, within 0 to 2**64. However a range is split, the parts are the whole.
    stream : int or tuple of int, optional
        An independent sequence under the same seed (one per variable, or item), each 0 <= number < 2**64.

    Returns
    -------
    numpy.ndarray of float64, shape (count,)
        In [0, 1): number i is the upper 53 bits, times 2**-53, of word i mod 4 of Philox block i // 4 under
        the key ``SeedSequence(entropy=seed, spawn_key=(1, lo, hi, ...)).generate_state(2, uint64)``, where lo and
        hi are the low and high 32 bits of each number of the stream. Block b is what numpy's generator gives b-th.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> whole = uniform(1, 0, 10)
    >>> bool(np.array_equal(whole, np.concatenate([uniform(1, 0, 3), uniform(1, 3, 7)])))
    True
    """
    words = _words(_UNIFORM, seed, start, count, stream)
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(seed: int, start: int, count: int, stream: int | tuple[int, ...] = 0) -> NDArray[np.float64]:
    """Return the standard normal numbers with absolute indices ``start`` to ``start + count``.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**64.
    start, count : int
        The range of flat indices, within 0 to 2**64. However a range is split, the parts are the whole.
    stream : int or tuple of int, optional
        An independent sequence under the same seed, each 0 <= number < 2**64.

    Returns
    -------
    numpy.ndarray of float64, shape (count,)
        Number i is the normal quantile of (k + 1/2) 2**-52, where k is the upper 52 bits of a word found as
        in :func:`uniform`, under a key whose first word is 2: one word a number, symmetric, within +-8.3.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Notes
    -----
    The quantile is ``scipy.special.ndtri``, which treats each number by itself. Methods that reject, such
    as the ziggurat, take a varying number of words and would tie a number to those before it.

    Examples
    --------
    >>> normal(1, 0, 1000).shape
    (1000,)
    """
    ndtri = importlib.import_module("scipy.special").ndtri
    words = _words(_NORMAL, seed, start, count, stream)
    numbers = ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    quantiles: NDArray[np.float64] = ndtri(numbers, out=numbers)
    return quantiles


def _words(use: int, seed: int, start: int, count: int, stream: int | tuple[int, ...]) -> NDArray[np.uint64]:
    """Return the Philox words with absolute indices from ``start`` on."""
    generator = _philox(use, seed, stream if isinstance(stream, tuple) else (stream,))
    start, count = operator.index(start), operator.index(count)
    if start < 0 or count < 0 or start + count > _LIMIT:
        raise ParameterError("index range", "must lie within 0 to 2**64", got=f"start={start}, count={count}")
    block, skip = divmod(start, _WORDS_PER_COUNT)
    generator.advance(block)
    words: NDArray[np.uint64] = np.asarray(generator.random_raw(skip + count))
    return words[skip:]


def _philox(use: int, seed: int, index: tuple[int, ...]) -> np.random.Philox:
    """Return the bit generator of one use, seed and index, at counter 0."""
    numbers = tuple(_whole("index", value) for value in index)
    return np.random.Philox(key=np.array(_key(use, _whole("seed", seed), numbers), dtype=np.uint64))


def _whole(label: str, value: int) -> int:
    # bool is refused because True would quietly share the numbers of 1.
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__") or not 0 <= operator.index(value) < _LIMIT:
        raise ParameterError(label, "must be an integer in 0 to 2**64 - 1", got=repr(value))
    return operator.index(value)


# A memo for callers that draw one run per row: deriving a key costs more than drawing from it.
@functools.lru_cache(maxsize=4096)
def _key(use: int, seed: int, index: tuple[int, ...]) -> tuple[int, ...]:
    words = [use]
    for number in index:
        words += [number & 0xFFFFFFFF, number >> 32]
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=tuple(words))
    return tuple(sequence.generate_state(2, np.uint64).tolist())
