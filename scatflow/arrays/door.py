"""The FFT door: one calling convention, one set of rules, whatever library does the work.

A door takes the array API's eight transforms and reduces each to one of three primitives on arrays that
already have the right lengths (complex to complex, real to complex, complex to real). A provider only
writes these three.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from scatflow.errors import DtypeError, ParameterError

Array: TypeAlias = Any
Norm: TypeAlias = Literal["backward", "ortho", "forward"]

NORMS = ("backward", "ortho", "forward")


class Door:
    """Base of the FFT doors: checks, zero-padding and cropping; subclasses add the three primitives.

    The rules are the array API's, and the same for every provider, so that a kernel which works with one
    works with all: complex transforms take complex64 or complex128, real ones float32 or float64, ``s``
    needs ``axes``, axes are unique. Precision is kept (float32 gives complex64). Inputs are never
    overwritten.

    Parameters
    ----------
    xp : module
        The array library of the blocks; ``zeros``, ``empty`` and the helpers of its ``fft`` are used.
    threads : int
        Threads of one transform. The engine always uses 1: it runs blocks in parallel, not transforms.

    Attributes
    ----------
    name : str
        The provider's name, as in :func:`scatflow.arrays.fft.provider`.
    signature : str
        Name and version, as it enters plan hashes and worker fingerprints.
    """

    name: ClassVar[str]
    signature: str

    def __init__(self, xp: Any, threads: int = 1) -> None:
        self._xp = xp
        self.threads = threads

    def __repr__(self) -> str:
        return f"<FFT door: {self.signature}, {self.threads} thread{'s' if self.threads > 1 else ''}>"

    def fft(self, x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
        """Transform a complex array along ``axis``, cropped or zero-padded to ``n`` first."""
        return self.fftn(x, s=None if n is None else (n,), axes=(axis,), norm=norm)

    def ifft(self, x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
        """Invert :meth:`fft`."""
        return self.ifftn(x, s=None if n is None else (n,), axes=(axis,), norm=norm)

    def rfft(self, x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
        """Transform a real array along ``axis``; the result has ``n // 2 + 1`` samples there."""
        return self.rfftn(x, s=None if n is None else (n,), axes=(axis,), norm=norm)

    def irfft(self, x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
        """Invert :meth:`rfft`; ``n`` is the length of the real result, by default even."""
        return self.irfftn(x, s=None if n is None else (n,), axes=(axis,), norm=norm)

    def fftn(
        self,
        x: Array,
        /,
        *,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = None,
        norm: Norm = "backward",
    ) -> Array:
        """Transform a complex array along ``axes`` (all by default), each fitted to its length in ``s``."""
        return self._complex(x, s, axes, norm, forward=True)

    def ifftn(
        self,
        x: Array,
        /,
        *,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = None,
        norm: Norm = "backward",
    ) -> Array:
        """Invert :meth:`fftn`."""
        return self._complex(x, s, axes, norm, forward=False)

    def ifftn_reusing(self, x: Array, /, *, axes: Sequence[int]) -> Array:
        """Invert :meth:`fftn` for an array that is not needed any more: the result may lie in its memory."""
        return self.ifftn(x, axes=axes)

    def rfftn(
        self,
        x: Array,
        /,
        *,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = None,
        norm: Norm = "backward",
    ) -> Array:
        """Transform a real array along ``axes``; the last of them keeps its half of the spectrum."""
        x = _checked(x, "fd", "rfftn", norm)
        lengths, places = _lengths(x.shape, s, axes)
        x = self._fit(x, lengths, places)
        if x.size == 0:
            return self._nothing(x, places[-1], lengths[-1] // 2 + 1, "F" if x.dtype.char == "f" else "D")
        return self._r2c(x, places, norm)

    def irfftn(
        self,
        x: Array,
        /,
        *,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = None,
        norm: Norm = "backward",
    ) -> Array:
        """Invert :meth:`rfftn`; ``s`` holds the lengths of the real result, the last by default even."""
        x = _checked(x, "FD", "irfftn", norm)
        lengths, places = _lengths(x.shape, s, axes, half=True)
        x = self._fit(x, (*lengths[:-1], lengths[-1] // 2 + 1), places)
        if x.size == 0:
            return self._nothing(x, places[-1], lengths[-1], "f" if x.dtype.char == "F" else "d")
        return self._c2r(x, lengths, places, norm)

    def fftfreq(self, n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Array:
        """Return the frequencies of a complex transform of length ``n`` with sample spacing ``d``, in cycles per unit of ``d``."""
        return self._cast(self._xp.fft.fftfreq(n, d=d), dtype)

    def rfftfreq(self, n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Array:
        """Return the frequencies of a real transform: the half that it keeps."""
        return self._cast(self._xp.fft.rfftfreq(n, d=d), dtype)

    def fftshift(self, x: Array, /, *, axes: Any = None) -> Array:
        """Move zero frequency to the middle."""
        return self._xp.fft.fftshift(x, axes=axes)

    def ifftshift(self, x: Array, /, *, axes: Any = None) -> Array:
        """Invert :meth:`fftshift`."""
        return self._xp.fft.ifftshift(x, axes=axes)

    @staticmethod
    def _cast(frequencies: Array, dtype: Any) -> Array:
        # The libraries' own functions know no dtype; a device is that of the library, which has one.
        return frequencies if dtype is None else frequencies.astype(dtype)

    def _complex(self, x: Array, s: Sequence[int] | None, axes: Sequence[int] | None, norm: Norm, *, forward: bool) -> Array:
        x = _checked(x, "FD", "fftn" if forward else "ifftn", norm)
        lengths, places = _lengths(x.shape, s, axes)
        x = self._fit(x, lengths, places)
        if x.size == 0:
            return self._xp.empty(x.shape, dtype=x.dtype)
        return self._c2c(x, places, norm, forward)

    def _fit(self, x: Array, lengths: Sequence[int], axes: Sequence[int]) -> Array:
        """Return ``x`` cropped (a view) or zero-padded (a copy) at the end of each axis."""
        shape = list(x.shape)
        for length, axis in zip(lengths, axes, strict=True):
            shape[axis] = length
        if tuple(shape) == tuple(x.shape):
            return x
        common = tuple(slice(0, min(new, old)) for new, old in zip(shape, x.shape, strict=True))
        x = x[common]
        if tuple(shape) == tuple(x.shape):
            return x
        padded = self._xp.zeros(tuple(shape), dtype=x.dtype)
        padded[common] = x
        return padded

    def _nothing(self, x: Array, axis: int, length: int, char: str) -> Array:
        # Libraries disagree about batches of zero items; there is nothing to transform.
        shape = [length if place == axis else size for place, size in enumerate(x.shape)]
        return self._xp.empty(tuple(shape), dtype=char)

    def _c2c(self, x: Array, axes: tuple[int, ...], norm: Norm, forward: bool) -> Array:
        raise NotImplementedError

    def _r2c(self, x: Array, axes: tuple[int, ...], norm: Norm) -> Array:
        raise NotImplementedError

    def _c2r(self, x: Array, lengths: tuple[int, ...], axes: tuple[int, ...], norm: Norm) -> Array:
        raise NotImplementedError


def factor(lengths: Sequence[int], norm: Norm, forward: bool) -> float:
    """Return the number that an unscaled transform of these lengths is multiplied with under ``norm``.

    Parameters
    ----------
    lengths : sequence of int
        Lengths of the transformed axes (of the real array, for real transforms).
    norm : {"backward", "ortho", "forward"}
    forward : bool
        Whether the transform is the forward one.

    Returns
    -------
    float

    Examples
    --------
    >>> factor((4, 5), "backward", forward=False)
    0.05
    """
    if norm == "ortho":
        return 1.0 / math.sqrt(math.prod(lengths))
    return 1.0 / math.prod(lengths) if (norm == "forward") is forward else 1.0


def _checked(x: Array, chars: str, transform: str, norm: str) -> Array:
    """Refuse dtypes and norms that some provider would treat in its own way; return native byte order."""
    if norm not in NORMS:
        raise ParameterError("norm", "must be a known normalization", expected=" | ".join(NORMS), got=repr(norm))
    if x.dtype.char not in chars:
        real = chars == "fd"
        raise DtypeError(
            f"{transform} input",
            "must be real" if real else "must be complex",
            expected="float32 or float64" if real else "complex64 or complex128",
            got=str(x.dtype),
            remedy="Cast with xp.astype, or use the transform of the other kind.",
        )
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def _lengths(
    shape: Sequence[int], s: Sequence[int] | None, axes: Sequence[int] | None, half: bool = False
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the lengths to transform and the axes, counted from 0."""
    ndim = len(shape)
    if axes is None:
        if s is not None:
            raise ParameterError("axes", "must be given together with s", got=f"s={tuple(s)} alone")
        axes = range(ndim)
    places = tuple(_axis(axis, ndim) for axis in axes)
    if not places or len(set(places)) != len(places):
        raise ParameterError("axes", "must be unique and not empty", got=tuple(axes))
    if s is None:
        lengths = tuple(shape[axis] for axis in places)
        if half:
            lengths = (*lengths[:-1], 2 * (lengths[-1] - 1))
    else:
        lengths = tuple(operator.index(length) for length in s)
    if len(lengths) != len(places):
        raise ParameterError("s", "must have one length per axis", expected=len(places), got=len(lengths))
    if min(lengths) < 1:
        raise ParameterError("transform length", "must be at least 1", got=lengths)
    return lengths, places


def _axis(axis: int, ndim: int) -> int:
    place = operator.index(axis)
    if not -ndim <= place < ndim:
        raise ParameterError("axis", "must be an axis of the array", expected=f"-{ndim} to {ndim - 1}", got=place)
    return place % ndim
