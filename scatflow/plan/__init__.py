"""From a validated graph to stages, regions, chunks and projected costs."""

from scatflow.plan.limits import Limits, Strategy, bytes_of
from scatflow.plan.plan import Plan, Stage, Target, plan
from scatflow.plan.rates import Hours, Rates
from scatflow.plan.stage import Box, StageGraph, Step, input_box

__all__ = [
    "Box",
    "Hours",
    "Limits",
    "Plan",
    "Rates",
    "Stage",
    "StageGraph",
    "Step",
    "Strategy",
    "Target",
    "bytes_of",
    "input_box",
    "plan",
]
