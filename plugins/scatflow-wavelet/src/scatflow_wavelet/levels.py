"""Levels of a long wavelet transform as operators: bands of one octave from a smoothed, sampled signal, and that signal.

Not for users: ``wavelet`` wires them where its own reach exceeds a block.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scatflow.arrays import complex_dtype
from scatflow.contract import Ref, Window, Wire, operator, param, wire
from scatflow.errors import ChunkError
from scatflow.spec import ArraySpec, Cost, Place, itemsize
from scatflow_arrays.periodic import PeriodicCrop, PeriodicExtension
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.filtering import building_bytes, kept_samples, multipliers, stored_bytes
from scatflow_wavelet.layout import Grid
from scatflow_wavelet.morlet import Morlet
from scatflow_wavelet.parameters import FilterBank
from scatflow_wavelet.schedule import OCTAVES, edge_of, kept_edge, levels, reach_of
from scatflow_wavelet.schedule import Level as Octaves
from scatflow_wavelet.sharpening import Gaussian, Sharpened
from scatflow_wavelet.smoothing import averaged, low_pass
from scatflow_wavelet.spectrum import half_spectrum
from scatflow_wavelet.transform import Level, decompose

if TYPE_CHECKING:
    from scatflow_wavelet.wavelet import Wavelet

Array = Any


class _Periodic(FilterBank, Window):
    """Base of windows over a periodic signal, on multiples of 2^exponent of its samples."""

    exponent: int = param(0, "The signal lies on multiples of 2^exponent.", ge=0)
    blur: float = param(0.0, "Standard deviation of the Gaussian that has smoothed it, in samples of the signal.", ge=0)
    T: float | None = param(None, "Averaging scale of the low-pass in samples of the signal, default 2^J.")

    def averaging(self) -> float | None:
        """Return T, or None for 2^J."""
        return self.T

    @abstractmethod
    def step(self) -> int:
        """Return the step of the result in samples of the input."""

    def align(self) -> Mapping[str, int]:
        """Return where blocks start: on the grid of the result."""
        return dict.fromkeys(self.signature.roles, self.step())

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return none: the signal is periodic."""
        return dict.fromkeys(at.size, (0, 0))

    def has_absence(self) -> bool:
        """Return False: on the periodic grid nothing is the end of the signal."""
        return False

    def _around(self, samples: float) -> Mapping[str, tuple[int, int]]:
        """Return a reach in samples of the whole signal per role, in those of the input."""
        reach, ndim = math.ceil(samples / 2**self.exponent), len(self.dims or self.signature.roles)
        return dict.fromkeys(self.signature.roles[-ndim:], (reach, reach))

    def _strided(self, spec: ArraySpec) -> ArraySpec:
        for dim in self.core(spec):
            spec = spec.strided(dim, self.step())
        return replace(spec, coords={}, attrs={})


@operator("wavelet_smoothing", version=1, signature="(z?,y?,x)->(z?,y?,x)", linear=True, boundaries=("periodic",))
class WaveletSmoothing(_Periodic):
    """The signal of the next level: smoothed by a Gaussian and sampled."""

    to_exponent: int = param(doc="The result lies on multiples of 2^to_exponent.", ge=0)
    to_blur: float = param(doc="Standard deviation of the Gaussian that has smoothed it in all, in samples of the signal.", gt=0)

    def step(self) -> int:
        """Return the step of the result in samples of the input."""
        return int(2 ** (self.to_exponent - self.exponent))

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the samples."""
        return self._strided(specs[0])

    def _rest(self) -> float:
        return math.sqrt(self.to_blur**2 - self.blur**2)

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return where the Gaussian has fallen to a tenth of the tolerance: later levels divide by it."""
        return self._around(self._rest() * math.sqrt(2 * math.log(10 / tol)))

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build the Gaussian for one block shape."""
        grid = Grid(tuple(block.shape), 2**self.exponent)
        return {"low": low_pass(Gaussian(self._rest(), len(block.shape)), grid, 2**self.to_exponent, xp, block.dtype, device)}

    def apply(self, xp: Any, *blocks: Array, **prepared: Any) -> Array:
        """Smooth one block."""
        (block,), low = blocks, prepared["low"]
        return averaged(xp, block, lambda: half_spectrum(xp, block, len(low.target)), low)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops of a transform, and bytes of it."""
        size = math.prod(specs[0].shape)
        return Cost(5.0 * size * math.log2(max(2, size)), 4 * specs[0].nbytes)


