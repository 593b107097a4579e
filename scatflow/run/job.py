"""The runner: stages in order, a capped number of regions in flight, one ledger writer, ``complete`` last."""

from __future__ import annotations

import errno
import functools
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Future, as_completed

from scatflow import cluster
from scatflow.contract import Declared, Source
from scatflow.errors import JobError, ScatflowError, StoreError
from scatflow.plan import Box, Plan, Stage
from scatflow.registry import registry
from scatflow.run import update as updating
from scatflow.run.task import run_final, run_region
from scatflow.run.waiting import finished
from scatflow.store import Ledger, Receipt, check_plan, finish, prepare, read, set_state, state, swap
from scatflow.store.result import checksum

#: Regions in flight per worker thread: one running, one waiting.
IN_FLIGHT = 2
#: Receipts or seconds after which the ledger is written.
FLUSH_COUNT, FLUSH_SECONDS = 32, 2.0

Progress = Callable[[Mapping[str, Any]], None]
_Job = tuple[Any, ...]


def run(
    plan: Plan,
    out: str | Path,
    attrs: Mapping[str, Any],
    *,
    client: Client | None = None,
    resume: bool = False,
    overwrite: bool = False,
    update: bool = False,
    verify: bool = False,
    retries: int = 2,
    progress: Progress | None = None,
) -> Path:
    """Run a plan into a result store.

    Parameters
    ----------
    plan : Plan
        What to do.
    out : path
        Result store; created, continued (``resume``), replaced (``overwrite``), or brought up to an input that has grown along
        a batch dim (``update``; see :mod:`scatflow.run.update`).
    attrs : mapping
        Attributes of the result group (provenance).
    client : distributed.Client, optional
        Cluster to run on; default this process, one region after the other.
    verify : bool
        Read every region back and compare checksums before the result is called complete.
    retries : int
        How often Dask repeats a failing region.
    progress : callable, optional
        Called with events (dicts) as regions finish.

    Raises
    ------
    JobError
        A region failed for good, or the input changed during the run; the store keeps what was done and can be resumed.
    StoreError
        The output is in the way.
    """
    root = Path(out).absolute()
    check_plan(plan)
    if client is not None:
        cluster.handshake(client, _values(plan), plan.limits.fft)
    options = _Options(client, verify, retries, progress)
    if update and root.exists():
        return _updated(plan, root, attrs, options)
    continued = prepare(root, plan, attrs, resume=resume, overwrite=overwrite)
    ledger = Ledger(root, plan.hash)
    if continued:
        ledger.load()
    _drive(plan, root, ledger, options)
    return root


@dataclass(frozen=True)
class _Options:
    """How a job runs; none of it changes what is stored."""

    client: Client | None
    verify: bool
    retries: int
    progress: Progress | None


def _values(plan: Plan) -> list[Declared]:
    """Return everything declared that tasks evaluate: sources, and operators as they are and as they were resolved."""
    steps = [step.kernel.operator for stage in plan.stages for step in stage.graph.steps]
    return [*(node.value for node in plan.graph.nodes), *steps]


def _updated(plan: Plan, root: Path, attrs: Mapping[str, Any], options: _Options) -> Path:
    """Compute the new result beside the old one, beginning with what is still right of it, and swap them."""
    beside = updating.beside(root)
    if state(root) == {"plan": plan.hash, "state": "complete"}:
        return root
    updating.check(root, plan)
    mine = beside.exists() and state(beside)["plan"] == plan.hash
    ledger = Ledger(beside, plan.hash)
    if prepare(beside, plan, attrs, resume=mine, overwrite=not mine):
        ledger.load()
    if not ledger.receipts:
        updating.take_over(root, beside, plan, ledger)
    _drive(plan, beside, ledger, options)
    swap(beside, root)
    return root


def _drive(plan: Plan, root: Path, ledger: Ledger, options: _Options) -> None:
    """Run all that the ledger does not show as done, and call the store complete."""
    runner = _Runner(plan, root, ledger, options)
    try:
        set_state(root, "running")
        runner.stages()
        if options.verify:
            runner.verify()
        _check_input(plan)
    except KeyboardInterrupt:
        set_state(root, "canceled")
        raise
    except BaseException as error:
        _record_failure(root, error)
        raise
    finish(root)
    runner.tell("finished", out=str(root))


