"""Jobs from the shell, killed with SIGKILL wherever it hurts: the result has the bytes of an undisturbed run.

Three stages on real operators: scattering (map), its mean over items and space (reduce), scattering in units of it (map).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import xarray as xr

ITEMS = 72
PIPELINE = """
parameters:
  input: {type: string}
process_graph:
  field: {process_id: open_zarr, arguments: {path: {from_parameter: input}, variable: u}}
  scattering:
    process_id: scattering
    arguments: {data: {from_node: field}, dims: [y, x], J: 3, L: 4}
  level:
    process_id: reduce
    arguments: {data: {from_node: scattering}, over: [item, y, x], statistic: mean}
  normalized:
    process_id: divide
    arguments: {x: {from_node: scattering}, y: {from_node: level}}
    result: true
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("jobs")
    values = np.random.default_rng(0).standard_normal((ITEMS, 48, 64)).astype("float32")
    field = xr.Dataset({"u": (("item", "y", "x"), values)}, coords={"y": np.arange(48) * 0.5, "x": np.arange(64) * 0.5})
    field.to_zarr(place / "in.zarr", encoding={"u": {"chunks": (1, 48, 64)}}, consolidated=False)
    (place / "pipeline.yaml").write_text(PIPELINE)
    return place


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, bytes]:
    assert job(folder, "undisturbed.zarr").wait() == 0
    return chunks(folder / "undisturbed.zarr")


def job(folder: Path, out: str, *options: str) -> subprocess.Popen[bytes]:
    """Start the program as a shell does; its group holds the workers too."""
    words = ["run", "pipeline.yaml", "-p", "input=in.zarr", "-o", out, "--region", "item=1", "--quiet", *options]
    command = [sys.executable, "-m", "scatflow.cli.main", *words]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def chunks(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "zarr.json")
    return {str(p.relative_to(root)): p.read_bytes() for p in files if "_scatflow" not in p.relative_to(root).parts}


#: Stage -> how many regions of it are on the disk.
PROGRESS: dict[str, Callable[[Path], int]] = {
    "scattering": lambda out: _files(out / "_scatflow" / "work"),
    "mean": lambda out: _files(out / "_scatflow" / "state"),
    "normalized": lambda out: _files(out / "scattering"),
}


def _files(folder: Path) -> int:
    return sum(path.is_file() and path.name != "zarr.json" for path in folder.rglob("*")) if folder.exists() else 0


def reach(process: subprocess.Popen[bytes], out: Path, stage: str, regions: int) -> None:
    """Wait until a running job has so many regions of a stage on the disk."""
    while PROGRESS[stage](out) < regions:
        assert process.poll() is None, f"ended before {regions} regions of {stage}"
        time.sleep(0.005)  # polling a foreign process: there is no event to wait for


def kill_runner(process: subprocess.Popen[bytes]) -> None:
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    psutil.wait_procs(workers, timeout=30)  # they end by themselves once the runner is gone


def kill_worker(process: subprocess.Popen[bytes]) -> bool:
    """Kill one worker, if there is one; its nanny, which is a thread of the runner, starts another."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children():
            if "spawn_main" in " ".join(child.cmdline()):
                os.kill(child.pid, signal.SIGKILL)
                return True
    return False


def receipts(out: Path) -> int:
    return sum(len(json.loads(file.read_text())["receipts"]) for file in (out / "_scatflow" / "ledger").glob("*.json"))


@pytest.mark.parametrize("stage", PROGRESS)
def test_a_runner_killed_in_any_stage(folder: Path, undisturbed: dict[str, bytes], stage: str) -> None:
    out = folder / f"runner-{stage}.zarr"
    process = job(folder, out.name)
    reach(process, out, stage, 40)
    kill_runner(process)
    before = receipts(out)
    assert 0 < before < 3 * ITEMS
    assert job(folder, out.name).wait() == 2, "an unfinished store is never continued unasked"
    assert job(folder, out.name, "--resume", "--verify").wait() == 0
    assert receipts(out) == 3 * ITEMS + 1  # nothing recorded was done twice
    assert chunks(out) == undisturbed


def test_killed_workers(folder: Path, undisturbed: dict[str, bytes]) -> None:
    out = folder / "workers.zarr"
    process = job(folder, out.name, "--workers", "2", "--verify")
    for stage in PROGRESS:
        reach(process, out, stage, 10)
        assert kill_worker(process)
    assert process.wait() == 0
    assert chunks(out) == undisturbed


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(20))
def test_kills_at_random(folder: Path, undisturbed: dict[str, bytes], seed: int) -> None:
    """Workers and runners killed in turn, at places drawn at random, until the job is through."""
    chance = random.Random(seed)
    out = folder / f"random-{seed}.zarr"
    options: tuple[str, ...] = ()
    for _ in range(4):
        process = job(folder, out.name, "--workers", str(chance.choice((1, 2))), *options)
        until = time.monotonic() + chance.uniform(1.0, 6.0)
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        if process.poll() is not None:
            assert process.returncode == 0
            break
        if chance.random() < 0.5 and PROGRESS["scattering"](out):
            kill_worker(process)  # none where the job is just starting or closing its cluster
            time.sleep(chance.uniform(0.0, 1.0))
        kill_runner(process)
        options = ("--resume",) if out.exists() else ()
    if not (out.exists() and receipts(out) == 3 * ITEMS + 1):
        assert job(folder, out.name, *options, "--verify").wait() == 0
    assert chunks(out) == undisturbed
