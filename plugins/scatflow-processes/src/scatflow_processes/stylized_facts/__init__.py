"""Stylized facts of return series: leverage, volatility clustering, time asymmetry, heavy tails.

Pure functions of arrays whose last axis is time, one sample per row whatever the calendar says; leading axes
(names, realizations) are kept. Returns are increments (not prices) in any unit. NaN is refused, as cutting it out would silently
shift the lags: the operators of the same names take names listed at different dates, gaps and sessions.
"""

from scatflow_processes.stylized_facts.memory import (
    Correlogram,
    absolute_autocorrelation,
    leverage,
    white_noise_band,
    zumbach,
)
from scatflow_processes.stylized_facts.tails import Moments, Tail, hill, interval_factors, moments_by_horizon

__all__ = [
    "Correlogram",
    "Moments",
    "Tail",
    "absolute_autocorrelation",
    "hill",
    "interval_factors",
    "leverage",
    "moments_by_horizon",
    "white_noise_band",
    "zumbach",
]
