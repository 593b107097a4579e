"""Log-returns of tables of prices: what makes a table sound, what is done about gaps, splits and dividends.

Plain functions on NumPy arrays. Everything is checked before anything is computed, and every refusal names the
asset and the date, because a table of thousands of names cannot be looked through by eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

Dates = npt.NDArray[np.datetime64]
Matrix = npt.NDArray[np.float64]
Gaps = Literal["error", "drop", "bridge", "mask"]

#: Whole years that nanoseconds since 1970 reach, in 64 bits; beyond them moments would wrap around.
YEARS = (1678, 2261)


class ReturnSeries(NamedTuple):
    """Returns with their dates.

    Attributes
    ----------
    dates : ndarray of datetime64[ns], shape (n,)
        Day at whose close a return is complete, strictly increasing.
    values : ndarray of float64, shape (n,)
        Log-returns, dimensionless.
    """

    dates: Dates
    values: Matrix


class Prices(NamedTuple):
    """Prices of some assets at common dates.

    Attributes
    ----------
    dates : ndarray of datetime64[ns], shape (n,)
        Strictly increasing.
    assets : tuple of str, length m
        Unique names.
    values : ndarray of float64, shape (m, n)
        Prices > 0 in any currency, NaN where there is none.
    """

    dates: Dates
    assets: tuple[str, ...]
    values: Matrix


class Returns(NamedTuple):
    """Log-returns of some assets at common dates.

    Attributes
    ----------
    dates : ndarray of datetime64[ns], shape (n,)
        Day at whose close a return is complete.
    assets : tuple of str, length m
        Names.
    values : ndarray of float64, shape (m, n)
        Log-returns; NaN before the first and after the last price of an asset, and where a gap is masked.
    valid : ndarray of bool, shape (m, n)
        True where the session and the one before both had a price.
    """

    dates: Dates
    assets: tuple[str, ...]
    values: Matrix
    valid: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Jump:
    """A return that is suspiciously large: an unreported split, a wrong tick, or a crash."""

    asset: str
    date: np.datetime64
    value: float

    def __str__(self) -> str:
        return f"{self.asset} {day(self.date)} {self.value:+.4f}"


def day(date: np.datetime64) -> str:
    """Return a date as text, with the time of day only where there is one.

    Examples
    --------
    >>> import numpy as np
    >>> day(np.datetime64("2020-01-02T00:00:00")), day(np.datetime64("2020-01-02T09:30:00.5"))
    ('2020-01-02', '2020-01-02T09:30:00.5')
    """
    midnight = date.astype("datetime64[D]")
    text = str(midnight if midnight == date else date)
    return text.rstrip("0").rstrip(".") if "." in text else text


def log_returns(dates: npt.ArrayLike, prices: npt.ArrayLike) -> ReturnSeries:
    """Return ``ln p(t) - ln p(t - 1)``, dated at t; the first price has no return and is dropped.

    Parameters
    ----------
    dates : array_like of datetime64, shape (n + 1,)
        Strictly increasing dates, one per price.
    prices : array_like of float, shape (n + 1,)
        Prices in any currency, finite and > 0, at least two.

    Returns
    -------
    ReturnSeries
        n dates and n returns.

    Raises
    ------
    ValueError
        If dates are missing, duplicated or not sorted, prices not positive and finite, or shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array(["2020-01-02", "2020-01-03", "2020-01-06"], dtype="datetime64[D]")
    >>> log_returns(days, [100.0, 110.0, 99.0]).values.round(6).tolist()
    [0.09531, -0.105361]
    """
    values = np.asarray(prices, dtype=np.float64)
    if np.asarray(dates).shape != values.shape or values.ndim != 1 or values.size < 2:
        raise ValueError(f"dates and prices must be 1-D, equally long, at least 2; got {np.shape(dates)}, {values.shape}")
    table = checked_prices(dates, ("the series",), values[None])
    missing = np.isnan(values)
    if missing.any():
        where = table.dates[int(np.argmax(missing))]
        raise ValueError(f"prices must be finite and > 0, first broken at {day(where)}; drop the day or bridge the gap")
    result = price_returns(table)
    return ReturnSeries(result.dates, result.values[0])


def checked_prices(dates: npt.ArrayLike, assets: Sequence[str], values: npt.ArrayLike) -> Prices:
    """Return a table of prices that is sound, or refuse it.

    Parameters
    ----------
    dates : array_like of datetime64, shape (n,)
        Strictly increasing.
    assets : sequence of str, length m
        Unique names.
    values : array_like of float, shape (m, n)
        Prices > 0; NaN stands for no price.

    Returns
    -------
    Prices
        The table, dates as datetime64[ns], prices as float64.

    Raises
    ------
    ValueError
        If dates are missing, unsorted or duplicated, names are duplicated, a price is infinite, 0 or negative, or an asset
        has no price at all; the text names asset and date.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array(["2020-01-02", "2020-01-03"], dtype="datetime64[D]")
    >>> checked_prices(days, ["A", "B"], [[1.0, 2.0], [3.0, 0.0]])
    Traceback (most recent call last):
    ValueError: prices must be finite and > 0, got 0.0 for B at 2020-01-03; 1 such in all; correct them or leave them empty
    """
    names = tuple(map(str, assets))
    prices = np.array(values, dtype=np.float64)
    when = checked_dates(dates, "the table")
    if prices.shape != (len(names), when.size):
        raise ValueError(f"prices must have shape (assets, dates) = {(len(names), when.size)}, got {prices.shape}")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(f"names of assets must be unique, got {twice[0]!r} more than once; rename or leave out one")
    wrong = ~np.isnan(prices) & ~(np.isfinite(prices) & (prices > 0))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(f"prices must be finite and > 0, got {prices[row, column]} for {names[row]} at {day(when[column])}; "
                         f"{int(wrong.sum())} such in all; correct them or leave them empty")  # fmt: skip
    empty = np.isnan(prices).all(axis=1)
    if empty.any():
        raise ValueError(f"{names[int(np.argmax(empty))]} has no price at all; leave the column out")
    return Prices(when, names, prices)


def checked_dates(dates: npt.ArrayLike, subject: str) -> Dates:
    """Return dates as datetime64[ns], or refuse missing, unsorted and duplicated ones by name.

    Raises
    ------
    ValueError
        If dates are missing, no dates, beyond nanoseconds since 1970 in 64 bits, not sorted or not unique; the text names
        ``subject`` and the first date that is wrong.

    Examples
    --------
    >>> checked_dates(["2020-01-03", "2020-01-02"], "A")
    Traceback (most recent call last):
    ValueError: dates of A must be sorted, first broken at 2020-01-02; sort them and drop duplicates first
    """
    given = np.asarray(dates)
    if given.dtype.kind in "iufb" and given.size:
        raise ValueError(f"dates of {subject} must be moments, got numbers such as {given.flat[0]}; convert them to datetime64")
    if given.ndim != 1 or given.size < 1:
        raise ValueError(f"dates of {subject} must be 1-D and not empty, got shape {given.shape}")
    try:
        seconds = given.astype("datetime64[s]")
    except ValueError as error:
        raise ValueError(f"dates of {subject} must be moments or text as ISO 8601: {error}") from error
    outside = (seconds < np.datetime64(f"{YEARS[0]}")) | (seconds >= np.datetime64(f"{YEARS[1] + 1}"))
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(f"dates of {subject} must lie in the years {YEARS[0]} to {YEARS[1]}, got {given[row]} in row {row}")
    when: Dates = given.astype("datetime64[ns]")
    missing = np.isnat(when)
    if missing.any():
        raise ValueError(
            f"dates of {subject} must not be missing, got {int(missing.sum())} NaT, first in row {int(np.argmax(missing))}; "
            "fill them or leave the rows out"
        )
    steps = np.diff(when)
    for wrong, what in ((steps < np.timedelta64(0), "sorted"), (steps == np.timedelta64(0), "unique")):
        if wrong.any():
            first = when[int(np.argmax(wrong)) + 1]
            raise ValueError(
                f"dates of {subject} must be {what}, first broken at {day(first)}; sort them and drop duplicates first"
            )
    return when


def price_returns(prices: Prices, gaps: Gaps = "error") -> Returns:
    """Return the log-returns of every asset, ``ln p(t) - ln p(t - 1)``, dated at t.

    Parameters
    ----------
    prices : Prices
        A sound table, of :func:`checked_prices`, at least two dates.
    gaps : {"error", "drop", "bridge", "mask"}
        What is done about sessions without a price between an asset's first and last one. ``error`` refuses. ``drop``
        leaves out every date at which some asset has no return, those before an asset's first price and after its last
        included; no return that is left spans a gap. ``bridge`` carries the last price: returns inside the gap are 0 and the
        one at its end is the whole change, so sums of returns are changes of the price. ``mask`` gives NaN inside the gap and
        at its end.

    Returns
    -------
    Returns
        The first date has no return and is dropped.

    Raises
    ------
    ValueError
        If there are fewer than two dates, a gap under ``error``, no date left under ``drop``, or an unknown policy.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.arange("2020-01-01", "2020-01-05", dtype="datetime64[D]")
    >>> table = checked_prices(days, ["A"], [[1.0, np.nan, np.e, np.e**2]])
    >>> for policy in ("drop", "bridge", "mask"):
    ...     print(policy, price_returns(table, policy).values[0].tolist())
    drop [1.0]
    bridge [0.0, 1.0, 1.0]
    mask [nan, nan, 1.0]
    """
    if gaps not in get_args(Gaps):
        raise ValueError(f"gaps must be one of {get_args(Gaps)}, got {gaps!r}")
    if prices.dates.size < 2:
        raise ValueError(f"returns need at least 2 dates, got {prices.dates.size}")
    present = np.isfinite(prices.values)
    if gaps == "error":
        _refuse_gaps(prices, present)
    logs = np.log(_carried(prices.values, present) if gaps == "bridge" else prices.values)
    result = Returns(prices.dates[1:], prices.assets, np.diff(logs, axis=1), present[:, 1:] & present[:, :-1])
    return _common(result, present) if gaps == "drop" else result


def _inside(present: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return where an asset is listed: from its first to its last price."""
    since = np.logical_or.accumulate(present, axis=1)
    until = np.logical_or.accumulate(present[:, ::-1], axis=1)[:, ::-1]
    inside: npt.NDArray[np.bool_] = since & until
    return inside


