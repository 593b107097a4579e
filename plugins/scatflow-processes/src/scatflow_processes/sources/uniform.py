"""Uniform measures on spheres and the simplex as a scatflow source."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from scatflow.contract import param, source
from scatflow.spec import ArraySpec, Coord
from scatflow_processes import uniform
from scatflow_processes.references_fractional import DE_FINETTI
from scatflow_processes.sources.ensemble import Block, Ensemble


@source("uniform_measure", version=1, references=(DE_FINETTI,))
class UniformMeasure(Ensemble):
    """Arrays uniform on the sphere, the l1 sphere or the simplex of a stated norm per sample.

    Dims (realization, and those named). The measure does not know about places: a periodic declaration would mean
    nothing, so there is none. Exact marginals and moments are in ``scatflow_processes.uniform``.

    Examples
    --------
    >>> import numpy as np
    >>> field = UniformMeasure(dims=("y", "x"), shape=(8, 16), radius=2.0, dtype="float64").read({})
    >>> field.shape, round(float(np.sqrt((field**2).mean())), 12)
    ((1, 8, 16), 2.0)
    """

    dims: tuple[str, ...] = param(("y", "x"), "Names of the dims.")
    shape: tuple[int, ...] = param((64, 64), "Samples along each dim; at least 2 in all.")
    steps: tuple[float, ...] | None = param(None, "Distance of samples along each dim; none: indices.")
    unit: str = param("m", "Unit of the steps.")
    measure: Literal["sphere", "l1_sphere", "simplex"] = param(
        "sphere",
        "Where samples lie: fixed sum of squares, of moduli, or of moduli with all samples >= 0.",
        choices=uniform.MEASURES,
    )
    radius: float = param(1.0, "Rms of the samples (sphere) or mean of their moduli.", gt=0.0, le=1e300)
    dtype: Literal["float32", "float64"] = param(
        "float32", "Type of the result; it is made in float64.", choices=("float32", "float64")
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        count = math.prod(self.shape)
        if len(self.dims) != len(self.shape) or min(self.shape, default=0) < 1 or not 2 <= count <= uniform.MAX_SIZE:
            raise ValueError(
                f"shape needs one length >= 1 per dim {self.dims}, and 2 to {uniform.MAX_SIZE} samples, got {self.shape}"
            )
        if len({*self.dims, "realization"}) != len(self.dims) + 1:
            raise ValueError(f"dims must differ from each other and from realization, got {self.dims}")
        if self.steps is not None and (len(self.steps) != len(self.dims) or not all(0 < step < math.inf for step in self.steps)):
            raise ValueError(f"steps needs one finite number > 0 per dim {self.dims}, got {self.steps}")
        if self.dtype == "float32" and not 1e-30 <= self.radius <= 1e30:
            raise ValueError(
                f'radius outside [1e-30, 1e30] needs dtype="float64": samples leave the range of float32, got {self.radius}'
            )
        return self

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one sample without data."""
        attrs = {"units": "1", "long_name": f"uniform on the {self.measure.replace('_', ' ')}", "measure": self.measure,
                 "radius": self.radius}  # fmt: skip
        coords = {dim: self._axis(index) for index, dim in enumerate(self.dims)}
        return {self.name: ArraySpec(self.dims, self.shape, self.dtype, None, coords, attrs, self.name)}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw samples."""
        flat = uniform.sample(math.prod(self.shape), self.measure, self.seed, indices, self.radius)
        return {self.name: flat.reshape(len(indices), *self.shape)}

    def _axis(self, index: int) -> Coord:
        dim, size = self.dims[index], self.shape[index]
        if self.steps is None:
            return Coord((dim,), np.arange(size), {"sampling": "index", "units": "1"})
        return Coord((dim,), np.arange(size) * self.steps[index], {"units": self.unit})
