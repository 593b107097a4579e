"""The FFTW door (pyfftw, BSD, around FFTW, GPL), with plans that are a function of the problem alone.

FFTW chooses its algorithm when it plans. Measured plans differ from run to run, and so do the last bits of
their results; therefore plans are estimated only, without the wisdom that other code in the process may
have gathered, and always for one fixed memory alignment.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from scatflow.arrays.door import Array, Door, Norm, factor

# FFTW tells arrays apart by their address modulo 16, whatever the vector unit.
_ALIGNMENT = 16
_PLANS_KEPT = 256
_REAL = {"F": "f", "D": "d"}
_COMPLEX = {"f": "F", "d": "D"}

Plan: TypeAlias = tuple[Any, tuple[Array, Array]]


class FftwDoor(Door):
    """FFTW with estimated plans.

    A plan serves one thread at a time. Idle plans, at most 256, the last used, wait in a pool; they hold no
    data. Everything that touches FFTW's planner (making, dropping, wisdom) happens under one lock, since
    nothing but execution is safe to do in two threads at once.
    """

    name = "pyfftw"
    _planner = threading.Lock()

    def __init__(self, threads: int = 1) -> None:
        super().__init__(np, threads)
        self._lib = importlib.import_module("pyfftw")
        # An MKL that has already run a transform owns the names of FFTW's functions in this process; pyfftw
        # loaded after it would call MKL without knowing, plans and bytes with it. MKL has no wisdom.
        if not self._lib.export_wisdom()[0].startswith(b"(fftw-"):
            raise ImportError(
                "pyfftw was loaded after an MKL library, which now answers in FFTW's place; "
                "load pyfftw first, or use only one of the two"
            )
        self._idle: OrderedDict[Any, list[Plan]] = OrderedDict()
        version = self._lib.fftw_version.removeprefix("fftw-")
        self.signature = f"pyfftw {self._lib.__version__} (FFTW {version})"

    def _c2c(self, x: Array, axes: tuple[int, ...], norm: Norm, forward: bool) -> Array:
        out = self._empty(x.shape, x.dtype.char)
        self._execute(self._aligned(x), out, axes, forward)
        return _scaled(out, factor([x.shape[axis] for axis in axes], norm, forward))

    def _r2c(self, x: Array, axes: tuple[int, ...], norm: Norm) -> Array:
        out = self._empty(_resized(x, axes[-1], x.shape[axes[-1]] // 2 + 1), _COMPLEX[x.dtype.char])
        self._execute(self._aligned(x), out, axes, forward=True)
        return _scaled(out, factor([x.shape[axis] for axis in axes], norm, forward=True))

    def _c2r(self, x: Array, lengths: tuple[int, ...], axes: tuple[int, ...], norm: Norm) -> Array:
        out = self._empty(_resized(x, axes[-1], lengths[-1]), _REAL[x.dtype.char])
        # FFTW destroys the input of a complex-to-real transform.
        self._execute(self._copy(x), out, axes, forward=False)
        return _scaled(out, factor(lengths, norm, forward=False))

    def _empty(self, shape: tuple[int, ...], char: str) -> Array:
        return self._lib.empty_aligned(shape, dtype=char, n=_ALIGNMENT)

    def _copy(self, x: Array) -> Array:
        copy = self._empty(x.shape, x.dtype.char)
        copy[...] = x
        return copy

    def _aligned(self, x: Array) -> Array:
        return x if x.flags.c_contiguous and x.ctypes.data % _ALIGNMENT == 0 else self._copy(x)

    def _execute(self, x: Array, out: Array, axes: tuple[int, ...], forward: bool) -> None:
        with self._borrowed(x, out, axes, forward) as (plan, hollow):
            plan.update_arrays(x, out)
            try:
                plan.execute()
            finally:
                plan.update_arrays(*hollow)

    @contextlib.contextmanager
    def _borrowed(self, x: Array, out: Array, axes: tuple[int, ...], forward: bool) -> Iterator[Plan]:
        """Lend a plan for arrays of this form to the calling thread."""
        # Strides belong to the key: along an axis of length 1 a contiguous array may have any.
        key = (x.shape, x.strides, out.shape, out.strides, x.dtype.char, axes, forward)
        with self._planner:
            waiting = self._idle.get(key)
            plan = waiting.pop() if waiting else self._make(x, out, axes, forward)
        try:
            yield plan
        finally:
            with self._planner:
                self._idle.setdefault(key, []).append(plan)
                self._idle.move_to_end(key)
                del plan
                while sum(map(len, self._idle.values())) > _PLANS_KEPT:
                    self._idle.popitem(last=False)

    def _make(self, x: Array, out: Array, axes: tuple[int, ...], forward: bool) -> Plan:
        # A plan keeps the arrays it last saw alive; the hollow ones have the right form and occupy nothing.
        hollow = (self._hollow(x), self._hollow(out))
        direction = "FFTW_FORWARD" if forward else "FFTW_BACKWARD"
        with self._without_wisdom():
            plan = self._lib.FFTW(*hollow, axes=axes, direction=direction, flags=("FFTW_ESTIMATE",), threads=self.threads)
        return plan, hollow

    def _hollow(self, like: Array) -> Array:
        """Return an array with the form of ``like`` and no memory behind it, never to be read.

        Estimated planning looks at addresses only. The two arrays of a plan must lie at different addresses
        (or FFTW plans in place), aligned to 16 bytes and no better (or pyfftw insists on better ever after).
        """
        buffer = self._lib.empty_aligned(64, dtype="u1", n=64)
        first = buffer[_ALIGNMENT : _ALIGNMENT + like.itemsize].view(like.dtype)
        return as_strided(first, like.shape, like.strides)

    @contextlib.contextmanager
    def _without_wisdom(self) -> Iterator[None]:
        wisdom = self._lib.export_wisdom()
        self._lib.forget_wisdom()
        try:
            yield
        finally:
            self._lib.forget_wisdom()
            self._lib.import_wisdom(wisdom)


def _resized(x: Array, axis: int, size: int) -> tuple[int, ...]:
    return tuple(size if place == axis else length for place, length in enumerate(x.shape))


def _scaled(out: Array, scale: float) -> Array:
    if scale != 1.0:
        out *= scale
    return out
