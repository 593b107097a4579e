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
        "forced_turbulence2d": "scatflow_processes.sources.flows:ForcedTurbulence2D",
        "garch": "scatflow_processes.sources.garch:Garch",
        "gaussian_field": "scatflow_processes.sources.gaussian:GaussianField",
        "harmonic_am": "scatflow_processes.sources.sounds:HarmonicAM",
        "impacts": "scatflow_processes.sources.sounds:Impacts",
        "ising": "scatflow_processes.sources.spins:Ising",
        "ising_chain": "scatflow_processes.sources.spins:IsingChain",
        "molecules": "scatflow_processes.sources.molecules:Molecules",
        "mrw": "scatflow_processes.sources.fractional:MultifractalRandomWalk",
        "mrw2d": "scatflow_processes.sources.fractional:MultifractalField",
        "nasdaq": "scatflow_processes.sources.markets:Nasdaq",
        "phi4": "scatflow_processes.sources.spins:Phi4",
        "point_table": "scatflow_processes.sources.tables:PointTable",
        "returns": "scatflow_processes.sources.returns:TableReturns",
        "shape": "scatflow_processes.sources.shapes:Shape",
        "solenoidal_field": "scatflow_processes.sources.gaussian:SolenoidalField",
        "sound_classes": "scatflow_processes.sources.classes:SoundClasses",
        "sp500": "scatflow_processes.sources.markets:SP500",
        "sp500_stocks": "scatflow_processes.sources.markets:SP500Stocks",
        "stable_levy": "scatflow_processes.sources.fractional:StableLevy",
        "stroke_digits": "scatflow_processes.sources.classes:StrokeDigits",
        "texture_classes": "scatflow_processes.sources.classes:TextureClasses",
        "turbulence2d": "scatflow_processes.sources.flows:Turbulence2D",
        "uniform_measure": "scatflow_processes.sources.uniform:UniformMeasure",
        "vix": "scatflow_processes.sources.markets:VIX",
        "white_noise": "scatflow_processes.sources.gaussian:WhiteNoise",
        "wti": "scatflow_processes.sources.markets:WTI",
    }


@hookimpl
def scatflow_operators() -> Provided:
    """Return operator name -> ``"module:Class"``, imported on first use."""
    return {
        "absolute_autocorrelation": "scatflow_processes.operators.returns:AbsoluteAutocorrelation",
        "block_shuffle": "scatflow_processes.operators.surrogates:BlockShuffle",
        "bond_energy": "scatflow_processes.operators.spins:BondEnergy",
        "cluster_histogram": "scatflow_processes.operators.spin_histograms:ClusterHistogram",
        "cross_spectrum": "scatflow_processes.operators.flow_spectra:CrossSpectrum",
        "derivative": "scatflow_processes.operators.flow_derivatives:Derivative",
        "dissipation": "scatflow_processes.operators.velocity_gradients:Dissipation",
        "energy_histogram": "scatflow_processes.operators.spin_histograms:EnergyHistogram",
        "energy_spectrum": "scatflow_processes.operators.flow_spectra:EnergySpectrum",
        "flow_scales": "scatflow_processes.operators.flow_scales:FlowScales",
        "garch_model": "scatflow_processes.operators.garch:GarchModel",
        "gaussian_filter": "scatflow_processes.operators.filtering:GaussianFilter",
        "gaussian_model": "scatflow_processes.operators.gaussian:GaussianModel",
        "gaussian_neg_log_prob": "scatflow_processes.operators.gaussian:GaussianNegLogProb",
        "hill": "scatflow_processes.operators.return_tails:Hill",
        "horizon_moments": "scatflow_processes.operators.return_tails:HorizonMoments",
        "iaaft": "scatflow_processes.operators.surrogates:IAAFT",
        "integrated_time": "scatflow_processes.operators.spins:IntegratedTime",
        "ising_neg_log_prob": "scatflow_processes.operators.spins:IsingNegLogProb",
        "leverage": "scatflow_processes.operators.returns:Leverage",
        "pair_correlation": "scatflow_processes.operators.spin_averages:PairCorrelation",
        "q_criterion": "scatflow_processes.operators.velocity_gradients:QCriterion",
        "remove_intraday_pattern": "scatflow_processes.operators.intraday:RemoveIntradayPattern",
        "sign_flip": "scatflow_processes.operators.surrogates:SignFlip",
        "spin_observables": "scatflow_processes.operators.spin_averages:SpinObservables",
        "strain": "scatflow_processes.operators.velocity_gradients:Strain",
        "structure_factor": "scatflow_processes.operators.spin_averages:StructureFactor",
        "structure_functions": "scatflow_processes.operators.structure_functions:StructureFunctions",
        "time_reversal": "scatflow_processes.operators.surrogates:TimeReversal",
        "vector2": "scatflow_processes.operators.flow_components:Vector2",
        "vector3": "scatflow_processes.operators.flow_components:Vector3",
        "vorticity": "scatflow_processes.operators.velocity_gradients:Vorticity",
        "zumbach": "scatflow_processes.operators.returns:Zumbach",
    }
