"""The operator ``inverse_wavelet``: the signal back from its bands, by the dual frame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from pydantic import model_validator

from scatflow.arrays import real_dtype
from scatflow.contract import Whole, operator, param
from scatflow.errors import DtypeError, FrameError, ParameterError
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Axis, Cost, itemsize
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.gammatone import Gammatone
from scatflow_wavelet.groups import group_size
from scatflow_wavelet.labels import Spacing, core_names, path_coords
from scatflow_wavelet.layout import Grid, Real
from scatflow_wavelet.parameters import FilterBank
from scatflow_wavelet.references import WAVELET_TOUR
from scatflow_wavelet.tight import Tight
from scatflow_wavelet.transform import Level, decompose, filters, is_complex, recompose

Array = Any

#: The dim of the bands, whose role comes last so that the other one can be left out.
_PATH = "path"
#: Relative difference of labels that is rounding, of coordinates in single precision too.
_SAME_LABEL = 1e-5


@operator(
    "inverse_wavelet",
    version=1,
    signature="(z?,y?,x,path)->(z?,y?,x)",
    dtypes="c",
    linear=True,
    differentiable=True,
    references=(WAVELET_TOUR.part("dual frames"),),
    aliases=("icwt", "inverse_cwt", "reconstruction", "synthesis_wavelet", "pseudo_inverse", "dual_frame"),
    equation=r"\hat x(\omega) = \frac{\widehat{W^* y}(\omega)}{A(\omega)}, \quad "
    r"A = |\hat\phi|^2 + \tfrac12 \sum_\lambda |\hat\psi_\lambda(\omega)|^2 + |\hat\psi_\lambda(-\omega)|^2",
)
class InverseWavelet(FilterBank, Whole):
    r"""Signal whose wavelet transform comes closest to given bands; the signal itself where they are its transform.

    .. math:: x = (W^* W)^{-1} W^* y = \arg\min_x \lVert W x - y \rVert^2

    over periodic x, which is a division by the Littlewood-Paley function A in frequency. Bands of complex signals are known by
    their labels, which go round the full circle, as ``wavelet`` gives them; bands of real signals have half of it, and x is
    then real. Bands that were changed
    (thresholded, masked) are projected onto the transforms of signals first. The inverse is exact, to 1e-10 relative in
    double and 1e-4 in single precision where A is above 0.01, for ``wavelet(boundary="periodic")`` of axes that are
    multiples of 2^J. Other boundaries are refused: their bands are not the transform of any periodic signal, and taken for
    one give errors of the size of the signal at its edges and of a tenth of it six averaging scales away (measured).

    Parameters
    ----------
    data : DataArray
        Complex: all bands of ``wavelet`` at ``stride=1``, the low-pass first, along the dim ``path``. What
        ``stride="octave"`` gives is first put on one grid by :func:`scatflow_wavelet.bands_of_octaves`.
    dims : tuple of str, optional
        Core dims of the signal; ``path`` is added.
    J, Q, L, filters, metric, T
        As given to ``wavelet``. Labels show whether they are, except T, and a stride where samples are counted (``metric="index"``).
    tol : float
        Least A for which the bank counts as invertible.

    Returns
    -------
    DataArray
        Real or complex as the signal was, of the input's precision and units, without the dim ``path``.

    Raises
    ------
    FrameError
        min A is below ``tol`` on the grid of the data; raised when the filters are built.
    ParameterError
        The labels along ``path`` are not those of the bank, the boundary was not periodic, a length is not a multiple
        of 2^J, a dim has segments, or J is 0, where no label tells real from complex signals.
    DtypeError
        The bands are real, such as their modulus, which holds no signs.

    Examples
    --------
    >>> import numpy as np, scatflow as sf, xarray as xr
    >>> x = xr.DataArray(np.random.default_rng(0).standard_normal(64), dims="time")
    >>> bands = sf.ops.wavelet(x, dims="time", J=3, Q=2, boundary="periodic")
    >>> bool(abs(sf.ops.inverse_wavelet(bands, dims="time", J=3, Q=2) - x).max() < 1e-12)
    True
    """

    T: float | None = param(None, "Averaging scale of the low-pass in samples of the coarsest core axis, default 2^J.", gt=0)
    beside = (_PATH,)

    tol: float = param(1e-6, "Least value of the Littlewood-Paley function for which the bank counts as invertible.", gt=0)

    @model_validator(mode="before")
    @classmethod
    def _with_path(cls, values: Any) -> Any:
        """Add ``path`` to the core dims where only those of the signal are named."""
        named = values.get("dims") if isinstance(values, Mapping) else None
        dims = (named,) if isinstance(named, str) else named
        return {**values, "dims": (*dims, _PATH)} if isinstance(dims, (tuple, list)) and _PATH not in dims else values

    def averaging(self) -> float | None:
        """Return T, or None for 2^J."""
        return None if self.T is None else float(self.T)

    def core(self, spec: ArraySpec) -> tuple[str, ...]:
        """Return the dims of the signal in kernel order."""
        return core_names(spec, self.dims)[:-1]

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the signal, having checked that the bands are those of the bank."""
        (spec,) = specs
        ready = self.resolve(spec)
        core = ready.core(spec)
        if not spec.dtype.startswith("complex"):
            raise DtypeError("inverse_wavelet input", "bands are complex", expected="complex64, complex128", got=spec.dtype,
                             remedy="Give the result of wavelet itself; a modulus has no inverse of this kind.")  # fmt: skip
        spacing = ready.spacing(spec)
        signal = spec.without(spec.dims[-1])
        signal = replace(signal, coords={name: coord for name, coord in signal.coords.items() if name != "valid_fraction"})
        for dim in core:
            _check_axis(axis_of(spec, dim, self.sampling), self.J)
        _check_boundary(spec)
        bank = ready._bank_of(len(core), spec.shape[-1])
        _check_labels(spec, spec.dims[-1], bank, spacing)
        title = spec.attrs.get("long_name")
        signal = signal.with_attrs(long_name=f"signal of {title}" if title else None, standard_name=None, boundary=None)
        return signal.with_dtype(spec.dtype if bank.full_circle else real_dtype(spec.dtype))

    def _bank_of(self, ndim: int, paths: int) -> Bank:
        """Return the bank that gave so many paths: over the full circle where they are too many for half of it."""
        bank = self.bank(ndim)
        if not bank.bands:
            raise ParameterError("inverse_wavelet.J", "without bands no label tells real from complex signals", expected="at least 1",
                                 got=self.J)  # fmt: skip
        return replace(bank, full_circle=True) if paths == 2 * len(bank.bands) + 1 else bank

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build filters and 1/A for one block shape."""
        *core, paths = block.shape
        shape = tuple(core)
        bank, dtype = self._bank_of(len(shape), paths), real_dtype(block.dtype)
        dual = 1 / _invertible(bank, shape, self.tol)
        if not bank.full_circle:
            dual = dual[..., : shape[-1] // 2 + 1]
        return {**filters(bank, (_level(bank),), shape, xp, dtype, device), "dual": xp.asarray(dual.astype(dtype), device=device)}

    def apply(self, xp: Any, *blocks: Array, **prepared: Any) -> Array:
        """Compute one block: the adjoint, then the division by A."""
        (block,) = blocks
        ndim = prepared["dual"].ndim
        bank = self._bank_of(ndim, block.shape[-1])
        bands = xp.moveaxis(block, -1, -1 - ndim)
        core = tuple(bands.shape[-ndim:])
        filters = prepared["bands"], prepared["low"], _all(ndim)
        adjoint = recompose(xp, {"": bands}, core, (_level(bank),), *filters, real=not bank.full_circle)
        return _divided(xp, adjoint, prepared["dual"])

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Any) -> tuple[Array, ...]:
        """Return the transform of the cotangent divided by A: the adjoint of the inverse."""
        ndim = prepared["dual"].ndim
        levels = (_level(self._bank_of(ndim, blocks[0].shape[-1])),)
        divided = _divided(xp, cotangent, prepared["dual"])
        bands = decompose(xp, divided, levels, prepared["bands"], prepared["low"], _all(ndim))
        return (xp.moveaxis(bands[""], -1 - ndim, -1),)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare one transform per band, and bytes of filters, of A and of a few planes."""
        (spec,) = specs
        ndim = len(self.core(spec))
        *shape, count = spec.shape[-ndim - 1 :]
        size, items, real = math.prod(shape), math.prod(spec.shape[: -ndim - 1]), itemsize(spec.dtype) // 2
        flops = items * (count + 2) * size * (8 + 5 * math.log2(max(2, size)))
        bank = self._bank_of(ndim, count)
        causal, parts = bank.family.causal, 1 + bank.full_circle  # real numbers of a sample of the signal
        # Filters; A and a filter in float64; the block as rows of items; planes of a group of items, and spectra of all.
        filters = (count + 1) * size * real * (1 + causal) + (12 if causal else 5) * 8 * size
        return Cost(
            flops, filters + spec.nbytes + real * size * (4 * parts * items + 8 * parts * min(items, group_size(tuple(shape))))
        )

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield small instances in one to three dims."""
        yield cls(dims=("x",), J=3, Q=2)
        yield cls(dims=("y", "x"), J=2, L=2)
        yield cls(dims=("x",), J=2, Q=2, filters=Tight())
        yield cls(dims=("y", "x"), J=2, L=3, filters=Tight())
        yield cls(dims=("x",), J=2, filters=Gammatone(), metric="index", T=3.0)
        yield cls(dims=("z", "y", "x"), J=1, L=15)

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return noise with the labels of the bank, for the tight family of that for complex signals."""
        import xarray as xr

        core = (self.dims or ("x", _PATH))[:-1]
        bank = self.resolve(ArraySpec((*core, _PATH), (1,) * (len(core) + 1), "complex128")).bank(len(core))
        bank = replace(bank, full_circle=isinstance(self.filters, Tight))
        labels = path_coords([bank], _paths(bank), 1, Spacing(bank.aspect, 1.0, "", (False,) * bank.ndim))
        sizes = {"item": 2, **dict(zip(core, (8, 16, 24)[-len(core) :], strict=True)), _PATH: len(bank.bands) + 1}
        real, imaginary = rng.standard_normal((2, *sizes.values()))
        coords = {name: (coord.dims, coord.values, dict(coord.attrs)) for name, coord in labels.items()}
        return (xr.DataArray(real + 1j * imaginary, dims=tuple(sizes), coords=coords, attrs={"units": "m s-1"}),)


