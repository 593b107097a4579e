"""Pipelines: an openEO process graph that can be checked, explained, made lazy, and run as a resumable job."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from scatflow import cluster, lower
from scatflow.arrays import default_provider
from scatflow.contract import Ref, Source
from scatflow.errors import ParameterError
from scatflow.graph.document import parse, read_file
from scatflow.graph.model import Graph
from scatflow.graph.provenance import graph_of, provenance
from scatflow.graph.text import dump_text
from scatflow.graph.validate import Bound, dry_run
from scatflow.labels import assemble, wrap
from scatflow.plan import Limits, Plan
from scatflow.plan import plan as make_plan
from scatflow.run import calibrate, load_rates, open_result, run


class Pipeline:
    """A validated graph of sources and operators.

    Use :meth:`from_file`, :meth:`from_document`, :meth:`from_array` or :meth:`from_source`.

    Parameters
    ----------
    document : mapping
        Process graph with its declared parameters.
    **parameters
        Values of declared parameters.

    Raises
    ------
    GraphError
        All problems of structure, names, arguments and wiring at once; nothing has been read.
    """

    def __init__(self, document: Mapping[str, Any], /, **parameters: Any) -> None:
        self.document = dict(document)
        self.parameters = dict(parameters)
        self.graph: Graph = parse(document, parameters)

    @classmethod
    def from_file(cls, path: str | Path, /, **parameters: Any) -> Pipeline:
        """Read a pipeline file, JSON or YAML."""
        return cls(read_file(path), **parameters)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], /, **parameters: Any) -> Pipeline:
        """Take a process graph that is already parsed."""
        return cls(document, **parameters)

    @classmethod
    def from_source(cls, name: str, /, **arguments: Any) -> Pipeline:
        """Return the pipeline that only delivers a source: ``scatflow data NAME``."""
        return cls({"process_graph": {name: {"process_id": name, "arguments": arguments, "result": True}}})

    @classmethod
    def from_array(cls, array: xr.DataArray | xr.Dataset, parameters: Sequence[str] = (), **values: Any) -> Pipeline:
        """Return the pipeline that made ``array``, with the named operator parameters lifted (U20)."""
        return cls(graph_of(array.attrs, parameters), **values)

    def save(self, path: str | Path) -> None:
        """Write the pipeline as YAML or JSON, after the file's suffix."""
        target = Path(path)
        if target.suffix == ".json":
            target.write_text(json.dumps(self.document, indent=2))
        else:
            target.write_text(dump_text(self.document))

    def check(self) -> Bound:
        """Validate everything that needs labels: shapes, dtypes, coordinates, parameters against sizes.

        Raises
        ------
        GraphError
            All problems at once; no data have been read.
        """
        return dry_run(self.graph)

    def plan(
        self,
        *,
        memory: int | str | None = None,
        threads: int | None = None,
        workers: int | None = None,
        region: Mapping[str, int] | None = None,
        client: Any = None,
        fft: str | None = None,
        device: str = "cpu",
        measure: bool = False,
    ) -> Plan:
        """Return the stages, regions, chunks, bytes, projected memory and time of a run.

        Parameters
        ----------
        memory : int or str, optional
            Bytes per worker ("4 GiB"); default what the client's smallest worker has, or 4 GiB.
        threads : int, optional
            Threads per worker.
        workers : int, optional
            Worker processes, for the wall time; default those of the client, or 1.
        region : mapping, optional
            Region lengths along free dims, rounded up to whole input chunks.
        client : distributed.Client, optional
            Cluster whose limits count.
        fft : str, optional
            FFT provider; default the configured one. Part of the plan's hash.
        device : {"cpu", "gpu", "auto"}
            Where kernels run; ``auto`` takes a GPU where every worker has one.
        measure : bool
            Measure this machine on the plan's stages first (some seconds each) and keep the rates for later plans.
        """
        found = cluster.limits(client) if client is not None else (Limits.memory, Limits.threads)
        limits = Limits(
            memory=_bytes(memory) if memory is not None else found[0],
            threads=threads or found[1],
            workers=workers or (cluster.count(client) if client is not None else 1),
            region=dict(region or {}),
            fft=fft or default_provider(),
            device=cluster.device(client, device),
        )
        bound = self.check()
        made = make_plan(bound, limits, load_rates())
        return replace(made, rates=calibrate(made)) if measure else made

    def lazy(self, rechunk: str | None = None) -> Any:
        """Return the result as lazy arrays for a notebook; equal to what :meth:`run` would store.

        Raises
        ------
        PlanError
            The graph holds a Program, which has no lazy form.
        """
        bound = self.check()
        values: dict[Ref, Any] = {}
        for node in self.graph.nodes:
            if isinstance(node.value, Source):
                values |= {
                    Ref(node.id, name): lower.from_source(node.value, name, spec) for name, spec in bound.specs[node.id].items()
                }
                continue
            call = bound.calls[node.id]
            arrays = [values[ref] if isinstance(ref, Ref) else ref for ref in node.inputs]
            values |= {Ref(node.id, name): data for name, data in lower.lower(call, arrays, rechunk).items()}
        results = {
            name: wrap(values[ref], bound.results[name].with_attrs(scatflow=provenance(self.graph, bound, result=ref)))
            for name, ref in bound.targets.items()
        }
        return next(iter(results.values())) if len(results) == 1 else assemble(results)

    def run(
        self,
        out: str | Path,
        *,
        client: Any = None,
        resume: bool = False,
        overwrite: bool = False,
        verify: bool = False,
        memory: int | str | None = None,
        threads: int | None = None,
        region: Mapping[str, int] | None = None,
        fft: str | None = None,
        device: str = "cpu",
        retries: int = 2,
        progress: Any = None,
    ) -> Any:
        """Run as a job into a zarr store and return the opened result, a Dataset or DataTree.

        A killed worker costs the regions in flight; a killed runner too: call again with ``resume=True``. The bytes do not
        depend on workers, threads, kills or resumes. See :meth:`plan` for memory, threads, region and fft, and
        :func:`scatflow.run.run` for the rest and for the errors.
        """
        made = self.plan(memory=memory, threads=threads, region=region, client=client, fft=fft, device=device)
        attrs = {"scatflow": provenance(self.graph, fingerprints=made.fingerprints)}
        path = run(
            made, out, attrs, client=client, resume=resume, overwrite=overwrite, verify=verify, retries=retries, progress=progress
        )
        return open_result(path)


