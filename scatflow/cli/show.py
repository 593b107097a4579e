"""``show``: a labelled summary of a result, its coefficients as a table, its pictures."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import xarray as xr

    from scatflow.graph import Provenance

#: Attributes that the summary shows in words of its own, or that are bookkeeping.
_KNOWN = frozenset({"units", "long_name", "standard_name", "title", "scatflow", "scatflow_state", "scatflow_plan"})


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for pictures; default beside the store.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Kind of picture: field, series, coefficients, disc, "
              "spectrum, planes, filters, scalogram or scattergram; default all that suit the labels.")  # fmt: skip
@click.option("--sel", "chosen", multiple=True, metavar="DIM=ITEM", help="Item of a batch dim to draw, a position or a label; "
              "default the first.")  # fmt: skip
@click.option("--format", "suffix", type=click.Choice(["png", "pdf", "svg"]), default="png", show_default=True, help="Of pictures.")
@click.option("--no-pictures", is_flag=True, help="Print the summary only.")
@click.option("--methods", is_flag=True, help="Print a paragraph for the methods section of a paper, nothing else.")
@click.option("--cite", is_flag=True, help="Print BibTeX of software, methods, models and data, nothing else.")
def show(
    result: Path,
    output: Path | None,
    kinds: Sequence[str],
    chosen: Sequence[str],
    suffix: str,
    no_pictures: bool,
    methods: bool,
    cite: bool,
) -> None:
    """Summarize RESULT (a zarr store) and draw its pictures.

    Pictures and table show the first item of every batch dim, or the one that --sel names; pictures of coefficients and
    the table average over the core dims.
    """
    from scatflow.cli.coefficients import print_coefficients
    from scatflow.store import open_result

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it is incomplete stands in the summary
        opened = open_result(result)
    found = groups(opened)
    if methods or cite:
        print_publication(opened.attrs, found, methods, cite)
        return
    print_summary(result, opened.attrs, found)
    shown, items = drawable(opened, found), selection(chosen, found)
    for dataset in found.values():
        for subject in subjects(dataset).values():
            print_coefficients(subject, items)
    if not no_pictures:
        for path in pictures(shown, output or result.with_name(f"{result.stem}-pictures"), kinds, suffix, items):
            click.echo(f"wrote {path}")


def selection(chosen: Sequence[str], found: Mapping[str, xr.Dataset]) -> dict[str, int | float | str]:
    """Return items by dim of words ``DIM=ITEM``; whole numbers are positions, the rest labels."""
    from scatflow.errors import ParameterError, near

    dims = sorted({str(dim) for dataset in found.values() for dim in dataset.dims})
    items: dict[str, int | float | str] = {}
    for words in chosen:
        dim, _, value = words.partition("=")
        if not (dim and value):
            raise ParameterError("--sel", "a dim and an item are needed", expected="DIM=ITEM, as realization=3", got=words)
        if dim not in dims:
            raise ParameterError(
                "--sel", "the result has no such dim", expected=f"one of {dims}", got=repr(dim), remedy=near(dim, dims)
            )
        items[dim] = _number(value)
    return items


def _number(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def print_publication(attrs: Mapping[str, Any], found: Mapping[str, xr.Dataset], methods: bool, cite: bool) -> None:
    """Print what a paper needs: the paragraph, the BibTeX, or both."""
    from scatflow.cli.cite import absent, bibtex
    from scatflow.cli.methods import paragraph
    from scatflow.graph import parse_provenance

    record = parse_provenance(attrs)
    parts = [paragraph(record, attrs, found)] * methods + [bibtex(record, attrs, found)] * cite
    click.echo("\n\n".join(parts))
    for name in absent(record):
        click.echo(f"Warning: {name} is not installed, so its references are missing.", err=True)


def groups(opened: xr.Dataset | xr.DataTree) -> dict[str, xr.Dataset]:
    """Return the datasets of a result by group: one without a name, or those of results that have sizes of their own."""
    import xarray as xr

    if isinstance(opened, xr.DataTree):
        return {node.path.strip("/"): node.to_dataset() for node in opened.subtree if node.data_vars}
    return {"": opened}


def drawable(
    opened: xr.Dataset | xr.DataTree, found: Mapping[str, xr.Dataset]
) -> dict[str, xr.DataArray | xr.Dataset | xr.DataTree]:
    """Return by name what is drawn and tabulated: octaves of one transform together, else every group's subjects."""
    import xarray as xr

    from scatflow.accessor import plots

    if isinstance(opened, xr.DataTree) and plots.are_octaves(opened):
        (name,) = {str(name) for dataset in found.values() for name in dataset.data_vars}
        return {name: opened}
    return {"-".join(filter(None, (group, name))): one for group, data in found.items() for name, one in subjects(data).items()}


def subjects(dataset: xr.Dataset) -> dict[str, xr.DataArray | xr.Dataset]:
    """Return by name what is drawn and tabulated: statistics together (mean with its error), other variables one by one."""
    if "mean" in dataset.data_vars:
        return {"mean": dataset}
    return {str(name): array.rename(name) for name, array in dataset.data_vars.items()}


def print_summary(path: Path, attrs: Mapping[str, Any], found: Mapping[str, xr.Dataset]) -> None:
    """Print state, variables, coordinates with ranges and units, attributes, provenance."""
    from scatflow.cli.screen import print_heading, print_pairs

    state = attrs.get("scatflow_state", "unknown")
    print_heading(f"{path}: {state}" + ("" if state == "complete" else ", what is not finished reads as NaN"))
    sections: list[tuple[str, list[tuple[str, str]]]] = []
    for group, dataset in found.items():
        of = f" of {group}" if group else ""
        sections.append((f"variables{of}", [_variable(str(name), array) for name, array in dataset.data_vars.items()]))
        sections.append((f"coordinates{of}", [_coordinate(str(name), coord) for name, coord in dataset.coords.items()]))
    sections += [("attributes", _attributes(attrs, found)), ("provenance", _provenance(attrs))]
    for title, pairs in sections:
        if pairs:
            print_heading(f"\n{title}")
            print_pairs(pairs)


