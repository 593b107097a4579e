"""Scattering on the CPU and, where there is one, on a GPU, with the same kernels: agreement and time.

``python benchmarks/scattering_device.py [--quick] [-o FILE]`` prints a table and writes JSON. Times are medians of
five runs after a warm-up, the filters prepared; on a GPU the device is synchronized before and after.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from scatflow.arrays import asnumpy, to_device
from scatflow.contract import Window
from scatflow.errors import DeviceError
from scatflow.graph import bind
from scatflow.spec import ArraySpec
from scatflow_scattering.scattering import Scattering

CASES = {"16 x 256^2, J=4": ((16, 256, 256), 4), "4 x 512^2, J=5": ((4, 512, 512), 5), "1 x 1024^2, J=6": ((1, 1024, 1024), 6)}
QUICK = {"2 x 128^2, J=3": ((2, 128, 128), 3)}


def evaluate(operator: Window, block: Any) -> Any:
    """Evaluate one block through the engine's evaluator."""
    from scatflow.blocks import evaluate as run

    call = bind(operator, ArraySpec(("item", "y", "x"), tuple(block.shape), "float32"))
    return run(call.kernel, [block])[""]


def timed(run: Callable[[], Any], wait: Callable[[], None]) -> list[float]:
    """Return five times in seconds, after a warm-up."""
    run()
    seconds = []
    for _ in range(5):
        wait()
        began = time.perf_counter()
        run()
        wait()
        seconds.append(time.perf_counter() - began)
    return seconds


def case(name: str, shape: tuple[int, ...], J: int) -> dict[str, Any]:
    """Measure one case on every device there is."""
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    operator = Scattering(dims=("y", "x"), J=J, L=8, order=2)
    host = evaluate(operator, x)
    row: dict[str, Any] = {"case": name, "cpu_s": timed(lambda: evaluate(operator, x), lambda: None)}
    try:
        there = to_device(x, "gpu")
    except DeviceError as error:
        return {**row, "gpu": f"not run: {error}"}
    import cupy

    device = evaluate(operator, there)
    row["difference"] = float(np.abs(asnumpy(device) - host).max() / np.abs(host).max())
    row["gpu_s"] = timed(lambda: evaluate(operator, there), cupy.cuda.Device().synchronize)
    row["gpu"] = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return row


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--output")
    options = parser.parse_args()
    rows = [case(name, *arguments) for name, arguments in (QUICK if options.quick else CASES).items()]
    for row in rows:
        gpu = (
            f"{statistics.median(row['gpu_s']) * 1e3:9.1f} ms  difference {row['difference']:.1e}" if "gpu_s" in row else row["gpu"]
        )
        print(f"{row['case']:<18} CPU {statistics.median(row['cpu_s']) * 1e3:9.1f} ms   GPU {gpu}")
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "scatflow") if _has(name)}
    record = {"date": str(datetime.date.today()), "cpu": platform.processor(), "versions": versions, "rows": rows}
    if options.output:
        with open(options.output, "w") as handle:
            json.dump(record, handle, indent=1)


def _has(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
