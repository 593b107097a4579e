"""An operator meets the labels of its inputs: roles, order of axes, boundary, dtype, labels of the result.

Everything here works on specs; nothing is read. The outcome is a :class:`Call`: full specs for people and plans,
and a small :class:`Kernel` without coordinates that travels to workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scatflow.contract import Core, Extended, Operator, Pointwise, Reduce, Select, Window
from scatflow.errors import ChunkError, DimensionError, ParameterError, near
from scatflow.graph.kernel import REACH_TOLERANCE, Kernel, Port, border_fraction
from scatflow.graph.selection import bind_select
from scatflow.labels import axis_of, check_dtype, core_dims
from scatflow.spec import ArraySpec, Axis, Coord


@dataclass(frozen=True, eq=False)
class Call:
    """An operator bound to labelled inputs, with its labelled results."""

    kernel: Kernel
    inputs: tuple[ArraySpec | float, ...]
    outputs: Mapping[str, ArraySpec]

    @property
    def operator(self) -> Operator:
        """The operator, with choices that depend on labels made."""
        return self.kernel.operator


def bind(operator: Operator, *inputs: ArraySpec | float) -> Call:
    """Bind an operator to inputs (specs, or plain numbers for some) and declare its labelled results.

    Raises
    ------
    DimensionError, ParameterError, DtypeError
        As the rules of dims, boundary and dtype say; nothing has been read when they do.
    """
    specs = [item for item in inputs if isinstance(item, ArraySpec)]
    _check_count(operator, inputs, specs)
    if isinstance(operator, Select):
        selection, result = bind_select(operator, specs[0])
        return Call(selection, inputs, {"": result})
    if isinstance(operator, Core):
        core = core_dims(specs[0], operator.dims, operator.signature.counts, operator.name, operator.signature.roles)
        _check_sampling(operator, specs[0])
        axes = tuple(axis_of(specs[0], dim, operator.sampling) for dim in core)
        operator = operator.replace(dims=core) if operator.dims is None else operator  # authors see names, never None
    else:
        core, axes = (), ()
    over = _over(operator, specs[0], core)
    ports = [item if not isinstance(item, ArraySpec) else _input_port(operator, item, core, over) for item in inputs]
    # Numbers keep their place among the inputs: the unit of a power depends on its exponent.
    given = [_kernel_spec(item, port) if isinstance(port, Port) else item for item, port in zip(inputs, ports, strict=True)]
    ready = [item for item in given if isinstance(item, ArraySpec)]
    operator = operator.resolve(*given)
    _check_order(operator, specs[0], axes)
    boundary = _boundary(operator, core, axes)
    _check_reach(operator, operator.signature.bind(len(core)))
    declared = operator.output(*given)
    named = {"": declared} if isinstance(declared, ArraySpec) else dict(declared)
    if isinstance(operator, Window) and operator.nan == "mask":
        named = _with_fraction(named, ready[0], operator.name)
    _check_new_dims(operator, named)
    order = list(dict.fromkeys(dim for spec in specs for dim in spec.dims))
    outputs = {name: _public(spec, order, operator, specs[0]) for name, spec in named.items()}
    results = tuple(
        Port(name, outputs[name].dims, spec.dims, spec.dtype, {d: s for d, s in spec.samples.items() if d in spec.dims})
        for name, spec in named.items()
    )
    roles = operator.signature.bind(len(core))
    sizes = {dim: size for spec in specs for dim, size in spec.sizes.items()}
    kernel = Kernel(operator, tuple(ports), results, roles, axes, boundary, over, sizes)
    _check_extension(kernel)
    if isinstance(operator, Window):
        outputs = {name: _with_support(spec, kernel, specs[0]) for name, spec in outputs.items()}
    elif isinstance(operator, Extended):  # averages of windows: what lies beyond the edges entered them too
        outputs = {name: spec.with_attrs(boundary=",".join(boundary)) for name, spec in outputs.items()}
    return Call(kernel, inputs, outputs)


def _check_reach(operator: Operator, roles: tuple[str, ...]) -> None:
    """Refuse a reach that does not name every role: a forgotten one would count as none, and results be wrong at edges."""
    if not isinstance(operator, Extended):
        return
    grid = operator.align()
    if not set(grid) <= set(operator.signature.roles):
        raise ParameterError(f"{operator.name}.align", "is a mapping from axis roles of the signature", expected=operator.signature.roles,
                             got=tuple(grid))  # fmt: skip
    try:
        depth = operator.depth(REACH_TOLERANCE)
    except ChunkError:
        return  # no finite reach
    _check_margins(operator, "depth", depth, roles)


def _check_extension(kernel: Kernel) -> None:
    """Refuse margins that do not name every role."""
    operator = kernel.operator
    if isinstance(operator, Extended):
        _check_margins(operator, "margins", operator.margins(kernel.place()), kernel.roles)


def _check_margins(operator: Operator, method: str, found: Any, roles: tuple[str, ...]) -> None:
    if not isinstance(found, Mapping) or not all(role in found and _is_reach(found[role]) for role in roles):
        raise ParameterError(f"{operator.name}.{method}", "is (before, after) in samples for every axis role of the signature",
                             expected=dict.fromkeys(roles, "(before, after)"), got=found)  # fmt: skip


def _is_reach(pair: Any) -> bool:
    return isinstance(pair, (tuple, list)) and len(pair) == 2 and all(_is_count(number) for number in pair)


def _is_count(number: Any) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool) and bool(number >= 0)


def _check_new_dims(operator: Operator, named: Mapping[str, ArraySpec]) -> None:
    """Refuse a result with a dim twice: the operator's new one, and one of the input, as after applying it twice."""
    for spec in named.values():
        twice = [dim for dim in spec.dims if spec.dims.count(dim) > 1]
        if twice:
            raise DimensionError(f"{operator.name} input", f"it has a dim {twice[0]!r}, which the result gets as a new one", got=spec.dims,
                                 remedy=f'Rename it first: .rename({twice[0]}="...").', code="DimensionDuplicated")  # fmt: skip


