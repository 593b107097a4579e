"""Which array library a block belongs to, where it lives, and how it gets from there to the host.

cupy is never imported to find out what a block is: a cupy array can exist only where cupy is loaded.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import array_api_compat
import numpy as np

from scatflow.arrays import fft as fft_registry
from scatflow.arrays.door import Array, Door
from scatflow.arrays.providers import CudaDoor
from scatflow.errors import DeviceError, DtypeError, ParameterError

_TO_REAL: Mapping[str, str] = MappingProxyType(
    {"complex64": "float32", "complex128": "float64", "float32": "float32", "float64": "float64"}
)
_TO_COMPLEX: Mapping[str, str] = MappingProxyType(
    {"float32": "complex64", "float64": "complex128", "complex64": "complex64", "complex128": "complex128"}
)


class Namespace:
    """An array-api-compat namespace whose ``fft`` is the FFT door.

    Everything else is looked up in the wrapped module, so ``xp.fft.rfftn`` is the chosen provider and
    ``xp.take`` the library's own.

    Attributes
    ----------
    fft : Door
        The transforms of the array API (but ``hfft``), and ``fftfreq``, ``rfftfreq``, ``fftshift``, ``ifftshift``.
    threads : int
        Threads that a kernel may use for independent parts; a single transform has one.
    """

    __slots__ = ("_library", "fft", "threads")

    def __init__(self, library: Any, fft: Door, threads: int = 1) -> None:
        self._library = library
        self.fft = fft
        self.threads = threads

    def __getattr__(self, name: str) -> Any:
        # Reached only for names that are not slots; a slot that is missing here is not yet set.
        if name in Namespace.__slots__:
            raise AttributeError(name)
        return getattr(self._library, name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(self._library), "fft", "threads"})

    def __repr__(self) -> str:
        return f"<namespace {self._library.__name__} with {self.fft!r}>"


# Namespaces made so far, by (library, provider, threads), so that `xp is xp` holds in one process.
_NAMESPACES: dict[tuple[str, str, int], Namespace] = {}


def namespace(*blocks: Any, fft: str | None = None, threads: int = 1) -> Namespace:
    """Return the array namespace of the blocks, with the FFT door in it.

    Parameters
    ----------
    *blocks : array or scalar
        numpy, cupy or array_api_strict arrays, all of one library. Scalars and None are ignored; without any
        array the answer is numpy's namespace.
    fft : str, optional
        FFT provider for numpy blocks, by default :func:`scatflow.arrays.fft.default_provider`. Blocks of
        other libraries use their library's own.
    threads : int, optional
        Threads for independent parts of a kernel on numpy blocks; other libraries always have one.

    Returns
    -------
    Namespace
        The same object for the same library, provider and threads.

    Raises
    ------
    ParameterError
        If a block is of another library, or the provider is unknown or missing.
    DeviceError
        If the blocks belong to different libraries.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.ones(8, np.float32)
    >>> xp = namespace(x, 2.0)
    >>> xp.fft.rfft(x).dtype
    dtype('complex64')
    """
    if fft is not None:
        fft_registry.check_name(fft)
    found = {_library(block) for block in blocks if not _is_scalar(block)}
    if len(found) > 1:
        raise DeviceError(
            "blocks",
            "must belong to one array library",
            got=" and ".join(sorted(found)),
            remedy="Move them to one device first, with scatflow.arrays.to_device.",
            code="DevicesMixed",
        )
    library = found.pop() if found else "numpy"
    chosen = (fft or fft_registry.default_provider()) if library == "numpy" else library
    key = (library, chosen, threads if library == "numpy" else 1)
    known = _NAMESPACES.get(key)
    if known is None:
        # setdefault keeps the first one when two threads arrive here together.
        known = _NAMESPACES.setdefault(key, _wrap(*key))
    return known


def _is_scalar(block: Any) -> bool:
    return block is None or isinstance(block, bool | int | float | complex | np.generic)


def _library(block: Any) -> str:
    if is_cupy(block):
        return "cupy"
    if array_api_compat.is_numpy_array(block):
        return "numpy"
    if _is_strict(block):
        return "array_api_strict"
    raise ParameterError(
        "block",
        "must be an array of a supported library",
        expected="numpy, cupy or array_api_strict",
        got=f"{type(block).__module__}.{type(block).__qualname__}",
    )


def _is_strict(block: Any) -> bool:
    return type(block).__module__.partition(".")[0] == "array_api_strict"


def _wrap(library: str, chosen: str, threads: int) -> Namespace:
    if library == "numpy":
        return Namespace(importlib.import_module("array_api_compat.numpy"), fft_registry.provider(chosen), threads)
    if library == "cupy":
        return Namespace(importlib.import_module("array_api_compat.cupy"), CudaDoor(sys.modules["cupy"]))
    strict = importlib.import_module("array_api_strict")
    return Namespace(strict, strict.fft)


def is_numpy(xp: Any) -> bool:
    """Tell whether a namespace is numpy's, so that kernels compiled for the host can take its arrays.

    Parameters
    ----------
    xp : Namespace or module

    Returns
    -------
    bool

    Examples
    --------
    >>> is_numpy(namespace(2.0))
    True
    """
    library = xp._library if isinstance(xp, Namespace) else xp
    return array_api_compat.is_numpy_namespace(library)


def is_cupy(block: Any) -> bool:
    """Tell whether a block is a cupy array, without importing cupy.

    Parameters
    ----------
    block : object

    Returns
    -------
    bool

    Examples
    --------
    >>> is_cupy([1.0])
    False
    """
    # getattr: while cupy is being imported by another thread its module is there and still empty.
    kind = getattr(sys.modules.get("cupy"), "ndarray", None)
    return kind is not None and isinstance(block, kind)


def device_of(block: Any) -> str:
    """Return where a block lives.

    Parameters
    ----------
    block : array or scalar

    Returns
    -------
    str
        ``"cpu"`` or ``"gpu"``; for an array_api_strict array on one of its fake devices that device's name.

    Raises
    ------
    ParameterError
        If the block is of an unsupported library.

    Examples
    --------
    >>> import numpy as np
    >>> device_of(np.ones(3))
    'cpu'
    """
    if _is_scalar(block):
        return "cpu"
    library = _library(block)
    if library == "cupy":
        return "gpu"
    if library == "numpy":
        return "cpu"
    # The name is shown as Device('device1') and not offered otherwise.
    name = str(block.device).split("'")[1]
    return "cpu" if name == "CPU_DEVICE" else name


def to_device(block: Array, device: str) -> Array:
    """Return the block on a device, itself when it is there already.

    Parameters
    ----------
    block : array
        numpy, cupy or array_api_strict.
    device : {"cpu", "gpu"}
        Where it shall be: ``"cpu"`` gives a numpy array for a cupy one, ``"gpu"`` the reverse, on the current
        cupy device. An array_api_strict array moves between ``"cpu"`` and that library's fake devices.

    Returns
    -------
    array

    Raises
    ------
    DeviceError
        If the device is not there; the message names the ones that are.
    ParameterError
        If the block is of an unsupported library.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.ones(3)
    >>> to_device(x, "cpu") is x
    True
    """
    if device_of(block) == device:
        return block
    library = "numpy" if _is_scalar(block) else _library(block)
    if library == "array_api_strict":
        return _to_strict_device(block, device)
    if device == "cpu":
        return asnumpy(block)
    if device == "gpu":
        return _loaded_cupy().asarray(block)
    raise _no_device(device, "is not one of the devices", "cpu, gpu")


def _to_strict_device(block: Array, device: str) -> Array:
    strict = importlib.import_module("array_api_strict")
    try:
        target = strict.Device("CPU_DEVICE" if device == "cpu" else device)
    except ValueError as error:
        names = [str(known).split("'")[1] for known in strict.__array_namespace_info__().devices()]
        raise _no_device(device, "is not a device of array_api_strict", ", ".join(names)) from error
    return array_api_compat.to_device(block, target)


def _loaded_cupy() -> Any:
    """Return cupy with at least one device behind it, or say what is missing."""
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        raise _no_device(
            "gpu",
            f"needs cupy, which cannot be imported ({error})",
            "cpu",
            "Install it with: pip install 'scatflow[gpu]', or choose the device 'cpu'.",
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise _no_device("gpu", f"cannot be reached ({error})", "cpu") from error
    if not count:
        raise _no_device("gpu", "is not there: cupy sees no device", "cpu")
    return cupy


def _no_device(asked: str, rule: str, present: str, remedy: str | None = None) -> DeviceError:
    return DeviceError(f"device {asked!r}", rule, expected=f"one of those present: {present}", got=asked, remedy=remedy)


def asnumpy(block: Any) -> Array:
    """Return a block as a numpy array on the host: itself if it is one, a copy from any other device.

    Parameters
    ----------
    block : array or scalar

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    ParameterError
        If the block is of an unsupported library; a lazy array is never computed on the quiet.

    Examples
    --------
    >>> asnumpy(2.0).shape
    ()
    """
    if _is_scalar(block):
        return np.asarray(block)
    library = _library(block)
    if library == "cupy":
        return sys.modules["cupy"].asnumpy(block)
    if library == "array_api_strict":
        return np.asarray(_to_strict_device(block, "cpu"))
    return block


def real_dtype(dtype_name: str) -> str:
    """Return the real dtype of the same precision.

    Parameters
    ----------
    dtype_name : str
        ``"float32"``, ``"float64"``, ``"complex64"`` or ``"complex128"``.

    Returns
    -------
    str

    Raises
    ------
    DtypeError
        If it is any other dtype.

    Examples
    --------
    >>> real_dtype("complex64")
    'float32'
    """
    return _mapped(_TO_REAL, dtype_name)


def complex_dtype(dtype_name: str) -> str:
    """Return the complex dtype of the same precision.

    Parameters
    ----------
    dtype_name : str
        ``"float32"``, ``"float64"``, ``"complex64"`` or ``"complex128"``.

    Returns
    -------
    str

    Raises
    ------
    DtypeError
        If it is any other dtype.

    Examples
    --------
    >>> complex_dtype("float32")
    'complex64'
    """
    return _mapped(_TO_COMPLEX, dtype_name)


def _mapped(table: Mapping[str, str], dtype_name: str) -> str:
    if dtype_name not in table:
        raise DtypeError(
            "dtype",
            "must be a floating-point type of single or double precision",
            expected=" | ".join(table),
            got=repr(dtype_name),
            remedy="Cast the data first, for example with .astype('float32').",
        )
    return table[dtype_name]
