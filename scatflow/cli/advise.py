"""``advise``: how many octaves data can bear, and what they cost; nothing is read but labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from scatflow.cli.options import PARAMETERS
from scatflow.cli.words import pairs


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--dims", metavar="DIM,DIM", help="Core dims, such as y,x; default all.")
@click.option("--variable", metavar="NAME", help="Variable, where there are several.")
@click.option("--over", multiple=True, metavar="DIM", help="Dim whose items are realizations; repeatable.")
@PARAMETERS
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def advise(
    path: Path, dims: str | None, variable: str | None, over: Sequence[str], parameters: Sequence[str], as_json: bool
) -> None:
    """Advise on a scattering transform of PATH (a zarr store, NetCDF, HDF5 or parquet file); -p sets its parameters."""
    from scatflow.advice import advise as advised

    core = None if dims is None else tuple(dim.strip() for dim in dims.split(","))
    found = advised(path, core, variable=variable, over=tuple(over) or None, **pairs(parameters))
    if as_json:
        tables = {name: json.loads(data.to_dataframe().reset_index().to_json(orient="records"))
                  for name, data in (("octaves", found.octaves), ("costs", found.costs))}  # fmt: skip
        click.echo(json.dumps({"J": found.J, "why": found.why, "unit": found.octaves["window"].attrs["units"], **tables}, indent=2))
    else:
        click.echo(str(found))
