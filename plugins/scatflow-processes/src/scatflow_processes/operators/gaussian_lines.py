"""Gaussian models of fields larger than memory, one axis at a time: noise by position, and what it makes of a spectrum.

Not in the catalog: the operator ``gaussian_model`` wires these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scatflow.arrays import normal
from scatflow.contract import Dims, Operator, Whole, operator, param
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_arrays.pencils import OverGrid, pooled_spectrum, window_of
from scatflow_processes.gaussian_model import driven, with_power
from scatflow_processes.half_spectra import binned, shell_count, shell_of, shell_sums, square
from scatflow_processes.modes import Reals, shell_width, twins
from scatflow_processes.operators.drawing import DIM, Drawing
from scatflow_processes.operators.filtering import part_amplitude
from scatflow_processes.spectral_parameters import Spectral

Array = Any
#: Dim of shells.
SHELL = "modes_shell"


@operator("noise_lines", version=1, signature="(x)->(surrogate,x)", stochastic=True)
class NoiseLines(Drawing):
    """White noise along whole lines of the last axis of a field, of which only the positions count."""

    across: tuple[str, ...] = param(doc="The other dims of the field, in order.")
    shape: tuple[int, ...] = param(doc="Samples along all of them and the last.")
    slow: tuple[int, ...] = param((), "Places of the other dims among the batch axes; filled in from labels.")

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the places of dims."""
        batch, _ = self._split(specs[0])
        return self.replace(
            places=tuple(batch.index(dim) for dim in self.shared or ()), slow=tuple(batch.index(dim) for dim in self.across)
        )

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Return the noise of one block: of surrogate s the numbers from position times length on."""
        (x,) = blocks
        n = x.shape[-1]

        def line(surrogate: int, *index: int) -> Reals:
            start = int(np.ravel_multi_index([index[place] for place in self.slow], self.shape[:-1])) * n
            item = [number for place, number in enumerate(index) if place not in self.slow]
            return normal(self.seed, start, n, stream=(surrogate, *item))

        found = self.numbered(xp, x, at, line, x.dtype)
        return xp.broadcast_to(found, (*x.shape[:-1], self.surrogates, n))


@operator("shell_power", version=1, signature="()->(shell)", dtypes="c")
class ShellPower(OverGrid):
    """Mean power ``|X|^2 / d`` of the modes of each shell, from parts of a half spectrum."""

    dims: Dims | None = param((), "None: those of the spectrum are in `over`, in order.")
    shape: tuple[int, ...] = param(doc="Samples along every axis of the field.")
    spacing: tuple[float, ...] = param(doc="Distance of samples along every axis.")
    width: float = param(doc="Of the shells, in rad per unit of the spacing.", gt=0)
    with_mean: bool = param(doc="Whether the mean of the field counts as a mode of the first shell.")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the shells."""
        bare = specs[0].without(*(self.over or ())).with_dtype("float64").with_attrs(units=None)
        return bare.with_dim(SHELL, shell_count(self.shape, self.spacing, self.width))

    def chunk(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> tuple[Array, ...]:
        """Return the sums of one block, and the numbers of modes."""
        block, window = pooled_spectrum(xp, blocks[0], at, self.axes)
        ndim = len(window)
        count = shell_count(self.shape, self.spacing, self.width)
        found = binned(shell_of(self.shape, self.spacing, self.width, window), count, self.shape, window=window)
        twice = twins(self.shape[-1])[window[-1][0] : window[-1][1]]
        device = getattr(block, "device", None)
        power = xp.astype(square(xp, block), xp.float64) * xp.asarray(twice, device=device)
        modes = xp.asarray(found.modes[:, 0], device=device)
        if not self.with_mean and all(low == 0 for low, _ in window):
            power[(..., *(0,) * ndim)] = 0.0
            modes[0] -= 1.0
        sums = shell_sums(xp, power, ndim, xp.asarray(found.order, device=device), found.bounds)
        return sums / math.prod(self.shape), xp.broadcast_to(modes, sums.shape)

    def finalize(self, xp: Any, *state: Array) -> Array:
        """Return the means over shells."""
        sums, modes = state
        return sums / xp.where(modes > 0, modes, xp.ones_like(modes))

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare sorting of the modes, and their squares."""
        size = math.prod(specs[0].shape)
        return Cost(100.0 * size, 120 * size)


@operator("shell_lines", version=1, signature="(x),()->(x)", inputs=("spectrum", "power"), dtypes="fc")
class ShellLines(Whole):
    """A spectrum with the mean power of its shells and its own phases, along whole lines of the first axis."""

    across: tuple[str, ...] = param(doc="Dims of the other axes, in the order of the grid.")
    shape: tuple[int, ...] = param(doc="Samples along every axis.")
    spacing: tuple[float, ...] = param(doc="Distance of samples along every axis.")
    places: tuple[int, ...] = param((), "Places of the other axes among the batch axes; filled in from labels.")

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the places of the other axes."""
        return self.replace(places=tuple(specs[0].dims.index(dim) for dim in self.across))

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the spectrum."""
        return specs[0]

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Compute one block."""
        spectrum, power = blocks[0][..., 0, :], blocks[1]  # both have the dim of shells: one of them of length 1
        slow, lead = sorted(self.places), spectrum.ndim - 1
        window = [(0, self.shape[0]), *(window_of(at, place) for place in self.places)]
        number = shell_of(self.shape, self.spacing, shell_width(self.shape, self.spacing), window)
        number = number.transpose([*(self.places.index(place) + 1 for place in slow), 0])
        found = xp.take(power, xp.asarray(number.ravel(), device=spectrum.device), axis=-1)
        found = xp.reshape(found, (*power.shape[:-1], *number.shape))
        # (batch with ones along the other axes, other axes, first axis): the axes go where the ones are.
        order = [lead + slow.index(axis) if axis in slow else axis for axis in range(lead)]
        found = xp.permute_dims(found, (*order, found.ndim - 1, *slow))
        found = xp.reshape(found, found.shape[: lead + 1])
        real = xp.float32 if spectrum.dtype == xp.complex64 else xp.float64
        found = with_power(xp, spectrum, xp.astype(found, real), math.prod(self.shape))
        return _with_mean_of(xp, found, spectrum, at, self.places)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare the shells of the block."""
        size = math.prod(specs[0].shape)
        return Cost(40.0 * size, 60 * size)


@operator("driven_lines", version=1, signature="(x),(x)->(x)", inputs=("spectrum", "noise"), dtypes="c", stochastic=True)
class DrivenLines(Whole):
    """Spectra of samples of the model, from those of the field and of noise; along whole lines of the first axis."""

    across: tuple[str, ...] = param(doc="Dims of the other axes, in the order of the grid.")
    shape: tuple[int, ...] = param(doc="Samples along every axis.")
    phase_only: bool = param(False, "Keep all moduli and draw phases alone.")
    places: tuple[int, ...] = param((), "Places of the other axes among the batch axes; filled in from labels.")

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the places of the other axes."""
        return self.replace(places=tuple(specs[0].dims.index(dim) for dim in self.across))

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the spectra of the surrogates."""
        spectrum, noise = specs
        return spectrum.with_dim(DIM, noise.sizes[DIM], {DIM: noise.coords[DIM]}, at=len(spectrum.dims) - 1)

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Compute one block; the mean of the field stays."""
        spectrum, noise = blocks[:2]
        found = driven(xp, spectrum, noise, math.prod(self.shape), self.phase_only)
        return _with_mean_of(xp, found, spectrum, at, self.places)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare the product and the moduli."""
        size = math.prod(specs[1].shape)
        return Cost(20.0 * size, 3 * specs[1].nbytes)


def _with_mean_of(xp: Any, found: Array, spectrum: Array, at: Place, places: Sequence[int]) -> Array:
    """Return a part of a spectrum, lines along the last axis, that has its zero frequency, if it is there, from another one."""
    if any(window_of(at, place)[0] for place in places):
        return found
    zero = (*(0 if axis in places else slice(None) for axis in range(found.ndim - 1)), 0)
    found[zero] = (spectrum + xp.zeros_like(found))[zero]
    return found


@operator("mode_density", version=1, signature="()->()", dtypes="c")
class ModeDensity(Spectral, OverGrid):
    """Minus the log-density per site of fields under a stationary Gaussian law, from parts of their half spectra."""

    dims: Dims | None = param((), "None: those of the spectrum are in `over`, in order.")
    mean: float = param(0.0, "Mean of the law.")
    shape: tuple[int, ...] = param(doc="Samples along every axis of the field.")
    spacing: tuple[float, ...] = param(doc="Distance of samples along every axis.")
    factors: tuple[float, ...] = param(doc="Of the shells of the whole grid.")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare a number for every field."""
        return specs[0].without(*(self.over or ())).with_dtype("float64")

    def chunk(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> tuple[Array, ...]:
        """Return sums over modes of the logarithms and the quotients, and their number."""
        block, window = pooled_spectrum(xp, blocks[0], at, self.axes)
        block = xp.astype(block, xp.complex128)
        if self.mean and all(low == 0 for low, _ in window):
            block[(..., *(0,) * len(window))] -= self.mean * math.prod(self.shape)
        power = part_amplitude(self, self.shape, self.spacing, np.asarray(self.factors), list(window)) ** 2
        twice = np.broadcast_to(twins(self.shape[-1])[window[-1][0] : window[-1][1]], power.shape)
        used = power > 0
        weight = np.where(used, twice / np.where(used, power, 1.0), 0.0) / math.prod(self.shape)
        device = getattr(block, "device", None)
        quotients = xp.sum(square(xp, block) * xp.asarray(weight, device=device), axis=tuple(range(-len(window), 0)))
        known = (float((np.log(power[used]) * twice[used]).sum()), float(twice[used].sum()))
        return quotients, *(xp.full_like(quotients, value) for value in known)

    def finalize(self, xp: Any, *state: Array) -> Array:
        """Return the values."""
        quotients, logarithms, count = state
        return 0.5 * math.log(2 * math.pi) + 0.5 * (logarithms + quotients) / count

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare the amplitudes of the block while they are evaluated."""
        size = math.prod(specs[0].shape)
        return Cost(60.0 * size, 120 * size)
