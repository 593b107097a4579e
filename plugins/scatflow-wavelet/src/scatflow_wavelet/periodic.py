"""The periodic grid of a transform and the way back from it, as operators: what stands before and behind levels of octaves.

Not for users: levels of long transforms are wired with them.
"""

from __future__ import annotations

from collections.abc import Mapping

from scatflow.contract import Boundary, Extension, Index, Select, operator, param
from scatflow.spec import ArraySpec, Place


@operator("periodic_extension", version=1, signature="()->()", dtypes="f")
class PeriodicExtension(Select):
    """The signal on the periodic grid of a transform, beyond its ends by the boundary rules."""

    spans: dict[str, tuple[int, int]] = param(doc="First position and one past the last, per dim.")
    rules: dict[str, Boundary] = param(doc="Boundary rule per dim.")

    @classmethod
    def of(cls, dims: tuple[str, ...], rules: Boundary | tuple[Boundary, ...] | None, at: Place) -> PeriodicExtension:
        """Return the extension to the place of a whole extended signal, by rules that are named, one for each dim."""
        assert isinstance(rules, tuple)
        spans = {dim: (at.start[role], at.stop[role]) for dim, role in zip(dims, at.start, strict=True)}
        return cls(spans=spans, rules=dict(zip(dims, rules, strict=True)))

    def indexers(self, *specs: ArraySpec) -> Mapping[str, Index]:
        """Return the extensions."""
        return {dim: Extension(*span, self.rules[dim]) for dim, span in self.spans.items()}


@operator("periodic_crop", version=1, signature="()->()", dtypes="fc")
class PeriodicCrop(Select):
    """Results inside the signal, of those on its periodic grid."""

    samples: dict[str, tuple[int, int, int]] = param(doc="First, one past the last, and step, per dim.")

    def indexers(self, *specs: ArraySpec) -> Mapping[str, Index]:
        """Return the slices."""
        return {dim: slice(*parts) for dim, parts in self.samples.items()}