def _variable(name: str, array: xr.DataArray) -> tuple[str, str]:
    from scatflow.cli.screen import size

    sizes = ", ".join(f"{dim} {length}" for dim, length in array.sizes.items()) or "scalar"
    units = f" [{array.attrs['units']}]" if array.attrs.get("units") not in (None, "1") else ""
    words = str(array.attrs.get("long_name", ""))
    return name, f"{words}{units}  ({sizes})  {array.dtype}, {size(array.nbytes)}".strip()


def _coordinate(name: str, coord: xr.DataArray) -> tuple[str, str]:
    units = coord.attrs.get("units")
    shown = f" {units}" if units not in (None, "1") else ""
    sampling = ", by sample" if coord.attrs.get("sampling") == "index" else ""
    dims = "" if coord.dims == (name,) else f" on {', '.join(map(str, coord.dims)) or 'nothing'}"
    return name, f"{_extent(coord)}{shown}{dims}{sampling}"


def _extent(coord: xr.DataArray) -> str:
    """Return the range of a coordinate's values; unused labels (-1, NaN) do not count."""
    import numpy as np

    values = np.asarray(coord.values)
    if values.size == 0:
        return "empty"
    if values.dtype.kind == "M":
        first, last = (str(np.datetime64(moment, "s")).removesuffix("T00:00:00") for moment in (values.min(), values.max()))
        return f"{first} … {last}"
    if values.dtype.kind == "f" and np.isfinite(values).any():
        return _span(f"{np.nanmin(values):.6g}", f"{np.nanmax(values):.6g}")
    if values.dtype.kind in "iu":
        used = values[values >= 0] if coord.dims == ("path",) and (values >= 0).any() else values
        return _span(str(used.min()), str(used.max()))
    flat = [str(value) for value in values.ravel()[[0, -1]]]
    return _span(*flat)


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} … {last}"


def _attributes(attrs: Mapping[str, Any], groups: Mapping[str, xr.Dataset]) -> list[tuple[str, str]]:
    found = dict(attrs)
    for dataset in groups.values():
        for array in dataset.data_vars.values():
            found |= array.attrs
    return [(str(key), str(value)) for key, value in sorted(found.items()) if key not in _KNOWN]


def _provenance(attrs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return operators, plugins and versions, as far as the store knows them."""
    from scatflow.errors import StoreError
    from scatflow.graph.canonical import after_inputs
    from scatflow.graph.record import parse_provenance

    try:
        record = parse_provenance(attrs)
    except StoreError as error:
        return [("", str(error))]

    def several(entries: Any) -> str:
        return ", ".join(f"{name} {' and '.join(map(str, versions))}" for name, versions in sorted(entries.items()))

    nodes = record.document["process_graph"]
    order = after_inputs(nodes, next(name for name, node in nodes.items() if node.get("result")))
    pairs = [
        ("pipeline", " → ".join(nodes[name]["process_id"] for name in order)),
        ("operators", several(record.operators)), ("plugins", several(record.plugins)),
        ("drift", told_drift(record)),
        ("reproducible", "" if record.reproducible else "no: single-file plugins took part"),
        ("seeds", ", ".join(f"{node} {seed}" for node, seed in record.seeds.items())),
        ("versions", ", ".join(f"{name} {number}" for name, number in record.versions.items())),
        ("plan", str(attrs.get("scatflow_plan", ""))[:12]),
    ]  # fmt: skip
    return [(name, value) for name, value in pairs if value]


def told_drift(record: Provenance) -> str:
    """Return what was used in another version than was stated, in words."""
    return ", ".join(f"{one.id} recorded {one.recorded}, used {one.used}" for one in record.drift)


def pictures(
    shown: Mapping[str, xr.DataArray | xr.Dataset | xr.DataTree],
    folder: Path,
    kinds: Sequence[str],
    suffix: str,
    chosen: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Draw everything in every kind that suits its labels (or those asked for) and return the files.

    Kinds that a variable cannot be drawn in are passed over as long as another variable can; what holds no number yet, or
    too many, is told and passed over.
    """
    from scatflow.accessor import plots
    from scatflow.errors import DataError, DimensionError, ParameterError, PlanError

    written: list[Path] = []
    refused: list[Exception] = []
    for name, subject in shown.items():
        try:
            wanted = kinds or plots.kinds(subject)
        except ParameterError as error:  # a scalar has nothing to draw
            refused.append(error)
            continue
        items = {dim: choice for dim, choice in (chosen or {}).items() if dim in _dims(subject)}
        for kind in wanted:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                written.append(plots.save(subject, folder / f"{name}-{kind}.{suffix}", kind, sel=items))
            except DimensionError as error:
                refused.append(error)
            except (DataError, PlanError) as error:
                refused.append(error)
                click.echo(f"not drawn: {name} as {kind}: {error}", err=True)
    if kinds and refused and not written:
        raise refused[0]
    return written


def _dims(subject: xr.DataArray | xr.Dataset | xr.DataTree) -> set[str]:
    import xarray as xr

    nodes = subject.subtree if isinstance(subject, xr.DataTree) else [subject]
    return {str(dim) for node in nodes for dim in node.dims}
