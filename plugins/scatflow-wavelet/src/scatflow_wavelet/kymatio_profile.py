"""How Kymatio extends and samples, in one and two dims, as a profile of scattering."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from scatflow_wavelet import kymatio_time as time
from scatflow_wavelet.profile import Profile


@dataclass(frozen=True)
class KymatioProfile(Profile):
    """Padding to a fixed length, results at that length's multiples of the stride, sums as global averages.

    In one dim N samples are extended to a power of two, :func:`scatflow_wavelet.kymatio_time.padded`, the odd one to the
    right, and the results are the extended signal's multiples of the stride that lie inside: the first is not at sample
    0 in general. In two dims an axis is extended to ``(floor(N / 2^J) + 2) 2^J`` samples, and the outermost coarse sample
    of either side is dropped, which leaves ``floor(N / 2^J)`` from ``ceil((N mod 2^J) / 2)`` on.

    Attributes
    ----------
    released : bool
        Planes are sampled as by release 0.3.0, where a finer stride makes those of all octaves finer; else as by later
        versions, where a plane is as coarse as its octave and the stride allow.
    """

    released: bool = False
    exact = True
    rules = ("reflect",)
    totals = True

    @property
    def step(self) -> int:
        """Step of the results in samples; default the largest power of two up to T."""
        return self.largest if self.stride is None else self.stride

    @property
    def largest(self) -> int:
        """The largest step: the largest power of two up to T."""
        return 1 << math.floor(math.log2(self.T))

    @property
    def grid(self) -> int:
        """Step of the grid on which planes are low-passed: that of the results."""
        return self.step

    @property
    def finer(self) -> int:
        """Octaves by which planes are sampled finer than 2^j."""
        return (self.largest // self.step).bit_length() - 1 if self.released else 0

    @property
    def coarsest(self) -> int | None:
        """Exponent of the stride: planes are never coarser than results."""
        return self.step.bit_length() - 1

    def samples(self, size: int, ndim: int, step: int | None = None) -> range:
        """Return the input indices of the results along an axis; of planes without averages in one dim alone."""
        before, _ = self.margins(size, ndim)
        first = -before % (self.step if step is None else step)
        if ndim == 1:
            return range(first, size, self.step if step is None else step)
        return range(first, first + size // self.step * self.step, self.step)

    def margins(self, size: int, ndim: int) -> tuple[int, int]:
        """Return by how much an axis is extended before and after."""
        length = _power_of_two(size, self.T) if ndim == 1 else (size // 2**self.J + 2) * 2**self.J
        before = (length - size) // 2
        return before, length - size - before


#: The length needs a transform of the signal's size and is asked for several times per block.
_power_of_two = lru_cache(maxsize=256)(time.padded)
