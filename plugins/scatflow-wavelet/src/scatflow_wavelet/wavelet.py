"""The operator ``wavelet``: the linear transform, complex bands with labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

from scatflow.arrays import complex_dtype, real_dtype
from scatflow.contract import Ref, Window, Wire, operator, param
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Cost, Place, itemsize
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.filtering import building_bytes, kept_samples, stored_bytes
from scatflow_wavelet.gammatone import Gammatone
from scatflow_wavelet.groups import group_size, together
from scatflow_wavelet.labels import path_coords
from scatflow_wavelet.layout import Band, Grid
from scatflow_wavelet.levels import cascade
from scatflow_wavelet.parameters import BankParameters
from scatflow_wavelet.pencils import wavelet_pencils
from scatflow_wavelet.references import WAVELET_TOUR
from scatflow_wavelet.selection import Selection, select
from scatflow_wavelet.transform import Level, decompose, filters, is_complex, recompose

Array = Any


@operator(
    "wavelet",
    version=1,
    signature="(z?,y?,x)->(path,z?,y?,x)",
    dtypes="fc",
    linear=True,
    differentiable=True,
    references=(WAVELET_TOUR,),
    aliases=("cwt", "continuous_wavelet_transform", "wavelet_transform", "scalogram", "constant_q"),
    equation=r"W x(\lambda, u) = (x \star \psi_\lambda)(u), \quad x \star \phi_J",
)
class Wavelet(BankParameters, Window):
    """Wavelet transform: complex band-pass planes ``x * psi`` and the low-pass ``x * phi``, labelled.

    Parameters
    ----------
    J, Q, L, filters, oversampling, pad, metric
        See :class:`scatflow_wavelet.parameters.BankParameters`.
    T : float, optional
        Averaging scale of the low-pass in samples of the coarsest core axis; default 2^J.
    stride : int or "octave", optional
        Step of the results in samples, along every core dim; default 1. ``"octave"`` samples octave j at multiples of
        ``2^max(0, j - oversampling)`` and gives one result per octave, ``j0``, ``j1``, ..., and ``low``.
    scaling : {"energy"}, optional
        Multiply by the root of the number of samples that one of the result stands for: by the root of the stride in one
        dim, by the stride in two, by the power 3/2 of it in three. Plain sums of squares then estimate those at stride 1. Default none.
    paths : mapping or list of mappings, optional
        Labels of the bands wanted; the low-pass has ``order=0``.

    Returns
    -------
    DataArray or Dataset
        Complex, in the units of the input; dim ``path`` with coordinates ``order`` (0 for the low-pass, 1 for
        bands), ``j1``, ``l1``, ``xi1``, ``sigma1``, ``scale1`` and ``n1`` (one dim), ``theta1`` (two dims) or the unit
        wave vector ``ez1``, ``ey1``, ``ex1`` (three dims).

    Notes
    -----
    Complex input has bands of all directions: those with ``l1`` from L (Q) on have the opposite wave vector (``theta1``
    from 180 on, in one dim a negative ``xi1``, in three the opposite ``ez1, ey1, ex1``), and bands are divided by sqrt(2). Of periodic data, ``sum |W x|^2`` then
    lies between the same frame bounds times ``sum |x|^2`` as for real data; for the tight bank it is equal, to 1e-10 in
    double precision. With ``stride="octave"`` and ``scaling="energy"`` it still is for the tight bank, since no
    band overlaps with its own aliases there (in one dim with ``oversampling`` of at least 1, for the low-pass).

    Raises
    ------
    ParameterError
        2^J exceeds the data (the largest J is named), the family has no such bank, or nothing is selected.
    DimensionError
        The core dims have different units and ``metric`` is ``"space"``.

    Examples
    --------
    >>> from scatflow.spec import ArraySpec
    >>> spec = Wavelet(dims=("x",), J=4, Q=8, stride=4).output(ArraySpec(("x",), (1000,), "float32"))
    >>> spec.dims, spec.shape, spec.dtype
    (('path', 'x'), (23, 250), 'complex64')
    """

    T: float | None = param(None, "Averaging scale of the low-pass in samples of the coarsest core axis, default 2^J.", gt=0)
    stride: int | Literal["octave"] = param(1, 'Step of the results in samples; "octave" for one result per octave.')
    scaling: Literal["energy"] | None = param(
        None, 'Multiply by the root of the samples that one stands for, so that sums of squares add up ("energy").'
    )
    paths: Selection = param(None, 'Labels of the bands wanted, {"j1": (0, 1)}, or a list of such; default all.')

    def averaging(self) -> float | None:
        """Return T, or None for 2^J."""
        return None if self.T is None else float(self.T)

    def levels(self, ndim: int, complex_input: bool = False) -> tuple[Level, ...]:
        """Return what is computed, by result, for inputs that :meth:`resolve` has seen."""
        bank = self.bank(ndim, full_circle=complex_input)
        wanted: list[tuple[Band, ...]] = [(), *((band,) for band in bank.bands)]
        if self.paths is not None:
            wanted = select(wanted, self.paths, 1, ndim, self.name)
        bands = [path[0] for path in wanted if path]
        if self.stride != "octave":
            if self.stride < 1:
                raise ParameterError(
                    f"{self.name}.stride", "must be at least 1", expected='a positive integer or "octave"', got=self.stride
                )
            return (self._level("", () in wanted, bands, self.stride, ndim),)
        levels = []
        for j in sorted({band.j for band in bands}):
            step = 2 ** max(0, min(j, self.J) - self.oversampling)
            levels.append(self._level(f"j{j}", False, [band for band in bands if band.j == j], step, ndim))
        if () in wanted:
            levels.append(self._level("low", True, (), 2 ** max(0, self.J - self.oversampling), ndim))
        return tuple(levels)

    def _level(self, name: str, low: bool, bands: Sequence[Band], stride: int, ndim: int) -> Level:
        scale = math.sqrt(stride**ndim) if self.scaling == "energy" else 1.0
        return Level(name, low, tuple(band.n for band in bands), stride, math.gcd(stride, 2**self.J), scale)

    def output(self, *specs: ArraySpec) -> ArraySpec | Mapping[str, ArraySpec]:
        """Declare the result, or one per octave."""
        (spec,) = specs
        ready = self.resolve(spec)
        assert ready.dims is not None
        ndim = len(ready.dims)
        complex_input = spec.dtype.startswith("complex")
        bank, spacing = ready.bank(ndim, full_circle=complex_input), ready.spacing(spec)
        what = spec.attrs.get("long_name") or spec.name
        title = f"wavelet coefficients of {what}" if what else "wavelet coefficients"
        results = {}
        for level in ready.levels(ndim, complex_input):
            result = spec
            for dim in spec.dims[len(spec.dims) - ndim :]:
                result = result.strided(dim, level.stride)
            paths: list[tuple[int, ...]] = [()] * level.low + [(n,) for n in level.bands]
            coords = path_coords([bank], paths, 1, spacing)
            result = result.with_dim("path", len(paths), coords, at=len(spec.dims) - ndim)
            result = result.with_attrs(long_name=title, standard_name=None)
            results[level.name] = result.with_dtype(complex_dtype(spec.dtype))
        return results[""] if list(results) == [""] else results

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire]:
        """Wire the transform one core axis at a time, for two and three core dims and filters that can be evaluated in parts."""
        return wavelet_pencils(self, ref, spec, at)

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the tabulated reach of the bank per role."""
        return self.reach(-1, tol)

    def stages(self, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire] | None:
        """Wire results of octaves, each from a signal as coarse as its scale allows, where there are enough octaves."""
        return cascade(self, ref, spec, at)

    def coverage(self, xp: Any, at: Place) -> Mapping[str, Array]:
        """Return, per role, rows of low-pass weights at the samples of the result; nothing for several results."""
        if self.stride == "octave":
            return {}
        roles = tuple(at.size)
        bank = self.bank(len(roles))
        weights = {}
        for role, aspect in zip(roles, bank.aspect, strict=True):
            block = range(at.start[role], at.stop[role])
            weights[role] = xp.asarray(bank.coverage(at.counted(role, self.stride), block, aspect))
        return weights

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build filters for one block shape."""
        ndim, complex_input = len(block.shape), block.dtype.startswith("complex")
        bank, levels = self.bank(ndim, full_circle=complex_input), self.levels(ndim, complex_input)
        return filters(bank, levels, block.shape, xp, real_dtype(block.dtype), device)

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Any) -> Array | Mapping[str, Array]:
        """Compute one extended block."""
        levels = self.levels(len(at.start), is_complex(xp, blocks[0]))
        out = decompose(xp, blocks[0], levels, prepared["bands"], prepared["low"], _keep(levels, at))
        return out[""] if list(out) == [""] else out

    def vjp(self, xp: Any, cotangent: Any, *blocks: Array, at: Place, **prepared: Any) -> tuple[Array, ...]:
        """Return the cotangent of one extended block: the adjoint applied to that of the result."""
        complex_input = is_complex(xp, blocks[0])
        levels = self.levels(len(at.start), complex_input)
        given = cotangent if isinstance(cotangent, Mapping) else {levels[0].name: cotangent}
        core = tuple(at.stop[role] - at.start[role] for role in at.start)
        bands, low = prepared["bands"], prepared["low"]
        return (recompose(xp, given, core, levels, bands, low, _keep(levels, at), real=not complex_input),)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops, and bytes of filters, spectra and untrimmed results."""
        ready = self.resolve(specs[0])
        assert ready.dims is not None
        ndim = len(ready.dims)
        spec = specs[0]
        sizes = spec.shape[len(spec.dims) - ndim :]
        count = math.prod(spec.shape[: len(spec.dims) - ndim])
        complex_input = spec.dtype.startswith("complex")
        bank, levels = ready.bank(ndim, full_circle=complex_input), ready.levels(ndim, complex_input)
        return _cost(bank, levels, sizes, count, itemsize(real_dtype(spec.dtype)))

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield small instances in one to three dims."""
        yield cls(dims=("x",), J=3, Q=2)
        yield cls(dims=("y", "x"), J=2, L=4, stride=2)
        yield cls(dims=("y", "x"), J=2, L=3, stride="octave", paths=({"order": 1},))
        yield cls(dims=("x",), J=2, Q=2, filters=Gammatone(), stride=2, metric="index")
        yield cls(dims=("x",), J=2, stride="octave", scaling="energy", boundary="periodic")
        yield cls(dims=("z", "y", "x"), J=1, stride=2)


def _keep(levels: tuple[Level, ...], at: Place) -> dict[str, tuple[slice, ...]]:
    """Return which samples of a level's grid are absolute multiples of its stride."""
    return {
        level.name: tuple(
            slice((at.samples(role, level.stride).start - at.start[role]) // level.grid, None, level.stride // level.grid)
            for role in at.start
        )
        for level in levels
    }


def _cost(bank: Bank, levels: tuple[Level, ...], shape: tuple[int, ...], count: int, real: int) -> Cost:
    size, ndim = math.prod(shape), len(shape)
    parts = 1 + bank.full_circle  # real numbers of an input sample
    flops, stored, results, building = 2.5 * parts * size * math.log2(max(2, size)), 0, 0, 0
    for level in levels:
        m = size // level.grid**ndim
        kept = sum(kept_samples(bank, n, Grid(shape), level.grid) for n in level.bands)
        flops += 4 * kept + len(level) * 5 * m * math.log2(max(2, m))
        bands = sum(stored_bytes(bank, n, Grid(shape), level.grid, real) for n in level.bands)
        stored, building = stored + bands, max(building, building_bytes(bank, size, bands))
        results += len(level) * math.prod(-(-n // level.stride) for n in shape) * 2 * real
    largest = max((size // level.grid**ndim for level in levels), default=size)
    # Half and whole spectrum of a group (of complex input the whole one, and a part of it); products of some bands and
    # their transforms.
    items = min(count, group_size(shape))
    bands = min(max((len(level.bands) for level in levels), default=0), together(items, largest, ndim))
    planes = (3 * real * size + max(1, bands) * 6 * real * largest) * items
    return Cost(count * flops, stored + max(count * results + planes, building))
