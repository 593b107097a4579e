"""The periodic grid of a transform and the way back from it, as operators: what stands before and behind its stages.

Not in the catalog: transforms that are computed octave by octave, or one axis at a time, wire them.
"""

from __future__ import annotations

from collections.abc import Mapping

from scatflow.contract import Boundary, Extension, Index, Select, operator, param
from scatflow.spec import ArraySpec, Place

#: Positions along an axis: first, one past the last, step.
Samples = tuple[int, int, int]


@operator("periodic_extension", version=1, signature="()->()", dtypes="fc")
class PeriodicExtension(Select):
    """A signal on a longer periodic grid, beyond its ends by the boundary rules."""

    spans: dict[str, tuple[int, int]] = param(doc="First position and one past the last, per dim.")
    rules: dict[str, Boundary] = param(doc="Boundary rule per dim.")

    @classmethod
    def of(cls, dims: tuple[str, ...], rules: Boundary | tuple[Boundary, ...] | None, at: Place) -> PeriodicExtension:
        """Return the extension to the place of a whole extended signal, by rules that are named, one for each dim."""
        assert isinstance(rules, tuple)
        spans = {dim: (at.start[role], at.stop[role]) for dim, role in zip(dims, at.start, strict=True)}
        return cls(spans=spans, rules=dict(zip(dims, rules, strict=True)))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Samples of the grid along each dim, in the order of the spans."""
        return tuple(stop - start for start, stop in self.spans.values())

    def inside(self, dim: str, size: int, stride: int, factor: int) -> Samples:
        """Return where the samples of the signal lie along a dim among those of the grid, both sampled; see :func:`inside`."""
        return inside(self.spans[dim][0], size, stride, factor)

    def indexers(self, *specs: ArraySpec) -> Mapping[str, Index]:
        """Return the extensions."""
        return {dim: Extension(*span, self.rules[dim]) for dim, span in self.spans.items()}


@operator("periodic_crop", version=1, signature="()->()", dtypes="fc")
class PeriodicCrop(Select):
    """Results inside the signal, of those on its periodic grid."""

    samples: dict[str, Samples] = param(doc="First, one past the last, and step, per dim.")

    def indexers(self, *specs: ArraySpec) -> Mapping[str, Index]:
        """Return the slices."""
        return {dim: slice(*parts) for dim, parts in self.samples.items()}


def inside(start: int, size: int, stride: int, factor: int) -> Samples:
    """Return where the samples of a signal lie among those of its periodic grid, both sampled.

    Parameters
    ----------
    start : int
        Position in the signal of the first sample of the grid, a multiple of ``factor``.
    size, stride : int
        Samples of the signal, and the step of those wanted.
    factor : int
        Step of the sampled grid, a divisor of ``stride``.

    Examples
    --------
    >>> inside(-8, 20, 4, 2)
    (4, 13, 2)
    """
    first, count = -start // factor, -(-size // stride)
    return first, first + (count - 1) * (stride // factor) + 1, stride // factor
