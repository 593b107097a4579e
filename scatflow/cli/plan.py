"""``plan``: what a run would do, before anything is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from scatflow.cli.options import DEVICE, MEMORY, PARAMETERS, REGION
from scatflow.cli.words import lengths, pairs


@click.command()
@click.argument("pipeline", type=click.Path(path_type=Path))
@PARAMETERS
@REGION
@MEMORY
@DEVICE
@click.option("--threads", type=click.IntRange(1), help="Threads per worker.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(
    pipeline: Path,
    parameters: Sequence[str],
    region: Sequence[str],
    memory: str | None,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Explain what running PIPELINE would do; nothing is read but labels."""
    from scatflow.pipeline import Pipeline

    values = pairs(parameters)
    made = Pipeline.from_file(pipeline, **values).plan(memory=memory, threads=threads, region=lengths(region), device=device)
    if as_json:
        click.echo(json.dumps({"plan": made.hash, "tasks": made.tasks, "stages": made.table()}, indent=2))
    else:
        print_plan(made)


def print_plan(made: Any) -> None:
    """Print one block per stage: columns enough for a wide table would not fit a terminal."""
    from scatflow.cli.screen import print_heading, print_pairs, size

    for row in made.table():
        print_heading(f"stage {row['stage']}: {row['target']} ({row['kind']})")
        print_pairs([(key, str(value)) for key, value in row.items() if key not in ("stage", "target", "kind")])
    largest = size(made.max_projected_memory)
    click.echo(f"{made.tasks} task{'s' if made.tasks != 1 else ''}, the largest {largest}; plan {made.hash[:12]}")
