"""Flows as scatflow sources."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from scatflow.contract import param, source
from scatflow.spec import ArraySpec, Coord
from scatflow_processes import turbulence2d, vorticity
from scatflow_processes.references import COHERENT_VORTICES
from scatflow_processes.sources.ensemble import Block, Ensemble

_UNITS = {"vorticity": "1/s", "u": "m/s", "v": "m/s"}
_NAMES = {"vorticity": "vorticity", "u": "velocity along x", "v": "velocity along y"}


@source("turbulence2d", version=1, references=(COHERENT_VORTICES,))
class Turbulence2D(Ensemble):
    """Snapshots of decaying two-dimensional turbulence, one per realization, at a stated age.

    Variables ``vorticity`` (1/s), ``u`` and ``v`` (m/s) with dims (realization, y, x), y and x in m and
    periodic. The attributes T_e, Re and kmax_over_kd are those of the initial condition, which all
    realizations share; the solver and what resolution means are in ``scatflow_processes.turbulence2d``.

    Examples
    --------
    >>> flow = Turbulence2D(size=64, nu=2e-3, age=1.0)
    >>> flow.read({"y": slice(0, 8)}, "u").shape
    (1, 8, 64)
    """

    size: int = param(256, "Samples along y and along x, even, above 6 k_peak.", ge=8, le=8192)
    nu: float = param(5e-4, "Viscosity; the default is resolved at the default size.", gt=0.0, le=1e6, unit="m2/s")
    age: float = param(20.0, "Time of the snapshot in units of T_e = 1 / w_rms(0).", ge=0.0, le=1e6)
    box: float = param(2 * math.pi, "Side of the box.", gt=0.0, le=1e12, unit="m")
    k_peak: float = param(6.0, "Wavelengths per box at the peak of the initial energy spectrum.", ge=1.0, le=2048.0)
    rms_speed: float = param(1.0, "Initial root mean square of the speed.", gt=0.0, le=1e6, unit="m/s")
    dtype: Literal["float32", "float64"] = param(
        "float32", "Type of the result; the solver always works in float64.", choices=("float32", "float64")
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.size % 2 or not self.k_peak < self.size / 6:
            raise ValueError(f"size must be even and above 6 k_peak = {6 * self.k_peak:g}, got {self.size}")
        return self

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return the three variables of one run without data."""
        scales = turbulence2d.initial_scales(self.size, self.nu, self.box, self.k_peak, self.rms_speed)
        attrs = {
            "nu": self.nu, "forcing": "none", "age": self.age, "T_e": scales.eddy_time, "Re": scales.reynolds,
            "kmax_over_kd": scales.resolution, "time": self.age * scales.eddy_time, "box": self.box,
            "k_peak": self.k_peak, "rms_speed": self.rms_speed,
        }  # fmt: skip
        where = np.arange(self.size) * (self.box / self.size)
        coords = {dim: Coord((dim,), where, {"units": "m", "period": self.box, "axis": dim.upper()}) for dim in ("y", "x")}
        return {
            name: ArraySpec(("y", "x"), (self.size, self.size), self.dtype, None, coords,
                            {"units": unit, "long_name": _NAMES[name], **attrs}, name)
            for name, unit in _UNITS.items()
        }  # fmt: skip

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Run the flows and return vorticity and velocity."""
        keys = ("size", "seed", "nu", "age", "box", "k_peak", "rms_speed")
        options = {key: getattr(self, key) for key in keys}
        found = [turbulence2d.simulate(realization=index, **options).vorticity for index in indices]
        velocities = [vorticity.velocity(field, self.box) for field in found]
        return {"vorticity": np.stack(found), "u": np.stack([u for u, _ in velocities]), "v": np.stack([v for _, v in velocities])}