def _level(bank: Bank) -> Level:
    """Return what ``wavelet`` computes at stride 1: the low-pass and all bands on the array's own grid."""
    return Level("", True, tuple(range(len(bank.bands))), 1, 1)


def _paths(bank: Bank) -> list[tuple[int, ...]]:
    return [(), *((n,) for n in range(len(bank.bands)))]


def _all(ndim: int) -> dict[str, tuple[slice, ...]]:
    return {"": (slice(None),) * ndim}


def _invertible(bank: Bank, shape: tuple[int, ...], tol: float) -> Real:
    """Return A on a grid; raise FrameError where it comes too close to 0."""
    values = bank.littlewood_paley(Grid(shape))
    low, high = float(values.min()), float(values.max())
    if low < tol:
        raise FrameError(f"inverse_wavelet.filters {bank.family.name!r}", f"bands do not determine a signal: the lower frame bound on a grid of {shape} is {low:.3g}, "
                         f"the upper one {high:.3g}", expected=f"at least tol={tol:g}", got=f"{low:.3g}",
                         remedy='Use filters="tight", whose bounds are 1, more orientations, or a smaller tol where its noise is acceptable.')  # fmt: skip
    return values


def _divided(xp: Any, plane: Array, dual: Array) -> Array:
    ndim = dual.ndim
    axes = tuple(range(-ndim, 0))
    if is_complex(xp, plane):
        return xp.fft.ifftn(xp.fft.fftn(plane, axes=axes) * dual, axes=axes)
    return xp.fft.irfftn(xp.fft.rfftn(plane, axes=axes) * dual, s=tuple(plane.shape[-ndim:]), axes=axes)


