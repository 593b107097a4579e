"""What stands behind the levels of a long transform, as operators: last low-pass, paths.

Not for users: :mod:`scatflow_scattering.cascade` wires them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scatflow.contract import Pointwise, Window, operator, param
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_scattering.averages import low_passes
from scatflow_wavelet.parameters import FilterBank
from scatflow_wavelet.sharpening import Sharpened
from scatflow_wavelet.smoothing import averaged
from scatflow_wavelet.spectrum import half_spectrum

Array = Any


@operator("scattering_window", version=1, signature="(z?,y?,x)->(z?,y?,x)", linear=True, boundaries=("periodic",))
class ScatteringWindow(FilterBank, Window):
    """The last low-pass of averages that a Gaussian has smoothed and sampled."""

    exponent: int = param(doc="They lie on multiples of 2^exponent.", ge=0)
    blur: float = param(doc="Standard deviation of the Gaussian in samples of the signal.", gt=0)
    T: float | None = param(None, "Averaging scale in samples of the signal, default 2^J.")

    def averaging(self) -> float | None:
        """Return T, or None for 2^J."""
        return self.T

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare averages on multiples of 2^J."""
        (spec,) = specs
        for dim in self.core(spec):
            spec = spec.strided(dim, self._step)
        return spec

    @property
    def _step(self) -> int:
        return int(2 ** (self.J - self.exponent))

    def align(self) -> Mapping[str, int]:
        """Return where blocks start: on the grid of the result."""
        return dict.fromkeys(self.signature.roles, self._step)

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return none: the averages are periodic."""
        return dict.fromkeys(at.size, (0, 0))

    def has_absence(self) -> bool:
        """Return False: on the periodic grid nothing is the end of the signal."""
        return False

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the reach of the low-pass in samples of the averages."""
        ndim = len(self.dims or self.signature.roles)
        reach = math.ceil(self.family().reach(self.bank(ndim).layout, 0, tol) / 2**self.exponent)
        return dict.fromkeys(self.signature.roles[-ndim:], (reach, reach))

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build the low-pass for one block shape."""
        low = Sharpened(self.bank(len(block.shape)), self.blur)
        return {"low": low_passes(low, (0,), block.shape, 2**self.J, xp, block.dtype, device, base=self.exponent)[0]}

    def apply(self, xp: Any, *blocks: Array, **prepared: Any) -> Array:
        """Average one block."""
        (block,), low = blocks, prepared["low"]
        return averaged(xp, block, lambda: half_spectrum(xp, block, len(low.target)), low)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops of a transform, and bytes of it."""
        size = math.prod(specs[0].shape)
        return Cost(5.0 * size * math.log2(max(2, size)), 4 * specs[0].nbytes)


@operator("scattering_paths", version=1, signature="(),()->()")
class ScatteringPaths(Pointwise):
    """Paths of several arrays, on the last dims of each, put together in the order of a transform."""

    axes: tuple[int, ...] = param(doc="How many of the last dims of every input count paths.")
    order: tuple[int, ...] = param(doc="For every path of the result, its place among those of the inputs.")
    dim: str = param("path", "Dim of the result.")
    behind: int = param(0, "How many dims come behind those.", ge=0)

    def arity(self) -> int:
        """Return how many arrays are put together."""
        return len(self.axes)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the dims that the inputs share, and that of the paths."""
        end = len(specs[0].dims) - self.behind
        start = end - self.axes[0]
        return specs[0].without(*specs[0].dims[start:end]).with_dim(self.dim, len(self.order), at=start)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Put one region together."""
        flat = []
        for block, n in zip(blocks, self.axes, strict=True):
            end = block.ndim - self.behind
            flat.append(xp.reshape(block, (*block.shape[: end - n], -1, *block.shape[end:])))
        axis = -1 - self.behind
        return xp.take(xp.concat(flat, axis=axis), xp.asarray(self.order, device=blocks[0].device), axis=axis)