def _with_fraction(named: dict[str, ArraySpec], data: ArraySpec, subject: str) -> dict[str, ArraySpec]:
    """Add the result ``valid_fraction`` that the policy ``mask`` delivers beside the operator's own."""
    if list(named) != [""]:
        raise ParameterError(f"{subject}.nan", "the policy 'mask' needs an operator with a single result", got=sorted(named))
    spec = named[""]
    share = spec.without(*(dim for dim in spec.dims if dim not in data.dims))
    attrs = {"long_name": "share of filter weight on valid samples", "units": "1"}
    return {subject: spec, "valid_fraction": replace(share, dtype="float32", attrs=attrs, name="valid_fraction")}


def _check_count(operator: Operator, inputs: tuple[Any, ...], specs: list[ArraySpec]) -> None:
    if len(inputs) != operator.arity() or not specs:
        raise ParameterError(operator.name, "wrong number of inputs", expected=", ".join(operator.inputs), got=len(inputs))
    if len(specs) < len(inputs) and not isinstance(operator, Pointwise):
        raise ParameterError(operator.name, "numbers are accepted only element by element", got=inputs)


def _over(operator: Operator, spec: ArraySpec, core: tuple[str, ...]) -> tuple[str, ...]:
    """Return the batch dims that a reduction pools, in array order."""
    if not isinstance(operator, Reduce) or operator.over is None:
        return ()
    unknown = [dim for dim in operator.over if dim not in spec.dims]
    if unknown:
        raise DimensionError(f"{operator.name}.over", f"the input has no dim {unknown[0]!r}",
                             expected=f"dims among {spec.dims}", got=operator.over, code="DimensionMissing")  # fmt: skip
    return tuple(dim for dim in spec.dims if dim in operator.over and dim not in core)


def _input_port(operator: Operator, spec: ArraySpec, core: tuple[str, ...], over: tuple[str, ...]) -> Port:
    dtype = check_dtype(spec, operator.dtypes, operator.dtype, operator.name)
    inner = tuple(dim for dim in core if dim in spec.dims)
    pooled = tuple(dim for dim in over if dim in spec.dims)
    batch = tuple(dim for dim in spec.dims if dim not in inner and dim not in pooled)
    return Port("", spec.dims, (*batch, *pooled, *inner), dtype, {})


def _kernel_spec(item: ArraySpec | float, port: Port) -> ArraySpec:
    assert isinstance(item, ArraySpec)
    return replace(item.transpose(port.kernel_dims), dtype=port.dtype, chunks=None, samples={})


def _boundary(operator: Operator, core: tuple[str, ...], axes: tuple[Axis, ...]) -> tuple[str, ...]:
    if not isinstance(operator, Extended):
        return ()
    rule = operator.boundary
    if isinstance(rule, tuple):
        named = operator.dims or core
        if len(rule) != len(named):
            raise ParameterError(f"{operator.name}.boundary", "one word, or one per dim", expected=len(named), got=rule)
        by_dim = dict(zip(named, rule, strict=True))
        words: tuple[str, ...] = tuple(by_dim[dim] for dim in core)
    else:
        default = "zero" if operator.causal() else "reflect"
        words = tuple(rule or ("periodic" if axis.periodic else default) for axis in axes)
    for word in words:
        if operator.causal() and word in ("reflect", "symmetric"):
            raise ParameterError(f"{operator.name}.boundary", "a mirror at the beginning would show causal filters what comes later",
                                 expected="zero or periodic", got=word, remedy='Use boundary="zero".')  # fmt: skip
        rules = operator.rules()
        if word not in rules:
            raise ParameterError(f"{operator.name}.boundary", "not supported" + ("" if rules == operator.boundaries else " with these parameters"),
                                 expected=rules, got=word, remedy=f'Give boundary="{rules[0]}".' if len(rules) == 1 else None)  # fmt: skip
    return words


