"""Wavelet transforms one axis at a time, for fields larger than memory: filters on whole lines of a spectrum, and what is wired of them.

The spectrum along all axes is computed once (:mod:`scatflow_arrays.pencils`). Of every box of its lines along the first axis
:class:`FilteredLines` takes the products with all filters, evaluated for the frequencies of the box alone, adds up aliases along that axis
and transforms back; the other axes follow one by one.

Of real data the half spectrum along the last axis is enough: bands are complex, and their negative frequencies along it are conjugates
of what the opposite filter, ``psi(-w)``, makes of the positive ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from scatflow.arrays import real_dtype
from scatflow.contract import Filters, Ref, Whole, Wire, operator, param, wire
from scatflow.errors import ChunkError
from scatflow.spec import ArraySpec, Cost, Place, itemsize
from scatflow_arrays.pencils import SENSE, AxisFourier, AxisInverse, folded, kept, window_of
from scatflow_arrays.periodic import PeriodicExtension, Samples
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.family import WaveletFamily
from scatflow_wavelet.layout import Grid, Part, Real

if TYPE_CHECKING:
    from scatflow_wavelet.wavelet import Wavelet

Array = Any


@operator("filtered_lines", version=1, signature="(x)->(path,sense,x)", dtypes="c", linear=True)
class FilteredLines(Whole):
    """Filters of a bank applied to whole lines of a spectrum along its first axis, which is transformed back and sampled.

    Lies between :class:`~scatflow_arrays.pencils.AxisFourier` and :class:`~scatflow_arrays.pencils.AxisInverse`. The other axes of the
    spectrum are batch dims of the block, ``at.batch`` tells which of their frequencies it has.

    Returns
    -------
    DataArray
        Complex lines, and before their dim those of filters and of ``psi(w)`` and ``psi(-w)``, where these are named or asked for.
    """

    filters: Filters = param(doc="The family.")
    J: int = param(doc="Octaves of the bank.", ge=0)
    voices: int = param(doc="Bands per octave of the bank.", ge=1)
    T: float | None = param(None, "Averaging scale of the low-pass.")
    aspect: tuple[float, ...] = param(doc="Geometry of the bank.")
    full_circle: bool = param(False, "Whether the bank has opposite wave vectors.")
    low: bool = param(False, "Whether the low-pass comes first.")
    bands: tuple[int, ...] = param((), "Band-pass filters, by number.")
    lengths: tuple[int, ...] = param(doc="Samples of the periodic grid along every axis of the bank.")
    exponent: int = param(0, "The grid lies on multiples of 2^exponent samples of the bank.", ge=0)
    factor: int = param(1, "Samples of the grid per sample of the result.", ge=1)
    keep: Samples | None = param(None, "Samples of the result that are kept: first, one past the last, step; default all.")
    across: tuple[str, ...] = param(doc="Dims of the other axes, in the order of the bank.")
    places: tuple[int, ...] = param((), "Their places among the batch axes; filled in from labels.")
    dim: str | None = param(None, "Dim of the filters; none for a single one.")
    both: bool = param(False, "Also with psi(-w), on a dim of its own.")

    def resolve(self, *specs: ArraySpec) -> FilteredLines:
        """Return the operator with the places of the other axes."""
        return self.replace(places=tuple(specs[0].dims.index(dim) for dim in self.across))

    def bank(self) -> Bank:
        """Return the bank."""
        assert isinstance(self.filters, WaveletFamily)
        return Bank(self.filters, self.J, self.voices, self.T, self.aspect, self.full_circle)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the lines that are kept, of every filter."""
        (spec,) = specs
        *_, last = spec.dims
        result = spec.without(last)
        if self.dim is not None:
            result = result.with_dim(self.dim, self.low + len(self.bands))
        if self.both:
            result = result.with_dim(SENSE, 2)
        return result.with_dim(last, len(kept(self.lengths[0] // self.factor, self.keep)))

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Any) -> Array:
        """Filter one block."""
        (block,), bank = blocks, self.bank()
        part = ((0, self.lengths[0]), *(window_of(at, place) for place in self.places))
        grid, ndim = Grid(self.lengths, 2**self.exponent), block.ndim
        real, count = real_dtype(str(block.dtype).rpartition(".")[2]), len(kept(self.lengths[0] // self.factor, self.keep))
        planes = self._planes(bank, grid, part)
        out = xp.empty((*block.shape[:-1], len(planes), count), dtype=block.dtype, device=block.device)
        for k, plane in enumerate(planes):
            values = xp.asarray(self._placed(plane(), ndim).astype(real), device=block.device)
            line = xp.fft.ifft(folded(xp, block * values, self.factor), axis=-1)
            out[..., k, :] = line[..., slice(*self.keep)] if self.keep else line
        named = [size for size, there in ((self.low + len(self.bands), self.dim is not None), (2, self.both)) if there]
        return xp.reshape(out, (*block.shape[:-1], *named, count))

    def _planes(self, bank: Bank, grid: Grid, part: Part) -> list[Any]:
        """Return what evaluates every filter on a part of the frequencies, in the order of the result."""
        senses = (False, True) if self.both else (False,)
        found: list[Any] = [lambda: bank.low_part(grid, part)] * (len(senses) if self.low else 0)
        return found + [lambda n=n, s=s: bank.band_part(n, grid, part, s) for n in self.bands for s in senses]

    def _placed(self, plane: Real, ndim: int) -> Real:
        """Return a filter with its axes where the block has them: the first last, the others at their places."""
        order = sorted(range(len(self.places)), key=lambda k: self.places[k])
        moved = plane.transpose([*(k + 1 for k in order), 0])
        shape = [1] * ndim
        for axis, size in zip((*sorted(self.places), ndim - 1), moved.shape, strict=True):
            shape[axis] = size
        return moved.reshape(shape)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops, and bytes of a filter while it is evaluated, of a product and of what becomes of it."""
        (spec,) = specs
        size, each = math.prod(spec.shape), itemsize(spec.dtype)
        names = spec.dims[len(spec.dims) - len(self.across) - 1 :] if not self.across else (*self.across, spec.dims[-1])
        plane = math.prod(spec.sizes[dim] for dim in names)
        short, count = size // self.factor, (self.low + len(self.bands)) * (1 + self.both)
        flops = count * (40 * plane + 8 * size + 5 * short * math.log2(max(2, self.lengths[0] // self.factor)))
        return Cost(float(flops), each * (2 * size + 2 * short) + 10 * 8 * plane)


def fourier(source: Ref | Wire, names: Sequence[str], dtype: Literal["float32", "float64"] | None = None) -> Wire:
    """Return the spectrum of a periodic signal along all of its core dims, the last one first."""
    found = source
    for dim in reversed(names):
        found = wire(AxisFourier(dims=(dim,), dtype=dtype), found)
        dtype = None
    assert isinstance(found, Wire)
    return found


def check_pencils(transform: Any, spec: ArraySpec, family: WaveletFamily) -> None:
    """Raise ChunkError for what cannot be computed one axis at a time: a single axis, filters without parts.

    Parameters
    ----------
    transform : Window
        With its dims named.
    spec : ArraySpec
        Labels of the input.
    family : WaveletFamily
        Its filters.
    """
    subject = f"operator {transform.name}"
    if len(transform.dims) < 2:
        raise ChunkError(subject, "along one core dim a task would hold whole lines, which is all there is", expected="two or three core dims",
                         got=transform.dims, remedy='Use strategy="halo" or "pyramid" with filters="morlet".', code="PencilsUnfit")  # fmt: skip
    if SENSE in spec.dims:
        raise ChunkError(
            subject, f"its input has a dim {SENSE!r}, whose name pencils need", remedy="Rename it.", code="PencilsUnfit"
        )
    if not family.in_parts:
        raise family.no_parts()


def wavelet_pencils(transform: Wavelet, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire]:
    """Return a wavelet transform one axis at a time, by result.

    Parameters
    ----------
    transform : Wavelet
        Bound to labels, its boundary rules named.
    ref : Ref
        The signal.
    spec : ArraySpec
        Its labels, in kernel order.
    at : Place
        The extended signal.

    Raises
    ------
    ChunkError
        It cannot be computed so, with the reason.
    """
    check_pencils(transform, spec, transform.family())
    names, complex_input = tuple(transform.dims or ()), spec.dtype.startswith("complex")
    extension = PeriodicExtension.of(names, transform.boundary, at)
    spectrum = fourier(wire(extension, ref), names, transform.dtype)
    bank = transform.bank(len(names), full_circle=complex_input)
    lengths, found = extension.lengths, {}
    for level in transform.levels(len(names), complex_input):
        keep = [extension.inside(dim, spec.sizes[dim], level.stride, level.grid) for dim in names]
        lines = filtered_lines(
            bank, names, lengths, level.grid, keep[0], low=level.low, bands=level.bands, dim="path", both=not complex_input
        )
        found[level.name] = inverse(wire(lines, spectrum), names, lengths, level.grid, not complex_input, keep, level.scale)
    return found


def filtered_lines(
    bank: Bank, names: Sequence[str], lengths: tuple[int, ...], factor: int, keep: Samples | None, **more: Any
) -> FilteredLines:
    """Return the filters of a bank on lines along the first of some dims."""
    return FilteredLines(dims=(names[0],), across=tuple(names[1:]), lengths=lengths, factor=factor, keep=keep, filters=bank.family, J=bank.J,
                         voices=bank.voices, T=bank.T, aspect=bank.aspect, full_circle=bank.full_circle, **more)  # fmt: skip


def inverse(
    lines: Wire, names: Sequence[str], lengths: tuple[int, ...], factor: int, both: bool, keep: Sequence[Samples | None] = (),
    scale: float = 1.0,
) -> Wire:  # fmt: skip
    """Return filtered lines transformed back along all dims but the first, which is done: complex bands.

    Parameters
    ----------
    lines : Wire
        What :class:`FilteredLines` makes.
    names : sequence of str
        Core dims in kernel order.
    lengths : tuple of int
        Samples of the periodic grid along each.
    factor : int
        Samples of the grid per sample of the result.
    both : bool
        Whether lines are half spectra along the last dim, with the opposite filters on a dim of their own.
    keep : sequence, optional
        Samples that are kept along every dim, default all.
    scale : float, optional
        Factor on the result.
    """
    found = lines
    for axis, dim in list(enumerate(names))[1:]:
        last = axis == len(names) - 1
        part = keep[axis] if keep else None
        one = AxisInverse(dims=(SENSE, dim) if last and both else (dim,), length=lengths[axis], factor=factor, keep=part,
                          scale=scale if last else 1.0)  # fmt: skip
        found = wire(one, found)
    return found
