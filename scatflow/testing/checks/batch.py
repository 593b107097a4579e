"""Group *numbers*, first part: what a dim is called, how long it is and how it is cut changes nothing but itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from scatflow.contract import Composite, Core, Operator, Pointwise, Reduce, Whole
from scatflow.contract.info import own_parameters
from scatflow.errors import ChunkError, ParameterError, ScatflowError
from scatflow.testing.block import block
from scatflow.testing.case import Case, box_chunks, results, with_extra
from scatflow.testing.check import Check, Failure, NotApplicable, breaking, check, told
from scatflow.testing.checks.lazy import not_program
from scatflow.testing.compare import ROUNDING, compare_labelled, computed, difference

#: Axis lengths up to which every sample is made a chunk of its own.
SINGLES = 16


def chunkings(case: Case) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield dims and ways to split them: single samples, one sample and the rest, random."""
    rng = np.random.default_rng(5)
    sizes = {str(dim): size for array in case.arrays for dim, size in array.sizes.items()}
    for dim, size in sizes.items():
        if size < 2:
            continue
        cuts: list[list[int]] = [list(range(1, size))] if size <= SINGLES else []
        cuts += [[1], sorted(rng.choice(np.arange(1, size), size=min(3, size - 1), replace=False).tolist())]
        for cut in dict.fromkeys(map(tuple, cuts)):  # of a short axis some are the same
            yield dim, tuple(stop - start for start, stop in box_chunks(size, cut))


@check("numbers", applies=not_program)
def chunk_invariance(case: Case) -> None:
    """Every way to chunk any dim gives the numbers and labels of whole arrays, or is refused with the remedy."""
    for dim, sizes in chunkings(case):
        split = case.chunked(dim, sizes)
        try:
            lazy = results(split.operator, *split.inputs)
        except ChunkError:
            continue  # core dims stay whole; how a window crosses chunks is checked by halo_blocks
        compare_labelled(lazy, case.whole, ROUNDING, f"chunks {sizes} along {dim!r} change the result",
                         "A kernel must not depend on what else is in its block.")  # fmt: skip


def settled(declared: type[Operator]) -> str:
    """Only operators whose numbers do not depend on where an item lies."""
    return not_program(declared) or ("random numbers are keyed by place" if declared.stochastic else "")


@check("numbers", applies=settled)
def batch_and_order(case: Case) -> None:
    """One more batch dim changes nothing else, its coordinates are kept; transposed inputs give the same labelled result."""
    pair = with_extra(case, case.other)
    together = results(pair.operator, *pair.inputs)
    for index, one in enumerate((case, case.other)):
        for name, expected in one.whole.items():
            array = together.get(name)
            if array is None or case.spare not in array.dims:
                raise Failure(
                    "a batch dim is lost", got=None if array is None else array.dims, remedy="Keep dims that are not core."
                )
            item = array.isel({case.spare: index}).transpose(*expected.dims)
            if difference(item.data, expected.data) > ROUNDING:
                raise Failure("items of a batch influence each other, or the kernel fixes the number of axes",
                              remedy="Use negative axes and `...`.")  # fmt: skip
            _kept(array, pair.arrays[0], case.spare)
    turned = case.replaced(lambda array: array.transpose(*reversed(array.dims)))
    found = {name: array.transpose(*case.whole[name].dims) for name, array in results(turned.operator, *turned.inputs).items()}
    compare_labelled(found, case.whole, ROUNDING, "transposed inputs change the result")


def _kept(array: xr.DataArray, source: xr.DataArray, dim: str) -> None:
    for name in (dim, f"{dim}_word"):
        if name not in array.coords or not np.array_equal(array[name].values, source[name].values):
            raise Failure(f"coordinate {name!r} of a batch dim is lost or changed", remedy="Derive output() from the input's spec.")


def has_core(declared: type[Operator]) -> str:
    """Only kinds that work along core dims."""
    if not issubclass(declared, Core) or not max(declared.signature.counts):
        return "has no core dims"
    return settled(declared)


