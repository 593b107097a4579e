"""Gaussian fields as scatflow sources."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from scatflow.arrays import normal, prepared_cache
from scatflow.contract import param, source
from scatflow.spec import ArraySpec, Coord, chunk_lengths
from scatflow_processes import gaussian
from scatflow_processes.modes import Reals
from scatflow_processes.references_gaussian import RANDOM_FIELDS, ROGALLO
from scatflow_processes.sources.ensemble import Block, Ensemble, Region
from scatflow_processes.sources.exact import Exact
from scatflow_processes.spectra import check_band, no_power
from scatflow_processes.spectral_parameters import Spectral

#: Samples per chunk of white noise: plans count some chunks per thread as if they were decoded from a store.
CHUNK = 2**20
#: Names of dims and of the components of vectors along them, slowest first.
DIMS, COMPONENTS = ("z", "y", "x"), ("w", "v", "u")


class _Cells(Ensemble):
    """A periodic grid of square cells."""

    #: Most samples of a field: it is made as a whole, with its spectrum.
    most: ClassVar[int] = 2**30

    size: tuple[int, ...] = param((256, 256), "Samples along (x), (y, x) or (z, y, x).")
    box: float = param(
        2 * math.pi, "Length along x; samples are equally far apart along all dims.", gt=0.0, le=1e12, unit="length_units"
    )
    units: str = param("1", "Unit of the values.")
    length_units: str = param("m", "Unit of the coordinates; wave numbers are in rad per this unit.")
    dtype: Literal["float32", "float64"] = param(
        "float32", "Type of the result; it is made in float64.", choices=("float32", "float64")
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not (1 <= len(self.size) <= 3 and min(self.size) >= 2 and math.prod(self.size) <= self.most):
            raise ValueError(f"size must be 1 to 3 numbers >= 2 with a product of at most {self.most:.3g}, got {self.size}")
        return self

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of samples along each dim."""
        return (self.box / self.size[-1],) * len(self.size)

    def labelled(self, name: str, long_name: str, attrs: Mapping[str, Any]) -> ArraySpec:
        """Return one field without data."""
        dims, (step, *_) = DIMS[3 - len(self.size) :], self.spacing
        coords = {
            dim: Coord((dim,), np.arange(n) * step, {"units": self.length_units, "period": n * step, "axis": dim.upper()})
            for dim, n in zip(dims, self.size, strict=True)
        }
        described = {"units": self.units, "long_name": long_name, "box": self.box, **attrs}
        return ArraySpec(dims, self.size, self.dtype, None, coords, described, name)


class _Grid(Spectral, _Cells):
    """A spectrum on such a grid."""

    @model_validator(mode="after")
    def _on_grid(self) -> Self:
        check_band(self.named_spectrum(), self.size, self.spacing)
        return self

    def kept_power(self) -> Reals:
        """Return the power of all modes, kept because realizations are made in turn."""
        name, version, parameters = self.identity()
        kept = prepared_cache().get((name, str(version), parameters, "power"), lambda: {"power": self._made_power()})
        power: Reals = kept["power"]
        return power

    def _made_power(self) -> Reals:
        return self.power(self.size, self.spacing)


@source("gaussian_field", version=1, references=(RANDOM_FIELDS,))
class GaussianField(Exact, _Grid):
    """Stationary Gaussian fields with a spectrum, on a periodic grid of one to three dims.

    Dims (realization, x), (realization, y, x) or (realization, z, y, x). Spectra, and what ``given`` means, are those of
    ``scatflow_processes.spectra``; probability and entropy are in ``scatflow_processes.gaussian``.

    Examples
    --------
    >>> field = GaussianField(size=(64, 64), spectrum="vorticity", k_low=2, k_high=20, std=3.0, realizations=10)
    >>> field.read({"realization": slice(4, 6)}).shape
    (2, 64, 64)
    """

    mean: float = param(0.0, "Mean of the values.", ge=-1e12, le=1e12)

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one field without data."""
        attrs = {"mean": self.mean, **self.spectrum_attrs()}
        return {"gaussian_field": self.labelled("gaussian_field", "Gaussian field", attrs)}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw fields."""
        return {"gaussian_field": gaussian.gaussian_ensemble(self.kept_power(), self.seed, indices, self.mean)}

    def neg_log_prob(self, x: Block) -> Reals:
        """Return the exact one, in nats per mode that has power: on the others the law has no density."""
        return gaussian.neg_log_prob(x, self.kept_power(), self.mean, support="masked")

    def entropy(self) -> float:
        """Return the entropy, in nats per mode that has power."""
        return gaussian.entropy(self.kept_power(), support="masked")

    def floor(self) -> float:
        """Return ``1 / (2 d H^2)`` with d modes that have power."""
        return gaussian.entropy_floor(self.kept_power(), support="masked")


