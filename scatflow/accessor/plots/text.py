"""Words and numbers on a picture: units, axis labels, titles, ticks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

_SUPERSCRIPT = str.maketrans("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺")
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
    >>> number(0.125), number(2e-7), number(1e6), number(-40.0)
    ('0.125', '2×10⁻⁷', '10⁶', '−40')
    """
    if not math.isfinite(value):
        return "–"
    plain = f"{value:.{digits}g}"
    mantissa, _, exponent = plain.partition("e")
    if not exponent:
        return plain.replace("-", "−")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return power if mantissa == "1" else f"{mantissa.replace('-', '−')}×{power}"


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
    return labelled(name_of(array) or "value", array.attrs.get("units"))


def title_of(array: xr.DataArray) -> str:
    """Return the title: the attribute ``title`` if there is one, else the name with a capital."""
    words = str(array.attrs.get("title") or name_of(array))
    return words[:1].upper() + words[1:]


def one_two_five(low: float, high: float, most: int = 8) -> list[float]:
    """Return round values of a logarithmic axis between two limits: 1-2-5 steps, powers of ten, or every few of them.

    Examples
    --------
    >>> one_two_five(0.9, 30.0)
    [1.0, 2.0, 5.0, 10.0, 20.0]
    """
    if not (0 < low <= high and math.isfinite(high)):
        return []
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,)):
        if len(steps) == 9 and high / low > 6:
            continue
        found = [float(f"{step}e{power}") for power in powers for step in steps]
        inside = [value for value in found if low * 0.999 <= value <= high * 1.001]
        if len(inside) <= most:
            return inside
    stride = -(-len(inside) // most)
    return inside[::stride]


def thinned(count: int, most: int) -> list[int]:
    """Return at most ``most`` evenly spaced indices below ``count``, the first included."""
    return list(range(0, count, max(1, -(-count // most))))


def listed(parts: Sequence[str]) -> str:
    """Return parts in one line, separated by dots in the middle."""
    return "  ·  ".join(part for part in parts if part)
