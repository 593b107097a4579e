"""Daily log-returns of the S&P 500 index, 1999 to 2018, from the data that the package arch carries."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class ReturnSeries(NamedTuple):
    """Returns with their dates.

    Attributes
    ----------
    dates : ndarray of datetime64[ns], shape (n,)
        Day at whose close a return is complete, strictly increasing.
    values : ndarray of float64, shape (n,)
        Log-returns, dimensionless.
    """

    dates: npt.NDArray[np.datetime64]
    values: npt.NDArray[np.float64]


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
    when = np.asarray(dates).astype("datetime64[ns]")
    price = np.asarray(prices, dtype=np.float64)
    if when.ndim != 1 or when.shape != price.shape or when.size < 2:
        raise ValueError(f"dates and prices must be 1-D, equally long, at least 2; got {when.shape}, {price.shape}")
    if np.isnat(when).any():
        raise ValueError(f"dates must not be missing, got {int(np.isnat(when).sum())} NaT")
    steps = np.diff(when)
    for wrong, what in ((steps < np.timedelta64(0), "sorted"), (steps == np.timedelta64(0), "unique")):
        if wrong.any():
            day = when[int(np.argmax(wrong)) + 1].astype("datetime64[s]")
            raise ValueError(f"dates must be {what}, first broken at {day}; sort them and drop duplicates first")
    if not (np.isfinite(price) & (price > 0)).all():
        day = when[int(np.argmin(np.isfinite(price) & (price > 0)))].astype("datetime64[s]")
        raise ValueError(f"prices must be finite and > 0, first broken at {day}; drop the day or bridge the gap")
    return ReturnSeries(when[1:], np.diff(np.log(price)))


def sp500_returns() -> ReturnSeries:
    """Return the daily log-returns of the S&P 500 from January 1999 to December 2018.

    Returns
    -------
    ReturnSeries
        5030 returns of the adjusted close, from 1999-01-05 to 2018-12-31.

    Raises
    ------
    ModuleNotFoundError
        If the package arch, which carries the data, is not installed.
    ValueError
        If the table has unsorted or duplicate dates.

    Notes
    -----
    Data: ``arch.data.sp500`` [1]_, column "Adj Close". Nothing is downloaded.

    References
    ----------
    .. [1] K. Sheppard, arch, https://github.com/bashtage/arch, data originally from Yahoo! Finance.

    Examples
    --------
    >>> returns = sp500_returns()
    >>> returns.values.size, str(returns.dates[0])[:10]
    (5030, '1999-01-05')
    """
    try:
        table = importlib.import_module("arch.data.sp500").load()
    except ModuleNotFoundError as error:
        message = 'S&P 500 data come with the package arch: pip install "scatflow-processes[finance]"'
        raise ModuleNotFoundError(message, name=error.name) from error
    return log_returns(table.index.to_numpy(), table["Adj Close"].to_numpy())
