"""Pictures of labelled arrays: matplotlib axes with physical units, chosen by the labels."""

from scatflow.accessor.plots.draw import KINDS, Coefficients, coefficients, figure, has_paths, kinds, plot, save, suggest

__all__ = ["KINDS", "Coefficients", "coefficients", "figure", "has_paths", "kinds", "plot", "save", "suggest"]