@check("numbers", applies=has_core)
def unbatched(case: Case) -> None:
    """An array with core dims alone gives what an item of a batch gives."""
    dims = [dim for dim in case.batch if all(array.sizes.get(dim, 1) for array in case.arrays)]
    if not dims:
        raise NotApplicable("the sample has no batch dims")

    def item(array: xr.DataArray) -> xr.DataArray:
        return array.isel({dim: 0 for dim in dims if dim in array.dims}, drop=True)

    alone = _refused_or(lambda: case.replaced(item).whole, "an array without batch dims")
    expected = {name: item(array) for name, array in case.whole.items()}
    _same(
        alone,
        expected,
        "an array without batch dims gives other numbers than as an item of a batch",
        "Use negative axes and `...`.",
    )


def has_several(declared: type[Operator]) -> str:
    """Only kinds with two and more core dims bind them to different roles."""
    if issubclass(declared, Core) and max(declared.signature.counts) > 1:
        return ""
    return "for two and more core dims"


@check("numbers", applies=has_several)
def dims_order(case: Case) -> None:
    """The order in which core dims are named changes nothing."""
    dims = getattr(case.operator, "dims", None) or ()
    if len(dims) < 2:
        raise NotApplicable("this example has one core dim")
    turned = case.replaced(lambda array: array, dims=tuple(reversed(dims)))
    compare_labelled(results(turned.operator, *turned.inputs), case.whole, 0.0, "dims in another order change the result",
                     "Take core axes from the block's last axes or from at, not from self.dims.")  # fmt: skip


@check("numbers", applies=not_program)
def renamed_dims(case: Case) -> None:
    """Dims of other names than the roles give the same numbers."""
    new = {dim: f"my_{dim}" for dim in dict.fromkeys(str(dim) for array in case.arrays for dim in array.dims)}
    try:
        changed = _renamed_parameters(case, new)
    except ParameterError:
        raise NotApplicable("a parameter takes certain names of dims alone") from None
    # In the order of the kernel: unusual names take the roles in which the array has them.
    placed = case.replaced(lambda array: array.transpose(..., *(dim for dim in case.core if dim in array.dims)))
    other = placed.replaced(
        lambda array: array.rename({name: new[str(name)] for name in (*array.dims, *array.coords) if name in new})
    )
    found = _refused_or(lambda: Case(changed, other.inputs, case.label).whole, "dims of other names than the roles")
    for name, expected in placed.whole.items():
        order = [new.get(str(dim), str(dim)) for dim in expected.dims]
        values = found[name].transpose(*order).values if set(order) == set(found[name].dims) else found[name].values
        if difference(values, expected.values) > ROUNDING:
            raise Failure(f"dims of other names than the roles change the result{f' {name!r}' if name else ''}",
                          remedy="Mappings such as depth, margins and at are keyed by roles; self.dims holds the names of dims.")  # fmt: skip


def _renamed_parameters(case: Case, new: Mapping[str, str]) -> Operator:
    """Return the operator with parameters that name dims of the sample following them."""
    names = {*own_parameters(type(case.operator)), "dims", "over", "sampling"} & set(type(case.operator).model_fields)
    values = {name: (getattr(case.operator, name), _renamed(getattr(case.operator, name), new)) for name in names}
    return case.operator.replace(**{name: after for name, (before, after) in values.items() if after != before})


