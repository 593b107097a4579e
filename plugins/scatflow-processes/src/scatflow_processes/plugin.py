"""What this distribution provides to scatflow; named by its entry point, imports nothing heavy."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_sources() -> Provided:
    """Return source name -> ``"module:Class"``, imported on first use."""
    return {
        "ising": "scatflow_processes.sources:Ising",
        "sp500": "scatflow_processes.sources:SP500",
        "turbulence2d": "scatflow_processes.sources:Turbulence2D",
    }


@hookimpl
def scatflow_operators() -> Provided:
    """Return operator name -> ``"module:Class"``, imported on first use."""
    return {
        "absolute_autocorrelation": "scatflow_processes.operators:AbsoluteAutocorrelation",
        "hill": "scatflow_processes.operators:Hill",
        "horizon_moments": "scatflow_processes.operators:HorizonMoments",
        "leverage": "scatflow_processes.operators:Leverage",
        "zumbach": "scatflow_processes.operators:Zumbach",
    }
