"""What this distribution provides to scatflow; named by its entry point, imports nothing heavy."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_sources() -> Provided:
    """Return source name -> ``"module:Class"``, imported on first use."""
    return {
        "garch": "scatflow_processes.sources.garch:Garch",
        "gaussian_field": "scatflow_processes.sources.gaussian:GaussianField",
        "ising": "scatflow_processes.sources.spins:Ising",
        "solenoidal_field": "scatflow_processes.sources.gaussian:SolenoidalField",
        "sp500": "scatflow_processes.sources.markets:SP500",
        "turbulence2d": "scatflow_processes.sources.flows:Turbulence2D",
        "white_noise": "scatflow_processes.sources.gaussian:WhiteNoise",
    }


@hookimpl
def scatflow_operators() -> Provided:
    """Return operator name -> ``"module:Class"``, imported on first use."""
    return {
        "absolute_autocorrelation": "scatflow_processes.operators.returns:AbsoluteAutocorrelation",
        "block_shuffle": "scatflow_processes.operators.surrogates:BlockShuffle",
        "gaussian_filter": "scatflow_processes.operators.filtering:GaussianFilter",
        "gaussian_model": "scatflow_processes.operators.gaussian:GaussianModel",
        "gaussian_neg_log_prob": "scatflow_processes.operators.gaussian:GaussianNegLogProb",
        "hill": "scatflow_processes.operators.returns:Hill",
        "horizon_moments": "scatflow_processes.operators.returns:HorizonMoments",
        "iaaft": "scatflow_processes.operators.surrogates:IAAFT",
        "leverage": "scatflow_processes.operators.returns:Leverage",
        "sign_flip": "scatflow_processes.operators.surrogates:SignFlip",
        "time_reversal": "scatflow_processes.operators.surrogates:TimeReversal",
        "zumbach": "scatflow_processes.operators.returns:Zumbach",
    }
