"""What operators along whole axes need to know about segments (U1) and axes by sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scatflow.labels import axis_of
from scatflow.spec import ArraySpec

Span = tuple[int, int]


def spans_along(spec: ArraySpec, dim: str) -> tuple[Span, ...]:
    """Return the half-open index ranges of the segments along ``dim``; one range where there are none.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.spec import Coord
    >>> days = {"segment": Coord(("time",), np.array([7, 7, 8, 8, 8]))}
    >>> spans_along(ArraySpec(("time",), (5,), "float32", coords=days), "time")
    ((0, 2), (2, 5))
    """
    return axis_of(spec, dim, {dim: "index"}).spans()


def by_sample(values: Any, default: tuple[str, ...] | None = None) -> Any:
    """Return parameters with every core dim declared by sample, unless the caller said otherwise.

    For operators to which the spacing of the samples means nothing, so that text labels (components) and uneven ones
    (trading days) are as good as any.

    Examples
    --------
    >>> by_sample({"dims": "component"})
    {'dims': 'component', 'sampling': {'component': 'index'}}
    """
    if not isinstance(values, Mapping) or values.get("sampling") is not None:
        return values
    dims = values.get("dims", default)
    named = (dims,) if isinstance(dims, str) else dims
    return {**values, "sampling": dict.fromkeys(named, "index")} if isinstance(named, (tuple, list)) and named else values
