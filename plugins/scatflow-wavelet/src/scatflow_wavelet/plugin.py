"""What this distribution provides; nothing is imported until used."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_operators() -> Provided:
    """Return the operators."""
    return {
        "averaging_pyramid": "scatflow_wavelet.pyramid:AveragingPyramid",
        "deform": "scatflow_wavelet.deform:Deform",
        "inverse_orthogonal_wavelet": "scatflow_wavelet.orthogonal:InverseOrthogonalWavelet",
        "inverse_wavelet": "scatflow_wavelet.inverse:InverseWavelet",
        "m_term_error": "scatflow_wavelet.sparsity:MTermError",
        "modulus": "scatflow_wavelet.modulus:Modulus",
        "orthogonal_wavelet": "scatflow_wavelet.orthogonal:OrthogonalWavelet",
        "warp": "scatflow_wavelet.warp:Warp",
        "wavelet": "scatflow_wavelet.wavelet:Wavelet",
    }


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
