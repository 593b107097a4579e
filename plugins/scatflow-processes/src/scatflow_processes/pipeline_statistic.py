"""Pipelines as statistics: what a pipeline makes of one of its nodes, computed on any array in the place of that node's result.

Operators of the graph are applied one after another as a notebook would apply them, so arrays in memory are evaluated at once and lazy
ones stay lazy, for the threads of one machine or the workers of a cluster alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scatflow.contract import Core, Operator, Ref, Source
from scatflow_processes.operators.drawing import DIM

if TYPE_CHECKING:
    import xarray as xr

    from scatflow import Pipeline


class PipelineStatistic:
    """The part of a pipeline that follows a node, as a function of an array.

    Parameters
    ----------
    pipeline : Pipeline
        With one result, of which something depends on the node.
    node : str, optional
        Id of the node whose result is the data; default the only source, or the only array that is still to be supplied
        (``from_parameter``).

    Raises
    ------
    ValueError
        There is no such node, there are several sources and none is named, the pipeline has several results, its result does
        not depend on the node, or several results of the node are used.

    Examples
    --------
    >>> from scatflow import Pipeline
    >>> noise = {"process_id": "white_noise", "arguments": {"size": [64], "dtype": "float64"}}
    >>> mean = {"process_id": "reduce", "arguments": {"data": {"from_node": "noise"}, "over": ["x"]}, "result": True}
    >>> statistic = PipelineStatistic(Pipeline.from_document({"process_graph": {"noise": noise, "mean": mean}}))
    >>> data = statistic.data()
    >>> data.sizes["x"], bool(abs(statistic(data + 1.0) - statistic(data) - 1.0) < 1e-12)
    (64, True)
    """

    def __init__(self, pipeline: Pipeline, node: str | None = None) -> None:
        self._graph = graph = pipeline.graph
        self._result = _only_result(pipeline, "the pipeline")
        at = Ref(self._source()) if node is None else _only_result(_ending_at(pipeline, node), f"node {node!r}")
        after = self._following(at.node)
        if self._result.node not in after:
            raise ValueError(f"the result of the pipeline does not depend on node {node or at.node!r}")
        self._steps = [one for one in graph.only(self._result).nodes if one.id in after]
        refs = [ref for one in self._steps for ref in one.refs]
        used = {ref.output for ref in refs if ref.node == at.node}
        if not at.output and len(used) > 1:
            raise ValueError(f"several results of node {node or at.node!r} are used, {', '.join(sorted(used))}; surrogates are of one: "
                             "name a node 'variable' that takes it")  # fmt: skip
        self._data = Ref(at.node, at.output or used.pop())
        self._beside = {ref: self._delivered(ref) for ref in refs if ref.node not in after and ref != self._data}

    @property
    def token(self) -> str:
        """Text that tells this statistic from others: the hash of the graph, and the node."""
        return f"pipeline {self._graph.hash} from {self._data.node} {self._data.output}"

    @property
    def name(self) -> str:
        """Name of the operator that delivers the result."""
        return str(next(one.value.name for one in self._steps if one.id == self._result.node))

    def data(self) -> xr.DataArray:
        """Return the result of the node, lazy; raises GraphError where the array is still to be supplied."""
        return self._delivered(self._data)

    def __call__(self, array: xr.DataArray) -> Any:
        """Return the result of the pipeline with an array in the place of the node's result: a DataArray, or a Dataset of several."""
        values: dict[Ref, Any] = {**self._beside, self._data: array}
        for one in self._steps:
            assert not isinstance(one.value, Source), "sources depend on nothing"
            inputs = [_taken(values, item) if isinstance(item, Ref) else item for item in one.inputs]
            values[Ref(one.id)] = applied(one.value, *inputs)
        return _taken(values, self._result)

    def _source(self) -> str:
        """Return the only array that is to be supplied, or else the only source."""
        needed = [one for one in self._graph.only(self._result).nodes if isinstance(one.value, Source)]
        sources, given = [one.id for one in needed], [one.id for one in needed if one.process == "given"]
        if len(given or sources) != 1:
            raise ValueError(f"the pipeline has several sources, {', '.join(given or sources)}; name the node of the data")
        return (given or sources)[0]

    def _following(self, name: str) -> set[str]:
        """Return the nodes that depend on one."""
        found: set[str] = set()
        for one in self._graph.nodes:  # in topological order
            if any(ref.node == name or ref.node in found for ref in one.refs):
                found.add(one.id)
        return found

    def _delivered(self, ref: Ref) -> xr.DataArray:
        """Return what the pipeline delivers to one of its nodes, lazy."""
        from scatflow import Pipeline

        found: xr.DataArray = Pipeline.from_document(self._graph.only(ref).to_document()).lazy()
        return found


def applied(operator: Operator, *inputs: Any) -> Any:
    """Apply an operator to data with or without a further dim ``surrogate``, which is never one of its core dims.

    Parameters
    ----------
    operator : Operator
        No composite that leaves its core dims open: these take all dims.
    *inputs : DataArray or float
        As for ``scatflow.apply``.

    Returns
    -------
    DataArray or Dataset

    Examples
    --------
    >>> import xarray as xr
    >>> from scatflow_processes.operators.surrogates import TimeReversal
    >>> both = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("surrogate", "time"))
    >>> applied(TimeReversal(), both).values.tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    from scatflow import apply

    if isinstance(operator, Core) and operator.dims is None:
        dims = next((item.dims for item in inputs if hasattr(item, "dims")), ())
        operator = operator.replace(dims=tuple(str(dim) for dim in dims if dim != DIM))
    return apply(operator, *inputs)


def _only_result(pipeline: Pipeline, what: str) -> Ref:
    """Return the reference to the result of a pipeline that has one."""
    results = pipeline.graph.results
    if list(results) != [""]:
        raise ValueError(f"{what} has several results, {', '.join(results)}; one is needed")
    return results[""]


def _ending_at(pipeline: Pipeline, node: str) -> Pipeline:
    """Return the pipeline with another node as its result: what that is called in the graph only reading its document tells."""
    from scatflow import Pipeline

    nodes = pipeline.document["process_graph"]
    if node not in nodes:
        raise ValueError(f"the pipeline has no node {node!r}; it has {', '.join(nodes)}")
    moved = {name: {**entry, "result": name == node} for name, entry in nodes.items()}
    document = {**pipeline.document, "process_graph": moved}
    return Pipeline.from_document(document, allow_drift=bool(pipeline.graph.drift), **pipeline.parameters)


def _taken(values: dict[Ref, Any], ref: Ref) -> Any:
    """Return a result of a node, or one of several by its name."""
    return values[ref] if ref in values or not ref.output else values[Ref(ref.node)][ref.output]
