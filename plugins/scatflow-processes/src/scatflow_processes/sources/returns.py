"""Log-returns of users' tables of prices as a scatflow source."""

from __future__ import annotations

from typing import Any, NamedTuple

from scatflow.arrays import prepared_cache
from scatflow.contract import Source, digest, param, source
from scatflow.spec import ArraySpec
from scatflow_processes.actions import adjust_prices
from scatflow_processes.prices import Gaps, Jump, Prices, Returns, checked_dates, jumps, on_sessions, price_returns
from scatflow_processes.sources.ensemble import Region
from scatflow_processes.sources.files import invalid, states
from scatflow_processes.sources.panel import Assets, cut, panel_spec
from scatflow_processes.stored_prices import stored_prices
from scatflow_processes.tables import (
    Layout,
    frame_actions,
    frame_dates,
    kind_of,
    long_prices,
    read_frame,
    wide_prices,
)

#: Jumps that are named in the attributes; all are counted.
_NAMED_JUMPS = 20


class _Table(NamedTuple):
    """Returns with what is reported about them."""

    returns: Returns
    found: tuple[Jump, ...]
    actions: int
    unused: int


@source("returns", version=1)
class TableReturns(Source):
    """Daily log-returns of assets from a table of prices: csv, parquet, zarr, netCDF or npz.

    Dims (asset, time), time alone for one asset. Time is by sample: the dates stay as its coordinate, frequencies are per
    trading day. Values before an asset's first and after its last price are NaN, which is absence; what is done about gaps
    between them says ``gaps``, and with ``bridge`` and ``mask`` a coordinate ``valid`` tells where the session and the one
    before both had a price. Returns above ``jump_threshold`` in modulus are counted and named in the attributes. The whole
    table is checked before anything is computed. Standardization is left to ``standardize``; of a pandas DataFrame,
    ``scatflow_processes.tables`` and ``scatflow_processes.prices`` make the same numbers.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "prices.csv")
    >>> _ = path.write_text("date,A,B\\n2020-01-02,1,4\\n2020-01-03,2,2\\n2020-01-06,4,1\\n")
    >>> TableReturns(path=str(path)).read({"asset": slice(1, 2)}).round(4).tolist()
    [[-0.6931, -0.6931]]
    >>> folder.cleanup()
    """

    path: str = param(doc="File of prices: .csv, .csv.gz, .parquet, .zarr, .nc, .npz.")
    layout: Layout = param("wide", "wide: a column per asset; long: a row per asset and date.", choices=("wide", "long"))
    date: str = param("date", "Column of dates; of zarr and netCDF the dim, of npz the array.")
    asset: str = param("asset", "Column of names in long tables; of zarr and netCDF the dim, of npz the array.")
    price: str = param("price", "Column of prices in long tables.")
    variable: str | None = param(None, "Variable of zarr, netCDF and npz; may be left out where there is one.")
    assets: Assets = param(None, "Assets to take, in this order; default all.")
    date_format: str | None = param(None, "Format of dates in text, as strptime takes it; default ISO 8601.")
    gaps: Gaps = param(
        "error", "Sessions without a price: refuse, drop the date for all, bridge (0, then the whole change), or mask (NaN).",
        choices=("error", "drop", "bridge", "mask"),
    )  # fmt: skip
    calendar: str | None = param(None, "Table of sessions with a column of dates; sessions without a row are gaps.")
    actions: str | None = param(None, "Table of actions: date, asset, and some of split, factor, dividend.")
    jump_threshold: float = param(0.5, "Returns above this in modulus are reported.", gt=0.0)
    sampling_step: str = param("trading_day", "Name of a step along time.")

    def describe(self) -> ArraySpec:
        """Return the labelled array; tables have no labels apart from their data, so the table is read."""
        table = self._table()
        attrs: dict[str, Any] = {"gaps": self.gaps, "jump_threshold": self.jump_threshold, "jump_count": len(table.found)}
        if table.found:
            attrs["jumps"] = [str(jump) for jump in table.found[:_NAMED_JUMPS]]
        if self.actions is not None:
            attrs.update(actions_applied=table.actions, actions_unused=table.unused)
        return panel_spec(table.returns, attrs, self.sampling_step, validity=self.gaps in ("bridge", "mask"))

    def read(self, region: Region, variable: str | None = None) -> Any:
        """Return the returns of ``region``, shape (asset, time) or (time,)."""
        return cut(self._table().returns, region)

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the parameters and of size and modification time of every file."""
        return digest([*self.identity(), self._states()])

    def _table(self) -> _Table:
        """Return the table, kept as long as no file changes and the process's cache has room; arrays that nobody may change."""
        key = (*map(str, self.identity()), self._states())
        table: _Table = prepared_cache().get(key, lambda: {"table": _returns(self)})["table"]
        return table

    def _states(self) -> tuple[Any, ...]:
        return states(self, self.path, self.calendar, self.actions)


def _returns(source: TableReturns) -> _Table:
    """Return a table's returns from its files."""
    try:
        prices = _prices(source)
        if source.calendar is not None:
            sessions = read_frame(source.calendar)
            if source.date not in sessions:
                raise ValueError(f"the calendar {source.calendar!r} has no column {source.date!r}; columns: {list(sessions)}")
            prices = on_sessions(
                prices, checked_dates(frame_dates(sessions[source.date], "the calendar", source.date_format), "the calendar")
            )
        applied = rows = 0
        if source.actions is not None:
            actions = frame_actions(read_frame(source.actions, source.asset), source.date, source.asset, source.date_format)
            prices, applied = adjust_prices(prices, actions)
            rows = len(actions.assets)
        returns = price_returns(prices, source.gaps)
    except ValueError as error:
        raise invalid(source, source.path, error) from error
    return _Table(returns, jumps(returns, source.jump_threshold), applied, rows - applied)


def _prices(source: TableReturns) -> Prices:
    """Return the prices of the file, whatever its kind."""
    if kind_of(source.path) not in ("pandas", "pyarrow"):
        return stored_prices(source.path, source.variable, source.date, source.asset, source.assets)
    if source.layout == "wide":
        return wide_prices(read_frame(source.path), source.date, source.assets, source.date_format)
    frame = read_frame(source.path, source.asset)
    return long_prices(frame, source.date, source.asset, source.price, source.assets, source.date_format)
