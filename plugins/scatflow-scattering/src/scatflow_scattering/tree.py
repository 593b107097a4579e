"""The scattering tree: which paths there are, and on which grids.

``U[()] = x`` and ``U[p + n] = |U[p] * psi_n|``, sampled on absolute multiples of ``2^max(0, j_n - a)``, a being the
oversampling.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from scatflow.errors import ParameterError
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.layout import Band
from scatflow_wavelet.selection import Labels, select

Path = tuple[int, ...]
Kind = Literal["increasing", "all"]
#: Filters by (first order with the same bank, exponent of the grid they are applied on, exponent of the result).
Key = tuple[int, int, int]


@dataclass(frozen=True)
class Brood:
    """Children of one path that lie on one grid: exponent, band numbers, and what finds their filters."""

    exponent: int
    numbers: tuple[int, ...]
    first: int
    source: int

    @property
    def key(self) -> Key:
        """Which filters take the plane to its children."""
        return (self.first, self.source, self.exponent)


Family = tuple[slice, tuple[Brood, ...]]


@dataclass(frozen=True)
class Tree:
    """The paths of a scattering transform, in the order of the results.

    Attributes
    ----------
    banks : tuple of Bank
        Bank of every order, from the first.
    paths : tuple of tuple of int
        Band numbers per path, sorted by order and then by number.
    oversampling : int
        Octaves by which planes are sampled finer than 2^j.
    coarsest : int, optional
        Exponent beyond which planes are not sampled more coarsely; None for no limit.
    """

    banks: tuple[Bank, ...]
    paths: tuple[Path, ...]
    oversampling: int
    coarsest: int | None = None

    @property
    def depth(self) -> int:
        """Highest order among the paths."""
        return max((len(path) for path in self.paths), default=0)

    @cached_property
    def position(self) -> Mapping[Path, int]:
        """Path -> its place in the result."""
        return {path: k for k, path in enumerate(self.paths)}

    @cached_property
    def children(self) -> Mapping[Path, tuple[int, ...]]:
        """Path -> bands to apply to its plane; only what leads to a wanted path."""
        needed: dict[Path, set[int]] = {}
        for path in self.paths:
            for k in range(len(path)):
                needed.setdefault(path[:k], set()).add(path[k])
        return {path: tuple(sorted(bands)) for path, bands in needed.items()}

    def exponent(self, path: Path) -> int:
        """Return e such that the plane of ``path`` lies on absolute multiples of 2^e."""
        return self.sampled(len(path) - 1, path[-1]) if path else 0

    def sampled(self, first: int, n: int) -> int:
        """Return the exponent of the grid of planes of band n of the bank at position ``first``."""
        exponent = max(0, self.banks[first].bands[n].j - self.oversampling)
        return exponent if self.coarsest is None else min(exponent, self.coarsest)

    @cached_property
    def broods(self) -> Mapping[Path, tuple[Brood, ...]]:
        """Path -> its children by the grid they lie on, finest first."""
        result: dict[Path, tuple[Brood, ...]] = {}
        known: dict[tuple[Brood, ...], tuple[Brood, ...]] = {}
        for path, numbers in self.children.items():
            of = {n: self.exponent((*path, n)) for n in numbers}
            broods = tuple(
                Brood(e, tuple(n for n in numbers if of[n] == e), self._first[len(path)], self.exponent(path))
                for e in sorted(set(of.values()))
            )
            result[path] = known.setdefault(broods, broods)  # one object for equal ones: the walk compares by identity
        return result

    def families(self, paths: tuple[Path, ...]) -> list[Family]:
        """Return runs of planes of a stack that have the same children: (slice of the planes, broods)."""
        if paths not in self._families:
            self._families[paths] = _runs_of_equal([self.broods.get(path, ()) for path in paths])
        return self._families[paths]

    def below(self, paths: tuple[Path, ...], numbers: tuple[int, ...]) -> tuple[Path, ...]:
        """Return the paths that go on from each of these with each of the bands."""
        if (paths, numbers) not in self._below:
            self._below[paths, numbers] = tuple((*path, n) for path in paths for n in numbers)
        return self._below[paths, numbers]

    # What follows from the paths of a stack is needed for every group of items: some hundred stacks per tree.
    @cached_property
    def _families(self) -> dict[tuple[Path, ...], list[Family]]:
        return {}

    @cached_property
    def _below(self) -> dict[tuple[tuple[Path, ...], tuple[int, ...]], tuple[Path, ...]]:
        return {}

    @cached_property
    def _first(self) -> tuple[int, ...]:
        return tuple(self.banks.index(bank) for bank in self.banks)

    @cached_property
    def edges(self) -> Mapping[Key, tuple[int, ...]]:
        """Key -> the bands that are needed between these grids."""
        needed: dict[Key, set[int]] = {}
        for broods in self.broods.values():
            for brood in broods:
                needed.setdefault(brood.key, set()).update(brood.numbers)
        return {key: tuple(sorted(numbers)) for key, numbers in needed.items()}


def _runs_of_equal(broods: list[tuple[Brood, ...]]) -> list[Family]:
    """Return runs of one object, of those that are not empty."""
    runs: list[Family] = []
    for index, found in enumerate(broods):
        if runs and runs[-1][1] is found and runs[-1][0].stop == index:
            runs[-1] = (slice(runs[-1][0].start, index + 1), found)
        elif found:
            runs.append((slice(index, index + 1), found))
    return runs


def grow(
    banks: Sequence[Bank],
    kind: Kind,
    oversampling: int,
    selection: tuple[Labels, ...] | None,
    subject: str,
    coarsest: int | None = None,
) -> Tree:
    """Return the tree of all paths up to the number of banks, or of those selected.

    Parameters
    ----------
    banks : sequence of Bank
        Bank of every order, from the first; none for order 0 alone.
    kind : {"increasing", "all"}
        ``increasing`` keeps paths with j1 < j2 < ..., which carry nearly all energy.
    oversampling : int
        Octaves by which planes are sampled finer than 2^j.
    selection : tuple of mapping, optional
        Labels of the paths wanted; default all.
    subject : str
        Operator name for errors.
    coarsest : int, optional
        Exponent beyond which planes are not sampled more coarsely.

    Raises
    ------
    ParameterError
        Nothing is selected, a label does not exist, or a path would need a finer grid than its parent has.

    Examples
    --------
    >>> from scatflow_wavelet import Morlet
    >>> bank = Bank(Morlet(), J=4, voices=8, aspect=(1.0, 1.0))
    >>> len(grow([bank, bank], "increasing", 1, None, "scattering").paths)
    417
    """
    level: list[tuple[Band, ...]] = [()]
    found = list(level)
    for bank in banks:
        level = [(*path, band) for path in level for band in bank.bands if kind == "all" or not path or band.j > path[-1].j]
        found += level
    if selection is not None:
        ndim = banks[0].ndim if banks else 1
        found = select(found, selection, len(banks), ndim, subject)
    _check_grids(found, oversampling, subject)
    paths = sorted((tuple(band.n for band in path) for path in found), key=lambda path: (len(path), path))
    return Tree(tuple(banks), tuple(paths), oversampling, coarsest)


def _check_grids(paths: Sequence[tuple[Band, ...]], oversampling: int, subject: str) -> None:
    """A plane cannot be brought to a finer grid: what the sampling has dropped is gone."""
    worst = max((max(a.j, b.j) for path in paths for a, b in itertools.pairwise(path) if b.j < a.j), default=0)
    if worst > oversampling:
        raise ParameterError(
            f"{subject}.tree", "paths whose octaves do not increase need planes that are not subsampled",
            expected=f"oversampling >= {worst}", got=f'tree="all", oversampling={oversampling}',
            remedy=f'Use oversampling={worst}, or tree="increasing".', code="TreeSubsampled",
        )  # fmt: skip
