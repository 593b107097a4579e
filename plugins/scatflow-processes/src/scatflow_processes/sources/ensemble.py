"""What all simulators share as sources: independent realizations, each made from the seed and its own absolute index.

So any region, chunking, worker and order of reading gives the same numbers. A region that cuts through a realization makes the
whole of it and keeps the part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from scatflow.arrays import prepared_cache
from scatflow.contract import Source, param
from scatflow.errors import ParameterError, near
from scatflow.spec import ArraySpec, Coord, chunk_lengths

Block = npt.NDArray[Any]
Region = Mapping[str, slice]


def whole_realizations(count: int, shape: Sequence[int], samples: int) -> tuple[tuple[int, ...], ...]:
    """Return chunks of whole realizations of this shape, of about so many samples, one realization at least."""
    return (chunk_lengths(count, samples // max(1, int(np.prod(shape)))), *((size,) for size in shape))


def named_variable(source: Source, known: Iterable[str], variable: str | None) -> str:
    """Return the variable that was asked for, default the first; raises ParameterError where there is none of that name."""
    names = list(known)
    if variable is None or variable in names:
        return variable or names[0]
    raise ParameterError(f"{source.name}.variable", "no such variable", expected=" | ".join(names), got=repr(variable),
                         remedy=near(variable, names))  # fmt: skip


class Ensemble(Source):
    """Independent realizations of a process.

    A subclass says what one realization is, in :meth:`labels`, and makes some, in :meth:`members`.
    """

    #: Samples per chunk of realizations, so that tasks are neither crumbs nor few; one realization at least.
    samples_per_chunk: ClassVar[int] = 1 << 18

    realizations: int = param(1, "Number of independent realizations.", ge=1, le=10**9)
    seed: int = param(0, "Seed of the ensemble.", ge=0)

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return what one realization is, by variable, the default one first: dims, shape, dtype, coords, attrs; no data."""
        raise NotImplementedError

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Make the realizations with these absolute indices: by variable, along a first axis."""
        raise NotImplementedError

    def describe(self) -> ArraySpec | Mapping[str, ArraySpec]:
        """Return the labelled arrays without data, with a dim ``realization`` before those of one realization."""
        specs = {name: self._repeated(spec) for name, spec in self.labels().items()}
        return next(iter(specs.values())) if len(specs) == 1 else specs

    def read(self, region: Region, variable: str | None = None) -> Block:
        """Return one variable (default the first) of ``region``, shape (realization, ...)."""
        specs = self.labels()
        name = self._named(specs, variable)
        spec, indices = specs[name], range(self.realizations)[region.get("realization", slice(None))]
        cut = tuple(region.get(dim, slice(None)) for dim in spec.dims)
        shape = tuple(len(range(size)[part]) for size, part in zip(spec.shape, cut, strict=True))
        if shape == spec.shape and len(specs) == 1 and len(indices):
            return self.members(indices)[name][:, *cut].astype(spec.dtype, copy=False)
        block = np.empty((len(indices), *shape), dtype=spec.dtype)
        for row, index in enumerate(indices):
            block[row] = self._kept(index)[name][0][cut]
        return block

    def _repeated(self, spec: ArraySpec) -> ArraySpec:
        """Return the spec of all realizations, whole ones in every chunk."""
        chunks = whole_realizations(self.realizations, spec.shape, self.samples_per_chunk)
        index = Coord(("realization",), np.arange(self.realizations), {"long_name": "realization", "units": "1"})
        return ArraySpec(("realization", *spec.dims), (self.realizations, *spec.shape), spec.dtype, chunks,
                         {"realization": index, **spec.coords}, {**spec.attrs, "seed": self.seed}, spec.name)  # fmt: skip

    def _named(self, specs: Mapping[str, ArraySpec], variable: str | None) -> str:
        return named_variable(self, specs, variable)

    def _kept(self, index: int) -> Mapping[str, Block]:
        """Return one realization, kept because its parts and variables are read in turn."""
        alike = self.replace(realizations=1)  # how many there are changes none of them
        kept: Mapping[str, Block] = prepared_cache().get((*map(str, alike.identity()), index), lambda: self.members([index]))
        return kept
