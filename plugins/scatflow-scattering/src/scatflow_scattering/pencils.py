"""Scattering one core axis at a time, for fields larger than memory: exact for every bank that can be evaluated in parts.

Planes of the tree that lie on one grid and have the same children go through the stages together. A stage takes a band back along the
last axis, its modulus, and that forward along the same axis again, so that of planes only half spectra along the last axis are stored. The last
low-pass is a product too, with the few samples of the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scatflow.contract import Ref, Wire, wire
from scatflow.errors import ChunkError
from scatflow.spec import ArraySpec, Place
from scatflow_arrays.pencils import AxisInverse
from scatflow_arrays.periodic import PeriodicExtension, Samples
from scatflow_scattering.between import ScatteringPaths
from scatflow_scattering.tree import Path, Tree
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.modulus import Modulus
from scatflow_wavelet.pencils import check_pencils, filtered_lines, fourier, inverse

if TYPE_CHECKING:
    from scatflow_scattering.scattering import Scattering


@dataclass(frozen=True)
class _Planes:
    """Planes on one grid: their signal and its spectrum, the paths to them, the dims that count these, and the exponent of the grid."""

    spectrum: Wire
    paths: tuple[Path, ...]
    dims: tuple[str, ...] = ()
    exponent: int = 0


@dataclass(frozen=True)
class _Brood:
    """Bands that go from planes to planes on one grid with the same children."""

    exponent: int
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class _Wiring:
    """What all stages of a transform share: its tree, core dims, the low-pass, lengths of the periodic grid, and where results lie."""

    tree: Tree
    names: tuple[str, ...]
    low: Bank
    lengths: tuple[int, ...]
    grid: int
    keep: tuple[Samples, ...]
    complex_input: bool

    def walk(self, planes: _Planes) -> Iterator[tuple[Wire, _Planes]]:
        """Yield the averages of planes that are wanted, then those of what lies below them."""
        wanted = [path for path in planes.paths if path in self.tree.paths]
        if wanted and len(wanted) < len(planes.paths):
            raise _unfit("paths that lie together are wanted in part", got=wanted[0], remedy="Select whole octaves.")
        if wanted:
            yield self.averaged(planes), planes
        for brood in self.broods(planes.paths):
            yield from self.walk(self.below(planes, brood))

    def averaged(self, planes: _Planes) -> Wire:
        """Return the samples of the last low-pass of planes: real, of complex input the modulus."""
        lengths, factor = self.on(planes.exponent), self.grid >> planes.exponent
        dim = None if planes.dims else "planes0"  # paths are put together along dims of their own, that of the root too
        lines = filtered_lines(self.low, self.names, lengths, factor, self.keep[0], low=True, exponent=planes.exponent, dim=dim)
        found = wire(lines, planes.spectrum)
        complex_planes = self.complex_input and not planes.paths[0]
        for axis, dim in list(enumerate(self.names))[1:]:
            real = axis == len(self.names) - 1 and not complex_planes
            found = wire(AxisInverse(dims=(dim,), length=lengths[axis], factor=factor, keep=self.keep[axis], real=real), found)
        return wire(Modulus(), found) if complex_planes else found

    def below(self, planes: _Planes, brood: _Brood) -> _Planes:
        """Return the moduli of bands of planes."""
        order, both = len(planes.paths[0]), not self.complex_input or bool(planes.paths[0])
        lengths, factor = self.on(planes.exponent), 1 << (brood.exponent - planes.exponent)
        dim = f"planes{order + 1}"
        lines = filtered_lines(self.tree.banks[order], self.names, lengths, factor, None, bands=brood.numbers, exponent=planes.exponent,
                               dim=dim, both=both)  # fmt: skip
        moduli = wire(Modulus(), inverse(wire(lines, planes.spectrum), self.names, lengths, factor, both))
        paths = tuple((*path, n) for path in planes.paths for n in brood.numbers)
        return _Planes(fourier(moduli, self.names), paths, (*planes.dims, dim), brood.exponent)

    def broods(self, paths: tuple[Path, ...]) -> list[_Brood]:
        """Return what goes on from planes, which is the same for all of them."""
        groups: dict[tuple[int, bool, tuple[int, ...]], list[int]] = {}
        path = paths[0]
        for n in self.tree.children.get(path, ()):
            child = (*path, n)
            groups.setdefault((self.tree.exponent(child), child in self.tree.paths, self.tree.children.get(child, ())), []).append(
                n
            )
        for other in paths[1:]:
            if self.tree.children.get(other, ()) != self.tree.children.get(path, ()):
                raise _unfit("planes of one octave have different children", got=(path, other), remedy="Select whole octaves.")
        return [_Brood(exponent, tuple(numbers)) for (exponent, _, _), numbers in groups.items()]

    def on(self, exponent: int) -> tuple[int, ...]:
        """Return the lengths of a grid."""
        return tuple(n >> exponent for n in self.lengths)


def _unfit(reason: str, **more: Any) -> ChunkError:
    return ChunkError("operator scattering", reason, code="PencilsUnfit", **more)


def scattering_pencils(transform: Scattering, ref: Ref, spec: ArraySpec, at: Place) -> Wire:
    """Return a windowed transform one core axis at a time.

    Parameters
    ----------
    transform : Scattering
        Bound to labels, its boundary rules named.
    ref : Ref
        The signal.
    spec : ArraySpec
        Its labels, in kernel order.
    at : Place
        The extended signal.

    Raises
    ------
    ChunkError
        It cannot be computed so, with the reason.
    """
    check_pencils(transform, spec, transform.family())
    names, complex_input = tuple(transform.dims or ()), spec.dtype.startswith("complex")
    tree = transform.paths_of(len(names), complex_input)
    _check(transform, spec, tree)
    extension = PeriodicExtension.of(names, transform.boundary, at)
    profile = transform.conventions()
    keep = tuple(extension.inside(dim, spec.sizes[dim], profile.step, profile.grid) for dim in names)
    wiring = _Wiring(tree, names, transform.bank(len(names)), extension.lengths, profile.grid, keep, complex_input)
    pieces = list(wiring.walk(_Planes(fourier(wire(extension, ref), names, transform.dtype), ((),))))
    place = {path: k for k, path in enumerate(path for _, planes in pieces for path in planes.paths)}
    order = tuple(place[path] for path in tree.paths)
    return wire(
        ScatteringPaths(axes=tuple(max(1, len(planes.dims)) for _, planes in pieces), order=order), *(one for one, _ in pieces)
    )


def _check(transform: Scattering, spec: ArraySpec, tree: Tree) -> None:
    """Raise ChunkError for results that are no samples of a low-pass on a grid as coarse as that of any plane."""
    if transform.T in (0, "global") or transform.normalize is not None:
        raise _unfit("averages over a window alone are computed one axis at a time", got=f"T={transform.T!r}, normalize={transform.normalize!r}",
                     remedy='Leave both out; T=0 is "wavelet" and "modulus".')  # fmt: skip
    coarsest = max(tree.exponent(path) for path in tree.paths)
    if transform.conventions().grid % 2**coarsest:
        raise _unfit("the stride must be a multiple of the coarsest grid of planes", expected=f"a multiple of {2**coarsest}",
                     got=transform.conventions().step)  # fmt: skip
    taken = [dim for dim in spec.dims if dim.startswith("planes")]
    if taken:
        raise _unfit("its input has a dim whose name pencils need", got=taken[0], remedy="Rename it.")
