"""Parameters that every operator built on a filter bank shares, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import model_validator

from scatflow.contract import Core, Filters, param
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Place
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.family import WaveletFamily
from scatflow_wavelet.labels import (
    Metric,
    Spacing,
    aspect_of,
    check_octaves,
    core_names,
    resolved_metric,
    spacing_of,
)
from scatflow_wavelet.morlet import Morlet

#: Share of their rms, in rms, by which results of a causal bank may depend on what the periodic grid puts before the beginning.
CAUSAL_TOLERANCE = 1e-8
#: Default extension per side, in averaging scales, by number of core dims. Low-passes reach differently far: the
#: one-dimensional Gaussian has a standard deviation of 1.6 T, the two-dimensional one of 0.4 T.
DEFAULT_PAD = {1: 5.0, 2: 2.0, 3: 2.0}
#: Default orientations by number of core dims; in one dim there are none, and the number is a matter of record.
DEFAULT_L = {1: 8, 2: 8, 3: 6}


class FilterBank(Core):
    """Base of operators whose filters are a bank over one to three core dims."""

    #: Follows the conventions of a complete family.
    follows: ClassVar[bool] = False
    #: Core dims that are no axes of the bank.
    beside: ClassVar[tuple[str, ...]] = ()

    J: int = param(3, "Octaves; scales run from 1 to 2^J samples of the coarsest core axis.", ge=0, le=30)
    Q: int | tuple[int, ...] = param(
        1, "Bands per octave in one dim: one number for the first order (1 for the next), or one per order."
    )
    L: int | None = param(
        None,
        "Orientations: over half a turn in two dims, default 8; in three the axes of an icosahedron, 6 (default), 10 or 15.",
        ge=1,
    )
    filters: Filters = param(
        Morlet(), 'Filter family: a name such as "morlet", "tight" or "gammatone", or a spec with its parameters.'
    )
    metric: Metric = param(
        "space",
        'Filters isotropic in coordinate space ("space"), in samples ("index"), or for these relative steps of the '
        "core dims in kernel order.",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_orientations(cls, values: Any) -> Any:
        """Fill in the default of L where dims are named: what an operator is then does not depend on defaults."""
        named = values.get("dims") if isinstance(values, Mapping) and values.get("L") is None else None
        if not isinstance(named, (str, tuple, list)):
            return values
        count = 1 if isinstance(named, str) else len([dim for dim in named if dim not in cls.beside])
        return {**values, "L": DEFAULT_L[count]} if count in DEFAULT_L else values

    def voices(self, ndim: int, order: int) -> int:
        """Return Q of an order (from 1) in one dim, L in two and three."""
        if ndim > 1:
            return DEFAULT_L.get(ndim, 1) if self.L is None else self.L
        per_order = (self.Q, 1) if isinstance(self.Q, int) else self.Q
        return per_order[min(order, len(per_order)) - 1]

    def averaging(self) -> float | None:
        """Return the averaging scale in samples of the coarsest axis, or None for 2^J."""
        return None

    def aspect(self, ndim: int) -> tuple[float, ...]:
        """Return coarsest step over each core axis's own, for inputs that :meth:`resolve` has seen."""
        return aspect_of(self.metric, ndim, self.name)

    def bank(self, ndim: int, order: int = 1, full_circle: bool = False) -> Bank:
        """Return the bank of an order, for inputs that :meth:`resolve` has seen; over the full circle for complex signals.

        Raises
        ------
        ParameterError
            The family is not one of wavelets, or has no such bank.
        """
        family = self.family()
        self._check_voices()
        bank = Bank(family, self.J, self.voices(ndim, order), self.averaging(), self.aspect(ndim), full_circle)
        family.check(bank.layout, self.name)
        return bank

    def family(self) -> WaveletFamily:
        """Return the family, one of wavelets that serves the operator.

        Raises
        ------
        ParameterError
            It is another kind of family, or fixes more than the operator follows.
        """
        if not isinstance(self.filters, WaveletFamily):
            raise ParameterError(f"{self.name}.filters", "a family of wavelets is needed", got=self.filters.name)
        if self.filters.complete and not self.follows:
            raise ParameterError(f"{self.name}.filters", "this family fixes a whole scattering transform and serves no other operator",
                                 got=self.filters.name, remedy='Use filters="morlet" here, or the operator scattering.', code="ProfileLacks")  # fmt: skip
        return self.filters

    def _check_voices(self) -> None:
        counts = (self.Q,) if isinstance(self.Q, int) else self.Q
        if not counts or min(counts) < 1:
            raise ParameterError(f"{self.name}.Q", "bands per octave are positive integers", got=self.Q)

    def core(self, spec: ArraySpec) -> tuple[str, ...]:
        """Return the dims of the bank in kernel order: the core dims of an input."""
        return core_names(spec, self.dims)

    def resolve(self, *specs: ArraySpec) -> Self:
        """Return the operator with the core dims named and the relative steps of unequal core axes filled in."""
        names = self.core(specs[0])
        metric = resolved_metric(specs[0], names, self.metric, self.sampling, self.name)
        if self.dims is not None and metric == self.metric:
            return self
        return self.replace(dims=self.dims or names, metric=metric)

    def spacing(self, spec: ArraySpec) -> Spacing:
        """Return how the core axes of an input are sampled, having checked that 2^J and the averaging scale fit them."""
        names = self.core(spec)
        spacing = spacing_of(spec, names, self.metric, self.sampling, self.name)
        sizes = [spec.sizes[dim] for dim in names]
        check_octaves(self.J, sizes, spacing.aspect, self.name)
        scale, extent = self.averaging(), min(n / a for n, a in zip(sizes, spacing.aspect, strict=True))
        if scale is not None and not 0 < scale <= extent:
            raise ParameterError(f"{self.name}.T", "the averaging scale must be positive and fit the data",
                                 expected=f"0 < T <= {extent:g}", got=scale, remedy='Lower T; scattering with T="global" averages the whole core.')  # fmt: skip
        return spacing


