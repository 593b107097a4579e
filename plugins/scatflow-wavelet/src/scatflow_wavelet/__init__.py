"""Wavelet filter banks and transforms on labelled arrays.

The documented numerical interface, for other plugins: :class:`Bank` (labels, multipliers on any grid, frame
bounds), :func:`response` (a bank as a labelled array in frequency, which ``.scatflow.plot()`` draws), the families
:class:`Gammatone`, :class:`Kymatio`, :class:`Kymatio03`, :class:`Morlet` and :class:`Tight`,
:mod:`scatflow_wavelet.filtering` (decimating products), :mod:`scatflow_wavelet.smoothing` (the strided low-pass),
:func:`bands_of_octaves` (octaves at their own rates as ``inverse_wavelet`` takes them), and :func:`decay_exponent` of the
errors of ``m_term_error``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scatflow_wavelet.bank import Bank
    from scatflow_wavelet.family import WaveletFamily
    from scatflow_wavelet.frequency_response import response
    from scatflow_wavelet.gammatone import Gammatone
    from scatflow_wavelet.kymatio import Kymatio, Kymatio03
    from scatflow_wavelet.layout import Band, Grid, Layout
    from scatflow_wavelet.morlet import Morlet
    from scatflow_wavelet.octaves import bands_of_octaves
    from scatflow_wavelet.sparsity import decay_exponent
    from scatflow_wavelet.tight import Tight

__all__ = [
    "Band", "Bank", "Gammatone", "Grid", "Kymatio", "Kymatio03", "Layout", "Morlet", "Tight", "WaveletFamily", "bands_of_octaves",
    "decay_exponent", "response",
]  # fmt: skip

_HOMES = {
    "Band": "layout", "Bank": "bank", "Gammatone": "gammatone", "Grid": "layout", "Kymatio": "kymatio", "Kymatio03": "kymatio",
    "Layout": "layout", "Morlet": "morlet", "Tight": "tight", "bands_of_octaves": "octaves", "decay_exponent": "sparsity", "response": "frequency_response",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Listing plugins imports this package and must not import an array library.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'family')}"), name)
