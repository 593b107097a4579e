"""White noise filtered to a spectrum: in one block, or one axis at a time where the field is larger than memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from scatflow.contract import Operator, Ref, Whole, Window, Wire, operator, param, wire
from scatflow.errors import ChunkError, ParameterError
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_arrays.pencils import AxisFourier, AxisInverse, window_of
from scatflow_processes.modes import Reals, shell_width, wave_numbers
from scatflow_processes.operators.flow_vectors import length_unit
from scatflow_processes.references_gaussian import RANDOM_FIELDS
from scatflow_processes.spectra import power_at, shell_factors
from scatflow_processes.spectral_parameters import Spectral

Array = Any


@operator(
    "gaussian_filter",
    version=1,
    signature="(z?,y?,x)->(z?,y?,x)",
    linear=True,
    boundaries=("periodic",),
    references=(RANDOM_FIELDS,),
    aliases=("shaped_noise", "spectral_shaping"),
    equation=r"\mathrm{ifft}(\sqrt{P} \, \mathrm{fft}(w))",
)
class GaussianFilter(Spectral, Window):
    """Filter periodic white noise to a named spectrum: of the source ``white_noise`` it makes what ``gaussian_field`` delivers.

    Jobs with ``strategy="pencil"`` do it one axis at a time, for fields larger than memory. It has no finite reach, so fields are never cut
    into blocks with a halo.

    Examples
    --------
    >>> import numpy as np
    >>> GaussianFilter().apply(np, np.array([1.0, 2.0]), amplitude=np.array([1.0, 0.0])).tolist()
    [1.5, 1.5]
    """

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Refuse coordinates of different units, of which there is no ``|k|``."""
        length_unit([axis_of(specs[0], dim, self.sampling) for dim in self.dims or ()], self.name)
        return self

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels of the noise, which had a unit that the field has not."""
        return specs[0].with_attrs(units=None, long_name="Gaussian field", **self.spectrum_attrs())

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Refuse: all samples count everywhere."""
        raise ChunkError(f"operator {self.name}", "a spectrum of the whole field has no finite reach", code="NoReach",
                         remedy='Use strategy="pencil", or more memory per worker.')  # fmt: skip

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Extend nothing: the field is periodic."""
        return dict.fromkeys(at.core, (0, 0))

    def prepare(self, xp: Any, block: ArraySpec, device: Any, at: Place | None = None) -> Mapping[str, Array]:
        """Build the amplitudes of the half spectrum."""
        assert at is not None, "the engine tells where the block lies"
        spacing = [abs(at.step[role]) for role in block.dims]
        factors = self._factors(block.shape, spacing)
        window = [(0, n) for n in block.shape[:-1]] + [(0, block.shape[-1] // 2 + 1)]
        amplitude = part_amplitude(self, block.shape, spacing, factors, window)
        return {"amplitude": xp.asarray(amplitude, dtype=getattr(xp, block.dtype), device=device)}

    def apply(self, xp: Any, *blocks: Array, amplitude: Array, **prepared: Array) -> Array:
        """Filter one block."""
        (x,) = blocks
        axes = tuple(range(-amplitude.ndim, 0))
        shape = tuple(x.shape[x.ndim - amplitude.ndim :])
        return xp.fft.irfftn(xp.fft.rfftn(x, axes=axes) * amplitude, s=shape, axes=axes)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare transforms, and the spectrum twice."""
        size = math.prod(specs[0].shape)
        return Cost(flops=5.0 * size * math.log2(max(2, size)), bytes=3 * specs[0].nbytes)

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Wire:
        """Wire transforms along one axis after another, the product, and the way back."""
        names = self.dims or ()
        if len(names) < 2:
            raise ChunkError(f"operator {self.name}", "along one core dim a task would hold whole lines, which is all there is",
                             expected="two or three core dims", got=names, code="PencilsUnfit")  # fmt: skip
        shape, spacing = tuple(spec.sizes[dim] for dim in names), tuple(abs(at.step[role]) for role in at.step)
        found: Ref | Wire = ref
        for dim in reversed(names):
            found = wire(AxisFourier(dims=(dim,), dtype=self.dtype if found is ref else None), found)
        kept = {key: getattr(self, key) for key in Spectral.model_fields}
        factors = tuple(self._factors(shape, spacing).tolist())
        found = wire(ShapedLines(dims=(names[0],), across=names[1:], shape=shape, spacing=spacing, factors=factors, **kept), found)
        for n, dim in enumerate(names):
            found = wire(AxisInverse(dims=(dim,), length=shape[n], real=n == len(names) - 1), found)
        assert isinstance(found, Wire)
        return found

    def _factors(self, shape: tuple[int, ...], spacing: Any) -> Reals:
        try:
            return shell_factors(self.named_spectrum(), shape, spacing, self.std)
        except ValueError as error:
            raise ParameterError(f"{self.name}.spectrum", str(error)) from error

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one with each kind of spectrum."""
        for name in ("white", "matern", "kolmogorov", "vorticity", "direct_cascade"):
            yield cls(spectrum=name, boundary="periodic")
        yield cls(spectrum="power_law", given="mode", exponent=1.0, std=None, boundary="periodic")
        yield cls(spectrum="table", given="shell", table_k=(1e-3, 1e3), table_values=(1.0, 2.0), boundary="periodic")


@operator("shaped_lines", version=1, signature="(x)->(x)", dtypes="c", linear=True)
class ShapedLines(Spectral, Whole):
    """Whole lines of a spectrum along its first axis, times the amplitude of a Gaussian field. Not in the catalog: see GaussianFilter."""

    across: tuple[str, ...] = param(doc="Dims of the other axes, in the order of the grid.")
    shape: tuple[int, ...] = param(doc="Samples along every axis.")
    spacing: tuple[float, ...] = param(doc="Distance of samples along every axis.")
    factors: tuple[float, ...] = param(doc="Of the shells of the whole grid.")
    places: tuple[int, ...] = param((), "Places of the other axes among the batch axes; filled in from labels.")

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the places of the other axes."""
        return self.replace(places=tuple(specs[0].dims.index(dim) for dim in self.across))

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Shape one block."""
        (x,) = blocks
        window = [(0, self.shape[0]), *(window_of(at, place) for place in self.places)]
        amplitude = part_amplitude(self, self.shape, self.spacing, np.asarray(self.factors), window)
        order = sorted(range(len(self.places)), key=lambda k: self.places[k])
        moved = amplitude.transpose([*(k + 1 for k in order), 0])
        lengths = [1] * x.ndim
        for axis, size in zip((*sorted(self.places), x.ndim - 1), moved.shape, strict=True):
            lengths[axis] = size
        real = xp.float32 if x.dtype == xp.complex64 else xp.float64
        return x * xp.asarray(moved.reshape(lengths), dtype=real, device=x.device)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare the amplitudes of the block while they are evaluated."""
        size = math.prod(specs[0].shape)
        return Cost(flops=40.0 * size, bytes=6 * 8 * size)


def part_amplitude(spectral: Spectral, shape: Any, spacing: Any, factors: Reals, window: list[tuple[int, int]]) -> Reals:
    """Return the root of the power of a part of the modes: ranges of FFT indices along every axis."""
    k = wave_numbers(shape, spacing, window)
    return np.sqrt(power_at(spectral.named_spectrum(), k, spacing, factors, shell_width(shape, spacing)))
