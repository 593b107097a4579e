"""The Mexican-hat wavelet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from scatflow import Window, operator, param


@operator(
    "mexican_hat",
    version=1,
    signature="(x)->(x)",
    linear=True,
    differentiable=True,
    aliases=("Ricker",),
    equation=r"x \star \psi_\sigma",
)
class MexicanHat(Window):
    r"""Convolve with a Mexican-hat wavelet along one dim.

    .. math:: \hat\psi_\sigma(\omega) = (\sigma \omega)^2 e^{-(\sigma \omega)^2 / 2}
    """

    width: float = param(4.0, "Standard deviation of the Gaussian.", ge=2, le=4096, unit="sample")

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the reach: the wavelet's tail, polynomial included."""
        reach = math.ceil(self.width * (1.2 + math.sqrt(2 * math.log(4 / tol))))
        return {"x": (reach, reach)}

    def prepare(self, xp: Any, block: Any, device: Any) -> dict[str, Any]:
        """Build the filter for one block length."""
        n = block.shape[-1]
        w = xp.arange(n // 2 + 1, dtype=getattr(xp, block.dtype), device=device) * (2 * math.pi * self.width / n)
        return {"hat": w**2 * xp.exp(-(w**2) / 2)}

    def apply(self, xp: Any, x: Any, hat: Any) -> Any:
        """Compute one block."""
        return xp.fft.irfft(xp.fft.rfft(x) * hat, n=x.shape[-1])

    def vjp(self, xp: Any, cotangent: Any, x: Any, hat: Any) -> tuple[Any, ...]:
        """Return the cotangent of the block: the filter is symmetric."""
        return (self.apply(xp, cotangent, hat),)

    @classmethod
    def examples(cls) -> Iterator[MexicanHat]:
        """Yield small instances."""
        yield cls(width=2.5)
