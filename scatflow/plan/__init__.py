"""From a validated graph to stages, regions, chunks and projected costs."""

from scatflow.plan.plan import Limits, Plan, Stage, Target, plan
from scatflow.plan.rates import Hours, Rates
from scatflow.plan.stage import Box, StageGraph, Step, input_box

__all__ = ["Box", "Hours", "Limits", "Plan", "Rates", "Stage", "StageGraph", "Step", "Target", "input_box", "plan"]
