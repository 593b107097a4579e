"""Extending a block beyond its edges, and the exact adjoint of that.

Both work on any array library and stay on the block's device; only index vectors are made on the host.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from scatflow.arrays.door import Array
from scatflow.errors import ParameterError, near

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODES = ("reflect", "symmetric", "periodic", "zero")


def extension_index(n: int, before: int, after: int, mode: str) -> NDArray[np.int64]:
    """Return, for every sample of an extended axis, the index of the sample it copies.

    Parameters
    ----------
    n : int
        Length of the axis, at least 1.
    before, after : int
        Samples to add on either side, at least 0; they may exceed ``n``, the rule is then applied again and
        again.
    mode : {"reflect", "symmetric", "periodic", "zero"}
        ``reflect`` mirrors about the edge sample (``c b | a b c | b a``), ``symmetric`` about the edge itself
        (``b a | a b c | c b``), ``periodic`` repeats, ``zero`` adds zeros. A single sample is repeated by
        the first three.

    Returns
    -------
    numpy.ndarray of int64, shape (before + n + after,)
        Indices into the axis; -1 stands for a zero.

    Raises
    ------
    ParameterError
        If the mode is unknown, ``n`` is not positive, or a width is negative.

    Examples
    --------
    >>> extension_index(3, 2, 3, "reflect").tolist()
    [2, 1, 0, 1, 2, 1, 0, 1]
    >>> extension_index(3, 2, 3, "symmetric").tolist()
    [1, 0, 0, 1, 2, 2, 1, 0]
    """
    n, before, after = operator.index(n), operator.index(before), operator.index(after)
    if n < 1:
        raise ParameterError("axis length", "must be at least 1 to be extended", got=n)
    _check(before, after, mode)
    return copied_index(np.arange(-before, n + after, dtype=np.int64), n, mode)


def extend(xp: Any, block: Array, widths: Sequence[tuple[int, int]], modes: Sequence[str]) -> Array:
    """Return the block extended along its last ``len(widths)`` axes.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    block : array
        Any dtype.
    widths : sequence of (int, int)
        Samples to add before and after, for each of the last axes.
    modes : sequence of str
        One boundary mode for each of those axes (see :func:`extension_index`).

    Returns
    -------
    array
        Same dtype and device; the block itself when there is nothing to add. Corners follow from extending
        one axis after another, whose order does not matter.

    Raises
    ------
    ParameterError
        If a mode is unknown, a width negative, the lists differ in length, or the block has too few axes.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.arrays import namespace
    >>> x = np.arange(3.0)
    >>> extend(namespace(x), x, [(1, 2)], ["periodic"])
    array([2., 0., 1., 2., 0., 1.])
    """
    first = _first_axis(block.shape, widths, modes)
    if not any(before or after for before, after in widths):
        return block
    shape, region = list(block.shape), [slice(0, size) for size in block.shape]
    for axis, (before, after) in enumerate(widths, first):
        shape[axis] += before + after
        region[axis] = slice(before, before + block.shape[axis])
    create = xp.zeros if "zero" in modes else xp.empty
    out = create(tuple(shape), dtype=block.dtype, device=array_api_compat.device(block))
    out[tuple(region)] = block
    for axis, mode in enumerate(modes, first):
        # Margins of this axis are copied from what is filled so far, so each sample is written once.
        filled = out[tuple(region)]
        for start, stop, low, high, turned in _pieces(block.shape[axis], *widths[axis - first], mode):
            region[axis] = slice(start, stop)
            piece = filled[_along(axis, low, high)]
            out[tuple(region)] = xp.flip(piece, axis=axis) if turned else piece
        region[axis] = slice(0, shape[axis])
    return out


def fold(
    xp: Any,
    cotangent: Array,
    shape: Sequence[int],
    widths: Sequence[tuple[int, int]],
    modes: Sequence[str],
) -> Array:
    """Apply the adjoint of :func:`extend`: add every margin sample back onto the sample it copied.

    Parameters
    ----------
    xp : Namespace
        The cotangent's namespace.
    cotangent : array
        An array of the extended shape, real or complex.
    shape : sequence of int
        Shape of the block before its extension; only the last ``len(widths)`` sizes are read.
    widths, modes : sequence
        As given to :func:`extend`.

    Returns
    -------
    array
        Same dtype and device, with the block's shape. The cotangent itself when there is nothing to fold; it
        is never changed. Sums run in a fixed order, so the result is the same on every run.

    Raises
    ------
    ParameterError
        As for :func:`extend`, or if the cotangent's shape does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.arrays import namespace
    >>> c = np.ones(6)
    >>> fold(namespace(c), c, (3,), [(1, 2)], ["periodic"])
    array([2., 2., 2.])
    """
    first = _first_axis(cotangent.shape, widths, modes)
    sizes = [operator.index(size) for size in shape][len(shape) - len(widths) :]
    expected = tuple(size + before + after for size, (before, after) in zip(sizes, widths, strict=True))
    if tuple(cotangent.shape[first:]) != expected:
        raise ParameterError("cotangent", "must have the extended shape", expected=expected, got=tuple(cotangent.shape[first:]))
    for axis, (before, after), mode in reversed(list(zip(range(first, cotangent.ndim), widths, modes, strict=True))):
        if before or after:
            cotangent = _fold_axis(xp, cotangent, axis, sizes[axis - first], (before, after), mode)
    return cotangent


def _fold_axis(xp: Any, cotangent: Array, axis: int, n: int, width: tuple[int, int], mode: str) -> Array:
    out = xp.asarray(cotangent[_along(axis, width[0], width[0] + n)], copy=True)
    for start, stop, low, high, turned in _pieces(n, *width, mode):
        piece = cotangent[_along(axis, start, stop)]
        if n == 1:
            piece = xp.sum(piece, axis=axis, keepdims=True)
        out[_along(axis, low, high)] += xp.flip(piece, axis=axis) if turned else piece
    return out


def _along(axis: int, start: int, stop: int) -> tuple[Any, ...]:
    return (*[slice(None)] * axis, slice(start, stop), ...)


def copied_index(position: NDArray[np.int64], n: int, mode: str) -> NDArray[np.int64]:
    """Return the index of the sample that each position on the endless axis of n samples copies; -1 stands for a zero.

    Examples
    --------
    >>> copied_index(np.array([-2, 0, 4]), 3, "reflect").tolist()
    [2, 0, 0]
    """
    if mode == "zero":
        return np.where((position >= 0) & (position < n), position, -1)
    if mode == "periodic" or n == 1:
        return position % n
    if mode == "symmetric":
        phase = position % (2 * n)
        return np.minimum(phase, 2 * n - 1 - phase)
    phase = position % (2 * n - 2)
    return np.minimum(phase, 2 * n - 2 - phase)


def _pieces(n: int, before: int, after: int, mode: str) -> Iterator[tuple[int, int, int, int, bool]]:
    """Split the margins into slices of the axis: (start, stop) there copies (low, high) here, turned or not.

    No sample occurs twice in a piece, so the adjoint can add it as one slice; only a single sample (n = 1)
    fills its margin in one piece. Zeros copy nothing.
    """
    if mode == "zero":
        return
    # A mirror about the edge sample uses it once for two passes over the axis.
    length = n - 1 if mode == "reflect" else n
    for begin, end in ((-before, 0), (n, n + after)):
        if n == 1 and begin < end:
            yield begin + before, end + before, 0, 1, False
            continue
        position = begin
        while position < end:
            stop = min(end, (position // length + 1) * length)
            first, last = copied_index(np.array([position, stop - 1], dtype=np.int64), n, mode).tolist()
            yield position + before, stop + before, min(first, last), max(first, last) + 1, last < first
            position = stop


def _first_axis(shape: Sequence[int], widths: Sequence[tuple[int, int]], modes: Sequence[str]) -> int:
    """Check widths and modes against the array, and return the first axis they speak of."""
    if len(widths) != len(modes):
        raise ParameterError("boundary modes", "must be one per extended axis", expected=len(widths), got=len(modes))
    if len(widths) > len(shape):
        raise ParameterError("widths", "must not outnumber the axes", expected=f"at most {len(shape)}", got=len(widths))
    first = len(shape) - len(widths)
    for size, (before, after), mode in zip(shape[first:], widths, modes, strict=True):
        _check(before, after, mode)
        if size < 1 and (before or after):
            raise ParameterError("axis length", "must be at least 1 to be extended", got=size)
    return first


def _check(before: int, after: int, mode: str) -> None:
    if mode not in MODES:
        raise ParameterError(
            "boundary mode",
            "must be a known mode",
            expected=" | ".join(MODES),
            got=repr(mode),
            remedy=near(str(mode), MODES),
        )
    if before < 0 or after < 0:
        raise ParameterError("extension widths", "must not be negative", got=(before, after))
