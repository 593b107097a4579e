"""The processes as scatflow sources: labelled arrays, read region by region.

Every realization is made from the seed and its own absolute index, so any region, worker and order of reading
gives the same numbers. A region that cuts through a realization makes the whole of it and keeps the part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from scatflow.arrays import prepared_cache
from scatflow.contract import Source, digest, param, source
from scatflow.errors import ParameterError, near
from scatflow.spec import ArraySpec, Coord
from scatflow_processes import ising, sp500, turbulence2d, vorticity
from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE
from scatflow_processes.references import ARCH_DATA, COHERENT_VORTICES, SWENDSEN_WANG, WOLFF

Region = Mapping[str, slice]

#: Sites per chunk of Ising realizations: about two seconds of sweeps, so tasks are neither crumbs nor few.
_SITES_PER_CHUNK = 1 << 18
_UNITS = {"vorticity": "1/s", "u": "m/s", "v": "m/s"}
_NAMES = {"vorticity": "vorticity", "u": "velocity along x", "v": "velocity along y"}


@source("ising", version=1, references=(SWENDSEN_WANG, WOLFF))
class Ising(Source):
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
    realizations: int = param(1, "Number of independent configurations.", ge=1, le=10**9)
    seed: int = param(0, "Seed of the ensemble.", ge=0)
    sampler: Literal["swendsen_wang", "wolff"] = param("swendsen_wang", "Cluster update.", choices=ising.SAMPLERS)
    sweeps: int | None = param(None, "Sweeps per configuration; default 60 up to size 128, more beyond.", ge=1)
    dtype: Literal["int8", "float32", "float64"] = param(
        "float32",
        "Type of the spins; operators take floats, int8 is for storage.",
        choices=("int8", "float32", "float64"),
    )

    def describe(self) -> ArraySpec:
        """Return the labelled array without data."""
        lattice = {"units": "1", "period": self.size, "long_name": "lattice index"}
        per_chunk = max(1, _SITES_PER_CHUNK // self.size**2)
        attrs = {
            "units": "1", "long_name": "spin", "temperature": self.temperature, "size": self.size,
            "seed": self.seed, "sampler": self.sampler,
            "sweeps": self.sweeps or ising.burn_in_sweeps(self.size),
        }  # fmt: skip
        coords = {dim: Coord((dim,), np.arange(self.size), {**lattice, "axis": dim.upper()}) for dim in ("y", "x")}
        return _ensemble("ising", self.dtype, self.realizations, per_chunk, coords, attrs)

    def read(self, region: Region, variable: str | None = None) -> npt.NDArray[Any]:
        """Return the spins of ``region``, shape (realization, y, x)."""
        members = [index for _, index in _members(region, self.realizations)]
        spins = ising.ensemble(self.size, self.temperature, self.seed, members, self.sweeps, self.sampler)
        return spins[:, *_cut(region)].astype(self.dtype)


@source("turbulence2d", version=1, references=(COHERENT_VORTICES,))
class Turbulence2D(Source):
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
    realizations: int = param(1, "Number of independent runs.", ge=1, le=10**9)
    seed: int = param(0, "Seed of the ensemble.", ge=0)
    dtype: Literal["float32", "float64"] = param(
        "float32", "Type of the result; the solver always works in float64.", choices=("float32", "float64")
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.size % 2 or not self.k_peak < self.size / 6:
            raise ValueError(f"size must be even and above 6 k_peak = {6 * self.k_peak:g}, got {self.size}")
        return self

    def describe(self) -> Mapping[str, ArraySpec]:
        """Return the three labelled arrays without data."""
        scales = turbulence2d.initial_scales(self.size, self.nu, self.box, self.k_peak, self.rms_speed)
        attrs = {
            "nu": self.nu, "forcing": "none", "age": self.age, "T_e": scales.eddy_time, "Re": scales.reynolds,
            "kmax_over_kd": scales.resolution, "time": self.age * scales.eddy_time, "box": self.box,
            "k_peak": self.k_peak, "rms_speed": self.rms_speed, "seed": self.seed,
        }  # fmt: skip
        where = np.arange(self.size) * (self.box / self.size)
        coords = {dim: Coord((dim,), where, {"units": "m", "period": self.box, "axis": dim.upper()}) for dim in ("y", "x")}
        return {
            name: _ensemble(name, self.dtype, self.realizations, 1, coords,
                            {"units": unit, "long_name": _NAMES[name], **attrs})
            for name, unit in _UNITS.items()
        }  # fmt: skip

    def read(self, region: Region, variable: str | None = None) -> npt.NDArray[Any]:
        """Return one variable (default vorticity) of ``region``, shape (realization, y, x)."""
        name = variable or "vorticity"
        if name not in _UNITS:
            raise ParameterError(
                "turbulence2d.variable",
                "no such variable",
                expected=" | ".join(_UNITS),
                got=repr(name),
                remedy=near(name, _UNITS),
            )
        members = list(_members(region, self.realizations))
        cut = _cut(region)
        lengths = (len(range(self.size)[part]) for part in cut)
        block = np.empty((len(members), *lengths), dtype=self.dtype)
        for row, index in members:
            field = self._vorticity(index)
            if name != "vorticity":
                field = vorticity.velocity(field, self.box)[name == "v"]
            block[row] = field[cut]
        return block

    def _vorticity(self, realization: int) -> vorticity.Field:
        """Return the vorticity of one run, kept because its three variables are read in turn."""
        keys = ("size", "nu", "age", "box", "k_peak", "rms_speed", "seed")
        options = {"realization": realization, **{key: getattr(self, key) for key in keys}}

        def run() -> Mapping[str, vorticity.Field]:
            return {"vorticity": turbulence2d.simulate(**options).vorticity}

        kept = prepared_cache().get(("turbulence2d", type(self).version, *options.values()), run)
        field: vorticity.Field = kept["vorticity"]
        return field


@source("sp500", version=1, references=(ARCH_DATA,))
class SP500(Source):
    """Daily log-returns of the S&P 500 index, 1999-2018, one row per trading day.

    Dim ``time`` is by sample: the dates stay as its coordinate, frequencies are per trading day. The values
    are increments of the logarithm of the adjusted close. Needs the extra ``scatflow-processes[finance]``.

    Examples
    --------
    >>> SP500().describe().shape, SP500().describe().attrs["input"]
    ((5030,), 'increments')
    """

    def describe(self) -> ArraySpec:
        """Return the labelled array; the dates come from the package that carries the data."""
        dates, _ = _market()
        time = Coord(
            ("time",),
            dates,
            {
                "sampling": "index",
                "sampling_step": "trading_day",
                "axis": "T",
                "long_name": "day of the close",
            },
        )
        attrs = {"units": "1", "long_name": "daily log-return of the S&P 500", "input": "increments"}
        return ArraySpec(("time",), dates.shape, "float64", ((dates.size,),), {"time": time}, attrs, "sp500")

    def read(self, region: Region, variable: str | None = None) -> npt.NDArray[np.float64]:
        """Return the returns of ``region``, shape (time,)."""
        return _market().values[region.get("time", slice(None))].copy()

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the data themselves, which another version of the package may revise."""
        dates, values = _market()
        return digest([*self.identity(), dates.astype(np.int64).tobytes().hex(), values.tobytes().hex()])


