"""A fresh interpreter that imports one module: what it loads, how long it takes, tokens of values and bytes of results there."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from scatflow.contract import Operator
from scatflow.testing.case import Case, results
from scatflow.testing.check import Failure, NotRun, told

#: Libraries that a module of operators loads inside functions, if at all.
HEAVY = ("cupy", "dask", "distributed", "fastapi", "matplotlib", "numba", "scipy", "torch", "zarr")
#: Seconds after which a fresh interpreter is given up.
PATIENCE = 120

#: What every author's module may import is loaded before the clock starts, which stands still while the interpreter waits for a
#: processor: Linux counts that.
_PROGRAM = """
import base64, importlib, json, pickle, sys, time
asked = json.load(sys.stdin)
sys.path[:] = asked["path"]
import numpy, xarray, scatflow.arrays, scatflow.contract, scatflow.hookspecs, scatflow.labels
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
    print("scatflow-probe:" + json.dumps({"error": f"{type(error).__name__}: {error}"}))
    raise SystemExit
seconds = clock() - began
loaded = sorted({name.partition(".")[0] for name in set(sys.modules) - before} & set(asked["heavy"]))
tokens = [pickle.loads(base64.b64decode(text)).token() for text in asked["values"]]
results = []
if asked["cases"]:
    from scatflow.testing import probe
    results = probe.evaluated(asked["cases"])
print("scatflow-probe:" + json.dumps({"seconds": seconds, "loaded": loaded, "tokens": tokens, "results": results}))
"""


@dataclass(frozen=True)
class Probe:
    """What a fresh interpreter reported."""

    seconds: float
    loaded: tuple[str, ...]
    tokens: tuple[str, ...]
    results: tuple[Mapping[str, str], ...]


#: Set where the interpreter is a probe, so that a module that checks its own operators starts no probes of its own.
INSIDE = "SCATFLOW_INSIDE_PROBE"


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
    process = None
    with contextlib.suppress(Failure, NotRun):
        process = _begun(*_asked(module, values, cases))
    try:
        yield
    finally:
        _begun.cache_clear()
        if process is not None and process.returncode is None:
            process.kill()
            with process:
                process.communicate()


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
    process = _begun(module, values, cases)
    _begun.cache_clear()
    with process:
        output, errors = process.communicate(timeout=PATIENCE)
    lines = [line for line in output.splitlines() if line.startswith("scatflow-probe:")]
    if not lines:
        raise Failure("a fresh interpreter cannot use the values", got=(errors.strip().splitlines() or ["no output"])[-1])
    found = json.loads(lines[-1].partition(":")[2])
    if "error" in found:
        raise NotRun(f"a fresh interpreter cannot import {module} ({found['error']})")
    return Probe(found["seconds"], tuple(found["loaded"]), tuple(found["tokens"]), tuple(found["results"]))


@functools.lru_cache(maxsize=1)
def _begun(module: str, values: tuple[str, ...], cases: tuple[str, ...]) -> subprocess.Popen[str]:
    """Start the interpreter; it reads what it is asked from a file, so that nobody waits."""
    asked = {"module": module, "path": sys.path, "values": values, "cases": cases, "heavy": HEAVY}
    environment = {**os.environ, INSIDE: "1", "PYTHONHASHSEED": "4321" if os.environ.get("PYTHONHASHSEED") != "4321" else "1234"}
    with tempfile.TemporaryFile("w+") as file:
        json.dump(asked, file)
        file.seek(0)
        return subprocess.Popen([sys.executable, "-c", _PROGRAM], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=environment)  # fmt: skip


def again(module: str) -> float:
    """Return the seconds of one more import, so that a busy machine does not count."""
    _probe.cache_clear()
    return _probe(module, (), ()).seconds
