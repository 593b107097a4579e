"""Energies: of signals, and of their wavelet coefficients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from acme_signals.hats import MexicanHat
from scatflow import Composite, Reduce, operator, param, wire
from scatflow.spec import ArraySpec


@operator("mean_square", version=1, signature="(x)->()", equation=r"\langle x^2 \rangle")
class MeanSquare(Reduce):
    """Mean of squares over one dim, and over batch dims named by ``over``."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the result: the dims that are left, in double precision."""
        (spec,) = specs
        unit = spec.attrs.get("units")
        rest = spec.without(*(self.dims or ()), *(self.over or ())).with_dtype("float64")
        return rest.with_attrs(units=None if unit is None else f"({unit})2")

    def chunk(self, xp: Any, x: Any) -> tuple[Any, ...]:
        """Return the sum of squares of one block, and its number of samples."""
        wide = xp.astype(x, xp.float64)
        count = xp.full(x.shape[:-2], float(x.shape[-2] * x.shape[-1]), dtype=xp.float64, device=x.device)
        return xp.sum(wide * wide, axis=(-2, -1)), count

    def finalize(self, xp: Any, total: Any, count: Any) -> Any:
        """Return the mean."""
        return total / xp.where(count > 0, count, xp.ones_like(count))


@operator("hat_energy", version=1, signature="(x)->()", equation=r"\langle |x \star \psi_\sigma|^2 \rangle")
class HatEnergy(Composite):
    """Mean square of Mexican-hat coefficients."""

    dims: tuple[str, ...] = param(("x",), "The dim of the wavelet, which is averaged.")
    width: float = param(4.0, "Standard deviation of the Gaussian.", ge=2, le=4096, unit="sample")

    def expand(self, *refs: Any) -> Any:
        """Wire the wavelet and the mean."""
        return wire(MeanSquare(dims=self.dims), wire(MexicanHat(dims=self.dims, width=self.width), refs[0]))

    @classmethod
    def examples(cls) -> Iterator[HatEnergy]:
        """Yield small instances."""
        yield cls(width=2.5)
