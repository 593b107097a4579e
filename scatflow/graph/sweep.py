"""One graph for several values of its parameters, and how its results are stored together (U20).

Every combination of values is a graph of its own; nodes that are equal in several of them are one node of the whole, so that
sources are read and shared parts computed once. Results of the same shape become one array with a dim for each
parameter; others stay apart in groups.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from scatflow.contract import Ref
from scatflow.contract.declared import canonical_json, plain
from scatflow.errors import GraphError, ParameterError, Problem
from scatflow.graph.document import parse
from scatflow.graph.drift import Drift, merged
from scatflow.graph.model import Graph, Node, fresh
from scatflow.graph.validate import Bound, dry_run
from scatflow.labels import wrap
from scatflow.spec import ArraySpec, Coord

#: Attribute of results that holds the axes.
ATTRIBUTE = "scatflow_sweep"
#: Most combinations of one sweep: each is a copy of the graph.
MAX_MEMBERS = 1000
_SEPARATOR = ":"


@dataclass(frozen=True)
class Sweep:
    """The parameters that vary, each with its values, in the order given."""

    axes: tuple[tuple[str, tuple[Any, ...]], ...]

    @classmethod
    def over(cls, values: Mapping[str, Sequence[Any]]) -> Sweep:
        """Take parameter -> values.

        Raises
        ------
        ParameterError
            No parameter, a parameter without values or with one twice, or too many combinations.
        """
        axes = tuple((name, tuple(plain(value) for value in found)) for name, found in values.items())
        if not axes:
            raise ParameterError("sweep", "no parameter varies", expected='over={"J": [4, 5, 6]}')
        for name, found in axes:
            texts = [canonical_json(value) for value in found]
            if not texts or len(set(texts)) < len(texts):
                raise ParameterError(f"sweep over {name!r}", "values are at least one, and differ", got=list(found))
        count = math.prod(len(found) for _, found in axes)
        if count > MAX_MEMBERS:
            raise ParameterError("sweep", "too many combinations", expected=f"at most {MAX_MEMBERS}", got=count)
        return cls(axes)

    def to_json(self) -> str:
        """Return the axes as the text of the attribute ``scatflow_sweep``."""
        return canonical_json([[name, list(found)] for name, found in self.axes])

    @classmethod
    def from_json(cls, text: str) -> Sweep:
        """Read what :meth:`to_json` wrote."""
        return cls.over(dict(json.loads(text)))

    def members(self) -> Iterator[tuple[int, ...]]:
        """Yield every combination as positions of its values, the last parameter fastest."""
        yield from itertools.product(*(range(len(found)) for _, found in self.axes))

    def values(self, member: tuple[int, ...]) -> dict[str, Any]:
        """Return the parameters of a combination."""
        return {name: found[index] for (name, found), index in zip(self.axes, member, strict=True)}

    def label(self, member: tuple[int, ...], names: Sequence[str] | None = None) -> str:
        """Return the name of a combination: ``J=4,boundary=reflect``."""
        wanted = self.values(member)
        return ",".join(f"{name}={_text(wanted[name])}" for name in (names if names is not None else wanted))


@dataclass(frozen=True)
class Slab:
    """Where a result of one combination lies: array, its labels, leading positions in it."""

    path: str
    spec: ArraySpec
    index: tuple[int, ...]


def sweep_graph(document: Mapping[str, Any], sweep: Sweep, fixed: Mapping[str, Any], allow_drift: bool = False) -> Graph:
    """Return the graph of all combinations; result names are ``label`` or ``label:name``.

    Raises
    ------
    GraphError
        The findings of every combination, each named with its label.
    """
    nodes: dict[str, Node] = {}
    known: dict[Any, str] = {}
    results: dict[str, Ref] = {}
    problems: dict[Problem, list[str]] = {}
    warnings: dict[Problem, None] = {}
    drift: list[Drift] = []
    taken: set[str] = set()
    for member in sweep.members():
        label = sweep.label(member)
        try:
            graph = parse(document, {**fixed, **sweep.values(member)}, allow_drift=allow_drift)
            targets = dry_run(graph).targets
        except GraphError as error:
            for problem in error.problems:
                problems.setdefault(problem, []).append(label)
            continue
        warnings |= dict.fromkeys(graph.warnings)
        drift += graph.drift
        moved: dict[str, str] = {}
        for node in graph.nodes:
            inputs = tuple(replace(item, node=moved[item.node]) if isinstance(item, Ref) else item for item in node.inputs)
            key = (node.namespace, node.value.token(), inputs)
            if key not in known:
                known[key] = fresh(node.id, taken)
                nodes[known[key]] = replace(node, id=known[key], inputs=inputs)
            moved[node.id] = known[key]
        for name, ref in targets.items():
            results[f"{label}{_SEPARATOR}{name}" if name else label] = replace(ref, node=moved[ref.node])
    if problems:
        raise GraphError(_named(problems, sum(1 for _ in sweep.members())))
    return Graph(tuple(nodes.values()), results, tuple(warnings), merged(drift))


def _named(problems: Mapping[Problem, Sequence[str]], members: int) -> Iterator[Problem]:
    """Yield findings once, those of some combinations with their labels."""
    for problem, labels in problems.items():
        where = "" if len(labels) == members else f"{'; '.join(labels)}: "
        yield replace(problem, message=where + problem.message)


def arrange(sweep: Sweep, bound: Bound) -> dict[str, Slab]:
    """Return, per result name, where it is stored.

    A parameter becomes a leading dim of all results where, whatever the values of the others, all results agree in dims,
    shape, dtype, units and the coordinates of their dims; combinations of the others name groups.

    Raises
    ------
    ParameterError
        A parameter has the name of a dim or coordinate of the results.
    """
    results = {member: _results_of(sweep, member, bound) for member in sweep.members()}
    stacked = [n for n in range(len(sweep.axes)) if _agree(results, [n])]
    if len(stacked) > 1 and not _agree(results, stacked):
        stacked = []
    _check_names([sweep.axes[n][0] for n in stacked], results)
    apart = [name for n, (name, _) in enumerate(sweep.axes) if n not in stacked]
    slabs: dict[str, Slab] = {}
    for members in _groups(results, stacked):
        group = sweep.label(members[0], apart)
        for name, spec in results[members[0]].items():
            specs = [results[member][name] for member in members]
            whole = _stacked(sweep, stacked, specs)
            path = "/".join(filter(None, (group, name or spec.name or "data")))
            for member in members:
                key = sweep.label(member) + (f"{_SEPARATOR}{name}" if name else "")
                slabs[key] = Slab(path, whole, tuple(member[n] for n in stacked))
    return slabs


def gathered(slabs: Mapping[str, Slab], results: Mapping[str, xr.DataArray], record: Mapping[str, str]) -> Any:
    """Return lazy results as they would be stored: an array, a Dataset, or a DataTree with a group per combination.

    ``record`` holds the attributes that tell how all of it was made.
    """
    parts: dict[str, list[str]] = {}
    for name, slab in slabs.items():
        parts.setdefault(slab.path, []).append(name)
    groups: dict[str, dict[str, xr.DataArray]] = {}
    for path, names in parts.items():
        spec, ordered = slabs[names[0]].spec, sorted(names, key=lambda name: slabs[name].index)
        # NumPy's functions hand over to the arrays' own: nothing is computed of lazy ones.
        data = np.stack([results[name].data for name in ordered]).reshape(spec.shape)
        group, _, variable = path.rpartition("/")
        groups.setdefault(group, {})[variable] = wrap(data, spec.with_attrs(**record)).rename(variable)
    if list(groups) == [""]:
        arrays = groups[""]
        return next(iter(arrays.values())) if len(arrays) == 1 else xr.Dataset(arrays, attrs=record)
    tree = {f"/{group}": xr.Dataset(arrays) for group, arrays in groups.items()}
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs=record), **tree})


_Results = Mapping[tuple[int, ...], Mapping[str, ArraySpec]]


def _results_of(sweep: Sweep, member: tuple[int, ...], bound: Bound) -> dict[str, ArraySpec]:
    label = sweep.label(member)
    found = bound.results
    return {
        name.removeprefix(label).removeprefix(_SEPARATOR): spec
        for name, spec in found.items()
        if name == label or name.startswith(label + _SEPARATOR)
    }


def _groups(results: _Results, stacked: Sequence[int]) -> list[list[tuple[int, ...]]]:
    """Return the combinations that differ in the stacked parameters alone, together."""
    found: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for member in results:
        found.setdefault(tuple(index for n, index in enumerate(member) if n not in stacked), []).append(member)
    return list(found.values())


def _agree(results: _Results, stacked: Sequence[int]) -> bool:
    """Tell whether the results of combinations that differ in these parameters alone fit into one array each."""
    return all(_fits(results[members[0]], results[other]) for members in _groups(results, stacked) for other in members[1:])


def _fits(one: Mapping[str, ArraySpec], other: Mapping[str, ArraySpec]) -> bool:
    return one.keys() == other.keys() and all(_alike(spec, other[name]) for name, spec in one.items())


def _alike(a: ArraySpec, b: ArraySpec) -> bool:
    """Tell whether two results fit into one array."""
    plainly = (a.dims, a.shape, a.dtype, a.attrs.get("units")) == (b.dims, b.shape, b.dtype, b.attrs.get("units"))
    if not plainly or a.coords.keys() != b.coords.keys():
        return False
    pairs = [(coord, b.coords[name], name) for name, coord in a.coords.items()]
    return all(x.dims == y.dims and (name not in a.dims or _equal(x.values, y.values)) for x, y, name in pairs)


def _equal(a: Any, b: Any) -> bool:
    x, y = np.asarray(a), np.asarray(b)
    return x.shape == y.shape and bool(np.array_equal(x, y, equal_nan=x.dtype.kind in "fc" and y.dtype.kind in "fc"))


def _stacked(sweep: Sweep, stacked: Sequence[int], specs: Sequence[ArraySpec]) -> ArraySpec:
    """Return the labels of the array that holds several results, stacked parameters first."""
    first = specs[0]
    if not stacked:
        return first
    dims = tuple(sweep.axes[n][0] for n in stacked)
    shape = tuple(len(sweep.axes[n][1]) for n in stacked)
    coords: dict[str, Coord] = {name: Coord((name,), _labels(sweep.axes[n][1])) for name, n in zip(dims, stacked, strict=True)}
    for name, coord in first.coords.items():
        values = [np.asarray(spec.coords[name].values) for spec in specs]
        if all(_equal(values[0], other) for other in values[1:]):
            coords[name] = coord
        else:
            coords[name] = Coord((*dims, *coord.dims), np.stack(values).reshape(*shape, *values[0].shape), coord.attrs)
    attrs = {key: value for key, value in first.attrs.items() if all(spec.attrs.get(key) == value for spec in specs)}
    return replace(first, dims=(*dims, *first.dims), shape=(*shape, *first.shape), coords=coords, attrs=attrs, chunks=None)


def _labels(values: tuple[Any, ...]) -> np.ndarray:
    """Return the values of a parameter as a coordinate: numbers as numbers, everything else as text."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return np.asarray(values)
    return np.asarray([_text(value) for value in values])


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else canonical_json(value)
    return text.replace("/", "_")


def _check_names(names: Sequence[str], results: _Results) -> None:
    for spec in (spec for found in results.values() for spec in found.values()):
        for name in names:
            if name in spec.dims or name in spec.coords:
                raise ParameterError(f"sweep over {name!r}", "the results have a coordinate of that name",
                                     remedy="Call the pipeline's parameter otherwise.")  # fmt: skip
