"""Returns of GARCH models as a scatflow source: with the parameters of a fit, surrogates of what was fitted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from scatflow.contract import param, source
from scatflow.spec import ArraySpec, Coord
from scatflow_processes import garch
from scatflow_processes.references_gaussian import GARCH, GJR
from scatflow_processes.sources.ensemble import Block, Ensemble
from scatflow_processes.streams import realization_generator


@source("garch", version=1, references=(GARCH, GJR))
class Garch(Ensemble):
    """Independent series of returns of a GARCH(1, 1) model, or with ``gamma`` of the asymmetric GJR model.

    Dims (realization, time), by sample. ``scatflow_processes.garch.fit_garch`` finds the parameters for data.

    Examples
    --------
    >>> Garch(size=1000, alpha=0.1, beta=0.85, omega=0.05, realizations=2).read({"time": slice(0, 5)}).shape
    (2, 5)
    """

    size: int = param(4096, "Samples of a series.", ge=1, le=2**26)
    mean: float = param(0.0, "Mean of the returns.", ge=-1e6, le=1e6)
    omega: float = param(0.05, "Constant of the variance, in the squared unit.", gt=0.0, le=1e12)
    alpha: float = param(0.1, "Weight of the last squared shock.", ge=0.0, lt=1.0)
    gamma: float = param(0.0, "Further weight of a negative one.", gt=-1.0, lt=2.0)
    beta: float = param(0.85, "Weight of the last variance.", ge=0.0, lt=1.0)
    dof: float | None = param(None, "Degrees of freedom of Student's t for the innovations; default normal ones.", gt=2.0, le=1e6)
    units: str = param("1", "Unit of the returns.")
    dtype: Literal["float32", "float64"] = param("float64", "Type of the result.", choices=("float32", "float64"))

    @model_validator(mode="after")
    def _stationary(self) -> Self:
        if not (self.alpha + self.gamma >= 0 and self._model().persistence < 1):
            raise ValueError("alpha + gamma must be >= 0 and alpha + gamma / 2 + beta < 1 for a finite variance, "
                             f"got {self.alpha + self.gamma:g} and {self._model().persistence:g}")  # fmt: skip
        return self

    def _model(self) -> garch.GarchFit:
        return garch.GarchFit(self.mean, self.omega, self.alpha, self.gamma, self.beta, np.zeros(0), math.nan)

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one series without data."""
        keys = ("mean", "omega", "alpha", "gamma", "beta") + (("dof",) if self.dof else ())
        attrs = {"units": self.units, "long_name": "return", "input": "increments", **{key: getattr(self, key) for key in keys}}
        time = Coord(("time",), np.arange(self.size), {"sampling": "index", "axis": "T", "long_name": "sample"})
        return {"garch": ArraySpec(("time",), (self.size,), self.dtype, None, {"time": time}, attrs, "garch")}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Simulate series."""
        innovations = np.stack([self._innovations(index) for index in indices])
        return {"garch": garch.simulate_garch(self._model(), innovations)}

    def _innovations(self, index: int) -> Block:
        generator, count = realization_generator(self.seed, index), self.size + garch.BURN_IN
        if self.dof is None:
            return generator.standard_normal(count)
        return generator.standard_t(self.dof, count) * math.sqrt((self.dof - 2) / self.dof)
