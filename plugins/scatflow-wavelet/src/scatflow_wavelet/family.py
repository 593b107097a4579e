"""The numerical interface of a wavelet family.

A family is a set of formulas in continuous frequency. Evaluated on a grid it gives multipliers in FFT order, in
float64, or complex128 for causal filters: the same filter whatever the size of the array. On a grid whose step is s
samples, the spectrum of the filter is summed over the periods 2 pi / s, which is sampling the filter in space.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from scatflow.contract import FilterFamily
from scatflow.errors import ChunkError, ParameterError
from scatflow_wavelet.layout import Band, Grid, Layout, Multiplier, Part, Real
from scatflow_wavelet.profile import Profile


class WaveletFamily(FilterFamily):
    """Base of wavelet families; subclasses give bands, multipliers, smoothing profile and reach."""

    #: Impulse responses are zero before 0, along the only core dim: multipliers are complex and fall off slowly.
    causal: ClassVar[bool] = False
    #: Multipliers are negligible nowhere.
    dense: ClassVar[bool] = False
    #: The family fixes a whole transform, by :meth:`conventions`; operators that do not follow them refuse it.
    complete: ClassVar[bool] = False
    #: Multipliers can be evaluated for a part of the frequencies, by :meth:`band_part` and :meth:`low_part`.
    in_parts: ClassVar[bool] = False

    def check(self, layout: Layout, subject: str) -> None:
        """Raise ParameterError when the family has no such bank; ``subject`` names the operator."""

    def restrict(self, asked: Mapping[str, Any], layouts: tuple[Layout, ...], subject: str) -> None:
        """Raise ParameterError for parameters of an operator that a complete family does not have.

        Parameters
        ----------
        asked : mapping
            Parameter name to value.
        layouts : tuple of Layout
            The bank of every order, from the first.
        subject : str
            Operator name for errors.
        """

    def conventions(self, J: int, T: float, stride: int | None, oversampling: int) -> Profile:
        """Return how scattering extends and samples: as scatflow does."""
        return Profile(J, T, stride, oversampling)

    def bands(self, layout: Layout) -> tuple[Band, ...]:
        """Return the bands, finest octave first."""
        raise NotImplementedError

    def band(self, layout: Layout, band: Band, grid: Grid) -> Multiplier:
        """Return the multiplier of one band on a grid: shape ``grid.shape``, unscaled."""
        raise NotImplementedError

    def low(self, layout: Layout, grid: Grid) -> Multiplier:
        """Return the multiplier of the low-pass on a grid: shape ``grid.shape``, unscaled."""
        raise NotImplementedError

    def band_part(self, layout: Layout, band: Band, grid: Grid, part: Part) -> Real:
        """Return a part of the multiplier of one band, without evaluating the rest; ``band`` may have the opposite wave vector.

        Raises
        ------
        ChunkError
            The family has no formula for parts; the default.
        """
        raise self.no_parts()

    def low_part(self, layout: Layout, grid: Grid, part: Part) -> Real:
        """Return a part of the multiplier of the low-pass; see :meth:`band_part`."""
        raise self.no_parts()

    def no_parts(self) -> ChunkError:
        """Return the error of families without :meth:`band_part`."""
        return ChunkError(f"filters {self.name!r}", "they have no formula for a part of the frequencies, as pencils need it", code="PartsMissing",
                          remedy='Use filters="morlet" or "tight".')  # fmt: skip

    def low_along(self, layout: Layout, axis: int, n: int, step: int) -> Multiplier | None:
        """Return the low-pass along one axis of n samples, where the low-pass is the product of those of its axes.

        None where it is not; default: in one dim itself.
        """
        return self.low(layout, Grid((n,), step)) if layout.ndim == 1 else None

    def gain(self, layout: Layout) -> float:
        """Return the factor by which all filters of the bank are multiplied; default 1."""
        return 1.0

    def kept_bytes(self, layout: Layout, shape: tuple[int, ...]) -> int:
        """Return the bytes that the family keeps in the process, beside the multipliers of a bank on ``shape``, to build others from."""
        return 0

    def profile(self, layout: Layout, distance: Real) -> Real:
        """Return the modulus of the low-pass along one axis, at samples of the coarsest axis into the past."""
        raise NotImplementedError

    def extent(self, layout: Layout) -> tuple[float, float] | None:
        """Return how far into the past and the future the low-pass is not negligible in float64; None where it always is."""
        return None

    def reach(self, layout: Layout, order: int, tol: float) -> float:
        """Return how far, in samples of the coarsest axis, an input can change a result by more than ``tol``.

        For causal families into the past, else to either side.

        Parameters
        ----------
        layout : Layout
            The bank of the first order.
        order : int
            Highest order of the scattering tree; -1 stands for the wavelet transform without modulus.
        tol : float
            Tolerance relative to the norm of the result.

        Raises
        ------
        ChunkError
            The filters have no usable decay.
        """
        raise ChunkError(
            f"filters {self.name!r}", "their decay in space is too slow for blocks with a halo", got=f"tol={tol:g}",
            remedy='Keep the core dims in one chunk, or use filters="morlet".', code="ReachUnbounded",
        )  # fmt: skip


def check_dims(layout: Layout, subject: str) -> None:
    """Raise ParameterError unless the bank is for one or two core dims."""
    if layout.ndim not in (1, 2):
        raise ParameterError(f"{subject}.dims", "the family has banks in one and two dims", got=layout.ndim,
                             remedy='Use filters="morlet", which has them in three dims too.')  # fmt: skip


def direction(theta: float, ndim: int) -> Real:
    """Return the unit wave vector in kernel order: (sin, cos) in two dims, (1,) in one."""
    return np.array([1.0]) if ndim == 1 else np.array([math.sin(theta), math.cos(theta)])


def wave(band: Band, ndim: int) -> Real:
    """Return the unit wave vector of a band in kernel order; its center is ``band.xi`` times this."""
    return np.asarray(band.axis) if ndim == 3 else direction(band.theta, ndim)
