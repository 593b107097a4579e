"""Fourier transforms one axis at a time: what a transform of a field larger than memory is made of.

A task of a job holds whole lines along one axis ("pencils") of a box of all other axes. A transform along all axes is a chain
of these operators, whose results are stored where the next one needs another axis whole::

    signal -> PeriodicExtension -> AxisFourier(x) -> AxisFourier(y) -> product with a filter -> AxisInverse(y) -> AxisInverse(x)

:meth:`scatflow.contract.Core.pencils` wires such chains. The dims keep their names from field to spectrum; along the axis that
is transformed first, real data keep frequencies 0 to n // 2 alone, in that order, along all others all in FFT order. An operator that
multiplies or averages spectra finds the absolute frequency index of its block in ``at.batch``, see :func:`window_of`.

Not in the catalog: other operators wire them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from scatflow.arrays import complex_dtype, real_dtype
from scatflow.contract import Reduce, Whole, operator, param
from scatflow.errors import DataError
from scatflow.spec import ArraySpec, Cost, Place, itemsize
from scatflow_arrays.periodic import Samples

Array = Any
#: The dim, of length 2, on which half spectra of complex signals have positive and negative frequencies; see :func:`whole_line`.
SENSE = "sense"


@operator("axis_fourier", version=1, signature="(x)->(x)", dtypes="fc", linear=True)
class AxisFourier(Whole):
    r"""Discrete Fourier transform along one axis, :math:`X(k) = \sum_n x(n) e^{-2 \pi i k n / N}`.

    Returns
    -------
    DataArray
        Complex, of the input's precision: of complex data N frequencies in FFT order, of real data the frequencies 0 to N // 2.
        The dim keeps its name and loses its coordinates.

    Raises
    ------
    DataError
        There are NaN, which would spoil every frequency.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.arrays import namespace
    >>> x = np.array([1.0, 0.0, -1.0, 0.0])
    >>> AxisFourier(dims=("x",)).apply(namespace(x), x)
    array([0.+0.j, 2.+0.j, 0.+0.j])
    """

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare frequencies in the place of samples."""
        (spec,) = specs
        n = spec.shape[-1]
        count = n if spec.dtype.startswith("complex") else n // 2 + 1
        return _along_last(spec, count).with_dtype(complex_dtype(spec.dtype))

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Transform one block."""
        (block,) = blocks
        if bool(xp.any(xp.isnan(block))):
            raise DataError(f"{self.dims[0]!r}-lines" if self.dims else "lines", "NaN in what is transformed one axis at a time", code="GapsInPencils",
                            remedy='Fill the gaps, or use strategy="batch" with more memory per worker.')  # fmt: skip
        return xp.fft.fft(block, axis=-1) if xp.isdtype(block.dtype, "complex floating") else xp.fft.rfft(block, axis=-1)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops of the transform, and bytes of the block and its spectrum once more."""
        (spec,) = specs
        size = math.prod(spec.shape)
        complex_bytes = itemsize(complex_dtype(spec.dtype)) * size
        share = 1.0 if spec.dtype.startswith("complex") else 0.5
        return Cost(5 * share * size * math.log2(max(2, spec.shape[-1])), int(spec.nbytes + share * complex_bytes))


