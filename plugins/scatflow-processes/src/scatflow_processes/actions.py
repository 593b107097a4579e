"""Splits, dividends and adjustment factors: what makes prices of different days comparable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes.prices import Dates, Matrix, Prices, day


class Actions(NamedTuple):
    """Corporate actions, one per row.

    Attributes
    ----------
    dates : ndarray of datetime64[ns], shape (k,)
        Ex-dates: prices from that day on are after the action.
    assets : tuple of str, length k
        Names.
    splits : ndarray of float64, shape (k,)
        New shares per old one: 2 for a 2-for-1 split, 1 for none.
    factors : ndarray of float64, shape (k,)
        Factor by which earlier prices are multiplied, 1 for none: 0.5 for a 2-for-1 split.
    dividends : ndarray of float64, shape (k,)
        Cash per new share in the currency of the prices, 0 for none.
    """

    dates: Dates
    assets: tuple[str, ...]
    splits: Matrix
    factors: Matrix
    dividends: Matrix


class Adjusted(NamedTuple):
    """Adjusted prices, and how many actions changed some of them."""

    prices: Prices
    applied: int


def checked_actions(
    dates: npt.ArrayLike,
    assets: Sequence[str],
    splits: npt.ArrayLike | None = None,
    factors: npt.ArrayLike | None = None,
    dividends: npt.ArrayLike | None = None,
) -> Actions:
    """Return a table of actions that is sound; what is left out, or NaN in it, is no action of that kind.

    Parameters
    ----------
    dates : array_like of datetime64, shape (k,)
        Ex-dates in any order.
    assets : sequence of str, length k
        Names.
    splits, factors, dividends : array_like of float, shape (k,), optional
        See :class:`Actions`; at least one of them.

    Raises
    ------
    ValueError
        If none is given, a split or factor is not finite and > 0, a dividend not finite and >= 0, a date is missing, or an
        asset has two rows for one date, or shapes differ.

    Examples
    --------
    >>> checked_actions(["2020-08-31"], ["AAPL"], splits=[4.0]).factors.tolist()
    [1.0]
    """
    when: Dates = np.asarray(dates, dtype="datetime64[ns]")
    names = tuple(map(str, assets))
    if splits is None and factors is None and dividends is None:
        raise ValueError("actions need splits, factors or dividends")
    if when.shape != (len(names),):
        raise ValueError(f"actions must have one date per asset, got shape {when.shape} for {len(names)} assets")
    columns = [_column(given, neutral, when.size) for given, neutral in ((splits, 1.0), (factors, 1.0), (dividends, 0.0))]
    if np.isnat(when).any():
        raise ValueError(f"dates of actions must not be missing, got NaT for {names[int(np.argmax(np.isnat(when)))]}")
    for what, column, rule, sound in (
        ("split", columns[0], "> 0", columns[0] > 0),
        ("factor", columns[1], "> 0", columns[1] > 0),
        ("dividend", columns[2], ">= 0", columns[2] >= 0),
    ):
        wrong = ~(np.isfinite(column) & sound)
        if wrong.any():
            k = int(np.argmax(wrong))
            raise ValueError(f"{what} must be finite and {rule}, got {column[k]} for {names[k]} at {day(when[k])}")
    seen: set[tuple[str, np.datetime64]] = set()
    for key in zip(names, when, strict=True):
        if key in seen:
            raise ValueError(f"{key[0]} has two actions at {day(key[1])}; put them in one row")
        seen.add(key)
    return Actions(when, names, *columns)


def _column(given: npt.ArrayLike | None, neutral: float, size: int) -> Matrix:
    if given is None:
        return np.full(size, neutral)
    values = np.array(given, dtype=np.float64)
    if values.shape != (size,):
        raise ValueError(f"columns of actions must have one value per date, got shape {values.shape} for {size} dates")
    return np.where(np.isnan(values), neutral, values)


def adjust_prices(prices: Prices, actions: Actions) -> Adjusted:
    """Return prices whose ratios are what a holder got: total returns where dividends are given.

    Parameters
    ----------
    prices : Prices
        Prices as traded.
    actions : Actions
        What happened to the shares. Those of other assets, up to the first or after the last date change nothing.

    Returns
    -------
    Adjusted
        Prices before an ex-date are multiplied by ``factor / split * p / (p + dividend)``, p the first price on or after it,
        so that a return across it is ``ln(split (p + dividend) / factor / p_before)``: a dividend is reinvested at that price.
        Prices from the last action on are as traded.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow_processes.prices import checked_prices
    >>> days = np.array(["2020-01-02", "2020-01-03"], dtype="datetime64[D]")
    >>> table = checked_prices(days, ["A"], [[8.0, 3.0]])
    >>> actions = checked_actions(["2020-01-03"], ["A"], splits=[2.0], dividends=[1.0])
    >>> adjust_prices(table, actions).prices.values.tolist()
    [[3.0, 3.0]]
    """
    rows = {name: row for row, name in enumerate(prices.assets)}
    values = prices.values.copy()
    applied = 0
    for k, (name, date) in enumerate(zip(actions.assets, actions.dates, strict=True)):
        column = int(np.searchsorted(prices.dates, date))
        if name not in rows or column == 0:
            continue
        traded = prices.values[rows[name], column:]
        traded = traded[np.isfinite(traded)]
        if traded.size:
            kept = traded[0] / (traded[0] + actions.dividends[k])
            values[rows[name], :column] *= actions.factors[k] / actions.splits[k] * kept
            applied += 1
    return Adjusted(Prices(prices.dates, prices.assets, values), applied)
