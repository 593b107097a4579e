"""A fresh interpreter that imports one module: what it loads, how long it takes, tokens of values and bytes of results there."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from scatflow.contract import Operator
from scatflow.testing.case import Case, results
from scatflow.testing.check import Failure, NotRun, told
from scatflow.testing.interpreter import INSIDE, Running

#: Libraries that a module of operators loads inside functions, if at all.
HEAVY = ("cupy", "dask", "distributed", "fastapi", "matplotlib", "numba", "scipy", "torch", "zarr")
#: What every author's module may import, and what results need besides.
LIGHT = ("numpy", "xarray", "scatflow.arrays", "scatflow.contract", "scatflow.hookspecs", "scatflow.labels")
READY = (*LIGHT, __name__)

#: Imports a module and tells tokens of values. The clock stands still while the interpreter waits for a processor: Linux counts that.
_IMPORTING = """
import base64, importlib, json, pickle, sys, time
def clock():
    try:
        with open("/proc/self/schedstat") as file:
            return time.perf_counter() - int(file.read().split()[1]) / 1e9
    except OSError:
        return time.perf_counter()
before = set(sys.modules)
began = clock()
try:
    importlib.import_module(asked["module"])
except BaseException as error:
    found = {"error": f"{type(error).__name__}: {error}"}
else:
    seconds = clock() - began
    loaded = sorted({name.partition(".")[0] for name in set(sys.modules) - before} & set(asked["heavy"]))
    tokens = [pickle.loads(base64.b64decode(text)).token() for text in asked["values"]]
    found = {"seconds": seconds, "loaded": loaded, "tokens": tokens}
print("scatflow-probe:" + json.dumps(found))
"""
_EVALUATING = """
import json
from scatflow.testing import probe
print("scatflow-probe:" + json.dumps({"results": probe.evaluated(asked["cases"])}))
"""


@dataclass(frozen=True)
class Probe:
    """What a fresh interpreter reported."""

    seconds: float
    loaded: tuple[str, ...]
    tokens: tuple[str, ...]
    results: tuple[Mapping[str, str], ...]


def probe(module: str, values: Sequence[Operator], cases: Sequence[Case] = ()) -> Probe:
    """Import a module in a fresh interpreter under another hash seed; unpickle values there, and evaluate cases in reverse order.

    Raises
    ------
    Failure
        A value cannot be pickled.
    NotRun
        The module cannot be imported there, as one of a notebook or a test file.
    """
    return _probe(*_asked(module, values, cases))


@contextlib.contextmanager
def ahead(module: str, values: Sequence[Operator], cases: Sequence[Case]) -> Iterator[None]:
    """Inside a ``with`` block, have the interpreter at work that :func:`probe` will ask for; where nobody does, end it."""
    running: tuple[Running, ...] = ()
    with contextlib.suppress(Failure, NotRun):
        running = _begun(*_asked(module, values, cases))
    try:
        yield
    finally:
        _begun.cache_clear()
        for one in running:
            one.close()


def _asked(module: str, values: Sequence[Operator], cases: Sequence[Case]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    if os.environ.get(INSIDE):
        raise NotRun(f"{module} checks its operators while it is imported: put the call into a test")
    if module == "__main__":
        raise NotRun("classes of a script or notebook exist in no other process: put the operator into a module")
    try:
        packed = tuple(_packed(value) for value in values)
        asked = tuple(_packed((case.operator, case.inputs)) for case in cases)
    except Exception as error:
        raise Failure("values cannot be pickled", got=f"{type(error).__name__}: {error}",
                      remedy="Define the class at the top of a module, and keep no functions in its fields.") from None  # fmt: skip
    return module, packed, asked


def _packed(value: Any) -> str:
    return base64.b64encode(pickle.dumps(value)).decode()


def hashes(results: Mapping[str, xr.DataArray]) -> dict[str, str]:
    """Return a digest of the bytes of every result."""
    return {name: hashlib.sha256(np.ascontiguousarray(array.values).tobytes()).hexdigest() for name, array in results.items()}


def evaluated(cases: Sequence[str]) -> list[dict[str, str]]:
    """Return digests of the results of pickled cases, evaluated from the last to the first."""
    ready = [pickle.loads(base64.b64decode(text)) for text in cases]
    return [_evaluated(*one) for one in reversed(ready)][::-1]


def _evaluated(operator: Operator, inputs: Sequence[Any]) -> dict[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return hashes(results(operator, *inputs))
        except Exception as error:  # what an author's code raises here and not there is the finding
            return {"error": told(error)}


@functools.lru_cache(maxsize=8)
def _probe(module: str, values: tuple[str, ...], cases: tuple[str, ...]) -> Probe:
    running = _begun(module, values, cases)
    _begun.cache_clear()
    found: dict[str, Any] = {"results": []}
    for one in running:
        output = one.output().strip().splitlines()
        answers = [line for line in output if line.startswith("scatflow-probe:")]
        if not answers:
            raise Failure("a fresh interpreter cannot use the values", got=(output or ["no output"])[-1])
        found |= json.loads(answers[-1].partition(":")[2])
        if "error" in found:
            raise NotRun(f"a fresh interpreter cannot import {module} ({found['error']})")
    return Probe(found["seconds"], tuple(found["loaded"]), tuple(found["tokens"]), tuple(found["results"]))


@functools.lru_cache(maxsize=1)
def _begun(module: str, values: tuple[str, ...], cases: tuple[str, ...]) -> tuple[Running, ...]:
    """Start the programs: one imports the module where nothing else is loaded, one evaluates cases where there are any."""
    importing = Running(_IMPORTING, {"module": module, "values": values, "heavy": HEAVY}, LIGHT)
    return (importing, Running(_EVALUATING, {"cases": cases}, READY)) if cases else (importing,)


def again(module: str) -> float:
    """Return the seconds of one more import, so that a busy machine does not count."""
    _probe.cache_clear()
    return _probe(module, (), ()).seconds
