"""What single configurations and chains of spins have: energy, exact log-probability, autocorrelation times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

from scatflow.contract import Operator, Whole, operator, param
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Cost
from scatflow_processes.autocorrelation import windowed_time
from scatflow_processes.ising_exact import torus
from scatflow_processes.operators import spin_kernels as kernels
from scatflow_processes.operators.spin_averages import check_neighbors, squared_unit
from scatflow_processes.references_spins import TORUS, WINDOWED_SUM

Array = Any


@operator(
    "bond_energy",
    version=1,
    signature="(y,x)->()",
    references=(TORUS,),
    aliases=("ising_energy",),
    equation=r"e = -\frac1d \sum_{\langle uv \rangle} x_u x_v",
)
class BondEnergy(Whole):
    """Energy of the bonds per site of the periodic lattice, ``-sum over bonds of x x' / d``; of spins the Ising energy.

    Examples
    --------
    >>> import numpy as np
    >>> float(BondEnergy().apply(np, np.ones((4, 6))))
    -2.0
    """

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Refuse lattices without bonds between two sites."""
        check_neighbors(self.name, specs[0])
        return self

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels without the lattice."""
        spec = specs[0]
        return spec.without(*spec.dims[-2:]).with_attrs(
            long_name="bond energy per site", standard_name=None, units=squared_unit(spec)
        )

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Return the energy of every configuration."""
        (x,) = blocks
        return xp.astype(kernels.bond_energy(xp, x), x.dtype)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare six operations per sample and a few double-precision copies."""
        samples = math.prod(specs[0].shape)
        return Cost(flops=6.0 * samples, bytes=48 * samples)


@operator(
    "ising_neg_log_prob",
    version=1,
    signature="(y,x)->()",
    references=(TORUS,),
    aliases=("log_likelihood", "surprisal"),
    equation=r"-\frac1d \log p(s) = \frac{E(s)}{d T} + \frac1d \log Z",
)
class IsingNegLogProb(Whole):
    """Negative log-probability per site of spins under the Ising law on the torus, in nats; exact.

    Its mean over true samples is the entropy. ``values`` and ``temperature`` are by default those that the attributes of the data
    state. Values that are no spins give the quadratic form, which is no probability.

    Examples
    --------
    >>> import numpy as np
    >>> operator = IsingNegLogProb(temperature=2.0)
    >>> round(float(operator.apply(np, np.ones((2, 2)))), 6)
    0.199428
    """

    temperature: float | None = param(
        None, "Temperature of the law; default the attribute of the data.", ge=0.01, le=1e6, unit="coupling / k_B"
    )
    values: Literal["spins", "occupation"] | None = param(
        None, "Spins -1, 1 or occupations 0, 1; default the attribute of the data, else spins.", choices=("spins", "occupation")
    )

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with temperature and kind of values taken from the attributes where they are not given."""
        attrs = specs[0].attrs
        check_neighbors(self.name, specs[0])
        temperature = self.temperature if self.temperature is not None else attrs.get("temperature")
        if temperature is None:
            raise ParameterError(f"{self.name}.temperature", "not given, and not among the attributes of the data",
                                 expected="a number >= 0.01", got=None, remedy="Give temperature=.")  # fmt: skip
        return self.replace(temperature=float(temperature), values=self.values or attrs.get("values", "spins"))

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels without the lattice."""
        spec = specs[0]
        return spec.without(*spec.dims[-2:]).with_attrs(
            long_name="negative log-probability per site, nats", standard_name=None, units="1", values=None
        )

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Return the log-probability of every configuration."""
        assert self.temperature is not None, "resolve() fills the default"
        (x,) = blocks
        spins = 2 * x - 1 if self.values == "occupation" else x
        log_z = torus(int(x.shape[-2]), int(x.shape[-1]), self.temperature).log_z
        return xp.astype(kernels.bond_energy(xp, spins) / self.temperature + log_z, x.dtype)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare eight operations per sample and a few double-precision copies."""
        samples = math.prod(specs[0].shape)
        return Cost(flops=8.0 * samples, bytes=56 * samples + (1 << 16))

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one instance per kind of values."""
        yield cls(temperature=2.5, values="spins")
        yield cls(temperature=3.0, values="occupation")


@operator(
    "integrated_time",
    version=1,
    signature="(n)->()",
    references=(WINDOWED_SUM,),
    aliases=("tau_int", "autocorrelation_time"),
    equation=r"\tau = \tfrac12 + \sum_{t \ge 1}^{M} \rho(t), \quad M \ge 5 \, \tau(M)",
)
class IntegratedTime(Whole):
    """Integrated autocorrelation time of stationary series, in samples; 1/2 for independent ones, and for constant ones.

    The time that published averages take their blocks from: the sum ends at the first lag M of at least 5 times what it has come to
    (Sokal's window), and the factor ``1 + (2 M + 1) / n`` makes up for the mean being that of the sample. Trustworthy where the series
    is some hundred times longer than the result. Use it on the energy or the \\|m\\| of ``ising_chain`` along ``sweep``.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal(4096)
    >>> bool(abs(IntegratedTime().apply(np, x) - 0.5) < 0.1)
    True
    """

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Refuse series too short to have a time."""
        n = specs[0].shape[-1]
        if n < 8:
            raise ParameterError(f"{self.name} input", "the series is too short", expected="at least 8 samples", got=n)
        return self

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels without the series."""
        spec = specs[0]
        return spec.without(spec.dims[-1]).with_attrs(
            long_name="integrated autocorrelation time, samples", standard_name=None, units="1"
        )

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Return the time of every series."""
        (series,) = blocks
        return xp.astype(windowed_time(xp, xp.astype(series, xp.float64)), series.dtype)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare the transforms of the padded series and what is held beside them."""
        samples = math.prod(specs[0].shape)
        n = max(2, int(specs[0].shape[-1]))
        return Cost(flops=20.0 * samples * math.log2(n), bytes=160 * samples + (1 << 12))
