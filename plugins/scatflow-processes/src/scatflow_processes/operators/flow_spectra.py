"""Spectra of velocity fields on periodic boxes: energy, enstrophy and cross spectra by shells, E11 and E22 along one dim."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

import numpy as np

from scatflow.contract import Average, Cells, operator, param
from scatflow.errors import ChunkError, DimensionError, ParameterError, near
from scatflow.spec import ArraySpec, Coord, Cost, Place
from scatflow_arrays.quantity import unit_of
from scatflow_arrays.units import product
from scatflow_processes import flow_spectra as kernels
from scatflow_processes.modes import twins
from scatflow_processes.operators.flow_vectors import COMPONENT, VectorField, WithComponents, check_periodic, length_unit
from scatflow_processes.references_flows import TURBULENT_FLOWS

Array = Any


class OfFourier(WithComponents, Average):
    """Base of averages of what is quadratic in Fourier coefficients of whole periodic fields.

    A field is one unit: errors come from the dims averaged with ``over``. Under ``nan="mask"`` fields with a gap are left out.
    """

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Raise ChunkError: every sample counts for every coefficient."""
        raise ChunkError(
            f"operator {self.name}", "Fourier coefficients have no finite reach", remedy="Give memory for one whole field per task."
        )

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return no margins: fields are periodic."""
        return dict.fromkeys(at.core, (0, 0))

    def cell_width(self, at: Place) -> Mapping[str, int]:
        """Return whole axes: a part of a field has no spectrum."""
        return dict(at.size)

    def whole(self, spec: ArraySpec) -> Self:
        """Return the operator with its boundary named, where the axes are periodic."""
        axes = self.axes(spec)
        length_unit(axes, self.name)
        check_periodic(
            self, axes, "spectra need whole periods", " Of a part of a larger field take structure functions, or taper it first."
        )
        return self.replace(boundary="periodic") if self.boundary is None else self

    def fields_weight(self, xp: Any, block: Array, valid: Array | None, ndim: int) -> Array:
        """Return the weight of every field, shape (..., r, 1, 1) or (1, 1): 0 where it has a gap that is masked."""
        if valid is None or self.nan != "mask":
            return xp.ones((1, 1), dtype=xp.float64, device=getattr(block, "device", None))
        axes = tuple(range(valid.ndim - ndim - 1, valid.ndim))
        return xp.astype(xp.all(valid, axis=axes), xp.float64)[..., None, None]

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return noise on a periodic box of unequal sides and steps."""
        import xarray as xr

        space = [dim for dim in self.dims or ("y", "x") if dim != COMPONENT]
        sizes = {"item": 4, **dict(zip(space, (6, 5, 8)[: len(space)], strict=True)), COMPONENT: len(space)}
        coords: dict[str, Any] = {COMPONENT: (COMPONENT, list(reversed(space)))}
        for number, dim in enumerate(space):
            step = 0.5 + 0.25 * number
            coords[dim] = (dim, np.arange(sizes[dim]) * step, {"units": "m", "period": sizes[dim] * step})
        return (
            xr.DataArray(rng.standard_normal(tuple(sizes.values())), dims=tuple(sizes), coords=coords, attrs={"units": "m s-1"}),
        )


