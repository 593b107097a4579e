"""Fields of one shell of solid harmonics, a few planes of z at a time, and the adjoint: from their cotangents to a spectrum.

Transforming back along z first and along y and x plane by plane keeps all that is done once per harmonic in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scatflow_scattering.harmonic_bank import Field, Shell
from scatflow_wavelet.spectrum import fit

Array = Any
_PLANE = (-2, -1)


class Fields:
    """The fields ``x * psi_m`` of one shell.

    Parameters
    ----------
    xp : Namespace
        The arrays' namespace.
    half : array of complex, shape (items, nz, ny, nx // 2 + 1)
        Half spectrum of the volumes.
    shell : Shell
        The filters.
    depth : int
        Planes of z to be made together.
    """

    def __init__(self, xp: Any, half: Array, shell: Shell, depth: int) -> None:
        self._xp, self._shell, self._depth = xp, shell, depth
        box, nz = _lowest(xp, half, shell), shell.target[0]
        self._columns = [xp.fft.ifft(fit(xp, box * row, -3, nz), axis=-3) for row in shell.along]

    def parts(self) -> Iterator[slice]:
        """Yield ranges of planes that cover the target."""
        for start in range(0, self._shell.target[0], self._depth):
            yield slice(start, min(start + self._depth, self._shell.target[0]))

    def energy(self, part: slice) -> Array:
        """Return the sum of squares of the fields: shape (items, planes, y, x)."""
        total: Array = 0.0
        for field in self.fields(part):
            field *= field
            total = field if isinstance(total, float) else total + field
        return total

    def fields(self, part: slice) -> Iterator[Array]:
        """Yield the real fields one by one, each of shape (items, planes, y, x)."""
        columns = [column[:, part, ...] for column in self._columns]
        _, ny, nx = self._shell.target
        _, _, length = self._shell.box
        for terms in self._shell.fields:
            (k, table), *rest = terms
            total = columns[k] * table
            for k, table in rest:
                total += columns[k] * table
            field = self._xp.fft.irfftn(fit(self._xp, total, -2, ny), s=(ny, length), axes=_PLANE)
            yield field if length == nx else field[..., :: length // nx]


def _corners(n: int, kept: int) -> tuple[tuple[slice, slice], ...]:
    """Return where the lowest frequencies of an axis lie in FFT order, and where they lie among themselves."""
    if n == kept:
        return ((slice(None), slice(None)),)
    low, high = kept - kept // 2, kept // 2
    return ((slice(0, low), slice(0, low)), (slice(n - high, n), slice(low, kept)))


def _lowest(xp: Any, half: Array, shell: Shell) -> Array:
    """Return the frequencies inside the box of a shell."""
    half = half[..., : shell.box[2] // 2 + 1]
    for axis, kept in zip((-3, -2), shell.box[:2], strict=True):
        tail = (slice(None),) * (-axis - 1)
        pieces = [half[(..., where, *tail)] for where, _ in _corners(half.shape[axis], kept)]
        half = pieces[0] if len(pieces) == 1 else xp.concat(pieces, axis=axis)
    return half


class Cotangents:
    """The adjoint of :class:`Fields`: gathers cotangents of fields, plane by plane, and adds their spectrum to that of the volumes.

    Parameters
    ----------
    xp : Namespace
        The arrays' namespace.
    shell : Shell
        The filters.
    like : array of complex, shape (items, ...)
        Spectrum of the volumes, for count, dtype and device.
    """

    def __init__(self, xp: Any, shell: Shell, like: Array) -> None:
        self._xp, self._shell = xp, shell
        shape = (like.shape[0], shell.target[0], shell.box[1], shell.box[2] // 2 + 1)
        self._columns = [xp.zeros(shape, dtype=like.dtype, device=like.device) for _ in shell.along]

    def add(self, part: slice, terms: Field, field: Array) -> None:
        """Add the cotangent of one field in a range of planes."""
        xp, shell = self._xp, self._shell
        (_, ny, nx), (_, rows, length) = shell.target, shell.box
        if length != nx:
            wide = xp.zeros((*field.shape[:-1], length), dtype=field.dtype, device=field.device)
            wide[..., :: length // nx] = field
            field = wide
        spectrum = xp.fft.rfftn(field, axes=_PLANE)
        if rows != ny:
            spectrum = xp.tile(spectrum, (1, 1, rows // ny, 1))
        for k, table in terms:
            self._columns[k][:, part, ...] += spectrum * xp.conj(table)

    def spread(self, total: Array) -> None:
        """Add everything, as a half spectrum, to ``total`` in place; ``irfftn(total)`` is then the cotangent of the volumes."""
        xp, shell = self._xp, self._shell
        repeat = shell.box[0] // shell.target[0]
        box: Array = 0.0
        for row, column in zip(shell.along, self._columns, strict=True):
            spectrum = xp.fft.fft(column, axis=-3)
            box = box + (spectrum if repeat == 1 else xp.tile(spectrum, (1, repeat, 1, 1))) * (xp.conj(row) / shell.gain)
        for z, from_z in _corners(total.shape[-3], shell.box[0]):
            for y, from_y in _corners(total.shape[-2], shell.box[1]):
                total[:, z, y, : box.shape[-1]] += box[:, from_z, from_y, :]
