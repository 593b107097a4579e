"""``compare``: two results aligned on their labels, with the coefficients that differ most."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--sample", multiple=True, metavar="DIM", help="Dim of an ensemble whose items are independent samples; repeatable.")
@click.option("--variable", metavar="NAME", help="Variable, where there are several.")
@click.option(
    "--on", type=click.Choice(["labels", "index", "scale"]), default="labels", show_default=True,
    help="Coefficients meet where labels agree, where numbers such as j1 do, or where scales and angles do.",
)  # fmt: skip
@click.option("--allow", multiple=True, metavar="FIELD", help="Field in which the two may differ, such as filters; repeatable.")
@click.option("--permutations", type=click.IntRange(1), default=999, show_default=True, help="Of the test of ensembles.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the permutations.")
@click.option("--top", type=click.IntRange(0), default=10, show_default=True, help="Coefficients to list.")
@click.option(
    "--plot", "picture", type=click.Path(path_type=Path), metavar="FILE", help="Draw both and z by scale (.png, .pdf, .svg)."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(a: Path, b: Path, sample: Sequence[str], variable: str | None, on: Any, allow: Sequence[str], permutations: int, seed: int,
            top: int, picture: Path | None, as_json: bool) -> None:  # fmt: skip
    """Compare the results A and B (zarr stores): statistics by their errors, or ensembles of coefficients.

    Prints the coefficients of the largest |z|, and the test of all together. Results that differ in filters,
    normalization, boundary or kind of input are refused, with exit code 2.
    """
    from scatflow.comparison import compare as compared
    from scatflow.comparison.summary import largest

    found = compared(
        a, b, sample=tuple(sample) or None, variable=variable, on=on, allow=tuple(allow), n_permutations=permutations, seed=seed
    )
    if as_json:
        rows = [dict(zip(("label", "mean_a", "mean_b", "z", "p", "q"), row, strict=True)) for row in largest(found, top)]
        facts = {key: value for key, value in found.attrs.items() if key not in ("scatflow_a", "scatflow_b", "summary")}
        click.echo(json.dumps(_plain({"a": str(a), "b": str(b), **facts, "largest": rows}), indent=2))
    else:
        _print(a, b, found, largest(found, top))
    if picture is not None:
        from scatflow.accessor.plots import comparison

        path = comparison.save(found, picture, names=(a.stem, b.stem) if a.stem != b.stem else (str(a), str(b)))
        click.echo(f"wrote {path}", err=as_json)


def _print(a: Path, b: Path, found: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    from scatflow.cli.screen import print_heading, print_table

    print_heading(f"a: {a}\nb: {b}")
    click.echo(found.attrs["summary"])
    if rows:
        cells = [
            [row[0], *(f"{value:.4g}" for value in row[1:3]), f"{row[3]:+.2f}", *(f"{value:.2g}" for value in row[4:])]
            for row in rows
        ]
        print_table(cells, ["largest |z|", "mean of a", "mean of b", "z", "p", "q"], right=range(1, 6))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: numbers that are not finite are null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
