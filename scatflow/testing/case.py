"""What checks run on: an example of an operator with small labelled inputs, and variants of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from scatflow.arrays import namespace
from scatflow.blocks.evaluate import to_kernel
from scatflow.contract import Core, Extended, Operator, Program, Reduce, Select
from scatflow.errors import ChunkError, ParameterError, ScatflowError
from scatflow.graph import Call, bind
from scatflow.graph.kernel import Port
from scatflow.labels import spec_of
from scatflow.ops.evaluation import apply

Array = Any
Input = xr.DataArray | float

#: Tolerance at which reach is put to the test; the largest for operators whose reach there exceeds a sample of their data.
TOLERANCES = (1e-6, 1e-4)
#: Longest core axis of a sample, by number of core dims.
LONGEST = {1: 2000, 2: 160, 3: 40}
#: Lengths of core axes where nothing else asks for more; of four and more those of SMALL.
SHORT = {1: (37,), 2: (11, 14), 3: (5, 6, 7)}
SMALL = (3, 4, 5, 6, 2, 2, 2, 2)
#: Lengths for filters without a finite reach.
ENDLESS = {1: (48,), 2: (18, 23), 3: (8, 9, 10)}


@dataclass(frozen=True, eq=False)
class Case:
    """One example with its inputs, in double precision, without gaps and walls."""

    operator: Operator
    inputs: tuple[Input, ...]
    label: str

    @cached_property
    def call(self) -> Call:
        """The operator bound to its inputs."""
        return bind(self.operator, *(spec_of(item) if isinstance(item, xr.DataArray) else item for item in self.inputs))

    @property
    def arrays(self) -> tuple[xr.DataArray, ...]:
        """The inputs that are arrays."""
        return tuple(item for item in self.inputs if isinstance(item, xr.DataArray))

    @cached_property
    def whole(self) -> Mapping[str, xr.DataArray]:
        """The results on whole arrays, by name."""
        return results(self.operator, *self.inputs)

    @cached_property
    def core(self) -> tuple[str, ...]:
        """Core dims of the first input, in kernel order."""
        return self.call.kernel.core if isinstance(self.operator, Core) else ()

    def replaced(self, change: Callable[[xr.DataArray], xr.DataArray], **parameters: Any) -> Case:
        """Return the case with every array changed, and other parameters."""
        inputs = tuple(change(item) if isinstance(item, xr.DataArray) else item for item in self.inputs)
        operator = self.operator.replace(**parameters) if parameters else self.operator
        return Case(operator, inputs, self.label)

    @cached_property
    def batch(self) -> tuple[str, ...]:
        """Dims of the inputs that are neither core dims nor named by a parameter."""
        named: set[str] = set()
        for key in type(self.operator).model_fields:
            named |= set(_words(getattr(self.operator, key)))
        dims = dict.fromkeys(str(dim) for array in self.arrays for dim in array.dims)
        return tuple(dim for dim in dims if dim not in self.core and dim not in named)

    @cached_property
    def spare(self) -> str:
        """A name for one more dim, which neither an input nor a parameter has."""
        taken = {
            *(str(name) for array in self.arrays for name in (*array.dims, *array.coords)),
            *_words(self.operator.parameters()),
        }
        return _free("extra", dict.fromkeys(taken, 0))

    @cached_property
    def other(self) -> Case:
        """The case with other numbers under the same labels, which stay in the range of its own."""
        drawn = draw(self.operator, len(self.core), self.arrays[0].dtype.kind, seed=1)
        for inputs in (_relabelled(self.inputs, drawn), tuple(_blended(item, True) for item in self.inputs),
                       tuple(_blended(item, False) for item in self.inputs)):  # fmt: skip
            other = Case(self.operator, inputs, self.label)
            if not all(np.array_equal(a.values, b.values) for a, b in zip(self.arrays, other.arrays, strict=True)) and _accepts(
                other
            ):
                return other
        return self

    def chunked(self, dim: str, sizes: int | tuple[int, ...]) -> Case:
        """Return the case on lazy arrays of their own memory, chunked along one dim."""
        return self.replaced(lambda array: array.copy(deep=True).chunk({dim: sizes} if dim in array.dims else {}))

    def astype(self, dtype: str) -> Case:
        """Return the case with numbers of another dtype, attributes kept."""
        return self.replaced(lambda array: array.astype(dtype))

    def single(self) -> Case:
        """Return the case in single precision; integers stay."""
        narrow = {"c": "complex64", "f": "float32"}
        return self.replaced(lambda array: array.astype(narrow.get(array.dtype.kind, array.dtype)))

    def kernel_blocks(self, xp: Any = None) -> list[Array]:
        """Return the inputs in kernel order, on the library of ``xp`` where it is given."""
        spaces = namespace(*(array.data for array in self.arrays)) if xp is None else xp
        ports = zip(self.inputs, self.call.kernel.inputs, strict=True)
        return [to_kernel(spaces, item.data, port) if isinstance(item, xr.DataArray) and isinstance(port, Port) else item
                for item, port in ports]  # fmt: skip

    def depth(self, tol: float) -> Mapping[str, tuple[int, int]] | None:
        """Return the declared reach at a tolerance, or None where there is no finite one."""
        operator = self.call.operator
        if not isinstance(operator, Extended):
            return None
        try:
            return operator.depth(tol)
        except ChunkError:
            return None

    def tolerance(self) -> float | None:
        """Return the tightest tolerance at which the reach fits into the sample, or None."""
        sizes = {role: axis.size for role, axis in zip(self.call.kernel.roles, self.call.kernel.axes, strict=True)}
        for tol in TOLERANCES:
            depth = self.depth(tol)
            if depth is None:
                return None
            if all(2 * sum(depth.get(role, (0, 0))) < size for role, size in sizes.items()):
                return tol
        return None


def results(operator: Operator, *inputs: Input) -> dict[str, xr.DataArray]:
    """Return the results of an operator by name, whatever it delivers them in; it gets copies of arrays in memory."""
    out = apply(operator, *(_copied(item) for item in inputs))
    if isinstance(out, xr.DataArray):
        return {"": out}
    if isinstance(out, xr.DataTree):
        return {name: next(iter(node.to_dataset().data_vars.values())) for name, node in out.children.items()}
    return {str(name): array for name, array in out.data_vars.items()}


def _copied(item: Input) -> Input:
    """Return a copy that a kernel may spoil; a sealed array stays sealed."""
    if not isinstance(item, xr.DataArray) or not isinstance(item.data, np.ndarray) or not item.data.flags.writeable:
        return item
    return item.copy(data=item.data.copy())


def cases_of(operator: Operator, seed: int = 0) -> Iterator[Case]:
    """Yield the cases of one example: for each admissible number of core dims, real and complex.

    Parameters
    ----------
    operator : Operator
        The example.
    seed : int
        Seed of the inputs.
    """
    if isinstance(operator, Program):
        return
    for count in _counts(operator):
        ready = _with_dims(operator, count)
        for kind in "fc" if operator.dtypes != "i" else "i":
            if kind not in operator.dtypes:
                continue
            words = [f"{count} core dims"] if len(_counts(operator)) > 1 else []
            label = ", ".join([_label(operator), *words, *(["complex"] if kind == "c" else [])])
            case = Case(ready, tuple(draw(ready, count, kind, seed)), label)
            if kind == "c" and "f" in operator.dtypes and not _accepts(case):
                continue  # complex input has no meaning for this example, and is refused as such
            yield case


def _accepts(case: Case) -> bool:
    try:
        return case.call is not None
    except ScatflowError:
        return False


def _words(value: Any) -> Iterator[str]:
    """Yield the texts in a parameter."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _words(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (*_words(key), *_words(item))