class BankParameters(FilterBank):
    """Base of operators that apply a bank to blocks with margins, on sampled grids."""

    oversampling: int = param(1, "Octaves by which intermediate planes are sampled finer than critical.", ge=0, le=30)
    pad: float | None = param(
        None, "Extension per side in averaging scales; default 2 in two and three dims, 5 in one, the whole reach before the first sample "
        "for causal filters; none where periodic is exact.", ge=0,
    )  # fmt: skip

    def depth_of_tree(self) -> int:
        """Return the highest order; -1 for the wavelet transform without modulus."""
        return -1

    def causal(self) -> bool:
        """Tell whether results never look ahead, which is for the filters to say."""
        return self._looks_back()

    def align(self) -> Mapping[str, int]:
        """Return where blocks must start: at multiples of 2^J, so that every sampled grid is the same in all."""
        return dict.fromkeys(self.signature.roles, 2**self.J)

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return the extension per side: ``pad`` averaging scales, nothing where a periodic axis needs none.

        Causal filters need it before the first sample only, and there all of their reach: on the periodic grid, what
        lies further back is the end of the data.
        """
        roles = tuple(at.size)
        scale = max(2.0**self.J, self.averaging() or 0.0)
        pad = DEFAULT_PAD.get(len(roles), 2.0) if self.pad is None else self.pad
        widths = {}
        for role, aspect in zip(roles, self.aspect(len(roles)), strict=True):
            exact = at.periodic.get(role, False) and at.core[role] == (0, at.size[role]) and at.size[role] % 2**self.J == 0
            width = 0 if exact else math.ceil(pad * scale * aspect)
            widths[role] = (width, width) if exact or not self._looks_back() else self._before(width, len(roles))
        return widths

    def _before(self, width: int, ndim: int) -> tuple[int, int]:
        """Return the extension of causal filters; what a smaller ``pad`` lacks goes behind the end, as good for them."""
        reach = math.ceil(self._radius(ndim, self.depth_of_tree(), CAUSAL_TOLERANCE))
        before = reach if self.pad is None else width
        return before, max(0, reach - before)

    def _looks_back(self) -> bool:
        return isinstance(self.filters, WaveletFamily) and self.filters.causal

    def reach(self, order: int, tol: float) -> Mapping[str, tuple[int, int]]:
        """Return the tabulated reach per role, for inputs that :meth:`resolve` has seen.

        Raises
        ------
        ChunkError
            The filters have no usable decay.
        """
        roles = self.signature.roles
        ndim = len(self.dims) if self.dims is not None else len(roles)
        radius = self._radius(ndim, order, tol)
        widths = [math.ceil(radius * a) for a in self.aspect(ndim)]
        return {
            role: (width, 0 if self._looks_back() else width)
            for role, width in zip(roles[len(roles) - ndim :], widths, strict=True)
        }

    def coverage_reach(self) -> Mapping[str, tuple[int, int]]:
        """Return how far the low-pass is not negligible per role, for inputs that :meth:`resolve` has seen."""
        roles = self.signature.roles
        ndim = len(self.dims) if self.dims is not None else len(roles)
        bank = self.bank(ndim)
        extent = bank.family.extent(bank.layout)
        if extent is None:
            return {}
        return {
            role: (math.ceil(extent[0] * a), math.ceil(extent[1] * a))
            for role, a in zip(roles[len(roles) - ndim :], bank.aspect, strict=True)
        }

    def _radius(self, ndim: int, order: int, tol: float) -> float:
        bank = self.bank(ndim)
        if bank.family.causal:  # its table is that of equally many bands in all orders
            bank = max((self.bank(ndim, k) for k in range(1, max(order, 1) + 1)), key=lambda found: found.voices)
        return bank.family.reach(bank.layout, order, tol)
