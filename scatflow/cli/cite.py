"""What a result rests on: BibTeX of software, methods, models and data, for ``show --cite``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from typing import TYPE_CHECKING, Any

from scatflow.contract import Reference
from scatflow.contract.reference import bibliography
from scatflow.errors import RegistryError
from scatflow.graph.model import DATASET, VARIABLE
from scatflow.graph.values import lookup
from scatflow.registry import FIRST_PARTY, registry

if TYPE_CHECKING:
    import xarray as xr

    from scatflow.graph import Provenance

#: The libraries that every result went through; their versions stand in the methods paragraph.
_STACK = (
    Reference(
        ("Hoyer, Stephan", "Hamman, Joe"),
        "xarray: N-D labeled arrays and datasets in Python",
        2017,
        "J. Open Res. Softw.",
        "5",
        number="1",
        doi="10.5334/jors.148",
    ),
    Reference(
        ("Rocklin, Matthew",),
        "Dask: parallel computation with blocked algorithms and task scheduling",
        2015,
        "Proceedings of the 14th Python in Science Conference",
        doi="10.25080/Majora-7b98e3ed-013",
        kind="proceedings",
    ),
)
#: Attributes by which data name their own publication (CF conventions and common use).
_DATA = ("references", "citation", "doi")


@dataclass(frozen=True)
class Cited:
    """What one operator, source or filter family declares; None where it is not installed."""

    name: str
    references: tuple[Reference | str, ...] | None


def cited(node: Mapping[str, Any]) -> list[Cited]:
    """Return what a node of a recorded graph rests on: its process, and the filter families among its arguments."""
    process, namespace = node["process_id"], node.get("namespace")
    if process in (DATASET, VARIABLE):
        return []
    try:
        found: tuple[Reference | str, ...] | None = _found(node).references
    except RegistryError:
        found = None
    families = dict.fromkeys(_families(node["arguments"]))
    return [Cited(f"{namespace}:{process}" if namespace else process, found), *map(_family, families)]


def _found(node: Mapping[str, Any]) -> Any:
    """Return the class of a node, in the version that it states or else the present one: papers change less than numbers."""
    try:
        return lookup(node["process_id"], node.get("namespace"), node.get("version")).cls
    except RegistryError as error:
        if error.code != "OperatorVersionDiffers":
            raise
        return lookup(node["process_id"], node.get("namespace")).cls


def _families(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("family"), str):
            yield value["family"]
        for item in value.values():
            yield from _families(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _families(item)


def _family(name: str) -> Cited:
    try:
        return Cited(f"filters {name}", registry().find("filters", name).references)
    except RegistryError:
        return Cited(f"filters {name}", None)


def absent(record: Provenance) -> list[str]:
    """Return the names of what is not installed, so that its references are not known."""
    found = [one.name for node in record.document["process_graph"].values() for one in cited(node) if one.references is None]
    return list(dict.fromkeys(found))


def bibtex(record: Provenance, attrs: Mapping[str, Any], found: Mapping[str, xr.Dataset]) -> str:
    """Return the BibTeX file of a result: software, then methods, models and data; a comment tells what is missing."""
    parts = [
        ("software", bibliography(software(record))),
        ("methods and models", bibliography(r for node in _nodes(record) for one in cited(node) for r in one.references or ())),
        ("data", bibliography(_of_data(attrs, found))),
    ]
    text = [line for title, entries in parts if entries for line in (f"% {title}", *entries)]
    return "\n\n".join([*text, *(f"% references of {name} are missing: it is not installed" for name in absent(record))])


def _nodes(record: Provenance) -> list[Mapping[str, Any]]:
    return list(record.document["process_graph"].values())


def software(record: Provenance) -> list[Reference | str]:
    """Return the program itself, plugins of others, and the libraries underneath, in the versions that were used."""
    own = Reference(
        ("The scatflow developers",), "scatflow: multiscale statistics of labelled arrays far larger than memory",
        where=_version(record.versions.get("scatflow", "")), kind="software",
    )  # fmt: skip
    zarr = Reference(
        ("The Zarr developers",), "zarr-python: chunked, compressed, N-dimensional arrays for Python",
        where=_version(record.versions.get("zarr", "")), url="https://github.com/zarr-developers/zarr-python", kind="software",
    )  # fmt: skip
    ours = {"scatflow", *FIRST_PARTY.values()}
    others = [_distribution(name, versions[-1]) for name, versions in sorted(record.plugins.items()) if name not in ours]
    return [own, *others, *_STACK, zarr]


def _version(number: str) -> str:
    return f"Python package, version {number}" if number else "Python package"


def _distribution(name: str, number: str) -> Reference | str:
    """Return a plugin as its installed metadata describe it."""
    try:
        found = metadata(name)
    except (PackageNotFoundError, ValueError):
        return f"{name}, {_version(number)}"
    about = {key: found[key] for key in ("Author", "Author-email", "Summary") if key in found}
    author = about.get("Author") or about.get("Author-email", "").partition("<")[0].strip(' "')
    if not author:
        return f"{name}, {_version(number)}"
    title = ": ".join(filter(None, [name, about.get("Summary")]))
    return Reference((author.replace(",", ""),), title, where=_version(number), kind="software")


def _of_data(attrs: Mapping[str, Any], found: Mapping[str, xr.Dataset]) -> list[str]:
    sources = [attrs, *(array.attrs for dataset in found.values() for array in dataset.data_vars.values())]
    texts = [f"doi:{one[key]}" if key == "doi" else one[key] for one in sources for key in _DATA if isinstance(one.get(key), str)]
    return list(dict.fromkeys(texts))
