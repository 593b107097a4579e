"""Bars of trades or quotes as a scatflow source: sessions are segments, files are read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from scatflow.arrays import prepared_cache
from scatflow.contract import Source, digest, param, source
from scatflow.spec import ArraySpec, Coord
from scatflow_processes.bars import Bars as BarTable
from scatflow_processes.bars import Clock, Collector, Grid, Surveyor, Ticks, check_order, check_size, time_grid
from scatflow_processes.references_returns import INTRADAY_PERIODICITY
from scatflow_processes.sessions import Sessions, clock_time, daily_sessions, session_of, table_sessions, time_zone
from scatflow_processes.sources.ensemble import Region
from scatflow_processes.sources.files import invalid, states
from scatflow_processes.sources.panel import Assets
from scatflow_processes.tables import frame_dates, read_frame
from scatflow_processes.tickfile import BATCH_ROWS, TickFile, asset_names, pieces, span

Variable = Literal["returns", "price", "ticks", "volume", "overnight"]
#: Long name, dtype and unit of every variable; prices and volumes have the unit of the file, which does not tell it.
_VARIABLES: dict[str, tuple[str, str, str | None]] = {
    "returns": ("log-return of a bar", "float64", "1"),
    "price": ("previous tick at the end of a bar", "float64", None),
    "ticks": ("ticks in a bar", "int64", "1"),
    "volume": ("volume of a bar", "float64", None),
    "overnight": ("log-return between sessions", "float64", "1"),
}
_UNITS = {"time": "s", "volume": "units of volume", "tick": "ticks"}
#: Values per chunk: whole sessions, so that a task reads few row groups and none is a crumb.
_VALUES_PER_CHUNK = 1 << 18


class _Survey(NamedTuple):
    """What one pass over the file told: bars, assets, and in which row groups every session lies (from -1: none)."""

    grid: Grid
    assets: tuple[str, ...]
    groups: npt.NDArray[np.int64]


@source("bars", version=1, references=(INTRADAY_PERIODICITY,))
class Bars(Source):
    """Time, volume or tick bars of trades or quotes in a parquet file, by the previous tick.

    Dims (asset, time), time alone without a column of assets. Time is by sample, its coordinate the end of each bar in UTC;
    ``segment`` numbers the sessions, which are walls, and ``session_bar`` the bars of each. ``variable`` is one of ``returns``,
    ``price``, ``ticks``, ``volume``, or ``overnight``: the return from one session's last tick to the next one's first,
    with one value per session, which no bar holds. A return is NaN before the session's first tick, 0 where a bar has no
    tick. Only whole bars count; what they are exactly is told in ``scatflow_processes.bars``. The file is read in order,
    rows at a time, and of a region only the row groups that its sessions lie in.

    Examples
    --------
    >>> Bars(path="trades.parquet", size=300.0, opening="09:30", closing="16:00", timezone="America/New_York").bar
    'time'
    """

    path: str = param(doc="Parquet file, rows in order of time.")
    bar: Clock = param("time", "What a bar is measured in.", choices=("time", "volume", "tick"))
    size: float = param(300.0, "Seconds, units of volume, or ticks per bar.", gt=0.0)
    time: str = param(
        "time",
        "Column of moments; those without a time zone are wall times of ``timezone``, none in an hour that its clocks repeat.",
    )
    price: str = param("price", "Column of prices of trades.")
    bid: str | None = param(None, "Column of bids; with ``ask`` the middle of both is the price.")
    ask: str | None = param(None, "Column of asks.")
    volume: str | None = param(None, "Column of sizes of trades.")
    asset: str | None = param(None, "Column of names; time bars only.")
    assets: Assets = param(None, "Assets to take, in this order; default all.")
    opening: str = param("00:00", "Time of day at which sessions open, on the clocks of ``timezone``.")
    closing: str = param("24:00", "Time of day at which they close; of the next day where it is not after the opening.")
    timezone: str = param("UTC", "Time zone of the market, an IANA name.")
    sessions: str | None = param(
        None,
        "Table with columns open and close instead, wall times of ``timezone`` where they have no zone; default every day that has a tick.",
    )
    invalid: Literal["error", "drop"] = param(
        "error", "Ticks with a price or volume that is none, or bid above ask: refuse or leave out.", choices=("error", "drop")
    )
    variable: Variable = param("returns", "What is read.", choices=tuple(_VARIABLES))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_size(self.bar, self.size)
        time_zone(self.timezone)
        clock_time(self.opening), clock_time(self.closing)
        if (self.bid is None) != (self.ask is None):
            raise ValueError("bid and ask belong together")
        if "volume" in (self.bar, self.variable) and self.volume is None:
            raise ValueError("volume bars and the volume of bars need volume=, the column of sizes")
        if self.bar != "time" and self.asset is not None and len(self.assets or ()) != 1:
            raise ValueError(f"{self.bar} bars of several assets have no common time; name one: assets=(NAME,)")
        if self.assets is not None and self.asset is None:
            raise ValueError("assets= needs asset=, the column of names")
        return self

    def describe(self) -> ArraySpec:
        """Return the labelled array; the moments (of volume and tick bars all columns) are read once for it."""
        grid, assets, _ = self._surveyed()
        name, dtype, unit = _VARIABLES[self.variable]
        daily = self.variable == "overnight"
        moments = grid.sessions.opens if daily else grid.ends
        step = "session" if daily else f"{self.size:g} {_UNITS[self.bar]}"
        label = "opening of the session" if daily else "end of the bar"
        attrs = {"sampling": "index", "sampling_step": step, "axis": "T", "long_name": label, "timezone": "UTC"}
        coords = {"time": Coord(("time",), moments.astype("datetime64[ns]"), attrs)}
        if not daily:
            coords["segment"] = Coord(("time",), grid.segments, {"long_name": "session"})
            coords["session_bar"] = Coord(("time",), grid.slots, {"long_name": "bar of the session"})
        lengths = (moments.size,) if daily else _chunks(np.diff(grid.edges), len(assets))
        rows: tuple[str, ...] = ("asset",) if self.asset is not None else ()
        if rows:
            coords["asset"] = Coord(rows, np.array(assets), {"long_name": "asset"})
        shape, chunks = ((len(assets),), ((len(assets),),)) if rows else ((), ())
        labels = {"long_name": name, "units": unit, "bar": self.bar, "size": self.size, "price": "previous tick"}
        labels["input"] = "increments" if unit == "1" and dtype == "float64" else None
        spec = ArraySpec((*rows, "time"), (*shape, moments.size), dtype, (*chunks, lengths), coords, {}, self.variable)
        return spec.with_attrs(**labels)

    def read(self, region: Region, variable: str | None = None) -> Any:
        """Return the values of ``region``; reads the row groups of its sessions."""
        grid, assets, _ = self._surveyed()
        daily = self.variable == "overnight"
        wanted = range(grid.edges.size - 1 if daily else grid.ends.size)[region.get("time", slice(None))]
        rows = region.get("asset", slice(None)) if self.asset is not None else 0
        if not len(wanted):
            return np.empty((len(assets), 0), dtype=_VARIABLES[self.variable][1])[rows]
        low, high = min(wanted), max(wanted)
        if daily:
            start, stop, origin = max(low - 1, 0), high + 1, max(low - 1, 0)  # also the session before has a say
        else:
            start, stop = int(grid.segments[low]), int(grid.segments[high]) + 1
            origin = int(grid.edges[start])
        bars = self._bars(start, stop)
        field = {"price": "prices", "volume": "volumes"}.get(self.variable, self.variable)
        return getattr(bars, field)[:, np.asarray(wanted) - origin][rows]

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the parameters and of size and modification time of the files."""
        return digest([*self.identity(), self._states()])

    def file(self) -> TickFile:
        """Return what is read from where."""
        price = (self.price,) if self.bid is None or self.ask is None else (self.bid, self.ask)
        return TickFile(self.path, self.time, price, self.volume, self.asset, self.timezone, self.invalid)

    def _states(self) -> tuple[Any, ...]:
        return states(self, self.path, self.sessions)

    def _surveyed(self) -> _Survey:
        """Return the survey, kept as long as no file changes and the process's cache has room; arrays that nobody may change."""
        plain = self.replace(variable="returns")  # which variable is wanted changes no bar
        key = (*map(str, plain.identity()), self._states())
        try:
            survey: _Survey = prepared_cache().get(key, lambda: {"survey": _survey(plain)})["survey"]
        except ValueError as error:
            raise invalid(self, self.path, error) from error
        return survey

    def _bars(self, start: int, stop: int) -> BarTable:
        """Return the bars of the sessions from ``start`` to before ``stop``, from their row groups alone."""
        grid, assets, groups = self._surveyed()
        collector = Collector(grid.part(start, stop), len(assets))
        touched = groups[start:stop][groups[start:stop, 0] >= 0]
        opens = grid.sessions.opens
        end = int(opens[stop]) if stop < opens.size else None  # from there on ticks are the next session's
        if touched.size:
            try:
                for _, ticks in pieces(self.file(), assets, range(int(touched[:, 0].min()), int(touched[:, 1].max()) + 1)):
                    before = ticks.times.size if end is None else int(np.searchsorted(ticks.times, end))
                    collector.add(ticks.take(slice(before)))
                    if before < ticks.times.size:
                        break
            except ValueError as error:
                raise invalid(self, self.path, error) from error
        return collector.bars()


