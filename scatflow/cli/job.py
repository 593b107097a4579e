"""``run`` and ``data``: pipelines from the shell, on this machine or a cluster."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import click

from scatflow.cli.options import job_options
from scatflow.cli.words import lengths, pairs


@click.command()
@click.argument("pipeline", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Result store; default the pipeline's name with .zarr.")
@job_options
def run(pipeline: Path, output: Path | None, parameters: Sequence[str], **options: Any) -> None:
    """Run PIPELINE (JSON or YAML) into a zarr store.

    A run that was stopped, by whatever, keeps what it finished: give the same command with --resume. What is stored does
    not depend on workers, threads, kills or resumes.
    """
    from scatflow.pipeline import Pipeline

    _run(Pipeline.from_file(pipeline, **pairs(parameters)), output or Path(f"{pipeline.stem}.zarr"), options)


@click.command()
@click.argument("name")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Store to write; default NAME.zarr.")
@job_options
def data(name: str, output: Path | None, parameters: Sequence[str], **options: Any) -> None:
    """Write the source NAME (sp500, turbulence2d, ising, ...) to a labelled zarr store.

    `scatflow ops NAME` describes the source's parameters.
    """
    from scatflow.pipeline import Pipeline

    _run(Pipeline.from_source(name, **pairs(parameters)), output or Path(f"{name}.zarr"), options)


def _run(pipeline: Any, output: Path, options: Mapping[str, Any]) -> None:
    if options["resume"] and options["overwrite"]:
        raise click.UsageError("--resume continues what is there, --overwrite removes it: give one of them.")
    if options["scheduler"] and options["workers"]:
        raise click.UsageError("--scheduler names a cluster, --workers starts one: give one of them.")
    from scatflow.cli.progress import progress

    with _stoppable(), _client(options) as client, progress(options["quiet"]) as observe:
        pipeline.run(
            output, client=client, resume=options["resume"], overwrite=options["overwrite"], verify=options["verify"],
            memory=options["memory"], region=lengths(options["region"]), device=options["device"], progress=observe,
        )  # fmt: skip
    click.echo(f"{output}: complete")


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Treat SIGTERM, by which schedulers end a job, like Ctrl-C: the run closes its ledger and can be resumed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever runs us there owns the signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _client(options: Mapping[str, Any]) -> Iterator[Any]:
    """Yield a client of the cluster that the options name; None computes in this process."""
    if not (options["scheduler"] or options["workers"]):
        yield None
        return
    from scatflow import cluster
    from scatflow.errors import JobError

    with contextlib.ExitStack() as stack:
        if options["workers"]:
            yield stack.enter_context(cluster.local(options["workers"], options["threads"]))
            return
        try:
            client = stack.enter_context(cluster.connect(options["scheduler"]))
        except (OSError, ValueError) as error:
            raise JobError(f"scheduler {options['scheduler']!r}", "cannot be reached", got=f"{type(error).__name__}: {error}",
                           remedy="Check the address, and that the scheduler runs.", code="SchedulerUnreachable") from error  # fmt: skip
        yield client
