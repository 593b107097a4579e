"""Filter families that carry Kymatio's profile, for people who migrate: its filters, foldings, extension and sampling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from scatflow.contract import family
from scatflow.errors import ChunkError
from scatflow_wavelet import kymatio_limits as limits
from scatflow_wavelet import kymatio_plane as plane
from scatflow_wavelet import kymatio_time as time
from scatflow_wavelet.family import WaveletFamily, check_dims
from scatflow_wavelet.kymatio_profile import KymatioProfile
from scatflow_wavelet.layout import Band, Grid, Layout, Real
from scatflow_wavelet.references import DEEP_SCATTERING_SPECTRUM, KYMATIO, SCATTERING_NETWORKS

#: Gaussians are negligible in float64 beyond this many standard deviations.
_DEVIATIONS = 9.0


class KymatioFamily(WaveletFamily):
    """Base of both: they differ in the folding of one-dimensional filters and in what a stride and a T may be."""

    released: ClassVar[bool] = False
    dense = True
    complete = True

    def check(self, layout: Layout, subject: str) -> None:
        """Raise ParameterError for banks that the package does not have."""
        check_dims(layout, subject)
        limits.check_bank(self.name, layout, subject)

    def restrict(self, asked: Mapping[str, Any], layouts: tuple[Layout, ...], subject: str) -> None:
        """Raise ParameterError for what a scattering transform of the package does not have."""
        limits.check_choices(self.name, asked, subject)
        if layouts[0].ndim == 2:
            limits.check_plane(self.name, asked, layouts[0].J, subject)
            return
        largest = KymatioProfile(layouts[0].J, max(1.0, layouts[0].T), None, 0).largest
        limits.check_time(self.name, asked, largest, self.released, subject)
        if asked["order"] == 2:
            limits.check_pairs(self.name, asked, self.bands(layouts[0]), self.bands(layouts[1]), subject)

    def conventions(self, J: int, T: float, stride: int | None, oversampling: int) -> KymatioProfile:
        """Return how the package extends and samples."""
        return KymatioProfile(J, T, stride, oversampling, released=self.released)

    def bands(self, layout: Layout) -> tuple[Band, ...]:
        """Return the bands in the package's order; j is its own: how coarsely a plane may be sampled."""
        if layout.ndim == 1:
            return _bands_in_time(layout.J, layout.voices)
        return tuple(
            Band(j * layout.voices + t, j, t, plane.center(j), 1 / plane.width(j), plane.direction(t, layout.voices))
            for j in range(layout.J)
            for t in range(layout.voices)
        )

    def band(self, layout: Layout, band: Band, grid: Grid) -> Real:
        """Return the multiplier of one band on a grid of the extended signal, which it depends on."""
        if layout.ndim == 1:
            tau = 2 * math.pi
            return self._folded(time.wavelet(grid.shape[0] * grid.step, band.xi / tau, band.sigma / tau), grid)
        return plane.wavelet(_whole(grid), layout.voices, band.j, band.l, grid.step.bit_length() - 1).astype(np.float64)

    def low(self, layout: Layout, grid: Grid) -> Real:
        """Return the multiplier of the low-pass on a grid of the extended signal."""
        if layout.ndim == 1:
            return self._folded(time.low_pass(grid.shape[0] * grid.step, layout.T), grid)
        return plane.cropped(plane.low_pass(_whole(grid), layout.J), grid.step.bit_length() - 1).astype(np.float64)

    def kept_bytes(self, layout: Layout, shape: tuple[int, ...]) -> int:
        """Return the bytes of the central halves of all spectra in two dims: see :func:`.kymatio_plane.wavelet`."""
        return layout.J * layout.voices * plane.kept_bytes((shape[0], shape[1])) if layout.ndim == 2 else 0

    def _folded(self, spectrum: Real, grid: Grid) -> Real:
        return time.folded(spectrum, grid.step, mean=self.released)

    def profile(self, layout: Layout, distance: Real) -> Real:
        """Return the Gaussian low-pass along one axis."""
        return np.asarray(np.exp(-0.5 * (distance / _width(layout)) ** 2))

    def extent(self, layout: Layout) -> tuple[float, float] | None:
        """Return 9 standard deviations of the low-pass to either side."""
        return (_DEVIATIONS * _width(layout),) * 2

    def reach(self, layout: Layout, order: int, tol: float) -> float:
        """Refuse: there are no blocks with a halo."""
        raise ChunkError(
            f"filters {self.name!r}", "filters and samples depend on the length of the whole signal, so there are no blocks with a halo",
            expected="core dims in one chunk", got=f"tol={tol:g}",
            remedy='Keep the core dims in one chunk, or use filters="morlet".', code="ReachUnbounded",
        )  # fmt: skip


