"""What all operators that make surrogates share: how many there are, and whose random numbers are whose.

Surrogate s of an item is made from (seed, s) and the index of the item along all batch dims but those that share their draws: any chunking,
order and number of surrogates gives the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from scatflow.arrays import item_generator
from scatflow.contract import Dims, Operator, Whole, param
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Coord, Cost, Place

Array = Any
#: The new dim.
DIM = "surrogate"


def refuse_segments(name: str, spec: ArraySpec, core: Sequence[str]) -> None:
    """Raise ParameterError where a coordinate ``segment`` cuts the core dims into what is not one signal."""
    walls = spec.coords.get("segment")
    if walls is not None and set(walls.dims) & set(core):
        raise ParameterError(f"{name} input", "the series has segments, across which it is not one signal", got="coordinate segment",
                             remedy="Select one segment, or drop the coordinate where the series is continuous.")  # fmt: skip


class Drawing(Whole):
    """Base of operators whose result has a new dim ``surrogate``."""

    surrogates: int = param(1, "Number of surrogates.", ge=1, le=10**6)
    first: int = param(
        0, "Index of the first surrogate: 20 from 40 on are those numbered 40 to 59 of any larger set.", ge=0, le=10**9
    )
    seed: int = param(0, "Seed of the surrogates.", ge=0)
    shared: Dims | None = param(None, "Batch dims whose items, as channels of one signal, share random numbers; default none.")
    places: tuple[int, ...] = param((), "Places of these among the batch axes; filled in from labels.")
    #: Copies of all surrogates in float64 that a kernel holds beside its results.
    copies: ClassVar[int] = 2

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the places of dims that share their draws; refuse series with walls."""
        (spec,) = specs
        batch, core = self._split(spec)
        stray = [dim for dim in self.shared or () if dim not in batch]
        if stray:
            raise ParameterError(
                f"{self.name}.shared", f"{stray[0]!r} is no batch dim of the input", expected=batch or "none", got=self.shared
            )
        if DIM in spec.dims:
            raise ParameterError(f"{self.name} input", f"it has a dim {DIM!r} already", remedy="Rename it.")
        refuse_segments(self.name, spec, core)
        if int(np.prod([spec.sizes[dim] for dim in core])) < 2:
            raise ParameterError(f"{self.name} input", "surrogates need at least two samples", got=dict(spec.sizes))
        return self.replace(places=tuple(batch.index(dim) for dim in self.shared or ()))

    def output(self, *specs: ArraySpec) -> Any:
        """Return the labels of the input with the surrogates' dim."""
        return self.repeated(specs[0])

    def repeated(self, spec: ArraySpec) -> ArraySpec:
        """Return a spec with the surrogates' dim before the core dims."""
        batch, _ = self._split(spec)
        index = Coord((DIM,), np.arange(self.first, self.first + self.surrogates), {"long_name": "surrogate", "units": "1"})
        result = spec.with_dim(DIM, self.surrogates, {DIM: index}, at=len(batch))
        return replace(result.with_attrs(surrogate=self.name, surrogate_seed=self.seed), chunks=None)

    def _split(self, spec: ArraySpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return batch and core dims."""
        count = len(spec.dims) - len(self.dims or ())
        return spec.dims[:count], spec.dims[count:]

    @property
    def ndim(self) -> int:
        """Number of core dims, of an operator bound to labels."""
        return len(self.dims or ("x",))

    def drawn(self, xp: Any, like: Array, at: Place, make: Callable[[np.random.Generator], npt.NDArray[Any]], dtype: Any) -> Array:
        """Return random numbers (*batch, surrogates, ...), of each surrogate from a generator of its own; as :meth:`numbered`."""
        return self.numbered(xp, like, at, lambda *index: make(item_generator(self.seed, *index)), dtype)

    def numbered(self, xp: Any, like: Array, at: Place, make: Callable[..., npt.NDArray[Any]], dtype: Any) -> Array:
        """Return what ``make(surrogate, *item)`` gives for all surrogates of all items, numbered absolutely: (*batch, surrogates, ...).

        It lies on the device of a block; batch axes along which items share it have length 1.
        """
        batch = like.shape[: like.ndim - self.ndim]
        sizes = [1 if place in self.places else size for place, size in enumerate(batch)]
        starts = [0 if place in self.places else start for place, start in enumerate(at.batch)]
        first = make(self.first, *starts)
        numbers = np.empty((*sizes, self.surrogates, *first.shape), dtype=first.dtype)
        for *index, s in np.ndindex(*sizes, self.surrogates):
            item = [start + i for start, i in zip(starts, index, strict=True)]
            numbers[(*index, s)] = make(self.first + s, *item) if s or any(index) else first
        return xp.asarray(numbers, dtype=dtype, device=like.device)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare transforms of all surrogates, and their random numbers and spectra."""
        (spec,) = specs
        samples = float(np.prod(spec.shape)) * self.surrogates
        return Cost(flops=100.0 * samples, bytes=int(8 * self.copies * samples))