@source("white_noise", version=1)
class WhiteNoise(Exact, _Cells):
    """White noise of unit variance on a periodic grid of any size, in chunks: each number belongs to its position.

    ``gaussian_filter`` makes of it what the source ``gaussian_field`` of the same size and seed delivers, also where one field is larger than
    memory (a job with ``strategy="pencil"``).

    Examples
    --------
    >>> noise = WhiteNoise(size=(8192, 8192))
    >>> noise.describe().chunks[1][:2], noise.read({"y": slice(5000, 5002), "x": slice(7, 10)}).shape
    ((128, 128), (1, 2, 3))
    """

    most: ClassVar[int] = 2**60

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one field without data."""
        return {"white_noise": self.labelled("white_noise", "white noise", {})}

    def neg_log_prob(self, x: Block) -> Reals:
        """Return ``ln(2 pi) / 2 + mean(x^2) / 2``, in nats per site."""
        square = np.asarray(x, dtype=np.float64) ** 2
        return np.asarray(0.5 * math.log(2 * math.pi) + 0.5 * square.mean(axis=tuple(range(-len(self.size), 0))))

    def entropy(self) -> float:
        """Return ``ln(2 pi e) / 2``, in nats per site."""
        return 0.5 * math.log(2 * math.pi * math.e)

    def floor(self) -> float:
        """Return ``1 / (2 d H^2)``."""
        return 1 / (2 * math.prod(self.size) * self.entropy() ** 2)

    def describe(self) -> ArraySpec:
        """Return the labelled array without data, slow dims cut into chunks."""
        spec = self._repeated(self.labels()["white_noise"])
        shape, chunks = (self.realizations, *self.size), []
        for axis, n in enumerate(shape):
            chunks.append(chunk_lengths(n, CHUNK // math.prod(shape[axis + 1 :])))
        return replace(spec, chunks=tuple(chunks))

    def read(self, region: Region, variable: str | None = None) -> Block:
        """Return the numbers of ``region``, and no others."""
        self._named(self.labels(), variable)
        indices = range(self.realizations)[region.get("realization", slice(None))]
        dims = DIMS[3 - len(self.size) :]
        ranges = [range(n)[region.get(dim, slice(None))] for dim, n in zip(dims, self.size, strict=True)]
        block = np.empty((len(indices), *map(len, ranges)), dtype=self.dtype)
        *slow, fast = ranges
        if block.size == 0:
            return block
        for row, index in enumerate(indices):
            for place in np.ndindex(*map(len, slow)):
                line = 0
                for along, i, n in zip(slow, place, self.size, strict=False):
                    line = line * n + along[i]
                start = line * self.size[-1] + fast.start
                block[(row, *place)] = normal(self.seed, start, fast[-1] - fast.start + 1, stream=index)[:: fast.step]
        return block


@source("solenoidal_field", version=1, references=(ROGALLO,))
class SolenoidalField(_Grid):
    """Gaussian velocity fields without divergence, with an energy spectrum, on a periodic grid of two or three dims.

    Variables ``u``, ``v`` (and ``w``), along x, y (and z). A shell spectrum E(k) integrates to half of ``<|u|^2>``; ``std`` is the root of
    ``<|u|^2>``, of all components together. Modes with a Nyquist frequency have no power.

    Examples
    --------
    >>> flow = SolenoidalField(size=(32, 32), spectrum="kolmogorov", k_high=10.0)
    >>> flow.read({"y": slice(0, 4)}, "v").shape
    (1, 4, 32)
    """

    units: str = param("m/s", "Unit of the values.")
    spectrum: Literal["power_law", "kolmogorov", "direct_cascade", "table"] = param(
        "kolmogorov", "Name of the spectrum, or 'table'.", choices=("power_law", "kolmogorov", "direct_cascade", "table")
    )

    @model_validator(mode="after")
    def _flows(self) -> Self:
        if len(self.size) == 1:
            raise ValueError(f"a field without divergence has 2 or 3 dims, got size={self.size}")
        return self

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return the components of one field without data."""
        return {name: self.labelled(name, f"velocity along {dim}", self.spectrum_attrs()) for name, dim in self._components()}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw fields."""
        vectors = gaussian.solenoidal_ensemble(self.kept_power(), self.spacing, self.seed, indices)
        return {name: vectors[:, len(self.size) - 1 - n] for n, (name, _) in enumerate(self._components())}

    def _components(self) -> list[tuple[str, str]]:
        """Return (variable, dim), u first."""
        return list(zip(COMPONENTS[::-1], DIMS[::-1], strict=True))[: len(self.size)]

    def _made_power(self) -> Reals:
        power = gaussian.without_nyquist(self.replace(std=None).power(self.size, self.spacing))
        power[(0,) * power.ndim] = 0.0
        if not power.any():
            raise no_power(self.named_spectrum(), self.size, self.spacing)
        return power if self.std is None else power * (self.std**2 / power.mean())
