"""``plan``: what a run would do, before anything is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from scatflow.cli.job import opened
from scatflow.cli.options import ALLOW_DRIFT, DEVICE, MEMORY, PARAMETERS, REGION, STRATEGY, SWEEP, TOL
from scatflow.cli.words import lengths


@click.command()
@click.argument("pipeline", type=click.Path(path_type=Path))
@PARAMETERS
@SWEEP
@ALLOW_DRIFT
@REGION
@MEMORY
@DEVICE
@STRATEGY
@TOL
@click.option("--threads", type=click.IntRange(1), help="Threads per worker.")
@click.option("--workers", type=click.IntRange(1), help="Worker processes, for the wall time.")
@click.option("--calibrate", is_flag=True, help="Measure this machine on the plan's stages first, and keep the rates.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(
    pipeline: Path,
    parameters: Sequence[str],
    sweep: bool,
    allow_drift: bool,
    region: Sequence[str],
    memory: str | None,
    device: str,
    strategy: Any,
    tol: float | None,
    threads: int | None,
    workers: int | None,
    calibrate: bool,
    as_json: bool,
) -> None:
    """Explain what running PIPELINE would do; nothing is read but labels."""
    made = opened(pipeline, parameters, sweep, allow_drift).plan(
        memory=memory, threads=threads, workers=workers, region=lengths(region), device=device,
        strategy=strategy, tol=tol, measure=calibrate,
    )  # fmt: skip
    if as_json:
        document = {"plan": made.hash, "tasks": made.tasks, "stages": made.table()}
        document["seconds"] = None if made.time is None else asdict(made.time)
        click.echo(json.dumps(document, indent=2))
    else:
        print_plan(made)


def print_plan(made: Any) -> None:
    """Print one block per stage: columns enough for a wide table would not fit a terminal."""
    from scatflow.cli.screen import print_heading, print_pairs

    for row in made.table():
        print_heading(f"stage {row['stage']}: {row['target']} ({row['kind']})")
        print_pairs([(key, str(value)) for key, value in row.items() if key not in ("stage", "target", "kind") and value != ""])
    for line in made.notes():
        click.echo(line)
