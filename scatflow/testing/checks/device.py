"""Group *device*: the same kernels on the strict array namespace and on a GPU, without a detour over the host."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from scatflow.arrays import asnumpy, is_cupy, namespace, to_device
from scatflow.blocks import evaluate, finalize, partial
from scatflow.contract import Reduce
from scatflow.errors import DeviceError
from scatflow.testing.block import Block, block
from scatflow.testing.case import Case
from scatflow.testing.check import Check, Failure, NotRun, check, told
from scatflow.testing.checks.adjoint import differentiable
from scatflow.testing.checks.lazy import has_kernel
from scatflow.testing.compare import ROUNDING, SINGLE, compare_values

#: Largest relative rms difference between libraries, by precision: their transforms round differently.
LIBRARIES = {"double": 100 * ROUNDING, "single": SINGLE}


def evaluated(case: Case, move: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    """Return the results by name on blocks that ``move`` brought elsewhere."""
    blocks = [move(item.values) if isinstance(item, xr.DataArray) else item for item in case.inputs]
    if isinstance(case.call.kernel.operator, Reduce):
        return finalize(case.call.kernel, partial(case.call.kernel, blocks))
    return evaluate(case.call.kernel, blocks)


def pulled(one: Block, move: Callable[[np.ndarray], Any], xp: Any) -> dict[str, Any]:
    """Return the cotangents of a block for cotangents of ones, on blocks that ``move`` brought elsewhere."""
    moved = replace(one.replaced(move(np.asarray(array)) for array in one.arrays), xp=xp)
    cotangents = {name: xp.ones_like(array) for name, array in moved.apply().items()}
    found = moved.vjp(cotangents if len(cotangents) > 1 else next(iter(cotangents.values())))
    return {str(number): array for number, array in enumerate(found) if array is not None}


@check("device", applies=has_kernel)
def strict_namespace(case: Case) -> None:
    """Kernel and derivative run on the strict array namespace and its device without host memory, with the numbers of NumPy."""
    strict = _strict()
    device = strict.Device("device1")

    def move(values: np.ndarray) -> Any:
        return strict.asarray(values.copy(), device=device)

    for precision, one in (("double", case), ("single", case.single())):
        found = _guarded(functools.partial(evaluated, one, move))
        compare_values(found, evaluated(one, np.copy), LIBRARIES[precision], "the strict namespace gives other numbers")
        for name, array in found.items():
            if getattr(array, "device", None) != device:
                raise Failure(
                    f"result {name!r} left the device", expected=device, got=getattr(array, "device", type(array).__name__)
                )
    if not differentiable(type(case.operator)):
        _strict_derivative(case, move)


def _strict_derivative(case: Case, move: Callable[[np.ndarray], Any]) -> None:
    one = block(case.operator, *case.inputs)
    there = _guarded(lambda: pulled(one, move, namespace(move(np.zeros(1)))))
    compare_values(there, pulled(one, np.copy, one.xp), LIBRARIES["double"], "vjp on the strict namespace gives other numbers")


def _strict() -> Any:
    try:
        return importlib.import_module("array_api_strict")
    except ImportError:
        raise NotRun("array-api-strict is not installed: pip install 'scatflow[kit]'") from None


def _guarded(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what the work gives; whatever goes wrong on the strict namespace is a finding of its own kind."""
    try:
        return work()
    except Exception as error:
        raise Failure("the kernel leaves the array standard or the device", got=told(error),
                      remedy="Use xp for everything, create arrays with device=block.device, convert dtypes with xp.astype.") from error  # fmt: skip


@check("device", applies=has_kernel)
def cupy_equal(case: Case) -> None:
    """On a GPU results are those of NumPy and stay on the device; so do those of apply_cupy."""
    try:
        to_device(np.zeros(1), "gpu")
    except DeviceError:
        raise NotRun("no GPU") from None
    for precision, one in (("double", case), ("single", case.single())):
        found = evaluated(one, lambda values: to_device(values, "gpu"))
        left = [name for name, array in found.items() if not is_cupy(array)]
        if left:
            raise Failure("results left the device", got=left)
        compare_values({name: asnumpy(array) for name, array in found.items()}, evaluated(one, np.copy), LIBRARIES[precision],
                       "a GPU gives other numbers")  # fmt: skip


CHECKS: tuple[Check, ...] = (strict_namespace, cupy_equal)
