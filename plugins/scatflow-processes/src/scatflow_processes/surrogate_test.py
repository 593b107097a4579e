"""The surrogate test: is a statistic of data what it is by chance, given the properties that surrogates keep?

Each surrogate's statistics are kept on disk as soon as they are known, so a killed test goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from scatflow.contract import Composite, Operator, Source
from scatflow.contract.discovery import false_discovery
from scatflow_processes.operators.drawing import DIM
from scatflow_processes.pipeline_statistic import PipelineStatistic, applied
from scatflow_processes.surrogate_ledger import Ledger, identity_of

if TYPE_CHECKING:
    import xarray as xr

    from scatflow import Pipeline
    from scatflow_processes.operators.drawing import Drawing
    from scatflow_processes.sources.ensemble import Ensemble

Reals = npt.NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less"]
ALTERNATIVES = ("two-sided", "greater", "less")
#: Samples of all surrogates that are evaluated together by default, and the most surrogates.
_TOGETHER, _MOST_TOGETHER = 1 << 22, 64


def surrogate_test(
    statistic: Pipeline | Operator | Callable[[xr.DataArray], Any],
    data: xr.DataArray | None = None,
    surrogates: Drawing | Ensemble | None = None,
    n: int = 199,
    alternative: Alternative = "two-sided",
    ledger: str | os.PathLike[str] | None = None,
    label: str | None = None,
    *,
    node: str | None = None,
    together: int | None = None,
) -> xr.Dataset:
    """Test every coefficient of a statistic against its values on surrogates of the data.

    Parameters
    ----------
    statistic : Pipeline, Operator or callable
        A pipeline, of which the part behind ``node`` is the statistic; an operator; or a function from a DataArray with the labels of
        ``data`` to a DataArray or number, such as ``functools.partial`` of an operator by name (``sf.ops.scattering``). Of several
        results that of the operator's own name is tested (``leverage``, beside its ``band``), of averages with errors the ``mean``.
    data : DataArray, optional
        The data; of a pipeline default what it delivers at ``node``. Lazy data stay lazy: surrogates and statistics are computed by the
        tasks of their chunks, on the cluster whose client is active; data that fit memory are faster there (``data.compute()``).
    surrogates : Drawing or Ensemble, optional
        Operator that makes surrogates of the data, with its seed, whose parameters ``surrogates`` and ``first`` are set here; or a source of
        fields of the same shape, as of a model that was fitted. Default ``gaussian_model(phase_only=True)`` along the last dim,
        with the phases shared along all others.
    n : int, optional
        Number of surrogates, >= 1; p is a multiple of 1 / (n + 1).
    alternative : {"two-sided", "greater", "less"}
        Which values of the data's statistic count against chance.
    ledger : path, optional
        Folder that keeps the statistics of every surrogate. A test that finds some there, of the same data (with its coordinates),
        surrogates and statistic, computes the others only; more surrogates may be asked for later. Lazy data are read once more to know
        them.
    label : str, optional
        Name of a statistic that is a function, by which the ledger knows it; default where it is defined, with its arguments if it is
        a ``functools.partial``. A lambda needs one; a function that has changed needs another: nothing else tells. Operators and
        pipelines are known by what they compute.
    node : str, optional
        Node of the pipeline whose result is the data; default the only source, or the only array that it leaves to be supplied.
    together : int, optional
        Surrogates that operators (no composites) and pipelines evaluate at a time, along a further dim ``surrogate``, and that a kill
        loses; default as many as have 2^22 samples, at least 1 and at most 64. Of lazy data they are tasks that run beside each other. Numbers agree to
        rounding whatever it is, and to the last bit for the same one.

    Returns
    -------
    Dataset
        With the labels of the statistic: ``observed``; ``mean`` and ``std`` over surrogates; ``p``, by rank,
        ``(1 + number of surrogates at least as extreme) / (n + 1)``, two-sided twice the smaller of both tails and at most 1; ``q``, the
        false-discovery rate over all p (:func:`scatflow.contract.discovery.false_discovery`). NaN where the data's statistic or one of a
        surrogate is. Under the hypothesis that data and surrogates are exchangeable p is uniform on its values [1]_. Attributes say which
        surrogates, with which parameters and seed.

    Raises
    ------
    ValueError
        ``n``, ``together`` or ``alternative`` is none, there are no data, a pipeline has no such node (see
        :class:`scatflow_processes.pipeline_statistic.PipelineStatistic`), the statistic has several results, statistics of surrogates
        differ in dims or shape, the ledger is that of another test, or a lambda has no label for it.

    Notes
    -----
    A pipeline is read through its public ``graph``: nodes behind ``node`` are applied with ``scatflow.apply`` to the data and to each
    surrogate, arrays that do not depend on it come from ``Pipeline.lazy``.

    References
    ----------
    .. [1] J. Theiler et al., "Testing for nonlinearity in time series: the method of surrogate data", Physica D 58 (1992) 77,
       doi:10.1016/0167-2789(92)90102-S.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> x = xr.DataArray(np.random.default_rng(0).standard_exponential(128), dims="time")
    >>> found = surrogate_test(lambda x: ((x - x.mean()) ** 3).mean() / x.std() ** 3, x, n=19)
    >>> float(found.p)
    0.1

    Of a pipeline, from a source to leverage:

    >>> from scatflow import Pipeline
    >>> walk = {"process_id": "mrw", "arguments": {"size": 2048, "integral_scale": 512, "skew": 0.2, "input": "increments"}}
    >>> lever = {"process_id": "leverage", "arguments": {"data": {"from_node": "walk"}, "dims": ["time"], "lags": [1, 2]}, "result": True}
    >>> pipeline = Pipeline.from_document({"process_graph": {"walk": walk, "lever": lever}})
    >>> found = surrogate_test(pipeline, n=39, alternative="less")
    >>> found.p.dims, found.lag.values.tolist(), found.p.values.tolist()
    (('realization', 'lag'), [1, 2], [[0.025, 0.025]])
    """
    if n < 1 or alternative not in ALTERNATIVES:
        raise ValueError(f"n must be >= 1 and alternative one of {', '.join(ALTERNATIVES)}, got {n} and {alternative!r}")
    measure, data = _with_data(statistic, data, node)
    if together is not None and (together < 1 or not _keeps_dims(measure)):
        raise ValueError(f"together must be >= 1, and is for pipelines and operators that are no composites; got {together}")
    drawing = surrogates if surrogates is not None else _random_phases(data)
    template = _evaluated(measure, data).compute()
    kept = None if ledger is None else Ledger(Path(ledger), identity_of(measure, data, drawing, label))
    step = together or max(1, min(_MOST_TOGETHER, _TOGETHER // max(1, data.size)))
    values = _on_surrogates(measure, data, drawing, template, n, step if _keeps_dims(measure) else 1, kept)
    observed = np.asarray(template.values, dtype=np.float64)
    p = rank_p(observed, values, alternative)
    import xarray as xr

    results = {"observed": observed, "mean": values.mean(axis=0), "std": values.std(axis=0, ddof=1) if n > 1 else np.nan * observed,
               "p": p, "q": false_discovery(p)}  # fmt: skip
    attrs = {
        "surrogates": drawing.name,
        "surrogate_parameters": drawing.identity()[2],
        "n": n,
        "seed": drawing.seed,
        "alternative": alternative,
    }
    return xr.Dataset({name: template.copy(data=value).drop_attrs() for name, value in results.items()}, attrs=attrs)


def rank_p(observed: npt.ArrayLike, surrogates: npt.ArrayLike, alternative: Alternative = "two-sided") -> Reals:
    """Return the p-value of values by their rank among those of surrogates.

    Parameters
    ----------
    observed : array_like of float, shape (...)
        Statistics of the data.
    surrogates : array_like of float, shape (n, ...)
        Statistics of the surrogates.
    alternative : {"two-sided", "greater", "less"}
        As for :func:`surrogate_test`. Ties count as extreme.

    Returns
    -------
    ndarray of float64, shape (...)
        NaN where a value is.

    Raises
    ------
    ValueError
        There is no surrogate, or its statistics have another shape.

    Examples
    --------
    >>> rank_p(2.5, [0.0, 1.0, 2.0, 3.0], "greater").item(), rank_p(9.0, [0.0, 1.0, 2.0, 3.0]).item()
    (0.4, 0.4)
    """
    value, others = np.asarray(observed, dtype=np.float64), np.asarray(surrogates, dtype=np.float64)
    if others.ndim == 0 or len(others) == 0 or others.shape[1:] != value.shape:
        raise ValueError(f"surrogates must be at least one, each with statistics of shape {value.shape}; got shape {others.shape}")
    n = others.shape[0]
    greater = (1 + (others >= value).sum(axis=0)) / (n + 1)
    less = (1 + (others <= value).sum(axis=0)) / (n + 1)
    p = {"greater": greater, "less": less, "two-sided": np.minimum(1.0, 2 * np.minimum(greater, less))}[alternative]
    return np.where(np.isfinite(value) & np.isfinite(others).all(axis=0), p, np.nan)


def _with_data(statistic: Any, data: xr.DataArray | None, node: str | None) -> tuple[Any, xr.DataArray]:
    """Return what computes the statistic, and its data."""
    from scatflow import Pipeline

    if isinstance(statistic, Pipeline):
        measure = PipelineStatistic(statistic, node)
        return measure, measure.data() if data is None else data
    if node is not None:
        raise ValueError(f"only pipelines have nodes, got node={node!r} with {type(statistic).__name__}")
    if data is None:
        raise ValueError("an operator or a function needs data; only pipelines bring their own")
    return statistic, data


def _keeps_dims(measure: Any) -> bool:
    """Tell whether a further dim of the data is one of the results.

    Operators pool no dim unasked; but the parts of composites may take all dims for their core, which only a graph tells apart.
    """
    return isinstance(measure, PipelineStatistic) or (isinstance(measure, Operator) and not isinstance(measure, Composite))


def _random_phases(data: xr.DataArray) -> Drawing:
    """Return the default: random phases along the last dim, the same along all others."""
    from scatflow_processes.operators.gaussian import GaussianModel

    *others, last = map(str, data.dims)
    return GaussianModel(phase_only=True, dims=(last,), shared=tuple(others) or None)


def _evaluated(measure: Any, data: xr.DataArray) -> xr.DataArray:
    """Return the statistic of data: of several results that of the operator's name, of averages the mean."""
    import xarray as xr

    found = applied(measure, data) if isinstance(measure, Operator) else measure(data)
    if isinstance(found, xr.Dataset):
        if isinstance(measure, (Operator, PipelineStatistic)) and measure.name in found:
            return found[measure.name]
        if not {"mean", "se"} <= set(found.data_vars):
            raise ValueError(f"the statistic has several results, {', '.join(map(str, found.data_vars))}; choose one, in a function or by a "
                             "node 'variable' of a pipeline")  # fmt: skip
        return found["mean"]
    return found if isinstance(found, xr.DataArray) else xr.DataArray(np.asarray(found, dtype=np.float64))


