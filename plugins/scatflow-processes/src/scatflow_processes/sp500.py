"""Daily log-returns of the S&P 500 index, 1999 to 2018, from the data that the package arch carries."""

from __future__ import annotations

from scatflow_processes.markets import market_returns
from scatflow_processes.prices import ReturnSeries


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
    return market_returns("sp500")
