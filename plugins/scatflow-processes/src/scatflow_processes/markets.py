"""Daily series of markets that Python packages carry: indices, oil, implied volatility, single stocks.

``arch`` carries the S&P 500 and the NASDAQ composite (1999-2018), WTI crude oil (1986-2019) and the VIX (2014-2019);
``skfolio`` carries 20 stocks and the S&P 500 (1990-2022). Nothing is downloaded. Holidays, which some tables list without
a price, are no sessions and are left out.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scatflow_processes.prices import Dates, Matrix, Prices, ReturnSeries, checked_prices, log_returns
from scatflow_processes.tables import require, wide_prices

_EXTRA = "scatflow-processes[finance]"


class Market(NamedTuple):
    """What a series is: its column in the package's table, its name, the unit of its level."""

    column: str
    title: str
    unit: str


#: The series of the package arch, by the name of their module.
MARKETS = {
    "sp500": Market("Adj Close", "S&P 500", "1"),
    "nasdaq": Market("Adj Close", "NASDAQ composite", "1"),
    "wti": Market("DCOILWTICO", "WTI crude oil", "USD/barrel"),
    "vix": Market("vix", "VIX", "percent"),
}


class LevelSeries(NamedTuple):
    """Levels with their dates.

    Attributes
    ----------
    dates : ndarray of datetime64[ns], shape (n,)
        Sessions, strictly increasing.
    values : ndarray of float64, shape (n,)
        Levels > 0: points of an index, USD per barrel, percent per year.
    """

    dates: Dates
    values: Matrix


def market_levels(name: str) -> LevelSeries:
    """Return the daily levels of a market.

    Parameters
    ----------
    name : {"sp500", "nasdaq", "wti", "vix"}
        S&P 500 and NASDAQ composite, adjusted close, 1999-01-04 to 2018-12-31, 5031 sessions; WTI crude oil at Cushing,
        1986-01-02 to 2019-01-03; VIX, 2014-01-03 to 2019-01-03.

    Returns
    -------
    LevelSeries
        Sessions that have a price.

    Raises
    ------
    ModuleNotFoundError
        If the package arch is not installed.
    ValueError
        If there is no such market, or the table is not sound.

    References
    ----------
    K. Sheppard, arch, https://github.com/bashtage/arch: ``arch.data``, from Yahoo! Finance and FRED.

    Examples
    --------
    >>> dates, values = market_levels("wti")
    >>> str(dates[0])[:10], values[0].item(), values.size
    ('1986-01-02', 25.56, 8321)
    """
    if name not in MARKETS:
        raise ValueError(f"no such market; expected one of {tuple(MARKETS)}, got {name!r}")
    table = require(f"arch.data.{name}", f"the series {name!r}", _EXTRA).load()
    prices = checked_prices(table.index.to_numpy(), (name,), table[MARKETS[name].column].to_numpy()[None])
    traded = np.isfinite(prices.values[0])
    return LevelSeries(prices.dates[traded], prices.values[0, traded])


def market_returns(name: str) -> ReturnSeries:
    """Return the daily log-returns of a market, dated at the session's close; parameters and errors as :func:`market_levels`.

    Examples
    --------
    >>> returns = market_returns("nasdaq")
    >>> returns.values.size, str(returns.dates[0])[:10]
    (5030, '1999-01-05')
    """
    return log_returns(*market_levels(name))


def stock_prices() -> Prices:
    """Return daily prices of 20 stocks of the S&P 500 and of the index, 1990-01-02 to 2022-12-28.

    Returns
    -------
    Prices
        21 assets, the index last as ``SP500``, 8313 sessions without a gap. The stocks' prices are adjusted for splits and
        dividends; the index pays none.

    Raises
    ------
    ModuleNotFoundError
        If the package skfolio is not installed.
    ValueError
        If that package has no such tables (any more), or they are not sound.

    Notes
    -----
    The tables are read from the package's files; the package itself, an optimizer with large dependencies, is not imported.

    References
    ----------
    skfolio, https://github.com/skfolio/skfolio: ``load_sp500_dataset`` and ``load_sp500_index``.
    """
    found = importlib.util.find_spec("skfolio")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f'prices of stocks come with the package skfolio: pip install "{_EXTRA}"', name="skfolio")
    pandas = require("pandas", "reading prices of stocks", _EXTRA)
    folder = Path(found.submodule_search_locations[0], "datasets", "data")
    tables = []
    for name in ("sp500_dataset.csv.gz", "sp500_index.csv.gz"):
        if not (folder / name).exists():
            raise ValueError(f"this version of skfolio has no file datasets/data/{name}; 1.12 has it")
        tables.append(wide_prices(pandas.read_csv(folder / name), date="Date"))
    stocks, index = tables
    if not np.array_equal(stocks.dates, index.dates):
        raise ValueError("the stocks and the index of this version of skfolio have different dates; 1.12 has the same")
    return Prices(stocks.dates, (*stocks.assets, *index.assets), np.concatenate([stocks.values, index.values]))
