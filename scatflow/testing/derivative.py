"""Block derivatives against what they must be: the adjoint of a linear kernel, central differences of any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scatflow.arrays import asnumpy
from scatflow.errors import ParameterError
from scatflow.testing.block import Block

#: Relative step of central differences in float64: near the cube root of the rounding error.
STEP = 1e-5


def adjoint_error(block: Block, seed: int = 0) -> float:
    """Return how far ``vjp`` of a linear kernel is from its adjoint.

    ``|Re<A x, c> - Re<x, A* c>| / (|A x| |c|)`` for random x and c: the dot test, with A the kernel on the whole
    extended block, so that no error can hide in what is trimmed.

    Parameters
    ----------
    block : Block
        A block of an operator that declares ``linear``.
    seed : int
        Seed of x and c.

    Returns
    -------
    float
        Of the order of the precision of the block's dtype when ``vjp`` is right.

    Raises
    ------
    ParameterError
        The operator does not declare itself linear.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> import scatflow as sf
    >>> from scatflow.testing import adjoint_error, block
    >>> x = xr.DataArray(np.zeros(32), dims="t")
    >>> adjoint_error(block(sf.ops.wavelet.operator(dims="t", J=2), x)) < 1e-12
    True
    """
    if not block.operator.linear:
        raise ParameterError(f"operator {block.operator.name}", "the dot test is for linear operators", expected="linear=True",
                             remedy="Use derivative_error.")  # fmt: skip
    left, right, scale = _both_sides(block, seed)
    return abs(left - right) / scale


def adjoint_factor(block: Block, seed: int = 0) -> float:
    """Return ``Re<x, A* c> / Re<A x, c>``: 1 where ``vjp`` is the adjoint, the same for every seed where it is a multiple of that."""
    left, right, _ = _both_sides(block, seed)
    return right / left if left else float("nan")


def _both_sides(block: Block, seed: int) -> tuple[float, float, float]:
    """Return ``Re<A x, c>``, ``Re<x, A* c>`` and ``|A x| |c|`` for random x and c."""
    rng = np.random.default_rng(seed)
    inputs = tuple(_random(rng, array) for array in block.arrays)
    moved = block.replaced(_like(block, values, array) for values, array in zip(inputs, block.arrays, strict=True))
    results = moved.apply()
    cotangent = {name: _random(rng, array) for name, array in results.items()}
    pulled = _arrays(moved.vjp(_cotangent(block, cotangent, results)))
    left = _dot(cotangent, results)
    right = sum(inner(values, asnumpy(array)) for values, array in zip(inputs, pulled, strict=True))
    return left, right, norm(cotangent.values()) * norm(asnumpy(array) for array in results.values())


def derivative_error(block: Block, seed: int = 0, step: float = STEP) -> float:
    """Return how far ``vjp`` is from central differences of the kernel along a random direction.

    ``|Re<J v, c> - Re<v, J* c>| / (|J v| |c|)`` with J v from two evaluations in float64 at ``x +- h v``.

    Parameters
    ----------
    block : Block
        A block in float64 or complex128, away from points without a derivative.
    seed : int
        Seed of v and c.
    step : float
        Step h relative to the block's norm.

    Returns
    -------
    float
        About 1e-8 when ``vjp`` is right and the kernel is smooth near the block.

    Raises
    ------
    ParameterError
        The block is in single precision, where differences show nothing.
    """
    if any(str(array.dtype).endswith(("float32", "complex64")) for array in block.arrays):
        raise ParameterError("block", "differences need double precision", expected="float64 or complex128",
                             got=[str(array.dtype) for array in block.arrays])  # fmt: skip
    rng = np.random.default_rng((seed, 20))  # a stream of its own: a direction along the block would test its scale alone
    directions = tuple(_random(rng, array) for array in block.arrays)
    values = tuple(asnumpy(array) for array in block.arrays)
    length = step * max(1.0, norm(values)) / norm(directions)

    def at(sign: int) -> Mapping[str, np.ndarray]:
        moved = (v + sign * length * d for v, d in zip(values, directions, strict=True))
        results = block.replaced(_like(block, m, array) for m, array in zip(moved, block.arrays, strict=True)).apply()
        return {name: asnumpy(array) for name, array in results.items()}

    after, before = at(1), at(-1)
    slope = {name: (after[name] - before[name]) / (2 * length) for name in after}
    cotangent = {name: _random(rng, array) for name, array in slope.items()}
    pulled = block.vjp(_cotangent(block, cotangent, block.apply()))
    right = sum(inner(d, asnumpy(array)) for d, array in zip(directions, _arrays(pulled), strict=True))
    return abs(_dot(cotangent, slope) - right) / (norm(cotangent.values()) * norm(slope.values()))


def _arrays(pulled: Iterable[Any]) -> tuple[Any, ...]:
    """Return the cotangents that there are: numbers among the inputs have none."""
    return tuple(array for array in pulled if array is not None)


def _random(rng: np.random.Generator, array: Any) -> np.ndarray:
    shape, dtype = tuple(array.shape), str(array.dtype).rpartition(".")[2]
    values = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        return (values + 1j * rng.standard_normal(shape)).astype(dtype)
    return values.astype(dtype)


def _like(block: Block, values: np.ndarray, array: Any) -> Any:
    return block.xp.asarray(values, dtype=array.dtype, device=array.device)


def _cotangent(block: Block, cotangent: Mapping[str, np.ndarray], results: Mapping[str, Any]) -> Any:
    moved = {name: _like(block, values, results[name]) for name, values in cotangent.items()}
    return moved if len(moved) > 1 else next(iter(moved.values()))


def inner(a: np.ndarray, b: np.ndarray) -> float:
    """Return Re sum conj(a) b, summed in double precision."""
    wide = np.complex128 if np.iscomplexobj(a) or np.iscomplexobj(b) else np.float64
    return float(np.vdot(a.astype(wide), b.astype(wide)).real)


def _dot(a: Mapping[str, np.ndarray], b: Mapping[str, Any]) -> float:
    return sum(inner(values, asnumpy(b[name])) for name, values in a.items())


def norm(arrays: Any) -> float:
    """Return the norm of all arrays together."""
    return float(np.sqrt(sum(inner(array, array) for array in arrays)))
