"""The table of first- and second-order coefficients by scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from scatflow.accessor.plots.paths import Paths


def print_coefficients(subject: xr.DataArray | xr.Dataset, chosen: Mapping[str, Any] | None = None) -> None:
    """Print S1, and S2/S1 by second octave, one row per first octave; nothing for arrays without paths."""
    from scatflow.accessor import plots
    from scatflow.cli.screen import print_heading, print_table
    from scatflow.errors import DataError, PlanError

    if not plots.has_paths(subject):
        return
    try:
        arranged = plots.arrange(subject, **{dim: item for dim, item in (chosen or {}).items() if dim in subject.dims})
    except (DataError, PlanError) as error:
        click.echo(f"no table: {error}", err=True)
        return
    header, rows = coefficient_table(arranged.tree, arranged.units)
    print_heading(f"\n{arranged.name}" + (f"  ({arranged.note})" if arranged.note else ""))
    print_table(rows, header, right=range(len(header)))
    if arranged.tree.has_second:
        click.echo("  S2/S1: rows are first octaves j1, columns second octaves j2; angles and voices averaged")


def coefficient_table(tree: Paths, units: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows; means over angles and voices of an octave, with errors where they are known."""
    seconds = sorted({int(j) for j in tree.second.j}) if tree.has_second else []
    with_error = bool(np.isfinite(tree.one_se).any())
    header = [
        "j1",
        f"scale [{units}]" if units else "scale",
        "S1",
        *(["± se"] if with_error else []),
        *(f"j2={j}" for j in seconds),
    ]
    rows = []
    for j in sorted({int(j) for j in tree.first.j}):
        band = tree.first.j == j
        first = _mean(tree.one[band])
        row = [str(j), _number(float(np.exp(np.log(tree.first.scale[band]).mean()))), _number(first)]
        row += [_number(_mean(tree.one_se[band]))] if with_error else []
        divisor = 1.0 if tree.normalized else first
        row += [_number(_mean(tree.two[np.ix_(band, tree.second.j == second)]) / divisor) for second in seconds]
        rows.append(row)
    return header, rows


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else ""
