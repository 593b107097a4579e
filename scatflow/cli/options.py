"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

PARAMETERS = click.option(
    "-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Value of a parameter, YAML; repeatable."
)  # fmt: skip
REGION = click.option("--region", multiple=True, metavar="DIM=LENGTH", help="Region length along a free dim; repeatable.")
MEMORY = click.option("--memory", metavar="BYTES", help='Per worker, for example "4 GiB".')
DEVICE = click.option(
    "--device", type=click.Choice(["auto", "cpu", "gpu"]), default="cpu", show_default=True, help="Where kernels run."
)  # fmt: skip
STRATEGY = click.option(
    "--strategy", type=click.Choice(["batch", "halo", "pyramid", "pencil"]), help="Core dims whole in every task, in parts with a halo, octave by octave, or one whole at a time; default one of the first three, whole where that fits."
)  # fmt: skip
TOL = click.option("--tol", type=float, help="Tolerance of halos; default 3e-5 in single and 3e-7 in double precision.")
ALLOW_DRIFT = click.option(
    "--allow-drift", is_flag=True, help="Use operators that are not installed in the version stated; the record tells."
)  # fmt: skip
SWEEP = click.option("--sweep", is_flag=True, help="Take every value of parameters given as -p J=4,5,6: one job for all.")


def job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what ``run`` and ``data`` share: where to compute, and what to do with a store that is there."""
    for option in reversed((
        PARAMETERS, REGION, MEMORY, DEVICE, STRATEGY, TOL,
        click.option("--scheduler", metavar="ADDRESS", help="Scheduler of a running cluster."),
        click.option("--workers", type=click.IntRange(1), help="Start this many local worker processes."),
        click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads per local worker."),
        click.option("--resume", is_flag=True, help="Continue the same plan in an existing store."),
        click.option("--overwrite", is_flag=True, help="Replace an existing result."),
        click.option("--update", is_flag=True, help="Bring an existing result up to an input that has grown."),
        click.option("--verify", is_flag=True, help="Read everything back and compare checksums."),
        click.option("-q", "--quiet", is_flag=True, help="No progress bar."),
    )):  # fmt: skip
        command = option(command)
    return command
