"""What this distribution provides to scatflow; named by its entry point, imports nothing heavy."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_sources() -> Provided:
    """Return source name -> ``"module:Class"``, imported on first use."""
    return {
        "ising": "scatflow_processes.sources.spins:Ising",
        "ising_chain": "scatflow_processes.sources.spins:IsingChain",
        "phi4": "scatflow_processes.sources.spins:Phi4",
        "sp500": "scatflow_processes.sources.markets:SP500",
        "turbulence2d": "scatflow_processes.sources.flows:Turbulence2D",
    }


@hookimpl
def scatflow_operators() -> Provided:
    """Return operator name -> ``"module:Class"``, imported on first use."""
    return {
        "absolute_autocorrelation": "scatflow_processes.operators.returns:AbsoluteAutocorrelation",
        "bond_energy": "scatflow_processes.operators.spins:BondEnergy",
        "cluster_histogram": "scatflow_processes.operators.spin_averages:ClusterHistogram",
        "energy_histogram": "scatflow_processes.operators.spin_averages:EnergyHistogram",
        "hill": "scatflow_processes.operators.returns:Hill",
        "horizon_moments": "scatflow_processes.operators.returns:HorizonMoments",
        "integrated_time": "scatflow_processes.operators.spins:IntegratedTime",
        "ising_neg_log_prob": "scatflow_processes.operators.spins:IsingNegLogProb",
        "leverage": "scatflow_processes.operators.returns:Leverage",
        "pair_correlation": "scatflow_processes.operators.spin_averages:PairCorrelation",
        "spin_observables": "scatflow_processes.operators.spin_averages:SpinObservables",
        "structure_factor": "scatflow_processes.operators.spin_averages:StructureFactor",
        "zumbach": "scatflow_processes.operators.returns:Zumbach",
    }