def _refuse_gaps(prices: Prices, present: npt.NDArray[np.bool_]) -> None:
    gap = _inside(present) & ~present
    if gap.any():
        row, column = np.argwhere(gap)[0]
        raise ValueError(f"{prices.assets[row]} has no price at {day(prices.dates[column])}; {int(gap.sum())} gaps in "
                         f'{int(gap.any(axis=1).sum())} of {len(prices.assets)} assets; gaps="drop", "bridge" or "mask"')  # fmt: skip


def _carried(values: Matrix, present: npt.NDArray[np.bool_]) -> Matrix:
    """Return prices with the last one carried through gaps, but not beyond the listing."""
    last = np.maximum.accumulate(np.where(present, np.arange(values.shape[1]), 0), axis=1)
    carried: Matrix = np.where(_inside(present), np.take_along_axis(values, last, axis=1), np.nan)
    return carried


def _common(returns: Returns, present: npt.NDArray[np.bool_]) -> Returns:
    keep = returns.valid.all(axis=0)
    if not keep.any():
        fewest = int(np.argmin(present.sum(axis=1)))
        raise ValueError(f"no date has a return of every asset; {returns.assets[fewest]} has the fewest prices, "
                         f'{int(present[fewest].sum())}; leave it out, or gaps="mask"')  # fmt: skip
    return Returns(returns.dates[keep], returns.assets, returns.values[:, keep], returns.valid[:, keep])