def _check_axis(axis: Axis, J: int) -> None:
    """Refuse axes along which ``wavelet`` has to extend even periodic data: of other lengths, and with walls between segments."""
    if axis.walls:
        raise ParameterError("inverse_wavelet input", f"{axis.dim!r} has segments, which are extended one by one", got=f"{len(axis.walls) + 1} segments",
                             expected="one periodic signal", remedy="Transform and invert segment by segment.", code="SegmentsPresent")  # fmt: skip
    if axis.size % 2**J:
        raise ParameterError("inverse_wavelet.J", f"the length of {axis.dim!r} must be a multiple of 2^J = {2**J}", got=axis.size,
                             expected=f"{axis.size // 2**J * 2**J} or {-(-axis.size // 2**J) * 2**J}", remedy="Crop or pad the signal before wavelet, or lower J.",
                             code="LengthNotDyadic")  # fmt: skip


def _check_boundary(spec: ArraySpec) -> None:
    """Refuse bands that say that they were computed with an extension that is not periodic."""
    words = str(spec.attrs.get("boundary", "periodic"))
    if set(words.split(",")) != {"periodic"}:
        raise ParameterError("inverse_wavelet input", "only transforms of periodic signals are inverted exactly", expected="boundary periodic", got=words,
                             remedy='Transform with wavelet(..., boundary="periodic").', code="BoundaryNotPeriodic")  # fmt: skip


def _check_labels(spec: ArraySpec, path: str, bank: Bank, spacing: Spacing) -> None:
    """Refuse bands that are not all those of the bank, in its order; other scales show in the frequencies."""
    expected = path_coords([bank], _paths(bank), 1, spacing, path)
    for name in ("order", "j1", "l1", "xi1", "sigma1"):
        coord = spec.coords.get(name)
        wanted = expected[name].values
        found = None if coord is None or coord.dims != (path,) else np.asarray(coord.values)
        if found is None or found.shape != wanted.shape or not np.allclose(found, wanted, rtol=_SAME_LABEL, atol=0, equal_nan=True):
            raise ParameterError(
                "inverse_wavelet input", f"the labels {name!r} along {path!r} are not those of the bank", expected=_brief(wanted),
                got="none" if found is None else _brief(found), code="PathsIncomplete",
                remedy="Give it the parameters of wavelet, and all of its bands: stride=1, and no paths=.",
            )  # fmt: skip


def _brief(values: Any) -> str:
    shown = ", ".join(f"{value:.4g}" for value in values[:6])
    return f"{shown}{', ...' if len(values) > 6 else ''} ({len(values)})"
