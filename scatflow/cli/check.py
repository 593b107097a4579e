"""``check``: a plugin's operators held to the contract by the conformance kit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

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

    Exit code 1 means that a check failed, that a part of the plugin cannot be used or, with --gpu, that a check was not run.
    """
    from scatflow.testing.provided import operators_of

    reports = []
    for report in chain(
        (_checked(name, declared, level, only) for name, declared in operators_of(dist).items()), _failed_entries(dist)
    ):
        reports.append(report)
        if not as_json:
            click.echo(str(report))
    if as_json:
        click.echo(json.dumps([report.to_dict() for report in reports], indent=2))
    else:
        _print_table(reports)
    missing = any(report.not_run for report in reports)
    return OK if reports and all(report.passed for report in reports) and not (gpu and missing) else FAILED


def _checked(name: str, declared: Any, level: int, only: Sequence[str]) -> Report:
    """Return the report of one operator; one that ends the program fails alone, and what kernels print is no report."""
    from scatflow.errors import RegistryError
    from scatflow.registry.guard import Failure, guarded
    from scatflow.testing import check_operator
    from scatflow.testing.provided import unusable

    if isinstance(declared, RegistryError):
        return unusable(name, declared)
    try:
        report: Report = guarded("", partial(check_operator, declared, level, only=only, provided=name))
    except Failure as failure:
        if isinstance(failure.__cause__, Exception):  # no operator's fault: the kit reports those
            raise failure.__cause__ from None
        return unusable(name, RegistryError(f"operator {name!r}", "cannot be checked", got=failure.reason))
    return report


def _failed_entries(dist: str) -> Iterator[Report]:
    """Yield a failed report for every entry point of a distribution that cannot be used: its operators are not checked."""
    from scatflow.api import normalized
    from scatflow.errors import RegistryError
    from scatflow.registry import registry
    from scatflow.testing.provided import unusable

    for plugin in registry().plugins:
        if plugin.dist == normalized(dist) and plugin.state.startswith("failed"):
            error = RegistryError(f"entry point {plugin.entry!r} of {plugin.dist}", f"is {plugin.state}", got=plugin.reason)
            yield unusable(f"{plugin.dist} {plugin.entry}", error)


def _print_table(reports: Sequence[Report]) -> None:
    from scatflow.cli.screen import print_table
    from scatflow.testing.report import COLUMNS, table

    if not reports:
        click.echo("The plugin provides no operator.")
        return
    click.echo("")
    print_table(table(reports), COLUMNS)