def _renamed(value: Any, new: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return new.get(value, value)
    if isinstance(value, tuple):
        return tuple(_renamed(item, new) for item in value)
    if isinstance(value, dict):
        return {_renamed(key, new): item for key, item in value.items()}
    return value


def _refused_or(work: Callable[[], Mapping[str, xr.DataArray]], what: str) -> Mapping[str, xr.DataArray]:
    """Return what the work gives; a refusal by scatflow's own errors makes the check say nothing, any other error fails it."""
    try:
        with breaking(what):
            return work()
    except ScatflowError as error:
        own = error.code == "ResultMisdeclared" or error.subject.partition(".")[2] in ("depth", "margins", "align", "coverage")
        if own:  # found wrong by the engine, not refused by the author
            raise Failure(f"{what}: the operator breaks", got=told(error)) from error
        raise NotApplicable(f"{what}: refused") from None


def _same(found: Mapping[str, xr.DataArray], expected: Mapping[str, xr.DataArray], rule: str, remedy: str = "") -> None:
    """Raise Failure where values by name differ in more than rounding."""
    for name, one in expected.items():
        again = found[name].transpose(*one.dims) if set(found[name].dims) == set(one.dims) else found[name]
        distance = difference(again.values, one.values)
        if not distance <= ROUNDING:
            raise Failure(
                f"{rule}{f' (result {name!r})' if name else ''}", got=f"a relative rms difference of {distance:.2g}", remedy=remedy
            )


def has_inputs(declared: type[Operator]) -> str:
    """Only kernels of several inputs."""
    many = issubclass(declared, (Pointwise, Whole)) and len(declared.signature.inputs) > 1
    return "" if many else "has a single input, or no kernel"


@check("numbers", applies=has_inputs)
def inputs_meet(case: Case) -> None:
    """Inputs that lack a batch dim, have it in another order, are numbers or of another kind give what equal ones give."""
    for number, array in enumerate(case.inputs):
        if isinstance(array, xr.DataArray):
            _without_batch(case, number, array)
            if isinstance(case.operator, Pointwise):
                _as_number(case, number, array)
            _as_complex(case, number, array)


def _with(case: Case, number: int, item: Any) -> Case:
    return Case(case.operator, tuple(item if i == number else other for i, other in enumerate(case.inputs)), case.label)


def _without_batch(case: Case, number: int, array: xr.DataArray) -> None:
    dims = [dim for dim in case.batch if array.sizes.get(dim, 0) > 0]
    if not dims or sum(dims[0] in other.dims for other in case.arrays) < 2:
        return
    poor = array.isel({dims[0]: 0}, drop=True)
    full = array.copy(data=np.repeat(array.isel({dims[0]: [0]}).values, array.sizes[dims[0]], axis=array.dims.index(dims[0])))
    what = f"input {number} without the batch dim {dims[0]!r}"
    try:
        found = _refused_or(lambda: _with(case, number, poor).whole, what)
    except NotApplicable:
        return
    _same(found, _with(case, number, full).whole, f"{what} gives another result than one that repeats it",
          "Derive output() from all inputs: super().output(*specs) has the dims of all.")  # fmt: skip
    if case.operator.differentiable:
        lazy = _with(case, number, poor)
        one = block(lazy.operator, *lazy.inputs)
        found = one.apply()
        one.vjp(found if len(found) > 1 else next(iter(found.values())))  # raises where shapes do not fit


def _as_number(case: Case, number: int, array: xr.DataArray) -> None:
    value = float(np.abs(array.values.ravel()[0])) if array.size else 1.0
    if len(case.arrays) < 2:
        return
    try:
        found = _refused_or(lambda: _with(case, number, value).whole, f"a number for input {number}")
        full = _with(case, number, array.copy(data=np.full(array.shape, value, dtype=array.dtype))).whole
    except NotApplicable:
        return
    _same(found, full, f"a number for input {number} gives another result than an array of it",
          "output() gets a number in place of a spec: super().output(*specs) passes over it.")  # fmt: skip


def _as_complex(case: Case, number: int, array: xr.DataArray) -> None:
    if not {"f", "c"} <= set(case.operator.dtypes) or array.dtype.kind != "f":
        return
    turned = array.copy(data=array.values * np.exp(0.3j))
    mixed = _with(case, number, turned)
    both = mixed.astype("complex128")
    try:
        found = _refused_or(lambda: mixed.whole, f"input {number} alone is complex")
        expected = both.whole
    except (NotApplicable, ScatflowError):
        return
    _same(found, expected, f"where input {number} alone is complex the result is another than where all are",
          "Derive the dtype in output() from all inputs.")  # fmt: skip


def reduces(declared: type[Operator]) -> str:
    """Only reductions."""
    return "" if issubclass(declared, Reduce) and not issubclass(declared, Composite) else "for Reduce"


@check("numbers", applies=reduces)
def pooling(case: Case) -> None:
    """Pooled dims in any chunks give the same numbers; one item pooled is itself, two dims are one of their items."""
    operator: Any = case.operator
    if operator.over or not case.batch:
        raise NotApplicable("this example pools already, or has nothing to pool")
    dim = case.batch[0]
    nine = case.replaced(lambda array: _repeated(array, dim), over=(dim,))
    for size in (1, 4):
        lazy = results(nine.operator, *nine.chunked(dim, size).inputs)
        compare_labelled(lazy, nine.whole, ROUNDING, f"chunks of {size} along the pooled dim change the result",
                         "combine() must be associative, also where a state is itself a merged one.")  # fmt: skip
    one = case.replaced(lambda array: array.isel({dim: slice(0, 1)}) if dim in array.dims else array, over=(dim,))
    alone = case.replaced(lambda array: array.isel({dim: 0}, drop=True) if dim in array.dims else array)
    _same(one.whole, alone.whole, "a single item that is pooled gives another result than the item")
    pair = with_extra(case, case.other)
    both = pair.replaced(lambda array: array, over=(case.spare, dim))
    _same(both.whole, _joined(case, dim).whole, "two pooled dims give another result than one dim of their items",
          "Pooled dims come flattened along the axis before the core axes; output() drops all of self.over.")  # fmt: skip


def _repeated(array: xr.DataArray, dim: str) -> xr.DataArray:
    """Return three times the items along a dim, each time other numbers of the same range."""
    if dim not in array.dims:
        return array
    axis = array.dims.index(dim)
    parts = [array.values, np.flip(array.values), 0.5 * array.values + 0.5 * np.flip(array.values)]
    return _along(array, dim, np.concatenate([part.astype(array.dtype) for part in parts], axis=axis))


def _joined(case: Case, dim: str) -> Case:
    """Return the case with the items of another behind its own, pooled."""
    inputs = tuple(
        _along(one, dim, np.concatenate([one.values, two.values], axis=one.dims.index(dim)))
        if isinstance(one, xr.DataArray) and isinstance(two, xr.DataArray) and dim in one.dims else one
        for one, two in zip(case.inputs, case.other.inputs, strict=True)
    )  # fmt: skip
    return Case(case.operator.replace(over=(dim,)), inputs, case.label)


def _along(array: xr.DataArray, dim: str, values: np.ndarray) -> xr.DataArray:
    """Return an array with more items along a dim, without the labels of its old ones."""
    coords = {str(name): coord for name, coord in array.coords.items() if dim not in coord.dims}
    return xr.DataArray(values, dims=array.dims, coords=coords, name=array.name, attrs=array.attrs)


@check("numbers", applies=lambda declared: "" if declared.stochastic else "not declared stochastic")
def seeded(case: Case) -> None:
    """Another seed gives other numbers, and so does another item of the same values."""
    if "seed" not in type(case.operator).model_fields:
        raise Failure("declared stochastic, without a parameter 'seed'", remedy='seed: int = param(0, "Seed.", ge=0).')
    operator: Any = case.operator
    moved = case.replaced(lambda array: array, seed=operator.seed + 1)
    if all(np.array_equal(moved.whole[name].values, array.values, equal_nan=True) for name, array in case.whole.items()):
        raise Failure("declared stochastic, but another seed changes nothing")
    pair = with_extra(case, case)
    for array in computed(results(pair.operator, *pair.chunked(case.spare, 1).inputs)).values():
        if np.array_equal(array.isel({case.spare: 0}).values, array.isel({case.spare: 1}).values, equal_nan=True):
            raise Failure("two items of the same values get the same random numbers",
                          remedy="Key them by seed and absolute index: at.batch holds the first of every batch axis.")  # fmt: skip


CHECKS: tuple[Check, ...] = (
    chunk_invariance, batch_and_order, unbatched, dims_order, renamed_dims, inputs_meet, pooling, seeded,
)  # fmt: skip
