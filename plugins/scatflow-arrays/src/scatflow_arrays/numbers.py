"""Real and complex numbers: conjugates, cotangents of the right kind, dtypes and sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def conjugate(xp: Any, value: Any) -> Any:
    """Return the complex conjugate; real arrays and numbers are their own."""
    return xp.conj(value) if hasattr(value, "dtype") and xp.isdtype(value.dtype, "complex floating") else value


def cotangent_of(xp: Any, cotangent: Array, block: Any) -> Any:
    """Return a cotangent in the shape and kind of ``block``: broadcast axes summed, real where it is real.

    Numbers have no cotangent: None.
    """
    if not hasattr(block, "shape"):
        return None
    axes = tuple(i for i, (have, want) in enumerate(zip(cotangent.shape, block.shape, strict=True)) if have != want)
    if axes:
        cotangent = xp.sum(cotangent, axis=axes, keepdims=True)
    is_complex = xp.isdtype(cotangent.dtype, "complex floating")
    return xp.real(cotangent) if is_complex and not xp.isdtype(block.dtype, "complex floating") else cotangent


def double(dtype: str) -> int:
    """Return the bytes of a number in double precision, real or complex as ``dtype`` is."""
    return 16 if dtype.startswith("complex") else 8


def real_of(dtype: str) -> str:
    """Return the name of the real dtype of the same precision.

    Examples
    --------
    >>> real_of("complex64"), real_of("float64")
    ('float32', 'float64')
    """
    return np.empty(0, dtype).real.dtype.name


def finite_or_zero(xp: Any, slope: Array) -> Array:
    """Return the slope with 0 where there is no derivative, as the contract asks."""
    return xp.where(xp.isfinite(slope), slope, xp.zeros_like(slope))