def box_of(at: Place | None) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return samples and signed steps along the spatial axes of a block."""
    assert at is not None, "the engine gives it"
    roles = [role for role in at.core if role != COMPONENT]
    return tuple(at.size[role] for role in roles), tuple(at.step[role] for role in roles)


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

    def grid(self, spec: ArraySpec) -> tuple[float, int, np.ndarray]:
        """Return spacing of the wave numbers, how many there are, and the modes of each."""
        axes = self.axes(spec)
        along = [axis for axis in axes if axis.dim == self.line()]
        if along:
            (axis,) = along
            count = math.prod(other.size for other in axes) // axis.size
            return (
                2 * math.pi / (axis.size * abs(axis.step)),
                axis.size // 2 + 1,
                (twins(axis.size) * count).astype(np.int64),
            )
        found = kernels.shells([axis.size for axis in axes], [axis.step for axis in axes], self.width)
        return found.width, len(found.modes), found.modes

    def labelled(self, spec: ArraySpec, kept: ArraySpec, title: str, power: int, unit: str | None) -> ArraySpec:
        """Return the labels of a spectrum whose sum over ``k`` times ``dk`` has ``unit`` per length^power."""
        step, count, modes = self.grid(spec)
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

    def scaled(self, xp: Any, sums: Array, step: float) -> Array:
        """Return densities, compensated, of sums over wave numbers: (..., r, S) as (..., r, 1, S)."""
        k = np.arange(sums.shape[-1]) * step
        factor = xp.asarray(k**self.compensate / step, dtype=xp.float64, device=getattr(sums, "device", None))
        return (sums * factor)[..., None, :]

    def prepare(self, xp: Any, block: ArraySpec, device: Any, at: Place | None = None) -> dict[str, Any]:
        """Sort the modes of a block's grid into shells, and tabulate wave numbers."""
        shape, steps = box_of(at)
        found = kernels.shells(shape, steps, self.width)
        real = {"dtype": xp.float64, "device": device}
        return {
            "order": xp.asarray(found.order, device=device),
            "bounds": found.bounds,
            "width": found.width,
            "twice": xp.asarray(twins(shape[-1]), **real),
            "wave": [xp.asarray(k, **real) for k in kernels.half_waves(shape, steps, derivative=True)],
        }

    def shell_spectrum(self, xp: Any, power: Array, table: Mapping[str, Any]) -> Array:
        """Return the density of a half spectrum by shells."""
        sums = kernels.shell_sums(xp, power * table["twice"], len(table["wave"]), table["order"], table["bounds"])
        return self.scaled(xp, sums, table["width"])

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
        ``k_eta``; double precision. Units are those of the velocity squared times length, of enstrophy those over length. A single
        field has no error: ``se`` is NaN.

    Raises
    ------
    ParameterError
        A dim is not periodic or has segments, ``along`` is no core dim, or it is not known where components point.
    DimensionError
        There is no dim ``component``, or coordinates differ in unit.

    Notes
    -----
    Computed in double precision. NaN: ``propagate`` makes the average NaN, ``error`` refuses, ``mask`` leaves out fields with a gap.

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

    def observe(self, xp: Any, block: Array, at: Place, cells: Cells, valid: Array | None, **prepared: Any) -> tuple[Array, Array]:
        """Return the spectrum of every field, and its weight."""
        numbers, ndim = self.numbers(), len(at.core) - 1
        weight = self.fields_weight(xp, block, valid, ndim)
        if self.along is not None:
            axis = list(self.dims or ()).index(self.along)
            own = numbers[axis]
            chosen = [own] if self.kind == "longitudinal" else [number for number in numbers if number != own]
            lines = [kernels.line_spectrum(xp, block[..., number], axis, ndim) for number in chosen]
            n = at.size[list(at.core)[axis]]
            step = 2 * math.pi / (n * abs(at.step[list(at.core)[axis]]))
            return self.scaled(xp, sum(lines[1:], lines[0]) / len(lines), step), weight
        spectra: Iterator[Array] = (kernels.transform(xp, block[..., number], ndim) for number in numbers)
        if self.kind == "enstrophy":
            spectra = iter(kernels.curl(prepared["wave"], list(spectra)))
        power = kernels.square(xp, next(spectra))
        for spectrum in spectra:
            power = power + kernels.square(xp, spectrum)
        return self.shell_spectrum(xp, 0.5 * power, prepared), weight

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

    def observe(self, xp: Any, block: Array, at: Place, cells: Cells, valid: Array | None, **prepared: Any) -> tuple[Array, Array]:
        """Return the co-spectrum of every field, and its weight."""
        ndim = len(at.core) - 1
        first, second = (kernels.transform(xp, block[..., number], ndim) for number in self.pair)
        power = xp.real(first) * xp.real(second) + xp.imag(first) * xp.imag(second)
        return self.shell_spectrum(xp, power, prepared), self.fields_weight(xp, block, valid, ndim)

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield two components, and one twice."""
        yield cls(dims=("y", "x"), pair=("x", "y"), over=("item",))
        yield cls(dims=("z", "y", "x"), pair=(1, 1))


def _labels(spec: ArraySpec) -> list[str]:
    """Return the labels along the dim of components."""
    coord = spec.coords.get(COMPONENT)
    return [] if coord is None else list(map(str, np.asarray(coord.values).tolist()))
