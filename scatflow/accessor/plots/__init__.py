"""Pictures of labelled arrays: matplotlib axes with physical units, chosen by the labels."""

from scatflow.accessor.plots.draw import KINDS, Arranged, arrange, figure, has_paths, kinds, plot, save, suggest

__all__ = ["KINDS", "Arranged", "arrange", "figure", "has_paths", "kinds", "plot", "save", "suggest"]