@family("kymatio", version=1, references=(KYMATIO, SCATTERING_NETWORKS, DEEP_SCATTERING_SPECTRUM))
class Kymatio(KymatioFamily):
    """Scattering as by Kymatio after release 0.3.0, as far as it was published: one-dimensional filters fold by sums.

    The family fixes filters, foldings, extension, the sampling of planes and results, and global averages, so that
    ``scattering`` gives the package's numbers: to 1e-6 in double precision (relative L2, measured 1e-15 in one dim and
    1e-7 in two) and 1e-5 in single. They are not the default: filters depend on the length of the signal,
    samples do not lie at multiples of the stride, and core dims cannot be split. Coordinates are those of the samples.

    In one dim bands follow each other as in the package; j is the exponent of the coarsest grid that a band allows,
    and a path has ``j2 > j1``. In two dims l is the package's number of an orientation, and theta its angle seen from x.
    Global averages (``T="global"``, one dim) are sums over all samples of the extended planes, which differ in number
    by powers of two from octave to octave.

    Examples
    --------
    >>> from scatflow_wavelet import Bank, Grid, Kymatio
    >>> bank = Bank(Kymatio(), J=6, voices=16)
    >>> len(bank.bands), bank.bands[-1].j, bank.psi(Grid((2048,)), [0]).shape
    (63, 5, (1, 2048))
    """


@family("kymatio-0.3", version=1, references=(KYMATIO, SCATTERING_NETWORKS, DEEP_SCATTERING_SPECTRUM))
class Kymatio03(KymatioFamily):
    """Scattering as by Kymatio's release 0.3.0: one-dimensional filters fold by means.

    As :class:`Kymatio`, but for one dim. A filter on a grid of step 2^k is 2^k times smaller, so that a coefficient of
    order 1 is by ``2^k1`` and one of order 2 by ``2^(k1 + k2)`` smaller, k being the exponents of the grids of its planes:
    ``min(j, log2 stride)`` for the default stride. A finer stride does what ``oversampling`` does in the release: it makes
    planes of all octaves finer. There is no global average.

    Examples
    --------
    >>> from scatflow_wavelet import Bank, Grid, Kymatio, Kymatio03
    >>> fine, coarse = Grid((1024,)), Grid((256,), 4)
    >>> ratio = [Bank(f, J=4, voices=1).phi(coarse)[0] for f in (Kymatio(), Kymatio03())]
    >>> float(ratio[0] / ratio[1])
    4.0
    """

    released = True


def _bands_in_time(J: int, Q: int) -> tuple[Band, ...]:
    tau, voices, bands = 2 * math.pi, dict[int, int](), []
    for n, (xi, sigma) in enumerate(time.bank(J, Q)):
        j = time.octave(xi, sigma)
        voices[j] = voices.get(j, -1) + 1
        bands.append(Band(n, j, voices[j], tau * xi, tau * sigma))
    return tuple(bands)


def _whole(grid: Grid) -> tuple[int, int]:
    rows, columns = (n * grid.step for n in grid.shape)
    return rows, columns


def _width(layout: Layout) -> float:
    """Return the standard deviation of the low-pass in samples."""
    return layout.T / (2 * math.pi * 0.1) if layout.ndim == 1 else plane.width(layout.J - 1)