def _on_surrogates(
    measure: Any, data: xr.DataArray, drawing: Drawing | Ensemble, template: xr.DataArray, n: int, step: int, kept: Ledger | None
) -> Reals:
    """Return the statistics of n surrogates, those that are not in the ledger computed in groups and written there."""
    values = np.empty((n, *template.shape))
    for start in range(0, n, step):
        group = range(start, min(start + step, n))
        known = {} if kept is None else {index: one for index in group if (one := kept.read(index, template.shape)) is not None}
        if len(known) < len(group):
            # Whole, as before a kill: a part of a group may differ in the last bit.
            values[start : group.stop] = _of_group(measure, data, drawing, group, template)
        for index in group:
            if index in known:
                values[index] = known[index]
            elif kept is not None:
                kept.write(index, values[index])
    return values


def _of_group(measure: Any, data: xr.DataArray, drawing: Drawing | Ensemble, group: range, template: xr.DataArray) -> Reals:
    """Return the statistics of some surrogates, along a first axis."""
    made = _surrogates(data, drawing, group)
    found = _evaluated(measure, made) if _keeps_dims(measure) else _evaluated(measure, made.isel({DIM: 0})).expand_dims(DIM)
    wanted = {DIM: len(group), **template.sizes}
    if dict(found.sizes) != wanted:
        raise ValueError(f"the statistic of surrogate {group[0]} has dims {dict(found.isel({DIM: 0}).sizes)}, that of the data "
                         f"{dict(template.sizes)}")  # fmt: skip
    return np.asarray(found.transpose(DIM, *template.dims).values, dtype=np.float64)


def _surrogates(data: xr.DataArray, drawing: Drawing | Ensemble, group: range) -> xr.DataArray:
    """Return surrogates with the labels of the data, along a first dim; lazy where the data are, each in chunks of its own."""
    import xarray as xr

    from scatflow import apply

    labelled = data.expand_dims({DIM: len(group)})
    if isinstance(drawing, Source):
        values = drawing.replace(realizations=group.stop).read({"realization": slice(group.start, group.stop)})
        if values.shape != labelled.shape:
            raise ValueError(f"source {drawing.name} has fields of shape {values.shape[1:]}, the data {data.shape}; set its size")
        return labelled.copy(data=values.astype(data.dtype, copy=False))
    apart = [group] if data.chunks is None else [range(index, index + 1) for index in group]
    made = [apply(drawing.replace(surrogates=len(part), first=part.start), data) for part in apart]
    arrays = [one["surrogates"] if isinstance(one, xr.Dataset) else one for one in made]
    joined = xr.concat(arrays, DIM, coords="minimal", compat="override", join="override") if len(arrays) > 1 else arrays[0]
    return labelled.copy(data=joined.transpose(DIM, *data.dims).data)