def _relabelled(inputs: Sequence[Input], drawn: Sequence[Input]) -> tuple[Input, ...]:
    """Return the inputs with drawn numbers where shapes agree."""
    return tuple(
        one.copy(data=two.values.astype(one.dtype)) if isinstance(one, xr.DataArray) and isinstance(two, xr.DataArray)
        and one.shape == two.shape else one for one, two in zip(inputs, drawn, strict=True)
    )  # fmt: skip


def _blended(item: Input, shuffled: bool) -> Input:
    """Return an input with numbers between its own, their mean and the largest, shuffled or not; other kinds are shuffled alone."""
    if not isinstance(item, xr.DataArray):
        return item
    values = np.random.default_rng(9).permuted(item.values.ravel()).reshape(item.shape) if shuffled else item.values
    if item.dtype.kind in "fc" and values.size:
        values = 0.5 * values + 0.35 * values.mean() + 0.15 * values.ravel()[np.abs(values).argmax()]
    return item.copy(data=values)


def _label(operator: Operator) -> str:
    """Return a call that makes the operator: parameters that are not at their defaults."""
    required = {key: getattr(operator, key) for key, info in type(operator).model_fields.items() if info.is_required()}
    usual = type(operator)(**required).parameters()
    changed = {key: value for key, value in operator.parameters().items() if key in required or value != usual[key]}
    text = ", ".join(f"{key}={value!r}" for key, value in changed.items())
    return f"{operator.name}({text if len(text) <= 90 else text[:87] + '...'})"


def _counts(operator: Operator) -> tuple[int, ...]:
    if not isinstance(operator, Core):
        return (0,)
    return (len(operator.dims),) if operator.dims is not None else operator.signature.counts


def _with_dims(operator: Operator, count: int) -> Operator:
    if not isinstance(operator, Core) or operator.dims is not None:
        return operator
    return operator.replace(dims=operator.signature.bind(count))


