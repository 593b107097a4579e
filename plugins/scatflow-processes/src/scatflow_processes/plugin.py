"""What this distribution provides to scatflow; named by its entry point, imports nothing heavy."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_sources() -> Provided:
    """Return source name -> ``"module:Class"``, imported on first use."""
    return {
        "ising": "scatflow_processes.sources.spins:Ising",
        "sp500": "scatflow_processes.sources.markets:SP500",
        "turbulence2d": "scatflow_processes.sources.flows:Turbulence2D",
    }


@hookimpl
def scatflow_operators() -> Provided:
    """Return operator name -> ``"module:Class"``, imported on first use."""
    return {
        "absolute_autocorrelation": "scatflow_processes.operators.returns:AbsoluteAutocorrelation",
        "cross_spectrum": "scatflow_processes.operators.flow_spectra:CrossSpectrum",
        "derivative": "scatflow_processes.operators.flow_derivatives:Derivative",
        "dissipation": "scatflow_processes.operators.velocity_gradients:Dissipation",
        "energy_spectrum": "scatflow_processes.operators.flow_spectra:EnergySpectrum",
        "flow_scales": "scatflow_processes.operators.flow_scales:FlowScales",
        "hill": "scatflow_processes.operators.returns:Hill",
        "horizon_moments": "scatflow_processes.operators.returns:HorizonMoments",
        "leverage": "scatflow_processes.operators.returns:Leverage",
        "q_criterion": "scatflow_processes.operators.velocity_gradients:QCriterion",
        "strain": "scatflow_processes.operators.velocity_gradients:Strain",
        "structure_functions": "scatflow_processes.operators.structure_functions:StructureFunctions",
        "vector2": "scatflow_processes.operators.flow_components:Vector2",
        "vector3": "scatflow_processes.operators.flow_components:Vector3",
        "vorticity": "scatflow_processes.operators.velocity_gradients:Vorticity",
        "zumbach": "scatflow_processes.operators.returns:Zumbach",
    }
