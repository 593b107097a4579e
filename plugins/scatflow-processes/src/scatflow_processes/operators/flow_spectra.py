"""Spectra of velocity fields on periodic boxes: energy, enstrophy and cross spectra by shells, E11 and E22 along one dim."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np

from scatflow.contract import Average, operator, param
from scatflow.errors import DimensionError, ParameterError, near
from scatflow.spec import ArraySpec, Coord, Cost
from scatflow_arrays.quantity import unit_of
from scatflow_arrays.units import product
from scatflow_processes import flow_spectra as kernels
from scatflow_processes.half_spectra import Window, half_indices, shell_count, shell_modes, shell_of, square
from scatflow_processes.modes import shell_width, twins
from scatflow_processes.operators.flow_vectors import COMPONENT, VectorField, length_unit
from scatflow_processes.operators.fourier_averages import OfFourier, Spectrum
from scatflow_processes.references_flows import TURBULENT_FLOWS

Array = Any


class _ByWaveNumber(OfFourier):
    """Labels of spectra along a new dim ``k``."""

    width: float | None = param(
        None, "Width of shells in rad per coordinate unit; default the largest fundamental wave number.", gt=0, unit="coordinate"
    )
    compensate: float = param(0.0, "Exponent p of the factor k^p on the spectrum, such as 5/3.", ge=0, le=10)
    eta: float | None = param(
        None, "A length in the coordinate's unit, such as Kolmogorov's: adds the coordinate k_eta = k eta.", gt=0, unit="coordinate"
    )

    def line(self) -> str | None:
        """Return the dim along which wave numbers are counted, None for shells."""
        return None

    def whole(self, spec: ArraySpec) -> Self:
        """Return the operator with its boundary named; refuse shells so thin that there are too many."""
        ready = super().whole(spec)
        axes = self.axes(spec)
        try:
            if self.width is not None:
                shell_count([axis.size for axis in axes], [axis.step for axis in axes], self.width)
        except ValueError as error:
            raise ParameterError(f"{self.name}.width", str(error)) from error
        return ready

    def grid(self, spec: ArraySpec) -> tuple[float, np.ndarray]:
        """Return the spacing of the wave numbers, and the modes of each."""
        axes = self.axes(spec)
        shape, steps = tuple(axis.size for axis in axes), tuple(axis.step for axis in axes)
        step = self._step(shape, steps)
        if self.line() is None:
            return step, shell_modes(shape, steps, step)
        (n,) = (axis.size for axis in axes if axis.dim == self.line())
        return step, (twins(n) * (math.prod(shape) // n)).astype(np.int64)

    def labelled(self, spec: ArraySpec, kept: ArraySpec, title: str, power: int, unit: str | None) -> ArraySpec:
        """Return the labels of a spectrum whose sum over ``k`` times ``dk`` has ``unit`` per length^power."""
        step, modes = self.grid(spec)
        count = len(modes)
        length = length_unit(self.axes(spec), self.name)
        k = np.arange(count) * step
        rad = f"rad/{length}" if length else "rad"
        coords = {
            "k": Coord(("k",), k, {"units": rad, "long_name": "wave number" + (f" along {self.line()}" if self.line() else ", center of the shell")}),
            "dk": Coord(("k",), np.full(count, step), {"units": rad, "long_name": "width in wave number"}),
            "modes": Coord(("k",), modes, {"units": "1", "long_name": "Fourier modes"}),
        }  # fmt: skip
        if self.eta is not None:
            coords["k_eta"] = Coord(("k",), k * self.eta, {"units": "1", "long_name": "wave number times eta", "eta": self.eta})
        exponent = 1 - power - self.compensate
        units = product(unit, length, int(exponent)) if exponent == int(exponent) else None
        attrs = {"compensated_by_k_to": self.compensate} if self.compensate else {}
        if self.compensate:
            title = f"{title}, times k^{self.compensate:g}"
        return kept.with_dim("k", count, coords).with_attrs(units=units, long_name=title, standard_name=None, **attrs)

    def bins(self, shape: Sequence[int], steps: Sequence[float], window: Window) -> tuple[Array, int]:
        """Return the shell of every mode, or its wave number along one dim."""
        if self.line() is None:
            width = self._step(shape, steps)
            return shell_of(shape, steps, width, window), shell_count(shape, steps, width)
        axis = list(self.dims or ()).index(str(self.line()))
        return np.abs(half_indices(shape, window)[axis]), shape[axis] // 2 + 1

    def constants(self, shape: Sequence[int], steps: Sequence[float], window: Window) -> dict[str, Any]:
        """Return the factor that makes sums over bins densities, compensated."""
        step, count = self._step(shape, steps), self.bins(shape, steps, [(0, 1)] * len(shape))[1]
        return {"density": (np.arange(count) * step) ** self.compensate / step}

    def unlabelled(self, kept: ArraySpec, size: int) -> ArraySpec:
        """Return dims and shape of the spectrum."""
        return kept.with_dim("k", size)

    def _step(self, shape: Sequence[int], steps: Sequence[float]) -> float:
        """Return the spacing of the wave numbers."""
        if self.line() is None:
            return self.width or shell_width(shape, [abs(step) for step in steps])
        axis = list(self.dims or ()).index(str(self.line()))
        return 2 * math.pi / (shape[axis] * abs(steps[axis]))

    def mode_sums(self, xp: Any, spectrum: Spectrum, table: Mapping[str, Any]) -> Array:
        """Return the densities by groups."""
        return super().mode_sums(xp, spectrum, table) * table["density"]

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare transforms of the components, their spectra in double precision, and the table of shells."""
        (spec,) = specs
        ndim = len(self.dims or self.signature.roles) - 1
        points = math.prod(spec.shape[len(spec.dims) - ndim - 1 : -1])
        items = math.prod(spec.shape) // max(1, points)
        fields = max(1, items // max(1, spec.shape[-1]))
        flops = 5 * items * points * math.log2(max(2, points))
        return Cost(flops, int(points * (12 + fields * self._planes(ndim))))

    def _planes(self, ndim: int) -> float:
        """Return about how many bytes per sample of a field the spectra take."""
        return 36.0


@operator(
    "energy_spectrum",
    version=1,
    signature="(z?,y,x,component)->(k)",
    boundaries=("periodic",),
    references=(TURBULENT_FLOWS.part("section 6.5"),),
    aliases=("kinetic_energy_spectrum", "power_spectrum", "E(k)", "enstrophy_spectrum", "E11", "E22"),
    equation=r"E(k_n) = \frac1{\Delta k} \sum_{|k - k_n| < \Delta k / 2} \tfrac12 |\hat u(k)|^2",
)
class EnergySpectrum(VectorField, _ByWaveNumber):
    r"""Spectrum of a velocity field in a periodic box of any proportions, averaged over realizations with errors.

    .. math:: E(k_n) = \frac1{\Delta k} \sum_{k \in \mathrm{shell}\ n} \tfrac12 |\hat u(k)|^2, \qquad
              \sum_n E(k_n) \, \Delta k = \tfrac12 \langle |u|^2 \rangle

    to 1e-12, whatever the numbers of samples: all modes count, from the mean flow in shell 0 to the corners of the box, where
    shells are incomplete (compare ``modes``). Shell n holds wave numbers from (n - 1/2) to (n + 1/2) times the width.

    Parameters
    ----------
    data : DataArray
        Real, with the spatial dims and ``component``.
    dims : tuple of str
        The two or three spatial dims; ``component`` is added. They have to be periodic.
    kind : {"energy", "enstrophy", "longitudinal", "transverse"}
        ``enstrophy`` is that of the spectral curl and adds up to half its mean square. ``longitudinal`` is E11(k1) of the component along
        ``along`` by the wave number along it, and adds up to its mean square; ``transverse``, E22, is the mean of those
        of the other components.
    along : str, optional
        Dim of the one-dimensional spectra; default the last core dim.
    width, compensate, eta
        Of the shells; exponent of the factor k^p; a length by which wave numbers are labelled too.
    over : tuple of str, optional
        Dims averaged, such as time and realizations, whose scatter gives the errors.

    Returns
    -------
    Dataset
        ``mean, var, se, n_eff, count, dof, valid_fraction`` along ``k`` (rad per coordinate unit), with coordinates ``dk``, ``modes`` and
        ``k_eta``; double precision. Units are those of the velocity squared times length, of enstrophy those over length. The error of a
        single field is that between at most 17 groups of modes (``count``), which are uncorrelated where the field is homogeneous: too
        large by up to a third in the first shells, whose groups are unequal, and NaN for shells of a single mode.

    Raises
    ------
    ParameterError
        A dim is not periodic or has segments, ``along`` is no core dim, or it is not known where components point.
    DimensionError
        There is no dim ``component``, or coordinates differ in unit.

    Notes
    -----
    Computed in double precision; jobs with ``strategy="pencil"`` transform fields larger than memory one axis at a time. NaN: ``propagate`` makes the average NaN, ``error`` refuses, ``mask`` leaves out fields with a gap.

    Examples
    --------
    >>> import numpy as np, scatflow as sf, xarray as xr
    >>> side = np.arange(16) * np.pi / 8, {"units": "m", "period": 2 * np.pi}
    >>> box = xr.Dataset(coords={"y": ("y", *side), "x": ("x", *side)})
    >>> flow = box.assign(u=-np.sin(3 * box.y) + 0 * box.x, v=0 * box.x * box.y).to_dataarray("component")
    >>> E = sf.ops.energy_spectrum(flow, dims=("y", "x"))["mean"]
    >>> float(E.isel(k=3).round(12)), float((E * E.dk).sum().round(12))
    (0.25, 0.25)
    """

    kind: Literal["energy", "enstrophy", "longitudinal", "transverse"] = param("energy", "Which spectrum.")
    along: str | None = param(None, "Dim of the one-dimensional spectra; default the last core dim.")

    def resolve(self, *specs: Any) -> Self:
        """Return the operator with dims, directions and boundary filled in."""
        ready = super().resolve(*specs).whole(specs[0])
        space = ready.space(specs[0])
        if ready.along is not None and (ready.along not in space or ready.kind in ("energy", "enstrophy")):
            lines = ready.kind in ("longitudinal", "transverse")
            raise ParameterError(f"{self.name}.along", "is a spatial core dim, of one-dimensional spectra", expected=space if lines else None,
                                 got=ready.along, remedy=near(ready.along, space) if lines else 'Use kind="longitudinal" or "transverse".')  # fmt: skip
        if ready.along is None and ready.kind in ("longitudinal", "transverse"):
            ready = ready.replace(along=space[-1])
        return Average.resolve(ready, *specs)

    def line(self) -> str | None:
        """Return the dim of one-dimensional spectra."""
        return self.along

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of the spectrum."""
        titles = {"energy": "energy spectrum", "enstrophy": "enstrophy spectrum", "longitudinal": f"longitudinal spectrum E11 along {self.along}",
                  "transverse": f"transverse spectrum E22 along {self.along}"}  # fmt: skip
        return self.labelled(spec, kept, titles[self.kind], 2 * (self.kind == "enstrophy"), product("1", unit_of(spec), 2))

    def planes(self, xp: Any, spectrum: Spectrum, table: Mapping[str, Any]) -> Iterator[Array]:
        """Yield the power of the modes."""
        numbers, factor = self.numbers(), 0.5
        if self.along is not None:
            own = numbers[list(self.dims or ()).index(self.along)]
            numbers = tuple(number for number in numbers if (number == own) == (self.kind == "longitudinal"))
            factor = 1 / len(numbers)
        spectra: Iterator[Array] = (spectrum(number) for number in numbers)
        if self.kind == "enstrophy":
            spectra = iter(kernels.curl(table["wave"], list(spectra)))
        power = square(xp, next(spectra))
        for each in spectra:
            power = power + square(xp, each)
        yield factor * power

    def _planes(self, ndim: int) -> float:
        return 28.0 + 16 * ndim if self.kind == "enstrophy" else 32.0

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield every kind, in two and three dims."""
        yield cls(dims=("y", "x"), over=("item",), compensate=2.0)
        yield cls(dims=("z", "y", "x"), eta=0.1)
        yield cls(dims=("y", "x"), kind="enstrophy", width=3.0)
        yield cls(dims=("z", "y", "x"), kind="longitudinal", over=("item",), covariance=True)
        yield cls(dims=("y", "x"), kind="transverse", along="y")


@operator(
    "cross_spectrum",
    version=1,
    signature="(z?,y,x,component)->(k)",
    boundaries=("periodic",),
    references=(TURBULENT_FLOWS.part("section 6.5"),),
    aliases=("cospectrum", "co_spectrum", "flux_spectrum"),
    equation=r"C(k_n) = \frac1{\Delta k} \sum_{|k - k_n| < \Delta k / 2} \mathrm{Re}\, \hat a^*(k) \, \hat b(k)",
)
class CrossSpectrum(_ByWaveNumber):
    r"""Co-spectrum of two components of a field by shells, such as two velocities, or a velocity and a temperature.

    .. math:: C(k_n) = \frac1{\Delta k} \sum_{k \in \mathrm{shell}\ n} \mathrm{Re}\, \hat a^*(k) \, \hat b(k), \qquad
              \sum_n C(k_n) \, \Delta k = \langle a b \rangle

    Shells are those of ``energy_spectrum``; the imaginary part of their sums is zero.

    Parameters
    ----------
    data : DataArray
        Real, with the spatial dims and ``component``, along which anything may be stacked.
    pair : tuple of str
        Labels of the two along ``component``; a label twice gives a power spectrum.
    dims, width, compensate, eta, over
        As for ``energy_spectrum``.

    Returns
    -------
    Dataset
        As ``energy_spectrum``.

    Raises
    ------
    DimensionError
        A label is not there, or coordinates differ in unit.
    ParameterError
        A dim is not periodic, or has segments.

    Examples
    --------
    >>> CrossSpectrum(dims=("y", "x"), pair=("u", "theta")).pair
    ('u', 'theta')
    """

    pair: tuple[str | int, str | int] = param(doc="Labels, or numbers counted from 0, of the two components.")

    def resolve(self, *specs: Any) -> Self:
        """Return the operator with dims, numbers of the components and boundary filled in."""
        (spec,) = specs
        ready = self.whole(spec)
        first, second = (self._number(spec, one) for one in self.pair)
        return Average.resolve(ready.replace(dims=(*ready.space(spec), COMPONENT), pair=(first, second)), *specs)

    def _number(self, spec: ArraySpec, one: str | int) -> int:
        """Return the number of a component."""
        labels = _labels(spec)
        if isinstance(one, int) and 0 <= one < spec.sizes[COMPONENT]:
            return one
        if one in labels:
            return labels.index(str(one))
        raise DimensionError(f"{self.name}.pair", f"there is no {one!r} along {COMPONENT!r}", got=self.pair, code="LabelMissing",
                             expected=labels or f"numbers below {spec.sizes[COMPONENT]}", remedy=near(str(one), labels) or None)  # fmt: skip

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of the spectrum."""
        labels = _labels(spec)
        names = [labels[one] if isinstance(one, int) and labels else one for one in self.pair]
        return self.labelled(spec, kept, f"co-spectrum of {names[0]} and {names[1]}", 0, product("1", unit_of(spec), 2))

    def planes(self, xp: Any, spectrum: Spectrum, table: Mapping[str, Any]) -> Iterator[Array]:
        """Yield the real part of the product of the two."""
        first, second = (spectrum(int(number)) for number in self.pair)
        yield xp.real(first) * xp.real(second) + xp.imag(first) * xp.imag(second)

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield two components, and one twice."""
        yield cls(dims=("y", "x"), pair=("x", "y"), over=("item",))
        yield cls(dims=("z", "y", "x"), pair=(1, 1))


def _labels(spec: ArraySpec) -> list[str]:
    """Return the labels along the dim of components."""
    coord = spec.coords.get(COMPONENT)
    return [] if coord is None else list(map(str, np.asarray(coord.values).tolist()))
