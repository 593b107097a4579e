"""The toys as a plugin, for tests of graphs, pipelines and jobs."""

from __future__ import annotations

from scatflow.hookspecs import hookimpl

OPERATORS = (
    "Smooth",
    "Bands",
    "Mean",
    "Divide",
    "Flip",
    "Every",
    "Anomaly",
    "Greedy",
    "Ends",
    "Twice",
    "Far",
    "Pair",
    "TwiceAverage",
)


@hookimpl
def scatflow_operators() -> dict[str, str]:
    names = (
        "toy_smooth",
        "toy_bands",
        "toy_mean",
        "toy_divide",
        "toy_flip",
        "toy_every",
        "toy_anomaly",
        "toy_greedy",
        "toy_ends",
        "toy_twice",
        "toy_far",
        "toy_pair",
        "toy_average",
    )
    return {name: f"toys:{cls}" for name, cls in zip(names, OPERATORS, strict=True)} | {"toy_moments": "averages:Toy"}


@hookimpl
def scatflow_sources() -> dict[str, str]:
    return {"toy_noise": "toys:Noise"}
