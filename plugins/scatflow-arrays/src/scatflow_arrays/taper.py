"""Tapers: windows that bring a record smoothly to zero at its ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from scatflow.contract import Operator, Reference, Whole, operator, param
from scatflow.spec import ArraySpec, Cost
from scatflow_arrays.quantity import relabeled
from scatflow_arrays.segments import Span, spans_along

Array = Any


@operator(
    "taper",
    version=1,
    signature="(z?,y?,x)->(z?,y?,x)",
    dtypes="fc",
    differentiable=True,
    aliases=("window", "hann", "hanning", "tukey", "apodize"),
    references=(
        Reference(
            ("Harris, Fredric J.",),
            "On the use of windows for harmonic analysis with the discrete Fourier transform",
            1978,
            "Proc. IEEE",
            "66",
            number="1",
            pages="51--83",
            doi="10.1109/PROC.1978.10837",
        ),
    ),
    equation=r"z_n = x_n \prod_d w(t_d)",
)
class Taper(Whole):
    r"""Data times a Hann or Tukey window along the core dims.

    .. math::

        z_n = x_n \prod_d w(t_d), \qquad t = (n + 1/2) / N, \qquad
        w(t) = \sin^2(\pi t / \alpha) \text{ for } t < \alpha / 2, \quad 1 \text{ inside}

    and mirrored at the far end; alpha is 1 for Hann. The window is symmetric and has no zero sample. Remove the mean
    first (demean, detrend): a taper turns a mean into a low-frequency signal.

    Parameters
    ----------
    data : DataArray
        Float or complex.
    dims : tuple of str
        One to three core dims.
    kind : {"hann", "tukey"}
        The window.
    alpha : float
        Share of the record that the two ramps of the Tukey window take together, 0 < alpha <= 1.

    Returns
    -------
    DataArray
        Same labels, dtype and unit. ``taper_variance_factor`` in its attributes is the mean of the squared window:
        divide a variance or spectrum by it (3/8 for Hann in one dim). Each segment (coordinate ``segment``) is a record
        of its own; along a single core dim so is the span between leading and trailing NaN.

    Raises
    ------
    DimensionError
        A core dim does not exist or is not uniform.

    Examples
    --------
    >>> import numpy as np
    >>> Taper(dims="x").apply(np, np.ones(4)).round(3)
    array([0.146, 0.854, 0.854, 0.146])
    """

    kind: Literal["hann", "tukey"] = param("hann", "The window.")
    alpha: float = param(0.5, "Share of the record in the two ramps of the Tukey window.", gt=0, le=1)

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the segments of its axes."""
        (spec,) = specs
        core = spec.dims[-len(self.dims) :] if self.dims else spec.dims
        fields = {key: getattr(self, key) for key in Taper.model_fields}
        return _BoundTaper(**fields, spans=tuple(spans_along(spec, dim) for dim in core))

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the input's labels with the window and its variance factor."""
        (spec,) = specs
        factor = math.prod(
            float(np.mean(np.concatenate([self._window(np, _phase(np, stop - start)) for start, stop in spans]) ** 2))
            for spans in self._spans(spec.shape)
        )
        name = "hann" if self.kind == "hann" else f"tukey({self.alpha:g})"
        return relabeled(spec, "tapered {}", taper=name, taper_variance_factor=factor)

    def _spans(self, shape: tuple[int, ...]) -> tuple[tuple[Span, ...], ...]:
        """Return the segments of each core axis."""
        count = len(self.dims) if self.dims else len(shape)
        return tuple(((0, n),) for n in shape[-count:])

    def _window(self, xp: Any, phase: Array) -> Array:
        """Return the window at phases 0 < t < 1."""
        alpha = 1.0 if self.kind == "hann" else self.alpha
        edge = xp.where(phase < 0.5, phase, 1.0 - phase)
        ramp = xp.sin(edge * (math.pi / alpha))
        return xp.where(edge < alpha / 2, ramp * ramp, xp.ones_like(ramp))

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block."""
        (x,) = blocks
        spans = self._spans(x.shape)
        absent = bool(xp.any(xp.isnan(x))) if len(spans) == 1 else False
        real = xp.float32 if x.dtype in (xp.float32, xp.complex64) else xp.float64
        for axis, parts in enumerate(spans, start=x.ndim - len(spans)):
            phases = [_span_phase(xp, x[..., a:b]) if absent else _phase(xp, b - a, x.device) for a, b in parts]
            window = xp.astype(self._window(xp, xp.concat(phases, axis=-1)), real)
            x = x * (window if absent else xp.reshape(window, (-1, *(1,) * (x.ndim - 1 - axis))))
        return x

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a product per axis; one product beside the result, and windows of every item where some are shorter."""
        (spec,) = specs
        count = math.prod(spec.shape)
        return Cost(2.0 * count * len(self.dims or ("x",)), 2 * spec.nbytes)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the tapered cotangent."""
        return (self.apply(xp, cotangent),)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield both windows."""
        yield cls(dims=("x",))
        yield cls(dims=("y", "x"), kind="tukey", alpha=0.3)


class _BoundTaper(Taper):
    """The same with the segments of one input, which only the binding knows."""

    spans: tuple[tuple[Span, ...], ...]

    def _spans(self, shape: tuple[int, ...]) -> tuple[tuple[Span, ...], ...]:
        return self.spans


def _phase(xp: Any, n: int, device: Any = None) -> Array:
    """Return (k + 1/2) / n for the samples k of a record."""
    return (xp.arange(n, dtype=xp.float64, device=device) + 0.5) / n


def _span_phase(xp: Any, x: Array) -> Array:
    """Return the phase of every sample within its item's span of valid data; outside, where data are NaN, 1/2."""
    valid = xp.astype(~xp.isnan(x), xp.int8)
    n = x.shape[-1]
    first = xp.argmax(valid, axis=-1, keepdims=True)
    last = n - 1 - xp.argmax(xp.flip(valid, axis=-1), axis=-1, keepdims=True)
    index = xp.arange(n, dtype=xp.float64, device=x.device)
    phase = (index - xp.astype(first, xp.float64) + 0.5) / xp.astype(last - first + 1, xp.float64)
    return xp.where((phase > 0) & (phase < 1), phase, xp.ones_like(phase) / 2)
