"""How a long transform is cut into levels of a few octaves each: the grids and Gaussians between them.

What a level passes on is smoothed by a Gaussian and sampled coarsely; the next one divides its filters by that Gaussian
(:mod:`scatflow_wavelet.sharpening`), so that nothing is lost but what aliases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scatflow_wavelet.bank import Bank
from scatflow_wavelet.sharpening import Gaussian

#: Share of a filter's peak below which what it passes does not count, and below which aliases are kept.
ALIAS = 1e-8
#: Octaves of a level by number of core dims.
OCTAVES = {1: 6, 2: 4, 3: 3}
#: Part of the last low-pass's width that a Gaussian before it may have.
_NARROWER = 0.8


@dataclass(frozen=True)
class Level:
    """One level: octaves ``low <= j < high``, in samples of the whole signal.

    Attributes
    ----------
    low, high : int
        Its octaves.
    exponent : int
        Its planes come on multiples of 2^exponent.
    blur : float
        Standard deviation of the Gaussian by which they are smoothed; 0 for the signal itself.
    field_exponent, field_blur : int, float
        The same for what it passes on to the next level.
    window_exponent, window_blur : int, float
        The same for its averages, which only the last low-pass still follows; of the last level, that is applied itself.
    """

    low: int
    high: int
    exponent: int = 0
    blur: float = 0.0
    field_exponent: int = 0
    field_blur: float = 0.0
    window_exponent: int = 0
    window_blur: float = 0.0

    @property
    def last(self) -> bool:
        """Tell whether no level follows."""
        return self.field_blur == 0


def levels(banks: Sequence[Bank], J: int, oversampling: int, octaves: int, least: int = 2) -> tuple[Level, ...]:
    """Return the levels of a transform, a single one where it is too short to be cut.

    Parameters
    ----------
    banks : sequence of Bank
        Of every order.
    J, oversampling : int
        Octaves, and by how many octaves planes are sampled finer than 2^j; at least 1.
    octaves : int
        Octaves of a level, at least.
    least : int, optional
        The same for the last level.

    Examples
    --------
    >>> from scatflow_wavelet import Morlet
    >>> bank = Bank(Morlet(), J=8, voices=8, aspect=(1.0, 1.0))
    >>> [(level.low, level.high, level.exponent) for level in levels([bank], 8, 1, 4)]
    [(0, 4, 0), (4, 8, 2)]
    """
    finer, edge = max(2, oversampling + 1), max(_edge(bank, octaves) for bank in banks)
    while finer <= octaves and edge > math.pi / 2 ** (octaves - finer):  # beyond half a turn per sample division restores nothing
        finer += 1
    cuts = [*range(octaves, J - least + 1, octaves)] if octaves > finer - 1 else []
    found: list[Level] = []
    exponent, blur = 0, 0.0
    for low, high in zip([0, *cuts], [*cuts, J], strict=True):
        if high == J:
            return (*found, Level(low, high, exponent, blur))
        field = high - finer
        field_blur = _blur(2.0**field, max(_edge(bank, high) for bank in banks))
        window, window_blur = _window(banks[0], high)
        found.append(Level(low, high, exponent, blur, field, field_blur, window, window_blur))
        exponent, blur = field, field_blur
    raise AssertionError("the last level ends at J")


def reach_of(banks: Sequence[Bank], high: int, last: bool, order: int, tol: float, blur: float = 0.0) -> float:
    """Return the tabulated reach of octaves below ``high``, in samples of the whole signal.

    Parameters
    ----------
    banks : sequence of Bank
        That of the first order, then those that are used.
    high : int
        Octaves end before this.
    last : bool
        Whether all bands from there on, and the low-pass of the bank, belong to them.
    order : int
        Wavelets one after the other; -1 for bands alone.
    tol : float
        Relative tolerance.
    blur : float, optional
        Standard deviation of a Gaussian behind them.
    """
    first, layout = banks[0], banks[0].layout
    width = Gaussian.of(first).blur / layout.T  # of the low-pass of averaging scale 1
    scale = max(2.0**high, layout.T if last else blur / width)
    near = replace(layout, J=high, T=scale, voices=max(bank.voices for bank in banks[1:]) if banks[1:] else 1)
    # The table is of banks that end at octave J with bands no narrower than their low-pass, as those of a longer bank may be.
    narrowest = min((band.sigma for bank in banks[1:] for band in bank.bands if band.j < high or last), default=math.inf)
    return float(max(1.0, 1 / (narrowest * width * 2.0**high)) * first.family.reach(near, order, tol))


def edge_of(bank: Bank) -> float:
    """Return the frequency beyond which the low-pass of a bank passes nothing."""
    return _deviations() / Gaussian.of(bank).blur


def kept_edge(level: Level) -> float:
    """Return the frequency up to which what a level passes on has no aliases."""
    return 2 * math.pi / 2.0**level.field_exponent - _deviations() / level.field_blur


def _deviations() -> float:
    return math.sqrt(-2 * math.log(ALIAS))


def _edge(bank: Bank, octave: int) -> float:
    """Return the frequency beyond which bands from an octave on, and the low-pass, pass nothing."""
    wide = _deviations() * (max(1.0, 4 / bank.layout.voices) if bank.ndim == 2 else 1.0)  # across the wave, of few orientations
    return max((abs(band.xi) + wide * band.sigma for band in bank.bands if band.j >= octave), default=0.0)


def _blur(step: float, edge: float) -> float:
    """Return the Gaussian after which samples of a step have no aliases in frequencies up to an edge."""
    alias = 2 * math.pi / step - edge
    return _deviations() / alias if alias > 0 else math.inf


def _window(bank: Bank, high: int) -> tuple[int, float]:
    """Return the coarsest grid, and the Gaussian for it, that averages may have before the last low-pass."""
    width = Gaussian.of(bank).blur
    for exponent in range(high, -1, -1):
        blur = _blur(2.0**exponent, _deviations() / width)
        if blur <= _NARROWER * width:
            return exponent, blur
    return 0, 0.0
