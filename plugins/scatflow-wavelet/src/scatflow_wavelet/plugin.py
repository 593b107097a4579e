"""What this distribution provides; nothing is imported until used."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_operators() -> Provided:
    """Return the operators."""
    return {
        "deform": "scatflow_wavelet.deform:Deform",
        "modulus": "scatflow_wavelet.modulus:Modulus",
        "warp": "scatflow_wavelet.warp:Warp",
        "wavelet": "scatflow_wavelet.wavelet:Wavelet",
    }


@hookimpl
def scatflow_filters() -> Provided:
    """Return the filter families."""
    return {
        "gammatone": "scatflow_wavelet.gammatone:Gammatone",
        "morlet": "scatflow_wavelet.morlet:Morlet",
        "tight": "scatflow_wavelet.tight:Tight",
    }
