"""Words and numbers on a picture: units, axis labels, titles, ticks."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

_SUPERSCRIPT = str.maketrans("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺")
MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
#: Characters of the second line of a title in a usual picture.
_NOTE_WIDTH = 105
_EXPONENT = re.compile(r"(?<=[A-Za-zµΩ°])(?:\^|\*\*)?([-+]?\d+)(?![\d.])")


def unit(units: Any) -> str:
    """Return a UDUNITS string for print, exponents raised; empty for dimensionless quantities.

    Examples
    --------
    >>> unit("m2 s-1"), unit("1/s"), unit("1")
    ('m² s⁻¹', '1/s', '')
    """
    text = "" if units is None else str(units).strip()
    if text in ("", "1", "dimensionless"):
        return ""
    return _EXPONENT.sub(lambda match: match[1].translate(_SUPERSCRIPT), text.replace("_", " "))


def labelled(words: str, units: Any) -> str:
    """Return ``words [unit]``."""
    shown = unit(units)
    return f"{words} [{shown}]" if shown else words


def number(value: float, digits: int = 3) -> str:
    """Return a number for a tick: few digits, powers of ten raised.

    Examples
    --------
    >>> number(0.125), number(1e6), number(1e-7)
    ('0.125', '10⁶', '10⁻⁷')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else f"{MINUS}∞"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
        fixed = f"{value:.{decimals}f}"
        return (fixed.rstrip("0").rstrip(".") if "." in fixed else fixed).replace("-", MINUS)
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return power if mantissa == "1" else f"{mantissa.replace('-', MINUS)}{TIMES}{power}"


def numbers(value: float, error: float) -> str:
    """Return a value with its error, both to the last digit that means something.

    Examples
    --------
    >>> numbers(0.35412, 0.0052), numbers(1.25, 0.13)
    ('0.354 ± 0.005', '1.25 ± 0.13')
    """
    if not (math.isfinite(error) and error > 0):
        return f"{value:.3f}".replace("-", MINUS)
    power = math.floor(math.log10(error))
    decimals = min(4, max(0, -power + (1 if error < 3 * 10.0**power else 0)))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}".replace("-", MINUS)


def moment(value: Any) -> str:
    """Return a date, as short as it is exact."""
    text = str(np.datetime64(value, "s")).replace("T", " ")
    return text.removesuffix(" 00:00:00")


def name_of(array: xr.DataArray) -> str:
    """Return what an array is called: long name, standard name, variable name."""
    for key in ("long_name", "standard_name"):
        if array.attrs.get(key):
            return str(array.attrs[key]).replace("_", " ")
    return "" if array.name is None else str(array.name).replace("_", " ")


def value_label(array: xr.DataArray) -> str:
    """Return the label of an array's values: name and unit."""
    # A longer line would not fit along an axis of a usual picture.
    return textwrap.fill(labelled(name_of(array) or "value", array.attrs.get("units")), 42)


def order_labels(array: xr.DataArray) -> tuple[str, str]:
    """Return labels for values of the first and of the second order; what they were divided by stands in the attribute."""
    made = array.attrs.get("normalization")
    if made is not None:
        ratio = str(made).startswith(("each", "ensemble"))
        return ("S₁ / ⟨|x|⟩", "S₂ / S₁") if ratio else ("S₁, scaled", "S₂, scaled")
    return labelled("S₁", array.attrs.get("units")), labelled("S₂", array.attrs.get("units"))


def title_of(array: xr.DataArray) -> str:
    """Return the title: the attribute ``title`` if there is one, else the name with a capital."""
    words = str(array.attrs.get("title") or name_of(array))
    return textwrap.fill(words[:1].upper() + words[1:], 64)


def one_two_five(low: float, high: float, most: int = 8) -> list[float]:
    """Return round values of a logarithmic axis between two limits: 1-2-5 steps, powers of ten, or every few of them.

    Examples
    --------
    >>> one_two_five(0.9, 30.0)
    [1.0, 2.0, 5.0, 10.0, 20.0]
    """
    if not (0 < low <= high and math.isfinite(high)):
        return []
    if high < 2.5 * low:
        return _even(low, high)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    for steps in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1, 3), (1,)):
        if len(steps) == 7 and high > 6 * low:
            continue
        found = [float(f"{step}e{power}") for power in powers for step in steps]
        inside = [value for value in found if low * 0.999 <= value <= high * 1.001]
        if len(inside) <= most:
            return inside
    stride = -(-len(inside) // most)
    return inside[::stride]


def _even(low: float, high: float) -> list[float]:
    """Return round values at equal steps, for less than an octave or so, where logarithms hardly curve."""
    least = (high - low) / 4
    if least <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(least))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)
    return [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def thinned(count: int, most: int) -> list[int]:
    """Return at most ``most`` evenly spaced indices below ``count``, the first included."""
    return list(range(0, count, max(1, -(-count // most))))


def fitting(names: Sequence[str], characters: int) -> list[int]:
    """Return evenly spaced indices of names that fit side by side into a line of so many characters."""
    for step in range(1, len(names) + 1):
        kept = list(range(0, len(names), step))
        # The widest name decides: labels stand at equal distances.
        if len(kept) * (max(len(names[i]) for i in kept) + 0.6) <= characters:
            return kept
    return [0] if names else []


def listed(parts: Sequence[str]) -> str:
    """Return parts in a line, separated by dots in the middle; in several lines where they do not fit."""
    lines: list[str] = []
    for part in filter(None, parts):
        joined = f"{lines[-1]}  ·  {part}" if lines else part
        lines[-1:] = [joined] if len(joined) <= _NOTE_WIDTH else [*lines[-1:], part]
    return "\n".join(lines)