def draw(operator: Operator, count: int, kind: str, seed: int) -> list[Input]:
    """Return inputs for an operator with its core dims named: its own, or normal numbers on its dims."""
    rng = np.random.default_rng(seed)
    own = _in_memory(operator, operator.sample_inputs(rng))
    if own:
        return [_turned(item, kind, rng) if isinstance(item, xr.DataArray) else item for item in own]
    sizes = dict(zip(operator.dims or (), _core_sizes(operator, count), strict=True)) if isinstance(operator, Core) else {}
    pooled = [dim for dim in getattr(operator, "over", None) or () if dim not in sizes]
    outer = dict(zip(pooled, (6, 4, 3), strict=False)) or {_free("item", sizes): 3 if count < 3 else 2}  # volumes are large
    sizes = {**outer, **sizes} if sizes else {**outer, **({} if len(outer) > 1 else {_free("x", outer): 14})}
    return [_noise(sizes, kind, rng) for _ in operator.inputs]


def _in_memory(operator: Operator, given: Any) -> list[Input]:
    """Return an author's samples, once they are what checks need."""
    found = list(given) if isinstance(given, (tuple, list)) else [given]
    for item in found:
        if not isinstance(item, (xr.DataArray, int, float)) or (isinstance(item, xr.DataArray) and item.chunks is not None):
            lazy = " in chunks" if isinstance(item, xr.DataArray) else ""
            raise ParameterError(f"{operator.name}.sample_inputs", "gives a tuple of labelled arrays in memory, or numbers",
                                 expected="DataArray or float", got=f"{type(item).__name__}{lazy}")  # fmt: skip
    if found and len(found) != len(operator.inputs):
        raise ParameterError(f"{operator.name}.sample_inputs", "gives one sample for every input", expected=", ".join(operator.inputs),
                             got=len(found))  # fmt: skip
    return found


def _free(name: str, taken: Mapping[str, int]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)


def _core_sizes(operator: Core, count: int) -> tuple[int, ...]:
    if count == 0:
        return ()
    if not isinstance(operator, Extended):
        return _short(count)
    roles = operator.signature.bind(count)
    try:
        reach = [operator.depth(TOLERANCES[0]).get(role, (0, 0)) for role in roles]
    except ChunkError:
        return ENDLESS.get(count, _short(count))
    factor = 3 if count == 1 else 2
    wanted = (factor * (before + after) + short for (before, after), short in zip(reach, _short(count), strict=True))
    return tuple(min(LONGEST.get(count, max(SMALL)), size) for size in wanted)


def _short(count: int) -> tuple[int, ...]:
    return SHORT.get(count, SMALL[:count])


def _noise(sizes: Mapping[str, int], kind: str, rng: np.random.Generator) -> xr.DataArray:
    """Return labelled normal numbers: physical coordinates along all dims, units, a name."""
    shape = tuple(sizes.values())
    values = rng.integers(0, 9, shape) if kind == "i" else rng.standard_normal(shape)
    if kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    coords = {dim: (dim, 0.5 * np.arange(size), {"units": "m"}) for dim, size in sizes.items()}
    return xr.DataArray(values, dims=list(sizes), coords=coords, name="u", attrs={"units": "m s-1", "long_name": "velocity"})


def _turned(array: xr.DataArray, kind: str, rng: np.random.Generator) -> xr.DataArray:
    """Return an author's own sample, with phases where complex numbers are wanted."""
    if kind != "c" or array.dtype.kind != "f":
        return array
    return array.copy(data=array.values * np.exp(0.5j * rng.random(array.shape)))


def box_chunks(size: int, cuts: Sequence[int]) -> list[tuple[int, int]]:
    """Return the half-open ranges between cuts of an axis."""
    edges = sorted({0, *(cut for cut in cuts if 0 < cut < size), size})
    return list(itertools.pairwise(edges))


def with_extra(case: Case, other: Case) -> Case:
    """Return a case whose arrays have one more batch dim, the spare one, of length 2: this case's items, then the other's."""
    name = case.spare

    def paired(one: Input, two: Input) -> Input:
        if not isinstance(one, xr.DataArray) or not isinstance(two, xr.DataArray):
            return one
        # By hand: xr.concat would compare and drop what the two do not share.
        values = np.stack([one.values, two.values])
        coords = {**{str(key): coord for key, coord in one.coords.items()}, name: (name, np.array([10, 20])),
                  f"{name}_word": (name, np.array(["first", "second"]))}  # fmt: skip
        return xr.DataArray(values, dims=(name, *one.dims), coords=coords, name=one.name, attrs=one.attrs)

    inputs = tuple(paired(one, two) for one, two in zip(case.inputs, other.inputs, strict=True))
    return replace(case, inputs=inputs)


def rms(values: Any) -> float:
    """Return the root mean square of an array, 0 for an empty one."""
    array = np.asarray(values)
    if array.size == 0:
        return 0.0
    return math.sqrt(float(np.mean(np.abs(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)) ** 2)))


def is_kernel(operator: Operator) -> bool:
    """Tell whether single blocks of this kind can be evaluated: neither wiring nor choosing nor reducing."""
    return hasattr(operator, "apply") and not isinstance(operator, (Reduce, Select))
