"""What surrounds the filters of a scattering transform: extension, sampling of planes and results, global averages.

One place to ask, so that an operator does not know whose habits it follows. scatflow's own rules are here; a family that
reproduces another package brings that package's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from scatflow.contract import Boundary


@dataclass(frozen=True)
class Profile:
    """scatflow's own rules, for one choice of scales.

    Attributes
    ----------
    J : int
        Octaves.
    T : float
        Averaging scale in samples of the coarsest axis.
    stride : int or None
        Step of the results in samples as asked for.
    oversampling : int
        Octaves by which planes are sampled finer than 2^j, as asked for.
    exact : bool
        Signals are extended by :meth:`margins`, to the sample, and have no parts; else by the operator's ``pad``.
    rules : tuple of str
        Boundary rules; empty for all that the operator has.
    totals : bool
        Global results are sums over all samples of the extended planes; else means over the core.

    Examples
    --------
    >>> Profile(J=3, T=8.0, stride=None, oversampling=1).samples(20, 1)
    range(0, 20, 8)
    """

    J: int
    T: float
    stride: int | None
    oversampling: int
    exact: ClassVar[bool] = False
    rules: ClassVar[tuple[Boundary, ...]] = ()
    totals: ClassVar[bool] = False

    @property
    def step(self) -> int:
        """Step of the results in samples."""
        return 2**self.J if self.stride is None else self.stride

    @property
    def grid(self) -> int:
        """Step of the grid on which planes are low-passed, which divides :attr:`step`."""
        return math.gcd(self.step, 2**self.J)

    @property
    def finer(self) -> int:
        """Octaves by which planes are sampled finer than 2^j."""
        return self.oversampling

    @property
    def coarsest(self) -> int | None:
        """Exponent beyond which planes are not sampled more coarsely; None for no limit."""
        return None

    def samples(self, size: int, ndim: int, step: int | None = None) -> range:
        """Return the input indices of the results along an axis of so many samples, one of ``ndim`` core axes.

        ``step`` is that of planes without averages; default that of averages.
        """
        return range(0, size, self.step if step is None else step)

    def margins(self, size: int, ndim: int) -> tuple[int, int] | None:
        """Return by how much an axis is extended before and after; None where that is for the operator's ``pad`` to say."""
        return None