def _bytes(value: int | str) -> int:
    """Read a number of bytes, or text such as "4 GiB"."""
    if isinstance(value, int):
        return value
    units = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
    text = value.strip().lower()
    digits = text.rstrip("bkmgti ")
    unit = units.get(text[len(digits) :].strip())
    try:
        return int(float(digits) * (unit or 0)) if unit else _refuse(value)
    except ValueError:
        return _refuse(value)


def _refuse(value: str) -> int:
    raise ParameterError("memory", "not a number of bytes", expected='for example "4 GiB"', got=value)


#: Suffix -> source that reads it; everything else is taken for a zarr store.
_READERS = {".nc": "open_netcdf", ".nc4": "open_netcdf", ".h5": "open_netcdf", ".hdf5": "open_netcdf", ".parquet": "open_parquet"}


def open_source(
    path: str | Path, variable: str | None = None, *, rename: Mapping[str, str] | None = None, chunks: Any = None
) -> xr.DataArray:
    """Open a zarr store (v2 or v3), a NetCDF or HDF5 file, or a parquet table as a lazy labelled array.

    Parameters
    ----------
    path : path
        Store or file; the suffix tells the reader (``.nc``, ``.h5``, ``.parquet``, otherwise zarr).
    variable : str, optional
        Variable, or column of a table; may be left out where there is only one.
    rename : mapping, optional
        Old dim or coordinate name -> new name.
    chunks : optional
        Lazy chunks as for ``DataArray.chunk``; default those stored.

    Returns
    -------
    DataArray
        Lazy; carries the provenance that :meth:`Pipeline.from_array` needs.

    Raises
    ------
    StoreError
        The file is missing, unreadable, or has no such variable.
    """
    process = _READERS.get(Path(path).suffix.lower(), "open_zarr")
    arguments: dict[str, Any] = {"path": str(path)}
    if variable is not None:
        arguments |= {"columns": [variable]} if process == "open_parquet" else {"variable": variable}
    array: xr.DataArray = Pipeline.from_source(process, **arguments).lazy()
    if rename:
        array = array.rename(dict(rename))
    return array if chunks is None else array.chunk(chunks)
