"""Evaluation of kernels on blocks: no Dask, no zarr, no labels."""

from scatflow.blocks.evaluate import combine, evaluate, finalize, partial
from scatflow.blocks.stage import evaluate_stage

__all__ = ["combine", "evaluate", "evaluate_stage", "finalize", "partial"]