@lru_cache(maxsize=1)
def _market() -> sp500.ReturnSeries:
    returns = sp500.sp500_returns()
    for array in returns:
        array.setflags(write=False)
    return returns


def _ensemble(
    name: str,
    dtype: str,
    realizations: int,
    per_chunk: int,
    coords: Mapping[str, Coord],
    attrs: Mapping[str, Any],
) -> ArraySpec:
    """Return the spec of (realization, y, x) with whole fields in every chunk."""
    index = Coord(("realization",), np.arange(realizations), {"long_name": "realization", "units": "1"})
    full, rest = divmod(realizations, per_chunk)
    sizes = [coords[dim].values.size for dim in ("y", "x")]
    chunks = ((per_chunk,) * full + ((rest,) if rest else ()), (sizes[0],), (sizes[1],))
    shape = (realizations, *sizes)
    return ArraySpec(("realization", "y", "x"), shape, dtype, chunks, {"realization": index, **coords}, attrs, name)


def _members(region: Region, realizations: int) -> Iterator[tuple[int, int]]:
    """Yield row and absolute index of the realizations in ``region``."""
    yield from enumerate(range(realizations)[region.get("realization", slice(None))])


def _cut(region: Region) -> tuple[slice, slice]:
    return region.get("y", slice(None)), region.get("x", slice(None))
