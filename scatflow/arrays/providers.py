"""The libraries behind the FFT door, one class each; a library is imported when its door is made.

Every class keeps to one rule: the bytes of a result depend on the values, the shape and the axes of the
input alone, never on where the array lies in memory, on what the process did before, or on threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scatflow.arrays.door import Array, Door, Norm

_CUFFT_PLAN_BYTES = 1 << 30


class ScipyDoor(Door):
    """scipy.fft (pocketfft, BSD): always there."""

    name = "scipy"

    def __init__(self, threads: int = 1) -> None:
        super().__init__(np, threads)
        self._lib = importlib.import_module("scipy.fft")
        self.signature = f"scipy {importlib.import_module('scipy').__version__}"

    def _own(self) -> Any:
        # scipy.fft obeys a global backend that anyone in the process may have set; bytes must not.
        return self._lib.set_backend("scipy", only=True)

    def _c2c(self, x: Array, axes: tuple[int, ...], norm: Norm, forward: bool) -> Array:
        with self._own():
            transform = self._lib.fftn if forward else self._lib.ifftn
            return transform(x, axes=axes, norm=norm, workers=self.threads)

    def ifftn_reusing(self, x: Array, /, *, axes: Sequence[int]) -> Array:
        """Invert :meth:`fftn` in place."""
        if x.size == 0 or x.dtype.char not in "FD":
            return super().ifftn_reusing(x, axes=axes)
        with self._own():
            return self._lib.ifftn(x, axes=tuple(axes), overwrite_x=True, workers=self.threads)

    def _r2c(self, x: Array, axes: tuple[int, ...], norm: Norm) -> Array:
        with self._own():
            return self._lib.rfftn(x, axes=axes, norm=norm, workers=self.threads)

    def _c2r(self, x: Array, lengths: tuple[int, ...], axes: tuple[int, ...], norm: Norm) -> Array:
        with self._own():
            return self._lib.irfftn(x, s=lengths, axes=axes, norm=norm, workers=self.threads)


class DuccDoor(Door):
    """ducc0.fft (the successor of pocketfft, GPL)."""

    name = "ducc0"

    def __init__(self, threads: int = 1) -> None:
        super().__init__(np, threads)
        self._lib = importlib.import_module("ducc0").fft
        self.signature = f"ducc0 {importlib.import_module('ducc0').__version__}"

    @staticmethod
    def _scale(norm: Norm, forward: bool) -> int:
        # ducc0 counts powers of 1 / sqrt(N).
        if norm == "ortho":
            return 1
        return 2 if (norm == "forward") is forward else 0

    def _c2c(self, x: Array, axes: tuple[int, ...], norm: Norm, forward: bool) -> Array:
        scale = self._scale(norm, forward)
        return self._lib.c2c(x, axes=axes, forward=forward, inorm=scale, nthreads=self.threads)

    def _r2c(self, x: Array, axes: tuple[int, ...], norm: Norm) -> Array:
        return self._lib.r2c(x, axes=axes, inorm=self._scale(norm, True), nthreads=self.threads)

    def _c2r(self, x: Array, lengths: tuple[int, ...], axes: tuple[int, ...], norm: Norm) -> Array:
        scale = self._scale(norm, False)
        return self._lib.c2r(x, axes=axes, lastsize=lengths[-1], forward=False, inorm=scale, nthreads=self.threads)


class MklDoor(Door):
    """mkl_fft (a BSD wrapper around Intel's proprietary MKL)."""

    name = "mkl_fft"

    def __init__(self, threads: int = 1) -> None:
        super().__init__(np, threads)
        self._lib = importlib.import_module("mkl_fft")
        # The wrapper cannot set threads. Looking a symbol up in the extension finds it in the MKL that the
        # extension itself is linked with, which no search for a file name could promise.
        mkl = ctypes.CDLL(str(importlib.import_module("mkl_fft._pydfti").__file__))
        try:
            self._set_threads = mkl.MKL_Set_Num_Threads_Local
            text = ctypes.create_string_buffer(256)
            mkl.MKL_Get_Version_String(text, len(text))
        except AttributeError as error:
            raise ImportError(f"the threads of this MKL cannot be set: {error}") from error
        found = re.search(r"Version (\d[\d.]*)", text.value.decode())
        self.signature = f"mkl_fft {self._lib.__version__} (MKL {found[1] if found else 'unknown'})"

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        before = self._set_threads(self.threads)
        try:
            yield
        finally:
            self._set_threads(before)

    def _c2c(self, x: Array, axes: tuple[int, ...], norm: Norm, forward: bool) -> Array:
        # mkl_fft scales by the whole array's size unless the lengths are spelt out.
        lengths = tuple(x.shape[axis] for axis in axes)
        with self._limited():
            transform = self._lib.fftn if forward else self._lib.ifftn
            return transform(x, s=lengths, axes=axes, norm=norm)

    def _r2c(self, x: Array, axes: tuple[int, ...], norm: Norm) -> Array:
        lengths = tuple(x.shape[axis] for axis in axes)
        with self._limited():
            return self._lib.rfftn(x, s=lengths, axes=axes, norm=norm)

    def _c2r(self, x: Array, lengths: tuple[int, ...], axes: tuple[int, ...], norm: Norm) -> Array:
        with self._limited():
            return self._lib.irfftn(x, s=lengths, axes=axes, norm=norm)


class CudaDoor(Door):
    """cuFFT through cupy.fft, with its plan cache bounded in bytes.

    cuFFT keeps a plan cache per thread and device that has no byte limit by default, so device memory
    would climb with every new block shape. The first call of a thread on a device bounds it to 1 GiB.

    Parameters
    ----------
    cupy : module
        The loaded cupy.
    """

    name = "cupy"

    def __init__(self, cupy: Any) -> None:
        super().__init__(cupy)
        self._lib = cupy.fft
        self._bounded = threading.local()
        self.signature = f"cupy {cupy.__version__}"

    def _bound(self) -> None:
        device = self._xp.cuda.Device().id
        seen: set[int] = self._bounded.__dict__.setdefault("devices", set())
        if device not in seen:
            self._lib.config.get_plan_cache().set_memsize(_CUFFT_PLAN_BYTES)
            seen.add(device)

    def _c2c(self, x: Array, axes: tuple[int, ...], norm: Norm, forward: bool) -> Array:
        self._bound()
        return (self._lib.fftn if forward else self._lib.ifftn)(x, axes=axes, norm=norm)

    def _r2c(self, x: Array, axes: tuple[int, ...], norm: Norm) -> Array:
        self._bound()
        return self._lib.rfftn(x, axes=axes, norm=norm)

    def _c2r(self, x: Array, lengths: tuple[int, ...], axes: tuple[int, ...], norm: Norm) -> Array:
        self._bound()
        return self._lib.irfftn(x, s=lengths, axes=axes, norm=norm)