@operator("wavelet_level", version=1, signature="(z?,y?,x)->(path,z?,y?,x)", linear=True, boundaries=("periodic",))
class WaveletLevel(_Periodic):
    """One result of a wavelet transform from the signal that a Gaussian has smoothed and sampled."""

    level: Level = param(doc="Bands, step and factor of the result, in samples of the whole signal.")
    octave: int = param(doc="Octave of the bands; that of the last level for the low-pass.", ge=0)

    def step(self) -> int:
        """Return the step of the result in samples of the input."""
        return self.level.stride >> self.exponent

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the bands: no coordinates, which those of the whole transform have."""
        spec = self._strided(specs[0])
        ndim = len(self.core(specs[0]))
        return spec.with_dim("path", len(self.level), at=len(spec.dims) - ndim).with_dtype(complex_dtype(spec.dtype))

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the tabulated reach of bands up to the octave."""
        bank = self.bank(len(self.dims or self.signature.roles))
        high = min(self.octave + 1, self.J)
        return self._around(reach_of([bank, bank], high, high == self.J, -1, tol))

    def _near(self) -> Level:
        """Return the level in samples of the input."""
        return replace(self.level, stride=self.step(), grid=self.level.grid >> self.exponent)

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build filters for one block shape."""
        bank, grid = Sharpened(self.bank(len(block.shape)), self.blur), Grid(tuple(block.shape), 2**self.exponent)
        near, level = self._near(), self.level
        bands = {level.name: multipliers(bank, level.bands, grid, near.grid, xp, block.dtype, device)} if level.bands else {}
        low = (low_pass(bank, grid, level.grid, xp, block.dtype, device),) if level.low else ()
        return {"bands": bands, "low": low}

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Any) -> Array:
        """Compute one block, which starts on the grid of the result."""
        near, whole = self._near(), slice(None, None, self._near().stride // self._near().grid)
        return decompose(xp, blocks[0], (near,), prepared["bands"], prepared["low"], {near.name: (whole,) * len(at.start)})[
            near.name
        ]

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops, and bytes of filters, spectra and untrimmed results."""
        (spec,), ndim = specs, len(self.core(specs[0]))
        shape, count = spec.shape[len(spec.dims) - ndim :], math.prod(spec.shape[: len(spec.dims) - ndim])
        bank, near, size, real = self.bank(ndim), self._near(), math.prod(shape), itemsize(spec.dtype)
        grid, coarse = Grid(tuple(shape), 2**self.exponent), size // near.grid**ndim
        kept = sum(kept_samples(bank, n, grid, near.grid) for n in near.bands)
        stored = sum(stored_bytes(bank, n, grid, near.grid, real) for n in near.bands)
        flops = 2.5 * size * math.log2(max(2, size)) + 4 * kept + len(near) * 5 * coarse * math.log2(max(2, coarse))
        planes = count * (3 * real * size + len(near) * 8 * real * coarse)
        return Cost(count * flops, stored + max(planes, building_bytes(bank, size, stored)))


def cascade(transform: Wavelet, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire] | None:
    """Return the results of a transform, each from the coarsest signal that has its frequencies; None where it is too short for levels.

    Parameters
    ----------
    transform : Wavelet
        Its core dims and boundary rules named.
    ref : Ref
        The signal.
    spec : ArraySpec
        Its labels, in kernel order.
    at : Place
        The extended signal.

    Raises
    ------
    ChunkError
        Results of large scales are wanted at every sample.
    """
    names = tuple(transform.dims or ())
    if not _can_be_cut(transform, spec):
        return None
    bank = transform.bank(len(names))
    found = levels([bank], transform.J, transform.oversampling, OCTAVES[len(names)], least=1)
    if len(found) == 1 or edge_of(bank) > kept_edge(found[-2]):
        return None
    if transform.stride != "octave":
        raise ChunkError(f"{transform.name}.stride", "results on one grid are too fine for octaves one after the other", expected='"octave"',
                         got=transform.stride, remedy='Use stride="octave" for one result per octave, as finely sampled as its scale needs, '
                         'or a smaller J.')  # fmt: skip
    extension = PeriodicExtension.of(names, transform.boundary, at)
    shared: dict[str, Any] = {name: getattr(transform, name) for name in ("dims", "J", "Q", "L", "filters", "metric", "T", "dtype")}
    shared |= {"nan": transform.nan, "boundary": "periodic"}
    signals: list[Wire] = []
    for one in found[:-1]:
        to: dict[str, Any] = {"to_exponent": one.field_exponent, "to_blur": one.field_blur}
        smoothing = WaveletSmoothing(exponent=one.exponent, blur=one.blur, **to, **shared)
        signals.append(wire(smoothing, signals[-1] if signals else wire(extension, ref)))
    results = {}
    for level in transform.levels(len(names)):
        number = _number(found, level, bank)
        # An extension of its own for each result: one that several stages share would be stored.
        signal = signals[number - 1] if number else wire(extension, ref)
        octave = transform.J if level.low else bank.bands[level.bands[0]].j
        bands = WaveletLevel(level=level, octave=octave, exponent=found[number].exponent, blur=found[number].blur, **shared)
        crop = PeriodicCrop(samples={dim: extension.inside(dim, spec.sizes[dim], level.stride, level.stride) for dim in names})
        results[level.name] = wire(crop, wire(bands, signal))
    return results


def _can_be_cut(transform: Wavelet, spec: ArraySpec) -> bool:
    ndim = len(transform.dims or ())
    plain = ndim in OCTAVES and isinstance(transform.filters, Morlet) and transform.missing is None
    return plain and not spec.dtype.startswith("complex") and set(transform.aspect(ndim)) == {1.0}


def _number(found: tuple[Octaves, ...], level: Level, bank: Bank) -> int:
    """Return which level a result belongs to: the low-pass, and bands beyond the last octave, to the last."""
    last = len(found) - 1
    return last if level.low else next((k for k, one in enumerate(found) if bank.bands[level.bands[0]].j < one.high), last)
