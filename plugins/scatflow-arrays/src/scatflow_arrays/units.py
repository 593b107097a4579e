"""Arithmetic on unit strings, only as far as it is certain.

A unit is *simple* when it is a product of named units with integer powers, as CF and UDUNITS write it:
``"m s-1"``, ``"m/s"``, ``"kg.m2"``, ``"1/m"``. Numbers, parentheses and units with an offset or a logarithm
(``degC``, ``dB``, ``days since …``) are not simple: a product with one of them has no unit that could be stated
without conversion, so callers drop the unit rather than state a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

_TOKEN = re.compile(
    r"\s*(?:(?P<slash>/)|(?P<times>\*(?!\*)|\.|·)|(?P<one>1)(?![\d.eE])|"
    r"(?P<name>[A-Za-zµμΩ°%_]+)(?:(?:\^|\*\*)?(?P<power>[-+]?\d+)(?![\d.]))?)"
)
#: Units whose zero or scale is not that of a product; CF and UDUNITS spellings.
_NOT_A_FACTOR = frozenset(
    {
        "degC",
        "degF",
        "deg_C",
        "deg_F",
        "celsius",
        "Celsius",
        "fahrenheit",
        "Fahrenheit",
        "°C",
        "°F",
        "degree_C",
        "degrees_C",
        "degree_Celsius",
        "degrees_Celsius",
        "degree_F",
        "degrees_F",
        "dB",
        "dBZ",
        "dBm",
        "B",
        "Np",
        "since",
        "re",
        "lg",
        "ln",
    }
)


def parse(text: str) -> dict[str, int] | None:
    """Return the powers of the named units, or None when the unit is not simple.

    Parameters
    ----------
    text : str
        A unit string; ``""`` and ``"1"`` are dimensionless.

    Returns
    -------
    dict of str to int, or None
        Name -> power in the order of first appearance; powers of zero are left out.

    Examples
    --------
    >>> parse("kg m/s2"), parse("1/m"), parse("1"), parse("degC m")
    ({'kg': 1, 'm': 1, 's': -2}, {'m': -1}, {}, None)
    """
    powers: dict[str, int] = {}
    text, position, sign = text.strip(), 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match["name"] in _NOT_A_FACTOR or (match["slash"] and sign < 0):
            return None
        position = match.end()
        if match["slash"]:
            sign = -1
        elif match["times"] is None:
            if match["name"]:
                powers[match["name"]] = powers.get(match["name"], 0) + sign * int(match["power"] or 1)
            sign = 1
    return None if sign < 0 else {name: power for name, power in powers.items() if power}


def write(powers: Mapping[str, int]) -> str:
    """Return the unit string of powers in CF style, positive powers first; ``"1"`` when there are none.

    Examples
    --------
    >>> write({"s": -1, "m": 2})
    'm2 s-1'
    """
    ordered = sorted(powers.items(), key=lambda item: item[1] < 0)
    return " ".join(name if power == 1 else f"{name}{power}" for name, power in ordered) or "1"


def same(first: str, second: str) -> bool:
    """Tell whether two unit strings mean the same unit by spelling alone (no conversion of prefixes).

    Examples
    --------
    >>> same("m/s", "m s-1"), same("m", "km")
    (True, False)
    """
    if first.strip() == second.strip():
        return True
    one, two = parse(first), parse(second)
    return one is not None and one == two


def product(first: str | None, second: str | None, power: int = 1) -> str | None:
    """Return the unit of ``first * second ** power``, or None when one of them is unknown or not simple.

    Examples
    --------
    >>> product("m", "s", -1), product("m s-1", "s"), product("m", None)
    ('m s-1', 'm', None)
    """
    if first is None or second is None:
        return None
    one, two = parse(first), parse(second)
    if one is None or two is None:
        return None
    for name, exponent in two.items():
        one[name] = one.get(name, 0) + power * exponent
    return write({name: exponent for name, exponent in one.items() if exponent})


def raised(unit: str | None, power: float) -> str | None:
    """Return the unit of a quantity raised to ``power``, or None when it has no simple one.

    Examples
    --------
    >>> raised("m2 s-2", 0.5), raised("m", 0.5), raised("1", 0.3)
    ('m s-1', None, '1')
    """
    powers = None if unit is None else parse(unit)
    if powers is None:
        return None
    exact = Fraction(power).limit_denominator(12)
    if not powers or abs(float(exact) - power) > 1e-12:
        return "1" if not powers else None
    new = {name: exponent * exact for name, exponent in powers.items()}
    if any(value.denominator != 1 for value in new.values()):
        return None
    return write({name: int(value) for name, value in new.items() if value})