def _chunks(counts: npt.NDArray[np.int64], assets: int) -> tuple[int, ...]:
    """Return lengths of chunks along time, of whole sessions each."""
    most, lengths = max(1, _VALUES_PER_CHUNK // assets), []
    filled = 0
    for count in counts[counts > 0].tolist():
        if filled and filled + count > most:
            lengths.append(filled)
            filled = 0
        filled += count
    return (*lengths, filled)


def _survey(source: Bars) -> _Survey:
    """Return what one pass over a file's moments tells; holds bars, no ticks."""
    file = source.file()
    assets = asset_names(file)
    for name in source.assets or ():
        if name not in assets:
            raise ValueError(f"there is no asset {name!r}; assets: {', '.join(assets[:10])}")
    assets = source.assets or assets
    sessions = _sessions(source, file)
    surveyor = None if source.bar == "time" else Surveyor(source.bar, source.size, sessions)
    groups = np.full((sessions.opens.size, 2), -1)
    for group, ticks in _moments(file) if surveyor is None else pieces(file, assets):
        number = session_of(ticks.times, sessions)
        found = np.unique(number[number >= 0])
        groups[found, 1] = group
        groups[found[groups[found, 0] < 0], 0] = group
        if surveyor is not None:
            surveyor.add(ticks)
    if (groups < 0).all():
        raise ValueError("no tick lies inside a session; is the time zone right?")
    if surveyor is not None:
        return _Survey(surveyor.grid(), assets, groups)
    # Days without a tick are none on which the market was open, unless a calendar says so.
    kept = np.ones(len(groups), dtype=bool) if source.sessions is not None else groups[:, 0] >= 0
    return _Survey(time_grid(Sessions(*(moments[kept] for moments in sessions)), source.size), assets, groups[kept])


def _sessions(source: Bars, file: TickFile) -> Sessions:
    """Return the sessions of the table that the file touches, or those of every day of the file."""
    first, last = span(file)
    if source.sessions is None:
        return daily_sessions(first, last, source.opening, source.closing, source.timezone)
    frame = read_frame(source.sessions)
    for name in ("open", "close"):
        if name not in frame:
            raise ValueError(f"the table of sessions {source.sessions!r} has no column {name!r}; columns: {list(frame)}")
    sessions = table_sessions(*(frame_dates(frame[name], "sessions", timezone=source.timezone) for name in ("open", "close")))
    touched = (sessions.closes >= first) & (sessions.opens <= last)
    if not touched.any():
        raise ValueError("the file touches no session of the table; is the time zone right?")
    return Sessions(*(moments[touched] for moments in sessions))


def _moments(file: TickFile) -> Iterator[tuple[int, Ticks]]:
    """Yield the moments of all ticks alone, with the row group that they are of."""
    before: int | None = None
    nothing = np.empty(0)
    with file.open() as opened:
        for group in range(opened.num_row_groups):
            for batch in opened.iter_batches(BATCH_ROWS, [group], [file.time]):
                times = file.moments(batch.column(0))
                check_order(times, before)
                before = int(times[-1])
                yield group, Ticks(times, nothing.astype(np.int64), nothing, nothing)
