"""A fresh interpreter that imports one module: what it loads, how long it takes, and the tokens of values made there."""

from __future__ import annotations

import base64
import functools
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from scatflow.contract import Operator
from scatflow.testing.check import Failure, NotRun

#: Libraries that a module of operators loads inside functions, if at all.
HEAVY = ("cupy", "dask", "distributed", "fastapi", "matplotlib", "numba", "scipy", "torch", "zarr")
#: Seconds after which a fresh interpreter is given up.
PATIENCE = 120

#: What every author's module may import is loaded before the clock starts.
_PROGRAM = """
import base64, importlib, json, pickle, sys, time
asked = json.load(sys.stdin)
sys.path[:] = asked["path"]
import numpy, xarray, scatflow.arrays, scatflow.contract, scatflow.hookspecs, scatflow.labels
before = set(sys.modules)
began = time.perf_counter()
try:
    importlib.import_module(asked["module"])
except BaseException as error:
    print("scatflow-probe:" + json.dumps({"error": f"{type(error).__name__}: {error}"}))
    raise SystemExit
seconds = time.perf_counter() - began
loaded = sorted({name.partition(".")[0] for name in set(sys.modules) - before} & set(asked["heavy"]))
tokens = [pickle.loads(base64.b64decode(text)).token() for text in asked["values"]]
print("scatflow-probe:" + json.dumps({"seconds": seconds, "loaded": loaded, "tokens": tokens}))
"""


@dataclass(frozen=True)
class Probe:
    """What a fresh interpreter reported."""

    seconds: float
    loaded: tuple[str, ...]
    tokens: tuple[str, ...]


def probe(module: str, values: Sequence[Operator]) -> Probe:
    """Import a module in a fresh interpreter under another hash seed and unpickle values there.

    Raises
    ------
    Failure
        A value cannot be pickled.
    NotRun
        The module cannot be imported there, as one of a notebook or a test file.
    """
    if module == "__main__":
        raise NotRun("classes of a script or notebook exist in no other process: put the operator into a module")
    try:
        packed = tuple(base64.b64encode(pickle.dumps(value)).decode() for value in values)
    except Exception as error:
        raise Failure("values cannot be pickled", got=f"{type(error).__name__}: {error}",
                      remedy="Define the class at the top of a module, and keep no functions in its fields.") from None  # fmt: skip
    return _probe(module, packed)


@functools.lru_cache(maxsize=8)
def _probe(module: str, values: tuple[str, ...]) -> Probe:
    asked = {"module": module, "path": sys.path, "values": values, "heavy": HEAVY}
    environment = {**os.environ, "PYTHONHASHSEED": "4321" if os.environ.get("PYTHONHASHSEED") != "4321" else "1234"}
    done = subprocess.run([sys.executable, "-c", _PROGRAM], input=json.dumps(asked), capture_output=True, text=True, check=False,
                          timeout=PATIENCE, env=environment)  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("scatflow-probe:")]
    if not lines:
        raise Failure("a fresh interpreter cannot use the values", got=(done.stderr.strip().splitlines() or ["no output"])[-1])
    found = json.loads(lines[-1].partition(":")[2])
    if "error" in found:
        raise NotRun(f"a fresh interpreter cannot import {module} ({found['error']})")
    return Probe(found["seconds"], tuple(found["loaded"]), tuple(found["tokens"]))


def again(module: str) -> float:
    """Return the seconds of one more import, so that a busy machine does not count."""
    _probe.cache_clear()
    return _probe(module, ()).seconds
