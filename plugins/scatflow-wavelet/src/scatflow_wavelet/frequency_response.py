"""A bank as a labelled array in frequency, for pictures and for whoever wants to look at filters."""

from __future__ import annotations

import numpy as np
import xarray as xr

from scatflow.errors import ParameterError
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.labels import Spacing, path_coords, reciprocal
from scatflow_wavelet.layout import Grid

#: Samples of the lowest band's standard deviation in frequency, and the limits of a grid per number of dims.
_RESOLUTION = 16
_LIMITS = {1: (512, 1 << 14), 2: (128, 512)}


def response(bank: Bank, size: int | None = None, step: float = 1.0, unit: str = "") -> xr.DataArray:
    """Return the moduli of all filters of a bank in frequency, with labels and the Littlewood-Paley sum.

    Parameters
    ----------
    bank : Bank
        Of an operator ``op``: ``op.bank(ndim, order)``.
    size : int, optional
        Frequencies per dim; default fine enough for the lowest band, at least 512 and at most 16384 in one dim, 128
        and 512 in two.
    step : float, optional
        Coarsest spacing of the data in ``unit``; default 1, frequencies in cycles per sample.
    unit : str, optional
        Unit of ``step``, UDUNITS.

    Returns
    -------
    DataArray of float64
        ``|psi(f)|``, and ``|phi(f)|`` first (``order=0``), on (``path``, ``frequency``) or (``path``, ``frequency_y``,
        ``frequency_x``). Frequencies increase from -1/2 per sample; labels of paths are those of results. The coordinate
        ``littlewood_paley`` is ``A(f) = |phi|^2 + (1/2) sum (|psi(f)|^2 + |psi(-f)|^2)``: a real signal's energy at f
        enters its transform with this factor. Attributes ``lower_bound`` and ``upper_bound`` are its extremes, and in
        two dims ``lower_bound_disc`` is the least below 1/2 cycle per sample in all directions.

    Raises
    ------
    ParameterError
        The bank has other than one or two dims; ``size`` is below 2 or ``step`` not positive.

    Examples
    --------
    >>> from scatflow_wavelet import Bank, Morlet, response
    >>> filters = response(Bank(Morlet(), J=3, voices=1))
    >>> filters.dims, filters.sizes["path"]
    (('path', 'frequency'), 5)
    >>> peaks = filters.frequency.values[filters.values[1:].argmax(axis=1)]
    >>> [round(float(f), 2) for f in peaks]
    [0.35, 0.18, 0.09, 0.04]
    """
    if bank.ndim not in _LIMITS:
        raise ParameterError("response", "banks in one and two dims have pictures", got=bank.ndim)
    if step <= 0 or (size is not None and size < 2):
        raise ParameterError("response", "size and step are positive", expected="size >= 2, step > 0", got=(size, step))
    count = _fine_enough(bank) if size is None else size
    grid = Grid((count,) * bank.ndim)
    filters = np.stack(
        [np.abs(bank.low_multiplier(grid)), *(np.abs(bank.band_multiplier(n, grid)) for n in range(len(bank.bands)))]
    )
    axes = tuple(range(-bank.ndim, 0))
    dims = ("frequency",) if bank.ndim == 1 else ("frequency_y", "frequency_x")
    paths: list[tuple[int, ...]] = [(), *((n,) for n in range(len(bank.bands)))]
    labels = path_coords([bank], paths, 1, Spacing(bank.aspect, step, unit, (False,) * bank.ndim))
    low, high = bank.bounds(grid)
    bounds = {"lower_bound": low, "upper_bound": high}
    if bank.ndim == 2:
        bounds["lower_bound_disc"] = bank.bounds(grid, disc=True)[0]
    total = np.fft.fftshift(bank.littlewood_paley(grid))
    per = reciprocal(unit) if unit else "cycles/sample"
    coords = {name: (coord.dims, coord.values, dict(coord.attrs)) for name, coord in labels.items()}
    for dim, aspect in zip(dims, bank.aspect, strict=True):
        words = dim.replace("_", " along ")
        coords[dim] = ((dim,), np.fft.fftshift(np.fft.fftfreq(count, step / aspect)), {"units": per, "long_name": words})
    coords["littlewood_paley"] = (dims, total, {"units": "1", "long_name": "Littlewood-Paley sum"})
    name = f"{bank.family.name} filters, J = {bank.J}, {'Q' if bank.ndim == 1 else 'L'} = {bank.voices}"
    return xr.DataArray(np.fft.fftshift(filters, axes=axes), dims=("path", *dims), coords=coords, name="response",
                        attrs={"units": "1", "long_name": name, **bounds})  # fmt: skip


def _fine_enough(bank: Bank) -> int:
    least, most = _LIMITS[bank.ndim]
    narrowest = min((band.sigma for band in bank.bands), default=1.0)
    wanted = _RESOLUTION * 2 * np.pi / narrowest
    return int(min(most, max(least, 2 ** np.ceil(np.log2(wanted)))))
