"""Histograms of energies and of clusters over lattices on the torus, with standard errors over realizations or along chains (U18)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from pydantic import model_validator

from scatflow.contract import Ref, Wire, operator, param
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec
from scatflow_processes.operators import spin_kernels as kernels
from scatflow_processes.operators.lattice_lines import by_lines
from scatflow_processes.operators.spin_averages import LatticeAverage, labelled
from scatflow_processes.references import SWENDSEN_WANG
from scatflow_processes.references_spins import TORUS

Array = Any


@operator(
    "energy_histogram",
    version=1,
    signature="(y,x)->(bin)",
    boundaries=("periodic",),
    references=(TORUS,),
    aliases=("energy_distribution",),
    equation=r"h_b = \langle 1[\epsilon_b \le e < \epsilon_{b + 1}] \rangle, \quad e = -\frac1d \sum_{\langle uv \rangle} x_u x_v",
)
class EnergyHistogram(LatticeAverage):
    """Share of configurations whose bond energy per site lies in each bin.

    Dim ``bin``, labelled by the middle; a bin holds its lower edge, the last one the upper edge too. Energies outside count in none.

    Examples
    --------
    >>> import numpy as np
    >>> EnergyHistogram(bins=4).statistics(np, np.ones((4, 4))).tolist()
    [1.0, 0.0, 0.0, 0.0]
    """

    bins: int = param(64, "Number of bins.", ge=1, le=4096)
    low: float = param(-2.0, "Lower edge of the first bin.")
    high: float = param(2.0, "Upper edge of the last bin, above the lower edge of the first.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not (math.isfinite(self.low) and self.low < self.high < math.inf):
            raise ParameterError(f"{self.name}.high", "must be above low, both finite", got=(self.low, self.high))
        return self

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of the bins."""
        width = (self.high - self.low) / self.bins
        middle = self.low + width * (np.arange(self.bins) + 0.5)
        attrs = {"long_name": "bond energy per site", "units": "1", "width": width}
        return labelled(kept, "bin", middle, attrs, "share of configurations")

    def statistics(self, xp: Any, block: Array, **prepared: Any) -> Array:
        """Return 1 in the bin of the energy."""
        return self._in_bins(xp, kernels.bond_energy(xp, block))

    def in_lines(self, ref: Ref, spec: ArraySpec) -> Wire:
        """Wire the energies from lines along both axes."""
        return by_lines(self, ref, spec, self.bins)

    def from_lines(self, xp: Any, along_y: Array, along_x: Array, sites: int) -> Array:
        """Return 1 in the bin of the energy, from what lines tell."""
        return self._in_bins(xp, -(along_y[..., 3] + along_x[..., 3]))

    def _in_bins(self, xp: Any, energy: Array) -> Array:
        place = (energy - self.low) * (self.bins / (self.high - self.low))
        place = xp.where(place == self.bins, place - 0.5, place)
        bins = xp.arange(self.bins, dtype=xp.float64, device=getattr(energy, "device", None))
        return xp.astype(xp.floor(place)[..., None] == bins, xp.float64)


@operator(
    "cluster_histogram",
    version=1,
    signature="(y,x)->(octave)",
    boundaries=("periodic",),
    references=(SWENDSEN_WANG,),
    aliases=("cluster_sizes",),
    equation=r"n_b = \frac1d \langle \#\{C : 2^b \le |C| < 2^{b + 1}\} \rangle",
)
class ClusterHistogram(LatticeAverage):
    """Clusters of neighbors of one sign, by octave of their size, per site of the lattice.

    Dim ``octave``: b holds the clusters of 2^b to 2^(b+1) - 1 sites. Values above 0 are one sign, the others the other.

    Examples
    --------
    >>> import numpy as np
    >>> ClusterHistogram().statistics(np, np.ones((2, 4))).tolist()
    [0.0, 0.0, 0.0, 0.125]
    """

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of the octaves."""
        attrs = {"long_name": "binary logarithm of the least size in sites", "units": "1"}
        return labelled(kept, "octave", np.arange(_octaves(spec.shape)), attrs, "clusters per site")

    def statistics(self, xp: Any, block: Array, **prepared: Any) -> Array:
        """Return the clusters of every octave."""
        items = xp.reshape(block > 0, (-1, *block.shape[-2:]))
        counts = kernels.cluster_counts(xp, items, _octaves(block.shape))
        return xp.reshape(counts, (*block.shape[:-2], counts.shape[-1]))


def _octaves(shape: Sequence[int]) -> int:
    """Return the octaves of cluster sizes on a lattice."""
    return int(shape[-2] * shape[-1]).bit_length()
