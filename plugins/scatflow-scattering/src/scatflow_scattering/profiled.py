"""What of windowed scattering depends on the profile of its filters: extension, sampling, and which parameters there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from scatflow.contract import Boundary, Window, param
from scatflow.errors import ParameterError
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Place
from scatflow_scattering.parameters import TreeParameters
from scatflow_wavelet.profile import Profile


class Profiled(TreeParameters, Window):
    """Base of ``scattering``: the one place that asks the filters' family how it extends and samples."""

    T: float | Literal["global"] | None = param(
        None, 'Averaging scale in samples of the coarsest core axis, default 2^J; "global" for the mean over the core, 0 for none.'
    )
    stride: int | None = param(None, "Step of the results in samples along every core dim, default 2^J.", ge=1)

    follows: ClassVar[bool] = True
    normalize: Literal["parent"] | None = param(None, 'Ratios to the parent path, orders 0 and 1 over |x| * phi ("parent").')

    def averaging(self) -> float | None:
        """Return T as a number, or None for 2^J."""
        return None if self.T in (None, 0) or isinstance(self.T, str) else float(self.T)

    def conventions(self) -> Profile:
        """Return how the filters' family extends and samples."""
        scale = self.averaging()
        return self.family().conventions(self.J, float(2**self.J if scale is None else scale), self.stride, self.oversampling)

    def step(self) -> int:
        """Return the step of the results in samples."""
        return self.conventions().step

    def planes(self) -> tuple[int, int | None]:
        """Return by how many octaves planes are sampled finer than 2^j, and the exponent that none exceeds."""
        profile = self.conventions()
        return profile.finer, profile.coarsest

    def samples(self, at: Place, role: str, step: int | None = None) -> range:
        """Return where the results inside a block lie, or samples of planes on a grid of a step."""
        index = self.conventions().samples(at.size[role], len(at.size), step)
        return at.samples(role, index.step, index.start)

    def check(self, spec: ArraySpec, names: tuple[str, ...]) -> None:
        """Raise ParameterError for averages that are not offered, and for what the family's profile does not have."""
        self._check_averaging()
        self._check_profile(spec, names)

    def _check_averaging(self) -> None:
        if self.T == "global" and self.nan == "mask":
            raise ParameterError(f"{self.name}.nan", 'the policy "mask" needs a window', got='T="global"',
                                 remedy="Give a number as T, or use scattering_moments.")  # fmt: skip
        for name in ("stride", "normalize") if self.T == 0 else ():
            if getattr(self, name) is not None:
                raise ParameterError(
                    f"{self.name}.{name}", "planes that are not averaged have the sampling of their octave and no parents",
                    expected="None with T=0", got=getattr(self, name), remedy="Give a number as T.",
                )  # fmt: skip

    def _check_profile(self, spec: ArraySpec, names: tuple[str, ...]) -> None:
        """Hold parameters and axes to what the package has that the filters reproduce, if any."""
        self.spacing(spec)
        layouts = tuple(self.bank(len(names), k).layout for k in range(1, max(self.order, 1) + 1))
        asked = {key: getattr(self, key) for key in type(self).model_fields} | {"complex": spec.dtype.startswith("complex")}
        self.family().restrict(asked, layouts, self.name)
        for axis in (axis_of(spec, dim, self.sampling) for dim in names) if self.conventions().exact else ():
            if axis.walls:
                raise ParameterError(f"{self.name}.filters", f"filters {self.filters.name!r} take a signal as one", expected="no walls",
                                     got=f"walls along {axis.dim!r}", code="ProfileLacks",
                                     remedy='Transform segments one by one, or use filters="morlet".')  # fmt: skip

    def rules(self) -> tuple[Boundary, ...]:
        """Return the boundary rules that the family allows."""
        return self.conventions().rules or super().rules()

    def exact_margins(self) -> bool:
        """Tell whether the family fixes the extension to the sample."""
        return self.conventions().exact

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return the extension per side: the family's, or that of all operators with a bank."""
        fixed = {role: self.conventions().margins(size, len(at.size)) for role, size in at.size.items()}
        known = {role: widths for role, widths in fixed.items() if widths is not None}
        return known if len(known) == len(fixed) else super().margins(at)
