"""``run`` and ``data``: pipelines from the shell, on this machine or a cluster."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from scatflow.cli.options import ALLOW_DRIFT, SWEEP, job_options
from scatflow.cli.outcome import heeding
from scatflow.cli.words import lengths, pairs, swept


@click.command()
@click.argument("pipeline", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Result store; default the pipeline's name with .zarr.")
@SWEEP
@ALLOW_DRIFT
@job_options
def run(pipeline: Path, output: Path | None, parameters: Sequence[str], sweep: bool, allow_drift: bool, **options: Any) -> None:
    """Run PIPELINE (JSON or YAML) into a zarr store.

    A run that was stopped, by whatever, keeps what it finished: give the same command with --resume. What is stored does
    not depend on workers, threads, kills or resumes.
    """
    target = output or Path(f"{pipeline.stem}.zarr")
    place = target.absolute()  # before any plugin is loaded, which might change the working directory
    execute(opened(pipeline, parameters, sweep, allow_drift), place, options)
    click.echo(f"{target}: complete")


def opened(path: Path, parameters: Sequence[str], sweep: bool, allow_drift: bool) -> Any:
    """Return the pipeline of a file with the parameters of the command line."""
    from scatflow.pipeline import Pipeline

    if not sweep:
        return warned(Pipeline.from_file(path, allow_drift=allow_drift, **values(parameters)))
    fixed, over = swept(parameters)
    return warned(Pipeline.sweep(path, over, allow_drift=allow_drift, **fixed))


def values(words: Sequence[str]) -> dict[str, Any]:
    """Return the values of a pipeline's parameters."""
    found = pairs(words)
    if "allow_drift" in found:
        raise click.BadParameter("allow_drift is no parameter of a pipeline: --allow-drift is an option", param_hint="-p")
    return found


def warned(pipeline: Any) -> Any:
    """Print what is odd about a pipeline and return it."""
    for problem in pipeline.graph.warnings:
        click.echo(f"Warning: {problem}", err=True)
    return pipeline


class _Data(click.Command):
    """``data NAME``, where the name ``convert`` stands for a command of its own."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Hand ``convert`` on with what follows."""
        if args[:1] != ["convert"]:
            return super().make_context(info_name, args, parent, **extra)
        from scatflow.cli.convert import convert

        return convert.make_context(f"{info_name} convert", args[1:], parent, **extra)


@click.command(cls=_Data)
@click.argument("name")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Store to write; default NAME.zarr.")
@job_options
def data(name: str, output: Path | None, parameters: Sequence[str], **options: Any) -> None:
    """Write the source NAME (sp500, turbulence2d, ising, ...) to a labelled zarr store.

    `scatflow ops NAME` describes the source's parameters. `scatflow data convert FILE` converts a file of your own.
    """
    from scatflow.pipeline import Pipeline

    target = output or Path(f"{name}.zarr")
    place = target.absolute()
    execute(warned(Pipeline.from_source(name, **pairs(parameters))), place, options)
    click.echo(f"{target}: complete")


def execute(
    pipeline: Any, output: Path, options: Mapping[str, Any], *, region: Mapping[str, int] | None = None, explain: bool = False
) -> None:
    """Run a pipeline as the job options say; ``region`` holds lengths where the options name none, ``explain`` prints the plan."""
    if options["resume"] + options["overwrite"] + options["update"] > 1:
        raise click.UsageError("--resume continues what is there, --update adds to it, --overwrite removes it: give one of them.")
    if options["scheduler"] and options["workers"]:
        raise click.UsageError("--scheduler names a cluster, --workers starts one: give one of them.")
    from scatflow.cli.progress import progress

    where = {"memory": options["memory"], "region": {**(region or {}), **lengths(options["region"])}, "device": options["device"],
             "strategy": options["strategy"], "tol": options["tol"]}  # fmt: skip
    # Schedulers end a job by SIGTERM: like Ctrl-C, it closes the ledger and the job can be resumed.
    with heeding(signal.SIGTERM), _client(options) as client:
        if explain:
            from scatflow.cli.plan import print_plan

            print_plan(pipeline.plan(client=client, **where))
        with progress(options["quiet"]) as observe:
            pipeline.run(
                output, client=client, resume=options["resume"], overwrite=options["overwrite"], update=options["update"],
                verify=options["verify"], progress=observe, **where,
            )  # fmt: skip


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
            yield stack.enter_context(cluster.local(options["workers"], options["threads"], options["memory"]))
            return
        try:
            client = stack.enter_context(cluster.connect(options["scheduler"]))
        except (OSError, ValueError) as error:
            raise JobError(f"scheduler {options['scheduler']!r}", "cannot be reached", got=f"{type(error).__name__}: {error}",
                           remedy="Check the address, and that the scheduler runs.", code="SchedulerUnreachable") from error  # fmt: skip
        yield client
