"""Group *errors*: bad input is refused when a graph is built, by an error that names the thing and what was wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr

from scatflow.contract import Composite, Core, Extended
from scatflow.contract.info import own_parameters
from scatflow.errors import ScatflowError
from scatflow.testing.case import Case, results
from scatflow.testing.check import Check, Failure, check
from scatflow.testing.checks.lazy import Computed, not_program, unread


@check("errors", applies=not_program)
def bad_input(case: Case) -> None:
    """Wrong dims, dtypes, numbers of inputs, boundaries and coordinates raise before any data are read, naming the operator."""
    for what, attempt, words in _attempts(unread(case)):
        try:
            attempt()
        except ScatflowError as error:
            text = str(error)
            missing = [word for word in words if word not in text]
            if missing:
                raise Failure(f"{what}: the error does not name {missing}", got=text) from error
        except Computed as error:
            raise Failure(f"{what}: data are read before it is refused") from error
        except Exception as error:
            raise Failure(f"{what}", expected="an error of scatflow.errors that says what is wrong",
                          got=f"{type(error).__name__}: {error}") from error  # fmt: skip
        else:
            raise Failure(f"{what} is accepted", expected="an error when the graph is built")


def _attempts(case: Case) -> Iterator[tuple[str, Callable[[], Any], tuple[str, ...]]]:
    """Yield what is wrong, a call that does it, and the words that the error must hold."""
    operator = case.operator
    name = "" if isinstance(operator, Composite) else operator.name  # the part of a composite that refuses names itself
    yield "one input too many", lambda: results(operator, *case.inputs, case.inputs[0]), (operator.name,)
    words = case.replaced(lambda array: array.copy(data=np.full(array.shape, "word", dtype=object)))
    yield "an array of objects", lambda: results(operator, *words.inputs), (name, "dtype")
    if "c" not in operator.dtypes and "f" in operator.dtypes:
        turned = case.replaced(lambda array: array.astype("complex128"))
        yield "complex data", lambda: results(operator, *turned.inputs), (name, "real")
    if "i" not in operator.dtypes and operator.dtype is None:
        counted = case.replaced(lambda array: array.astype("int64"))
        yield "integers", lambda: results(operator, *counted.inputs), (name, "integers")
    for parameter, value in _dim_parameters(case).items():
        stray = operator.replace(**{parameter: value})
        yield f"{parameter}={value!r}, which the input lacks", functools.partial(results, stray, *case.inputs), ("no_such_dim",)
    if isinstance(operator, Core) and case.core:
        yield from _core_attempts(case, operator)


def _dim_parameters(case: Case) -> dict[str, Any]:
    """Return the author's parameters that name dims of the sample, with a name that no input has in place of the first."""
    dims = {str(dim) for array in case.arrays for dim in array.dims}
    found: dict[str, Any] = {}
    for name in own_parameters(type(case.operator)):
        value = getattr(case.operator, name)
        if isinstance(value, str) and value in dims:
            found[name] = "no_such_dim"
        elif isinstance(value, tuple) and value and all(isinstance(one, str) and one in dims for one in value):
            found[name] = ("no_such_dim", *value[1:])
    return found


def _core_attempts(case: Case, operator: Core) -> Iterator[tuple[str, Callable[[], Any], tuple[str, ...]]]:
    dims = operator.dims or case.core
    stray = operator.replace(dims=("no_such_dim", *dims[1:]))
    yield "a dim that the input lacks", lambda: results(stray, *case.inputs), (operator.name, "no_such_dim")
    uneven = case.replaced(lambda array: _uneven(array, case.core[-1]))
    if operator.sampling is None and case.arrays[0].sizes[case.core[-1]] > 2 and _spaced(operator, case):
        yield "a coordinate that is not uniform", lambda: results(operator, *uneven.inputs), (case.core[-1], "uniform")
    if isinstance(operator, Extended):
        rules = operator.replace(boundary=operator.boundaries[:1] * (len(dims) + 1))
        yield "one boundary rule too many", lambda: results(rules, *case.inputs), (f"{operator.name}.boundary",)


def _spaced(operator: Core, case: Case) -> bool:
    """Tell whether the spacing of the last core dim matters: an author may take an axis by sample."""
    return case.call.kernel.axes[-1].kind == "uniform" and not (operator.sampling or {}).get(case.core[-1])


def _uneven(array: xr.DataArray, dim: str) -> xr.DataArray:
    if dim not in array.dims:
        return array
    values = 0.5 * np.arange(array.sizes[dim]) ** 2
    return array.assign_coords({dim: (dim, values, array[dim].attrs if dim in array.coords else {})})


CHECKS: tuple[Check, ...] = (bad_input,)
