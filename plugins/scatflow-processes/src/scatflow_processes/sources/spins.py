"""Spin models as scatflow sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from scatflow.contract import param, source
from scatflow.spec import ArraySpec, Coord
from scatflow_processes import ising
from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE
from scatflow_processes.references import SWENDSEN_WANG, WOLFF
from scatflow_processes.sources.ensemble import Block, Ensemble


@source("ising", version=1, references=(SWENDSEN_WANG, WOLFF))
class Ising(Ensemble):
    """Independent configurations of the two-dimensional Ising model on the torus.

    Spins ±1 with dims (realization, y, x), energy E = -sum over bonds of s s', probability
    exp(-E / temperature) / Z. Exact thermodynamics to compare with are in ``scatflow_processes.ising_exact``.

    Examples
    --------
    >>> spins = Ising(size=16, temperature=2.5, realizations=3).read({"realization": slice(1, 3)})
    >>> spins.shape, spins.dtype.name
    ((2, 16, 16), 'float32')
    """

    size: int = param(64, "Sites along y and along x.", ge=2, le=ising.MAX_SIZE)
    temperature: float = param(
        CRITICAL_TEMPERATURE,
        "Temperature, critical (the default) at 2.269185.",
        gt=0.0,
        le=1e6,
        unit="coupling / k_B",
    )
    sampler: Literal["swendsen_wang", "wolff"] = param("swendsen_wang", "Cluster update.", choices=ising.SAMPLERS)
    sweeps: int | None = param(None, "Sweeps per configuration; default 60 up to size 128, more beyond.", ge=1)
    dtype: Literal["int8", "float32", "float64"] = param(
        "float32",
        "Type of the spins; operators take floats, int8 is for storage.",
        choices=("int8", "float32", "float64"),
    )

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one configuration without data."""
        lattice = {"units": "1", "period": self.size, "long_name": "lattice index"}
        attrs = {
            "units": "1", "long_name": "spin", "temperature": self.temperature, "size": self.size,
            "sampler": self.sampler, "sweeps": self.sweeps or ising.burn_in_sweeps(self.size),
        }  # fmt: skip
        coords = {dim: Coord((dim,), np.arange(self.size), {**lattice, "axis": dim.upper()}) for dim in ("y", "x")}
        return {"ising": ArraySpec(("y", "x"), (self.size, self.size), self.dtype, None, coords, attrs, "ising")}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw configurations."""
        return {"ising": ising.ensemble(self.size, self.temperature, self.seed, indices, self.sweeps, self.sampler)}
