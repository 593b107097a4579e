"""Pictures of labelled arrays: matplotlib axes with physical units, chosen by the labels."""

from scatflow.accessor.plots.draw import KINDS, kinds, plot, save, suggest

__all__ = ["KINDS", "kinds", "plot", "save", "suggest"]
