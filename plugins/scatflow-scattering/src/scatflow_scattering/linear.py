"""A linear operator on whole periodic arrays with its adjoint, for norms of operators by power iteration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from scatflow.arrays import namespace
from scatflow.contract import Operator, Window
from scatflow.errors import ParameterError
from scatflow.labels import axis_of, spec_of
from scatflow.spec import ArraySpec, Place

Array = Any


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear window bound to whole periodic axes, where it needs no extension.

    Attributes
    ----------
    operator : Window
        Bound to labels.
    at : Place
        The whole axes.
    """

    operator: Window
    at: Place

    @classmethod
    def of(cls, operator: Operator, like: xr.DataArray, dims: tuple[str, ...]) -> Linear:
        """Bind an operator to signals of this shape and spacing.

        Raises
        ------
        ParameterError
            The operator is not a linear window with a derivative, or cannot do without extension on these axes.
        """
        if not (isinstance(operator, Window) and operator.linear and operator.differentiable):
            raise ParameterError(
                operator.name, "a linear window with a derivative is needed", expected="such as wavelet", got=operator.name
            )
        spec = spec_of(like.transpose(..., *dims).astype("float64"))
        ready = operator.replace(dims=dims).resolve(spec)
        assert isinstance(ready, Window)
        axes = [axis_of(spec, dim, ready.sampling) for dim in dims]
        roles = ready.signature.bind(len(dims))
        sizes = {role: axis.size for role, axis in zip(roles, axes, strict=True)}
        core = {role: (0, n) for role, n in sizes.items()}
        steps, units = ({role: getattr(axis, key) for role, axis in zip(roles, axes, strict=True)} for key in ("step", "unit"))
        place = Place(dict.fromkeys(roles, 0), sizes, core, sizes, steps, units, dict.fromkeys(roles, True), span=core)
        grid = ready.align()
        if any(max(ready.margins(place)[role]) or sizes[role] % grid.get(role, 1) for role in roles):
            raise ParameterError(f"{operator.name} signals", "have to be periodic as they stand", got=tuple(sizes.values()),
                                 expected=f"lengths that are multiples of {max(grid.values(), default=1)}")  # fmt: skip
        return cls(ready, place)

    def __call__(self, x: Array) -> Array:
        """Return the result for an array (..., *core) in double precision."""
        return self.operator.apply(namespace(x), x, **self._keywords)

    def adjoint(self, y: Array, like: Array) -> Array:
        """Return the adjoint applied to an array shaped like a result for ``like``."""
        (pulled,) = self.operator.vjp(namespace(like), y, like, **self._keywords)
        return pulled

    @cached_property
    def _keywords(self) -> dict[str, Any]:
        block = ArraySpec(tuple(self.at.size), tuple(self.at.size.values()), "float64")
        place = {"at": self.at}
        wants = type(self.operator).wants_place
        prepared = self.operator.prepare(namespace(np.zeros(0)), block, None, **(place if wants("prepare") else {}))
        return {**(place if wants("apply") else {}), **prepared}


def commutator_norm(first: Linear, second: Linear, core: tuple[int, ...], iterations: int, seed: int) -> float:
    """Return the norm of ``A = F D - D F`` by power iteration on ``A* A``.

    Signals live in the middle of their axes, as deformations need not be periodic, and below half the Nyquist frequency,
    as filters may end abruptly at it.

    Parameters
    ----------
    first, second : Linear
        F, which may add axes before the core, and D.
    core : tuple of int
        Lengths of the core axes.
    iterations : int
        Steps.
    seed : int
        Of the first signal.

    Returns
    -------
    float
        A lower bound that grows with the iterations.
    """
    middle = _middle(core)
    axes = tuple(range(len(core)))
    highest = np.max(np.abs(np.meshgrid(*(np.fft.fftfreq(n) for n in core), indexing="ij")), axis=0)
    slow = _fall((highest - 1 / 8) * 8)  # smooth as well: tails of a sharp one reach the seam

    def smooth(values: Array) -> Array:
        return np.fft.ifftn(np.fft.fftn(values, axes=axes) * slow, axes=axes).real

    x = np.random.default_rng(seed).standard_normal(core)
    found = 0.0
    for _ in range(iterations):
        x = x / np.linalg.norm(x)
        start = smooth(x * middle)
        moved, transformed = second(start), first(start)
        difference = first(moved) - second(transformed)
        found = float(np.linalg.norm(difference))
        back = second.adjoint(first.adjoint(difference, moved), start) - first.adjoint(
            second.adjoint(difference, transformed), start
        )
        x = smooth(np.real(back)) * middle
        if not np.linalg.norm(x):
            break
    return found


def _middle(core: tuple[int, ...]) -> np.ndarray:
    """Return a smooth window: 1 in the middle quarter of every axis, 0 in the outer ones, far from the seam of the period."""
    out = np.ones(())
    for n in core:
        away = np.abs(np.arange(n) - (n - 1) / 2) / n
        out = np.multiply.outer(out, _fall(8 * away - 1))
    return out


def _fall(t: np.ndarray) -> np.ndarray:
    """Return a smooth step from 1 at 0 and before to 0 at 1 and behind."""
    return np.asarray(np.cos(np.pi / 2 * np.clip(t, 0, 1)) ** 2)
