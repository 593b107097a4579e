"""Run one region task of each stage of a pipeline in a fresh process and print projected and measured bytes as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from scatflow.pipeline import Pipeline
from scatflow.registry import registry
from scatflow.run.task import run_region
from scatflow.store.result import prepare


def resident(field: str) -> int:
    """Return VmRSS or VmHWM of this process in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def measure(root: str, stage: Any, fft: str) -> tuple[int, int]:
    """Return (projected, measured) peak of region 0, measured on its second run: imports and filters are paid before."""
    run_region(root, stage, 0, fft, "cpu")
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    before = resident("VmRSS")
    run_region(root, stage, 0, fft, "cpu")
    return stage.projection.peak, resident("VmHWM") - before


def main(document: dict[str, Any], region: dict[str, int], out: str) -> None:
    """Print one pair per stage."""
    registry()
    plan = Pipeline(document).plan(region=region, memory="8 GiB")
    prepare(Path(out), plan, {}, resume=False, overwrite=True)
    print(json.dumps([measure(out, stage.lean(), plan.limits.fft) for stage in plan.stages[:1]]))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3])
