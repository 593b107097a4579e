"""What this distribution provides to scatflow; named by its entry point, imports nothing heavy."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_sources() -> Provided:
    """Return source name -> ``"module:Class"``, imported on first use."""
    return {
        "bars": "scatflow_processes.sources.ticks:Bars",
        "bernoulli": "scatflow_processes.sources.points:Bernoulli",
        "cartoon": "scatflow_processes.sources.shapes:Cartoon",
        "chirp": "scatflow_processes.sources.sounds:Chirp",
        "compound_poisson": "scatflow_processes.sources.fractional:CompoundPoisson",
        "cox_blocks": "scatflow_processes.sources.points:CoxBlocks",
        "cox_lognormal": "scatflow_processes.sources.points:CoxLognormal",
        "cox_shot": "scatflow_processes.sources.points:CoxShot",
        "cox_two_level": "scatflow_processes.sources.points:CoxTwoLevel",
        "crowd": "scatflow_processes.sources.sounds:Crowd",
        "fbm": "scatflow_processes.sources.fractional:FractionalBrownian",
        "harmonic_am": "scatflow_processes.sources.sounds:HarmonicAM",
        "impacts": "scatflow_processes.sources.sounds:Impacts",
        "ising": "scatflow_processes.sources.spins:Ising",
        "molecules": "scatflow_processes.sources.molecules:Molecules",
        "mrw": "scatflow_processes.sources.fractional:MultifractalRandomWalk",
        "mrw2d": "scatflow_processes.sources.fractional:MultifractalField",
        "nasdaq": "scatflow_processes.sources.markets:Nasdaq",
        "point_table": "scatflow_processes.sources.tables:PointTable",
        "returns": "scatflow_processes.sources.returns:TableReturns",
        "shape": "scatflow_processes.sources.shapes:Shape",
        "sound_classes": "scatflow_processes.sources.classes:SoundClasses",
        "sp500": "scatflow_processes.sources.markets:SP500",
        "sp500_stocks": "scatflow_processes.sources.markets:SP500Stocks",
        "stable_levy": "scatflow_processes.sources.fractional:StableLevy",
        "stroke_digits": "scatflow_processes.sources.classes:StrokeDigits",
        "texture_classes": "scatflow_processes.sources.classes:TextureClasses",
        "turbulence2d": "scatflow_processes.sources.flows:Turbulence2D",
        "uniform_measure": "scatflow_processes.sources.uniform:UniformMeasure",
        "vix": "scatflow_processes.sources.markets:VIX",
        "wti": "scatflow_processes.sources.markets:WTI",
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
        "remove_intraday_pattern": "scatflow_processes.operators.intraday:RemoveIntradayPattern",
        "strain": "scatflow_processes.operators.velocity_gradients:Strain",
        "structure_functions": "scatflow_processes.operators.structure_functions:StructureFunctions",
        "vector2": "scatflow_processes.operators.flow_components:Vector2",
        "vector3": "scatflow_processes.operators.flow_components:Vector3",
        "vorticity": "scatflow_processes.operators.velocity_gradients:Vorticity",
        "zumbach": "scatflow_processes.operators.returns:Zumbach",
    }
