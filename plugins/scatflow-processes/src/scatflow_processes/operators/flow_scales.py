"""The scales of a turbulent flow, with errors: what abscissas are divided by and resolution is judged by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from scatflow.contract import operator, param
from scatflow.contract.estimate import Derive
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Coord, Cost
from scatflow_arrays.quantity import unit_of
from scatflow_arrays.units import product
from scatflow_processes.half_spectra import Window, half_waves, shell_count, shell_of, square
from scatflow_processes.modes import shell_width
from scatflow_processes.operators.flow_vectors import VectorField, length_unit
from scatflow_processes.operators.fourier_averages import OfFourier, Spectrum
from scatflow_processes.references_flows import TURBULENT_FLOWS

Array = Any
#: Names of the results and what they are.
SCALES = {
    "u_rms": "root mean square of one component of the velocity fluctuation",
    "epsilon": "dissipation rate",
    "eta": "Kolmogorov length",
    "taylor_length": "Taylor length lambda",
    "Re_lambda": "Reynolds number of the Taylor length",
    "L11": "longitudinal integral length",
    "T_eddy": "eddy turnover time L11 / u'",
    "kmax_eta": "resolution: largest wave number times the Kolmogorov length",
}
#: By number of dims: eps = factor nu <(d u1/d x1)^2>, and L11 u'^2 = factor times the integral of E(k) / k, of isotropic flows.
DISSIPATION_FACTOR = {2: 8.0, 3: 15.0}
INTEGRAL_FACTOR = {2: 2.0, 3: math.pi / 2}


def flow_scales(
    xp: Any, energy: Array, strain_square: Array, inverse: Array, nu: float, k_max: float, ndim: int
) -> tuple[Array, ...]:
    r"""Return the scales of a flow from three averages over it.

    Parameters
    ----------
    xp : Namespace
        Of the arrays.
    energy, strain_square, inverse : array of float64, any shape
        Energy of the fluctuation :math:`\frac12 \langle |u'|^2 \rangle`, :math:`\langle S : S \rangle`, and the integral of
        :math:`E(k) / k` without the mean flow.
    nu, k_max : float
        Viscosity; largest wave number that counts as resolved.
    ndim : {2, 3}
        Dims of space.

    Returns
    -------
    tuple of array
        In the order of :data:`SCALES`; NaN where there is no motion.

    Examples
    --------
    >>> import numpy as np
    >>> found = flow_scales(np, np.float64(1.5), np.float64(50.0), np.float64(0.6), 0.01, 32.0, 3)
    >>> [round(float(value), 4) for value in found]
    [1.0, 1.0, 0.0316, 0.3873, 38.7298, 0.9425, 0.9425, 1.0119]
    """
    square = _positive(xp, energy) * (2 / ndim)
    epsilon = strain_square * (2 * nu)
    rate = _positive(xp, epsilon)
    u_rms, eta = xp.sqrt(square), (nu**3 / rate) ** 0.25
    taylor = u_rms * xp.sqrt(DISSIPATION_FACTOR[ndim] * nu / rate)
    integral = inverse * INTEGRAL_FACTOR[ndim] / square
    return u_rms, epsilon, eta, taylor, u_rms * taylor / nu, integral, integral / u_rms, k_max * eta


def _positive(xp: Any, value: Array) -> Array:
    return xp.where(value > 0, value, xp.nan * value)


@operator(
    "flow_scales",
    version=1,
    signature="(z?,y,x,component)->()",
    boundaries=("periodic",),
    references=(TURBULENT_FLOWS.part("sections 6.1, 6.3 and 6.5"),),
    aliases=("turbulence_scales", "kolmogorov_scale", "taylor_microscale", "reynolds_number", "integral_scale"),
    equation=r"\eta = (\nu^3 / \varepsilon)^{1/4}, \quad \lambda = u' \sqrt{15 \nu / \varepsilon}, \quad "
    r"L_{11} = \frac{\pi}{2 u'^2} \int \frac{E(k)}{k} \, dk",
)
class FlowScales(VectorField, OfFourier):
    r"""Scales of a velocity field in a periodic box, averaged over realizations with errors.

    .. math:: u'^2 = \tfrac1D \langle |u - \bar u|^2 \rangle, \quad \varepsilon = 2 \nu \langle S : S \rangle, \quad
              \eta = (\nu^3 / \varepsilon)^{1/4}, \quad \lambda = u' \sqrt{15 \nu / \varepsilon}, \quad
              L_{11} = \frac{\pi}{2 u'^2} \int \frac{E(k)}{k} \, dk

    with Re_lambda = u' lambda / nu and T_eddy = L11 / u'. Only u' and the dissipation are free of assumptions; lambda and L11 are those of
    isotropic flows. In two dims 15 and pi/2 become 8 and 2, for which lambda and L11 have the same meaning:
    lambda^2 = u'^2 / <(du/dx)^2>, and L11 is the integral of the longitudinal correlation. Derivatives are spectral, and integrals over k are sums over all modes
    but the mean flow. Jobs with ``strategy="pencil"`` serve fields larger than memory. Of several fields energy, dissipation and the integral are averaged first.

    Parameters
    ----------
    data : DataArray
        Real, with the spatial dims and ``component``.
    dims : tuple of str
        The two or three spatial dims; ``component`` is added. They have to be periodic.
    nu : float
        Kinematic viscosity in the data's unit times that of the coordinates: m2/s for m/s and m.
    k_max : float, optional
        Largest resolved wave number in rad per coordinate unit; default the smallest Nyquist wave number of the axes. Of
        simulations that are dealiased by truncation it is less.
    over : tuple of str, optional
        Dims averaged, such as time and realizations, whose scatter gives the errors.

    Returns
    -------
    Dataset
        ``u_rms, epsilon, eta, taylor_length, Re_lambda, L11, T_eddy, kmax_eta``, each with its standard error as ``eta_se`` and so on
        (of a single field from groups of modes, as ``energy_spectrum``, which is some half too large), in the units of data and coordinates; attributes ``nu`` and ``k_max``. Give ``eta`` to ``energy_spectrum`` and
        ``structure_functions`` to label k eta and r / eta.

    Raises
    ------
    DimensionError
        A coordinate states no unit, which the viscosity refers to, coordinates differ in unit, or there is no dim ``component``.
    ParameterError
        A dim is not periodic or has segments, it is not known where components point, or ``covariance`` was asked for.

    Examples
    --------
    >>> import numpy as np, scatflow as sf, xarray as xr
    >>> side = np.arange(16) * np.pi / 8, {"units": "m", "period": 2 * np.pi}
    >>> box = xr.Dataset(coords={"y": ("y", *side), "x": ("x", *side)})
    >>> flow = box.assign(u=np.sin(box.y) * np.cos(box.x), v=-np.cos(box.y) * np.sin(box.x)).to_dataarray("component")
    >>> scales = sf.ops.flow_scales(flow.assign_attrs(units="m/s"), dims=("y", "x"), nu=0.01)
    >>> float(scales.u_rms.round(12)), float(scales.epsilon.round(12)), scales.epsilon.units
    (0.5, 0.01, 'm2 s-3')
    """

    summed: ClassVar[int] = 3

    nu: float = param(doc="Kinematic viscosity.", gt=0, unit="data unit x coordinate unit")
    k_max: float | None = param(
        None,
        "Largest resolved wave number in rad per coordinate unit; default the smallest Nyquist wave number.",
        gt=0,
        unit="coordinate",
    )

    def resolve(self, *specs: Any) -> Self:
        """Return the operator with dims, directions, boundary, largest wave number and pooled dims filled in."""
        (spec,) = specs
        if self.covariance:
            raise ParameterError(
                f"{self.name}.covariance", "scales have errors of their own and no covariance", got=True, remedy="Leave it out."
            )
        ready = super().resolve(spec).whole(spec)
        axes = ready.axes(spec)
        length_unit(axes, self.name, "the viscosity")
        nyquist = min(math.pi / abs(axis.step) for axis in axes)
        return OfFourier.resolve(ready.replace(k_max=ready.k_max or nyquist), spec)

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of all scales along one dim, of which :meth:`published` makes a result each."""
        length, speed = length_unit(self.axes(spec), self.name), unit_of(spec)
        time = product(length, speed, -1)
        units = [speed, product(product("1", speed, 3), length, -1), length, length, "1", length, time, "1"]
        coord = Coord(("scale",), np.array(list(SCALES)), {"each": units})
        attrs = {"nu": self.nu, "k_max": self.k_max, "long_name": None, "standard_name": None, "units": None}
        return kept.with_dim("scale", len(SCALES), {"scale": coord}).with_attrs(**attrs)

    def published(self, mean: ArraySpec) -> Mapping[str, ArraySpec]:
        """Return a result for every scale, and one for its error."""
        found = {}
        bare = mean.without("scale").with_dtype("float64")
        for (name, title), unit in zip(SCALES.items(), mean.coords["scale"].attrs["each"], strict=True):
            found[name] = replace(bare.with_attrs(units=unit, long_name=title), name=name)
            found[f"{name}_se"] = replace(bare.with_attrs(units=unit, long_name=f"standard error of {name}"), name=f"{name}_se")
        return found

    def bins(self, shape: Sequence[int], steps: Sequence[float], window: Window) -> tuple[Array, int]:
        """Return the shell of every mode."""
        width = shell_width(shape, [abs(step) for step in steps])
        return shell_of(shape, steps, width, window), shell_count(shape, steps, width)

    def constants(self, shape: Sequence[int], steps: Sequence[float], window: Window) -> dict[str, Any]:
        """Return weights of the modes: 1 but for the mean flow, and one over their wave numbers."""
        k = np.sqrt(sum(wave * wave for wave in half_waves(shape, steps, window=window)))
        return {"moving": np.where(k > 0, 1.0, 0.0), "inverse": np.where(k > 0, 1 / np.where(k > 0, k, 1.0), 0.0)}

    def planes(self, xp: Any, spectrum: Spectrum, table: Mapping[str, Any]) -> Iterator[Array]:
        """Yield energy, S:S and energy over the wave number."""
        wave = table["wave"]
        spectra = [spectrum(number) for number in self.numbers()]
        squares = [square(xp, each) for each in spectra]
        power = 0.5 * sum(squares[1:], squares[0]) * table["moving"]
        along = [k * each for k, each in zip(wave, spectra, strict=True)]
        k_square = sum((k * k for k in wave[1:]), wave[0] * wave[0])
        yield power
        yield k_square * power + 0.5 * square(xp, sum(along[1:], along[0]))  # S:S = (d_i u_j d_i u_j + d_i u_j d_j u_i) / 2
        yield power * table["inverse"]

    def weighed(self, xp: Any, sums: Array, modes: Array) -> tuple[Array, Array]:
        """Return values and weights of groups; shells that lie in one group tell no error and count as known."""
        taken = xp.sum(xp.astype(modes > 0, xp.int64), axis=-2, keepdims=True)
        values, share = super().weighed(xp, sums, modes)
        whole = xp.broadcast_to(xp.sum(sums, axis=-2, keepdims=True), sums.shape)
        return xp.where(taken == 1, whole, values), xp.where(taken == 1, xp.ones_like(share) / share.shape[-2], share)

    def unlabelled(self, kept: ArraySpec, size: int) -> ArraySpec:
        """Return the labels of all scales along one dim, without units."""
        return kept.with_dim("scale", size, {"scale": Coord(("scale",), np.array(list(SCALES)), {"each": ["1"] * len(SCALES)})})

    def derive(self) -> Derive | None:
        """Return the scales of averaged energy, S:S and integral."""
        nu, k_max, ndim = self.nu, self.k_max, len(self.dims or self.signature.roles) - 1
        assert k_max is not None, "resolve() fills it"

        def scales(xp: Any, means: Array) -> Array:
            folded = xp.sum(xp.reshape(means, (*means.shape[:-1], 3, means.shape[-1] // 3)), axis=-1)
            return xp.stack(list(flow_scales(xp, folded[..., 0], folded[..., 1], folded[..., 2], nu, k_max, ndim)), axis=-1)

        return scales

    def finalize(self, xp: Any, *state: Array) -> Mapping[str, Array]:
        """Return every scale and its error by name."""
        found = super().finalize(xp, *state)
        results = {}
        for place, name in enumerate(SCALES):
            results[name], results[f"{name}_se"] = found["mean"][..., place], found["se"][..., place]
        return results

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare transforms of the components, and their spectra, squares and products in double precision."""
        (spec,) = specs
        ndim = len(self.dims or self.signature.roles) - 1
        points = math.prod(spec.shape[len(spec.dims) - ndim - 1 : -1])
        fields = max(1, math.prod(spec.shape) // max(1, points * spec.shape[-1]))
        return Cost(5.0 * fields * ndim * points * math.log2(max(2, points)), int(points * (8 + fields * (20 * ndim + 16))))

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield two and three dims."""
        yield cls(dims=("y", "x"), nu=0.1, over=("item",))
        yield cls(dims=("z", "y", "x"), nu=0.1, k_max=2.0)