@operator("axis_inverse", version=1, signature="(sense?,x)->(x)", dtypes="c", linear=True)
class AxisInverse(Whole):
    r"""Inverse transform along one axis, sampled: :math:`x(s m) = \frac1N \sum_k X(k) e^{2 \pi i k s m / N}`, s = ``factor``.

    Sums of aliases come before the transform, which then is as short as the result. Lines of N // 2 + 1 frequencies are half spectra,
    see :func:`whole_line`.

    Returns
    -------
    DataArray
        Complex of the input's precision, or real; of its samples those that are kept.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.arrays import namespace
    >>> spectrum = np.fft.rfft(np.array([3.0, 1.0, 2.0, 1.0]))
    >>> AxisInverse(dims=("x",), length=4, factor=2, real=True).apply(namespace(spectrum), spectrum)
    array([3., 2.])
    """

    length: int = param(doc="Samples N of a line before it is sampled.", ge=1)
    factor: int = param(1, "Samples per sample of the result; a divisor of the length.", ge=1)
    keep: Samples | None = param(None, "Samples of the result that are kept: first, one past the last, step; default all.")
    real: bool = param(False, "Whether the result is real: its imaginary part, which is rounding, is then left away.")
    scale: float = param(1.0, "Factor on the result.")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare samples in the place of frequencies."""
        (spec,) = specs
        bare = spec if self.dims is None or len(self.dims) == 1 else spec.without(self.dims[0])
        result = _along_last(bare, len(kept(self.length // self.factor, self.keep)))
        return result.with_dtype(real_dtype(spec.dtype)) if self.real else result

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Transform one block."""
        (block,) = blocks
        with_sense = self.dims is not None and len(self.dims) == 2
        line = xp.fft.ifft(folded(xp, whole_line(xp, block, self.length, with_sense), self.factor), axis=-1)
        line = line[..., slice(*self.keep)] if self.keep else line
        line = xp.real(line) if self.real else line
        return line if self.scale == 1 else self.scale * line

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops of the transforms, and bytes of whole lines, folded ones and what becomes of them."""
        (spec,) = specs
        lines = math.prod(spec.shape[: len(spec.dims) - len(self.dims or ("x",))])
        size, short = lines * self.length, lines * self.length // self.factor
        each = itemsize(spec.dtype)
        return Cost(5 * short * math.log2(max(2, short // max(1, lines))) + 4 * size, each * (2 * size + 2 * short))


def whole_line(xp: Any, block: Array, length: int, with_sense: bool = False) -> Array:
    """Return all frequencies of lines.

    Parameters
    ----------
    xp : Namespace
        The block's.
    block : array of complex, shape (..., frequencies) or (..., 2, frequencies)
        ``length`` frequencies, or the ``length // 2 + 1`` of a half spectrum. A half spectrum Z of a real signal tells the others by
        ``X(-k) = conj(Z(k))``; that of a complex signal has a second line, Z', with ``X(-k) = conj(Z'(k))``.
    length : int
        Frequencies of a whole line.
    with_sense : bool, optional
        Whether there is an axis of length 2 for these lines.

    Returns
    -------
    array of complex, shape (..., length)

    Examples
    --------
    >>> import numpy as np
    >>> whole_line(np, np.array([1.0, 2 + 1j, 3.0]), 4)
    array([1.+0.j, 2.+1.j, 3.+0.j, 2.-1.j])
    """
    positive, negative = (block[..., 0, :], block[..., -1, :]) if with_sense else (block, block)
    known = positive.shape[-1]
    if known == length:
        return positive
    return xp.concat([positive, xp.conj(xp.flip(negative[..., 1 : length - known + 1], axis=-1))], axis=-1)


def folded(xp: Any, line: Array, factor: int) -> Array:
    """Return the spectrum of every ``factor``-th sample of lines: the means of the frequencies that are one on their grid."""
    if factor == 1:
        return line
    short = line.shape[-1] // factor
    return xp.sum(xp.reshape(line, (*line.shape[:-1], factor, short)), axis=-2) / factor


def kept(length: int, keep: Samples | None) -> range:
    """Return the samples of a line that are kept."""
    return range(length) if keep is None else range(*slice(*keep).indices(length))


def window_of(at: Place, axis: int) -> tuple[int, int]:
    """Return the absolute range of a block along a batch axis: of frequency indices, where that is an axis of a spectrum."""
    return at.batch[axis], at.batch[axis] + at.items[axis]


class OverGrid(Reduce):
    """Base of reductions over the axes of a grid, named by ``over`` in the order of the grid."""

    axes: tuple[int, ...] = param((), "Place of each axis among the pooled dims; filled in from labels.")

    def resolve(self, *specs: ArraySpec) -> Self:
        """Return the operator with the places of its axes among the pooled dims, which come in the order of the array."""
        order = [dim for dim in specs[0].dims if dim in (self.over or ())]
        return self.replace(axes=tuple(order.index(dim) for dim in self.over or ()))


def pooled_spectrum(
    xp: Any, block: Array, at: Place, axes: Sequence[int], core: int = 0
) -> tuple[Array, tuple[tuple[int, int], ...]]:
    """Return a block of a reduction over an array of frequencies on the grid, and its absolute range along every axis.

    Parameters
    ----------
    xp : Namespace
        The block's.
    block : array, shape (..., r, *core)
        All axes of the grid as one, in the order of the array.
    at : Place
        Where it lies.
    axes : sequence of int
        For every axis of the grid its place among those that are pooled.
    core : int, optional
        Number of core axes.

    Returns
    -------
    block : array, shape (..., *grid, *core)
    window : tuple of (int, int)
    """
    ndim = len(axes)
    first, lead = len(at.batch) - ndim, block.ndim - 1 - core
    block = xp.reshape(block, (*block.shape[:lead], *at.items[first:], *block.shape[lead + 1 :]))
    rest = range(lead + ndim, block.ndim)
    block = xp.permute_dims(block, (*range(lead), *(lead + axis for axis in axes), *rest))
    return block, tuple(window_of(at, first + axis) for axis in axes)


def _along_last(spec: ArraySpec, count: int) -> ArraySpec:
    """Return a spec with another length of the last dim, and without its coordinates."""
    *_, dim = spec.dims
    return spec.without(dim).with_dim(dim, count)
