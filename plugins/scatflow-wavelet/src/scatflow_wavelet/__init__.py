"""Wavelet filter banks and transforms on labelled arrays.

The documented numerical interface, for other plugins: :class:`Bank` (labels, multipliers on any grid, frame
bounds), the families :class:`Morlet` and :class:`Tight`, and :mod:`scatflow_wavelet.spectrum` (decimating products
and the strided low-pass).
"""

from scatflow_wavelet.bank import Bank
from scatflow_wavelet.family import WaveletFamily
from scatflow_wavelet.layout import Band, Grid, Layout
from scatflow_wavelet.morlet import Morlet
from scatflow_wavelet.tight import Tight

__all__ = ["Band", "Bank", "Grid", "Layout", "Morlet", "Tight", "WaveletFamily"]
