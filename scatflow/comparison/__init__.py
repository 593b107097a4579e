"""Comparing two results: coefficient by coefficient with errors, and as a whole (U10)."""

from scatflow.comparison.outcome import compare

__all__ = ["compare"]
