"""Simulated and real processes for scatflow, with their exact results.

Numerics that need no engine: `ising`, `ising_exact`, `turbulence2d`, `vorticity`, `sp500`, `stylized_facts`,
`autocorrelation`. The engine's view of them: `sources` and `operators`.
"""

__version__ = "0.1.0"
