"""What this distribution provides; nothing is imported until used."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_operators() -> Provided:
    """Return the operators."""
    return {
        "scattering": "scatflow_scattering.scattering:Scattering",
        "scattering_moments": "scatflow_scattering.moments:ScatteringMoments",
    }
