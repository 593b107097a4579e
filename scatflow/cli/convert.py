"""``data convert``: NetCDF, HDF5, parquet or zarr to one labelled zarr store, as a resumable job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scatflow.cli.job import execute
from scatflow.cli.options import job_options
from scatflow.cli.words import lengths, pairs

if TYPE_CHECKING:
    import xarray as xr

#: Bytes of a block where neither the file nor the caller says in what blocks to read.
BLOCK_BYTES = 16 * 2**20
#: Kinds of numbers that a result can hold.
_NUMBERS = "biufc"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Store to write; default the file's name with .zarr.")
@click.option("--variable", "variables", multiple=True, metavar="NAME", help="Variable to convert; repeatable; default all.")
@click.option("--chunks", multiple=True, metavar="DIM=LENGTH", help="Stored chunk length along a dim; repeatable.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="New name of a variable, dim or coordinate; repeatable.")
@job_options
def convert(
    file: Path,
    output: Path | None,
    variables: Sequence[str],
    chunks: Sequence[str],
    rename: Sequence[str],
    parameters: Sequence[str],
    **options: Any,
) -> None:
    """Convert FILE (NetCDF, HDF5, parquet, zarr format 2 or 3) to a labelled zarr store.

    The plan is printed first; the job runs region by region and can be resumed. Labels, units, dates and attributes are
    kept. --chunks names dims as they are called in the result. -p hands on what `scatflow ops open_netcdf` (open_parquet,
    open_zarr) lists, such as group=NAME or index=COLUMN.
    """
    from scatflow.pipeline import Pipeline
    from scatflow.store import annotate

    target = output or Path(f"{file.stem}.zarr")
    if target.resolve() == file.resolve():
        raise click.UsageError("the result would replace its own input: name it with -o.")
    place, asked = target.absolute(), lengths(chunks, "--chunks")
    request = _request(file, variables, asked, _names(rename), pairs(parameters))
    pipeline = Pipeline.from_document(document(request))
    check(pipeline, request)
    execute(pipeline, place, options, region=asked, explain=True)
    if request.attrs:
        annotate(place, request.attrs)
    click.echo(f"{target}: complete")


@dataclass(frozen=True)
class Request:
    """What to convert: source, its arguments by name of the result, and attributes of the whole file."""

    subject: str
    process: str
    arrays: Mapping[str, Mapping[str, Any]]
    attrs: Mapping[str, Any]


def _request(
    file: Path, variables: Sequence[str], chunks: Mapping[str, int], renames: Mapping[str, str], extra: Mapping[str, Any]
) -> Request:
    from scatflow.pipeline import reader
    from scatflow.registry import registry
    from scatflow.store.labelled import pick

    process, subject = reader(file), f"file {str(file)!r}"
    source: Any = registry().find("sources", f"scatflow:{process}")
    dataset: xr.Dataset = source(path=str(file), **extra).open()
    found = {name: pick(dataset, name, subject) for name in variables or map(str, dataset.data_vars)}
    _check_names(subject, dataset, found, renames, chunks)
    arrays = {}
    for name, array in found.items():
        labels = {old: new for old, new in renames.items() if old in array.dims or old in array.coords}
        dims = [labels.get(str(dim), str(dim)) for dim in array.dims]
        blocks = _blocks(array) | {dim: length for dim, length in chunks.items() if dim in dims}
        named = {labels.get(dim, dim): length for dim, length in blocks.items()}
        which = {"columns": [name]} if process == "open_parquet" else {"variable": name}
        arrays[renames.get(name, name)] = {"path": str(file), **extra, **which, "rename": labels or None, "chunks": named or None}
    return Request(subject, process, arrays, dict(dataset.attrs))


def _names(words: Sequence[str]) -> dict[str, str]:
    found = pairs(words, "--rename")
    for old, new in found.items():
        if not isinstance(new, str):
            raise click.BadParameter(f"{old}={new}: a name is a text", param_hint="--rename")
    return found


def _check_names(
    subject: str, dataset: xr.Dataset, found: Mapping[str, xr.DataArray], renames: Mapping[str, str], chunks: Mapping[str, int]
) -> None:
    """Refuse names that nothing has, names given twice, and variables that a store of numbers cannot hold."""
    from scatflow.errors import StoreError, near

    dims = {str(dim) for array in found.values() for dim in array.dims}
    known = {*dims, *found, *(str(name) for array in found.values() for name in array.coords)}
    for old in renames:
        if old not in known:
            raise StoreError(subject, f"has nothing called {old!r} to rename", expected=f"among {sorted(known)}", remedy=near(old, known),
                             code="NameMissing")  # fmt: skip
    names = [renames.get(name, name) for name in sorted(known)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise StoreError(subject, "two things would have one name", got=", ".join(twice), code="NameTaken")
    results = {renames.get(dim, dim) for dim in dims}
    for dim in chunks:
        if dim not in results:
            raise StoreError(subject, f"has no dim {dim!r} to chunk", expected=f"among {sorted(results)}", remedy=near(dim, results),
                             code="DimensionMissing")  # fmt: skip
    foreign = [name for name, array in found.items() if array.dtype.kind not in _NUMBERS]
    if not found or foreign:
        rest = " ".join(f"--variable {name}" for name in found if name not in foreign)
        raise StoreError(subject, "a result holds numbers" if foreign else "holds no variable", expected="real, complex, integer or bool",
                         got=", ".join(f"{name} ({found[name].dtype})" for name in foreign) or None,
                         remedy=f"Convert the others: {rest}." if rest else None, code="DtypeUnsupported")  # fmt: skip


def _blocks(array: xr.DataArray) -> dict[str, int]:
    """Return block lengths for an array that is stored in one piece: whole rows of the fastest dims, near a fixed size."""
    if array.encoding.get("preferred_chunks") or array.nbytes <= BLOCK_BYTES:
        return {}
    found, room = {}, max(1, BLOCK_BYTES // array.dtype.itemsize)
    for dim, size in reversed(list(array.sizes.items())):
        found[str(dim)] = max(1, min(size, room))
        room //= found[str(dim)]
    return found


def document(request: Request) -> dict[str, Any]:
    """Return the pipeline that delivers every variable, in one store."""
    nodes: dict[str, Any] = {
        f"variable_{number}": {"process_id": request.process, "namespace": "scatflow", "arguments": dict(arguments)}
        for number, arguments in enumerate(request.arrays.values(), start=1)
    }
    bundle = {name: {"from_node": node} for name, node in zip(request.arrays, nodes, strict=True)}
    nodes["result"] = {"process_id": "dataset", "arguments": {"variables": bundle}, "result": True}
    return {"process_graph": nodes}


def check(pipeline: Any, request: Request) -> None:
    """Refuse variables that need groups of their own, because sizes differ or a coordinate has the name of a variable."""
    from scatflow.errors import StoreError

    results = pipeline.check().results
    sizes: dict[str, int] = {}
    bad = []
    for name, spec in results.items():
        taken = any(name in other.coords for other in results.values()) and name not in spec.dims
        if taken or any(sizes.setdefault(dim, size) != size for dim, size in spec.sizes.items()):
            bad.append(name)
    if bad:
        raise StoreError(request.subject, "these variables cannot share a store with the others", got=", ".join(bad),
                         remedy="Convert them one by one with --variable, or rename them.", code="StoreShared")  # fmt: skip
