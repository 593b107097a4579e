"""What this distribution provides to scatflow; named by its entry point, imports nothing heavy."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_sources() -> Provided:
    """Return source name -> ``"module:Class"``, imported on first use."""
    return {
        "bars": "scatflow_processes.sources.ticks:Bars",
        "ising": "scatflow_processes.sources.spins:Ising",
        "nasdaq": "scatflow_processes.sources.markets:Nasdaq",
        "returns": "scatflow_processes.sources.returns:TableReturns",
        "sp500": "scatflow_processes.sources.markets:SP500",
        "sp500_stocks": "scatflow_processes.sources.markets:SP500Stocks",
        "turbulence2d": "scatflow_processes.sources.flows:Turbulence2D",
        "vix": "scatflow_processes.sources.markets:VIX",
        "wti": "scatflow_processes.sources.markets:WTI",
    }


@hookimpl
def scatflow_operators() -> Provided:
    """Return operator name -> ``"module:Class"``, imported on first use."""
    return {
        "absolute_autocorrelation": "scatflow_processes.operators.returns:AbsoluteAutocorrelation",
        "hill": "scatflow_processes.operators.returns:Hill",
        "horizon_moments": "scatflow_processes.operators.returns:HorizonMoments",
        "leverage": "scatflow_processes.operators.returns:Leverage",
        "remove_intraday_pattern": "scatflow_processes.operators.intraday:RemoveIntradayPattern",
        "zumbach": "scatflow_processes.operators.returns:Zumbach",
    }