def on_sessions(prices: Prices, sessions: npt.ArrayLike) -> Prices:
    """Return the table on the dates of a calendar: sessions without a row become gaps.

    Parameters
    ----------
    prices : Prices
        A sound table.
    sessions : array_like of datetime64, shape (k,)
        Strictly increasing dates of the sessions; those before the first and after the last row do not count.

    Returns
    -------
    Prices
        One date per session, NaN where the table has no row.

    Raises
    ------
    ValueError
        If the calendar is not sound, or a row lies on a date that is no session.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array(["2020-01-02", "2020-01-06"], dtype="datetime64[D]")
    >>> calendar = np.array(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-06"], dtype="datetime64[D]")
    >>> on_sessions(checked_prices(days, ["A"], [[1.0, 2.0]]), calendar).values.tolist()
    [[1.0, nan, 2.0]]
    """
    open_days = checked_dates(sessions, "the calendar")
    outside = ~np.isin(prices.dates, open_days)
    if outside.any():
        column = int(np.argmax(outside))
        row = int(np.argmax(np.isfinite(prices.values[:, column])))
        raise ValueError(f"{prices.assets[row]} has a row at {day(prices.dates[column])}, which is no session of the calendar; "
                         f"{int(outside.sum())} such dates; add them to the calendar or leave the rows out")  # fmt: skip
    kept = open_days[(open_days >= prices.dates[0]) & (open_days <= prices.dates[-1])]
    values = np.full((len(prices.assets), kept.size), np.nan)
    values[:, np.searchsorted(kept, prices.dates)] = prices.values
    return Prices(kept, prices.assets, values)


def jumps(returns: Returns, threshold: float = 0.5) -> tuple[Jump, ...]:
    """Return the returns larger in modulus than ``threshold``, by asset and date.

    Raises
    ------
    ValueError
        If the threshold is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array(["2020-01-02", "2020-01-03"], dtype="datetime64[D]")
    >>> [str(jump) for jump in jumps(price_returns(checked_prices(days, ["A"], [[2.0, 1.0]])))]
    ['A 2020-01-03 -0.6931']
    """
    if not threshold > 0:
        raise ValueError(f"threshold must be > 0, got {threshold}")
    where = np.argwhere(np.abs(np.nan_to_num(returns.values)) > threshold)
    return tuple(Jump(returns.assets[i], returns.dates[k], float(returns.values[i, k])) for i, k in where)
