"""Spin models as scatflow sources: independent configurations, and chains of correlated ones."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from scatflow.contract import param, source
from scatflow.spec import ArraySpec, Coord
from scatflow_processes import heat_bath, ising, ising_likelihood, ising_times, phi4
from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE
from scatflow_processes.references import SWENDSEN_WANG, WOLFF
from scatflow_processes.references_spins import EMBEDDED_CLUSTERS, HYBRID_MONTE_CARLO
from scatflow_processes.sources.axes import square_axes
from scatflow_processes.sources.ensemble import Block, Ensemble
from scatflow_processes.sources.exact import Exact, Numbers

#: Bytes of one chain, which is made as a whole whatever part of it is read.
MAX_CHAIN_BYTES = 1 << 30


class _IsingEnsemble(Ensemble):
    """Parameters and labels of the Ising model.

    Attributes tell how long the sampler remembers, from a table (:mod:`scatflow_processes.ising_times`): ``tau_int_energy`` and
    ``tau_int_abs_magnetization`` in sweeps, how they are known (``tau_int_from``), and the burn-in in units of the longer one.
    """

    size: int = param(64, "Sites along y and along x.", ge=2, le=ising.MAX_SIZE)
    temperature: float = param(
        CRITICAL_TEMPERATURE,
        "Temperature, critical (the default) at 2.269185.",
        gt=0.0,
        le=1e6,
        unit="coupling / k_B",
    )
    sampler: Literal["swendsen_wang", "wolff", "heat_bath"] = param(
        "swendsen_wang",
        "Cluster update, or checkerboard heat bath (even sizes; slow below temperature 2.3).",
        choices=ising.SAMPLERS,
    )
    sweeps: int | None = param(
        None, "Sweeps before the first configuration; default 60 up to size 128 and more beyond, or as the heat bath needs.", ge=1
    )
    values: Literal["spins", "occupation"] = param(
        "spins", "Spins s = -1, 1, or occupations (1 + s) / 2 = 0, 1.", choices=("spins", "occupation")
    )
    dtype: Literal["int8", "float32", "float64"] = param(
        "float32",
        "Type of the values; operators take floats, int8 is for storage.",
        choices=("int8", "float32", "float64"),
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.sampler == "heat_bath":
            heat_bath.check_sides((self.size, self.size))
            heat_bath.warn_if_slow(self.temperature)
        self._warn_if_short()
        return self

    def _burn_in(self) -> int:
        return self.sweeps or ising.default_sweeps(self.size, self.temperature, self.sampler)

    def _times(self) -> ising_times.Times:
        return ising_times.autocorrelation_times(self.size, self.temperature, self.sampler)

    def _warn_if_short(self) -> None:
        """Warn where the start is not forgotten."""
        times, burn_in = self._times(), self._burn_in()
        if burn_in < ising_times.ENOUGH * times.longest:
            warnings.warn(
                f"{self.name}: {burn_in} sweeps before the first configuration are {burn_in / times.longest:.2g} autocorrelation times "
                f"(about {times.longest:.2g} sweeps, from {times.known}), fewer than {ising_times.ENOUGH}: the start may be remembered; "
                f"give sweeps={math.ceil(ising_times.ENOUGH * times.longest)} or more", stacklevel=2,
            )  # fmt: skip

    def _spec(self, name: str) -> ArraySpec:
        """Return one configuration without data."""
        times, burn_in = self._times(), self._burn_in()
        attrs = {
            "units": "1", "long_name": "spin" if self.values == "spins" else "occupation", "values": self.values,
            "temperature": self.temperature, "size": self.size, "sampler": self.sampler, "sweeps": burn_in,
            "tau_int_energy": round(times.energy, 2), "tau_int_abs_magnetization": round(times.abs_magnetization, 2),
            "burn_in_over_tau_int": round(burn_in / times.longest, 1), "tau_int_from": times.known,
        }  # fmt: skip
        return ArraySpec(("y", "x"), (self.size, self.size), self.dtype, None, square_axes(self.size, None), attrs, name)

    def _labelled(self, spins: Block) -> Block:
        """Return spins or occupations."""
        return spins if self.values == "spins" else (spins + np.int8(1)) // np.int8(2)


@source("ising", version=1, references=(SWENDSEN_WANG, WOLFF))
class Ising(Exact, _IsingEnsemble):
    """Independent configurations of the two-dimensional Ising model on the torus.

    Spins ±1 with dims (realization, y, x), energy E = -sum over bonds of s s', probability
    exp(-E / temperature) / Z. Exact thermodynamics to compare with are in ``scatflow_processes.ising_exact``. Attributes hold the
    integrated autocorrelation times of energy and \\|m\\| in sweeps (``tau_int_energy``, ``tau_int_abs_magnetization``; from the table of
    ``scatflow_processes.ising_times``) and how many of the longer one the burn-in has; fewer than 10 give a warning.

    Examples
    --------
    >>> spins = Ising(size=16, temperature=2.5, realizations=3).read({"realization": slice(1, 3)})
    >>> spins.shape, spins.dtype.name
    ((2, 16, 16), 'float32')
    """

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one configuration without data."""
        return {"ising": self._spec("ising")}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw configurations."""
        spins = ising.ensemble(self.size, self.temperature, self.seed, indices, self.sweeps, self.sampler)
        return {"ising": self._labelled(spins)}

    def neg_log_prob(self, x: Block) -> Numbers:
        """Return ``(E / T + ln Z) / d`` of configurations, in nats per site."""
        return ising_likelihood.neg_log_prob(x if self.values == "spins" else 2 * x.astype(np.float32) - 1, self.temperature)

    def entropy(self) -> float:
        """Return the entropy of the torus, in nats per site."""
        return ising_likelihood.entropy(self.size, self.temperature)

    def floor(self) -> float:
        """Return the heat capacity over d H^2."""
        return ising_likelihood.floor(self.size, self.temperature)


@source("ising_chain", version=1, references=(SWENDSEN_WANG, WOLFF))
class IsingChain(_IsingEnsemble):
    """Markov chains of the Ising model: successive, correlated configurations along ``sweep``, one chain per realization.

    For autocorrelation times (operator ``integrated_time``; those of attributes, as of ``ising``, are in sweeps, of which ``thin`` make a
    step) and averages over long chains; the dim is marked as a time axis
    (attribute ``axis``), so that averages over it know of the correlations. The first configuration is that of the source ``ising``.

    Examples
    --------
    >>> chain = IsingChain(size=8, temperature=2.5, length=5, thin=2)
    >>> chain.read({}).shape, chain.describe().coords["sweep"].values.tolist()
    ((1, 5, 8, 8), [0, 2, 4, 6, 8])
    """

    samples_per_chunk: ClassVar[int] = 1 << 22

    length: int = param(1000, "Configurations of a chain.", ge=1, le=10**7)
    thin: int = param(1, "Sweeps from one configuration to the next.", ge=1)

    @model_validator(mode="after")
    def _in_memory(self) -> Self:
        size = self.length * self.size**2
        if size > MAX_CHAIN_BYTES:
            raise ValueError(f"a chain of length * size^2 = {size} spins is made at once, at most {MAX_CHAIN_BYTES}; "
                             "take a shorter one, more realizations or thin")  # fmt: skip
        return self

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one chain without data."""
        steps = {"units": "1", "axis": "T", "long_name": "sweeps after the first configuration"}
        coord = Coord(("sweep",), np.arange(self.length) * self.thin, steps)
        spec = self._spec("ising_chain").with_dim("sweep", self.length, {"sweep": coord}, at=0)
        return {"ising_chain": spec.with_attrs(thin=self.thin)}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Run chains."""
        chains = np.empty((len(indices), self.length, self.size, self.size), dtype=np.int8)
        for row, index in enumerate(indices):
            states = ising.chain(self.size, self.temperature, self.seed, index, self.thin, self.sweeps, self.sampler)
            for step, state in enumerate(islice(states, self.length)):
                chains[row, step] = state
        return {"ising_chain": self._labelled(chains)}


@source("phi4", version=1, references=(EMBEDDED_CLUSTERS, HYBRID_MONTE_CARLO))
class Phi4(Ensemble):
    """Independent configurations of the scalar field phi^4 on the periodic square lattice.

    Dims (realization, y, x); probability proportional to exp(-E) with
    ``E = -beta sum over bonds of phi phi' + sum of [phi^2 + lam (phi^2 - 1)^2]``. With lam = 1 it is critical near beta = 0.68.

    Examples
    --------
    >>> Phi4(size=16, beta=0.6, realizations=2, sweeps=20).read({}).shape
    (2, 16, 16)
    """

    size: int = param(64, "Sites along y and along x.", ge=2, le=phi4.MAX_SIZE)
    beta: float = param(0.68, "Coupling of neighbors; below 1/2 where lam is 0.", ge=0.0, le=1e3)
    lam: float = param(1.0, "Strength of the quartic term, 0 for a Gaussian field; for large ones spins.", ge=0.0, le=1e6)
    sweeps: int | None = param(None, "Sweeps per configuration; default 180 up to size 128, more beyond.", ge=1)
    dtype: Literal["float32", "float64"] = param(
        "float32", "Type of the result; the sampler always works in float64.", choices=("float32", "float64")
    )

    @model_validator(mode="after")
    def _normalizable(self) -> Self:
        phi4.check_normalizable(self.beta, self.lam)
        return self

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one configuration without data."""
        attrs: dict[str, Any] = {
            "units": "1", "long_name": "scalar field", "beta": self.beta, "lam": self.lam, "size": self.size,
            "sweeps": self.sweeps or phi4.default_sweeps(self.size, self.beta, self.lam),
        }  # fmt: skip
        return {
            "phi4": ArraySpec(("y", "x"), (self.size, self.size), self.dtype, None, square_axes(self.size, None), attrs, "phi4")
        }

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw configurations."""
        return {"phi4": phi4.ensemble(self.size, self.beta, self.lam, self.seed, indices, self.sweeps)}
