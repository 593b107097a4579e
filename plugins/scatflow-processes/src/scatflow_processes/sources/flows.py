"""Flows as scatflow sources."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from scatflow.contract import param, source
from scatflow.spec import ArraySpec
from scatflow_processes import flow_forced, turbulence2d, vorticity
from scatflow_processes.flow_labels import labels
from scatflow_processes.references import COHERENT_VORTICES
from scatflow_processes.references_flows import TWO_DIMENSIONS
from scatflow_processes.sources.ensemble import Block, Ensemble

#: Samples of a variable of one run: three variables in float64 stay below the byte limit of what a process keeps, so that
#: a run is not repeated for each of them.
LARGEST_RUN = 1 << 25


@source("turbulence2d", version=1, references=(COHERENT_VORTICES,))
class Turbulence2D(Ensemble):
    """Snapshots of decaying two-dimensional turbulence, one per realization at a stated age, or a series of several ages.

    Variables ``vorticity`` (1/s), ``u`` and ``v`` (m/s) with dims (realization, y, x), or (realization, time, y, x) where ``age``
    lists several, y and x in m and periodic, time in s. The attributes T_e, Re and kmax_over_kd are those of the initial condition,
    which all realizations share; the solver and what resolution means are in ``scatflow_processes.turbulence2d``. A chunk holds
    whole runs: one that is read in parts is made once and kept.

    Examples
    --------
    >>> flow = Turbulence2D(size=64, nu=2e-3, age=1.0)
    >>> flow.read({"y": slice(0, 8)}, "u").shape
    (1, 8, 64)
    >>> flow.replace(age=(0.0, 1.0)).read({"time": slice(1, 2)}, "u").shape
    (1, 1, 64, 64)
    """

    #: A run takes seconds and more: one per chunk.
    samples_per_chunk: ClassVar[int] = 1

    size: int = param(256, "Samples along y and along x, even, above 6 k_peak.", ge=8, le=8192)
    nu: float = param(5e-4, "Viscosity; the default is resolved at the default size.", gt=0.0, le=1e6, unit="m2/s")
    age: float | tuple[float, ...] = param(
        40.0, "Time of the snapshot in units of T_e = 1 / w_rms(0), from 0 to 1e6; several, increasing, make a dim time."
    )
    box: float = param(2 * math.pi, "Side of the box.", gt=0.0, le=1e12, unit="m")
    k_peak: float = param(6.0, "Wavelengths per box at the peak of the initial energy spectrum.", ge=1.0, le=2048.0)
    rms_speed: float = param(1.0, "Initial root mean square of the speed.", gt=0.0, le=1e6, unit="m/s")
    dtype: Literal["float32", "float64"] = param(
        "float32", "Type of the result; the solver always works in float64.", choices=("float32", "float64")
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        ages = self._ages
        if not (ages and all(0 <= age <= 1e6 for age in ages) and all(a < b for a, b in pairwise(ages))):
            raise ValueError(f"turbulence2d.age must be a number, or several that increase, from 0 to 1e6, got {self.age}")
        if self.size % 2 or not self.k_peak < self.size / 6:
            raise ValueError(f"size must be even and above 6 k_peak = {6 * self.k_peak:g}, got {self.size}")
        if isinstance(self.age, tuple) and len(ages) * self.size**2 > LARGEST_RUN:
            raise ValueError(f"ages times size^2 must be <= {LARGEST_RUN} samples, got {len(ages) * self.size**2}")
        return self

    @property
    def _ages(self) -> tuple[float, ...]:
        return self.age if isinstance(self.age, tuple) else (self.age,)

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return the three variables of one run without data."""
        scales = turbulence2d.initial_scales(self.size, self.nu, self.box, self.k_peak, self.rms_speed)
        times = [age * scales.eddy_time for age in self._ages]
        series = isinstance(self.age, tuple)
        attrs: dict[str, Any] = {
            "nu": self.nu, "forcing": "none", "age": list(self._ages) if series else self.age, "T_e": scales.eddy_time,
            "Re": scales.reynolds, "kmax_over_kd": scales.resolution, **({} if series else {"time": times[0]}), "box": self.box,
            "k_peak": self.k_peak, "rms_speed": self.rms_speed,
        }  # fmt: skip
        return labels(self.size, self.box, self.dtype, attrs, times if series else None)

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Run the flows and return vorticity and velocity."""
        keys = ("size", "seed", "nu", "box", "k_peak", "rms_speed")
        options = {key: getattr(self, key) for key in keys}
        runs = [
            [flow.vorticity for flow in turbulence2d.series(realization=index, ages=self._ages, **options)] for index in indices
        ]
        found = np.asarray(runs) if isinstance(self.age, tuple) else np.asarray(runs)[:, 0]
        u, v = vorticity.velocity(found, self.box)
        return {"vorticity": found, "u": u, "v": v}


@source("forced_turbulence2d", version=1, references=(TWO_DIMENSIONS,))
class ForcedTurbulence2D(Ensemble):
    """Snapshots of statistically steady two-dimensional turbulence, forced on a ring of wave numbers, with linear drag.

    Variables ``vorticity`` (1/s), ``u`` and ``v`` (m/s) with dims (realization, time, y, x), y and x in m and periodic, time in s
    since the flow was at rest. Snapshots begin after the spin-up, which the attributes record, and are at least one eddy turnover
    apart. The attributes T_e, Re and kmax_over_kd are those of the forcing (``scatflow_processes.flow_forced.Forced`` has
    the formulas); those of a snapshot are in ``scatflow_processes.vorticity.budget``. A chunk holds whole runs, since a snapshot
    needs all time before it; ``scatflow_processes.snapshots.stream`` writes longer runs, snapshot by snapshot.

    Examples
    --------
    >>> flow = ForcedTurbulence2D(size=32, nu=1e-2, k_forcing=4.0, snapshots=3, spin_up=0.5)
    >>> flow.read({"time": slice(1, 3)}, "u").shape
    (1, 2, 32, 32)
    """

    #: A run takes seconds and more: one per chunk.
    samples_per_chunk: ClassVar[int] = 1

    size: int = param(256, "Samples along y and along x, even, above 3 (k_forcing + 1).", ge=8, le=8192)
    nu: float = param(1e-3, "Viscosity; the default is resolved at the default size.", gt=0.0, le=1e6, unit="m2/s")
    drag: float = param(0.25, "Linear drag, which takes energy from the large scales.", gt=0.0, le=1e6, unit="1/s")
    power: float = param(1.0, "Mean power per mass that a force white in time injects.", gt=0.0, le=1e12, unit="m2/s3")
    k_forcing: float = param(8.0, "Wavelengths per box in the middle of the forced ring, whose half width is 1.", ge=2.0, le=2048.0)
    correlation_time: float = param(
        0.0, "Correlation time of the force, an Ornstein-Uhlenbeck process; 0 is white in time.", ge=0.0, le=1e6, unit="s"
    )
    box: float = param(2 * math.pi, "Side of the box.", gt=0.0, le=1e12, unit="m")
    spin_up: float = param(4.0, "Time from rest to the first snapshot in units of 1 / (2 drag).", gt=0.0, le=1e3)
    spacing: float = param(1.0, "Time between snapshots in eddy times of the forcing, T_e.", ge=1.0, le=1e6)
    snapshots: int = param(8, "Snapshots of each run.", ge=1, le=10**6)
    dt: float | None = param(None, "Largest time step; default from the speed that drag alone would leave.", gt=0.0, unit="s")
    dtype: Literal["float32", "float64"] = param(
        "float32", "Precision of the arithmetic and type of the result.", choices=("float32", "float64")
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.snapshots * self.size**2 > LARGEST_RUN:
            raise ValueError(f"snapshots times size^2 must be <= {LARGEST_RUN} samples of one run, got {self.snapshots * self.size**2}: "
                             "more realizations of fewer snapshots, or one long run by scatflow_processes.snapshots.stream")  # fmt: skip
        self._run()
        return self

    def _run(self) -> flow_forced.Forced:
        return flow_forced.Forced(**{item.name: getattr(self, item.name) for item in dataclasses.fields(flow_forced.Forced)})

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return the three variables of one run without data."""
        run = self._run()
        times = run.times(range(run.intervals_before, run.intervals + 1))
        return labels(run.size, run.box, run.dtype, run.attrs(), times)

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Run the flows, one by one, and return vorticity and velocity."""
        runs = [flow_forced.simulate(self._run(), self.seed, index) for index in indices]
        return {name: np.stack([run[name] for run in runs]) for name in runs[0]}
