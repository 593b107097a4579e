"""Jobs on parts of a field, from the shell, killed with SIGKILL at random: the bytes of an undisturbed run, and none that hangs.

By halo, with several blocks in a region, and by pyramid, with work arrays between its stages.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
import psutil
import pytest
import xarray as xr

#: Seconds after which a run counts as hanging, whatever was killed: an undisturbed one takes a tenth of it.
LIMIT = 240.0
OPTIONS = {
    "halo": ("-p", "J=4", "--strategy", "halo", "--region", "y=16", "--region", "x=16"),
    "pyramid": ("-p", "J=6", "--strategy", "pyramid", "--region", "y=64", "--region", "x=64"),
}
PIPELINE = """
parameters:
  J: {type: integer}
process_graph:
  field: {process_id: open_zarr, arguments: {path: in.zarr, variable: u}}
  scattering:
    process_id: scattering
    arguments: {data: {from_node: field}, dims: [y, x], J: {from_parameter: J}, L: 2}
    result: true
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("fields")
    values = np.random.default_rng(0).standard_normal((250, 260)).astype("float32")
    xr.Dataset({"u": (("y", "x"), values)}).to_zarr(place / "in.zarr", encoding={"u": {"chunks": (48, 64)}}, consolidated=False)
    (place / "pipeline.yaml").write_text(PIPELINE)
    return place


@dataclass
class Job:
    """A run of the program as a shell starts it; where it hangs, it says where before it is ended."""

    folder: Path
    out: Path
    options: tuple[str, ...]
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        words = ["run", "pipeline.yaml", "-o", self.out.name, "--quiet", *self.options]
        self.said = open(self.folder / f"{self.out.name}.log", "w+")  # noqa: SIM115  # closed with the process
        command = [sys.executable, "-X", "faulthandler", "-m", "scatflow.cli.main", *words]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=self.said)

    def wait(self, seconds: float = LIMIT) -> int | None:
        """Return the exit code, or None where it still runs after so many seconds; a job beyond its limit fails the test."""
        try:
            code = self.process.wait(max(0.0, min(seconds, LIMIT - (time.monotonic() - self.began))))
        except subprocess.TimeoutExpired:
            if time.monotonic() - self.began >= LIMIT:
                self.hangs()
            return None
        self.said.close()
        return code

    def told(self) -> str:
        """Return the end of what the program said."""
        return self.folder.joinpath(f"{self.out.name}.log").read_text()[-20_000:]

    def hangs(self) -> NoReturn:
        """End a job that hangs, and fail with the stacks of all its threads."""
        self.process.send_signal(signal.SIGABRT)  # which faulthandler answers with the stacks
        self.process.wait(30)
        self.said.close()
        pytest.fail(f"a run hangs after {LIMIT:.0f} s:\n{self.told()}")

    def kill(self) -> None:
        """Kill the runner; its workers end by themselves once it is gone."""
        workers = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        self.said.close()
        _, alive = psutil.wait_procs(workers, timeout=60)
        assert not alive, "workers outlive their runner"

    def kill_worker(self, chance: random.Random) -> bool:
        """Kill one of the workers, if there is one; its nanny, which is a thread of the runner, starts another."""
        try:
            children = psutil.Process(self.process.pid).children()
            workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
            if workers:
                os.kill(chance.choice(workers).pid, signal.SIGKILL)
        except (psutil.NoSuchProcess, ProcessLookupError):
            return False
        return bool(workers)


def chunks(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "zarr.json")
    return {str(p.relative_to(root)): p.read_bytes() for p in files if "_scatflow" not in p.relative_to(root).parts}


def done(out: Path) -> list[tuple[int, str, int]]:
    """Return the regions of all receipts, in the order in which they were recorded."""
    batches = [json.loads(file.read_text()) for file in sorted((out / "_scatflow" / "ledger").glob("*.json"))]
    return [(entry["stage"], entry["part"], entry["region"]) for batch in batches for entry in batch["receipts"]]


@dataclass
class Undisturbed:
    """What an undisturbed run leaves, and how long it takes."""

    chunks: dict[str, bytes]
    regions: set[tuple[int, str, int]]
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> Callable[[str], Undisturbed]:
    known: dict[str, Undisturbed] = {}

    def of(strategy: str) -> Undisturbed:
        if strategy not in known:
            out, began = folder / f"undisturbed-{strategy}.zarr", time.monotonic()
            assert Job(folder, out, (*OPTIONS[strategy], "--workers", "2")).wait() == 0
            known[strategy] = Undisturbed(chunks(out), set(done(out)), time.monotonic() - began)
        return known[strategy]

    return of


def drill(folder: Path, strategy: str, wanted: Undisturbed, chance: random.Random, kills: int) -> list[str]:
    """Run a job, killing workers and runners at random until so many are dead, then to its end; return who was killed.

    A job that is through before anything is killed shows nothing: it is started anew, and hit earlier.
    """
    out = folder / f"{strategy}-{chance.random()}.zarr"
    options, killed, soon = (*OPTIONS[strategy], "--workers", "2", "--verify"), list[str](), wanted.seconds
    job = Job(folder, out, options)
    while len(killed) < kills:
        code = job.wait(chance.uniform(0.05, 0.9) * soon)
        if code is not None and killed:
            break
        if code is not None:
            assert code == 0, job.told()
            shutil.rmtree(out)
            soon /= 2
            job = Job(folder, out, options)
        elif chance.random() < 0.6:
            killed += ["worker"] * job.kill_worker(chance)
        else:
            job.kill()
            killed.append("runner")
            job = Job(folder, out, (*options, "--resume") if out.exists() else options)
    assert (job.wait() if code is None else code) == 0, job.told()
    regions = done(out)
    assert set(regions) == wanted.regions and len(regions) == len(wanted.regions), "every region is recorded, and once"
    assert chunks(out) == wanted.chunks
    assert not (out / "_scatflow" / "work").exists() and not list(out.rglob("*.partial"))
    return killed


@pytest.mark.parametrize("strategy", OPTIONS)
def test_killed_once(folder: Path, undisturbed: Callable[[str], Undisturbed], strategy: str) -> None:
    drill(folder, strategy, undisturbed(strategy), random.Random(17), kills=1)


@pytest.mark.faults
@pytest.mark.timeout(4 * LIMIT)
@pytest.mark.parametrize("strategy", OPTIONS)
@pytest.mark.parametrize("seed", range(10))
def test_kills_at_random(
    folder: Path,
    undisturbed: Callable[[str], Undisturbed],
    strategy: str,
    seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("killed", drill(folder, strategy, undisturbed(strategy), random.Random(seed), kills=4))
