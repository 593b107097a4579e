"""What this distribution provides to scatflow; named by its entry point, imports nothing heavy."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_sources() -> Provided:
    """Return source name -> ``"module:Class"``, imported on first use."""
    return {
        "forced_turbulence2d": "scatflow_processes.sources.flows:ForcedTurbulence2D",
        "ising": "scatflow_processes.sources.spins:Ising",
        "sp500": "scatflow_processes.sources.markets:SP500",
        "turbulence2d": "scatflow_processes.sources.flows:Turbulence2D",
    }


@hookimpl
def scatflow_operators() -> Provided:
    """Return operator name -> ``"module:Class"``, imported on first use."""
    return {
        "absolute_autocorrelation": "scatflow_processes.operators.returns:AbsoluteAutocorrelation",
        "hill": "scatflow_processes.operators.returns:Hill",
        "horizon_moments": "scatflow_processes.operators.returns:HorizonMoments",
        "leverage": "scatflow_processes.operators.returns:Leverage",
        "zumbach": "scatflow_processes.operators.returns:Zumbach",
    }
