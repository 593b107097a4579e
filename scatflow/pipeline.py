"""Pipelines: an openEO process graph that can be checked, explained, made lazy, and run as a resumable job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from scatflow import cluster, lower
from scatflow.arrays import default_provider
from scatflow.contract import Ref, Source
from scatflow.errors import StoreError
from scatflow.graph.complete import complete
from scatflow.graph.delivered import relabeled, remember, unchanged
from scatflow.graph.document import parse, read_file, write_file
from scatflow.graph.drift import merged
from scatflow.graph.model import NAMESPACE, Graph
from scatflow.graph.provenance import graph_of, parse_provenance, provenance
from scatflow.graph.sweep import ATTRIBUTE as SWEPT
from scatflow.graph.sweep import Sweep, arrange, gathered, sweep_graph
from scatflow.graph.validate import Bound, dry_run
from scatflow.labels import assemble, wrap
from scatflow.plan import Limits, Plan, Strategy, bytes_of
from scatflow.plan import plan as make_plan
from scatflow.registry import registry
from scatflow.run import Fixed, calibrate, fixed, load_rates, open_result, run
from scatflow.store import attributes

_Recorded = Mapping[str, tuple[str, ...]]


class Pipeline:
    """A validated graph of sources and operators.

    Use :meth:`from_file`, :meth:`from_document`, :meth:`from_array` or :meth:`from_source`.

    Parameters
    ----------
    document : mapping
        Process graph with its declared parameters.
    allow_drift : bool
        Whether an operator that is not installed in the version that a node states may be used in the present one. The graph's
        ``drift`` and the record of every result then tell.
    **parameters
        Values of declared parameters.

    Raises
    ------
    GraphError
        All problems of structure, names, versions, arguments and wiring at once; nothing has been read.
    """

    def __init__(self, document: Mapping[str, Any], /, *, allow_drift: bool = False, **parameters: Any) -> None:
        self._take(document, parameters, allow_drift)

    def _take(
        self, document: Mapping[str, Any], parameters: Mapping[str, Any], allow_drift: bool, recorded: _Recorded | None = None
    ) -> None:
        self.document = dict(document)
        self.parameters = dict(parameters)
        self.graph: Graph = parse(document, parameters, allow_drift=allow_drift, recorded=recorded)
        self.swept: Sweep | None = None

    @classmethod
    def from_file(cls, path: str | Path, /, *, allow_drift: bool = False, **parameters: Any) -> Pipeline:
        """Read a pipeline file, JSON or YAML."""
        return cls(read_file(path), allow_drift=allow_drift, **parameters)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], /, *, allow_drift: bool = False, **parameters: Any) -> Pipeline:
        """Take a process graph that is already parsed."""
        return cls(document, allow_drift=allow_drift, **parameters)

    @classmethod
    def from_source(cls, name: str, /, **arguments: Any) -> Pipeline:
        """Return the pipeline that only delivers a source, ``name`` or ``distribution:name``: ``scatflow data NAME``."""
        namespace, _, short = name.rpartition(":")
        node = {"process_id": short, "arguments": arguments, "result": True} | ({"namespace": namespace} if namespace else {})
        return cls({"process_graph": {short: node}})

    @classmethod
    def sweep(
        cls,
        pipeline: Mapping[str, Any] | str | Path,
        over: Mapping[str, Sequence[Any]],
        /,
        *,
        allow_drift: bool = False,
        **parameters: Any,
    ) -> Pipeline:
        """Return one pipeline for several values of its parameters (U20).

        Parameters
        ----------
        pipeline : path or mapping
            Pipeline file, or process graph.
        over : mapping
            Parameter -> values; all combinations are computed, shared parts and sources once.
        allow_drift : bool
            As for :class:`Pipeline`.
        **parameters
            Values of other declared parameters.

        Returns
        -------
        Pipeline
            Its result has a labelled leading dim for each swept parameter where all results then have the same labels, and
            groups called after the values (``J=4``) where they have not.

        Raises
        ------
        GraphError
            Problems of any combination.
        ParameterError
            Nothing varies, values repeat, there are too many combinations, or a parameter is called like a dim of the result.
        """
        document = dict(pipeline) if isinstance(pipeline, Mapping) else read_file(pipeline)
        axes = Sweep.over(over)
        swept = sweep_graph(document, axes, parameters, allow_drift)
        made = cls(swept.to_document())
        made.graph = replace(made.graph, warnings=swept.warnings)
        made.swept = axes
        return made

    @classmethod
    def from_array(
        cls,
        array: xr.DataArray | xr.Dataset | xr.DataTree,
        parameters: Sequence[str] = (),
        *,
        allow_drift: bool = False,
        **values: Any,
    ) -> Pipeline:
        """Return the pipeline that made ``array``, with the named operator parameters lifted (U20).

        Operators are those of the recorded versions: the present ones where these are the same, those that a plugin keeps, or,
        with ``allow_drift``, others.

        Raises
        ------
        StoreError
            There is no record, or the array is no longer what the recorded operators made: xarray keeps attributes.
        GraphError
            What the record names is not installed, or not in the recorded version.
        """
        _check_unchanged(array)
        attrs = {str(key): value for key, value in array.attrs.items()}
        made = cls.__new__(cls)
        made._take(graph_of(attrs, parameters), values, allow_drift, parse_provenance(attrs).plugins)
        made.swept = Sweep.from_json(attrs[SWEPT]) if SWEPT in attrs else None
        return made

    def _record(self, record: str) -> dict[str, str]:
        """Return the attributes that tell how a result was made."""
        return {"scatflow": record} | ({} if self.swept is None else {SWEPT: self.swept.to_json()})

    def save(self, path: str | Path) -> None:
        """Write the pipeline as YAML or JSON, after the file's suffix, with the distribution and version of every operator."""
        write_file(path, complete(self.document, self.graph, self.parameters))

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
        strategy: Strategy | None = None,
        tol: float | None = None,
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
            Region lengths along free dims, rounded up to whole input chunks; along core dims of operators with a finite reach
            too, which are then computed in parts with a halo.
        client : distributed.Client, optional
            Cluster whose limits count.
        fft : str, optional
            FFT provider; default the configured one. Part of the plan's hash.
        device : {"cpu", "gpu", "auto"}
            Where kernels run; ``auto`` takes a GPU where every worker has one.
        strategy : {"batch", "halo", "pyramid", "pencil"}, optional
            Core dims whole in every task, in parts with a halo, octave by octave in stages of short reach, or one whole at a
            time; default whole where that fits memory, else parts or octaves, whichever takes fewer operations.
        tol : float, optional
            Tolerance of halos, relative to the root mean square of the results; default 3e-5 in single and 3e-7 in double
            precision. Part of the plan's hash where it counts.
        measure : bool
            Measure this machine on the plan's stages first (some seconds each) and keep the rates for later plans.
        """
        made = self._plan(
            memory=memory, threads=threads, workers=workers, region=region, client=client, fft=fft, device=device,
            strategy=strategy, tol=tol,
        )  # fmt: skip
        return replace(made, rates=calibrate(made)) if measure else made

    def _plan(
        self,
        *,
        memory: int | str | None,
        threads: int | None,
        region: Mapping[str, int] | None,
        client: Any,
        fft: str | None,
        device: str,
        strategy: Strategy | None,
        tol: float | None,
        workers: int | None = None,
        steps: tuple[Mapping[str, int], ...] = (),
        parts: tuple[Mapping[str, int], ...] = (),
    ) -> Plan:
        found = cluster.limits(client) if client is not None else (Limits.memory, Limits.threads)
        limits = Limits(
            memory=bytes_of(memory) if memory is not None else found[0],
            threads=threads or found[1],
            workers=workers or (cluster.count(client) if client is not None else 1),
            region=dict(region or {}),
            fft=fft or default_provider(),
            device=cluster.device(client, device),
            steps=steps,
            parts=parts,
            strategy=strategy,
            tol=tol,
        )
        return make_plan(self.check(), limits, load_rates(), self.swept)

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
        record = self._record(provenance(self.graph, bound))
        if self.swept is not None:
            return remember(gathered(arrange(self.swept, bound), results, record))
        return remember(next(iter(results.values())) if len(results) == 1 else assemble(results, record))

    def run(
        self,
        out: str | Path,
        *,
        client: Any = None,
        resume: bool = False,
        overwrite: bool = False,
        update: bool = False,
        verify: bool = False,
        memory: int | str | None = None,
        threads: int | None = None,
        region: Mapping[str, int] | None = None,
        fft: str | None = None,
        device: str = "cpu",
        strategy: Strategy | None = None,
        tol: float | None = None,
        retries: int = 2,
        progress: Any = None,
    ) -> Any:
        """Run as a job into a zarr store and return the opened result, a Dataset or DataTree.

        A killed worker costs the regions in flight; a killed runner too: call again with ``resume=True``. The bytes do not
        depend on workers, threads, kills or resumes. With ``update=True`` an input that has grown along a batch dim costs only
        the new regions. See :meth:`plan` for memory, threads, region, fft, strategy and tol, and :func:`scatflow.run.run` for the rest and
        for the errors.
        """
        earlier = fixed(out, required=update) if update or (resume and not region) else Fixed()
        made = self._plan(
            memory=memory, threads=threads, region=region, client=client, fft=fft, device=device,
            strategy=strategy or earlier.strategy, tol=tol, steps=earlier.steps, parts=earlier.parts,
        )  # fmt: skip
        graph = self._continuing(out) if update else self.graph
        attrs = self._record(provenance(graph, made.bound, fingerprints=made.fingerprints))
        path = run(
            made,
            out,
            attrs,
            client=client,
            resume=resume,
            overwrite=overwrite,
            update=update,
            verify=verify,
            retries=retries,
            progress=progress,
        )
        return open_result(path)

    def _continuing(self, out: str | Path) -> Graph:
        """Return the graph with the drift of the result that is to be updated, of which parts are taken over."""
        if not Path(out).exists():
            return self.graph
        return replace(self.graph, drift=merged((*self.graph.drift, *parse_provenance(attributes(Path(out))).drift)))


def _check_unchanged(array: xr.DataArray | xr.Dataset | xr.DataTree) -> None:
    """Refuse arrays that are known to have changed since an operator or a source delivered them."""
    made_by = (*registry().names("operators"), *registry().names("sources"), "open_dataset")
    for one in [array] if isinstance(array, xr.DataArray) else array.data_vars.values():
        lazy = lower.is_lazy(one.data)
        if relabeled(one) or (lazy and not unchanged(one) and lower.maker(one.data).partition("-")[0] not in made_by):
            raise StoreError(f"array {one.name!r}", "has changed since the operators made it that its record names",
                             got=str(one.data.name) if lazy else None, code="ProvenanceStale",
                             remedy="Take the pipeline of the array before the change, or make the change with an operator.")  # fmt: skip


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
        Lengths of blocks by dim, or whatever ``DataArray.chunk`` takes; default those stored.

    Returns
    -------
    DataArray
        Lazy; carries the provenance that :meth:`Pipeline.from_array` needs.

    Raises
    ------
    StoreError
        The file is missing, unreadable, or has no such variable.
    """
    process = reader(path)
    arguments: dict[str, Any] = {"path": str(path), "rename": dict(rename) if rename else None}
    if variable is not None:
        arguments |= {"columns": [variable]} if process == "open_parquet" else {"variable": variable}
    lengths = isinstance(chunks, Mapping) and all(isinstance(length, int) and length > 0 for length in chunks.values())
    pipeline = Pipeline.from_source(f"{NAMESPACE}:{process}", **arguments, chunks=dict(chunks) if lengths else None)
    for node in pipeline.graph.nodes:
        if isinstance(node.value, Source):
            node.value.describe()  # what is wrong with a file is said as such, not as a finding about a graph
    array: xr.DataArray = pipeline.lazy()
    return array if chunks is None or lengths else array.chunk(chunks)


def reader(path: str | Path) -> str:
    """Return the source that reads a file, which its suffix tells: NetCDF, HDF5 or parquet, otherwise zarr."""
    return _READERS.get(Path(path).suffix.lower(), "open_zarr")
