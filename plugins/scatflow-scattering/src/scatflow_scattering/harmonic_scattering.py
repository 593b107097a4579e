"""The operator ``harmonic_scattering``: labels, geometry and cost around :mod:`scatflow_scattering.harmonic_transform`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import xarray as xr

from scatflow.contract import Boundary, Filters, Window, operator, param
from scatflow.errors import ChunkError, ParameterError
from scatflow.labels import label_coord
from scatflow.spec import ArraySpec, Coord, Cost, Place
from scatflow_scattering.harmonic_bank import Shell, shell
from scatflow_scattering.harmonic_budget import harmonic_cost
from scatflow_scattering.harmonic_transform import Key, Path, Plan, Walker
from scatflow_scattering.solid_harmonics import SOLID_HARMONIC_SCATTERING, SolidHarmonic
from scatflow_wavelet.kymatio import KymatioFamily
from scatflow_wavelet.labels import Metric, Spacing, aspect_of, check_octaves, core_names, reciprocal, resolved_metric, spacing_of
from scatflow_wavelet.layout import Grid

Array = Any

#: Extension per side beyond edges that are not periodic, in the largest Gaussian's standard deviations.
DEFAULT_PAD = 4.0


@operator(
    "harmonic_scattering",
    version=1,
    signature="(z,y,x)->(path)",
    dtypes="f",
    differentiable=True,
    references=(SOLID_HARMONIC_SCATTERING,),
    aliases=("solid_harmonic_scattering", "harmonic_scattering_3d", "solid_harmonics"),
    equation=r"S_q[j, l] = \langle U[j, l]^q \rangle, \quad U[j, l]^2 = \sum_{m=-l}^{l} |x \star \psi_{jlm}|^2, \quad "
    r"U[j_1, j_2, l]^2 = \sum_m |U[j_1, l] \star \psi_{j_2 l m}|^2",
)
class HarmonicScattering(Window):
    """Solid harmonic scattering of volumes: means of powers of moduli that no rotation, reflection or translation changes.

    ``U[j, l] = sqrt(sum_m |x * psi_jlm|^2)`` for scales j = 0..J and degrees l = 0..L, ``U[j1, j2, l]`` the same of
    ``U[j1, l]`` for j2 > j1 with the same degree; results are their means over the field to the powers q. U is sampled on
    absolute multiples of ``2^max(0, j - oversampling)``, j being its last scale.

    Parameters
    ----------
    J : int, optional
        Largest scale; Gaussians have standard deviations from ``sigma0`` to ``sigma0 2^J``. Default 3.
    L : int, optional
        Largest degree of the harmonics, at most 16; l = 0 is the Gaussian itself. Default 3. Relative rounding errors grow
        from 1e-15 (single precision: 2e-7) below degree 10 to 1e-13 (4e-7) at 16.
    order : {1, 2}, optional
        Highest number of wavelets in a path. Default 2.
    powers : tuple of float, optional
        Powers q of the moduli, positive and distinct; default 0.5, 1 and 2. Derivatives for q < 1 grow without bound as U
        goes to 0; where U cannot be told from 0 they are taken as 0.
    filters : FilterFamily, optional
        ``"solid-harmonic"``, or ``{"family": "solid-harmonic", "sigma0": 1.5}``; see
        :class:`scatflow_scattering.solid_harmonics.SolidHarmonic` for its profile ``"kymatio"``, which ``"kymatio"`` and
        ``"kymatio-0.3"`` stand for here (sigma0 = 1; both versions of the package agree in three dims).
    oversampling : int, optional
        Octaves by which U is sampled finer than 2^j. White noise of 64^3 is off full sampling by 6e-4, 7e-5 (default 1) and
        5e-6 of the norm for 0, 1 and 2; single numbers by at most 3e-2, 2e-3 and 1e-4.
    pad : float, optional
        Extension per side in units of ``sigma0 2^J``; default 4, none where periodic is exact.
    metric : {"space", "index"} or tuple of float, optional
        Filters isotropic in coordinate space (default), in samples, or for these relative steps of the core dims.
    boundary : str or tuple of str, optional
        Rule beyond the edges; default periodic.

    Returns
    -------
    DataArray
        Input dims without the core dims, and ``path`` last with coordinates ``order``, ``j1``, ``j2`` (-1 where unused),
        ``l``, ``q``, center frequencies ``xi1``, ``xi2`` and widths ``width1``, ``width2`` of the Gaussians in the units of the
        coordinates. Paths are sorted by order, scales, degree and power. Input dtype; sums are accumulated in double
        precision. Units are kept only where q = 1 is the only power.

    Raises
    ------
    ParameterError
        2^J exceeds the data (the largest J is named), the filters are of another family, powers are not positive and
        distinct, ``nan="mask"``, or the profile is ``"kymatio"`` and something is asked that it does not have.
    DimensionError
        The core dims have different units and ``metric`` is ``"space"``.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.spec import ArraySpec
    >>> operator = HarmonicScattering(dims=("z", "y", "x"), J=2, L=1, powers=(1.0,))
    >>> spec = operator.output(ArraySpec(("t", "z", "y", "x"), (4, 32, 32, 32), "float32"))
    >>> spec.dims, spec.shape, np.asarray(spec.coords["j1"].values)[:6].tolist()
    (('t', 'path'), (4, 12), [0, 0, 1, 1, 2, 2])
    """

    J: int = param(3, "Largest scale: Gaussians from sigma0 to sigma0 2^J samples of the coarsest core axis.", ge=0, le=30)
    L: int = param(3, "Largest degree of the harmonics.", ge=0, le=16)
    order: int = param(2, "Highest number of wavelets in a path.", ge=1, le=2)
    powers: tuple[float, ...] = param((0.5, 1.0, 2.0), "Powers of the moduli that are averaged.")
    filters: Filters = param(SolidHarmonic(), 'The family "solid-harmonic", a spec of it with its parameters, or "kymatio".')
    oversampling: int = param(1, "Octaves by which moduli are sampled finer than 2^j.", ge=0, le=30)
    pad: float | None = param(
        None, "Extension per side in units of sigma0 2^J; default 4, none where periodic is exact.", ge=0, le=64
    )
    metric: Metric = param(
        "space",
        'Filters isotropic in coordinate space ("space"), in samples ("index"), or for these relative steps of the '
        "core dims in kernel order.",
    )
    boundary: Boundary | tuple[Boundary, ...] | None = param(
        "periodic", "Rule beyond the edges, one word or one per dim; none: as the coordinate declares, else reflect."
    )

    def family(self) -> SolidHarmonic:
        """Return the filters.

        Raises
        ------
        ParameterError
            They are of another family, or their profile lacks what is asked.
        """
        filters = SolidHarmonic(profile="kymatio") if isinstance(self.filters, KymatioFamily) else self.filters
        if not isinstance(filters, SolidHarmonic):
            raise ParameterError(
                f"{self.name}.filters", "solid harmonics are needed", expected='"solid-harmonic"', got=filters.name
            )
        if filters.profile == "kymatio":
            self._check_profile()
        return filters

    def _check_profile(self) -> None:
        """Raise ParameterError for what the peer does not have."""
        rules = () if self.boundary is None else (self.boundary,) if isinstance(self.boundary, str) else self.boundary
        for name, wrong in {
            "boundary": set(rules) != {"periodic"}, "oversampling": self.oversampling != 1, "pad": self.pad is not None,
            "metric": not isinstance(self.metric, str),
        }.items():  # fmt: skip
            if wrong:
                raise ParameterError(f"{self.name}.{name}", 'the profile "kymatio" does not have it', got=getattr(self, name),
                                     remedy=f'Leave {name} at its default (axes of different steps: metric="index"), or use the profile "scatflow".')  # fmt: skip

    def plan(self) -> Plan:
        """Return paths, grids and powers."""
        full = self.family().profile == "kymatio"
        exponents = tuple(0 if full else max(0, j - self.oversampling) for j in range(self.J + 1))
        scales = [(j,) for j in range(self.J + 1)]
        pairs = [(a, b) for a in range(self.J) for b in range(a + 1, self.J + 1)] if self.order == 2 else []
        paths = tuple(Path(path, degree) for path in (*scales, *pairs) for degree in range(self.L + 1))
        return Plan(paths, exponents, self.powers)

    def resolve(self, *specs: ArraySpec) -> Self:
        """Return the operator with the core dims named and the relative steps of unequal core axes filled in."""
        names = core_names(specs[0], self.dims)
        metric = resolved_metric(specs[0], names, self.metric, self.sampling, self.name)
        return self.replace(dims=self.dims or names, metric=metric)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the result: the labelled dim ``path`` in the place of the core dims."""
        (spec,) = specs
        ready = self.resolve(spec)
        ready._check()
        names = core_names(spec, ready.dims)
        spacing = spacing_of(spec, names, ready.metric, self.sampling, self.name)
        check_octaves(self.J, [spec.sizes[dim] for dim in names], spacing.aspect, self.name)
        plan = ready.plan()
        result = spec.without(*names).with_dim("path", len(plan.paths) * len(plan.powers), ready._labels(plan, spacing))
        what = spec.attrs.get("long_name") or spec.name
        title = "solid harmonic scattering (sums over samples)" if ready._sums() else "solid harmonic scattering"
        result = result.with_attrs(long_name=f"{title} of {what}" if what else title, standard_name=None)
        return result if self.powers == (1.0,) else result.with_attrs(units=None)

    def _check(self) -> None:
        self.family()
        positive = all(math.isfinite(q) and q > 0 for q in self.powers)
        if not positive or not self.powers or len(set(self.powers)) != len(self.powers):
            raise ParameterError(f"{self.name}.powers", "powers are positive and distinct", got=self.powers)
        if self.nan == "mask":
            raise ParameterError(f"{self.name}.nan", 'the policy "mask" needs a window', got="a mean over the whole field",
                                 remedy='Fill the gaps first, or keep nan="propagate".')  # fmt: skip

    def _sums(self) -> bool:
        return self.family().profile == "kymatio"

    def _labels(self, plan: Plan, spacing: Spacing) -> dict[str, Coord]:
        """Return the coordinates on ``path``."""
        rows = [(path, q) for path in plan.paths for q in plan.powers]
        degree = np.array([path.degree for path, _ in rows], dtype=np.int16)
        coords = {
            "order": label_coord(
                np.array([len(path.scales) for path, _ in rows], np.int8), long_name="number of wavelets in the path"
            ),
            "l": label_coord(degree, long_name="degree of the harmonics"),
            "q": label_coord(np.array([q for _, q in rows]), long_name="power of the modulus"),
        }
        unit, per_unit = spacing.unit or "1", reciprocal(spacing.unit)
        for k in range(self.order):
            scale = np.array([path.scales[k] if len(path.scales) > k else -1 for path, _ in rows], dtype=np.int16)
            width = np.where(scale < 0, np.nan, self.family().sigma0 * 2.0 ** np.maximum(scale, 0) * spacing.step)
            coords[f"j{k + 1}"] = label_coord(scale, long_name=f"scale of wavelet {k + 1}, -1 = unused")
            coords[f"xi{k + 1}"] = label_coord(np.sqrt(degree) / (2 * np.pi * width), units=per_unit,
                                               long_name=f"center frequency of wavelet {k + 1}")  # fmt: skip
            coords[f"width{k + 1}"] = label_coord(
                width, units=unit, long_name=f"standard deviation of the Gaussian of wavelet {k + 1}"
            )
        return coords

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Raise ChunkError: a mean over the whole field has no finite reach."""
        raise ChunkError(f"operator {self.name}", "a mean over the whole field has no finite reach",
                         remedy='Keep the core dims in one chunk (rechunk="auto").')  # fmt: skip

    def align(self) -> Mapping[str, int]:
        """Return where blocks must start: at multiples of the coarsest step of the moduli."""
        return dict.fromkeys(self.signature.roles, 2 ** max(self.plan().exponents))

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return the extension per side; nothing where a periodic axis is a multiple of the coarsest step."""
        pad = DEFAULT_PAD if self.pad is None else self.pad
        widths = {}
        for role, aspect in zip(at.size, self._aspect(), strict=True):
            whole = at.periodic.get(role, False) and at.core[role] == (0, at.size[role])
            exact = whole and at.size[role] % self.align()[role] == 0
            width = 0 if exact else math.ceil(pad * self.family().sigma0 * 2**self.J * aspect)
            widths[role] = (width, width)
        return widths

    def _aspect(self) -> tuple[float, ...]:
        return aspect_of(self.metric, 3, self.name)

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build the tables of the filters for one block shape."""
        plan, found = self.plan(), {}
        for path in plan.paths:
            source, scale, degree = plan.key(path)
            grid = Grid(tuple(n >> source for n in block.shape), 2**source)
            factor = 2 ** (plan.target(path) - source)
            if plan.key(path) not in found:
                found[plan.key(path)] = shell(self.family(), scale, degree, grid, factor, self._aspect(), xp, block.dtype, device)
        return {"shells": found}

    def apply(self, xp: Any, *blocks: Array, at: Place, shells: Mapping[Key, Shell]) -> Array:
        """Compute one extended block."""
        return self._walker(xp, blocks[0], at, shells).scatter(blocks[0])

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, at: Place, shells: Mapping[Key, Shell]) -> tuple[Array, ...]:
        """Return the cotangent of one extended block."""
        return (self._walker(xp, blocks[0], at, shells).pull(cotangent, blocks[0]),)

    def _walker(self, xp: Any, block: Array, at: Place, shells: Mapping[Key, Shell]) -> Walker:
        core = tuple((at.core[role][0] - at.start[role], at.core[role][1] - at.start[role]) for role in at.start)
        # Segments between walls are averaged by length: of sums, as of means, that gives those of the whole.
        gain = float(math.prod(at.size.values())) if self._sums() else 1.0
        return Walker(xp, self.plan(), shells, core, tuple(block.shape[-3:]), gain)

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return volumes of positive numbers: where a Gaussian average changes sign its modulus has no derivative."""
        dims = ("realization", *(self.dims or self.signature.roles))
        return (xr.DataArray(np.exp(rng.standard_normal((3, 12, 12, 16))), dims=dims),)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops, and bytes of tables, columns and moduli."""
        (spec,) = specs
        ready = self.resolve(spec)
        return harmonic_cost(ready.plan(), ready.family(), ready._aspect(), spec.shape[-3:], math.prod(spec.shape[:-3]), spec.dtype)

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield small instances: subsampled, and with borders of each kind."""
        dims = ("z", "y", "x")
        yield cls(dims=dims, J=2, L=2, powers=(1.0, 2.0))
        yield cls(dims=dims, J=1, L=1, order=1, boundary="reflect", pad=2.0, metric="index", powers=(2.0, 4.0))
        yield cls(dims=dims, J=0, L=2, boundary="zero", filters=SolidHarmonic(sigma0=1.5), powers=(1.0,))
        yield cls(dims=dims, J=1, L=0, boundary="symmetric", oversampling=0, powers=(2.0,))