def _check_sampling(operator: Core, spec: ArraySpec) -> None:
    """Refuse a sampling declared for a dim that the input lacks: it would be ignored."""
    for dim in operator.sampling or {}:
        if dim not in spec.dims:
            raise DimensionError(f"{operator.name}.sampling", f"the input has no dim {dim!r}", expected=f"dims among {spec.dims}",
                                 got=operator.sampling, remedy=near(dim, spec.dims), code="DimensionMissing")  # fmt: skip


def _check_order(operator: Operator, spec: ArraySpec, axes: tuple[Axis, ...]) -> None:
    """Refuse causal filters along a coordinate that decreases: later rows are the past there."""
    if not isinstance(operator, Extended) or not operator.causal():
        return
    for axis in axes:
        coord = spec.coords.get(axis.dim)
        values = np.asarray(()) if coord is None else np.asarray(coord.values)
        if values.size > 1 and values.dtype.kind in "iufmM" and values[-1] < values[0]:
            raise DimensionError(f"coordinate {axis.dim!r}", "causal filters need a coordinate that increases", got="a decreasing one",
                                 remedy=f'Sort it with .sortby("{axis.dim}").', code="CoordinateDecreases")  # fmt: skip


def _public(spec: ArraySpec, order: list[str], operator: Operator, first: ArraySpec) -> ArraySpec:
    """Return a declared result with input dim order kept, new dims last, and its name."""
    kept = [dim for dim in order if dim in spec.dims]
    new = [dim for dim in spec.dims if dim not in order]
    if isinstance(operator, Pointwise) and len(operator.inputs) == 1 and len(spec.dims) == len(first.dims):
        kept, new = list(spec.dims), []  # dims may be renamed, each in its place
    # A result on other dims is another quantity and takes the operator's name; one on the same dims keeps its own.
    own = spec.name != first.name or (spec.name is not None and set(spec.dims) == set(first.dims))
    attrs = {key: value for key, value in spec.attrs.items() if key != "scatflow"}
    name = spec.name if own or isinstance(operator, Pointwise) else operator.name
    return replace(spec.transpose([*kept, *new]), chunks=None, attrs=attrs, name=name or operator.name)


def _with_support(spec: ArraySpec, kernel: Kernel, source: ArraySpec) -> ArraySpec:
    """Add ``support_start``/``support_end`` along a single ordered core dim and ``valid_fraction`` (U4, U5)."""
    operator = kernel.operator
    assert isinstance(operator, Window)
    spec = spec.with_attrs(boundary=",".join(kernel.boundary))
    live = [(role, axis) for role, axis in zip(kernel.roles, kernel.axes, strict=True) if axis.dim in spec.dims]
    if not live:
        return spec
    coords: dict[str, Coord] = {}
    # Under the policy `mask` the fraction is a result of its own, and counts borders too.
    fraction = None if operator.nan == "mask" else border_fraction(kernel)
    if fraction is not None:
        dims = tuple(axis.dim for _, axis in live)
        coords["valid_fraction"] = Coord(dims, fraction, {"long_name": "share of filter weight on valid samples", "units": "1"})
    if len(live) == 1 and kernel.boundary[0] != "periodic":
        coords |= _support(spec, kernel, *live[0], source)
    return spec.with_coords(coords)


def _support(spec: ArraySpec, kernel: Kernel, role: str, axis: Axis, source: ArraySpec) -> dict[str, Coord]:
    operator = kernel.operator
    assert isinstance(operator, Window)
    try:
        before, after = operator.depth(REACH_TOLERANCE)[role]
    except ChunkError:  # filters without usable decay reach over their whole span
        before = after = axis.size
    centers = np.asarray(spec.samples.get(axis.dim, range(axis.size)))
    edges = np.array(axis.spans())
    span = np.searchsorted(edges[:, 0], centers, side="right") - 1
    coord = source.coords.get(axis.dim)
    values = None if coord is None else np.asarray(coord.values)
    attrs = {} if coord is None else {key: value for key, value in coord.attrs.items() if key == "units"}
    ends = {
        "support_start": ("first", np.maximum(centers - before, edges[span, 0])),
        "support_end": ("last", np.minimum(centers + after, edges[span, 1] - 1)),
    }
    return {
        name: Coord(
            (axis.dim,),
            index if values is None else values[index],
            {**attrs, "long_name": f"{word} coordinate that can change the value"},
        )
        for name, (word, index) in ends.items()
    }
