"""Prices to log-returns: sound tables, gap policies, calendars, splits and dividends."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow_processes.actions import adjust_prices, checked_actions
from scatflow_processes.prices import Prices, checked_prices, jumps, on_sessions, price_returns


def days(n: int, first: str = "2020-01-01") -> np.ndarray:
    return np.datetime64(first, "ns") + np.arange(n) * np.timedelta64(1, "D")


@st.composite
def tables(draw: st.DrawFn) -> Prices:
    """Prices of a few assets with holes, the first and last dates of each asset absent or not."""
    m, n = draw(st.integers(1, 4)), draw(st.integers(3, 12))
    logs = draw(st.lists(st.floats(-3, 3), min_size=m * n, max_size=m * n))
    there = np.array(draw(st.lists(st.booleans(), min_size=m * n, max_size=m * n))).reshape(m, n)
    there[:, 1] |= ~there.any(axis=1)
    values = np.where(there, np.exp(np.reshape(logs, (m, n))), np.nan)
    return checked_prices(days(n), [f"A{k}" for k in range(m)], values)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_bridged_returns_add_up_to_the_change_of_the_price(table: Prices) -> None:
    returns = price_returns(table, "bridge")
    for row, prices in zip(returns.values, table.values, strict=True):
        there = np.flatnonzero(np.isfinite(prices))
        for start, stop in itertools.pairwise(there):
            assert row[start:stop].sum() == pytest.approx(np.log(prices[stop] / prices[start]), abs=1e-13)
            assert (row[start : stop - 1] == 0).all()
        assert np.isnan(row[: there[0]]).all()
        assert np.isnan(row[there[-1] :]).all()


@settings(max_examples=60, deadline=None)
@given(tables())
def test_masked_returns_are_those_between_neighbouring_sessions(table: Prices) -> None:
    returns = price_returns(table, "mask")
    np.testing.assert_array_equal(returns.valid, np.isfinite(returns.values))
    both = np.isfinite(table.values[:, 1:]) & np.isfinite(table.values[:, :-1])
    np.testing.assert_array_equal(returns.valid, both)
    expected = np.log(table.values[:, 1:] / table.values[:, :-1])
    np.testing.assert_allclose(returns.values, expected, atol=1e-13)
    np.testing.assert_array_equal(price_returns(table, "bridge").values[both], returns.values[both])


@settings(max_examples=60, deadline=None)
@given(tables())
def test_dropping_keeps_the_calendar_of_what_all_have(table: Prices) -> None:
    masked = price_returns(table, "mask")
    common = masked.valid.all(axis=0)
    if not common.any():
        with pytest.raises(ValueError, match="no date has a return of every asset; A"):
            price_returns(table, "drop")
        return
    dropped = price_returns(table, "drop")
    np.testing.assert_array_equal(dropped.dates, masked.dates[common])
    np.testing.assert_array_equal(dropped.values, masked.values[:, common])
    assert np.isfinite(dropped.values).all()


@settings(max_examples=60, deadline=None)
@given(tables())
def test_error_refuses_gaps_and_nothing_else(table: Prices) -> None:
    masked = price_returns(table, "mask")
    inside = [np.diff(np.flatnonzero(np.isfinite(row))) for row in table.values]
    if any((steps > 1).any() for steps in inside):
        with pytest.raises(ValueError, match=r"A\d has no price at 2020-01-\d\d"):
            price_returns(table)
    else:
        np.testing.assert_array_equal(price_returns(table).values, masked.values)


def test_the_first_gap_is_named() -> None:
    values = [[1.0, 2.0, 3.0, np.nan, 4.0], [np.nan, 2.0, np.nan, np.nan, 4.0], [1.0, 1.0, 1.0, 1.0, 1.0]]
    with pytest.raises(ValueError, match=r"A has no price at 2020-01-04; 3 gaps in 2 of 3 assets"):
        price_returns(checked_prices(days(5), "ABC", values))


@pytest.mark.parametrize(
    ("dates", "assets", "values", "match"),
    [
        (days(3)[[0, 2, 1]], "A", [[1.0, 2.0, 3.0]], "sorted, first broken at 2020-01-02"),
        (days(3)[[0, 1, 1]], "A", [[1.0, 2.0, 3.0]], "unique, first broken at 2020-01-02"),
        (np.array(["2020-01-02", "NaT"], "datetime64[ns]"), "A", [[1.0, 2.0]], "1 NaT, first in row 1; fill them"),
        (days(2), "AB", [[1.0, 2.0], [-3.0, 1.0]], r"> 0, got -3.0 for B at 2020-01-01; 1 such in all; correct them"),
        (days(2), "AB", [[1.0, np.inf], [3.0, 0.0]], "got inf for A at 2020-01-02; 2 such"),
        (days(2), "AA", [[1.0, 1.0], [3.0, 1.0]], "unique, got 'A' more than once; rename"),
        (days(2), "AB", [[1.0, 1.0], [np.nan, np.nan]], "B has no price at all"),
        (days(2), "A", [[1.0, 1.0, 1.0]], r"shape \(assets, dates\) = \(1, 2\)"),
        ([2020, 2021], "A", [[1.0, 2.0]], "must be moments, got numbers such as 2020"),
        (days(0), "A", np.zeros((1, 0)), "not empty"),
        (np.array(["2020-01-02", "9999-12-31"], "datetime64[D]"), "A", [[1.0, 2.0]], "1678 to 2261, got 9999-12-31 in row 1"),
        (["1600-01-01", "2020-01-02"], "A", [[1.0, 2.0]], "1678 to 2261, got 1600-01-01 in row 0"),
        (["2020-01-02", "03.01.2020"], "A", [[1.0, 2.0]], "moments or text as ISO 8601: .*03.01.2020"),
    ],
)
def test_bad_tables(dates: np.ndarray, assets: str, values: list, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        checked_prices(dates, list(assets), values)


def test_other_refusals() -> None:
    table = checked_prices(days(2), ["A"], [[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"'drop', 'bridge', 'mask'\), got 'fill'"):
        price_returns(table, "fill")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 2 dates, got 1"):
        price_returns(checked_prices(days(1), ["A"], [[1.0]]))
    with pytest.raises(ValueError, match="> 0, got nan"):
        jumps(price_returns(table), float("nan"))


def test_a_calendar_makes_missing_sessions_gaps() -> None:
    sparse = checked_prices(days(10)[[2, 3, 6]], ["A"], [[1.0, 2.0, 4.0]])
    full = on_sessions(sparse, days(10))
    np.testing.assert_array_equal(full.dates, days(10)[2:7])
    with pytest.raises(ValueError, match="A has no price at 2020-01-05; 2 gaps"):
        price_returns(full)
    np.testing.assert_allclose(price_returns(full, "bridge").values, np.log([[2.0, 1.0, 1.0, 2.0]]))
    with pytest.raises(ValueError, match=r"A has a row at 2020-01-07, which is no session of the calendar; 1 such dates; add them"):
        on_sessions(sparse, days(5))
    with pytest.raises(ValueError, match="dates of the calendar must be unique"):
        on_sessions(sparse, days(10)[[2, 3, 3, 6]])


def test_splits_and_dividends_give_what_a_holder_got() -> None:
    # One share of A at 100; 4-for-1 on day 2, dividend 1 per new share on day 3, bought at that day's price.
    table = checked_prices(days(5), ["A", "B"], [[100.0, 104.0, 26.0, 25.0, 30.0], [5.0, 5.0, 5.0, 5.0, 5.0]])
    actions = checked_actions(days(5)[[2, 3]], ["A", "A"], splits=[4.0, np.nan], dividends=[np.nan, 1.0])
    adjusted = adjust_prices(table, actions)
    shares = np.array([1.0, 1.0, 4.0, 4.0 * (1 + 1 / 25), 4.0 * (1 + 1 / 25)])
    wealth = shares * table.values[0]
    returns = price_returns(adjusted.prices).values
    np.testing.assert_allclose(returns[0], np.diff(np.log(wealth)), atol=1e-14)
    np.testing.assert_array_equal(returns[1], 0)
    assert adjusted.applied == 2
    np.testing.assert_array_equal(adjusted.prices.values[0, 3:], table.values[0, 3:])
    by_factor = adjust_prices(table, checked_actions(days(5)[[2]], ["A"], factors=[0.25])).prices
    np.testing.assert_allclose(by_factor.values[0], [25.0, 26.0, 26.0, 25.0, 30.0])


def test_an_action_in_a_gap_counts_at_its_end_and_others_not_at_all() -> None:
    table = checked_prices(days(4), ["A"], [[8.0, np.nan, np.nan, 4.0]])
    actions = checked_actions(
        [days(4)[1], days(4)[0], days(1, "2021-01-01")[0], days(4)[2]], ["A", "A", "A", "C"], splits=[2.0, 3.0, 5.0, 7.0]
    )
    adjusted = adjust_prices(table, actions)
    assert adjusted.applied == 1
    np.testing.assert_allclose(price_returns(adjusted.prices, "bridge").values, 0, atol=1e-15)


def test_a_forgotten_split_is_reported() -> None:
    table = checked_prices(days(4), ["A", "B"], [[8.0, 8.1, 4.0, 4.1], [1.0, 1.1, 1.2, 1.3]])
    found = jumps(price_returns(table), 0.5)
    assert [str(jump) for jump in found] == ["A 2020-01-03 -0.7056"]
    actions = checked_actions(days(4)[[2]], ["A"], splits=[2.0])
    assert jumps(price_returns(adjust_prices(table, actions).prices), 0.5) == ()


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({}, "need splits, factors or dividends"),
        ({"splits": [0.0]}, "split must be finite and > 0, got 0.0 for A at 2020-01-01"),
        ({"factors": [np.inf]}, "factor must be finite and > 0, got inf"),
        ({"dividends": [-1.0]}, "dividend must be finite and >= 0, got -1.0 for A"),
        ({"splits": [1.0, 2.0]}, "one value per date"),
    ],
)
def test_bad_actions(columns: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        checked_actions(days(1), ["A"], **columns)


def test_actions_that_are_ambiguous() -> None:
    with pytest.raises(ValueError, match="A has two actions at 2020-01-01"):
        checked_actions(days(1)[[0, 0]], ["A", "A"], splits=[2.0, 2.0])
    with pytest.raises(ValueError, match=r"one date per asset, got shape \(1,\) for 2 assets"):
        checked_actions(days(1), ["A", "B"], splits=[0.0])
    with pytest.raises(ValueError, match="NaT for A"):
        checked_actions(np.array(["NaT"], "datetime64[ns]"), ["A"], splits=[2.0])
