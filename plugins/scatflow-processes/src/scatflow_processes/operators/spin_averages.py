"""Observables of spins and fields on the torus as published averages: with standard errors over realizations or along chains (U18).

Whole configurations are the units: nothing here has an error from one configuration alone. What is not linear in averages (the
susceptibility, the cumulant, lengths) is made of the averages, with the error of the jackknife over them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from scatflow.contract import Cells, Operator, Ref, Wire, operator
from scatflow.contract.estimate import Derive
from scatflow.errors import ChunkError, ParameterError
from scatflow.spec import ArraySpec, Coord, Cost, Place
from scatflow_processes.half_spectra import shell_sums
from scatflow_processes.modes import shell_number
from scatflow_processes.operators import spin_kernels as kernels
from scatflow_processes.operators.field_averages import InParts
from scatflow_processes.operators.lattice_lines import by_lines, by_modes
from scatflow_processes.references_spins import CUMULANT, PAIR_CORRELATIONS, SECOND_MOMENT_LENGTH

Array = Any

#: What `SpinObservables` publishes, in order.
OBSERVABLES = (
    "magnetization", "absolute_magnetization", "square_magnetization", "susceptibility", "connected_susceptibility", "cumulant",
    "correlation_length", "bond_energy", "bond_energy_variance",
)  # fmt: skip


class LatticeAverage(InParts):
    """Averages of what whole configurations on the torus are: never of parts, and never with an error from a single one.

    Lattices are periodic: their coordinates declare it, or ``boundary="periodic"`` does. Under ``nan="mask"`` configurations with gaps
    are left out. Jobs with ``strategy="pencil"`` serve lattices larger than memory (not cluster sizes, which need whole ones).
    """

    def resolve(self, *specs: ArraySpec) -> Self:
        """Return the operator bound to the lattice, which has neighbors."""
        check_neighbors(self.name, specs[0])
        return super().resolve(*specs)

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Refuse parts of a lattice."""
        raise ChunkError(
            f"operator {self.name}",
            "it needs whole lattices",
            remedy='Merge the chunks of the core dims, or use strategy="pencil".',
        )

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return none: the lattice is a torus."""
        return dict.fromkeys(at.core, (0, 0))

    def exact_margins(self) -> bool:
        """Return True: lattices are taken as they are."""
        return True

    def cell_width(self, at: Place) -> Mapping[str, int]:
        """Return whole axes: one configuration is one cell."""
        return dict(at.size)

    def observe(self, xp: Any, block: Array, at: Place, cells: Cells, valid: Array | None, **prepared: Any) -> tuple[Array, Array]:
        """Return the statistics of every configuration."""
        values = self.statistics(xp, block, **prepared)[..., None, :]
        ones = xp.ones_like(values[..., :1])
        if valid is None or self.nan != "mask":
            return values, ones
        whole = xp.all(valid, axis=(-2, -1))[..., None, None]
        return values, xp.where(whole, ones, xp.zeros_like(ones))

    def statistics(self, xp: Any, block: Array, **prepared: Any) -> Array:
        """Return the statistics of configurations (..., n, m): shape (..., P), float64."""
        raise NotImplementedError

    def in_lines(self, ref: Ref, spec: ArraySpec) -> Wire | None:
        """Wire the statistics of configurations from parts; default none."""
        return None

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire] | None:
        """Wire the statistics from parts, and the average of configurations."""
        ready = self.resolve(spec)
        found = ready.in_lines(ref, spec)
        return None if found is None else ready.finished(spec, found)

    def unlabelled(self, kept: ArraySpec, size: int) -> ArraySpec:
        """Return dims and shape of the mean."""
        (dim,) = self.signature.outputs[0]
        return kept.with_dim(dim, size)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one instance."""
        yield cls(boundary="periodic")

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a dozen operations per sample and eight double-precision copies."""
        samples = math.prod(specs[0].shape)
        return Cost(flops=12.0 * samples, bytes=64 * samples + (1 << 16))


def labelled(
    kept: ArraySpec, dim: str, values: Any, coord_attrs: Mapping[str, Any], title: str, units: str | None = "1"
) -> ArraySpec:
    """Return the spec with a new last dim."""
    coord = Coord((dim,), values, coord_attrs)
    result = kept.with_dim(dim, len(values), {dim: coord}).with_dtype("float64")
    return result.with_attrs(long_name=title, standard_name=None, units=units)


@operator(
    "spin_observables",
    version=1,
    signature="(y,x)->(observable)",
    boundaries=("periodic",),
    references=(CUMULANT, SECOND_MOMENT_LENGTH),
    aliases=("magnetization", "susceptibility", "binder_cumulant", "U4", "correlation_length"),
    equation=r"\chi = d \langle m^2 \rangle, \quad U_4 = 1 - \frac{\langle m^4 \rangle}{3 \langle m^2 \rangle^2}, \quad \xi^2 = \frac{\chi / F - 1}{4 \sin^2(\pi / n)}",
)
class SpinObservables(LatticeAverage):
    """Magnetization, susceptibility, Binder's cumulant, second-moment correlation length and energy of spins or fields.

    The dim ``observable`` (numbered; ``flag_meanings`` names them) holds, with m the mean of a configuration of d sites:

    - ``magnetization`` <m>, ``absolute_magnetization`` <\\|m\\|>, ``square_magnetization`` <m^2>;
    - ``susceptibility`` d <m^2>, ``connected_susceptibility`` d (<m^2> - <\\|m\\|>^2), without the factor 1 / temperature;
    - ``cumulant`` 1 - <m^4> / (3 <m^2>^2): 0 in the disordered phase, 2/3 in the ordered one;
    - ``correlation_length`` in sites, ``sqrt((chi / F - 1) / (4 sin^2(pi / n)))`` with F the spectrum at the longest wave of an axis of
      n sites, the square averaged over both axes; 0 where it would be negative;
    - ``bond_energy`` -sum of products of neighbors / d, and ``bond_energy_variance`` d (<e^2> - <e>^2), which over temperature^2 is
      the specific heat of the Ising model.

    Pool realizations, or ordered configurations of a chain, with ``over=``.

    Examples
    --------
    >>> import numpy as np
    >>> raw = SpinObservables().statistics(np, np.ones((4, 4)))
    >>> raw[:4].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of the observables."""
        numbers = np.arange(len(OBSERVABLES), dtype=np.int8)
        flags = {"flag_values": numbers.tolist(), "flag_meanings": " ".join(OBSERVABLES), "long_name": "observable"}
        # Powers of the values stand side by side: there is a unit only where they have none.
        units = "1" if spec.attrs.get("units") == "1" else None
        return labelled(kept, "observable", numbers, flags, "observables of the lattice", units)

    def statistics(self, xp: Any, block: Array, **prepared: Any) -> Array:
        """Return m, \\|m\\|, m^2, m^4, both longest waves over d, e, e^2."""
        m = xp.mean(xp.astype(block, xp.float64), axis=(-2, -1))
        waves = kernels.longest_waves(xp, block)
        return _observed(xp, m, waves, kernels.bond_energy(xp, block), block.shape[-2] * block.shape[-1])

    def in_lines(self, ref: Ref, spec: ArraySpec) -> Wire:
        """Wire the observables from lines along both axes."""
        return by_lines(self, ref, spec, 8)

    def from_lines(self, xp: Any, along_y: Array, along_x: Array, sites: int) -> Array:
        """Return the statistics from what lines tell."""
        energy = -(along_y[..., 3] + along_x[..., 3])
        return _observed(xp, along_y[..., 0], (along_y[..., 1], along_x[..., 1]), energy, sites)

    def _sides(self) -> list[int]:
        sides = [size for _, size, kind in self.layout or () if kind == "core"]
        if len(sides) != 2:
            raise ChunkError(f"operator {self.name}", "it is bound to no lattice", remedy="Give it labelled data.")
        return sides

    def derive(self) -> Derive:
        """Return what is published of the means."""
        sides = self._sides()
        sites, sines = sides[0] * sides[1], [4 * math.sin(math.pi / side) ** 2 for side in sides]

        def observables(xp: Any, means: Array) -> Array:
            m, modulus, square, fourth, wave_y, wave_x, energy, energy2 = (means[..., n] for n in range(8))
            lengths = [
                (square / xp.where(wave > 0, wave, xp.nan * wave) - 1) / sine
                for wave, sine in zip((wave_y, wave_x), sines, strict=True)
            ]
            length = (lengths[0] + lengths[1]) / 2
            length = xp.sqrt(xp.where(length < 0, xp.zeros_like(length), length))
            cumulant = 1 - fourth / (3 * xp.where(square > 0, square, xp.nan * square) ** 2)
            variances = sites * (square - modulus**2), sites * (energy2 - energy**2)
            found = [m, modulus, square, sites * square, variances[0], cumulant, length, energy, variances[1]]
            return xp.stack(found, axis=-1)

        return observables


def _observed(xp: Any, m: Array, waves: tuple[Array, Array], energy: Array, sites: int) -> Array:
    """Return m, |m|, m^2, m^4, both longest waves over d, e, e^2."""
    return xp.stack([m, xp.abs(m), m * m, m**4, *(wave / sites for wave in waves), energy, energy * energy], axis=-1)


@operator(
    "structure_factor",
    version=1,
    signature="(y,x)->(shell)",
    boundaries=("periodic",),
    references=(PAIR_CORRELATIONS,),
    aliases=("spectrum", "S(k)"),
    equation=r"S(k) = \langle | \sum_u x_u e^{-i k u} |^2 \rangle / d",
)
class StructureFactor(LatticeAverage):
    """Structure factor S(k): the spectrum per mode, averaged over shells of wavenumbers.

    Dim ``shell``: 0 is the mean, shell s holds the wavenumbers within half of 2 pi / n of 2 pi s / n, n being the longer side, those
    between two the outer one; coordinates ``wavenumber`` (mean of the shell, rad per site) and ``modes``. The sum of S(k) over all
    modes is the sum of x^2.

    Examples
    --------
    >>> import numpy as np
    >>> operator = StructureFactor(dims=("y", "x"))
    >>> operator.statistics(np, np.ones((4, 4)), **operator.prepare(np, ArraySpec(("y", "x"), (4, 4), "float64"), None)).tolist()
    [16.0, 0.0, 0.0]
    """

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of the shells."""
        shell, wavenumber = _shells((spec.shape[-2], spec.shape[-1]))
        count = max(spec.shape[-2:]) // 2 + 1
        modes = np.bincount(shell, minlength=count)[:count]
        mean = np.bincount(shell, wavenumber, minlength=count)[:count] / modes
        attrs = {"long_name": "shell of wavenumbers", "units": "1"}
        result = labelled(kept, "shell", np.arange(count), attrs, "structure factor", squared_unit(spec))
        return result.with_coords({
            "wavenumber": Coord(("shell",), mean, {"units": "rad", "long_name": "wavenumber, rad per site"}),
            "modes": Coord(("shell",), modes, {"units": "1", "long_name": "modes of the shell"}),
        })  # fmt: skip

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> Mapping[str, Array]:
        """Return the modes in order of their shells, and where shells end."""
        shell, _ = _shells((block.shape[-2], block.shape[-1]))
        count = max(block.shape[-2:]) // 2 + 1
        order = np.argsort(shell, kind="stable")
        ends = np.searchsorted(shell[order], np.arange(count + 1))
        return {"order": xp.asarray(order, device=device), "ends": xp.asarray(ends, device=device)}

    def statistics(self, xp: Any, block: Array, **prepared: Any) -> Array:
        """Return the mean power of every shell."""
        order, ends = prepared["order"], prepared["ends"]
        modes = xp.astype(ends[1:] - ends[:-1], xp.float64)
        bounds = [int(ends[shell]) for shell in range(ends.shape[0])]
        return shell_sums(xp, kernels.power(xp, block), 2, order, bounds) / modes

    def in_lines(self, ref: Ref, spec: ArraySpec) -> Wire:
        """Wire transforms along both axes, and sums over the modes of each task."""
        return by_modes(ref, spec, max(spec.shape[-2:]) // 2 + 1)


@operator(
    "pair_correlation",
    version=1,
    signature="(y,x)->(lag)",
    boundaries=("periodic",),
    references=(PAIR_CORRELATIONS,),
    aliases=("two_point_function", "correlation_function", "G(r)"),
    equation=r"G(r) = \langle x_u x_{u + r} \rangle",
)
class PairCorrelation(LatticeAverage):
    """Pair correlation G(r): mean product of values r sites apart along either axis, not connected.

    Dim ``lag`` from 0 to half of the shorter side, in sites.

    Examples
    --------
    >>> import numpy as np
    >>> PairCorrelation().statistics(np, np.ones((4, 6))).round(12).tolist()
    [1.0, 1.0, 1.0]
    """

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of the lags."""
        attrs = {"long_name": "distance in sites", "units": "1"}
        return labelled(kept, "lag", np.arange(min(spec.shape[-2:]) // 2 + 1), attrs, "pair correlation", squared_unit(spec))

    def statistics(self, xp: Any, block: Array, **prepared: Any) -> Array:
        """Return the correlation at every lag."""
        return kernels.pair_correlation(xp, block, min(block.shape[-2:]) // 2 + 1)

    def in_lines(self, ref: Ref, spec: ArraySpec) -> Wire:
        """Wire the correlations along both axes."""
        return by_lines(self, ref, spec, min(spec.shape[-2:]) // 2 + 1)

    def from_lines(self, xp: Any, along_y: Array, along_x: Array, sites: int) -> Array:
        """Return the correlation from what lines tell."""
        return (along_y[..., 2:] + along_x[..., 2:]) / 2


def check_neighbors(name: str, spec: ArraySpec) -> None:
    """Refuse lattices whose sites would be their own neighbors.

    Raises
    ------
    ParameterError
        If a side has a single site.
    """
    if min(spec.shape[-2:]) < 2:
        raise ParameterError(
            f"{name} input", "the lattice is too small", expected="at least 2 sites along each dim", got=spec.shape[-2:]
        )


def squared_unit(spec: ArraySpec) -> str | None:
    """Return the unit of products of values."""
    units = str(spec.attrs["units"]) if spec.attrs.get("units") else None
    return units if units in (None, "1") else f"({units})2"


def _shells(sides: tuple[int, int]) -> tuple[Array, Array]:
    """Return the shell and the length of every wavenumber, flat, in the order of a Fourier transform."""
    k = np.hypot.outer(*(2 * np.pi * np.fft.fftfreq(side) for side in sides)).ravel()
    return shell_number(k, 2 * np.pi / max(sides)), k
