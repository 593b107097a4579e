"""Bars from ticks: time, volume and tick bars by the previous tick, which no session's wall is ever inside of.

A session's bars depend on its own ticks alone, in the order of time, whatever the pieces in which the ticks come; so any
region of a long record gives the same numbers, and memory holds bars, never the ticks.

* ``time``: bar k of a session holds the ticks in (open + k size, open + (k + 1) size], the first one the opening too.
* ``tick``: bar k holds the ticks k size + 1 to (k + 1) size of the session.
* ``volume``: bar k closes with the first tick at which the session's volume reaches (k + 1) size; a tick that reaches several
  multiples closes as many bars.

Only whole bars count: ticks behind the last one are part of no bar, but the last of them is the session's closing price.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from scatflow_processes.prices import Matrix, day
from scatflow_processes.sessions import Moments, Sessions, session_of

Clock = Literal["time", "volume", "tick"]
Counts = npt.NDArray[np.int64]


class Ticks(NamedTuple):
    """Ticks in order of time.

    Attributes
    ----------
    times : ndarray of int64, shape (n,)
        Moments in ns since 1970 UTC, not decreasing.
    assets : ndarray of int64, shape (n,)
        Number of the asset.
    prices : ndarray of float64, shape (n,)
        Prices of trades or middles of quotes, > 0.
    volumes : ndarray of float64, shape (n,)
        Sizes of trades, >= 0.
    """

    times: Moments
    assets: Counts
    prices: Matrix
    volumes: Matrix

    def take(self, index: Any) -> Ticks:
        """Return some of the ticks: a slice, positions or a mask."""
        return Ticks(self.times[index], self.assets[index], self.prices[index], self.volumes[index])


class Grid(NamedTuple):
    """Where the bars of some sessions lie.

    Attributes
    ----------
    sessions : Sessions
        The sessions, k of them.
    clock : {"time", "volume", "tick"}
        What a bar is measured in.
    size : float
        Seconds, units of volume, or ticks.
    ends : ndarray of int64, shape (n,)
        Moment at which every bar is complete, in ns since 1970 UTC.
    edges : ndarray of int64, shape (k + 1,)
        Number of the first bar of every session, and of all bars.
    """

    sessions: Sessions
    clock: Clock
    size: float
    ends: Moments
    edges: Counts

    def part(self, start: int, stop: int) -> Grid:
        """Return the grid of the sessions from ``start`` to before ``stop``."""
        low, high = self.edges[start], self.edges[stop]
        sessions = Sessions(*(moments[start:stop] for moments in self.sessions))
        return self._replace(sessions=sessions, ends=self.ends[low:high], edges=self.edges[start : stop + 1] - low)

    @property
    def segments(self) -> Counts:
        """Session of every bar, shape (n,)."""
        return np.repeat(np.arange(self.edges.size - 1), np.diff(self.edges))

    @property
    def slots(self) -> Counts:
        """Number of every bar inside its session, shape (n,)."""
        return np.arange(self.ends.size) - self.edges[self.segments]


class Bars(NamedTuple):
    """Bars of some assets, m, and what happened between sessions.

    Attributes
    ----------
    grid : Grid
        Where they lie.
    returns : ndarray of float64, shape (m, n)
        Log-return of every bar; of a session's first bar with ticks from the session's first tick. NaN before it.
    prices : ndarray of float64, shape (m, n)
        Previous tick at the end of every bar, NaN before the session's first one.
    ticks : ndarray of int64, shape (m, n)
        Ticks in every bar; 0 where the price is an older one.
    volumes : ndarray of float64, shape (m, n)
        Volume of every bar.
    overnight : ndarray of float64, shape (m, k)
        Log-return from the last tick of the session before to the first tick of this one; NaN where one of them has none.
    """

    grid: Grid
    returns: Matrix
    prices: Matrix
    ticks: Counts
    volumes: Matrix
    overnight: Matrix


class Collector:
    """Collects ticks, piece by piece in order of time, into the bars of a grid."""

    def __init__(self, grid: Grid, assets: int) -> None:
        shape, sessions = (assets, grid.ends.size), grid.edges.size - 1
        self.grid = grid
        self._close, self._volume = np.full(shape, np.nan), np.zeros(shape)
        self._ticks = np.zeros(shape, dtype=np.int64)
        self._first, self._last = np.full((assets, sessions), np.nan), np.full((assets, sessions), np.nan)
        self._meter = Meter(grid.clock, grid.size, grid.sessions)

    def add(self, ticks: Ticks) -> None:
        """Take ticks that lie at or behind those before; ticks outside the sessions do not count."""
        session, bar, _ = self._meter.read(ticks)
        inside = session >= 0
        asset, price, session, bar = ticks.assets[inside], ticks.prices[inside], session[inside], bar[inside]
        cells, first, last = _ends_of(asset * self._first.shape[1] + session)
        opening, closing = self._first.reshape(-1), self._last.reshape(-1)
        closing[cells] = price[last]
        fresh = np.isnan(opening[cells])
        opening[cells[fresh]] = price[first[fresh]]
        whole = bar < np.diff(self.grid.edges)[session]
        where = (asset * self._close.shape[1] + self.grid.edges[session] + bar)[whole]
        cells, _, last = _ends_of(where)
        self._close.reshape(-1)[cells] = price[whole][last]
        np.add.at(self._ticks.reshape(-1), where, 1)
        np.add.at(self._volume.reshape(-1), where, ticks.volumes[inside][whole])

    def bars(self) -> Bars:
        """Return the bars of all ticks so far."""
        segments = self.grid.segments
        prices = _previous(self._close, self.grid.edges)
        before = np.full_like(prices, np.nan)
        before[:, 1:] = np.where(segments[1:] == segments[:-1], prices[:, :-1], np.nan)
        before = np.where(np.isnan(before), self._first[:, segments], before)
        overnight = np.full_like(self._first, np.nan)
        overnight[:, 1:] = np.log(self._first[:, 1:] / self._last[:, :-1])
        return Bars(self.grid, np.log(prices / before), prices, self._ticks, self._volume, overnight)


def _ends_of(cells: Counts) -> tuple[Counts, Counts, Counts]:
    """Return the distinct cells, and the position of the first and of the last entry of each."""
    order = np.argsort(cells, kind="stable")
    ordered = cells[order]
    new = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    return ordered[new], order[new], order[np.append(new[1:], cells.size)[: new.size] - 1]


def _previous(close: Matrix, edges: Counts) -> Matrix:
    """Return prices with the last one carried through bars without ticks, never across a wall."""
    n = close.shape[1]
    start = np.repeat(edges[:-1], np.diff(edges))
    last = np.maximum.accumulate(np.where(np.isnan(close), start, np.arange(n)), axis=1)
    carried: Matrix = np.take_along_axis(close, last, axis=1)
    return carried


class Meter:
    """Tells session and bar of ticks, which come piece by piece; counts and volumes go on between pieces."""

    def __init__(self, clock: Clock, size: float, sessions: Sessions) -> None:
        self.clock, self.size, self.sessions = clock, size, sessions
        self._session, self._total = -1, 0.0

    def read(self, ticks: Ticks) -> tuple[Counts, Counts, Matrix]:
        """Return the session of every tick (-1: none), its bar in it, and what its session has measured with it."""
        session = session_of(ticks.times, self.sessions)
        if self.clock == "time":
            since = ticks.times - self.sessions.opens[session]
            width = _nanoseconds(self.size)
            return session, np.maximum(-(-since // width) - 1, 0), since.astype(np.float64)
        before, after = np.zeros(session.size), np.zeros(session.size)
        amounts = ticks.volumes if self.clock == "volume" else np.ones(session.size)
        for number in np.unique(session[session >= 0]).tolist():
            index = np.flatnonzero(session == number)
            start = self._total if number == self._session else 0.0
            # One addition after the other from the session's first tick on: pieces cannot change the sums.
            sums = np.cumsum(np.concatenate([[start], amounts[index]]))
            before[index], after[index] = sums[:-1], sums[1:]
            self._session, self._total = number, float(sums[-1])
        return session, np.floor(before / self.size).astype(np.int64), after


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def check_size(clock: Clock, size: float) -> None:
    """Refuse a bar that is no number of nanoseconds, no whole number of ticks, or not positive.

    Raises
    ------
    ValueError
        With the clock and the size.

    Examples
    --------
    >>> check_size("tick", 2.5)
    Traceback (most recent call last):
    ValueError: the size of a tick bar must be a whole number >= 1, got 2.5
    """
    if clock not in get_args(Clock):
        raise ValueError(f"the clock must be one of {get_args(Clock)}, got {clock!r}")
    if not (np.isfinite(size) and size > 0):
        raise ValueError(f"the size of a {clock} bar must be finite and > 0, got {size}")
    if clock == "tick" and size != int(size):
        raise ValueError(f"the size of a tick bar must be a whole number >= 1, got {size}")
    if clock == "time" and not np.isclose(_nanoseconds(size), size * 1e9, rtol=1e-12, atol=0):
        raise ValueError(f"the size of a time bar must be a whole number of nanoseconds, got {size} s")


def time_grid(sessions: Sessions, size: float) -> Grid:
    """Return the grid of time bars: as many as fit whole into each session, counted from its opening.

    Parameters
    ----------
    sessions : Sessions
        The sessions.
    size : float
        Length of a bar in seconds.

    Raises
    ------
    ValueError
        If no bar fits into any session, or the size is none.

    Examples
    --------
    >>> import numpy as np
    >>> hour = 3600 * 10**9
    >>> time_grid(Sessions(np.array([0, 10 * hour]), np.array([3 * hour, 12 * hour])), 3600.0).edges.tolist()
    [0, 3, 5]
    """
    check_size("time", size)
    width = _nanoseconds(size)
    counts = (sessions.closes - sessions.opens) // width
    if not counts.any():
        raise ValueError(f"no bar of {size:g} s fits into a session")
    edges = np.concatenate([[0], np.cumsum(counts)])
    slots = np.arange(edges[-1]) - np.repeat(edges[:-1], counts)
    return Grid(sessions, "time", size, np.repeat(sessions.opens, counts) + (slots + 1) * width, edges)


class Surveyor:
    """Finds, piece by piece, the grid of tick or volume bars, whose ends only the ticks tell."""

    def __init__(self, clock: Clock, size: float, sessions: Sessions) -> None:
        check_size(clock, size)
        self._meter = Meter(clock, size, sessions)
        self._counts = np.zeros(sessions.opens.size, dtype=np.int64)
        self._ends: list[Moments] = []

    def add(self, ticks: Ticks) -> None:
        """Take ticks that lie at or behind those before."""
        session, bar, total = self._meter.read(ticks)
        closed = np.where(session >= 0, np.floor(total / self._meter.size).astype(np.int64) - bar, 0)
        self._ends.append(np.repeat(ticks.times, closed))
        np.add.at(self._counts, session[session >= 0], closed[session >= 0])

    def grid(self) -> Grid:
        """Return the grid of all ticks so far; ValueError where they make no whole bar."""
        meter = self._meter
        if not self._counts.any():
            raise ValueError(f"no session has enough for one {meter.clock} bar of {meter.size:g}")
        edges = np.concatenate([[0], np.cumsum(self._counts)])
        return Grid(meter.sessions, meter.clock, meter.size, np.concatenate(self._ends), edges)


def tick_bars(
    times: npt.ArrayLike,
    prices: npt.ArrayLike,
    sessions: Sessions,
    size: float,
    clock: Clock = "time",
    volumes: npt.ArrayLike | None = None,
) -> Bars:
    """Return the bars of the ticks of one asset.

    Parameters
    ----------
    times : array_like of datetime64 or int64 (ns since 1970), shape (n,)
        Moments in UTC, not decreasing.
    prices : array_like of float, shape (n,)
        Prices of trades, or middles of quotes, finite and > 0.
    sessions : Sessions
        Of :func:`~scatflow_processes.sessions.daily_sessions` or ``table_sessions``; ticks outside do not count.
    size : float
        Seconds, units of volume, or ticks per bar.
    clock : {"time", "volume", "tick"}
        What a bar is measured in.
    volumes : array_like of float, shape (n,), optional
        Sizes of the trades, >= 0; needed for volume bars.

    Returns
    -------
    Bars
        With one asset.

    Raises
    ------
    ValueError
        If shapes differ, moments decrease, a price or volume is none, or no bar fits.

    Examples
    --------
    >>> import numpy as np
    >>> times = np.array([0, 40, 70, 130, 190]) * 10**9
    >>> sessions = Sessions(np.array([0]), np.array([240 * 10**9]))
    >>> bars = tick_bars(times, [1.0, 2.0, 4.0, 4.0, 8.0], sessions, 60.0)
    >>> bars.prices[0].tolist(), bars.ticks[0].tolist()
    ([2.0, 4.0, 4.0, 8.0], [2, 1, 1, 1])
    """
    when = np.asarray(times)
    when = when.astype("datetime64[ns]") if when.dtype.kind == "M" else when
    price = np.asarray(prices, dtype=np.float64)
    volume = np.ones(price.shape) if volumes is None else np.asarray(volumes, dtype=np.float64)
    if price.ndim != 1 or when.shape != price.shape or volume.shape != price.shape or not price.size:
        raise ValueError(f"times, prices and volumes must be 1-D and equally long, got {when.shape}, {price.shape}, {volume.shape}")
    if volumes is None and clock == "volume":
        raise ValueError("volume bars need volumes")
    ticks = Ticks(when.astype(np.int64), np.zeros(price.size, dtype=np.int64), price, volume)
    wrong = unsound(ticks)
    if wrong.any():
        raise ValueError(f"ticks must have prices > 0 and volumes >= 0, {told(ticks, int(np.argmax(wrong)))}")
    check_order(ticks.times, None)
    check_size(clock, size)
    if clock == "time":
        grid = time_grid(sessions, size)
    else:
        surveyor = Surveyor(clock, size, sessions)
        surveyor.add(ticks)
        grid = surveyor.grid()
    collector = Collector(grid, 1)
    collector.add(ticks)
    return collector.bars()


def unsound(ticks: Ticks) -> npt.NDArray[np.bool_]:
    """Return where a price is not finite and > 0 or a volume not finite and >= 0."""
    sound: npt.NDArray[np.bool_] = (
        np.isfinite(ticks.prices) & (ticks.prices > 0) & np.isfinite(ticks.volumes) & (ticks.volumes >= 0)
    )
    return ~sound


def told(ticks: Ticks, row: int) -> str:
    """Return price, volume and moment of one tick as text."""
    return f"got price {ticks.prices[row]:g}, volume {ticks.volumes[row]:g} at {day(ticks.times[row].astype('datetime64[ns]'))}"


def check_order(times: Moments, before: int | None) -> None:
    """Refuse moments that decrease, or lie before ``before``; ValueError names the first one."""
    steps = np.diff(times, prepend=times[:1] if before is None else before)
    if (steps < 0).any():
        late = times[int(np.argmax(steps < 0))]
        raise ValueError(f"ticks must be in order of time, first broken at {day(late.astype('datetime64[ns]'))}; sort them first")
