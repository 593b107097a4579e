"""Pictures of labelled arrays: matplotlib axes with physical units, chosen by the labels."""

from scatflow.accessor.plots.draw import KINDS, Arranged, arrange, figure, has_paths, kinds, plot, save, suggest
from scatflow.accessor.plots.octaves import are_octaves

__all__ = ["KINDS", "Arranged", "are_octaves", "arrange", "figure", "has_paths", "kinds", "plot", "save", "suggest"]
