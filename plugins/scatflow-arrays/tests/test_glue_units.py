"""Unit strings: what is simple, and what becomes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scatflow_arrays import units

POWERS = st.dictionaries(st.sampled_from(["m", "s", "kg", "K", "degree"]), st.sampled_from([-3, -2, -1, 1, 2, 3]), max_size=4)


@pytest.mark.parametrize(
    ("text", "powers"),
    [
        ("m s-1", {"m": 1, "s": -1}),
        ("m/s", {"m": 1, "s": -1}),
        ("m/s2", {"m": 1, "s": -2}),
        ("m/s/s", {"m": 1, "s": -2}),
        ("m.s^-2", {"m": 1, "s": -2}),
        ("m**2 s**-1", {"m": 2, "s": -1}),
        ("kg*m2", {"kg": 1, "m": 2}),
        ("1/m", {"m": -1}),
        ("m m-1", {}),
        ("", {}),
        ("1", {}),
        (" W m-2 ", {"W": 1, "m": -2}),
    ],
)
def test_simple_units_are_understood(text: str, powers: dict[str, int]) -> None:
    assert units.parse(text) == powers


@pytest.mark.parametrize(
    "text",
    ["degC", "10 m", "1e-3 m", "m (s)", "days since 2000-01-01", "dBZ", "m/", "m//s", "m0.5", "s @ 10", "K @ 273"],
)
def test_other_units_are_refused(text: str) -> None:
    assert units.parse(text) is None


@given(POWERS, POWERS)
def test_products_and_quotients_add_powers(first: dict[str, int], second: dict[str, int]) -> None:
    for sign in (1, -1):
        result = units.product(units.write(first), units.write(second), sign)
        assert result is not None
        expected = {name: first.get(name, 0) + sign * second.get(name, 0) for name in {*first, *second}}
        assert units.parse(result) == {name: power for name, power in expected.items() if power}


@given(POWERS)
def test_writing_and_parsing_are_inverse(powers: dict[str, int]) -> None:
    assert units.parse(units.write(powers)) == powers


@pytest.mark.parametrize(
    ("unit", "power", "expected"),
    [("m s-1", 2, "m2 s-2"), ("m2", 0.5, "m"), ("m", 0.5, None), ("m3", 1 / 3, "m"), ("m", 0, "1"), ("1", 0.37, "1"),
     ("m", 0.37, None), ("degC", 2, None), (None, 2, None)],
)  # fmt: skip
def test_powers_stay_whole_or_are_dropped(unit: str | None, power: float, expected: str | None) -> None:
    assert units.raised(unit, power) == expected