def _record_failure(root: Path, error: BaseException) -> None:
    try:
        set_state(root, "error", scatflow_error=str(error)[:2000])
    except OSError:  # a full disk must not hide the first error; the state stays "running" and resumes all the same
        return


def _check_input(plan: Plan) -> None:
    for node in plan.graph.nodes:
        if isinstance(node.value, Source) and node.value.fingerprint() != plan.fingerprints[node.id]:
            raise JobError(
                f"source {node.id}", "changed while the job ran", remedy="Start over with overwrite.", code="InputChanged"
            )


class _Runner:
    """State of one run: what is done, what is in flight, when the ledger was last written."""

    def __init__(self, plan: Plan, root: Path, ledger: Ledger, options: _Options) -> None:
        self.plan, self.root, self.ledger, self.client = plan, root, ledger, options.client
        self.retries, self.progress = options.retries, options.progress
        self.lanes = 1
        self.buffer: list[Receipt] = []
        self.flushed = time.monotonic()

    def tell(self, kind: str, **fields: Any) -> None:
        """Send an event to the caller and to observing plugins."""
        event = {
            "event": kind,
            "plan": self.plan.hash,
            "done": len(self.ledger.receipts) + len(self.buffer),
            "total": self.plan.tasks,
            **fields,
        }
        if self.progress is not None:
            self.progress(event)
        registry().notify(event)

    def stages(self) -> None:
        """Run every stage that the ledger does not show as finished."""
        self.tell("started", out=str(self.root))
        for stage in self.plan.stages:
            lean, limits = stage.lean(), self.plan.limits
            finals = range(len(stage.finals)) if stage.finals is not None else range(0)
            if stage.finals is not None and all((stage.number, "final", n) in self.ledger.receipts for n in finals):
                continue
            part = "partial" if stage.kind == "reduce" else "map"
            self._all(
                stage, part, len(stage.regions), functools.partial(_region_job, str(self.root), lean, limits.fft, limits.device)
            )
            if stage.finals is not None:
                self._all(stage, "final", len(finals), functools.partial(_final_job, str(self.root), lean, _partials(stage)))

    def _all(self, stage: Stage, part: str, count: int, job: Callable[[int], _Job]) -> None:
        pending = (n for n in range(count) if (stage.number, part, n) not in self.ledger.receipts)
        try:
            for receipt in self._results(stage, part, pending, job):
                self.buffer.append(receipt)
                if len(self.buffer) >= FLUSH_COUNT or time.monotonic() - self.flushed > FLUSH_SECONDS:
                    self.flush()
                self.tell("region", stage=stage.name, region=receipt.region, seconds=receipt.seconds, bytes=receipt.bytes)
        finally:
            self.flush()

    def flush(self) -> None:
        """Write the receipts in memory to the ledger."""
        self.ledger.append(self.buffer)
        self.buffer, self.flushed = [], time.monotonic()

    def _results(self, stage: Stage, part: str, pending: Iterator[int], job: Callable[[int], _Job]) -> Iterator[Receipt]:
        if self.client is None:
            for number in pending:
                function, *arguments = job(number)
                try:
                    yield function(*arguments)
                except Exception as error:
                    raise _failed(self.plan, stage, part, number, error) from error
            return
        yield from self._distributed(self.client, stage, part, pending, job)

    def _distributed(
        self, client: Client, stage: Stage, part: str, pending: Iterator[int], job: Callable[[int], _Job]
    ) -> Iterator[Receipt]:
        """Keep a capped number of regions in flight; a region that failed for good stops the stage."""
        # Workers that are just being started again count: of what the cluster had at the beginning of any stage, the most.
        self.lanes = max(self.lanes, cluster.lanes(client))
        cap = max(2, IN_FLIGHT * self.lanes)
        numbers: dict[Any, int] = {}

        def submit(number: int) -> Future[Any]:
            function, *arguments = job(number)
            key = f"{stage.name}-{part}-{number}-{self.plan.hash[:12]}-{time.monotonic_ns()}"
            future = client.submit(function, *arguments, key=key, pure=False, retries=self.retries)
            numbers[future] = number
            return future

        first = [submit(number) for number in itertools.islice(pending, cap)]
        waiting = as_completed(first)
        try:
            for future in finished(client, waiting):
                number = numbers.pop(future)
                try:
                    receipt = future.result()
                except Exception as error:
                    raise _failed(self.plan, stage, part, number, error) from error
                future.release()
                yield receipt
                for following in itertools.islice(pending, 1):
                    waiting.add(submit(following))
        finally:
            client.cancel(list(numbers))

    def verify(self) -> None:
        """Read every region of the results back; regions whose checksum differs are forgotten and reported."""
        bad = [receipt.key for receipt in self.ledger.receipts.values() if not self._intact(receipt)]
        if bad:
            self.ledger.forget(bad)
            raise StoreError(f"store {self.root}", f"{len(bad)} regions do not have the checksum they were written with", got=bad[:5],
                             remedy="Remove the store or overwrite it; the disk changed what was written.", code="ChecksumDiffers")  # fmt: skip

    def _intact(self, receipt: Receipt) -> bool:
        stage = self.plan.stages[receipt.stage]
        if receipt.part == "partial" or not all(target.result for target in stage.targets):
            return True
        final = receipt.part == "final" and stage.finals is not None
        box = (stage.finals if final and stage.finals else stage.regions).box(receipt.region)
        boxes = (box if final else stage.delivered(target, box) for target in stage.targets)
        blocks = (read(self.root, target.path, part, target.slab) for target, part in zip(stage.targets, boxes, strict=True))
        return tuple(checksum(block) for block in blocks) == receipt.crc


