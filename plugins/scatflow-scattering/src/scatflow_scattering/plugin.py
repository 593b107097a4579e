"""What this distribution provides; nothing is imported until used."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_operators() -> Provided:
    """Return the operators."""
    return {
        "harmonic_scattering": "scatflow_scattering.harmonic_scattering:HarmonicScattering",
        "scattering": "scatflow_scattering.scattering:Scattering",
        "scattering_moments": "scatflow_scattering.moments:ScatteringMoments",
    }


@hookimpl
def scatflow_filters() -> Provided:
    """Return the filter families."""
    return {"solid-harmonic": "scatflow_scattering.solid_harmonics:SolidHarmonic"}
