"""The kernels: means of powers of solid harmonic moduli, and their adjoint derivative. Pure functions of arrays.

``U[j, l] = sqrt(sum_m |x * psi_jlm|^2)`` is made a few planes of z at a time and read at once, so that no more than one volume
of moduli exists, and only where a second order is made of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from scatflow_scattering.harmonic_bank import Shell
from scatflow_scattering.harmonic_fields import Cotangents, Fields
from scatflow_wavelet.groups import group_size, groups
from scatflow_wavelet.spectrum import half_spectrum

Array = Any
#: A shell by exponent of the grid it is applied on, scale and degree.
Key = tuple[int, int, int]
Window = tuple[slice, slice, slice]

#: Samples of the planes that are transformed together: few enough for the cache, enough that calls do not dominate.
_SAMPLES = 1 << 17
_CORE = (-3, -2, -1)
#: Moduli below this, in units of precision of volumes whose largest value is 1, have no derivative.
ROUNDING = 4


class Path(NamedTuple):
    """Scales, (j1,) or (j1, j2), and the degree that they share."""

    scales: tuple[int, ...]
    degree: int


@dataclass(frozen=True)
class Plan:
    """Which paths there are, on which grids, and how moduli become numbers.

    Attributes
    ----------
    paths : tuple of Path
        In the order of the results.
    exponents : tuple of int
        Moduli of scale j lie on absolute multiples of 2^exponents[j].
    powers : tuple of float
        Powers of the moduli that are averaged.
    """

    paths: tuple[Path, ...]
    exponents: tuple[int, ...]
    powers: tuple[float, ...]

    def source(self, path: Path) -> int:
        """Return the exponent of the grid that the last filter of a path is applied on."""
        return self.exponents[path.scales[0]] if len(path.scales) == 2 else 0

    def target(self, path: Path) -> int:
        """Return the exponent of the grid that the moduli of a path lie on."""
        return self.exponents[path.scales[-1]]

    def key(self, path: Path) -> Key:
        """Return which shell makes a path of its parent."""
        return (self.source(path), path.scales[-1], path.degree)

    def first(self) -> list[tuple[int, Path]]:
        """Return the paths of order 1 with their places among all."""
        return [(place, path) for place, path in enumerate(self.paths) if len(path.scales) == 1]

    def followers(self, first: Path) -> list[tuple[int, Path]]:
        """Return the paths of order 2 that go on from one of order 1, with their places."""
        return [
            (place, path)
            for place, path in enumerate(self.paths)
            if len(path.scales) == 2 and path.scales[:1] == first.scales and path.degree == first.degree
        ]


@dataclass(frozen=True)
class Walker:
    """The way through the paths for blocks of one shape.

    Attributes
    ----------
    xp : Namespace
        The blocks' namespace.
    plan : Plan
        Paths, grids and powers.
    shells : mapping of Key to Shell
        The filters.
    core : tuple of (int, int)
        Range of the samples that count per axis, in samples of the block.
    shape : tuple of int
        Core shape of the blocks, multiples of every step.
    gain : float
        Factor of the results: 1 for means.
    """

    xp: Any
    plan: Plan
    shells: Mapping[Key, Shell]
    core: tuple[tuple[int, int], ...]
    shape: tuple[int, ...]
    gain: float = 1.0

    def scatter(self, block: Array) -> Array:
        """Return means of powers of the moduli of a block.

        Parameters
        ----------
        block : array of real, shape (*batch, *shape)
            Periodic volumes.

        Returns
        -------
        array of real, shape (*batch, paths * powers)
            Powers of one path together; sums are accumulated in double precision.

        Notes
        -----
        Volumes are divided by their largest modulus on the way, so that squares neither overflow nor vanish.
        """
        xp, plan = self.xp, self.plan
        items = xp.reshape(block, (math.prod(block.shape[:-3]), *self.shape))
        out = xp.zeros((items.shape[0], len(plan.paths), len(plan.powers)), dtype=xp.float64, device=block.device)
        for group in groups(items.shape[0], self.shape):
            size = self._size(items[group, ...])
            for place, means in self._means(half_spectrum(xp, items[group, ...] / size, 3)):
                out[group, place, :] += means
            out[group, ...] *= self._rescaled(size)
        return xp.astype(xp.reshape(out, (*block.shape[:-3], len(plan.paths) * len(plan.powers))), block.dtype)

    def pull(self, cotangent: Array, block: Array) -> Array:
        """Return the cotangent of a block: the adjoint of the derivative of :meth:`scatter`.

        Parameters
        ----------
        cotangent : array of real, shape (*batch, paths * powers)
            Paired with the result by the plain sum of products.
        block : array of real, shape (*batch, *shape)
            Where the derivative is taken.

        Returns
        -------
        array of real, shape of ``block``

        Notes
        -----
        The cotangent of a field is ``z_m / U`` times that of U, and 0 where U is 0 or cannot be told from it: below
        :data:`ROUNDING` units of precision, for volumes of size 1, fields are the rounding of the transforms.
        """
        xp, plan = self.xp, self.plan
        items = xp.reshape(block, (math.prod(block.shape[:-3]), *self.shape))
        given = xp.reshape(cotangent, (items.shape[0], len(plan.paths), len(plan.powers)))
        out = xp.empty(items.shape, dtype=block.dtype, device=block.device)
        for group in groups(items.shape[0], self.shape):
            size = self._size(items[group, ...])
            slopes = xp.astype(xp.astype(given[group, ...], xp.float64) * self._rescaled(size), block.dtype)
            half = half_spectrum(xp, items[group, ...] / size, 3)
            out[group, ...] = self._from_paths(half, slopes) / size
        return xp.reshape(out, block.shape)

    def _size(self, items: Array) -> Array:
        """Return the largest modulus of each volume, 1 where that is zero: shape (items, 1, 1, 1)."""
        size = self.xp.max(self.xp.abs(items), axis=_CORE, keepdims=True)
        return self.xp.where(size > 0, size, self.xp.ones_like(size))

    def _rescaled(self, size: Array) -> Array:
        """Return by what the results of volumes of size 1 are multiplied, in double precision: shape (items, 1, powers)."""
        wide = self.xp.astype(size[:, :, 0, 0], self.xp.float64)
        return self.gain * self.xp.stack([wide**q for q in self.plan.powers], axis=-1)

    def _means(self, half: Array) -> Iterator[tuple[int, Array]]:
        """Yield (place of a path, what some of its planes add to the means of powers: shape (items, powers))."""
        for place, path in self.plan.first():
            followers = self.plan.followers(path)
            moduli = self._empty(half, path) if followers else None
            for part, modulus in self._moduli(half, path):
                yield place, self._read(modulus, path, part)
                if moduli is not None:
                    moduli[:, part, ...] = modulus
            below = half_spectrum(self.xp, moduli, 3) if followers else None
            del moduli
            for second, longer in followers:
                for part, modulus in self._moduli(below, longer):
                    yield second, self._read(modulus, longer, part)

    def _empty(self, half: Array, path: Path) -> Array:
        """Return room for the moduli of a path."""
        shell = self.shells[self.plan.key(path)]
        real = self.xp.float32 if half.dtype == self.xp.complex64 else self.xp.float64
        return self.xp.empty((half.shape[0], *shell.target), dtype=real, device=half.device)

    def _fields(self, half: Array, path: Path) -> Fields:
        shell = self.shells[self.plan.key(path)]
        return Fields(self.xp, half, shell, planes_together(self.shape, shell.target[1] * shell.target[2]))

    def _moduli(self, half: Array, path: Path) -> Iterator[tuple[slice, Array]]:
        """Yield the moduli of a path by ranges of planes."""
        fields = self._fields(half, path)
        for part in fields.parts():
            yield part, self.xp.sqrt(fields.energy(part))

    def _window(self, path: Path, part: slice) -> Window:
        """Return which samples of some planes of a path count."""
        step = 2 ** self.plan.target(path)
        z, y, x = (slice(-(-low // step), -(-high // step)) for low, high in self.core)
        first, last = (min(max(edge, part.start), part.stop) - part.start for edge in (z.start, z.stop))
        return slice(first, last), y, x

    def _count(self, path: Path) -> int:
        step = 2 ** self.plan.target(path)
        return math.prod(-(-high // step) - -(-low // step) for low, high in self.core)

    def _read(self, modulus: Array, path: Path, part: slice) -> Array:
        """Return what some planes add to the means of powers: shape (items, powers)."""
        xp, inside = self.xp, modulus[(..., *self._window(path, part))]
        sums = [xp.sum(_power(xp, inside, q), axis=_CORE, dtype=xp.float64) for q in self.plan.powers]
        return xp.stack(sums, axis=-1) / self._count(path)

    def _from_paths(self, half: Array, slopes: Array) -> Array:
        """Return the cotangent of volumes from those of their means: slopes of shape (items, paths, powers)."""
        xp, total = self.xp, self.xp.zeros_like(half)
        for place, path in self.plan.first():
            followers, given = self.plan.followers(path), None
            if followers:
                moduli = self._empty(half, path)
                for part, modulus in self._moduli(half, path):
                    moduli[:, part, ...] = modulus
                below = half_spectrum(xp, moduli, 3)
                back = xp.zeros_like(below)
                for second, longer in followers:
                    self._spread(below, longer, slopes[:, second, :], None, back)
                given = xp.fft.irfftn(back, s=moduli.shape[1:], axes=_CORE)
                del moduli, below, back
            self._spread(half, path, slopes[:, place, :], given, total)
        return xp.fft.irfftn(total, s=self.shape, axes=_CORE)

    def _spread(self, half: Array, path: Path, slopes: Array, given: Array | None, total: Array) -> None:
        """Add, as a spectrum, what reaches the volumes from one path, and through it from those that go on from it."""
        xp, shell = self.xp, self.shells[self.plan.key(path)]
        fields, back = self._fields(half, path), Cotangents(self.xp, shell, half)
        for part in fields.parts():
            planes = list(fields.fields(part))
            modulus = xp.sqrt(sum(plane * plane for plane in planes))
            slope = self._slope(modulus, path, part, slopes)
            if given is not None:
                slope = slope + given[:, part, ...]
            known = modulus > ROUNDING * xp.finfo(modulus.dtype).eps
            inverse = xp.where(known, 1 / xp.where(known, modulus, xp.ones_like(modulus)), xp.zeros_like(modulus))
            for terms, plane in zip(shell.fields, planes, strict=True):
                back.add(part, terms, plane * (inverse * slope))
        back.spread(total)

    def _slope(self, modulus: Array, path: Path, part: slice, slopes: Array) -> Array:
        """Return the derivative of the means by the moduli of some planes, weighted by their cotangents; 0 outside the core."""
        xp, out, window = self.xp, self.xp.zeros_like(modulus), self._window(path, part)
        inside = modulus[(..., *window)]
        inside = xp.where(inside > 0, inside, xp.ones_like(inside))  # there the fields are 0, and with them the derivative
        for k, q in enumerate(self.plan.powers):
            weight = slopes[:, k, None, None, None] * (q / self._count(path))
            out[(..., *window)] += weight * _power(xp, inside, q - 1)
        return out


def planes_together(shape: tuple[int, ...], plane: int) -> int:
    """Return how many planes of so many samples are made together, whatever the number of items: it depends on shapes alone."""
    return max(1, _SAMPLES // (group_size(shape) * plane))


def _power(xp: Any, modulus: Array, q: float) -> Array:
    """Return a power; those in common use without the general function, which takes ten times as long."""
    if q == 0.5:
        return xp.sqrt(modulus)
    if q == 1:
        return modulus
    return modulus * modulus if q == 2 else modulus**q