def _region_job(root: str, stage: Stage, fft: str, device: str, number: int) -> _Job:
    return (run_region, root, stage, number, fft, device)


def _final_job(root: str, stage: Stage, behind: list[tuple[int, ...]], number: int) -> _Job:
    return (run_final, root, stage, number, behind[number])


def _partials(stage: Stage) -> list[tuple[int, ...]]:
    """Return, per output region of a reduction, the input regions behind it in index order."""
    assert stage.finals is not None
    kept = [dim for dim, _ in stage.finals.sizes]
    numbers = {tuple(box[dim] for dim in kept): n for n, box in enumerate(stage.finals)}
    behind: list[list[int]] = [[] for _ in numbers]
    for n, box in enumerate(stage.regions):
        behind[numbers[tuple(box[dim] for dim in kept)]].append(n)
    return [tuple(regions) for regions in behind]


def _failed(plan: Plan, stage: Stage, part: str, number: int, error: Exception) -> JobError:
    """Turn a region's error into one that names the region, what happened, and what to do."""
    box = (stage.finals if part == "final" and stage.finals else stage.regions).box(number)
    subject = f"stage {stage.number} ({stage.name}), region {number} {dict(box)}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return JobError(subject, "disk full while writing", remedy="Free space and resume.", code="DiskFull")
    name = type(error).__name__
    if name == "KilledWorker" or isinstance(error, MemoryError):
        return _out_of_memory(plan, stage, subject, box)
    if name == "NoWorkerError":
        return JobError(
            subject, "no worker is left to compute it", got=str(error), remedy="Start workers and resume.", code="WorkersLost"
        )
    code = error.code if isinstance(error, ScatflowError) else "RegionFailed"
    return JobError(subject, f"failed: {name}: {str(error).removesuffix('.')}", remedy="Mend the cause and resume.", code=code)


def _out_of_memory(plan: Plan, stage: Stage, subject: str, box: Box) -> JobError:
    """Return the error of a region that takes more than its operators declare, with what was counted on and smaller blocks."""
    block = next(stage.regions.blocks(box))
    count = len(list(stage.regions.blocks(stage.regions.box(0))))
    smaller = {dim: -(-(stop - start) // 2) for dim, (start, stop) in block.items() if stop - start > 1}
    size = stage.projection.read // count / 2**20
    advice = f", or start over (overwrite) with smaller blocks: region={smaller}" if smaller else ""
    return JobError(subject, "workers died with it again and again, most likely out of memory",
                    expected=f"{stage.projection.peak / 2**20:.0f} MiB for it, within {plan.limits.memory / 2**20:.0f} MiB per worker",
                    got=f"more, for a block of {size:.3g} MiB", code="WorkerOutOfMemory",
                    remedy=f"Resume with fewer threads or more memory per worker{advice}. Operators that take more than they declare "
                           "are defects: report them.")  # fmt: skip
