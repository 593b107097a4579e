"""The kernels: windowed scattering of blocks, and its adjoint derivative. Pure functions of arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scatflow_scattering.tree import Key, Node, Path, Tree, walk
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.groups import groups
from scatflow_wavelet.layout import Grid
from scatflow_wavelet.spectrum import (
    Low,
    Tiles,
    axes,
    filtered,
    half_spectrum,
    low_pass,
    smooth,
    spread,
    unsmooth,
    whole_spectrum,
)

Array = Any


@dataclass(frozen=True)
class Smoothing:
    """Averages over a window: low-pass filters by exponent of the plane, and the samples kept per axis."""

    low: Mapping[int, Low]
    keep: tuple[slice, ...]
    shape: tuple[int, ...]

    def read(self, xp: Any, node: Node) -> Array:
        """Return the low-passed plane at the samples kept: shape (items, *self.shape)."""
        return smooth(xp, node.half(), self.low[node.exponent])[(..., *self.keep)]

    def adjoint(self, xp: Any, cotangent: Array, exponent: int, sizes: tuple[int, ...]) -> Array:
        """Return the cotangent of the plane from that of what :meth:`read` returns."""
        low = self.low[exponent]
        whole = xp.zeros((cotangent.shape[0], *low.target), dtype=cotangent.dtype, device=cotangent.device)
        whole[(..., *self.keep)] = cotangent
        return unsmooth(xp, half_spectrum(xp, whole, len(sizes)), low)


@dataclass(frozen=True)
class Mean:
    """Averages over the whole core: the range of the core per axis, in samples of the block."""

    core: tuple[tuple[int, int], ...]
    shape: tuple[int, ...] = ()

    def _window(self, exponent: int) -> tuple[slice, ...]:
        step = 2**exponent
        return tuple(slice(-(-low // step), -(-high // step)) for low, high in self.core)

    def read(self, xp: Any, node: Node) -> Array:
        """Return the mean of the plane over its samples inside the core: shape (items,)."""
        return xp.mean(node.plane[(..., *self._window(node.exponent))], axis=axes(len(self.core)))

    def adjoint(self, xp: Any, cotangent: Array, exponent: int, sizes: tuple[int, ...]) -> Array:
        """Return the cotangent of the plane from that of its mean."""
        window = self._window(exponent)
        out = xp.zeros((cotangent.shape[0], *sizes), dtype=cotangent.dtype, device=cotangent.device)
        share = cotangent / math.prod(part.stop - part.start for part in window)
        out[(..., *window)] = xp.reshape(share, (-1, *(1,) * len(sizes)))
        return out


Average = Smoothing | Mean


def low_passes(
    bank: Bank, tree: Tree, shape: tuple[int, ...], step: int, xp: Any, dtype: str, device: Any = None
) -> dict[int, Low]:
    """Return the low-pass from every grid of the tree to multiples of ``step`` (a power of two up to 2^J)."""
    exponents = sorted({tree.exponent(path) for path in tree.paths})
    grids = {e: Grid(tuple(length >> e for length in shape), 2**e) for e in exponents}
    return {e: low_pass(bank, grid, step, xp, dtype, device) for e, grid in grids.items()}


def scatter(xp: Any, block: Array, tree: Tree, bands: Mapping[Key, Tiles], average: Average) -> Array:
    """Return the scattering coefficients of a block of periodic planes.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    block : array of real, shape (*batch, *core)
        Every core length a multiple of 2^J.
    tree : Tree
        The paths.
    bands : mapping
        As :func:`scatflow_scattering.tree.filters` gives them.
    average : Smoothing or Mean
        How planes become coefficients.

    Returns
    -------
    array of real, shape (*batch, paths, *average.shape)

    Notes
    -----
    ``S[p](k) = sum over n of s^d U[p](s n) phi(k stride - s n)`` with U[p] on multiples of s. Items are taken in groups
    counted from the first of the block, whose size depends on the core shape alone, so that threads and workers
    cannot change a bit of the result.
    """
    ndim = tree_ndim(block, average)
    batch, core = block.shape[: block.ndim - ndim], block.shape[block.ndim - ndim :]
    items = xp.reshape(block, (math.prod(batch), *core))
    shape = (items.shape[0], len(tree.paths), *average.shape)
    out = xp.empty(shape, dtype=block.dtype, device=block.device)
    for group in groups(items.shape[0], core):
        for node in walk(xp, items[group, ...], tree, bands):
            k = tree.position.get(node.path)
            if k is not None:
                out[group, k, ...] = average.read(xp, node)
    return xp.reshape(out, (*batch, *shape[1:]))


def tree_ndim(block: Array, average: Average) -> int:
    """Return the number of core axes."""
    return len(average.keep) if isinstance(average, Smoothing) else len(average.core)


def pull(
    xp: Any, cotangent: Array, block: Array, tree: Tree, bands: Mapping[Key, Tiles], average: Average
) -> Array:
    """Return the cotangent of the block: the adjoint of the derivative of :func:`scatter`.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    cotangent : array of real, shape (*batch, paths, *average.shape)
        Paired with the result by the plain sum of products.
    block : array of real, shape (*batch, *core)
        Where the derivative is taken.
    tree, bands, average
        As for :func:`scatter`.

    Returns
    -------
    array of real, shape of ``block``

    Notes
    -----
    ``g[p] = phi* g_S[p] + sum over n of Re psi_n* (g[p + n] z / |z|)`` with ``z = U[p] * psi_n`` and 0 where z = 0;
    planes are computed anew on the way down instead of being kept.
    """
    ndim = tree_ndim(block, average)
    core = tuple(block.shape[block.ndim - ndim :])
    items = xp.reshape(block, (-1, *core))
    given = xp.reshape(cotangent, (items.shape[0], len(tree.paths), *average.shape))
    out = xp.empty(items.shape, dtype=block.dtype, device=block.device)
    for group in groups(items.shape[0], core):
        out[group, ...] = _pull(xp, (), items[group, ...], given[group, ...], core, tree, bands, average)
    return xp.reshape(out, block.shape)


def _pull(
    xp: Any, path: Path, plane: Array, given: Array, core: tuple[int, ...], tree: Tree, bands: Mapping[Key, Tiles],
    average: Average,
) -> Array:  # fmt: skip
    """Return the cotangent of the plane of ``path``."""
    ndim, exponent = len(core), tree.exponent(path)
    sizes = tuple(length >> exponent for length in core)
    k = tree.position.get(path)
    total = None if k is None else average.adjoint(xp, given[:, k, ...], exponent, sizes)
    numbers = tree.children.get(path, ())
    if numbers:
        spectrum = whole_spectrum(xp, half_spectrum(xp, plane, ndim), sizes[-1], ndim)
        below = xp.zeros_like(spectrum)
        for n in numbers:
            child = (*path, n)
            tiles, step = bands[tree.key(path, n)], tree.exponent(child)
            band = filtered(xp, spectrum, tiles, tuple(length >> step for length in core))
            modulus = xp.abs(band)
            slope = _pull(xp, child, modulus, given, core, tree, bands, average)
            phase = band / xp.where(modulus > 0, modulus, xp.ones_like(modulus))
            spread(xp, slope * phase, tiles, below, 2 ** (step - exponent))
        gathered = xp.real(xp.fft.ifftn(below, axes=axes(ndim)))
        total = gathered if total is None else total + gathered
    return total
