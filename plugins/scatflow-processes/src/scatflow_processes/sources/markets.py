"""Market data that Python packages carry, as scatflow sources."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np

from scatflow.contract import Source, digest, param, source
from scatflow.errors import ParameterError, near
from scatflow.spec import ArraySpec
from scatflow_processes import markets
from scatflow_processes.prices import Dates, Matrix, Returns, price_returns
from scatflow_processes.references import ARCH_DATA
from scatflow_processes.references_returns import SKFOLIO_DATA
from scatflow_processes.sources.ensemble import Region
from scatflow_processes.sources.panel import Assets, cut, panel_spec, session_axis


class _Market(Source):
    """Daily series of one market: dates by sample, log-returns or the logarithm of the level."""

    input: Literal["increments", "path"] = param(
        "increments", "increments: log-returns; path: logarithm of the level, one session more.", choices=("increments", "path")
    )

    def describe(self) -> ArraySpec:
        """Return the labelled array; the dates come from the package that carries the data."""
        dates, _ = self._series()
        market = markets.MARKETS[self.name]
        what = "daily log-return" if self.input == "increments" else f"logarithm of the level in {market.unit}"
        attrs = {"units": "1", "long_name": f"{what}, {market.title}", "input": self.input}
        return ArraySpec(("time",), dates.shape, "float64", ((dates.size,),), {"time": session_axis(dates)}, attrs, self.name)

    def read(self, region: Region, variable: str | None = None) -> Matrix:
        """Return the values of ``region``, shape (time,)."""
        return self._series()[1][region.get("time", slice(None))].copy()

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the data themselves, which another version of the package may revise."""
        return _state(self, *self._series())

    def _series(self) -> tuple[Dates, Matrix]:
        return _market(self.name, self.input)


@source("sp500", version=1, references=(ARCH_DATA,))
class SP500(_Market):
    """Daily log-returns of the S&P 500 index, 1999-2018, one row per trading day.

    Dim ``time`` is by sample: the dates stay as its coordinate, frequencies are per trading day. The values
    are increments of the logarithm of the adjusted close, or that logarithm itself (``input="path"``). Needs the extra
    ``scatflow-processes[finance]``.

    Examples
    --------
    >>> SP500().describe().shape, SP500().describe().attrs["input"]
    ((5030,), 'increments')
    """


@source("nasdaq", version=1, references=(ARCH_DATA,))
class Nasdaq(_Market):
    """Daily log-returns of the NASDAQ composite index, 1999-2018, one row per trading day; otherwise as ``sp500``.

    Examples
    --------
    >>> Nasdaq(input="path").describe().shape
    (5031,)
    """


@source("wti", version=1, references=(ARCH_DATA,))
class WTI(_Market):
    """Daily log-returns of WTI crude oil at Cushing, 1986-01-03 to 2019-01-03, one row per trading day; otherwise as ``sp500``.

    Holidays, which the table lists without a price, are no trading days.

    Examples
    --------
    >>> WTI().describe().shape
    (8320,)
    """


@source("vix", version=1, references=(ARCH_DATA,))
class VIX(_Market):
    """Daily log-changes of the VIX, 2014-01-06 to 2019-01-03, one row per trading day; otherwise as ``sp500``.

    ``input="path"`` is the logarithm of the index in percent per year, a log-volatility.

    Examples
    --------
    >>> VIX(input="path").describe().attrs["long_name"]
    'logarithm of the level in percent, VIX'
    """


@source("sp500_stocks", version=1, references=(SKFOLIO_DATA,))
class SP500Stocks(Source):
    """Daily log-returns of 20 stocks of the S&P 500 and of the index, 1990-01-03 to 2022-12-28, dims (asset, time).

    Prices are adjusted for splits and dividends; the index is the last asset, ``SP500``. These are companies that lived
    through all 33 years: no sample of the market of 1990. Needs the extra ``scatflow-processes[finance]``.
    """

    assets: Assets = param(None, "Assets to take, in this order; default all 21.")

    def describe(self) -> ArraySpec:
        """Return the labelled array; names and dates come from the package that carries the data."""
        return panel_spec(self._returns(), {"long_name": "daily log-return"})

    def read(self, region: Region, variable: str | None = None) -> Any:
        """Return the returns of ``region``, shape (asset, time), or (time,) of one asset."""
        return cut(self._returns(), region)

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the data themselves, which another version of the package may revise."""
        returns = self._returns()
        return _state(self, returns.dates, returns.values)

    def _returns(self) -> Returns:
        whole = _stocks()
        if self.assets is None:
            return whole
        for name in self.assets:
            if name not in whole.assets:
                raise ParameterError(f"{self.name}.assets", "no such asset", expected=", ".join(whole.assets), got=repr(name),
                                     remedy=near(name, whole.assets))  # fmt: skip
        rows = [whole.assets.index(name) for name in self.assets]
        return Returns(whole.dates, self.assets, whole.values[rows], whole.valid[rows])


def _state(source: Source, dates: Dates, values: Matrix) -> str:
    return digest([*source.identity(), dates.astype(np.int64).tobytes().hex(), values.tobytes().hex()])


@lru_cache(maxsize=2 * len(markets.MARKETS))
def _market(name: str, input: str) -> tuple[Dates, Matrix]:
    """Return dates and values of a market, read once per process; arrays that nobody may change, 1 MB of all markets."""
    if input == "path":
        dates, levels = markets.market_levels(name)
        values = np.log(levels)
    else:
        dates, values = markets.market_returns(name)
    for array in (dates, values):
        array.setflags(write=False)
    return dates, values


@lru_cache(maxsize=1)
def _stocks() -> Returns:
    """Return the returns of all stocks, read once per process; arrays that nobody may change, 2 MB."""
    returns = price_returns(markets.stock_prices())
    for array in (returns.dates, returns.values, returns.valid):
        array.setflags(write=False)
    return returns
