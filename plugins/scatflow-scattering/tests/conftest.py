"""Evaluate Window operators on plain arrays without the engine: extension, kernel, trimming, in plain sight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from scatflow.arrays import asnumpy, extend, fast_length, namespace
from scatflow.spec import ArraySpec, Place


@dataclass(frozen=True)
class Block:
    """An extended block, where it lies, and the constants the operator prepared for it."""

    xp: Any
    data: Any
    at: Place
    constants: dict[str, Any]


class Bench:
    """Binds an operator to a plain array whose last axes are the core."""

    def block(self, operator: Any, data: Any, rule: str = "reflect") -> Block:
        ndim = len(operator.dims)
        at = self._place(operator, tuple(data.shape[-ndim:]), rule == "periodic")
        xp = namespace(data)
        widths = [(-at.start[role], at.stop[role] - at.size[role]) for role in at.size]
        block = extend(xp, data, widths, [rule] * ndim)
        spec = ArraySpec(tuple(at.size), tuple(block.shape[-ndim:]), str(data.dtype).rpartition(".")[2])
        return Block(xp, block, at, operator.prepare(xp, spec, block.device))

    def __call__(self, operator: Any, data: Any, rule: str = "reflect") -> Any:
        block = self.block(operator, data, rule)
        out = operator.apply(block.xp, block.data, at=block.at, **block.constants)
        return self._trim(operator, out, block.at)

    def holds(self, operator: Any, data: np.ndarray, expected: np.ndarray) -> None:
        """Assert that the kernel gives an untrimmed result: to 1e-10 of its largest value in double precision, 1e-5 in single."""
        for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-5)):
            block = self.block(operator, data.astype(dtype))
            got = operator.apply(block.xp, block.data, at=block.at, **block.constants)
            assert got.shape == expected.shape and got.dtype == dtype
            np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * np.abs(expected).max())

    @staticmethod
    def _place(operator: Any, sizes: tuple[int, ...], periodic: bool) -> Place:
        size = dict(zip(operator.signature.bind(len(sizes)), sizes, strict=True))
        core = {role: (0, n) for role, n in size.items()}
        whole = Place(dict.fromkeys(size, 0), size, core, size, periodic=dict.fromkeys(size, periodic))
        start, stop = {}, {}
        for role, (before, after) in operator.margins(whole).items():
            grid = operator.align()[role]
            start[role] = -(-before // grid) * -grid
            exact = before == after == 0 and size[role] % grid == 0
            padded = start[role] + fast_length(size[role] + after - start[role], multiple=grid)
            stop[role] = size[role] if exact else padded
        return Place(start, stop, core, size, periodic=whole.periodic)

    @staticmethod
    def _trim(operator: Any, out: Any, at: Place) -> np.ndarray:
        if operator.T == "global":
            return asnumpy(out)
        stride = 2**operator.J if operator.stride is None else operator.stride
        trimmed = asnumpy(out)
        for axis, role in enumerate(at.size, trimmed.ndim - len(at.size)):
            first = -(at.samples(role, stride).start // stride)
            trimmed = np.take(trimmed, np.arange(first, first - (-at.size[role] // stride)), axis=axis)
        return trimmed


@pytest.fixture(scope="session")
def bench() -> Bench:
    return Bench()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240607)
