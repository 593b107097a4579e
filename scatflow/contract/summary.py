"""What parts of a signal have to know of the whole: how much of it is valid, the mean of that, where it begins and ends.

Whole axes tell it themselves. Where core dims are split, the plan puts this reduction before what needs it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scatflow.contract.average import Average
from scatflow.contract.declared import param
from scatflow.contract.operator import Core, Dims, Extended, Operator, Reduce, Window, operator
from scatflow.spec import ArraySpec, Place

Array = Any
Spans = tuple[tuple[int, int], ...]
#: Where the first valid sample is if there is none.
_NOWHERE = 2**62


def needs_summary(operator: Operator) -> bool:
    """Tell whether parts of core dims have to know of the whole signal.

    Averages do, as to gaps that spoil them and to what fills these, and windows that fill gaps with a mean.
    """
    return isinstance(operator, Average) or (isinstance(operator, Window) and operator.nan == "mask")


def can_have_gaps(operator: Operator, spec: ArraySpec) -> bool:
    """Tell whether an input may hold missing values: floats, or whole numbers one of which stands for them."""
    return spec.dtype.startswith(("float", "complex")) or (isinstance(operator, Extended) and operator.missing is not None)


@operator("signal_summary", version=1, signature="()->()", dtypes="fc")
class Summary(Reduce):
    """Count and mean of the valid samples of every signal between walls, and where its data begin and end.

    Results: ``mean`` (float64 or complex128; 0 without any valid sample) with a new last dim of the spans between walls, and
    ``extent`` (int64) with another of three: samples that are valid, and of signals along one dim the first of them and one
    past the last, both 0 without any. Not for users: the plan puts it before operators whose core dims it splits.
    """

    dims: Dims | None = param((), "Not used: the dims of a signal are named in 'over'.")
    missing: float | None = param(None, "Sentinel that stands for a missing value.")
    spans: tuple[Spans, ...] = param((), "Ranges between the walls, along each dim of a signal in array order.")

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Declare mean and extent."""
        (spec,) = specs
        bare = ArraySpec(spec.dims, spec.shape, "complex128" if spec.dtype.startswith("complex") else "float64").without(
            *self.over or ()
        )
        count = len(list(itertools.product(*self.spans)))
        mean = bare.with_dim(_free("span", bare), count)
        return {"mean": mean, "extent": mean.with_dtype("int64").with_dim(_free("fact", bare), 3)}

    def chunk(self, xp: Any, *blocks: Array, at: Place, **prepared: Any) -> tuple[Array, ...]:
        """Return counts, sums, first valid samples and ends of valid data, shape (..., spans) each."""
        (block,), ndim = blocks, len(self.spans)
        starts, lengths = at.batch[len(at.batch) - ndim :], at.items[len(at.items) - ndim :]
        block = xp.reshape(block, (*block.shape[:-1], *lengths))
        hole = xp.isnan(block) if self.missing is None else xp.isnan(block) | (block == self.missing)
        clean, axes = xp.where(hole, xp.zeros_like(block), block), tuple(range(block.ndim - ndim, block.ndim))
        double = xp.complex128 if xp.isdtype(block.dtype, "complex floating") else xp.float64
        found = []
        for box in itertools.product(
            *(list(_inside(spans, a, n)) for spans, a, n in zip(self.spans, starts, lengths, strict=True))
        ):
            valid = ~hole[(..., *box)]
            number = xp.sum(xp.astype(valid, xp.int64), axis=axes)
            ends = _ends(xp, valid, number, starts[0] + box[0].start) if ndim == 1 else (xp.zeros_like(number),) * 2
            found.append((number, xp.sum(clean[(..., *box)], axis=axes, dtype=double), *ends))
        return tuple(xp.stack(parts, axis=-1) for parts in zip(*found, strict=True))

    def complete(self) -> tuple[tuple[int, int, int], ...]:
        """Return the extent of signals without gaps, by spans."""
        boxes = itertools.product(*self.spans)
        return tuple((math.prod(high - low for low, high in box), *(box[0] if len(box) == 1 else (0, 0))) for box in boxes)

    def combine(self, xp: Any, a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
        """Add counts and sums, and widen the range of valid data."""
        return a[0] + b[0], a[1] + b[1], xp.where(b[2] < a[2], b[2], a[2]), xp.where(b[3] > a[3], b[3], a[3])

    def finalize(self, xp: Any, *state: Array) -> Mapping[str, Array]:
        """Return mean and extent."""
        number, total, first, last = state
        first = xp.where(number > 0, first, xp.zeros_like(first))
        mean = total / xp.astype(xp.where(number > 0, number, xp.ones_like(number)), total.dtype)
        return {"mean": mean, "extent": xp.stack([number, first, last], axis=-1)}


def summary_of(operator: Core, dims: Sequence[str], spans: Mapping[str, Spans]) -> Summary:
    """Return the summary of the signals of an operator, ``dims`` being those of a signal in array order."""
    missing = operator.missing if isinstance(operator, Extended) else None
    return Summary(over=tuple(dims), missing=missing, dtype=operator.dtype, spans=tuple(spans[dim] for dim in dims))


def _free(name: str, spec: ArraySpec) -> str:
    while name in spec.dims:
        name += "_"
    return name


def _inside(spans: Spans, start: int, length: int) -> Iterator[slice]:
    """Yield the part of every span that lies in a block, counted from its start; empty where none does."""
    for low, high in spans:
        a, b = (min(max(edge - start, 0), length) for edge in (low, high))
        yield slice(a, b)


def _ends(xp: Any, valid: Array, number: Array, start: int) -> tuple[Array, Array]:
    """Return the first valid sample along the last axis and one past the last, counted from the start of the signal."""
    n = valid.shape[-1]
    if n == 0:
        return xp.full_like(number, _NOWHERE), xp.zeros_like(number)
    marks = xp.astype(valid, xp.int8)
    first = xp.argmax(marks, axis=-1) + start
    last = start + n - xp.argmax(xp.flip(marks, axis=-1), axis=-1)
    return xp.where(number > 0, first, xp.full_like(first, _NOWHERE)), xp.where(number > 0, last, xp.zeros_like(last))
