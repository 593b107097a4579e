"""``check``: a plugin's operators held to the contract by the conformance kit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from scatflow.cli.outcome import FAILED, OK

if TYPE_CHECKING:
    from scatflow.testing import Report


@click.command()
@click.argument("dist")
@click.option("--level", type=click.IntRange(1, 2), default=1, show_default=True, help="1: required of plugins; 2: advice too.")
@click.option("--only", multiple=True, metavar="CHECK", help="Carry out this check, of whatever level; repeatable.")
@click.option("--gpu", is_flag=True, help="Fail where a check that needs a GPU is not run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(dist: str, level: int, only: Sequence[str], gpu: bool, as_json: bool) -> int:
    """Hold the operators of the plugin DIST, or the one operator DIST:NAME, to the contract.

    Exit code 1 means that a check failed or, with --gpu, that one was not run.
    """
    from scatflow.errors import RegistryError
    from scatflow.testing import check_operator
    from scatflow.testing.provided import operators_of, unusable

    reports = []
    for provided, declared in operators_of(dist).items():
        report = (
            unusable(provided, declared)
            if isinstance(declared, RegistryError)
            else check_operator(declared, level, only=only, provided=provided)
        )
        reports.append(report)
        if not as_json:
            click.echo(str(report))
    if as_json:
        click.echo(json.dumps([report.to_dict() for report in reports], indent=2))
    else:
        _print_table(reports)
    missing = any(report.not_run for report in reports)
    return OK if reports and all(report.passed for report in reports) and not (gpu and missing) else FAILED


def _print_table(reports: Sequence[Report]) -> None:
    from scatflow.cli.screen import print_table
    from scatflow.testing.report import COLUMNS, table

    if not reports:
        click.echo("The plugin provides no operator.")
        return
    click.echo("")
    print_table(table(reports), COLUMNS)
