"""Measuring how fast this machine is, once: the stages of a plan on random blocks, transforms, reading and writing."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scatflow import blocks
from scatflow.arrays import namespace
from scatflow.contract import Ref
from scatflow.contract.summary import Summary
from scatflow.errors import StoreError
from scatflow.plan import Box, Plan, Rates, Stage
from scatflow.plan.rates import ANY, SCHEMA, key_of
from scatflow.store import measure_io

#: Seconds over which a stage is measured, after a first evaluation that fills caches.
SECONDS = 1.0
#: Planes of the transform that stands for operators that were not measured.
PLANES, SIZE = 16, 256


def calibrate(plan: Plan, folder: str | Path = ".") -> Rates:
    """Measure this machine on the stages of a plan and keep the result for later plans.

    Random numbers stand for the data, so nothing is read; reading and writing are measured on a temporary store.

    Parameters
    ----------
    plan : Plan
        Its stages give the operators and block shapes.
    folder : path
        Where the temporary store goes: the disk that the job will use.

    Returns
    -------
    Rates
        Merged with what was measured before on this machine, and stored in :func:`rates_file`.
    """
    known = load_rates()
    flops, first = (dict(known.flops), dict(known.first)) if known else ({}, {})
    flops[ANY] = _transforms(plan.limits.fft)
    for stage in plan.stages:
        if stage.graph.steps and stage.projection.flops:
            whole, once = _seconds(functools.partial(_evaluate, plan, stage))
            count = len(list(stage.regions.blocks(stage.regions.box(0))))
            flops[key_of(stage)], first[key_of(stage)] = stage.projection.flops / count / once, max(0.0, whole - once)
    with tempfile.TemporaryDirectory(dir=folder, prefix="scatflow-calibrate-") as place:
        read, written, task = measure_io(Path(place))
    rates = Rates(machine(), flops, read, written, task, first)
    _store(rates)
    return rates


def machine() -> str:
    """Return the name of this machine's processor."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def rates_file() -> Path:
    """Return the file of measured rates: in the folder ``SCATFLOW_CACHE``, by default the user's cache folder of scatflow."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SCATFLOW_CACHE") or Path(cache) / "scatflow") / "rates.json"


def load_rates() -> Rates | None:
    """Return what was measured on this machine, or None.

    Raises
    ------
    StoreError
        The file is of a newer version or damaged; the text names it.
    """
    document = _load()["machines"].get(machine())
    return None if document is None else Rates.from_json(document)


def _load() -> dict[str, Any]:
    file = rates_file()
    if not file.exists():
        return {"schema": SCHEMA, "machines": {}}
    try:
        document: dict[str, Any] = json.loads(file.read_text())
        newer = document["schema"] > SCHEMA
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"file {str(file)!r}", "holds no measured rates", got=type(error).__name__,
                         remedy="Remove it and measure again: scatflow plan --calibrate.") from None  # fmt: skip
    if newer:
        raise StoreError(f"file {str(file)!r}", "was written by a newer scatflow", expected=f"schema {SCHEMA}",
                         got=document["schema"], remedy="Update scatflow, or remove the file.")  # fmt: skip
    return document


def _store(rates: Rates) -> None:
    document, file = _load(), rates_file()
    document["machines"][rates.machine] = rates.to_json()
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.partial")
    temporary.write_text(json.dumps(document, indent=1, sort_keys=True))
    os.replace(temporary, file)


def _seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the processor time of the first call, and the median of calls over about a second after it."""
    began = time.process_time()
    work()
    first = time.process_time() - began
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < 3:
        began = time.process_time()
        work()
        times.append(max(time.process_time() - began, 1e-9))
    return first, float(np.median(times))


def _evaluate(plan: Plan, stage: Stage) -> None:
    rng = np.random.default_rng(0)
    made: dict[Any, Any] = {}

    def fetch(ref: Ref, part: Box) -> Any:
        key = (ref, tuple(sorted(part.items())))
        if key not in made:
            made[key] = _random(rng, plan, ref, part)
        return made[key]

    blocks.evaluate_stage(stage.graph, next(stage.regions.blocks(stage.regions.box(0))), fetch, plan.limits.fft)


def _random(rng: np.random.Generator, plan: Plan, ref: Ref, part: Mapping[str, tuple[int, int]]) -> np.ndarray:
    stored = {target.ref: (stage, target.own) for stage in plan.stages for target in stage.targets}
    stage, spec = stored[ref] if ref in stored else (None, plan.bound.specs[ref.node][ref.output])
    shape = tuple(part[dim][1] - part[dim][0] if dim in part else size for dim, size in spec.sizes.items())
    # Random numbers of valid samples would be none, and what no item has is not computed: all are valid.
    if (
        stage is not None
        and stage.graph.steps
        and isinstance(stage.graph.target.kernel.operator, Summary)
        and ref.output == "extent"
    ):
        return np.broadcast_to(np.asarray(stage.graph.target.kernel.operator.complete()), shape)
    return rng.standard_normal(shape).astype(spec.dtype)


def _transforms(fft: str) -> float:
    """Return flops per second of two-dimensional transforms of real planes, counted as 2.5 n log2 n."""
    planes = np.random.default_rng(0).standard_normal((PLANES, SIZE, SIZE)).astype("float32")
    xp = namespace(planes, fft=fft)
    count = 2 * 2.5 * PLANES * SIZE**2 * math.log2(SIZE**2)

    def there_and_back() -> None:
        xp.fft.irfftn(xp.fft.rfftn(planes, axes=(-2, -1)), s=(SIZE, SIZE), axes=(-2, -1))

    return count / _seconds(there_and_back)[1]
