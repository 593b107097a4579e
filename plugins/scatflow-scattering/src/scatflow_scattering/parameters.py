"""Parameters of operators that walk a scattering tree."""

from __future__ import annotations

from functools import lru_cache

from scatflow.contract import param
from scatflow.spec import ArraySpec, Coord
from scatflow_scattering.tree import Kind, Path, Tree, grow
from scatflow_wavelet.labels import path_coords
from scatflow_wavelet.parameters import BankParameters
from scatflow_wavelet.selection import Selection


class TreeParameters(BankParameters):
    """Base of operators over the paths of a scattering tree."""

    order: int = param(2, "Highest number of wavelets in a path.", ge=0, le=8)
    tree: Kind = param("increasing", 'Paths with j1 < j2 < ... ("increasing"), or all of them.')
    paths: Selection = param(None, 'Labels of the paths wanted, {"order": 2, "j1": (0, 1)}, or a list of such; default all.')

    def depth_of_tree(self) -> int:
        """Return the highest order."""
        return self.order

    def planes(self) -> tuple[int, int | None]:
        """Return by how many octaves planes are sampled finer than 2^j, and the exponent that none exceeds."""
        return self.oversampling, None

    def paths_of(self, ndim: int, complex_input: bool = False) -> Tree:
        """Return the tree in one or two core dims, for inputs that :meth:`resolve` has seen.

        Complex input has wavelets of all directions in the first order; later orders take real planes.

        Raises
        ------
        ParameterError
            The family has no such bank, no path is selected, or the tree cannot be sampled like this.
        """
        return _tree(self.replace(dims=None, sampling=None), ndim, complex_input)

    def path_coords(self, spec: ArraySpec, tree: Tree, paths: tuple[Path, ...] | None = None) -> dict[str, Coord]:
        """Return the labels of the tree's paths, or some of them, for an input."""
        return path_coords(tree.banks, tree.paths if paths is None else paths, self.order, self.spacing(spec))


@lru_cache(maxsize=32)
def _tree(operator: TreeParameters, ndim: int, complex_input: bool) -> Tree:
    banks = [operator.bank(ndim, k, full_circle=complex_input and k == 1) for k in range(1, operator.order + 1)]
    finer, coarsest = operator.planes()
    return grow(banks, operator.tree, finer, operator.paths, operator.name, coarsest)
