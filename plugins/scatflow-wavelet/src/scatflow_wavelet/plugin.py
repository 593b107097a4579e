"""What this distribution provides; nothing is imported until used."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_operators() -> Provided:
    """Return the operators."""
    return {"wavelet": "scatflow_wavelet.wavelet:Wavelet", "modulus": "scatflow_wavelet.modulus:Modulus"}


@hookimpl
def scatflow_filters() -> Provided:
    """Return the filter families."""
    return {
        "gammatone": "scatflow_wavelet.gammatone:Gammatone",
        "kymatio": "scatflow_wavelet.kymatio:Kymatio",
        "kymatio-0.3": "scatflow_wavelet.kymatio:Kymatio03",
        "morlet": "scatflow_wavelet.morlet:Morlet",
        "tight": "scatflow_wavelet.tight:Tight",
    }
